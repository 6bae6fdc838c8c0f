"""Finds a chapter's exercises, and says in one sentence what is wrong with their marks.

Two marks divide what a learner gets from what is kept back. In the code cell of an exercise, what
stands below a line `# solution` is the solution, and what stands above is the stub. Cells with the
tag `solution` are kept back whole. An exercise is a question, its stub, and then, in any order, one
check and cells of the solution:

    # %% [markdown]
    # ```{exercise} Which way does it go?
    # :label: example.1
    # Does the curve rise, fall or stay?
    # ```
    # %%
    answer = ...
    # solution
    answer = "rises"
    # %%
    check("example.1", answer)
    # %% [markdown] tags=["solution"]
    # More words, more translations.
"""

import ast
import contextlib
import re
import symtable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from isomorph.exercises import checks

from .chapters import BookError, checks_of

FENCE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>[\w:+-]+)\}[ \t]*(?P<title>[^\n]*)\n"
    r"(?P<body>.*?)^(?P=fence)[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
LABEL = re.compile(r"^:label:[ \t]*(\S+)", re.MULTILINE)
MARK = "# solution"
NEARLY_MARK = re.compile(
    r"^[ \t]*#[ \t]*solutions?[ \t]*[:.]?[ \t]*$", re.IGNORECASE | re.MULTILINE
)
FENCED = re.compile(r"^(`{3,}|:{3,}).*?^\1", re.DOTALL | re.MULTILINE)
CHECKS = ("check", "exercises.check")
CALL = re.compile(r"(?<![\w.])(exercises\.)?check\(")
HEADING = re.compile(r"^(#{1,6} |[^\n]+\n(=+|-+)[ \t]*$)", re.MULTILINE)
OTHER_DIRECTIVES = {"exercise-start", "exercise-end", "solution", "solution-start", "solution-end"}


@dataclass(frozen=True)
class Exercise:
    """An exercise by the places of its cells in the source, counted from 0."""

    identifier: str
    stub: int
    check: int
    solution: tuple[int, ...]

    @property
    def cells(self) -> tuple[int, ...]:
        return (self.stub, self.check, *self.solution)


def find_exercises(cells: list, source: Path) -> list[Exercise]:
    """The exercises among the notebook cells of the chapter at `source`, in order.

    Raises BookError, with the chapter and the cell, when a mark, a check or a question is not as it
    has to be, or when a copy without solutions would lack something.
    """
    for place, cell in enumerate(cells):
        _well_marked(cell, source, place)
    exercises: list[Exercise] = []
    asked: tuple[str, int] | None = None
    place = 0
    while place < len(cells):
        if label := _question(cells[place], source, place):
            if asked:
                _stop(source, asked[1], f"exercise {asked[0]} has no cell with '{MARK}' after it")
            asked = (label, place)
        elif _is_stub(cells[place]):
            exercise = _gather(cells, place, source)
            if not asked or asked[0] != exercise.identifier:
                question = f"'{asked[0]}'" if asked else "no exercise"
                _stop(source, place, f"{exercise.identifier} is checked, but {question} is asked")
            exercises, asked, place = [*exercises, exercise], None, max(exercise.cells)
        elif _is_solution(cells[place]) or _checked(cells[place], source, place):
            _stop(source, place, f"a solution or a check without a cell with '{MARK}' before it")
        place += 1
    if asked:
        _stop(source, asked[1], f"exercise {asked[0]} has no cell with '{MARK}' after it")
    _known(exercises, source)
    _independent(cells, exercises, source)
    return exercises


def split(code: str) -> tuple[str, str]:
    """The stub and the solution of a cell with the mark."""
    lines = code.splitlines()
    at = lines.index(MARK)
    return "\n".join(lines[:at]).strip(), "\n".join(lines[at + 1 :]).strip()


def _stop(source: Path, place: int, sentence: str) -> NoReturn:
    raise BookError(f"chapters/{source.parent.name}/{source.name}, cell {place + 1}: {sentence}.")


def _tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def _is_stub(cell) -> bool:
    return cell.cell_type == "code" and MARK in cell.source.splitlines()


def _is_solution(cell) -> bool:
    return "solution" in _tags(cell)


def _well_marked(cell, source: Path, place: int) -> None:
    """Stop at a mark that is nearly right: it would give the solution to everybody."""
    for tag in _tags(cell):
        if tag != "solution" and tag.lower() in ("solution", "solutions"):
            _stop(source, place, f"the tag is '{tag}', but it must be 'solution'")
    if cell.cell_type != "code":
        text = FENCED.sub("", cell.source)
        if _is_solution(cell) and HEADING.search(text):
            _stop(source, place, "a solution has a heading, which would end its fold")
        return
    marks = [mark.group() for mark in NEARLY_MARK.finditer(cell.source)]
    for mark in marks:
        if mark != MARK:
            _stop(source, place, f"the mark is '{mark}', but it must be '{MARK}' alone on its line")
    if len(marks) > 1:
        _stop(source, place, f"'{MARK}' stands there {len(marks)} times, but once is allowed")
    if not marks:
        return
    if _is_solution(cell):
        _stop(source, place, f"both '{MARK}' and the tag 'solution' are there, but one is enough")
    stub, solution = split(cell.source)
    if not solution:
        _stop(source, place, f"nothing stands below '{MARK}'")
    for part, code in (("stub", stub), ("solution", solution)):
        try:
            tree = ast.parse(code)
        except SyntaxError as error:
            _stop(source, place, f"the {part} is not Python by itself ({error.msg})")
        dots = any(isinstance(n, ast.Constant) and n.value is ... for n in ast.walk(tree))
        if part == "stub" and not dots:
            _stop(source, place, f"nothing above '{MARK}' is '...', the place for an answer")


def _question(cell, source: Path, place: int) -> str | None:
    """The label of the exercise that a Markdown cell asks."""
    if cell.cell_type != "markdown":
        return None
    directives = list(FENCE.finditer(cell.source))
    for other in {match["kind"] for match in directives} & OTHER_DIRECTIVES:
        _stop(source, place, f"the directive '{other}' is used; only 'exercise' and the marks are")
    asked = [LABEL.search(match["body"]) for match in directives if match["kind"] == "exercise"]
    if not asked:
        return None
    if len(asked) > 1:
        _stop(source, place, "two exercises stand in one cell, but each needs a cell of its own")
    if asked[0] is None:
        _stop(source, place, f"an exercise has no label, such as ':label: {source.stem}.1'")
    return asked[0][1]


def _checked(cell, source: Path, place: int) -> str | None:
    """The identifier in the cell's call of `check`, or None when there is no call."""
    if cell.cell_type != "code" or not CALL.search(cell.source):
        return None
    with contextlib.suppress(SyntaxError):
        match ast.parse(cell.source).body:
            case [ast.Expr(ast.Call(called, [ast.Constant(identifier), _, *_]) as call)] if (
                ast.unparse(called) in CHECKS
                and not any(ast.unparse(n) in CHECKS for a in call.args for n in ast.walk(a))
            ):
                return str(identifier)
    form = f'check("{source.stem}.1", answer)'
    _stop(source, place, f"a check has to be one call and nothing else, such as {form}")


def _gather(cells: list, stub: int, source: Path) -> Exercise:
    """The exercise whose stub is at `stub`: its check and its solution follow at once."""
    checks, solution = {}, []
    for place in range(stub + 1, len(cells)):
        if _is_solution(cells[place]):
            solution.append(place)
        elif identifier := _checked(cells[place], source, place):
            checks[place] = identifier
        else:
            break
    if len(checks) != 1:
        many = "two checks follow" if checks else "no check follows at once"
        _stop(source, stub, f"{many} '{MARK}', but one cell has to call check")
    ((check, identifier),) = checks.items()
    return Exercise(identifier, stub, check, tuple(solution))


def _known(exercises: list[Exercise], source: Path) -> None:
    """Every exercise of the chapter has its checker, and every checker its exercise."""
    known, module = checks(checks_of(source)), f"chapters/{source.parent.name}/checks/{source.name}"
    asked = [exercise.identifier for exercise in exercises]
    for number, exercise in enumerate(exercises):
        if exercise.identifier not in known:
            _stop(source, exercise.check, f"{module} has no exercise '{exercise.identifier}'")
        if exercise.identifier in asked[:number]:
            _stop(source, exercise.check, f"'{exercise.identifier}' is asked twice")
    if missing := ", ".join(sorted(set(known) - set(asked))):
        raise BookError(f"{module} has {missing}, but chapters/*/{source.name} does not ask it.")


def _independent(cells: list, exercises: list[Exercise], source: Path) -> None:
    """Nothing outside of an exercise's solution may need a name that the solution sets."""
    held: dict[str, str] = {}  # a name, and the exercise whose solution sets it
    by_cell = {place: exercise for exercise in exercises for place in exercise.cells}
    for place, cell in enumerate(cells):
        if cell.cell_type != "code" or _is_solution(cell):
            continue
        exercise = by_cell.get(place)
        code = split(cell.source)[0] if exercise and place == exercise.stub else cell.source
        bound, read = _names(code)
        there = set(bound)
        if exercise and place == exercise.check:
            there |= _names(split(cells[exercise.stub].source)[0])[0]
        for name in sorted((read - there) & set(held)):
            whose = f"'{name}' is set by the solution of {held[name]}"
            _stop(source, place, f"{whose}, which a learner does not have: use another name")
        held = {name: identifier for name, identifier in held.items() if name not in bound}
        if exercise and place == exercise.stub:
            kept = [split(cell.source)[1]]
            kept += [cells[p].source for p in exercise.solution if cells[p].cell_type == "code"]
            held |= {name: exercise.identifier for code in kept for name in _names(code)[0]}


def _names(code: str) -> tuple[set[str], set[str]]:
    """The names that a cell sets for later cells, and those that it reads."""
    try:
        top = symtable.symtable(code, "cell", "exec")
    except SyntaxError:  # the execution tells it better
        return set(), set()
    set_here = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    read, tables = {s.get_name() for s in top.get_symbols() if s.is_referenced()}, [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        if table is not top:
            read |= {s.get_name() for s in table.get_symbols() if s.is_global()}
    return set_here, read
