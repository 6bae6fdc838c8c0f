"""Rows: one long table of what runs measured, what its columns mean, and how some are chosen.

A row is one measurement of one run. `languages` is what the model reads, "en-fr", or "a-b" in a
world. `task` is the task that a score is of, where there is one, and `split` the examples that it is
of: "test", "dev", "source" (the test examples of a transfer's first language), "lost" and "kept" (those on the topics that only the
first language has, and on the others), or "out" (texts out of the task's domain); empty where there is no choice. `layer`
is a layer of the model, 0 what its embeddings give; `epoch` one of fine-tuning; `blocks` how many
blocks were put back. `seed` is the run's, and `fold` a part of the items of one model, which is no
seed: nothing is drawn anew.

Recorded rows ship in `data/results/<experiment>.parquet`, guarded by the manifest of the shipped data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from isomorph import files
from isomorph.text import shipped
from isomorph.text.shipped import data_folder

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from isomorph.runs.run import Run

COLUMNS = {
    "experiment": "str", "size": "str", "condition": "str",
    "languages": "str", "task": "str", "split": "str",
    "layer": "Int64", "epoch": "Int64", "blocks": "Int64", "seed": "int64", "fold": "Int64",
    "metric": "str", "value": "float64", "tokens": "int64", "seconds": "float64",
    "device": "str", "threads": "Int64", "code": "str", "data": "str",
    "recorded": "string", "digest": "str", "config": "str",
}  # fmt: skip
# A row is of a place: only what was measured at the same places can be compared.
PLACE = ("languages", "task")


def rows_of(run: Run, outcome: dict, *, experiment: str, size: str, condition: str) -> DataFrame:
    """What a run measured. A record of its outcome has a metric and a value, and any further column
    that differs from record to record."""
    import pandas as pd

    rows = pd.DataFrame(outcome["records"])
    of_run = {
        "experiment": experiment, "size": size, "condition": condition,
        "languages": "-".join(run.languages) or None, "task": run.task_name, "seed": run.seed,
        "device": outcome["device"], "threads": outcome.get("threads"), "code": outcome["code"],
        "data": outcome["data"], "digest": run.digest, "config": run.config_json(),
    }  # fmt: skip
    missing = {name: of_run.get(name) for name in COLUMNS if name not in rows}
    return rows.assign(**missing).astype(COLUMNS)[list(COLUMNS)]


def where(
    rows: DataFrame, *, split: Sequence[str] = ("test",), **columns: str | int | Sequence
) -> DataFrame:
    """The rows of some splits whose columns have some values: `where(rows, metric="las", layer=0)`.

    What has no split goes with the test examples. The rows are numbered anew.
    """
    kept = rows["split"].fillna("test").isin(split)
    for name, values in columns.items():
        kept &= rows[name].isin([values] if isinstance(values, str | int) else values)
    return rows[kept].reset_index(drop=True)


def is_main(rows: DataFrame):
    """Of each row whether it is of the test examples, or of what has no split."""
    return rows["split"].fillna("test") == "test"


def by_split(rows: DataFrame) -> DataFrame:
    """The rows with any split but the test examples in the metric's name: `las_source`, `rsa_out`."""
    main = is_main(rows)
    named = rows["metric"].where(main, rows["metric"] + "_" + rows["split"].fillna(""))
    return rows.assign(metric=named, split=rows["split"].where(main))


def with_sample(rows: DataFrame) -> DataFrame:
    """The rows with the column `sample`: the unit that an interval is over, a fold or else a seed."""
    return rows.assign(sample=rows["fold"].astype("Int64").fillna(rows["seed"]).astype(int))


# A share of right answers, or a mean reciprocal rank, and what is looked for. One in five is little
# among ten sentences and much among a thousand: no such score is shown without their number.
SCORE = re.compile(
    r"(?P<of>(?:\w+_)?retrieval|translation(?:_contextual)?)(?:_isolated)?"
    r"(?:_(?:p\d+|mrr)(?:_(?!chance)\w+)?)?"
)
SOUGHT = {
    "retrieval": "sentence retrieval",
    "help_retrieval": "retrieval of help paragraphs",
    "tatoeba_retrieval": "retrieval of Tatoeba sentences",
    "translation": "word translation",
    "translation_contextual": "contextual word translation",
}


def with_candidates(rows: DataFrame) -> DataFrame:
    """The rows with the column `among`, which the figures put into their labels; see `among`."""
    found = {metric: among(rows, metric) for metric in set(rows["metric"])}
    return rows.assign(among=rows["metric"].map(found).astype(object))


def among(rows: DataFrame, metric: str) -> str:
    """How many candidates the runs of some rows choose from: "among 1,000", "among 431 to 480".

    Of retrieval this is the inverse of its recorded chance. Rows of translation that were recorded
    without a number have chance alone, which also depends on how many answers are right: "chance 1
    in 212". Empty for a metric that is no such score, and where rows have neither.
    """
    of = _sought(metric)
    counted, chances = (
        rows[rows["metric"] == f"{of}_{kind}"].dropna(subset=["value"])
        for kind in ("candidates", "p1_chance")
    )
    runs = [r["digest"].nunique() if "digest" in r.columns else 1 for r in (counted, chances)]
    if len(counted) and runs[0] >= runs[1]:
        said = f"among {_span(counted['value'])}"
    elif len(chances):
        certain = of.endswith("retrieval")
        said = f"{'among' if certain else 'chance 1 in'} {_span(1 / chances['value'])}"
    else:
        return ""
    return f"sentences {said}" if metric == "multilinguality" else said


def among_in_words(rows: DataFrame, metrics: Iterable[str] | None = None) -> str:
    """The same in words, for all scores that some rows have, or for some metrics of these.

    "sentence retrieval among 1,000, word translation chance 1 in 212"; empty where there are none.
    """
    held = set(rows["metric"])
    kinds = {_sought(metric) for metric in (held if metrics is None else held & set(metrics))}
    named = {of: among(rows, of) for of in SOUGHT if of in kinds}
    return ", ".join(f"{SOUGHT[of]} {number}" for of, number in named.items() if number)


def _sought(metric: str) -> str | None:
    score = SCORE.fullmatch("retrieval" if metric == "multilinguality" else metric)
    return score and score["of"]


def _span(numbers: Series) -> str:
    least, most = (f"{round(end):,}" for end in (numbers.min(), numbers.max()))
    return least if least == most else f"{least} to {most}"


def experiments_recorded() -> list[str]:
    return sorted(path.stem for path in (data_folder() / "results").glob("*.parquet"))


def results_path(experiment: str) -> Path:
    return data_folder() / "results" / f"{experiment}.parquet"


def recorded(experiment: str, columns: Sequence[str] | None = None) -> DataFrame:
    """The rows that ship for an experiment; none, with the same columns, if there are none.

    With `columns`, quickly: these alone, and strings as Python's own. Raises DataCorrupted, in one
    sentence, when they are not those that were recorded.
    """
    import numpy as np
    import pandas as pd
    from pyarrow import parquet as pq

    path = results_path(experiment)
    if not data_folder().is_dir():
        raise shipped.DataCorrupted(f"{data_folder()} is no folder, but the data should be there.")
    if not path.exists() and not _listed(path):
        return pd.DataFrame(columns=[*(columns or COLUMNS), "provenance"])
    schema = pq.read_schema(_verified(path))
    if set(schema.names) != set(COLUMNS):
        raise shipped.DataCorrupted(
            f"{path} has the columns {sorted(schema.names)}, but rows have {sorted(COLUMNS)}: "
            f"{shipped.RECORD.format(experiment)}."
        )
    strings = [field.name for field in schema if columns and "string" in str(field.type)]
    read = list(columns or COLUMNS)
    rows = pd.read_parquet(path, columns=read, read_dictionary=strings)
    for name in set(strings) & set(read):  # each is made once, and not once a row
        words = np.append(rows[name].cat.categories.to_numpy(object), None)
        rows[name] = pd.Series(words[rows[name].cat.codes], rows.index, dtype=object)
    return rows[read].assign(provenance="recorded")


def rows_digest(experiment: str) -> str:
    """SHA-256 of the rows that ship for an experiment, "" where there are none. Raises as `recorded`."""
    path = results_path(experiment)
    return shipped.sha256_of(_verified(path)) if path.exists() or _listed(path) else ""


def _listed(path: Path) -> str | None:
    """The SHA-256 that the manifest has of recorded rows; None where it has none."""
    if not (data_folder() / shipped.MANIFEST).exists():
        return None
    return shipped.read_manifest()["files"].get(relative(path), {}).get("sha256")


def _verified(path: Path) -> Path:
    try:
        return shipped.verified(relative(path))
    except shipped.DataCorrupted:
        # They may be in the making, or whoever wrote them was ended after it had listed them.
        with suppress(OSError), writing(path) as aside:
            if aside.exists() and shipped.sha256_of(aside) == _listed(path):
                files.put(aside, path)
        return shipped.verified(relative(path))


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Keep others from writing recorded rows; where new ones lie until they take their place."""
    aside = path.parent / ".partial-rows" / path.name
    aside.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), is_singleton=True):
        yield aside


def relative(path: Path) -> str:
    return path.relative_to(data_folder()).as_posix()
