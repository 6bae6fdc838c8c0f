"""Who keeps company with whom in a controlled world: the probability tables behind its grammar.

Each table is a joint distribution of two kinds of word.  Its shape comes from Gaussian affinities
and from home topics; its two marginals are then set to Zipf's law by alternate scaling (Sinkhorn
and Knopp 1967).  So how sharp the preferences are and how steep the frequencies are can be chosen
one without the other.
"""

from functools import partial

import numpy as np

OFF_TOPIC = 0.05  # how likely a word is outside its home topic, against 1 at home
# How readily each kind of referent fills each role of a verb, against 1 for a common noun.
ROLE_AFFINITY = {
    "subject": {"": 1.0, "PER": 1.0, "ORG": 0.7, "LOC": 0.05},
    "object": {"": 1.0, "PER": 0.5, "ORG": 0.7, "LOC": 0.3},
    "oblique": {"": 1.0, "PER": 0.1, "ORG": 0.5, "LOC": 3.0},
}
SCALING_STEPS = 200  # enough for marginals exact to a few percent at the sharpest setting


def preference_tables(
    *,
    base_sizes: dict[str, int],
    groups: np.ndarray,
    home: dict[str, np.ndarray],
    transitive: np.ndarray,
    kinds: tuple[str, ...],
    topics: int,
    sharpness: float,
    zipf_exponent: float,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Every conditional distribution the grammar draws from, as cumulative sums along a row.

    base_sizes: words of each category before second senses were added.
    groups: (nouns,) index of each noun's hypernym; hypernyms point at themselves.
    home: home topic of each noun, verb and adjective.
    transitive: (verbs,) bool.  kinds: (referents,) "" for the common nouns, which come first.
    Returns name -> (given, drawn): "verb" given topic; "subject", "object", "oblique" (referents)
    and "adverb" given verb; "relative_verb" given its subject, a referent; "preposition" and
    "adjective" given referent (adjectives: given common noun).
    """
    n_entities = len(kinds) - len(groups)
    used = {name: np.arange(len(topics_of)) for name, topics_of in home.items()}
    used |= {name: np.arange(base_sizes[name]) for name in ("adverb", "preposition")}
    room = {name: 2 * base_sizes[name] for name in used}
    room["referent"] = room["noun"] + n_entities
    used["referent"] = np.append(used["noun"], room["noun"] + np.arange(n_entities))
    affinities = partial(_affinities, room, used, groups, sharpness, rng)
    zipf = {
        name: _zipf(base_sizes[name], len(used[name]), zipf_exponent, rng)
        for name in base_sizes
        if name in used
    }
    referents = np.append(zipf["noun"], _zipf(n_entities, n_entities, zipf_exponent, rng))
    homes = home | {"referent": np.append(home["noun"], np.full(n_entities, -1))}

    tables = {"verb": zipf["verb"] * _same_topic(np.arange(topics), home["verb"])}
    for role, affinity in ROLE_AFFINITY.items():
        joint = affinities("verb", "referent") * _same_topic(home["verb"], homes["referent"])
        weight = referents * np.array([affinity[kind] for kind in kinds])
        tables[role] = scale_to_marginals(joint, zipf["verb"], weight)
    tables["relative_verb"] = tables["subject"].T * transitive
    joint = affinities("adjective", "noun") * _same_topic(home["adjective"], home["noun"])
    tables["adjective"] = scale_to_marginals(joint, zipf["adjective"], zipf["noun"]).T
    joint = affinities("preposition", "referent")
    tables["preposition"] = scale_to_marginals(joint, zipf["preposition"], referents).T
    joint = affinities("adverb", "verb")
    tables["adverb"] = scale_to_marginals(joint, zipf["adverb"], zipf["verb"]).T
    return {name: cumulative(table) for name, table in tables.items()}


def scale_to_marginals(joint: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The matrix diag(u) joint diag(v) with the given row and column sums (Sinkhorn and Knopp).

    joint: (m, n), positive.  rows: (m,), columns: (n,), positive; both are first scaled to sum
    to 1.  Row sums are exact, column sums as exact as SCALING_STEPS alternations make them.
    """
    rows, columns = rows / rows.sum(), columns / columns.sum()
    for _ in range(SCALING_STEPS):
        joint = joint * (columns / joint.sum(axis=0))
        joint = joint * (rows / joint.sum(axis=1))[:, None]
    return joint


def cumulative(weights: np.ndarray) -> np.ndarray:
    """Row-wise cumulative distribution of non-negative weights, each row ending in exactly 1."""
    sums = np.cumsum(weights, axis=1)
    return sums / sums[:, -1:]


def _affinities(room, used, groups, sharpness, rng, row: str, column: str) -> np.ndarray:
    """exp(sharpness x Gaussian), (words of row, words of column).

    Room for a second sense of every word is drawn and cut to what is used, so that the ambiguity
    dial leaves every other number as it was.  A hypernym likes what its hyponyms like on average.
    """
    gaussian = rng.standard_normal((room[row], room[column]))[np.ix_(used[row], used[column])]
    if column in ("noun", "referent"):
        for hypernym in np.unique(groups):
            hyponyms = np.flatnonzero(groups == hypernym)
            gaussian[:, hypernym] = gaussian[:, hyponyms[hyponyms != hypernym]].mean(axis=1)
    return np.exp(sharpness * gaussian)


def _zipf(base: int, total: int, exponent: float, rng) -> np.ndarray:
    """Zipf weights of ``total`` words in shuffled order; second senses have the lowest ranks."""
    ranks = np.append(np.argsort(rng.random(base)), np.arange(base, total))
    return (ranks + 1.0) ** -exponent


def _same_topic(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(rows, columns): 1 where home topics agree or a word has none (-1), else OFF_TOPIC."""
    agree = (rows[:, None] == columns) | (columns == -1)
    return np.where(agree, 1.0, OFF_TOPIC)
