"""Exercises in the book: two marks, one source, and copies with and without solutions."""

import re
import shutil

import jupytext
import nbformat
import papermill
import pytest
from book import build as book
from book.build import execute_all
from book.build import notebook as course
from book.build.chapters import (
    BadRequest,
    BookError,
    Chapter,
    Layout,
    checks_of,
    discover,
    expected_manifest,
)
from book.build.notebook import derive, fold, role, without_solutions, wrong_check
from book.build.solutions import find_exercises, split
from typer.testing import CliRunner

from isomorph import cli
from tests import small_book
from tests.example_chapter import SOURCE

EXAMPLE = Chapter("cross_lingual", "example")
SMOKE = {"size": "smoke", "recompute": False}
SECRETS = (
    'answer = "rises"',
    "quokka",
    "wombat",
    "alike = [",
    "return sum(",
    "anchors=0.5",
    '"many", "some"',
)
CHECKS = book.ROOT / "tests" / "checks"
CHAPTERS = discover(Layout(book.ROOT))


def write(tmp_path, text=SOURCE, name="example"):
    path = tmp_path / "chapters" / "cross_lingual" / f"{name}.py"
    shutil.copytree(CHECKS, path.parent / "checks", dirs_exist_ok=True)
    path.write_text(text)
    return path


def texts(notebook):
    """All that a notebook holds, sources and outputs."""
    return "\n".join(f"{cell.source}\n{cell.get('outputs')}" for cell in notebook.cells)


def told(notebook):
    """What the checks of an executed notebook say, in order."""
    return [
        output["data"]["text/plain"].split(".")[0]
        for cell in notebook.cells
        if "exercises.check" in cell.source
        for output in cell.outputs
    ]


def test_the_stub_stands_above_the_mark_and_the_solution_below():
    assert split("x = ...\n# solution\nx = 1\n") == ("x = ...", "x = 1")
    assert split("x = ...  # one\n\n\n# solution\n\n\nx = 1") == ("x = ...  # one", "x = 1")


def test_every_exercise_is_found_with_its_cells(tmp_path):
    source = write(tmp_path)
    cells = jupytext.read(source, fmt="py:percent").cells
    found = find_exercises(cells, source)
    assert [one.identifier for one in found] == [f"example.{n}" for n in range(1, 6)]
    assert all("exercises.check" in cells[one.check].source for one in found)
    assert [len(one.solution) for one in found] == [1, 1, 0, 0, 0]


def test_a_chapter_without_exercises_is_left_as_it_is(tmp_path):
    source = write(tmp_path, small_book.source(small_book.FIGURE_CELL), "needle")
    plain = jupytext.read(source, fmt="py:percent")
    derived = derive(source)
    assert [cell.source for cell in derived.cells] == [cell.source for cell in plain.cells]
    assert fold(derived) == without_solutions(derived) == derived


def test_in_a_derived_notebook_the_stub_is_checked_before_the_solution(tmp_path):
    notebook = derive(write(tmp_path))
    nbformat.validate(notebook)
    assert notebook == derive(write(tmp_path))  # the same at every call
    first = [c for c in notebook.cells if c.metadata["isomorph"].get("exercise") == "example.1"]
    assert [role(c) for c in first] == ["stub", "unanswered", "solution", "solution", "solved"]
    assert first[0].source == 'answer = ...  # "rises", "falls" or "stays"'
    assert first[2].source == 'answer = "rises"'
    assert first[1].source == first[4].source == 'exercises.check("example.1", answer)'
    assert [c.metadata["isomorph"]["cell"] for c in first] == [5, 6, 5, 7, 6]


def test_both_versions_come_from_one_source_and_do_what_they_promise(tmp_path):
    source = write(tmp_path)
    layout = Layout(small_book.make(tmp_path / "root", {EXAMPLE.page: source.read_text()}))
    written = course.export(tmp_path / "course", layout)
    assert [path.relative_to(tmp_path / "course").as_posix() for path in written] == [
        "students/cross_lingual/example.ipynb",
        "teachers/cross_lingual/example.ipynb",
    ]
    students, teachers = (nbformat.read(path, as_version=4) for path in written)
    for secret in SECRETS:
        assert secret not in texts(students), secret
        assert secret in texts(teachers), secret
    for notebook in (students, teachers):
        nbformat.validate(notebook)
        assert "```{exercise}" not in texts(notebook)
        assert "**Exercise example.1: Which way?**" in texts(notebook)
        assert not any("isomorph" in cell.metadata for cell in notebook.cells)
    outcomes = {}
    for path in written:
        done = tmp_path / f"{path.parts[-3]}.ipynb"
        papermill.execute_notebook(
            str(path), str(done), kernel_name="python3", progress_bar=False, cwd=layout.root
        )
        outcomes[path.parts[-3]] = nbformat.read(done, as_version=4)
    assert told(outcomes["students"]) == ["Not answered yet"] * 5
    assert told(outcomes["teachers"]) == ["Not answered yet", "Right"] * 5
    assert "the last cell knows 64 words" in texts(outcomes["students"])


def test_a_course_overwrites_nothing_and_chooses_chapters(built_book, tmp_path):
    layout = Layout(built_book[0])
    assert len(course.export(tmp_path, layout, "plain")) == 2
    with pytest.raises(BadRequest, match="students is there already: name another folder"):
        course.export(tmp_path, layout)
    with pytest.raises(BadRequest, match="no chapter called 'haystack'"):
        course.export(tmp_path / "other", layout, "haystack")
    assert len(list(tmp_path.rglob("*.ipynb"))) == 2


def test_the_course_command(tmp_path):
    asked = CliRunner().invoke(cli.app, ["course", str(tmp_path / "course")])
    assert asked.exit_code == 0, asked.output
    assert f"{2 * len(CHAPTERS)} notebooks are in {tmp_path / 'course'}" in asked.stdout
    again = CliRunner().invoke(cli.app, ["course", str(tmp_path / "course")])
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_the_notebook_that_a_page_offers_has_stubs_only(built_book):
    html = built_book[0] / "_build" / "html"
    offered = nbformat.read(html / "_sources" / "cross_lingual" / "example.ipynb", as_version=4)
    assert told(offered) == ["Not answered yet"] * 5
    for secret in (*SECRETS, "Right.", "<details"):
        assert secret not in texts(offered), secret
    assert not any("isomorph" in cell.metadata for cell in offered.cells)
    assert "the last cell knows 64 words" in texts(offered)
    page = (html / "cross_lingual" / "example.html").read_text()
    assert "quokka" in page and page.count('<details class="solution">') == 5
    assert page.count("<strong>Right.</strong>") == 5


def test_a_page_that_is_not_executed_folds_its_solutions_too(tmp_path):
    from book.build.site import stage_pages

    root = small_book.make(tmp_path / "root", {EXAMPLE.page: SOURCE})
    stage = stage_pages(Layout(root), [EXAMPLE], set(), SMOKE)
    staged = nbformat.read(stage / "cross_lingual" / "example.ipynb", as_version=4)
    inside, depth = [], 0
    for cell in staged.cells:
        depth += cell.source.count("<details") - cell.source.count("</details")
        inside += [cell.source] if depth else []
    assert depth == 0
    outside = [cell.source for cell in staged.cells if cell.source not in inside]
    assert "quokka" in "\n".join(inside)
    assert "quokka" not in "\n".join(outside)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('answer = "rises"', 'answer = "falls"'), "the solution of example.1 is told: Not right. "),
        (("answer = ...  #", "answer = len([...])  #"), "the stub of example.1 is told: Not right. "),
    ],
    ids=["a wrong solution", "a stub that answers"],
)  # fmt: skip
def test_a_chapter_fails_where_a_check_says_something_else(tmp_path, change, sentence):
    root = small_book.make(tmp_path / "root", {EXAMPLE.page: SOURCE.replace(*change)})
    failures = execute_all([EXAMPLE], Layout(root), SMOKE, jobs=1)
    assert failures[EXAMPLE].error.startswith(sentence)
    assert failures[EXAMPLE].cell == 6
    assert failures[EXAMPLE].first_line == 'exercises.check("example.1", answer)'


def test_an_error_in_a_solution_is_told_with_its_cell_of_the_source(tmp_path):
    text = SOURCE.replace("half = World(anchors=0.5)", "half = World(anchors=5)")
    root = small_book.make(tmp_path / "root", {EXAMPLE.page: text})
    failures = execute_all([EXAMPLE], Layout(root), SMOKE, jobs=1)
    cells = SOURCE.split("# %%")[1:]
    assert cells[failures[EXAMPLE].cell - 1].strip().startswith("half = ...")
    assert "less than or equal to 1" in failures[EXAMPLE].error


def test_a_check_that_says_nothing_is_not_right(tmp_path):
    notebook = derive(write(tmp_path))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    said = [wrong_check(cell) for cell in notebook.cells]
    assert next(filter(None, said)) == "the stub of example.1 is told: nothing"


MARKED = """answer = ...  # "rises", "falls" or "stays"
# solution
answer = "rises"
"""
CHECK = 'exercises.check("example.1", answer)'
MALFORMED = [
    ("# solution\nanswer", "# Solution\nanswer", "cell 5: the mark is '# Solution', but"),
    ("# solution\nanswer", "#solution:\nanswer", "cell 5: the mark is '#solution:', but"),
    ("# solution\nanswer", "# solution\n# solution\nanswer", "cell 5: '# solution' stands there 2"),
    (MARKED, MARKED.replace('answer = "rises"\n', ""), "cell 5: nothing stands below '# solution'"),
    (MARKED, MARKED.replace("...", '""'), "cell 5: nothing above '# solution' is '...'"),
    (MARKED, MARKED[MARKED.index("# sol") :], "cell 5: nothing above '# solution' is '...'"),
    ("answer = ...  #", "answer = ... if  #", "cell 5: the stub is not Python by itself"),
    ('answer = "rises"', 'answer = "rises', "cell 5: the solution is not Python by itself"),
    ('# %%\nanswer = ...  #', '# %% tags=["solution"]\nanswer = ...  #', "cell 5: both '# solution'"),
    (f"# %%\n{CHECK}\n", "", "cell 5: no check follows at once '# solution', but one cell has to"),
    (f"# %%\n{CHECK}\n", f"# %%\n{CHECK}\n\n# %%\n{CHECK}\n", "cell 5: two checks follow"),
    (CHECK, f"print(1)\n{CHECK}", "cell 6: a check has to be one call and nothing else, such as"),
    (CHECK, 'exercises.check("example.1")', "cell 6: a check has to be one call"),
    (CHECK, "exercises.check(name, answer)", "cell 6: a check has to be one call"),
    (CHECK, f"said = {CHECK}", "cell 6: a check has to be one call"),
    (CHECK, CHECK.replace(".1", ".2"), "cell 5: example.2 is checked, but 'example.1' is asked"),
    ("# :label: example.1\n", "", "cell 4: an exercise has no label, such as ':label: example.1'"),
    ("{exercise} Which", "{note} Which", "cell 5: example.1 is checked, but no exercise is asked"),
    (MARKED, MARKED.replace("# solution", "# or"), "cell 6: a solution or a check without a cell"),
    (f"# %%\n{MARKED}\n# %%\n{CHECK}\n", "", "cell 5: a solution or a check without a cell"),
    ('[markdown] tags=["solution"]', '[markdown] tags=["solutions"]', "cell 7: the tag is 'solutio"),
    ("# It is a *quokka*", "# ### Why\n# It is a *quokka*", "cell 7: a solution has a heading"),
    ("# It is a *quokka*", "# Why\n# ---\n# It is a *quokka*", "cell 7: a solution has a heading"),
    ("{exercise} Which", "{exercise-start} Which", "cell 4: the directive 'exercise-start' is used"),
    ("example.5", "example.7", "chapters/cross_lingual/checks/example.py has no exercise 'example.7'"),
    ("example.5", "example.1", "'example.1' is asked twice"),
    ('print("the last', 'print(alike, "the last', "which a learner does not have: use another name"),
    ('print("the last', 'def late():\n    return half\n\n\nprint("the last', "'half' is set by the"),
    ("half = ...", "half = alike, ...", "'alike' is set by the solution of example.2"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), MALFORMED)
def test_malformed_marks_are_told_in_one_sentence(tmp_path, old, new, sentence):
    assert old in SOURCE
    with pytest.raises(BookError, match=re.escape(sentence)) as stopped:
        derive(write(tmp_path, SOURCE.replace(old, new)))
    assert "\n" not in str(stopped.value)
    assert str(stopped.value).endswith(".")


def test_a_check_reads_what_the_stub_sets(tmp_path):
    text = SOURCE.replace('answer = "rises"', 'said = "rises"').replace(
        CHECK, CHECK.replace(", answer", ", said")
    )
    with pytest.raises(BookError, match="cell 6: 'said' is set by the solution of example.1"):
        derive(write(tmp_path, text))


def test_a_name_that_is_set_anew_may_be_read(tmp_path):
    text = SOURCE.replace('print("the last cell knows"', 'alike = pairs\nprint("knows", len(alike)')
    text = text.replace("half = ...", "alike = 0\nhalf = ...")
    derive(write(tmp_path, text))


def test_an_exercise_that_the_chapter_does_not_ask_is_missed(tmp_path):
    cut = SOURCE[: SOURCE.index("# %% [markdown]\n# :::{exercise} An order")]
    with pytest.raises(
        BookError, match="example.py has example.5, but chapters/.* does not ask it"
    ):
        derive(write(tmp_path, cut))


def test_a_question_needs_a_stub(tmp_path):
    cut = SOURCE[: SOURCE.index("# %%\norder = ")]
    with pytest.raises(
        BookError, match="exercise example.5 has no cell with '# solution' after it"
    ):
        derive(write(tmp_path, cut))
    skipped = SOURCE.replace(f"# %%\n{MARKED}\n# %%\n{CHECK}\n", "").replace(
        '# %% [markdown] tags=["solution"]', "# %% [markdown]"
    )
    with pytest.raises(BookError, match="cell 4: exercise example.1 has no cell with '# solution'"):
        derive(write(tmp_path, skipped))


def test_a_malformed_exercise_stops_the_build_before_anything_runs(tmp_path):
    text = SOURCE.replace("# solution\nanswer", "# Solution\nanswer")
    root = small_book.make(tmp_path / "root", {EXAMPLE.page: text})
    with pytest.raises(BookError, match="chapters/cross_lingual/example.py, cell 5: the mark is"):
        book.build("smoke", root=root)
    assert not EXAMPLE.executed(Layout(root)).exists()
    failures = execute_all([EXAMPLE], Layout(root), SMOKE, jobs=1)
    assert failures[EXAMPLE].error.startswith("chapters/cross_lingual/example.py, cell 5: the mark")


def test_a_check_may_be_called_by_its_name_alone(tmp_path):
    text = SOURCE.replace("exercises.check(", "check(")
    text = text.replace(
        "import exercises", "import exercises\nfrom isomorph.exercises import check"
    )
    source = write(tmp_path, text)
    assert len(find_exercises(jupytext.read(source, fmt="py:percent").cells, source)) == 5
    with pytest.raises(BookError, match="cell 6: a check has to be one call"):
        derive(write(tmp_path, text.replace('check("example.1", answer)', "check(name, answer)")))


def test_a_chapter_is_executed_again_when_its_checks_change(tmp_path):
    layout = Layout(small_book.make(tmp_path / "root", {EXAMPLE.page: SOURCE}, ledger=False))
    before = expected_manifest(EXAMPLE, layout, SMOKE)
    with checks_of(EXAMPLE.source(layout)).open("a") as file:
        file.write("\n# changed\n")
    after = expected_manifest(EXAMPLE, layout, SMOKE)
    assert {name for name in before if before[name] != after[name]} == {"source"}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_the_exercises_of_every_chapter_are_well_formed(chapter):
    derive(chapter.source(Layout(book.ROOT)))
