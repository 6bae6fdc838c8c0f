"""A word that is rare, live: theorem 3 on a trained model's own states, and where its words lie.

WordLoss       the loss of one word's vector on the states of a text, split into its two parts
by_share       how far the minimiser moves as the word's share grows, against the bound
by_word        the same for words of a text, each at its own share
half_way       two losses of a number for which our bound cannot be improved
from_absent    the distance of each word's trained vector from those of absent words
by_fifth       how far apart the words of each fifth lie, before training and after
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame
    from torch import Tensor

    from isomorph.findings.language_models import States, Trained

MEASURED, BOUND, SHARPER = "measured", "bound of the theorem", "bound with both curvatures"
FALL = "the same, with the true fall of g"
SHARES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 0.5)


class Moved(NamedTuple):
    """How far the minimiser moved, squared, and what bounds it; `error` is of the distance."""

    measured: float
    bound: float
    sharper: float
    with_fall: float
    error: float


@dataclass(frozen=True)
class WordLoss:
    """The loss of one word's vector x, all else fixed, at positions without the word and with it.

        f(x) = mean over positions without it of log(1 + exp(<h, x>) / C) + decay / 2 |x|^2
        g(x) = mean over positions with it of log(1 + C exp(-<h, x>)) + decay / 2 |x|^2

    The first is the loss less log C, which no x changes. states (n, width), log_rest (n,) is log C,
    of all other words; present (n,) says where the word is the next one. decay above 0.
    """

    states: ndarray
    log_rest: ndarray
    present: ndarray
    decay: float

    @property
    def share(self) -> float:
        """Of positions with the word."""
        return float(self.present.mean())

    @cached_property
    def _parts(self) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        has = self.present
        return self.states[~has], self.log_rest[~has], self.states[has], self.log_rest[has]

    def f(self, x: ndarray) -> tuple[float, ndarray]:
        """The loss without the word, and its gradient."""
        states, rest, *_ = self._parts
        excess = states @ x - rest
        chosen = np.exp(-np.logaddexp(0, -excess))
        loss = np.logaddexp(0, excess).mean() + self.decay / 2 * x @ x
        return float(loss), chosen @ states / len(states) + self.decay * x

    def g(self, x: ndarray) -> tuple[float, ndarray]:
        """The loss with the word, and its gradient."""
        *_, states, rest = self._parts
        excess = states @ x - rest
        missed = np.exp(-np.logaddexp(0, excess))
        loss = np.logaddexp(0, -excess).mean() + self.decay / 2 * x @ x
        return float(loss), -missed @ states / len(states) + self.decay * x

    def minimiser(self, share: float, start: ndarray | None = None) -> tuple[ndarray, float]:
        """Of (1 - share) f + share g, and how far off it may be: |gradient| / decay."""
        from scipy import optimize

        def mixed(x: ndarray) -> tuple[float, ndarray]:
            (f, slope), (g, other) = self.f(x), self.g(x) if share else (0.0, 0.0)
            return (1 - share) * f + share * g, (1 - share) * slope + share * other

        start = np.zeros(self.states.shape[1]) if start is None else start
        options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9}
        found = optimize.minimize(mixed, start, jac=True, method="L-BFGS-B", options=options).x
        return found, float(np.linalg.norm(mixed(found)[1])) / self.decay

    def region(self, share: float) -> float:
        """The radius of a ball around the origin that holds both minimisers, known beforehand: the
        mixed loss is at least decay / 2 |x|^2, and at its minimiser no more than at the origin."""
        origin = np.zeros(self.states.shape[1])
        at_origin = (1 - share) * self.f(origin)[0] + share * self.g(origin)[0]
        return float(np.sqrt(2 * max(at_origin, self.f(origin)[0]) / self.decay))

    def largest(self, radius: float) -> float:
        """B: g lies between 0 and 2 B in that ball, so g less B, which has the same minimisers, is
        bounded by B."""
        *_, states, rest = self._parts
        most = np.logaddexp(0, rest + radius * np.linalg.norm(states, axis=1)).mean()
        return float(most + self.decay / 2 * radius**2) / 2

    def curvature(self, x: ndarray) -> float:
        """What the text adds to the decay in the direction in which f is flattest at x."""
        states, rest, *_ = self._parts
        chosen = np.exp(-np.logaddexp(0, rest - states @ x))
        bent = states.T * (chosen * (1 - chosen)) @ states / len(states)
        return float(np.linalg.eigvalsh(bent)[0])

    def moved(self, share: float, start: tuple[ndarray, float] | None = None) -> Moved:
        """The squared distance of the minimisers of f and of the mixture, beside what bounds it.

        start: the minimiser of f and its error, where they are known. alpha is the decay and beta
        is 0, as both data terms are convex.
        """
        from isomorph.measure.degeneration import rare_word_bound

        without, error = self.minimiser(0.0) if start is None else start
        mixed, more = self.minimiser(share, without)
        distance = float(np.linalg.norm(mixed - without))
        largest = self.largest(self.region(share))
        bound = rare_word_bound(self.decay, 0.0, largest, share)
        fall = (self.g(without)[0] - self.g(mixed)[0]) / (2 * largest)
        sharper = bound / 2  # of beta 0: m and (1 - share) alpha are the same
        return Moved(distance**2, bound, sharper, sharper * fall, error + more)


def word_loss(
    trained: Trained, states: States, word: int, decay: float, log_total: Tensor | None = None
) -> WordLoss:
    """The loss of a word of the vocabulary on a model's states, its own vector left out of C.

    log_total: as in `Trained.log_rest`.
    """
    log_rest = trained.log_rest(states.hidden, word, log_total).numpy()
    present = states.following.numpy() == word
    return WordLoss(states.hidden.double().numpy(), log_rest, present, decay)


def by_share(loss: WordLoss, shares: Sequence[float] = SHARES) -> DataFrame:
    """Columns share, line, metric and value, for a figure: what was measured and what bounds it."""
    import pandas as pd

    start = loss.minimiser(0.0)
    lines = []
    for share in shares:
        moved = loss.moved(share, start)
        named = (MEASURED, moved.measured), (BOUND, moved.bound), (SHARPER, moved.sharper), (FALL, moved.with_fall)  # fmt: skip
        lines += [
            {"share": share, "line": line, "metric": "squared distance", "value": value}
            for line, value in named
        ]
    return pd.DataFrame(lines)


def by_word(
    trained: Trained, states: States, decay: float, words: Iterable[int]
) -> tuple[DataFrame, Tensor]:
    """A line a word that occurs: word, occurrences, share, measured, bound, error; and the
    minimisers (words, width), each at its own word's share."""
    import pandas as pd
    import torch

    lines, found, total = [], [], trained.log_total(states.hidden)
    for word in words:
        loss = word_loss(trained, states, word, decay, total)
        if not loss.present.any():
            continue
        start = loss.minimiser(0.0)
        moved = loss.moved(loss.share, start)
        found.append(torch.from_numpy(loss.minimiser(loss.share, start[0])[0]))
        lines.append({
            "word": trained.words[word], "occurrences": int(loss.present.sum()),
            "share": loss.share, MEASURED: moved.measured, BOUND: moved.bound,
            "error": moved.error,
        })  # fmt: skip
    return pd.DataFrame(lines), torch.stack(found)


def half_way(alpha: float, beta: float, slope: float, share: float) -> tuple[float, float, float]:
    """f(x) = alpha/2 x^2 and g(x) = slope x - beta/2 x^2, between the two minimisers: their squared
    distance, the theorem's bound and the one with both curvatures, B being half of g's fall."""
    from isomorph.measure.degeneration import rare_word_bound

    convexity = alpha - share * (alpha + beta)
    mixed = -share * slope / convexity
    largest = -(slope * mixed - beta / 2 * mixed**2) / 2
    bound = rare_word_bound(alpha, beta, largest, share)
    return mixed**2, bound, bound * convexity / (convexity + (1 - share) * alpha)


def from_absent(trained: Trained) -> DataFrame:
    """A line a word that occurs: word, count, share of the training text, distance from the mean
    vector of the words that were never to be predicted, and cosine with it."""
    import pandas as pd
    import torch

    from isomorph.runs.geometry import never_read

    ids, counts = trained.by_frequency
    absent = trained.vectors[never_read()].mean(0)
    vectors = trained.vectors[ids]
    return pd.DataFrame({
        "word": [trained.words[i] for i in ids], "count": counts, "share": counts / counts.sum(),
        "distance": (vectors - absent).norm(dim=1),
        "cosine": torch.cosine_similarity(vectors, absent[None]),
    })  # fmt: skip


def by_fifth(trained: Trained) -> DataFrame:
    """A line a fifth of the words by frequency: seen (from, to), and over its pairs the distance,
    the distance over the mean length, the cosine, and the length; then the distance that training
    alone made: of the moves from the vectors before it; and before training."""
    import pandas as pd

    from isomorph.measure.geometry import of_group
    from isomorph.models.pretrain import initialise

    run, vocabulary = trained.run, trained.vocabulary
    shaped = run.encoder.shaped(vocabulary.size, run.languages, run.training.length)
    before = initialise(shaped, run.seed).get_input_embeddings().weight.detach()
    ids, counts = trained.by_frequency
    parts = np.array_split(np.arange(len(ids)), 5)
    lines = []
    for part in parts:
        own = ids[part]
        after = of_group(trained.vectors[own])
        moves = of_group(trained.vectors[own] - before[own])
        lines.append({
            "seen": f"{counts[part[0]]} to {counts[part[-1]]} times",
            "distance": after["pair_distance"],
            "over length": after["pair_distance_scaled"],
            "cosine": after["average_cosine"],
            "length": after["norm"],
            "cosine of moves": moves["average_cosine"],
            "distance before": of_group(before[own])["pair_distance"],
        })  # fmt: skip
    return pd.DataFrame(lines)
