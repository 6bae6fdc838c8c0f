"""Two tasks that come with the shipped text, with the same gold labels in all six languages.

*Passage relation* (the shape of natural language inference): B follows A, stands elsewhere in the
same chapter or help page, or in another document.  *Interface-term tagging* (the shape of named
entity recognition): menu, key and input terms in help paragraphs, marked by their authors.

Training items come from training text, development and test items from held-out text only.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from isomorph.text.corpora import require
from isomorph.text.shipped import DOMAINS, LANGUAGES
from isomorph.text.tables import read_table

if TYPE_CHECKING:
    from datasets import Dataset

RELATIONS = ("follows", "same", "elsewhere")
KINDS = ("MENU", "KEY", "INPUT")
TAGS = ("O", *(f"{mark}-{kind}" for kind in KINDS for mark in "BI"))
SPLITS = ("train", "dev", "test")
TASKS = ("passage_relation", "interface_terms")

_WORDS = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*|[^\w\s]|_")
_WORDS_OR_HAN = re.compile(r"[\u3400-\u9fff]|(?:(?![\u3400-\u9fff])[^\W_])+|[^\w\s]|_")


def split_words(text: str, language: str) -> list[str]:
    """Words and single punctuation marks; in Chinese single characters, other letters as words."""
    return (_WORDS_OR_HAN if language == "zh" else _WORDS).findall(text)


def load_passage_relation(language: str, split: str, domain: str = "bible") -> "Dataset":
    """Pairs of passages in one language.  Columns: text_a, text_b, label (ClassLabel RELATIONS).

    The classes are balanced, and every passage is A, or B, as often in each class as in the others.
    Raises ValueError for an unknown language, split or domain.
    """
    from datasets import ClassLabel, Dataset, Features, Value

    require("language", language, LANGUAGES)
    require("split", split, SPLITS)
    require("domain", domain, DOMAINS)
    parallel = read_table(f"text/{domain}.parquet", ["id", language])[:]
    text = dict(zip(parallel["id"], parallel[language], strict=True))
    items = [
        {"text_a": text[row["id_a"]], "text_b": text[row["id_b"]], "label": row["label"]}
        for row in read_table("tasks/passage_relation.parquet").to_list()
        if row["split"] == split and row["domain"] == domain
    ]
    label = ClassLabel(names=list(RELATIONS))
    features = Features({"text_a": Value("string"), "text_b": Value("string"), "label": label})
    return Dataset.from_list(items, features=features)


def passage_chapters(split: str, domain: str = "bible") -> tuple[list[str], list[str]]:
    """The chapters, or pages, of text_a and of text_b of `load_passage_relation`, row by row."""
    parallel = read_table(f"text/{domain}.parquet", ["id", "group"])[:]
    chapter = dict(zip(parallel["id"], parallel["group"], strict=True))
    rows = read_table("tasks/passage_relation.parquet").to_list()
    own = [row for row in rows if row["split"] == split and row["domain"] == domain]
    return [chapter[row["id_a"]] for row in own], [chapter[row["id_b"]] for row in own]


def load_interface_terms(language: str, split: str) -> "Dataset":
    """Help paragraphs.  Columns: tokens (list of words), tags (list of ClassLabel TAGS).

    Raises ValueError for an unknown language or split.
    """
    from datasets import ClassLabel, Dataset, Features, List, Value

    require("language", language, LANGUAGES)
    require("split", split, SPLITS)
    columns = ["split", f"tokens_{language}", f"tags_{language}"]
    items = [
        {"tokens": row[columns[1]], "tags": row[columns[2]]}
        for row in read_table("tasks/interface_terms.parquet", columns).to_list()
        if row["split"] == split
    ]
    features = Features(
        {"tokens": List(Value("string")), "tags": List(ClassLabel(names=list(TAGS)))}
    )
    return Dataset.from_list(items, features=features)


def span_scores(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Micro-averaged F1 (0 to 1) over exact spans: same first token, same last, same type.

    gold, predicted: BIO tags of each sentence.  A prediction may be shorter than its sentence; the
    words it lacks are "O".  An "I" that continues nothing opens a span, as in the evaluation script
    of CoNLL-2000, so every sequence of tags stands for some spans.
    Returns "f1" over all spans, and "f1_PER" and so on for each type that gold has.  0.0 where
    nothing is right.
    Raises ValueError when the sentences differ in number, a prediction is longer than its sentence
    or a tag is not of BIO.
    """
    # Rather than seqeval, which says the same, has had no release since 2020 and warns on stderr.
    from nervaluate import Evaluator

    if len(gold) != len(predicted):
        raise ValueError(
            f"predicted has {len(predicted)} sentences; allowed are as many sentences as gold has, "
            f"{len(gold)}."
        )
    filled = []
    for true, guessed in zip(gold, predicted, strict=True):
        if len(guessed) > len(true):
            raise ValueError(
                f"predicted has {len(guessed)} tags for a sentence; allowed are at most as many as "
                f"gold has, {len(true)}."
            )
        filled.append([*guessed, *["O"] * (len(true) - len(guessed))])
    types = {_type_of(tag) for tags in (*gold, *filled) for tag in tags} - {None}
    found = Evaluator([list(tags) for tags in gold], filled, sorted(types), loader="list")
    results = found.evaluate() if gold else {"overall": {}, "entities": {}}
    strict = {name: by["strict"] for name, by in sorted(results["entities"].items())}
    scores = {"f1": float(results["overall"]["strict"].f1) if strict else 0.0}
    return scores | {f"f1_{name}": float(by.f1) for name, by in strict.items() if by.possible}


def _type_of(tag: str) -> str | None:
    if tag == "O":
        return None
    mark, _, name = tag.partition("-")
    if mark not in ("B", "I") or not name:
        raise ValueError(f"tag is {tag!r}; allowed are 'O', 'B-' or 'I-' and a type.")
    return name


def majority_baseline(
    task: str, language: str = "en", split: str = "test", domain: str = "bible"
) -> dict[str, float]:
    """What the most frequent training answer scores (a share from 0 to 1).

    "passage_relation": {"accuracy"} of always answering the most frequent label.
    "interface_terms": {"accuracy"} over tokens and {"f1"} over terms of giving each word its most
    frequent training tag, an unseen word "O"; {"accuracy_all_o"} of answering "O" everywhere.
    """
    require("task", task, TASKS)
    if task == "passage_relation":
        train = load_passage_relation(language, "train", domain)["label"]
        answer = Counter(train).most_common(1)[0][0]
        labels = list(load_passage_relation(language, split, domain)["label"])
        return {"accuracy": labels.count(answer) / len(labels)}
    votes: dict[str, Counter] = {}
    for tokens, tags in _tagged(language, "train"):
        for token, name in zip(tokens, tags, strict=True):
            votes.setdefault(token, Counter())[name] += 1
    usual = {token: counter.most_common(1)[0][0] for token, counter in votes.items()}
    sentences = _tagged(language, split)
    gold = [tags for _, tags in sentences]
    guessed = [[usual.get(token, "O") for token in tokens] for tokens, _ in sentences]
    return {
        "accuracy": _token_accuracy(gold, guessed),
        "f1": span_scores(gold, guessed)["f1"],
        "accuracy_all_o": _token_accuracy(gold, [["O"] * len(tags) for tags in gold]),
    }


def chance_baseline(
    task: str, language: str = "en", split: str = "test", domain: str = "bible", *, seed: int = 0
) -> dict[str, float]:
    """What guessing scores when it knows only how frequent each training answer is.

    "passage_relation": {"accuracy"}, expected.  "interface_terms": {"accuracy"} and {"f1"} when
    every sentence receives the tags of a random training sentence, cut or filled up with "O".
    """
    import numpy as np

    require("task", task, TASKS)
    if task == "passage_relation":
        share = []
        for name in ("train", split):
            counts = Counter(load_passage_relation(language, name, domain)["label"])
            share.append([counts[label] / counts.total() for label in range(len(RELATIONS))])
        return {"accuracy": sum(a * b for a, b in zip(*share, strict=True))}
    generator = np.random.default_rng(seed)
    train = [tags for _, tags in _tagged(language, "train")]
    gold = [tags for _, tags in _tagged(language, split)]
    drawn = [train[i] for i in generator.integers(len(train), size=len(gold))]
    guessed = [
        (other + ["O"] * len(tags))[: len(tags)] for tags, other in zip(gold, drawn, strict=True)
    ]
    return {"accuracy": _token_accuracy(gold, guessed), "f1": span_scores(gold, guessed)["f1"]}


def _tagged(language: str, split: str) -> list[tuple[list[str], list[str]]]:
    rows = load_interface_terms(language, split)
    return [(row["tokens"], [TAGS[tag] for tag in row["tags"]]) for row in rows.to_list()]


def _token_accuracy(gold: list[list[str]], guessed: list[list[str]]) -> float:
    pairs = [(a, b) for x, y in zip(gold, guessed, strict=True) for a, b in zip(x, y, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)
