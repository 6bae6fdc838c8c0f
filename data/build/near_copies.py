"""Rows that nearly repeat one that stands on the other side of a split.

Exact repetitions are dropped when the texts are made. Parallel passages (Kings and Isaiah, the
first three Gospels) and help pages that share their phrases stay, and some of them lie in two
splits. They are listed, not dropped, so that earlier results keep their text;
`isomorph.text.corpora.load_corpus` leaves them out where it is asked to.
"""

from collections.abc import Iterator

import numpy as np

from isomorph.text.shipped import LANGUAGES

COSINE = 0.8  # two rows above it are near copies
DIGITS = 6  # of a cosine: the last ones depend on the processor
BLOCK = 500  # rows compared at a time

# Words are sklearn's own, of two letters and more. Chinese has no spaces: pairs of characters.
UNITS = {"zh": {"analyzer": "char", "ngram_range": (2, 2)}}


def build(domains: dict[str, list[dict]]) -> list[dict]:
    """All near copies: one row for each row of text and each language in which it is one.

    domains: {"bible": rows, "help": rows} in reading order.
    copies is the id of the row that is most alike, cosine how much. Searched are training rows with
    odd ids among those with even ones, development rows among training ones, and test rows among
    both.
    """
    found = [row for name, rows in domains.items() for row in _of_domain(name, rows)]
    return sorted(
        found, key=lambda row: (row["domain"], row["id"], LANGUAGES.index(row["language"]))
    )


def twins(texts: list[str], splits: np.ndarray, language: str) -> set[int]:
    """Places of the test rows that are near copies of another test row."""
    vectors = _vectors(texts, language)[splits == "test"]
    cosines = (vectors @ vectors.T).toarray().round(DIGITS)
    np.fill_diagonal(cosines, 0)
    return set(np.flatnonzero(splits == "test")[cosines.max(axis=1) > COSINE].tolist())


def near_training(texts: list[str], splits: np.ndarray, language: str) -> set[int]:
    """Places of the test rows that are near copies of a training or development row."""
    sides = (np.flatnonzero(where) for where in (splits == "test", splits != "test"))
    return {int(place) for place, *_ in nearest(_vectors(texts, language), *sides)}


def _vectors(texts: list[str], language: str):
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(**UNITS.get(language, {})).fit_transform(texts)


def _of_domain(domain: str, rows: list[dict]) -> Iterator[dict]:
    ids, splits = (np.array([row[name] for row in rows]) for name in ("id", "split"))
    train, odd = splits == "train", ids % 2 == 1
    searches = [
        (train & odd, train & ~odd),
        (splits == "dev", train),
        (splits == "test", splits != "test"),
    ]
    for language in LANGUAGES:
        vectors = _vectors([row[language] for row in rows], language)
        for later, earlier in (map(np.flatnonzero, masks) for masks in searches):
            for i, j, cosine in nearest(vectors, later, earlier):
                yield {
                    "domain": domain, "id": int(ids[i]), "split": str(splits[i]),
                    "language": language, "copies": int(ids[j]), "cosine": cosine,
                }  # fmt: skip


def nearest(vectors, later: np.ndarray, earlier: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """(row, the earlier row most like it, their cosine) of each later row that is a near copy.

    vectors: sparse, (n_rows, n_units), of length one. Of several alike the first counts.
    """
    among = vectors[earlier].T.tocsc()
    for start in range(0, len(later), BLOCK):
        block = later[start : start + BLOCK]
        cosines = (vectors[block] @ among).tocsr()
        cosines.data = cosines.data.round(DIGITS)
        best = np.asarray(cosines.argmax(axis=1)).ravel()
        highest = cosines.max(axis=1).toarray().ravel()
        for place in np.flatnonzero(highest > COSINE):
            yield block[place], earlier[best[place]], float(highest[place])
