"""What every measured quantity is called, how it is counted, and in which unit it is printed.

One registry for tables, figures and the ledger. `metric(name)` finds the line of a name; of a name
with a longer ending, such as `las_source`, it is the line of the longest beginning that has one.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Metric:
    """A measured quantity: `label` in a table, `axis` in a figure, and how it is printed.

    unit: "%" for a share, which rows hold as a fraction and which is printed in percent; "" or
    another unit for a number that is printed as it is. better: which way is better, "" for neither.
    """

    label: str
    axis: str = ""
    unit: str = ""
    better: Literal["higher", "lower", ""] = ""

    @property
    def scale(self) -> int:
        return 100 if self.unit == "%" else 1


def share(label: str, axis: str = "") -> Metric:
    """A score from 0 to 1, the higher the better."""
    return Metric(label, axis, "%", "higher")


def part(label: str) -> Metric:
    """A share of a whole that is neither good nor bad."""
    return Metric(label, unit="%")


METRICS = {
    # Training.
    "loss": Metric("training loss", "masked LM loss (nats)", "nats", "lower"),
    "heldout_loss": Metric("held-out loss", "held-out masked LM loss (nats)", "nats", "lower"),
    "perplexity": Metric("perplexity", "held-out perplexity of masked tokens", "", "lower"),
    "pseudo_perplexity": Metric(
        "pseudo-perplexity", "held-out pseudo-perplexity, every token masked once", "", "lower"
    ),
    "bleu": Metric("BLEU", "", "", "higher"),
    # Two languages.
    "multilinguality": share("multilinguality", "multilinguality score"),
    "retrieval": share("sentence retrieval", "sentence retrieval, P@1 (centred)"),
    "retrieval_p1": share("sentence retrieval", "sentence retrieval, P@1"),
    "retrieval_p1_centred": share("sentence retrieval, centred", "sentence retrieval, P@1 (centred)"),
    "retrieval_p1_unmapped": share(
        "sentence retrieval, no map", "sentence retrieval, P@1 (no map)"
    ),
    "retrieval_p1_linear": share("sentence retrieval, any linear map"),
    "retrieval_candidates": Metric("candidates of sentence retrieval"),
    "retrieval_mrr": share("sentence retrieval, MRR", "sentence retrieval, mean reciprocal rank"),
    "help_retrieval_p1": share("retrieval of help paragraphs"),
    "tatoeba_retrieval_p1": share(
        "retrieval of Tatoeba sentences", "sentence retrieval, P@1 (Tatoeba)"
    ),
    "translation_p1": share("word translation", "word translation, P@1"),
    "translation_p5": share("word translation, P@5", "word translation, P@5"),
    "translation_isolated_p1": share("translation of words alone"),
    "translation_coverage": part("words that have vectors"),
    "translation_candidates": Metric("candidates of word translation"),
    "translation_queries": Metric("words asked for"),
    "translation_hubness": Metric("skew of how often a word is nearest", "", "", "lower"),
    "translation_contextual_p1": share(
        "contextual word translation", "word translation from contextual vectors, P@1"
    ),
    "translation_contextual_p5": share("contextual word translation, P@5"),
    "translation_contextual_candidates": Metric("candidates of contextual word translation"),
    "translation_contextual_queries": Metric("words asked for in contexts"),
    "translation_contextual_hubness": Metric("skew of how often a word is nearest, in contexts"),
    "anchor_tokens": part("tokens of strings that both languages have"),
    "anchor_tokens_letters": part("tokens of strings with letters that both languages have"),
    "anchor_types": part("strings that both languages have"),
    "links": Metric("linked words"),
    # Tasks.
    "nli_accuracy": share("inference", "inference, accuracy"),
    "ner_f1": share("entities", "entities, span F1"),
    "las": share("parsing", "parsing, LAS"),
    "uas": share("parsing, heads only", "parsing, UAS"),
    "tags_accuracy": share("parts of speech", "parts of speech, accuracy"),
    "passage_accuracy": share("passage relation", "passage relation, accuracy"),
    "terms_f1": share("interface terms", "interface terms, span F1"),
    "accuracy": share("accuracy"),
    "f1": share("F1"),
    "exact": share("exact match"),
    "matthews": share("Matthews correlation"),
    "pearson": Metric("correlation", "", "", "higher"),
    "spearman": Metric("rank correlation", "", "", "higher"),
    "phrase_accuracy": share("pairs of phrases"),
    "phrase_accuracy_within": share("pairs of phrases that share words alike"),
    "phrase_f1": share("pairs of phrases, F1"),
    "sentence_accuracy": share("pairs of sentences"),
    "pmr": share("orders found whole", "orders found whole (PMR)"),
    "tau": Metric("Kendall's tau", "", "", "higher"),
    "score": share("test score"),
    "floor": part("score without an encoder"),
    "failed_run": part("failed runs"),
    # Clouds of vectors.
    "average_cosine": Metric("average cosine"),
    "cosine": Metric("average cosine, by frequency"),
    "positive_cosine_share": part("positive cosines"),
    "negative_cosine_share": part("words with a negative average cosine"),
    "mean_vector_share": part("length of the mean, over the mean length"),
    "isoscore": Metric("IsoScore", "", "", "higher"),
    "partition_ratio": Metric("partition ratio", "", "", "higher"),
    "variance_evenness": Metric("variance evenness", "", "", "higher"),
    "intrinsic_dimension_share": part("intrinsic dimension, over the width"),
    "singular_value_second": Metric("second singular value, over the first"),
    "singular_value_mean": Metric("mean singular value, over the largest"),
    "rank_norm_spearman": Metric("rank correlation of frequency rank and length"),
    "rank_cosine_spearman": Metric("rank correlation of frequency rank and cosine to others"),
    "rank_neighbour_distance_spearman": Metric(
        "rank correlation of frequency rank and distance to neighbours"
    ),
    "norm": Metric("length of a word's vector"),
    "distance": Metric("distance to the nearest words, by frequency"),
    "words": Metric("words"),
    "texts": Metric("texts"),
    "sentence_average_cosine": Metric("average cosine of sentences"),
    "sentence_isoscore": Metric("IsoScore of sentences", "", "", "higher"),
    "sentence_partition_ratio": Metric("partition ratio of sentences", "", "", "higher"),
    "word_average_cosine": Metric("average cosine of words"),
    "word_isoscore": Metric("IsoScore of words", "", "", "higher"),
    "word_partition_ratio": Metric("partition ratio of words", "", "", "higher"),
    # Theorems and the states of language models.
    "negative_product_share": part("states with a negative product"),
    "offset_size": Metric("size of the sum of b/g"),
    "pair_distance": Metric("distance of two words"),
    "pair_distance_scaled": Metric("distance of two words, over their mean length"),
    "distance_over_bound": Metric("squared distance over the bound"),
    "mean_distance_over_bound": Metric("mean squared distance over the bound"),
    "origin_outside": part("models whose hull leaves the origin outside"),
    "hull_margin": Metric("largest margin, over a state's length"),
    "hull_disagreements": part("clouds on which the tests disagree"),
    "planted_errors": part("planted clouds judged wrongly"),
    "convexity_violations": part("mixtures that are no such direction"),
    "state_cosine": Metric("cosine of two states"),
    "absent_negative_share": part("products of absent words and states below 0"),
    "absent_norm": Metric("length of an absent word's vector"),
    "absent_direction_cosine": Metric("cosine of absent words with the direction of g and b"),
    "vector_norm": Metric("length of the absent word's vector"),
    "direction_cosine": Metric("cosine with the predicted direction"),
    "unnormalised_origin_outside": part("before the normalisation: origin outside"),
    "unnormalised_hull_margin": Metric("before the normalisation: largest margin"),
    # Cures.
    "word_similarity_pearson": Metric("word similarity, correlation", "", "", "higher"),
    "sts_pearson": Metric("sentence similarity by words, correlation", "", "", "higher"),
    "sts_spearman": Metric("sentence similarity, rank correlation", "", "", "higher"),
    "analogy_accuracy": share("analogies"),
    "matching_auc": share("pairs told apart, AUC"),
    "directions": Metric("directions removed"),
    "spread_over_directions": Metric("spread of word similarity over the number of directions"),
    "edit_distance_spearman": Metric("rank correlation with edit distance"),
    # Two states of a model, or two models.
    "cka": Metric("CKA", "CKA (debiased)"),
    "cka_biased": Metric("CKA, biased", "CKA (biased)"),
    "rsa": Metric("RSA"),
    "weight_distance": Metric("distance of the weights"),
    "top_weight_distance": Metric("distance moved by the top third"),
    "bottom_weight_distance": Metric("distance moved by the bottom third"),
    "score_bottom_reverted": share("score, lowest blocks put back"),
    "score_top_reverted": share("score, highest blocks put back"),
    # Probes.
    "relation_accuracy": share("relation to the head"),
    "pos_accuracy": share("part of speech"),
    "entity_accuracy": share("type of an entity"),
    "relation_selectivity": part("relation, selectivity"),
    "pos_selectivity": part("part of speech, selectivity"),
    "entity_selectivity": part("type of an entity, selectivity"),
    "relation_centre": Metric("relation, centre of the mix", "", "layers"),
    "pos_centre": Metric("part of speech, centre of the mix", "", "layers"),
    "entity_centre": Metric("type of an entity, centre of the mix", "", "layers"),
    "uuas": share("edges of the tree", "edges of the tree, UUAS"),
    "distance_spearman": Metric("distances in the tree, rank correlation", "", "", "higher"),
    "root_accuracy": share("root of the tree"),
    "depth_spearman": Metric("depths in the tree, rank correlation", "", "", "higher"),
    # The vectors that a classifier reads.
    "cls_std_spread": Metric("largest standard deviation, over the mean one"),
    "cls_correlation": Metric("absolute correlation of two coordinates"),
    "cls_mean_share": Metric("length of the mean, over the mean length"),
    "cls_top_share": Metric("variance on the first direction, share"),
    "cls_isoscore": Metric("IsoScore", "", "", "higher"),
    "cls_gradient_norm": Metric("length of the gradient at [CLS]"),
    "cls_gradient_peak": Metric("largest gradient at [CLS], over the median"),
}  # fmt: skip

# What an ending says of the quantity before it.
ENDINGS = {
    "source": "first language", "lost": "lost topics", "kept": "kept topics",
    "majority": "majority answer", "premise": "premise alone", "chance": "chance",
    "csls": "by CSLS", "cosine": "by cosine", "random": "a random rotation", "unmapped": "no map",
    "mix": "all layers mixed", "before": "untuned", "scaled": "normalised",
    "scaled_before": "untuned and normalised", "out": "out of domain",
    "gain": "above untreated vectors", "low": "lower end", "high": "upper end",
    "other": "two pretrainings", "target": "second language", "centred": "centred",
}  # fmt: skip

# Along what a figure is drawn.
AXES = {
    "tokens": "tokens seen in training",
    "layer": "layer (0: embeddings)",
    "pairs": "pairs that the map was learnt on",
    "similarity": "similarity of the two models",
    "isotropy": "isotropy",
    "topic_overlap": "topic overlap of the two languages",
}


@cache
def metric(name: str) -> Metric:
    """The line of a metric. Raises ValueError for one that has none, not even by its beginning."""
    if name in METRICS:
        return METRICS[name]
    head, ending = name, ""
    while "_" in head:
        head, _, last = head.rpartition("_")
        ending = f"{last}_{ending}" if ending else last
        if head in METRICS:
            known = METRICS[head]
            what = f" ({ENDINGS.get(ending, ending.replace('_', ' '))})"
            return replace(known, label=known.label + what, axis=known.axis and known.axis + what)
    raise ValueError(f"metric is {name!r}, which isomorph.metrics does not know: give it a line.")


def label(name: str) -> str:
    """A metric in a table or a sentence; what is none is left as it is."""
    try:
        return metric(name).label
    except ValueError:
        return name


def axis(name: str, rows: DataFrame | None = None, width: int = 34) -> str:
    """A metric, or what a figure is drawn along, in lines of `width` characters.

    Rows with the column `among` (`isomorph.candidates`) say among how many candidates it is.
    """
    try:
        known = AXES.get(name) or metric(name).axis or metric(name).label
    except ValueError:  # a figure may draw what the chapter has just thought of
        known = name
    numbers = () if rows is None else rows.loc[rows["metric"] == name].get("among", ())
    among = " or ".join(filter(None, dict.fromkeys(numbers)))
    return textwrap.fill(f"{known}, {among}" if among else known, width)
