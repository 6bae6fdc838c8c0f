"""Cures for vectors that crowd into a cone: each is learnt on some vectors and applies to any.

vectors: (n, width). `CURES` has each by its name. All are affine, a matrix and an offset, but the
flow, which bends. Everything is in float64; costs n width^2. All raise ValueError when `vectors`
is not (n, width) or not finite, or when more directions are asked for than there are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import zuko
from torch import Tensor
from torch.nn import functional as F
from zuko.flows.coupling import GeneralCouplingTransform
from zuko.lazy import LazyTransform, UnconditionalDistribution, UnconditionalTransform
from zuko.transforms import AdditiveTransform, AffineTransform, PermutationTransform

from isomorph.measure.numerics import ROUNDING, centred, checked, paired, principal_axes, varies

FAINT = 1e-10  # a variance this small beside the largest has too few digits to be divided by
REGULARISER = 0.25  # of the conceptor
# Of learnt removal, as in the authors' code.
REMOVAL_EPOCHS, REMOVAL_BATCH, REMOVAL_RATE = 200, 32, 2e-4
# Of the flow: modest, three seconds on one core for 3,000 vectors of 384; the paper's is deeper.
EPOCHS, BATCH, RATE = 10, 256, 1e-3
COUPLINGS = 4
HIDDEN = (256,)  # widths of the layers of each coupling's network
ROWS_AT_ONCE = 2**14


@dataclass(frozen=True)
class Cure:
    """x -> x @ matrix + offset; matrix (width, kept), offset (kept,)."""

    matrix: Tensor
    offset: Tensor

    def __call__(self, vectors: Tensor) -> Tensor:
        """(n, width) to (n, kept), float64, on the device of the vectors; rounding is left as 0."""
        matrix, offset = self.matrix.to(vectors.device), self.offset.to(vectors.device)
        vectors = vectors.double()
        cured, size = vectors @ matrix + offset, vectors.abs() @ matrix.abs() + offset.abs()
        return cured.masked_fill_(cured.abs() <= ROUNDING * size, 0.0)


def all_but_the_top(vectors: Tensor, directions: int | None = None) -> Cure:
    """Subtract the mean and the projections on the top principal components.

    directions: how many; left out, a hundredth of the width, at least one (the authors' rule).
    Source: Mu & Viswanath 2018.
    """
    vectors = checked(vectors, "vectors")
    if directions is None:
        directions = max(1, round(vectors.shape[1] / 100))
    top = _components(vectors, directions)
    return _about(vectors.mean(0), _without(top, torch.ones(directions)))


def removal(vectors: Tensor, weights: Sequence[float] | Tensor) -> Cure:
    """Subtract from each vector a share of its projection on each top principal component, not the
    mean.

    weights: one a component, from the top; 1 removes it. Source: Liang et al. 2021.
    """
    vectors, weights = checked(vectors, "vectors"), torch.as_tensor(weights)
    return _about(0 * vectors[0], _without(_components(vectors, len(weights)), weights))


def learn_removal(
    vectors: Tensor,
    first: Tensor,
    second: Tensor,
    similarity: Tensor,
    *,
    directions: int,
    seed: int = 0,
) -> Cure:
    """`removal` with weights learnt from pairs, so that cosines come close to similarities.

    first, second (pairs, width): vectors of the words of a pair, of the same space as `vectors`,
    to which the components belong. similarity (pairs,), between -1 and 1. Weights begin at 1; Adam
    on the mean squared error, gradients clipped to 1. Source: Liang et al. 2021, as in their code.
    """
    vectors = checked(vectors, "vectors")
    first, second = paired(first, second, ("first", "second"))
    if similarity.shape != first.shape[:1]:
        raise ValueError(
            f"similarity is {tuple(similarity.shape)}; with {len(first)} pairs it must be "
            f"({len(first)},)."
        )
    top, similarity = _components(vectors, directions), similarity.double()
    along = [side @ top for side in (first, second)]  # (pairs, directions)
    weights = torch.ones(directions, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=REMOVAL_RATE)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(REMOVAL_EPOCHS):
        for rows in torch.randperm(len(first), generator=generator).split(REMOVAL_BATCH):
            one, other = (
                side[rows] - (part[rows] * weights) @ top.T
                for side, part in zip((first, second), along, strict=True)
            )
            loss = F.mse_loss(F.cosine_similarity(one, other), similarity[rows])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([weights], 1.0)
            optimiser.step()
    return removal(vectors, weights.detach())


def conceptor_negation(vectors: Tensor) -> Cure:
    """x (I - C) with C = R (R + regulariser I)^-1 and R the mean of x'x, uncentred: every
    direction shrunk, the more the louder it is. Source: as the baseline of Liang et al. 2021."""
    vectors = checked(vectors, "vectors")
    values, axes = principal_axes(vectors.T @ vectors / len(vectors))
    # What rounding leaves of none may be far above the regulariser.
    values = torch.where(values > ROUNDING * values[0], values, 0.0)
    return _about(0 * vectors[0], axes * (REGULARISER / (values + REGULARISER)) @ axes.T)


def whitening(vectors: Tensor, k: int | None = None) -> Cure:
    """(x - mean) U L^(-1/2), with U L U' the covariance: uncorrelated and of variance 1.

    k: how many of the components, the largest first; left out, all that vary.
    Raises ValueError too when fewer than k directions vary. Source: Su et al. 2021.
    """
    moved, mean = centred(vectors, "vectors")
    variances, axes = principal_axes(moved.T @ moved / len(moved))
    varying = int((variances > FAINT * variances[0]).sum()) if variances[0] > 0 else 0
    k = varying if k is None else k
    if not 1 <= k <= varying:
        raise ValueError(f"k is {k}; of {len(variances)} directions {varying} vary, so 1 to that.")
    return _about(mean, axes[:, :k] / variances[:k].sqrt())


def standardisation(vectors: Tensor) -> Cure:
    """Each dimension less its mean, over its standard deviation; one that does not vary stays 0.
    Source: Li et al. 2020, table 5 (SN)."""
    moved, mean = centred(vectors, "vectors")
    deviation = moved.square().mean(0).sqrt()
    return _about(mean, torch.diag(torch.where(deviation > 0, 1 / deviation, 0.0)))


def null_top(vectors: Tensor) -> Cure:
    """Less the projection on the top singular vector; the mean stays, in so far as it can.
    Source: Li et al. 2020, table 5 (NATSV)."""
    vectors = checked(vectors, "vectors")
    top = principal_axes(vectors.T @ vectors)[1][:, :1]
    return _about(0 * vectors[0], _without(top, torch.ones(1)))


def _components(vectors: Tensor, count: int) -> Tensor:
    """The top principal components, (width, count), the largest first."""
    moved, _ = centred(vectors, "vectors")
    width = moved.shape[1]
    if not 1 <= count <= width:
        raise ValueError(f"directions is {count}; with a width of {width} allowed is 1 to {width}.")
    return principal_axes(moved.T @ moved)[1][:, :count]


def _about(origin: Tensor, matrix: Tensor) -> Cure:
    """x -> (x - origin) @ matrix."""
    return Cure(matrix, -origin @ matrix)


def _without(directions: Tensor, weights: Tensor) -> Tensor:
    identity = torch.eye(len(directions)).to(directions)
    return identity - (directions * weights.to(directions)) @ directions.T


@dataclass(frozen=True)
class Flow:
    """From vectors to latents, in float64. model: zuko's flow; `model().transform` is f^-1, which
    has an inverse, and `model().log_prob` the log-likelihood in nats."""

    model: zuko.flows.Flow
    width: int

    def __call__(self, vectors: Tensor) -> Tensor:
        """The latents z = f^-1(u): (n, width) to (n, width), on the device of the vectors.
        Raises ValueError when the width is another."""
        rows = checked(vectors, "vectors")
        if rows.shape[1] != self.width:
            raise ValueError(f"vectors has a width of {rows.shape[1]}; the flow's is {self.width}.")
        fitted, transform = next(self.model.parameters()).device, self.model().transform
        blocks = rows.to(fitted).split(ROWS_AT_ONCE)
        return torch.cat([transform(block) for block in blocks]).to(rows.device)


def fit_flow(vectors: Tensor) -> Flow:
    """An invertible flow that makes the vectors (n, width) a standard Gaussian, fitted by maximum
    likelihood, with Adam, on their device.

    A step of f^-1 scales and shifts every dimension (Glow's actnorm), permutes the dimensions at
    random and adds to one half what a small network makes of the other (additive coupling); one
    more scale and shift come last. Couplings keep volumes, so the scales alone can say how loud a
    dimension is.

    Torch's own random state stays as it is. Training is in float32 on standardised vectors. A
    dimension that does not vary begins as one of deviation 1. Raises ValueError when vectors are
    not (n, width), both 2 and up, or not finite; ArithmeticError where the likelihood runs off.
    Source: Li et al. 2020 (BERT-flow); Kingma & Dhariwal 2018 (Glow).
    """
    vectors, still = checked(vectors, "vectors"), ~varies(vectors)
    n, width = vectors.shape
    if n < 2 or width < 2:
        raise ValueError(f"vectors is {(n, width)}; a flow needs (n, width), both 2 and up.")
    mean, deviation = vectors.mean(0), vectors.std(0, correction=0)
    log_scale = torch.where(still, 0.0, -deviation.log())
    # Couplings begin at nothing, so actnorms after this one begin with standardised vectors and are
    # the identity. It stays fixed: in float32 a step on the scale of a big mean would be too coarse.
    first = UnconditionalTransform(_actnorm, mean, log_scale, buffer=True)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # torch.manual_seed would reseed GPUs for good
        steps = [_learnt_actnorm(width)]
        for _ in range(COUPLINGS):
            permuted = torch.randperm(width)
            steps.append(UnconditionalTransform(PermutationTransform, permuted, buffer=True))
            steps += [_coupling(width), _learnt_actnorm(width)]
        base = UnconditionalDistribution(
            zuko.distributions.DiagNormal, torch.zeros(width), torch.ones(width), buffer=True
        )
        model = zuko.flows.Flow(steps, base).to(vectors.device)
        _maximise(model, first()(vectors).float())
    model = zuko.flows.Flow([first, *steps], base).double().requires_grad_(False)
    return Flow(model, width)


def _maximise(model: zuko.flows.Flow, vectors: Tensor) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(vectors)).split(BATCH):
            loss = -model().log_prob(vectors[rows.to(vectors.device)]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if not loss.isfinite():
            raise ArithmeticError(
                "vectors have a likelihood that has run off; try fewer or others."
            )


def _learnt_actnorm(width: int) -> LazyTransform:
    return UnconditionalTransform(_actnorm, torch.zeros(width), torch.zeros(width))


def _actnorm(mean: Tensor, log_scale: Tensor) -> AffineTransform:
    """x -> (x - mean) exp(log_scale)."""
    scale = log_scale.exp()
    return AffineTransform(-mean * scale, scale, event_dim=1)


def _coupling(width: int) -> LazyTransform:
    """The first half as it is, and the second plus a network of the first."""
    mask = torch.arange(width) < width // 2
    coupling = GeneralCouplingTransform(
        width, mask=mask, univariate=AdditiveTransform, shapes=((),), hidden_features=HIDDEN
    )
    for parameter in coupling.hyper[-1].parameters():
        torch.nn.init.zeros_(parameter)
    return coupling


# A cure by name: from the vectors it is fitted on to the function that it is.
CURES: dict[str, Callable[[Tensor], Callable[[Tensor], Tensor]]] = {
    "original": lambda _: lambda vectors: vectors.double(),
    "all_but_the_top": all_but_the_top,
    "null_top": null_top,
    "standardisation": standardisation,
    "conceptor_negation": conceptor_negation,
    "whitening": whitening,
    # Of the directions that can vary: fewer vectors than dimensions leave some flat.
    "whitening_third": lambda vectors: whitening(
        vectors, max(1, min(vectors.shape[1], len(vectors) - 1) // 3)
    ),
    "flow": fit_flow,
}
