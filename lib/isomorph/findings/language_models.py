"""The language model behind a condition, for what a chapter does with it live.

trained       the model, trained now where that has not been done here, and what it read
Trained       its words, their vectors, and the states from which it predicts
levels        measures with their intervals over seeds, each in its own unit
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from isomorph import effects, results
from isomorph.findings import NOT_RUN, Found, condition_name, score_name
from isomorph.runs import Geometry, Pretraining

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame
    from torch import Tensor

    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.results import Condition
    from isomorph.text.corpora import Corpus
    from isomorph.text.vocab import Vocabulary

MEASURES = {
    "negative_product_share": "states with a negative product, share",
    "offset_size": "size of the sum of b/g",
    "pair_distance": "distance of two words",
    "pair_distance_scaled": "distance of two words, over their mean length",
    "average_cosine": "cosine of two words",
    "norm": "length of a word's vector",
    "origin_outside": "origin outside the hull, share of models",
    "hull_margin": "largest margin, over a state's length",
    "state_cosine": "cosine of two states",
    "absent_negative_share": "products of absent words and states below 0, share",
    "absent_norm": "length of an absent word's vector",
    "absent_direction_cosine": "cosine of absent words with the direction of g and b",
    "unnormalised_origin_outside": "before the normalisation: origin outside, share of models",
    "unnormalised_hull_margin": "before the normalisation: largest margin",
}


class States(NamedTuple):
    """Positions of a text that have a next word.

    hidden (n, width): the states that the softmax multiplies. unnormalised (n, width): what the
    last normalisation was given; the same tensor where there is none. following (n,): the next word.
    """

    hidden: Tensor
    unnormalised: Tensor
    following: Tensor


@dataclass(frozen=True)
class Trained:
    """A trained model of one language, and what it was trained on."""

    model: BilingualMaskedLM
    vocabulary: Vocabulary
    language: str
    corpus: Corpus
    run: Pretraining

    @cached_property
    def vectors(self) -> Tensor:
        """(vocabulary, width): the word vectors, which are both embeddings and softmax."""
        return self.model.get_input_embeddings().weight.detach().cpu()

    @cached_property
    def by_frequency(self) -> tuple[np.ndarray, np.ndarray]:
        """The ids that occur in the training text, the most frequent first, and how often."""
        from isomorph.runs.geometry import by_frequency

        return by_frequency(self.vocabulary, self.language, self.corpus.train[self.language])

    @cached_property
    def words(self) -> list[str]:
        """The word of each id."""
        names = [""] * self.vocabulary.size
        for word, i in self.vocabulary.ids[self.language].items():
            names[i] = word
        return names

    def states(self, texts: list[str] | None = None, *, most: int = 20_000) -> States:
        """The states of some texts, by default the held-out ones: the first `most` positions."""
        import torch

        from isomorph.models.batches import following
        from isomorph.runs.geometry import hidden_states
        from isomorph.text.vocab import pack

        texts = self.corpus.dev[self.language] if texts is None else texts
        training = self.run.training
        how = {"continuous": training.continuous}
        hidden, unnormalised = hidden_states(
            self.model, self.vocabulary, self.language, texts, training.length, most=most, **how
        )
        packed = pack(self.vocabulary.encode(self.language, texts), training.length, **how)
        labels = torch.as_tensor(following(packed)).flatten()
        return States(hidden, unnormalised, labels[labels >= 0][: len(hidden)])

    def log_total(self, hidden: Tensor) -> Tensor:
        """(n,) float64: of each state, the log of the summed exponentials of all words."""
        import torch

        parts = []
        with torch.inference_mode():
            for block in hidden.split(2048):
                scores = self.model.scores(block.to(self.model.device), self.language)
                parts.append(scores.double().logsumexp(1).cpu())
        return torch.cat(parts)

    def log_rest(self, hidden: Tensor, word: int, log_total: Tensor | None = None) -> Tensor:
        """(n,) float64: of each state, the log of the summed exponentials of all words but one.

        log_total: of the same states, where it is known. The model's softmax must have no bias.
        """
        total = self.log_total(hidden) if log_total is None else log_total
        share = (hidden.double() @ self.vectors[word].double() - total).clamp(max=-1e-12)
        return total + (-share.expm1()).log()


def trained(condition: Condition) -> Trained:
    """The model that a condition measures, ready to read; trained now where that has not been done
    by this very code on this machine.

    Raises TypeError when the condition is neither a pretraining nor measures one.
    """
    from isomorph.models.inputs import device_named
    from isomorph.models.pretrained import load_masked_lm

    run = getattr(condition.run, "pretraining", condition.run)
    if not isinstance(run, Pretraining):
        raise TypeError(f"condition {condition.name!r} has no pretraining.")
    geometry = results.cached(Geometry(pretraining=run))
    results.train_below(geometry)
    model, vocabulary = load_masked_lm(geometry.beside(run).model_folder())
    model = model.to(device_named("auto"))
    return Trained(model, vocabulary, run.languages[0], run.text.corpus(), run)


def levels(
    found: Found,
    names: Mapping[str, str] | Sequence[str],
    measures: Mapping[str, str] | Sequence[str],
) -> DataFrame:
    """A line a measure, a column a condition: "0.52 [0.5, 0.54]" over seeds, and how many seeds.

    names, measures: conditions and metrics as the rows have them; a mapping says what to call them.
    """
    import pandas as pd

    if not isinstance(names, Mapping):
        names = {name: condition_name(name) for name in names}
    if not isinstance(measures, Mapping):
        measures = {metric: MEASURES.get(metric, score_name(metric)) for metric in measures}
    lines = []
    for metric, name in measures.items():
        line, seeds = {"measure": name}, set()
        for condition, label in names.items():
            own = found.rows[found.rows["condition"] == condition]
            line[label] = "–" if len(own) else NOT_RUN
            if (own["metric"] == metric).any():
                level = effects.level(own, metric, condition)
                ends = (x / 100 for x in (level.value, level.low, level.high))
                line[label] = _with_interval(*ends)
                seeds.add(level.seeds)
        lines.append(line | {"seeds": ", ".join(map(str, sorted(seeds)))})
    return pd.DataFrame(lines)


def _with_interval(value: float, low: float | None, high: float | None) -> str:
    unknown = low is None or math.isnan(low)
    return f"{value:.3g}" + ("" if unknown else f" [{low:.3g}, {high:.3g}]")
