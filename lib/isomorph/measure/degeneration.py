"""Why the vector of a word that never occurs runs away (Gao et al. 2019).

hidden: (n, width), a state a row. Everything is computed in float64, blocks of rows at a time.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy import optimize
from torch import Tensor

from isomorph.measure.isotropy import average_cosine
from isomorph.measure.numerics import checked, unit_rows

ROWS_AT_ONCE = 2**10  # 6 MiB in float64 at a width of 768, which a cache holds; more is far slower
EXACT = 1e-9  # lengths beside that of the states: nearer to zero is zero
NEAR = 1e-3  # a distance as small, beside the states', needs smaller units
MARKS = 20  # along the way of an absent word


@dataclass(frozen=True)
class Hull:
    """Where the origin lies, and what shows it. direction: (width,), of length 1, with a negative
    product with every state; None inside. rows, weights: states and how much of each (positive,
    sum 1) mix to the origin; None outside. rounds: how often all states were looked at."""

    direction: Tensor | None
    rows: Tensor | None = None
    weights: Tensor | None = None
    rounds: int = 1

    @property
    def contains_origin(self) -> bool:
        return self.direction is None

    def margin(self, hidden: Tensor) -> float:
        """How well the certificate holds, from the states alone. Outside: the smallest length by
        which a state lies on the negative side. Inside: the length of the mixture, 0 where it
        holds."""
        if self.direction is not None:
            blocks = hidden.split(ROWS_AT_ONCE)
            return -max(float((block.double() @ self.direction).max()) for block in blocks)
        return float((self.weights @ hidden[self.rows].double()).norm())


def hull(hidden: Tensor, *, widest: bool = False) -> Hull:
    """Whether the convex hull of the states contains the origin, with a certificate.

    There is a uniformly negative direction exactly where it does not (Gao et al. 2019, theorem 2).
    How long a state is does not matter to that, so it is decided on states brought to length 1;
    one that is zero is the origin. Which side it is, and the widest direction, do not depend on
    the processor.

    Solves a non-negative least-squares problem on a few states, looks at all for those that its
    direction does not serve, and adds these, until there is none or the few contain the origin: n
    width a round, and the memory of the few.

    widest: go on until the direction is the one with the largest margin, which is opposite to the
        hull's nearest point to the origin; here lengths do matter.
    Raises ValueError when `hidden` is not (n, width) or not finite, and ArithmeticError where the
    origin is so near the hull's surface that neither certificate holds.
    """
    blocks = hidden.split(ROWS_AT_ONCE) if hidden.ndim == 2 and hidden.numel() else []
    if not blocks or not all(block.isfinite().all() for block in blocks):
        raise ValueError(f"hidden is {tuple(hidden.shape)}; it must be (n, width) and finite.")
    hidden = hidden.detach().cpu()
    lengths, mean = _survey(hidden)
    if not lengths.all():
        return _mixture(torch.ones(1, dtype=torch.float64), lengths.argmin()[None])
    decided = _by_columns(hidden, torch.ones_like(lengths), -mean, widest=False)
    if widest and not decided.contains_origin:
        decided = _by_columns(hidden, lengths, decided.direction, widest=True)
    if decided.contains_origin:
        holds = float((decided.weights @ _units(hidden[decided.rows])[0]).norm()) <= EXACT
        shares = decided.weights * (lengths.min() / lengths[decided.rows])
        decided = _mixture(shares, decided.rows, decided.rounds)
    else:
        nearest = max(float((units @ decided.direction).max()) for _, units, _ in _blocks(hidden))
        holds = nearest < -hidden.shape[1] * torch.finfo(torch.float64).eps
    if not holds:
        raise ArithmeticError(
            "hidden has the origin on the surface of its hull, as nearly as float64 can tell"
            + (", or lengths too unlike to tell the widest direction." if widest else ".")
        )
    return decided


def _by_columns(hidden: Tensor, lengths: Tensor, start: Tensor, *, widest: bool) -> Hull:
    """Of states h that point where those of `hidden` do and have other lengths, perhaps."""
    # Of  min |sum_i a_i h_i|^2 + (1 - sum_i a_i)^2  over a >= 0 the residual is (r, s) with
    # r'h_i + s <= 0 for every state and s the square of its length (the conditions of optimality).
    # So s > 0 gives the direction r, along the nearest point of the hull; s = 0 gives the mixture.
    # Of unit states u_i = h_i / l_i and b_i = a_i l_i the same is |sum b_i u_i|, 1 - sum b_i / l_i.
    width, shortest = hidden.shape[1], float(lengths.min())
    few, unit, rounds = _worst(hidden, lengths, start, width + 1)[0], shortest, 1
    while True:  # ends, since each round adds a state
        states, shares = _units(hidden[few])[0].numpy(), unit / lengths[few].numpy()
        system = np.vstack([states.T, shares])
        weights, _ = optimize.nnls(system, np.append(np.zeros(width), 1.0), maxiter=50 * width)
        residual = -states.T @ weights
        distance = np.linalg.norm(residual) / (shares @ weights)  # of the mixture from the origin
        if distance * unit <= EXACT * shortest:
            return _mixture(torch.from_numpy(weights), few, rounds)
        if distance < NEAR:
            # s, about the square of the distance, drowns in rounding: solve in smaller units.
            unit *= distance
            continue
        direction = torch.from_numpy(residual)
        direction /= direction.norm()
        worst, along = _worst(hidden, lengths, direction, width)
        if (few == worst[0]).any() or (along[0] < 0 and not widest):
            return Hull(direction, rounds=rounds)
        # All of the few stay: without those that hold nothing now, it can take hundreds of rounds.
        few, rounds = torch.cat([few, worst]).unique(), rounds + 1


def _worst(hidden: Tensor, lengths: Tensor, direction: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Of states of such lengths those with the largest products with a direction, and these."""
    rows, products = torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.float64)
    for start, units, _ in _blocks(hidden):
        along = (units @ direction) * lengths[start : start + len(units)]
        rows = torch.cat([rows, torch.arange(start, start + len(along))])
        products, kept = torch.cat([products, along]).topk(min(count, len(rows)))
        rows = rows[kept]
    return rows, products


def _survey(hidden: Tensor) -> tuple[Tensor, Tensor]:
    """The lengths of the states, (n,), and the mean of those states at length 1, (width,)."""
    lengths, total = [], torch.zeros(hidden.shape[1], dtype=torch.float64)
    for _, units, of_block in _blocks(hidden):
        lengths.append(of_block)
        total += units.sum(0)
    return torch.cat(lengths), total / len(hidden)


def _blocks(hidden: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Some states at a time in float64: the first's row, the states at length 1, and their
    lengths."""
    for start in range(0, len(hidden), ROWS_AT_ONCE):
        yield start, *_units(hidden[start : start + ROWS_AT_ONCE])


def _units(states: Tensor) -> tuple[Tensor, Tensor]:
    """States at length 1, but zeros, and their lengths, which may be beyond what can be squared."""
    states = states.double()
    largest = states.abs().amax(1, keepdim=True)
    states = states / largest.masked_fill(largest == 0, 1.0)
    lengths = states.norm(dim=1, keepdim=True)
    return states / lengths.clamp(min=1.0), (largest * lengths)[:, 0]


def _mixture(weights: Tensor, rows: Tensor, rounds: int = 1) -> Hull:
    used = weights > 0
    return Hull(None, rows[used], weights[used] / weights[used].sum(), rounds)


def layer_norm_direction(gain: Tensor, offset: Tensor) -> tuple[Tensor, float]:
    """The direction that is uniformly negative for whatever a layer normalisation gives out.

    gain g and offset b: (width,). Every output h lies on the plane <1/g, h> = s with s = sum(b /
    g). Returns -sign(s) / g at length 1, and its product with every output, at most 0. Raises
    ValueError when shapes differ or a gain is 0. Source: Gao et al. 2019, remark on layer
    normalisation.
    """
    if gain.shape != offset.shape or gain.ndim != 1:
        raise ValueError(
            f"gain is {tuple(gain.shape)} and offset {tuple(offset.shape)}; both are (width,)."
        )
    if (gain == 0).any():
        raise ValueError("gain has a 0, which takes its dimension out of the plane's equation.")
    inverse = 1 / gain.detach().double()
    level = float(offset.detach().double() @ inverse)
    length = float(inverse.norm())
    return -math.copysign(1, level) * inverse / length, -abs(level) / length


class Path(NamedTuple):
    """The vector of an absent word along its training: steps (marks,); loss (marks,), in nats a
    position; vectors (marks, width)."""

    steps: Tensor
    loss: Tensor
    vectors: Tensor


def absent_word(hidden: Tensor, log_rest: Tensor, *, steps: int = 1000, rate: float = 0.1) -> Path:
    """Gradient descent on the loss of a word that never occurs, all else fixed.

        mean over i of log(exp <h_i, w> + C_i),    from w = 0

    log_rest (n,): log C_i, of the summed exponentials of all other words. rate: the length of a
    step; the gradient's own vanishes as the vector runs away. Raises ValueError when shapes do not
    fit or a number is not allowed. Source: Gao et al. 2019, theorem 1.
    """
    if hidden.ndim != 2 or log_rest.shape != hidden.shape[:1]:
        raise ValueError(
            f"hidden is {tuple(hidden.shape)} and log_rest {tuple(log_rest.shape)}; they must be "
            "(n, width) and (n,)."
        )
    if steps < 1 or not rate > 0:
        raise ValueError(f"steps and rate are {steps} and {rate}; allowed are 1 up, and above 0.")
    hidden, log_rest = hidden.detach().double(), log_rest.detach().to(hidden.device).double()
    vector = hidden.new_zeros(hidden.shape[1])
    stops = set(np.geomspace(1, steps, MARKS).round().astype(int).tolist()) | {0}
    path = []
    for step in range(steps + 1):
        excess = hidden @ vector - log_rest
        if step in stops:
            loss = torch.nn.functional.softplus(excess) + log_rest
            path.append((step, float(loss.mean()), vector))
        gradient = torch.sigmoid(excess) @ hidden / len(hidden)
        length = float(gradient.norm())
        if length > 0:
            vector = vector - rate / length * gradient
    at, losses, vectors = zip(*path, strict=True)
    return Path(torch.tensor(at), torch.tensor(losses), torch.stack(vectors))


def rare_word_bound(alpha: float, beta: float, largest: float, share: float) -> float:
    """The most that the squared distance of two minimisers can be: of f, and of (1 - share) f +
    share g, where f is alpha-strongly convex, the Hessian of g is above -beta, and |g| is below
    `largest`:

        4 share largest / (alpha - share (alpha + beta))

    Raises ValueError when share is not between 0 and alpha / (alpha + beta), or a constant is not
    allowed.
    Source: Gao et al. 2019, theorem 3.
    """
    if not alpha > 0 or beta < 0 or largest < 0:
        raise ValueError(
            f"alpha, beta and largest are {alpha}, {beta} and {largest}; allowed are above 0, and "
            "0 and up."
        )
    if not 0 <= share < alpha / (alpha + beta):
        raise ValueError(
            f"share is {share}; allowed is 0 up to, and not, alpha / (alpha + beta), here "
            f"{alpha / (alpha + beta):.3g}."
        )
    return 4 * share * largest / (alpha - share * (alpha + beta))


def of_states(
    states: Tensor, absent: Tensor, *, gain: Tensor | None = None, offset: Tensor | None = None
) -> dict[str, float]:
    """Where the origin lies beside the states that a softmax sees, and where absent words went.

    states: (n, width). absent: (words, width), the vectors of words that never occurred. gain and
    offset (width,): of the last layer normalisation, if there is one.

    Metrics: origin_outside (1 where the hull of the states does not contain the origin, else 0;
    nan where neither certificate holds), hull_margin (the largest over the mean length of a state;
    0 inside), state_cosine; absent_negative_share (of products of an absent word and a state,
    those below 0), absent_norm. With a normalisation also offset_size (|sum b/g|),
    negative_product_share (of states, with the direction that g and b give) and
    absent_direction_cosine (of absent words with it). Source: Gao et al. 2019, theorems 1 and 2
    and the remark on layer normalisation.
    """
    states, absent = checked(states, "states"), checked(absent, "absent")
    metrics = {
        **_outside(states),
        "state_cosine": average_cosine(states),
        "absent_negative_share": float((absent @ states.T < 0).double().mean()),
        "absent_norm": float(absent.norm(dim=1).mean()),
    }
    if gain is None or offset is None:
        return metrics
    direction, _ = layer_norm_direction(gain, offset)
    direction = direction.to(states.device)
    metrics["offset_size"] = abs(float((offset.detach().double() / gain.detach().double()).sum()))
    metrics["negative_product_share"] = float((states @ direction < 0).double().mean())
    metrics["absent_direction_cosine"] = float((unit_rows(absent, "absent") @ direction).mean())
    return metrics


def _outside(states: Tensor) -> dict[str, float]:
    try:
        decided = hull(states, widest=True)
    except ArithmeticError:
        return {"origin_outside": math.nan, "hull_margin": math.nan}
    margin = 0.0 if decided.contains_origin else decided.margin(states)
    length = float(states.norm(dim=1).mean())
    return {
        "origin_outside": float(not decided.contains_origin),
        "hull_margin": margin / length if length > 0 else 0.0,
    }
