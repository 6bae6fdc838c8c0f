"""Planted cases of three theorems of Gao et al. (2019), in which all constants are known.

Nothing is trained. Clouds of states and losses are drawn from the seed, and what a theorem says of
them is checked: a share of violations has to be exactly 0, and a ratio to a bound below 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from isomorph.runs.run import Run

if TYPE_CHECKING:
    import torch
    from numpy import ndarray
    from numpy.random import Generator

SHARES = (0.01, 0.1, 0.5, 0.9, 0.99)  # of the largest share that theorem 3 allows
EXACT = 1e-9  # a largest product that is nearer to zero is zero
NOT_FEASIBLE = 2  # HiGHS: no point meets the constraints


class Theorem(Run):
    """Cases of one theorem: "absent_word" (1), "point_clouds" (2) or "strongly_convex" (3).

    Raises a validation error when a cloud would have no interior.
    """

    on_processor: ClassVar[bool] = True
    languages: ClassVar[tuple[str, ...]] = ()
    tokens: ClassVar[int] = 0

    kind: Literal["theorem"] = "theorem"
    theorem: Literal["absent_word", "point_clouds", "strongly_convex"]
    seed: int = Field(default=0, ge=0)
    width: int = Field(default=8, ge=2)  # of a state; of point clouds the most, the least being 2
    states: int = Field(default=60, ge=2)  # of one case; of point clouds the most
    cases: int = Field(default=200, ge=1)  # mixtures of two directions, clouds, or pairs of losses
    steps: int = Field(default=2000, ge=1)  # of the absent word's training

    def problems(self) -> Iterator[str]:
        if self.states < self.width + 2:
            yield f"states is {self.states}; a width of {self.width} needs {self.width + 2} and up."

    def checksum(self) -> str:
        return ""

    def measure(self, place: torch.device) -> Iterator[dict]:
        """The tokens of a record are steps of the absent word's training; 0 elsewhere."""
        cases = {"absent_word": absent_word_cases, "point_clouds": point_clouds,
                 "strongly_convex": strongly_convex}[self.theorem]  # fmt: skip
        for name, value, step in cases(self, np.random.default_rng(self.seed)):
            yield {"metric": name, "value": value, "tokens": step}


def absent_word_cases(run: Theorem, rng: Generator) -> list[tuple[str, float, int]]:
    """Theorem 1 on states to one side of the origin: (metric, value, step).

    convexity_violations: of mixtures of two uniformly negative directions, those that are not one.
    At each mark of training: vector_norm, negative_product_share (of states) and
    direction_cosine, with the direction of the largest margin.
    """
    import torch

    from isomorph.measure.degeneration import absent_word, hull

    states = off_origin(rng, run.states, run.width, margin=0.5)
    others = rng.standard_normal((50, run.width))
    log_rest = np.logaddexp.reduce(states @ others.T, axis=1)
    hidden = torch.from_numpy(states)
    widest = hull(hidden, widest=True).direction
    violations = 0
    for _ in range(run.cases):
        one, other = (_negative(rng, states, widest.numpy()) for _ in range(2))
        share = rng.uniform()
        violations += bool((states @ (share * one + (1 - share) * other) >= 0).any())
    rows = [("convexity_violations", violations / run.cases, run.steps)]
    path = absent_word(hidden, torch.from_numpy(log_rest), steps=run.steps)
    for step, vector in zip(path.steps.tolist(), path.vectors, strict=True):
        length = float(vector.norm())
        negative = float((hidden @ vector < 0).double().mean())
        rows += [("vector_norm", length, step), ("negative_product_share", negative, step)]
        if length > 0:
            rows.append(("direction_cosine", float(vector @ widest) / length, step))
    return rows


def _negative(rng: Generator, states: ndarray, widest: ndarray) -> ndarray:
    """A uniformly negative direction, some of them near the edge of all there are.

    From the one with the largest margin, a random part of the way in a random direction up to where
    the first product would be 0; of any length.
    """
    away = rng.standard_normal(states.shape[1])
    rises, room = states @ away, -(states @ widest)
    reach = (room[rises > 0] / rises[rises > 0]).min() if (rises > 0).any() else 10.0
    return (widest + rng.uniform(0, 0.999) * reach * away) * rng.uniform(0.1, 10)


def off_origin(rng: Generator, count: int, width: int, margin: float) -> ndarray:
    """(count, width): a Gaussian cloud folded to one side of a random plane, at least so far off."""
    normal = rng.standard_normal(width)
    normal /= np.linalg.norm(normal)
    cloud = rng.standard_normal((count, width))
    along = cloud @ normal
    return cloud + np.outer(np.abs(along) + margin - along, normal)


def around_origin(rng: Generator, count: int, width: int) -> ndarray:
    """(count, width): a Gaussian cloud whose last point is where a mixture of all is the origin."""
    cloud = rng.standard_normal((count - 1, width))
    weights = rng.uniform(0.1, 1, count - 1)
    return np.vstack([cloud, -weights @ cloud / weights.sum()])


class Decided(NamedTuple):
    """What three tests say of a cloud, each by itself."""

    direction: bool  # is there a uniformly negative one? a linear programme over directions
    mixture: bool  # do the points mix to the origin? a linear programme over weights
    hull: bool  # the same, by `isomorph.measure.degeneration.hull`

    @property
    def agree(self) -> bool:
        return self.mixture == self.hull == (not self.direction)


def decide(cloud: ndarray) -> Decided:
    """Theorem 2's two sides on a cloud (n, width), and our own test. Source: Gao et al. 2019."""
    import torch
    from scipy import optimize

    from isomorph.measure.degeneration import hull

    n, width = cloud.shape
    # The largest t such that a direction in the unit cube has product -t or less with every point.
    apart = optimize.linprog(
        c=np.append(np.zeros(width), -1.0),
        A_ub=np.hstack([cloud, np.ones((n, 1))]), b_ub=np.zeros(n),
        bounds=[(-1, 1)] * width + [(None, None)], method="highs",
    )  # fmt: skip
    # Any weights of the simplex that mix the points to the origin.
    mixed = optimize.linprog(
        c=np.zeros(n), A_eq=np.vstack([cloud.T, np.ones(n)]), b_eq=np.append(np.zeros(width), 1.0),
        bounds=(0, None), method="highs",
    )  # fmt: skip
    if apart.status != 0 or mixed.status not in (0, NOT_FEASIBLE):
        raise ArithmeticError(f"HiGHS says {apart.message!r} and {mixed.message!r}.")
    return Decided(
        bool(apart.x[-1] > EXACT), mixed.status == 0, hull(torch.from_numpy(cloud)).contains_origin
    )


def point_clouds(run: Theorem, rng: Generator) -> list[tuple[str, float, int]]:
    """Theorem 2 on clouds around the origin and off it, in turn: (metric, value, 0).

    hull_disagreements: of clouds, those on which two of three tests disagree. planted_errors: those
    on which any test misses where the cloud was planted.
    """
    disagreements = errors = 0
    for case in range(run.cases):
        width = int(rng.integers(2, run.width + 1))
        count = int(rng.integers(width + 2, run.states + 1))
        inside, margin = case % 2 == 0, 10 ** rng.uniform(-3, 0)
        planted = around_origin if inside else partial(off_origin, margin=margin)
        tests = decide(planted(rng, count, width))
        disagreements += not tests.agree
        errors += tests != (not inside, inside, inside)
    return [
        ("hull_disagreements", disagreements / run.cases, 0),
        ("planted_errors", errors / run.cases, 0),
    ]


class Losses(NamedTuple):
    """Two losses of a vector, of which theorem 3's constants are known.

    f, of an absent word: the mean of log(exp <h_i, x> + C_i), and decay / 2 |x|^2. g, bounded and
    not convex: the sum of size_k sin(<turn_k, x> + phase_k).
    """

    states: ndarray
    log_rest: ndarray
    decay: float
    sizes: ndarray
    turns: ndarray
    phases: ndarray

    @property
    def constants(self) -> tuple[float, float, float]:
        """alpha, beta and B: a sine of size b has at most b, and its Hessian is above -b |turn|^2."""
        sizes = np.abs(self.sizes)
        return self.decay, float(sizes @ np.square(self.turns).sum(1)), float(sizes.sum())

    def mixed(self, share: float, x: ndarray) -> tuple[float, ndarray, ndarray]:
        """(1 - share) f + share g at x: its value, gradient and Hessian."""
        excess, turned = self.states @ x - self.log_rest, self.turns @ x + self.phases
        chosen = np.exp(-np.logaddexp(0, -excess))  # the probability of the absent word
        n, width = self.states.shape
        f = (np.logaddexp(0, excess) + self.log_rest).mean() + self.decay / 2 * x @ x
        gradient = chosen @ self.states / n + self.decay * x
        bent = self.states.T * (chosen * (1 - chosen)) @ self.states / n
        hessian = bent + self.decay * np.eye(width)
        waves, slopes = self.sizes * np.sin(turned), self.sizes * np.cos(turned)
        return (
            (1 - share) * f + share * waves.sum(),
            (1 - share) * gradient + share * slopes @ self.turns,
            (1 - share) * hessian - share * (self.turns.T * waves) @ self.turns,
        )

    def minimiser(self, share: float, start: ndarray) -> tuple[ndarray, float]:
        """The minimiser of the mixed loss, and how far off it may be: |gradient| / convexity."""
        from scipy import optimize

        alpha, beta, _ = self.constants
        lowest = optimize.minimize(
            lambda x: self.mixed(share, x)[0], start, jac=lambda x: self.mixed(share, x)[1],
            hess=lambda x: self.mixed(share, x)[2], method="trust-exact",
            options={"gtol": 1e-9, "maxiter": 1000},
        ).x  # fmt: skip
        slope = np.linalg.norm(self.mixed(share, lowest)[1])
        return lowest, float(slope) / (alpha - share * (alpha + beta))


def draw_losses(rng: Generator, count: int, width: int) -> Losses:
    """Losses of random constants, over states off the origin; decay may be little or nearly all."""
    states, waves = off_origin(rng, count, width, margin=0.5), int(rng.integers(1, 4))
    return Losses(
        states, rng.uniform(0, 3, count), 10 ** rng.uniform(-2, 2), rng.uniform(0.1, 2, waves),
        rng.standard_normal((waves, width)) * 10 ** rng.uniform(-1, 0.5),
        rng.uniform(0, 2 * np.pi, waves),
    )  # fmt: skip


def strongly_convex(run: Theorem, rng: Generator) -> list[tuple[str, float, int]]:
    """Theorem 3 on drawn losses at several shares: (metric, value, 0).

    distance_over_bound: the largest squared distance of two minimisers over the bound, errors of
    the minimisation added to the distance. mean_distance_over_bound: the mean.
    """
    from isomorph.measure.degeneration import rare_word_bound

    ratios = []
    for _ in range(run.cases):
        losses = draw_losses(rng, run.states, run.width)
        alpha, beta, largest = losses.constants
        without, error = losses.minimiser(0.0, np.zeros(run.width))
        for part in SHARES:
            share = part * alpha / (alpha + beta)
            mixed, more = losses.minimiser(share, without)
            distance = float(np.linalg.norm(mixed - without)) + error + more
            ratios.append(distance**2 / rare_word_bound(alpha, beta, largest, share))
    return [
        ("distance_over_bound", max(ratios), 0),
        ("mean_distance_over_bound", float(np.mean(ratios)), 0),
    ]
