"""Labelled examples of public data sets: XNLI, WikiANN and Universal Dependencies.

The tasks of Conneau, Wu et al. (ACL 2020, section 3.2) and parts of speech, from the mirror or the hub
(`isomorph.text.hub`), in the form that `isomorph.text.examples` gives all examples.
"""

from isomorph.text import entailment, hub, judged
from isomorph.text.corpora import require
from isomorph.text.examples import (
    ENTITY_TAGS,
    PAIR,
    PARTS_OF_SPEECH,
    SPEECH,
    SPLITS,
    TAG,
    TREE,
    UNIVERSAL_RELATIONS,
    Examples,
    TaggedExample,
    TreeExample,
    pairs_in,
    tagged_in,
    universal_relation,
)
from isomorph.text.fetch import DataUnavailable, HubAway

HUB = {
    "xnli": PAIR, "wikiann": TAG, "universal_dependencies": TREE, "parts_of_speech": SPEECH,
}  # fmt: skip
# The paper's treebanks, and the same collection in German and Spanish.  The first that is there is
# taken: Chinese-GSD is in traditional script, its copy in the simplified script of XNLI.
TREEBANKS = {
    "en": ("en_ewt",),
    "fr": ("fr_gsd",),
    "de": ("de_gsd",),
    "ru": ("ru_gsd",),
    "zh": ("zh_gsdsimp", "zh_gsd"),
    "es": ("es_gsd",),
}


def hub_examples(name: str, language: str, split: str, count: int | None = None) -> Examples:
    """Examples of a public data set, from the mirror or the hub (isomorph.text.hub).

    name: "xnli", "wikiann", "universal_dependencies" or "parts_of_speech".  The last two have the
    same sentences of Universal Dependencies, of whose treebanks TREEBANKS are read; relations lose
    their subtype, so "nsubj:pass" is "nsubj", since not every treebank has the same.  Words of a multi-word token stand for themselves.
    language: "en", "fr", "de", "ru", "zh" or "es".
    split: "train", "dev" (the hub's "validation") or "test"; see ``evaluation_split``.
    count: how many to take; they are chosen at random and not from the start, since the files are
    ordered, by genre for example.  Files of the same length give the same rows, so XNLI is parallel
    between languages, and fewer are among more.  None takes all.
    Raises ValueError for anything else or more than there are, hub.DataUnavailable.
    """
    require("name", name, tuple(HUB))
    require("split", split, SPLITS)
    require("language", language, tuple(TREEBANKS))
    split = {"dev": "validation"}.get(split, split)
    source = f"{name} {language} {split}"
    if name in ("xnli", "wikiann"):
        where = hub.named(hub.HUB[name].id, language, split)
    if name == "xnli":
        rows, names = hub.load_xnli(language, split), entailment.LABELS
        items = pairs_in(rows, "premise", "hypothesis", names, count, source, where)
        return Examples(PAIR, names, items, source)
    if name == "wikiann":
        rows = hub.load_wikiann(language, split)
        items = tagged_in(rows, "ner_tags", ENTITY_TAGS, count, source, where)
        return Examples(TAG, ENTITY_TAGS, items, source)
    treebank, rows = _treebank(language, split)
    source = f"{name} {treebank} {split}"
    task, names, made = TREE, UNIVERSAL_RELATIONS, _tree
    if name == "parts_of_speech":
        task, names, made = SPEECH, PARTS_OF_SPEECH, _tagged
    places = judged.places_of(rows, count, source)
    where = hub.named(hub.HUB["universal_dependencies"].id, treebank, split)
    items = judged.examples_of(rows, hub.TREE_COLUMNS, made, where, places)
    return Examples(task, names, items, source)


def _tree(row: dict) -> TreeExample:
    relations = tuple(map(universal_relation, row["deprel"]))
    return TreeExample(tuple(row["tokens"]), tuple(row["head"]), relations)


def _tagged(row: dict) -> TaggedExample:
    tags = judged.labels(row, "upos", PARTS_OF_SPEECH, len(row["tokens"]))
    return TaggedExample(tuple(row["tokens"]), tags)


def evaluation_split(name: str, language: str) -> str:
    """The split of a public data set to report results on: "test", or "dev" where no test is to be had.

    The hub has a test split of every set and language here; a mirror may lack some.  What was taken
    stands in ``Examples.source``; keep it with the result, since the two are not comparable.
    Raises ValueError as ``hub_examples`` does, and hub.DataUnavailable when neither is there, or
    when the hub does not answer.
    """
    try:
        hub_examples(name, language, "test", 1)
    except HubAway:
        raise
    except DataUnavailable:
        hub_examples(name, language, "dev", 1)
        return "dev"
    return "test"


def _treebank(language: str, split: str):
    for name in TREEBANKS[language][:-1]:
        try:
            return name, hub.load_universal_dependencies(name, split)
        except HubAway:
            raise
        except DataUnavailable:
            continue
    name = TREEBANKS[language][-1]
    return name, hub.load_universal_dependencies(name, split)
