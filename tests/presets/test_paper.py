"""The paper's own size: every row of Table 1 as a run, and the grids of its tuning."""

import pytest

from isomorph.models.settings import TuningConfig
from isomorph.presets.ablations import PAPER_LANGUAGES, paper_rows, paper_table
from isomorph.presets.recipes import PAPER_GRIDS, VOCABULARY, paper_run

ROWS = dict(paper_rows())


def test_the_rows_are_those_of_table_1_in_its_order():
    assert list(ROWS) == [
        "default", "domain_mismatch", "no_anchors", "default_anchors", "extra_anchors",
        "sep_emb", "sep_l1_3", "sep_l1_6", "sep_emb_l1_3", "sep_emb_l1_6",
    ]  # fmt: skip


def test_the_default_model_keeps_the_name_it_was_first_given():
    assert paper_run().digest == ROWS["default"].digest == "524d9c0d96b8"
    assert paper_run(("en", "ru")).digest == "68e1c7a62a12"
    assert paper_run(("en", "zh")).digest == "8c230ad6cbee"


def test_thirty_different_runs_of_three_languages():
    table = paper_table()
    assert len({run.digest for _, run in table}) == len(table) == 30
    assert [run.about for _, run in table[::10]] == [f"en-{name}" for name in PAPER_LANGUAGES]


def test_all_rows_have_the_papers_shape_and_training():
    for run in ROWS.values():
        encoder, training = run.encoder, run.training
        assert (encoder.layers, encoder.heads, encoder.width) == (8, 12, 768)
        assert (training.length, training.batch, training.warmup) == (256, 8 * 96, 30_000)
        assert run.vocabulary.size == VOCABULARY
        assert training.tokens == ROWS["default"].training.tokens


def test_a_row_changes_what_its_name_says_and_nothing_else():
    default = ROWS["default"]
    same = {
        "domain_mismatch": {"text": default.text},
        "no_anchors": {"vocabulary": default.vocabulary},
        "default_anchors": {"vocabulary": default.vocabulary},
        "extra_anchors": {"vocabulary": default.vocabulary},
    }
    for name, undone in same.items():
        assert ROWS[name].digest != default.digest
        assert ROWS[name].model_copy(update=undone).digest == default.digest
    anchors = {name: ROWS[name].vocabulary.anchors for name in same}
    assert list(anchors.values()) == ["joint", "none", "default", "extra"]
    assert ROWS["domain_mismatch"].text.web == ("fr",)
    halves = ROWS["default_anchors"]
    for name in ("sep_emb", "sep_l1_3", "sep_l1_6", "sep_emb_l1_3", "sep_emb_l1_6"):
        run = ROWS[name]
        assert run.training.random_words == "same"
        undone = {"encoder": halves.encoder, "training": halves.training}
        assert run.model_copy(update=undone).digest == halves.digest


@pytest.mark.parametrize(
    ("name", "embeddings", "bottom"),
    [("sep_emb", 1, 0), ("sep_l1_3", 0, 3), ("sep_l1_6", 0, 6), ("sep_emb_l1_3", 1, 3),
     ("sep_emb_l1_6", 1, 6)],
)  # fmt: skip
def test_separate_rows_separate_the_parts_of_the_paper(name, embeddings, bottom):
    parts = set(ROWS[name].encoder.specific)
    tied = {"embeddings", "positions", "softmax"}
    assert parts & tied == (tied if embeddings else set())
    assert parts - tied == {f"layer.{i}" for i in range(bottom)}


def test_the_grids_are_the_papers_and_valid_settings():
    assert {task: len(grid.settings) for task, grid in PAPER_GRIDS.items()} == {
        "nli": 18, "ner": 6, "parsing": 6,
    }  # fmt: skip
    for name, grid in PAPER_GRIDS.items():
        settings = [TuningConfig(**each) for each in grid.settings]
        assert len(set(settings)) == len(settings)
        assert {each.epochs for each in settings} == {200 if name == "nli" else 10}
    assert all(each["head_rate"] == each["learning_rate"] for each in PAPER_GRIDS["ner"].settings)
    # Fixed rate for inference; a tenth of the steps of warm-up for the other two.
    assert TuningConfig(**PAPER_GRIDS["nli"].settings[0]).rate(0, 100) == 1.0
    assert TuningConfig(**PAPER_GRIDS["ner"].settings[0]).rate(0, 100) == 0.1


def test_updates_of_a_grid_by_hand():
    # Nine settings of 5,000 updates an epoch and nine of 2,500.
    assert PAPER_GRIDS["nli"].updates == 200 * 9 * (5000 + 2500)
    assert PAPER_GRIDS["ner"].updates == 10 * 3 * (1250 + 625)
