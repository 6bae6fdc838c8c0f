"""Plain words for what rows and rules name by a key: conditions, scores, predictions."""

import re

from isomorph.figures.theme import AXIS_NAMES
from isomorph.ledger.quantities import is_number

CONDITIONS = {
    "default": "default",
    "domain_mismatch": "other domain",
    "help_help": "help / help",
    "topics_75": "topics 75% alike",
    "topics_50": "topics 50% alike",
    "topics_25": "topics 25% alike",
    "no_anchors": "no anchors",
    "default_anchors": "default anchors",
    "extra_anchors": "extra anchors",
    "anchors_00": "0% of strings shared",
    "anchors_15": "15% of strings shared",
    "anchors_45": "45% of strings shared",
    "anchors_60": "60% of strings shared",
    "sep_emb": "separate embeddings",
    "sep_l1_3": "separate bottom third",
    "sep_l1_6": "separate bottom three quarters",
    "sep_emb_l1_3": "separate embeddings and bottom third",
    "sep_emb_l1_6": "separate embeddings and bottom three quarters",
    "sep_positions": "separate positions",
    "sep_softmax": "separate softmax",
    "sep_top_3": "separate top third",
    "sep_top_6": "separate top three quarters",
    "far_default": "distant pair, default",
    "far_extra_anchors": "distant pair, extra anchors",
    "far_default_anchors": "distant pair, default anchors",
    "far_sep_l1_6": "distant pair, separate bottom three quarters",
    "order_adjective": "adjective after noun",
    "order_verb_final": "verb last",
    "order_reversed": "reversed order",
    "layers_2": "2 layers",
    "layers_6": "6 layers",
    "width_32": "width 32",
    "width_128": "width 128",
    "original": "original",
    "lang_pos": "separate positions",
    "shift_special": "separate special tokens",
    "no_random": "no random words",
    "all_three_overparam": "all three, in a wider model",
    "inv_order": "reversed order",
    "majority": "majority",
    "random_encoder": "random encoder",
    "monolingual": "monolingual",
    "bilingual": "bilingual",
    "random": "one side untrained",
    "same_language": "two of one language",
    "far_monolingual": "distant pair, monolingual",
    "far_bilingual": "distant pair, bilingual",
    "word_vectors": "skip-gram vectors",
    "e5": "multilingual E5",
    "mle": "causal, by likelihood",
    "masked": "masked",
    "no_last_norm": "causal, no last norm",
    "cosreg": "causal, regulariser 1",
    "masked_cosreg": "masked, regulariser 1",
    "cosreg_01": "causal, regulariser 0.1",
    "cosreg_10": "causal, regulariser 10",
    "cosreg_100": "causal, regulariser 100",
    "frequent_words": "frequent fifth of the words",
    "rare_words": "rare fifth of the words",
    "layer_norm_direction": "direction of the last norm",
    "absent_word": "an absent word",
    "point_clouds": "planted clouds",
    "strongly_convex": "strongly convex losses",
    "pretrained": "MiniLM",
    "glove": "GloVe",
    "bible": "masked, ships with the book",
    "bert_base_uncased": "BERT",
    "all_but_the_top": "all but the top",
    "weighted_removal": "weighted removal",
    "conceptor_negation": "conceptor negation",
    "whitening_third": "whitening, a third kept",
    "null_top": "top direction nulled",
    "flow": "flow",
    "flow_target": "flow",
    "gold": "people",
    "static_average": "averaged GloVe",
    "last_layer_average": "last layer",
    "two_layer_average": "last two layers",
    "first_last_average": "first and last layer",
    "tuned": "tuned",
    "untuned": "before tuning",
    "probed": "after tuning",
    "nli": "inference",  # a task, where a row's pair is one
    "frozen_third": "lower third frozen",
    "frozen_two_thirds": "lower two thirds frozen",
    "frozen_all": "all blocks frozen",
    "kept_third": "lower third kept",
    "kept_two_thirds": "lower two thirds kept",
    "none": "no normalisation",
    "isobn": "IsoBN",
    "batch": "batch normalisation",
    "layer": "layer normalisation",
    # Few samples: "1k" is 1,000 examples, and three epochs where nothing is said.
    "standard": "standard",
    "reinit": "re-initialised",
    "standard_longer": "standard, longer",
    "reinit_longer": "re-initialised, longer",
    "standard_1k": "standard, 1k",
    "bert_adam_1k": "uncorrected Adam, 1k",
    "reinit_1k": "re-initialised, 1k",
    "reinit_pooler_1k": "pooler re-initialised, 1k",
    "reinit_too_many_1k": "too many re-initialised, 1k",
    "weight_decay_1k": "weight decay, 1k",
    "pretrained_weight_decay_1k": "decay to the start, 1k",
    "mixout_1k": "mixout, 1k",
    "layerwise_learning_rate_1k": "layer-wise rates, 1k",
    "intermediate_task_1k": "another task first, 1k",
    "standard_1k_longer": "standard, 1k, longer",
    "reinit_1k_longer": "re-initialised, 1k, longer",
    "bert_adam_1k_longer": "uncorrected Adam, 1k, longer",
    "standard_full_data": "standard, full data",
    "bert_adam_full_data": "uncorrected Adam, full data",
    "plain_250": "250 examples",
    "plain_1000": "1,000 examples",
    "phrases_40": "phrases, then 40 examples",
    "phrases_250": "phrases, then 250 examples",
    "phrases_1000": "phrases, then 1,000 examples",
    "verses_250": "verses, then 250 examples",
    "verses_1000": "verses, then 1,000 examples",
    "larger_plain_1000": "a larger encoder, 1,000 examples",
    "full": "interaction and margin",
    "no_margin": "interaction alone",
    "no_interaction": "margin alone",
    "neither": "neither of the two",
    "help_order": "help pages",
    "rocstories": "ROCStories",
}
# What a score is of; the axes of figures also say how it is counted (`AXIS_NAMES`).
SCORES = {
    "nli_accuracy": "inference",
    "ner_f1": "entities",
    "las": "parsing",
    "uas": "parsing, heads only",
    "passage_accuracy": "passage relation",
    "terms_f1": "interface terms",
    "retrieval": "sentence retrieval",
    "retrieval_p1": "sentence retrieval",
    "cka": "CKA",
    "translation_contextual_p1": "contextual word translation",
    "retrieval_p1_centred": "sentence retrieval",
    "translation_p1": "word translation",
    "multilinguality": "multilinguality",
    "average_cosine": "average cosine",
    "isoscore": "IsoScore",
    "partition_ratio": "partition ratio",
    "positive_cosine_share": "positive cosines",
    "negative_cosine_share": "words with a negative average cosine",
    "mean_vector_share": "length of the mean, over the mean length",
    "singular_value_mean": "mean singular value, over the largest",
    "rank_norm_spearman": "rank correlation of frequency rank and length",
    "rank_neighbour_distance_spearman": "rank correlation of frequency rank and distance to neighbours",
    "perplexity": "perplexity",
    "bleu": "BLEU",
    "word_similarity_pearson": "word similarity, correlation",
    "sts_pearson": "sentence similarity by words, correlation",
    "sts_spearman": "sentence similarity, rank correlation",
    "analogy_accuracy": "analogies",
    "spread_over_directions": "spread of word similarity over the number of directions",
    "edit_distance_spearman": "rank correlation with edit distance",
    "convexity_violations": "mixtures that are no such direction",
    "negative_product_share": "states with a negative product",
    "vector_norm": "length of the absent word's vector",
    "hull_disagreements": "clouds on which the tests disagree",
    "offset_size": "size of the sum of b/g",
    "distance_over_bound": "squared distance over the bound",
    "pair_distance": "distance of two words",
    "rsa": "RSA",
    "rsa_out": "RSA out of domain",
    "cka_out": "CKA out of domain",
    "rsa_other": "RSA of two pretrainings",
    "relation_accuracy": "relation to the head",
    "pos_accuracy": "part of speech",
    "entity_accuracy": "type of an entity",
    "uuas": "edges of the tree",
    "distance_spearman": "distances in the tree",
    "root_accuracy": "root of the tree",
    "depth_spearman": "depths in the tree",
    "relation_selectivity": "relation, selectivity",
    "test_score": "test score",
    "pmr": "PMR",
    "tau": "Kendall's tau",
    "dev_score": "development score",
    "failed_run": "failed runs",
    "floor": "floor",
    "top_weight_distance": "distance moved by the top third",
    "bottom_weight_distance": "distance moved by the bottom third",
}
OF_CLS = {
    "cls_std_spread": "largest standard deviation, over the mean one",
    "cls_correlation": "absolute correlation of two coordinates",
    "cls_mean_share": "length of the mean, over the mean length",
    "cls_top_share": "variance on the first direction, share",
    "cls_isoscore": "IsoScore",
    "cls_gradient_norm": "length of the gradient at [CLS]",
}
SCORES |= {
    metric + suffix: name + when
    for metric, name in OF_CLS.items()
    for suffix, when in {
        "": "",
        "_before": ", untuned",
        "_scaled": ", normalised",
        "_scaled_before": ", untuned and normalised",
    }.items()
}
# The tasks that an encoder was tuned on, by the pair of a row.
TUNED_FOR = {"nli": "inference", "questions": "questions", "parsing": "parsing"}
PARTS = {"_source": "first language", "_lost": "lost topics", "_kept": "kept topics"}
PAIR = re.compile(r"[a-z]{1,2}-[a-z]{1,2}")
# A quantity other than the score itself, as the ledger names it, in plain words.
QUANTITIES = {
    "spearman": "rank correlation with the layer of ",
    "spearman over tokens": "rank correlation with the tokens read of ",
    "pearson": "correlation of ",
    "peak depth": "depth of the peak, from 0 to 1, of ",
}
SPREAD = "standard deviation over seeds of "
PREDICTION = re.compile(
    r"(?:(?P<quantity>[a-z -]+) of )?(?P<terms>.+?)(?: beside (?P<beside>\w+))?"
    r" (?P<direction>above|below|within) (?P<bound>-?[\d.]+)"
    r"(?: ± (?P<tolerance>[\d.]+))?(?P<each>, for each \w+)?"
)


def condition_name(key: str) -> str:
    """A condition in plain words; the key itself where it has none."""
    return CONDITIONS.get(key, key)


def score_name(key: str, *, short: bool = True) -> str:
    """A score in plain words: "entities", or with `short` off "entities, span F1".

    A score of the first language or of a part of the topics says so in brackets.
    """
    for suffix, told in PARTS.items():
        if key.endswith(suffix):
            return f"{score_name(key.removesuffix(suffix), short=short)} ({told})"
    return (SCORES if short else AXIS_NAMES).get(key) or AXIS_NAMES.get(key, key)


def span(least: int, most: int, what: str = "run") -> str:
    """A count in words: "3 runs", "1 to 3 seeds"."""
    counted = f"{least}" if least == most else f"{least} to {most}"
    return f"{counted} {what}{'s' if most > 1 else ''}"


def prediction_words(prediction: str) -> str:
    """A prediction as the ledger prints it (`str(Part)`), in plain words and percent points.

    Scores are in brackets: "[entities: other domain - default] below 0 points". What has
    another form, or is of a quantity without a name here, comes back as it is.
    """
    if prediction.startswith(SPREAD):
        told = prediction_words(prediction.removeprefix(SPREAD)).replace("%", " points")
        return f"spread over seeds of {told}"
    found = PREDICTION.fullmatch(prediction)
    if not found or found["quantity"] and found["quantity"] not in QUANTITIES:
        return prediction
    signs, groups = _signed(found["terms"]), {}
    for sign, metric, rest in signs:
        groups.setdefault(metric, []).append((sign, rest))
    told = "".join(_group(metric, terms) for metric, terms in groups.items()).removeprefix(" + ")
    raw = [term.split(" / ")[0] for term in re.split(r" [+-] ", found["terms"])]
    if found["quantity"] or is_number(name for names in raw for name in names.split(", ")):
        beside = f" with [{score_name(found['beside'])}]" if found["beside"] else ""
        spread = f" ± {found['tolerance']}" if found["tolerance"] else ""
        place = f"{found['direction']} {found['bound']}{spread}{found['each'] or ''}"
        return f"{QUANTITIES.get(found['quantity'], '')}{told}{beside} {place}"
    unit = " points" if len(signs) > 1 else "%"
    bound = f"{100 * float(found['bound']):g}"
    if found["direction"] != "within":
        place = f"{found['direction']} {bound}{unit}"
    else:
        width = 100 * float(found["tolerance"] or 0)
        place = f"within {width:g} points of {bound}{unit.removesuffix(' points')}"
    return f"{told} {place}{found['each'] or ''}"


def _signed(terms: str) -> list[tuple[str, str, str]]:
    """(sign, metric, condition and pair) of every selection, in plain words."""
    pieces = re.split(r" ([+-]) ", terms)
    found = []
    for sign, term in zip(["+", *pieces[1::2]], pieces[::2], strict=True):
        metric, *rest = term.split(" / ")
        metric = " and ".join(score_name(name) for name in metric.split(", "))
        found.append((sign, metric, ", ".join(map(_named, rest))))
    return found


def _named(words: str) -> str:
    """Conditions, pairs or a layer, several of them put with "and"."""
    return " and ".join(
        word if PAIR.fullmatch(word) else condition_name(word) for word in words.split(", ")
    )


def _group(metric: str, terms: list[tuple[str, str]]) -> str:
    """Selections of one metric in brackets, with the sign before these if it is that of all."""
    sign = "-" if all(own == "-" for own, _ in terms) else "+"
    turned = [("+" if own == sign else "-", rest) for own, rest in terms]
    told = "".join(f" {own} {rest}" for own, rest in turned if rest).removeprefix(" + ")
    return f" {sign} [{metric}: {told.strip()}]" if told else f" {sign} [{metric}]"
