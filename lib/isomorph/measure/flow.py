"""A cure that bends: an invertible flow that makes the vectors a standard Gaussian (BERT-flow).

z = f^-1(u) for vectors u, with f fitted by maximum likelihood. A step of f^-1 scales and shifts every
dimension (Glow's actnorm), permutes the dimensions at random and adds to one half what a small network
makes of the other (additive coupling); one more scale and shift come last. Couplings keep volumes as
they are, so the scales alone can say how loud a dimension is.

`fit_flow` gives a `Flow`, which applies to any vectors of the same width. Built from zuko.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import zuko
from torch import Tensor
from tqdm.auto import tqdm
from zuko.flows.coupling import GeneralCouplingTransform
from zuko.lazy import LazyTransform, UnconditionalDistribution, UnconditionalTransform
from zuko.transforms import AdditiveTransform, AffineTransform, PermutationTransform

from isomorph.measure.pairs import checked, varies

ROWS_AT_ONCE = 2**14


@dataclass(frozen=True)
class Flow:
    """From vectors to latents and back, in float64. All raise ValueError when the width is another.

    model: zuko's flow; `model().transform` is f^-1 and differentiable.
    width: of the vectors and of the latents.
    """

    model: zuko.flows.Flow
    width: int

    def __call__(self, vectors: Tensor) -> Tensor:
        """The latents z = f^-1(u): (n, width) to (n, width), on the device of the vectors."""
        return self._by_blocks(self.model().transform, vectors, "vectors")

    def inverse(self, z: Tensor) -> Tensor:
        """The vectors u = f(z): (n, width) to (n, width)."""
        return self._by_blocks(self.model().transform.inv, z, "z")

    def log_likelihood(self, vectors: Tensor) -> Tensor:
        """log N(z; 0, I) + log |det dz/du|, (n,), in nats."""
        return self._by_blocks(self.model().log_prob, vectors, "vectors")

    def _by_blocks(self, function: Callable[[Tensor], Tensor], rows: Tensor, name: str) -> Tensor:
        rows = checked(rows, name)
        if rows.shape[1] != self.width:
            raise ValueError(f"{name} has a width of {rows.shape[1]}; the flow's is {self.width}.")
        fitted = next(self.model.parameters()).device
        blocks = rows.to(fitted).split(ROWS_AT_ONCE)
        return torch.cat([function(block) for block in blocks]).to(rows.device)


def fit_flow(
    vectors: Tensor,
    *,
    epochs: int = 10,
    batch: int = 256,
    learning_rate: float = 1e-3,
    transforms: int = 4,
    hidden: Sequence[int] = (256,),
    seed: int = 0,
    progress: bool = False,
) -> Flow:
    """Fit a flow to vectors (n, width) by maximum likelihood, with Adam, on their device.

    transforms: how many couplings. hidden: widths of the layers of each coupling's network; () makes
        it linear. seed: of the permutations, the first weights and the batches; torch's own random
        state stays as it is. progress: show a bar of epochs, with the loss in nats a vector.
    The defaults are modest, three seconds on one core for 3,000 vectors of 384; the paper's flow is
    deeper. Training is in float32 on standardised vectors. A dimension that does not vary begins as
    one of deviation 1. More epochs fit these vectors ever better but others, from some point on,
    worse: with few vectors a dimension, look at the likelihood of some that were held out.
    Raises ValueError when vectors are not (n, width), both 2 and up, or not finite, when a number is
    below 1, or when the learning rate is not above 0; ArithmeticError where that makes it diverge.
    Source: Li et al. 2020 (BERT-flow; additive couplings and permutations); Kingma & Dhariwal 2018
    (Glow; actnorm, and couplings that begin at nothing).
    """
    numbers = [("epochs", epochs), ("batch", batch), ("transforms", transforms)]
    for name, value in numbers + [("hidden", size) for size in hidden]:
        if not value >= 1:
            raise ValueError(f"{name} is {value}; allowed is 1 and up.")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate is {learning_rate}; allowed is a number above 0.")
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
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed GPUs for good
        steps = [_actnorm_of(width)]
        for _ in range(transforms):
            steps += [_permutation(width), _coupling(width, hidden), _actnorm_of(width)]
        base = UnconditionalDistribution(
            zuko.distributions.DiagNormal, torch.zeros(width), torch.ones(width), buffer=True
        )
        model = zuko.flows.Flow(steps, base).to(vectors.device)
        _maximise(model, first()(vectors).float(), epochs, batch, learning_rate, progress)
    model = zuko.flows.Flow([first, *steps], base).double().requires_grad_(False)
    return Flow(model, width)


def _maximise(
    model: zuko.flows.Flow,
    vectors: Tensor,
    epochs: int,
    batch: int,
    learning_rate: float,
    progress: bool,
) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    bar = tqdm(range(epochs), desc="flow", unit="epoch", disable=not progress)
    for _ in bar:
        for rows in torch.randperm(len(vectors)).split(batch):
            loss = -model().log_prob(vectors[rows.to(vectors.device)]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if not loss.isfinite():
            raise ArithmeticError(
                f"learning_rate is {learning_rate}; the likelihood has run off, so try a smaller one."
            )
        bar.set_postfix(nats=f"{loss.item():.1f}")


def _actnorm_of(width: int) -> LazyTransform:
    return UnconditionalTransform(_actnorm, torch.zeros(width), torch.zeros(width))


def _actnorm(mean: Tensor, log_scale: Tensor) -> AffineTransform:
    """x -> (x - mean) exp(log_scale)."""
    scale = log_scale.exp()
    return AffineTransform(-mean * scale, scale, event_dim=1)


def _permutation(width: int) -> LazyTransform:
    return UnconditionalTransform(PermutationTransform, torch.randperm(width), buffer=True)


def _coupling(width: int, hidden: Sequence[int]) -> LazyTransform:
    """The first half as it is, and the second plus a network of the first."""
    mask = torch.arange(width) < width // 2
    coupling = GeneralCouplingTransform(
        width, mask=mask, univariate=AdditiveTransform, shapes=((),), hidden_features=hidden
    )
    for parameter in coupling.hyper[-1].parameters():
        torch.nn.init.zeros_(parameter)
    return coupling
