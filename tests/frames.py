"""Rows written by hand, for tests."""

import pandas as pd

from isomorph.rows import COLUMNS

KINDS = {"languages": "str", "task": "str", "split": "str", "seed": "int64"} | {
    name: "Int64" for name in ("layer", "epoch", "blocks", "fold")
}


def filled(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with every column that says what a row is of; those that are not given are empty."""
    given = {name: 0 if name == "seed" else pd.NA for name in KINDS if name not in frame}
    return frame.assign(**given).astype({name: COLUMNS[name] for name in KINDS})


def by_metric(outcome: dict, *also: str) -> dict:
    """The values of an outcome's records by metric, and by other keys; a split stands in the name."""
    found = {}
    for record in outcome["records"]:
        split = record.get("split")
        name = record["metric"] + ("" if split in (None, "test") else f"_{split}")
        found[(name, *(record.get(key) for key in also)) if also else name] = record["value"]
    return found
