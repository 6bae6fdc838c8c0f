"""Parallel rows: cleaning, dropping repetitions, held-out splits, and deterministic parquet."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from isomorph.text.shipped import LANGUAGES, schema_of

TEST_ROWS = 1000
DEV_ROWS = 500

_HAN = r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"


def tidy(text: str, language: str) -> str:
    """NFC, no invisible characters, single spaces; in Chinese no space beside a Han character."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = re.sub(r"\s+", " ", text).strip()
    if language == "zh":
        text = re.sub(rf"(?<={_HAN}) | (?={_HAN})", "", text)
    return text


def letters(text: str) -> str:
    """What counts as the same text: letters and digits only, case folded."""
    return "".join(c for c in text.casefold() if c.isalnum())


def without_repetitions(rows: Iterable[dict]) -> list[dict]:
    """Drop rows that lack a language, or whose text in any language has already occurred.

    A repeated verse would otherwise put the same sentence into both pretraining halves, or into
    training and test.
    """
    seen = {language: set() for language in LANGUAGES}
    kept = []
    for row in rows:
        keys = {language: letters(row[language]) for language in LANGUAGES}
        if all(keys.values()) and not any(keys[name] in seen[name] for name in LANGUAGES):
            kept.append(row)
        for language, key in keys.items():
            seen[language].add(key)
    return kept


def hold_out(rows: list[dict], strata: dict[str, str], seed: int) -> list[dict]:
    """Give every row a split; test and dev are whole groups spread evenly over the strata.

    strata: group -> stratum (a book of the Bible, a part of the help).  Inside each stratum the
    groups are shuffled and then ranked at equal distances from a random start, and the groups of
    all strata are taken in that order: exactly 1,000 test rows, then 500 dev rows.  What is left
    over of the last group of each is dropped, so that no group is in two splits.
    """
    generator = np.random.default_rng(seed)
    groups_of: dict[str, list[str]] = {}
    for group in dict.fromkeys(row["group"] for row in rows):
        groups_of.setdefault(strata[group], []).append(group)
    rank = {}
    for groups in groups_of.values():
        start = generator.random()
        for position, index in enumerate(generator.permutation(len(groups))):
            rank[groups[index]] = (start + position) / len(groups)
    size = {}
    for row in rows:
        size[row["group"]] = size.get(row["group"], 0) + 1
    wanted, split_of, left = [("test", TEST_ROWS), ("dev", DEV_ROWS)], {}, {}
    for group in sorted(rank, key=lambda name: (rank[name], name)):
        if not wanted:
            break
        name, missing = wanted[0]
        split_of[group], left[group] = name, min(size[group], missing)
        wanted[0] = (name, missing - left[group])
        if wanted[0][1] == 0:
            wanted.pop(0)
    if wanted:
        raise ValueError(f"{len(rows)} rows are too few for {TEST_ROWS} test and {DEV_ROWS} dev.")
    placed = []
    for row in rows:
        split = split_of.get(row["group"], "train")
        if split != "train":
            left[row["group"]] -= 1
            if left[row["group"]] < 0:
                continue
        placed.append({**row, "split": split})
    return placed


def write_table(folder: Path, relative_path: str, rows: list[dict]) -> None:
    """Write one shipped parquet file, always the same bytes for the same content."""
    schema = schema_of(relative_path)
    table = pa.table({name: [row[name] for row in rows] for name in schema.names}, schema=schema)
    path = folder / relative_path
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        row_group_size=1 << 20,
        data_page_size=1 << 22,
        use_dictionary=[n for n in ("group", "document", "split") if n in schema.names],
        store_schema=True,
        write_statistics=False,
    )
