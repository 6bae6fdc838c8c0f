"""Notebooks for a class: learners' without solutions, teachers' with them, from one source."""

from pathlib import Path

from .chapters import BadRequest, Layout, discover, select
from .notebook import derive, fold, without_solutions
from .plain import plain_notebook

LEARNERS, TEACHERS = "students", "teachers"


def export(folder: Path, layout: Layout, chapter: str | None = None) -> list[Path]:
    """Write `students/<part>/<name>.ipynb` and the same for `teachers` into `folder`.

    Nothing is executed. In a teacher's notebook the solution of an exercise follows its stub.
    Returns the files, a pair a chapter. Raises BadRequest when `chapter` names nothing or `folder`
    already holds such notebooks, which somebody may have changed, and BookError when a chapter's
    marks are malformed; nothing is written then.
    """
    import nbformat

    for each in (LEARNERS, TEACHERS):
        if (folder / each).exists():
            raise BadRequest(f"{folder / each} is there already: name another folder")
    written = {}
    for chosen in select(discover(layout), chapter):
        notebook = derive(chosen.source(layout))
        solved = fold(notebook, before="**Solution**", after="")
        for whose, made in ((LEARNERS, without_solutions(notebook)), (TEACHERS, solved)):
            written[folder / whose / f"{chosen.page}.ipynb"] = plain_notebook(made)
    for path, made in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, path)
    return list(written)
