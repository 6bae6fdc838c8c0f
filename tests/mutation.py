"""A sample of small faults, put into the library one at a time: how many do the tests notice?

    python -m pip install cosmic-ray==8.7.0
    python -m tests.mutation --minutes 50              # a new sample each week
    python -m tests.mutation --minutes 5 measure/numerics  # of one module

Cosmic Ray makes the faults, in the files themselves, which it puts back. A module's tests are the
files that import it, those that name it most first. Each fault that no test notices is printed, and
the score in the end. The command fails only where tests fail without a fault.
"""

import argparse
import random
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "lib" / "isomorph"
AREAS = ("measure", "models", "ledger")
FILES = 2  # of tests for each module: its own, and one more that imports it
SECONDS = 300  # a module whose tests take longer is left out
# Types are not evaluated, so `int | None` can be anything.
LEFT_OUT = re.compile("BitOr|ExceptionReplacer|Decorator")


def modules(names: list[str]) -> list[Path]:
    """The modules to sample from; all of the areas and `results.py`, where none is named."""
    every = [path for area in AREAS for path in sorted((LIBRARY / area).glob("[a-z]*.py"))]
    every.append(LIBRARY / "results.py")
    chosen = [LIBRARY / f"{name.removesuffix('.py')}.py" for name in names] or every
    missing = [path for path in chosen if path not in every]
    if missing:
        raise ValueError(f"{missing[0]} is not there; allowed is a module of {AREAS} or results.")
    return chosen


def tests_of(module: Path) -> list[str]:
    """The test files that import a module, at most `FILES`."""
    parts = module.relative_to(LIBRARY.parent).with_suffix("").parts
    package, name = ".".join(parts[:-1]), parts[-1]
    listed = rf"\([^)]*\b{name}\b|[^(\n]*\b{name}\b"
    imports = re.compile(rf"from {package}\.{name} import|from {package} import ({listed})")
    texts = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    found = [path for path, text in texts.items() if imports.search(text)]
    found.sort(key=lambda path: (path.stem != f"test_{name}", -texts[path].count(name), path))
    return [str(path.relative_to(ROOT)) for path in found[:FILES]]


def command(module: Path) -> list[str]:
    return [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests_of(module)]


def faults(module: Path) -> list:
    """Every fault that Cosmic Ray knows to make in a module."""
    from cosmic_ray.commands.init import _all_work_items

    every = (item.mutations[0] for item in _all_work_items([module], {}))
    return [fault for fault in every if not LEFT_OUT.search(fault.operator_name)]


def seconds(module: Path) -> float | None:
    """How long a module's tests take; None where there are none, or they take too long."""
    if not tests_of(module):
        print(f"{module.relative_to(ROOT)}: no test imports it")
        return None
    began = time.monotonic()
    try:
        done = subprocess.run(
            command(module), cwd=ROOT, check=False, capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        print(f"{module.relative_to(ROOT)}: its tests take over {SECONDS} s")
        return None
    if done.returncode:
        raise SystemExit(f"{module}: its tests fail as it is.\n{done.stdout.decode()[-3000:]}")
    return time.monotonic() - began


def main() -> None:
    from cosmic_ray.mutating import mutate_and_test
    from cosmic_ray.work_item import TestOutcome

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "modules", nargs="*", help="such as measure/numerics; all where none is named"
    )
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--seed", type=int, default=date.today().isocalendar().week)
    given = parser.parse_args()
    generator, end = random.Random(given.seed), time.monotonic() + 60 * given.minutes
    waiting, took, noticed, survived = {}, {}, 0, []
    for module in modules(given.modules):
        waiting[module] = generator.sample(every := faults(module), len(every))
    while time.monotonic() < end and (left := [m for m, own in waiting.items() if own]):
        module = generator.choice(left)
        if module not in took:
            took[module] = seconds(module)
        if took[module] is None:
            waiting[module] = []
            continue
        fault = waiting[module].pop()
        result = mutate_and_test([fault], " ".join(command(module)), 3 * took[module] + 10)
        if result.test_outcome == TestOutcome.SURVIVED:
            survived.append(fault)
            print(f"not noticed: {module.relative_to(ROOT)}\n{result.diff}\n", flush=True)
        elif result.test_outcome is not None:
            noticed += 1
    tried = noticed + len(survived)
    share = f", {100 * noticed / tried:.0f}%" if tried else ""
    print(f"{noticed} of {tried} faults in {sum(map(bool, took.values()))} modules noticed{share}")


if __name__ == "__main__":
    main()
