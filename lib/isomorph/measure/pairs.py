"""Vectors that are checked and brought to float64, and the one rule for what does not vary.

Numbers *do not vary* where their spread, the largest less the smallest, is no more than rounding
makes of one number: 4 units in the last place of the type they come in, or `ROUNDING` beside the
largest value of all that are computed with. A measure that needs variation then says nan, and a
transform that cannot be made without it raises ValueError.
"""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDING = 1e-12  # far above what float64 arithmetic leaves, far below what float32 resolves
LARGEST = 1e70  # HSIC multiplies four: far above any number of a float32, and 1 / LARGEST far below
UNITS = 4  # in the last place: neighbours of a rounded number, and theirs


def paired(first: Tensor, second: Tensor, names: tuple[str, str]) -> tuple[Tensor, Tensor]:
    """Both (n, width), widths of their own, in float64 on the device of the first.

    Raises ValueError, with the names given, when a shape is not (n, width), a value is not finite,
    or the two have not as many rows.
    """
    return _together(first, second, names, checked)


def paired_deviations(
    first: Tensor, second: Tensor, names: tuple[str, str]
) -> tuple[Tensor, Tensor]:
    """`paired`, each side less its mean as in `centred`."""
    return _together(first, second, names, lambda *side: centred(*side)[0])


def _together(first, second, names, brought) -> tuple[Tensor, Tensor]:
    first, second = (brought(side, name) for side, name in zip((first, second), names, strict=True))
    if len(first) != len(second):
        raise ValueError(
            f"{names[0]} has {len(first)} rows and {names[1]} {len(second)}; rows go together."
        )
    return first, second.to(first.device)


def checked(vectors: Tensor, name: str) -> Tensor:
    """(n, width) in float64. Raises ValueError, with the name given, for other shapes and values."""
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(f"{name} is {tuple(vectors.shape)}; it must be (n, width), no zero.")
    if vectors.is_complex():
        raise ValueError(f"{name} is {vectors.dtype}; it must hold real numbers.")
    if vectors.device.type == "mps":
        vectors = vectors.cpu()  # MPS has no float64
    values = vectors.detach().double()
    if not values.isfinite().all():
        raise ValueError(f"{name} has values that are not finite.")
    largest = float(values.abs().max())
    if largest > LARGEST or 0 < largest < 1 / LARGEST:
        raise ValueError(
            f"{name} has {largest:g} as its largest value, of which products are lost; allowed is "
            f"{1 / LARGEST:g} to {LARGEST:g}, or zeros alone."
        )
    return values


def scaled(vectors: Tensor, dim: int | tuple[int, ...]) -> Tensor:
    """Vectors over the power of two next to their largest value along `dim`: squares are neither
    infinite nor nothing, and no digit changes."""
    reach = 120 if vectors.dtype == torch.float32 else 1000
    exponents = torch.frexp(vectors.abs().amax(dim, keepdim=True)).exponent.clamp(-reach, reach)
    return vectors * torch.pow(2.0, -exponents.to(vectors.dtype))


def centred(vectors: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Vectors less their mean, (n, width), and the mean, (width,), in float64.

    A dimension that does not vary is exactly 0 in the first, so that its rounding is not taken for
    variance. Errors as of `checked`.
    """
    values = checked(vectors, name)
    mean = values.mean(0)
    still = ~varies(vectors.to(values.device))
    return (values - mean).masked_fill_(still, 0.0), mean


def varies(values: Tensor) -> Tensor:
    """Whether numbers (n, ...) vary along the first dimension, (...) in bool."""
    eps = torch.finfo(values.dtype if values.is_floating_point() else torch.float64).eps
    low, high = (side.double() for side in (values.amin(0), values.amax(0)))
    size = torch.maximum(low.abs(), high.abs())
    return high - low > torch.maximum(UNITS * eps * size, ROUNDING * size.max())


def snapped(values: Tensor) -> Tensor:
    """Numbers as whole multiples of `ROUNDING` beside the largest: equal where rounding told apart."""
    size = values.abs().max().clamp(min=torch.finfo(values.dtype).tiny)
    return (values / size / ROUNDING).round()
