"""Near copies across a split are found, and no others."""

import numpy as np
from data.build import near_copies
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from isomorph.text.parallel import load_parallel
from isomorph.text.shipped import LANGUAGES, read_table

LONG = "and the sons of Levi went up to the high place before evening number {}"


def row(number, split, text):
    return {"id": number, "split": split} | dict.fromkeys(LANGUAGES, text)


def listed(*rows):
    found = near_copies.build({"bible": list(rows)})
    return {(r["id"], r["copies"]) for r in found if r["language"] == "en"}


def test_only_rows_of_another_split_or_half_count():
    others = [row(n, "train", f"word{n} unlike{n} anything{n}") for n in range(20, 60)]
    assert listed(*others, row(0, "train", LONG), row(2, "train", LONG + " a b")) == set()
    assert listed(*others, row(1, "train", LONG), row(3, "train", LONG + " a b")) == set()
    assert listed(*others, row(0, "train", LONG), row(1, "train", LONG + " a b")) == {(1, 0)}
    assert listed(*others, row(4, "dev", LONG), row(5, "test", LONG + " a b")) == {(5, 4)}
    assert listed(*others, row(4, "test", LONG), row(5, "test", LONG + " a b")) == set()
    assert listed(*others, row(5, "train", LONG), row(6, "dev", LONG + " a b")) == {(6, 5)}


def test_the_shipped_list_is_what_the_texts_give():
    rows = load_parallel("help").to_list()
    texts, ids = [r["en"] for r in rows], np.array([r["id"] for r in rows])
    splits = np.array([r["split"] for r in rows])
    vectors = TfidfVectorizer().fit_transform(texts)  # slow and dense
    expected = set()
    for later, earlier in (
        (splits == "dev", splits == "train"),
        (splits == "test", splits != "test"),
    ):
        cosines = cosine_similarity(vectors[later], vectors[earlier]).round(6)
        near = cosines.max(axis=1) > 0.8
        expected |= set(zip(ids[later][near].tolist(), cosines.max(axis=1)[near], strict=True))
    shipped = read_table("text/near_copies.parquet").to_list()
    found = {(r["id"], r["cosine"]) for r in shipped
             if (r["domain"], r["language"]) == ("help", "en") and r["split"] != "train"}  # fmt: skip
    assert found == expected


def test_twins_and_copies_of_training_rows_are_told_apart():
    others = [f"word{n} unlike{n} anything{n}" for n in range(40)]
    texts = [*others, LONG, LONG + " a b", "never before seen", LONG + " a", "never before seen"]
    splits = np.array(["train"] * 40 + ["test", "test", "test", "train", "dev"])
    assert near_copies.twins(texts, splits, "en") == {40, 41}
    assert near_copies.near_training(texts, splits, "en") == {40, 41, 42}
    assert near_copies.twins(texts[:-2], np.array(["train"] * 42 + ["test"]), "en") == set()
