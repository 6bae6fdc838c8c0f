"""Vectors that are checked and brought to float64; two whose rows go together, to one device."""

from __future__ import annotations

from torch import Tensor


def paired(first: Tensor, second: Tensor, names: tuple[str, str]) -> tuple[Tensor, Tensor]:
    """Both (n, width), widths of their own, in float64 on the device of the first.

    Raises ValueError, with the names given, when a shape is not (n, width), a value is not finite,
    or the two have not as many rows.
    """
    first, second = (
        checked(vectors, name) for name, vectors in zip(names, (first, second), strict=True)
    )
    if len(first) != len(second):
        raise ValueError(
            f"{names[0]} has {len(first)} rows and {names[1]} {len(second)}; rows go together."
        )
    return first, second.to(first.device)


def checked(vectors: Tensor, name: str) -> Tensor:
    """(n, width) in float64. Raises ValueError, with the name given, for other shapes and values."""
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(f"{name} is {tuple(vectors.shape)}; it must be (n, width), no zero.")
    if not vectors.isfinite().all():
        raise ValueError(f"{name} has values that are not finite.")
    if vectors.device.type == "mps":
        vectors = vectors.cpu()  # MPS has no float64
    return vectors.detach().double()
