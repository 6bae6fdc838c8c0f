"""Passage relation: does B follow A, stand elsewhere on the same page, or somewhere else?

The shape of natural language inference, with gold labels that come from the order of the text and
so are the same in every language.

No single passage gives its label away.  Inside each split the three classes use the same passages
A and the same passages B, only paired differently, so whatever can be seen of A alone or of B
alone (its length, its topic, its punctuation) is equally frequent in every class.
"""

import numpy as np

FOLLOWS, SAME, ELSEWHERE = 0, 1, 2
SEED = 1906
LONGEST_GAP = {"bible": 1, "help": 3}  # in the help, headings and untranslated lines stand between
MOST_PAIRS = {"train": 4000, "dev": 1000, "test": 1000}  # of each class and domain
NEAREST = 3  # "same" passages are at least so many rows away in either direction
FEWEST_A_PAGE = 2 * NEAREST

Pair = tuple[int, int]


def build(domains: dict[str, list[dict]]) -> list[dict]:
    """Rows id_a, id_b, label, domain, split: balanced, in random order inside each split."""
    table = []
    for domain, rows in domains.items():
        for split in ("train", "dev", "test"):
            generator = np.random.default_rng([SEED, len(table)])
            inside = [row for row in rows if row["split"] == split]
            pairs = labelled(inside, LONGEST_GAP[domain], MOST_PAIRS[split], generator)
            table += [
                {"id_a": a, "id_b": b, "label": label, "domain": domain, "split": split}
                for a, b, label in pairs
            ]
    return table


def labelled(
    rows: list[dict], longest_gap: int, most: int, generator: np.random.Generator
) -> list[tuple[int, int, int]]:
    """(id A, id B, label) with as many pairs of each class, at most ``most`` of each."""
    by_page: dict[str, list[dict]] = {}
    for row in rows:
        by_page.setdefault(row["group"], []).append(row)
    pages = list(by_page)
    follows: list[Pair] = []
    same: list[Pair] = []
    document: dict[int, str] = {row["id"]: row["document"] for row in rows}
    for index in generator.permutation(len(pages)):
        page = by_page[pages[index]]
        places = [i for i in range(len(page) - 1) if _gap(page, i) <= longest_gap]
        places = places[: most - len(follows)]
        shift = _shift(places, generator)
        if shift is None:
            continue
        for position, place in enumerate(places):
            other = places[(position + shift) % len(places)]
            follows.append((page[place]["id"], page[place + 1]["id"]))
            same.append((page[place]["id"], page[other + 1]["id"]))
    elsewhere = _re_paired(follows, document, generator)
    classes = ((follows, FOLLOWS), (same, SAME), (elsewhere, ELSEWHERE))
    pairs = [(a, b, label) for found, label in classes for a, b in found]
    return [pairs[i] for i in generator.permutation(len(pairs))]


def _gap(page: list[dict], place: int) -> int:
    return page[place + 1]["id"] - page[place]["id"]


def _shift(places: list[int], generator: np.random.Generator) -> int | None:
    """A rotation of the followers of one page that puts every one far from its new A."""
    if len(places) < FEWEST_A_PAGE:
        return None
    for shift in generator.permutation(np.arange(1, len(places))):
        rotated = places[shift:] + places[:shift]
        distances = (b + 1 - a for a, b in zip(places, rotated, strict=True))
        if all(abs(distance) >= NEAREST for distance in distances):
            return int(shift)
    return None


def _re_paired(
    follows: list[Pair], document: dict[int, str], generator: np.random.Generator
) -> list[Pair]:
    """The same A and the same B, every B now from another document than its A.

    Sorted by document, a rotation by more than the largest document leaves no pair inside one.
    """
    order = sorted(generator.permutation(len(follows)), key=lambda i: document[follows[i][0]])
    sizes: dict[str, int] = {}
    for a, _ in follows:
        sizes[document[a]] = sizes.get(document[a], 0) + 1
    largest = max(sizes.values())
    if 2 * largest > len(follows):
        raise ValueError("One document holds more than half of the passages.")
    shift = int(generator.integers(largest, len(follows) - largest + 1))
    rotated = order[shift:] + order[:shift]
    return [(follows[i][0], follows[j][1]) for i, j in zip(order, rotated, strict=True)]
