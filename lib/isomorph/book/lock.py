"""One build at a time in a checkout, and no `make clean` under its feet.

The lock is a file beside `_build`, which `make clean` removes; the system lets go of it when the
process that holds it ends, however it does. This file imports nothing but the standard library, so
that `make clean`, which runs it as a script, needs no environment.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


class Busy(Exception):
    """Another process builds here; its text is one plain sentence."""


@contextlib.contextmanager
def alone(build: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the folder `build` against other processes; when one holds it, wait, and say for whom.

    Raises Busy instead where `wait` is False.
    """
    with build.with_suffix(".lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            holder = f"process {held.read().strip() or '(unknown)'} builds in {build.parent}"
            if not wait:
                raise Busy(holder) from None
            print(f"{holder}: waiting for it to end", flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        yield


if __name__ == "__main__":
    try:
        with alone(Path(sys.argv[1]).absolute(), wait=False):
            subprocess.run(["rm", "-rf", sys.argv[1]], check=True)
    except Busy as busy:
        sys.exit(f"{busy}: end it first")
