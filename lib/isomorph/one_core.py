"""How many threads compute: one, unless ISOMORPH_THREADS says otherwise.

Sums in another order give other last digits, and training lets them grow: rows say how many threads
made them, and one is what every machine has. Two processes of one thread also finish more than one
process of two.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "ISOMORPH_THREADS"
# What the libraries that compute read when they are loaded.
POOLS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS",
)  # fmt: skip
# glibc gives every large tensor back to the system when it dies, and the next step asks for all of
# its pages anew: a tenth of a training run's time was the system's, and is not when they are kept.
# Other C libraries do not read these.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}


def threads() -> int:
    """How many threads a run may use. Raises ValueError when ISOMORPH_THREADS is no such number."""
    count = os.environ.get(VARIABLE) or "1"
    if not count.isdecimal() or int(count) < 1:
        raise ValueError(f"{VARIABLE} is {count!r}, but it must be a whole number above 0.")
    return int(count)


@contextmanager
def with_threads(count: int | None) -> Iterator[None]:
    """As if ISOMORPH_THREADS said `count`; None leaves what it says."""
    before = os.environ.get(VARIABLE)
    if count is not None:
        os.environ[VARIABLE] = str(count)
    try:
        threads()  # refuses what makes no sense before any work
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before


def environment() -> dict[str, str]:
    """For a process of its own, such as a chapter or a run of a sweep."""
    count = str(threads())
    return dict.fromkeys((VARIABLE, *POOLS), count) | MEMORY


@contextmanager
def limited() -> Iterator[int]:
    """Compute with so many threads, in a process that may have begun with more; how many."""
    import torch
    from threadpoolctl import threadpool_limits

    count, before = threads(), torch.get_num_threads()
    with threadpool_limits(count):
        torch.set_num_threads(count)
        try:
            yield count
        finally:
            torch.set_num_threads(before)
