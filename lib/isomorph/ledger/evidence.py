"""Rows as evidence: what each is about, and which of them a rule reads.

A claim is about some kind of model and data (its *scope*), and only rows of a subject in scope can
support or contradict it. A row holds the whole configuration of its run, so the subject is read off
that and cannot be mistyped. Rules read rows as records, of which selecting takes no table's time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from isomorph.config import public_seed
from isomorph.rows import with_sample

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from isomorph.ledger.schema import Selection

Subject = Literal[
    "planted case",  # points or losses drawn so that the answer is known
    "controlled world",  # a model of invented languages
    "English with its copy",  # a model of real text and the same in letters of another script
    "masked model",  # ours, of one real language
    "causal model",  # ours, of one real language
    "bilingual model",  # ours, of two real languages
    "sentence encoder",  # somebody else's, tuned to compare sentences
    "static vectors",  # without contexts
    "paper's own model",  # BERT and its kin, or the paper's model trained as the paper did
]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
WORLDS = ("planted case", "controlled world", "English with its copy")

Unit = Literal["pretraining seed", "tuning seed", "items of one model", "drawn case"]
ITEMS: Unit = "items of one model"

# What is known by a name of its own, and what to call it.
NAMED: dict[str, tuple[Subject, str]] = {
    "glove": ("static vectors", "GloVe"),
    "sentence-transformers/all-MiniLM-L6-v2": ("sentence encoder", "MiniLM"),
    "intfloat/multilingual-e5-small": ("sentence encoder", "E5"),
    "bert-en": ("masked model", "our small BERT"),
    "en": ("masked model", "the English encoder that ships"),
    "fr": ("masked model", "the French encoder that ships"),
    "en-fr": ("bilingual model", "the English-French encoder that ships"),
}
OURS: dict[Subject, str] = {
    "controlled world": "worlds",
    "English with its copy": "English with its copy",
    "masked model": "our masked models",
    "causal model": "our causal models",
    "bilingual model": "our bilingual models",
}
# Of the worlds the second language's distance is part of a condition's name; of real text they are
# the languages. The paper calls French close to English and Chinese distant.
ROLES = {"close": ("en-fr", "a-b"), "distant": ("en-zh", "far")}
FAR = "far_"


class About(NamedTuple):
    subject: Subject
    model: str  # by a name to be read
    unit: Unit
    body: str  # of evidence: what is compared with one another


class Record(NamedTuple):
    """A row; None where its run does not say. The columns are those of `isomorph.rows` and `About`."""

    condition: str | None
    languages: str | None
    task: str | None
    split: str | None
    layer: int | None
    sample: int
    metric: str
    tokens: int | None
    value: float
    unit: str | None
    subject: str | None
    model: str | None
    recorded: str | None

    @property
    def place(self) -> tuple:
        return self.languages, self.task

    @property
    def cell(self) -> tuple:
        """Where it stands among the rows of its sample."""
        return self.condition, self.languages, self.task, self.layer, self.metric


def records(rows: DataFrame | list[Record]) -> list[Record]:
    """The rows of a table in their order; records as they are. Rows that are not placed have the
    unit of their configuration."""
    if isinstance(rows, list):
        return rows
    rows = rows if "sample" in rows else with_sample(rows)
    columns = {name: _plain(rows[name]) for name in Record._fields if name in rows}
    if "unit" not in columns and "config" in rows:
        columns["unit"] = [c and about(c).unit for c in _plain(rows["config"])]
    columns["value"] = [math.nan if value is None else value for value in columns["value"]]
    lists = (columns.get(name, [None] * len(rows)) for name in Record._fields)
    return [*map(Record._make, zip(*lists, strict=True))]


def _plain(column: Series) -> list:
    return column.to_numpy(object, na_value=None).tolist()


def of_items(rows: DataFrame | list[Record]) -> bool:
    """Whether only the items of one model vary, so that nothing was drawn anew."""
    return any(row.unit == ITEMS for row in records(rows))


def select(rows: list[Record], term: Selection, beside: str | None) -> list[Record]:
    """The rows of a selection, with those of the second metric which go with them.

    A row of the second metric without languages or a layer (a loss, say) goes with all of them.
    """
    languages = None
    if term.languages is not None:
        languages = {each for name in term.languages for each in ROLES.get(name, (name,))}
    splits = (None, "test") if term.split is None else term.split
    deepest: dict[str | None, int] = {}
    for row in rows if term.layer else ():
        if row.layer is not None and row.metric in term.metric:
            deepest[row.condition] = max(row.layer, deepest.get(row.condition, 0))

    def selected(row: Record) -> bool:
        second = row.metric == beside
        if not second and row.metric not in term.metric or row.split not in splits:
            return False
        if term.condition is not None and row.condition not in term.condition:
            return False
        if term.task is not None and row.task not in term.task:
            return False
        if languages is None:  # the far world is one of its own, and counts only where asked for
            if row.languages == "far":
                return False
        elif row.languages not in languages and not (second and row.languages is None):
            return False
        if term.layer is None or row.layer is None:
            return term.layer is None or second
        end = deepest.get(row.condition, -1) + 1
        return any(row.layer == (end + layer if layer < 0 else layer) for layer in term.layer)

    chosen = [row for row in rows if selected(row)]
    return chosen if any(row.metric in term.metric for row in chosen) else []


def placed(rows: DataFrame) -> DataFrame:
    """The rows with the columns of `About`; conditions and languages without what names
    the subject: "bible_flow_target" is "flow_target", and "far_default" is "default" of the languages
    "far"."""
    import pandas as pd

    cells = list(zip(rows["config"], rows["condition"], strict=True))
    known = {cell: (*about(cell[0]), _without_subject(*cell)) for cell in set(cells)}
    columns = pd.DataFrame(
        [known[cell] for cell in cells], columns=[*About._fields, "condition"], index=rows.index
    )
    far = columns["condition"].str.startswith(FAR)
    columns["condition"] = columns["condition"].str.removeprefix(FAR)
    return rows.assign(**columns, languages=rows["languages"].mask(far, "far"))


def _without_subject(config: str, condition: str) -> str:
    run = _read(config)
    untrained = run.get("weights") == "random"  # such a twin stays told apart
    words = run.get("kind") == "encoder_words" and run["encoder"] != "glove"
    if words and condition != "bert_base_uncased" and not condition.startswith("step_"):
        return "untrained" if untrained else "trained"
    return condition if untrained else condition.removeprefix(run.get("prefix", ""))


_read = cache(json.loads)  # a configuration is that of many rows


@cache
def about(config: str) -> About:
    """The subject, the model by name and the unit of a run, from its recorded configuration."""
    run = _read(config)
    if "theorem" in run:
        return About("planted case", "planted cases", "drawn case", "planted cases")
    of = run.get("hub") or run.get("encoder")
    if public_seed(of) is not None:
        return About("paper's own model", "MultiBERTs", "pretraining seed", "MultiBERTs")
    if isinstance(of, str):  # what is none of those known is the paper's
        subject, model = NAMED.get(of, ("paper's own model", of.rpartition("/")[2]))
        return About(
            subject, model, "tuning seed" if run.get("kind") == "fine_tuning" else ITEMS, model
        )
    subject = _of_pretraining(run)
    if ("words_read" in run or run.get("of") == "word2vec") and subject not in WORLDS:
        return About("static vectors", "skip-gram vectors", "pretraining seed", "ours")
    if subject in WORLDS:
        return About(subject, OURS[subject], "pretraining seed", subject)
    # Two tasks measure the same things of other sentences, so each is a body of its own.
    body = f"ours, {run['task']}" if run.get("kind") == "cures" else "ours"
    read = [c["training"]["tokens"] for c in _parts(run) if isinstance(c.get("training"), dict)]
    length = f", {read[0] / 1e6:g}M tokens" if read else ""
    return About(subject, f"{OURS[subject]}{length}", "pretraining seed", body)


def _parts(run: dict) -> Iterator[dict]:
    """A configuration and every one in it, however deep."""
    yield run
    for value in run.values():
        if isinstance(value, dict):
            yield from _parts(value)


def _of_pretraining(run: dict) -> Subject:
    texts = [c for c in _parts(run) if c.get("kind") in ("world", "shipped", "hub", "copy")]
    kinds = {text["kind"] for text in texts}
    for kind, subject in (("world", "controlled world"), ("copy", "English with its copy"),
                          ("hub", "paper's own model")):  # fmt: skip
        if kind in kinds:
            return subject
    if all(len(set(text["languages"])) > 1 for text in texts):
        return "bilingual model"
    shape = (run.get("pretraining") or {}).get("encoder") or {}
    return "causal model" if shape.get("causal") else "masked model"
