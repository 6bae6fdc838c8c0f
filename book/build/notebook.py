"""Derives a chapter's notebook, in which every exercise stands first as its stub, then solved.

Both are executed in one go: the check after the stub has to say that nothing is answered yet, the
one after the solution that it is right. So the two cannot drift apart. For a reader the solved part
is folded; from what a learner gets it is cut off, and no output above the cut knows a solution.

What is offered for download, or to a class, is plain: opened in Jupyter, a MyST directive would show as
a block of code and a role as a stray brace, so both are replaced by what they stand for. Its first cell
installs the library where it is missing.
"""

import re
from pathlib import Path

import nbformat

from isomorph import __version__
from isomorph.exercises import WORDS

from .chapters import BadRequest, BookError, Layout, discover, read_text, select
from .solutions import FENCE, LABEL, Exercise, find_exercises, split

ROLES = {"unanswered": "unanswered", "solved": "right"}
"""What the check in a cell of that role has to say, by the states of `Feedback`."""
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
KEPT_BACK = ("solution", "solved", "fold")
OPEN_FOLD = '<details class="solution">\n<summary>Solution</summary>'
CLOSE_FOLD = "</details>"
LEARNERS, TEACHERS = "students", "teachers"
OPTION = re.compile(r"^:[\w-]+:.*\n?", re.MULTILINE)
TARGET = re.compile(r"^\([\w.:-]+\)=[ \t]*\n", re.MULTILINE)
ROLE = re.compile(r"\{(?P<kind>[\w:+-]+)\}`(?P<text>[^`]+)`")
LABELLED = re.compile(r"^(?P<label>.+?)\s*<[^<>]+>$", re.DOTALL)
MATH_KINDS = {"math", "eq-block"}
INVISIBLE = {"bibliography", "tableofcontents", "contents", "toctree", "raw"}
CODE_KINDS = {"code", "code-block", "literalinclude"}
ADDED_METADATA = ("papermill", "execution")
HIDING_TAGS = {"hide-input", "hide-cell", "remove-input"}
INSTALL = """# @title Install Isomorph where it is missing
try:
    import isomorph
except ImportError:
    %pip install --quiet "{}"
"""


def derive(source: Path) -> nbformat.NotebookNode:
    """The notebook of the chapter at `source`, not executed, the same at every call.

    The metadata `isomorph` of a cell holds `cell`, its number in the source counted from 1, and in
    an exercise `exercise`, its identifier, and `role`: stub, unanswered, solution or solved.
    Raises BookError when the file is not one that jupytext can read, or when the marks of an
    exercise are malformed.
    """
    import jupytext

    text = read_text(source, source.parents[2])
    try:
        book = jupytext.reads(text, fmt="py:percent")
    except Exception as error:  # noqa: BLE001 - whatever its parsers of YAML and JSON raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        named = f"chapters/{source.parent.name}/{source.name}"
        raise BookError(f"jupytext cannot read {named}: {reason}") from None
    exercises = find_exercises(book.cells, source)
    for number, cell in enumerate(book.cells, start=1):
        cell.metadata["isomorph"] = {"cell": number}
    by_stub = {exercise.stub: exercise for exercise in exercises}
    within = {place for exercise in exercises for place in exercise.cells}
    cells = []
    for place, cell in enumerate(book.cells):
        if place in by_stub:
            cells += _both(book.cells, by_stub[place])
        elif place not in within:
            cells.append(cell)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # jupytext draws new ones, and a page must not change
    book.cells = cells
    book.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        }
    )
    return book


def _both(cells: list, exercise: Exercise) -> list:
    """The cells of an exercise: stub and check, then solution and check."""
    stub, solution = split(cells[exercise.stub].source)
    parts = [
        (cells[exercise.stub], "stub", stub),
        (cells[exercise.check], "unanswered", None),
        (cells[exercise.stub], "solution", solution),
        *((cells[place], "solution", None) for place in exercise.solution),
        (cells[exercise.check], "solved", None),
    ]
    copies = []
    for cell, role, code in parts:
        copy = nbformat.from_dict(cell)
        copy.source = cell.source if code is None else code
        copy.metadata["isomorph"] |= {"exercise": exercise.identifier, "role": role}
        copies.append(copy)
    return copies


def role(cell) -> str | None:
    """What a cell is in its exercise, or None outside of one."""
    return cell.metadata.get("isomorph", {}).get("role")


def wrong_check(cell) -> str:
    """Of an executed check what it says, in a sentence, where that is not what it has to; else empty."""
    expected = ROLES.get(role(cell))
    said = " ".join(
        output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", ())
    )
    if expected is None or said.startswith(WORDS[expected]):
        return ""
    part = "stub" if expected == "unanswered" else "solution"
    return f"the {part} of {cell.metadata['isomorph']['exercise']} is told: {said or 'nothing'}"


def plain_text(text: str) -> str:
    """What a terminal would show of `text`, without its colours."""
    return ANSI.sub("", text)


def fold(
    notebook: nbformat.NotebookNode, before: str = OPEN_FOLD, after: str = CLOSE_FOLD
) -> nbformat.NotebookNode:
    """A copy in which `before` and `after`, as Markdown, enclose the solution of each exercise."""
    copy, cells = nbformat.from_dict(notebook), []
    for cell in copy.cells:
        inside, follows = role(cell) in KEPT_BACK, bool(cells) and role(cells[-1]) in KEPT_BACK
        if inside and not follows and before:
            cells.append(_fold_cell(before, f"fold-{len(cells)}"))
        cells.append(cell)
        if role(cell) == "solved" and after:
            cells.append(_fold_cell(after, f"fold-{len(cells)}"))
    copy.cells = cells
    return copy


def _fold_cell(text: str, name: str):
    marked = {"isomorph": {"role": "fold"}}
    return nbformat.v4.new_markdown_cell(text, id=name, metadata=marked)


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy that ends each exercise after the check of its stub."""
    copy = nbformat.from_dict(notebook)
    copy.cells = [cell for cell in copy.cells if role(cell) not in KEPT_BACK]
    return copy


def export(folder: Path, layout: Layout, chapter: str | None = None) -> list[Path]:
    """Write `students/<part>/<name>.ipynb` and the same for `teachers` into `folder`.

    Nothing is executed. In a teacher's notebook the solution of an exercise follows its stub.
    Returns the files, a pair a chapter. Raises BadRequest when `chapter` names nothing or `folder`
    already holds such notebooks, which somebody may have changed, and BookError when a chapter's
    marks are malformed; nothing is written then.
    """
    for each in (LEARNERS, TEACHERS):
        if (folder / each).exists():
            raise BadRequest(f"{folder / each} is there already: name another folder")
    written = {}
    for chosen in select(discover(layout), chapter):
        notebook = derive(chosen.source(layout))
        solved = fold(notebook, before="**Solution**", after="")
        for whose, copy in ((LEARNERS, without_solutions(notebook)), (TEACHERS, solved)):
            plain = plain_notebook(copy, layout.repository)
            written[folder / whose / f"{chosen.page}.ipynb"] = plain
    for path, copy in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(copy, path)
    return list(written)


def release(repository: str = "") -> str:
    """What pip is to install: this version's wheel among the releases of `repository`, or without one
    this version from the package index, with the pretrained models that some chapters read."""
    if not repository:
        return f"isomorph[models]=={__version__}"
    wheel = f"isomorph-{__version__}-py3-none-any.whl"
    return f"isomorph[models] @ {repository}/releases/download/v{__version__}/{wheel}"


def plain_notebook(notebook: nbformat.NotebookNode, repository: str = "") -> nbformat.NotebookNode:
    """A copy of `notebook` whose Markdown cells are ordinary Markdown, outputs untouched, after a
    collapsed cell that installs the `release` where it is missing.

    Code that the page folds away is collapsed: Jupyter knows nothing of the page's tags.
    """
    copy = without_traces(notebook)
    for cell in copy.cells:
        cell.metadata.pop("isomorph", None)
        if cell.cell_type == "code" and HIDING_TAGS & set(cell.metadata.get("tags", ())):
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source)
    install = nbformat.v4.new_code_cell(INSTALL.format(release(repository)).strip(), id="install")
    # Jupyter reads the one, Colab the other.
    install.metadata |= {"jupyter": {"source_hidden": True}, "cellView": "form"}
    copy.cells.insert(0, install)
    return copy


def without_traces(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without what execution added: times, statuses and folders of the building machine."""
    copy = nbformat.from_dict(notebook)
    copy.metadata = nbformat.from_dict(
        {key: copy.metadata[key] for key in ("kernelspec", "language_info") if key in copy.metadata}
    )
    for cell in copy.cells:
        for key in ADDED_METADATA:
            cell.metadata.pop(key, None)
    return copy


def plain_markdown(text: str) -> str:
    """MyST to ordinary Markdown: directives become quotes, roles become their text."""
    return ROLE.sub(_role, TARGET.sub("", FENCE.sub(_directive, text)))


def _directive(match: re.Match) -> str:
    kind, title = match["kind"], match["title"].strip()
    body = OPTION.sub("", match["body"]).strip("\n")
    if kind in MATH_KINDS:
        return f"$$\n{body}\n$$"
    if kind in CODE_KINDS:
        return f"```{title}\n{body}\n```"
    if kind in INVISIBLE:
        return ""
    if kind == "exercise" and (label := LABEL.search(match["body"])):
        kind = f"exercise {label[1]}"  # the page numbers it, and a notebook does not
    name = title if kind == "admonition" else kind.split(":")[-1].replace("-", " ").capitalize()
    body = FENCE.sub(_directive, body)  # a directive may hold another
    head = f"**{name}**" if kind == "admonition" or not title else f"**{name}: {title}**"
    lines = [head, "", *body.splitlines()] if body else [head]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _role(match: re.Match) -> str:
    kind, text = match["kind"], match["text"]
    if kind == "math":
        return f"${text}$"
    labelled = LABELLED.match(text)
    if labelled:
        return labelled["label"]
    if kind.startswith("cite"):
        return f"[{text}]"
    return text
