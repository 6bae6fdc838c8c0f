"""Questions whose answer is a stretch of a text: public data sets, and cloze in a controlled world.

The task of SQuAD (Rajpurkar et al. 2016): a question, a context, and the answer as it stands there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from isomorph.text import judged
from isomorph.text.corpora import require
from isomorph.text.examples import QUESTION, SPLITS, Examples, QuestionExample
from isomorph.text.fetch import DataUnavailable, HubAway, load_hub, named
from isomorph.text.grammar import Sentence
from isomorph.text.tables import drawn
from isomorph.text.worlds import BUCKETS_OF, LANGUAGES, World

# Name -> (id, config, splits that can be had).
HUB = {
    "tydiqa": ("google-research-datasets/tydiqa", "secondary_task", SPLITS),
    "xquad": ("google/xquad", "xquad.en", ("test",)),
    "squad": ("rajpurkar/squad", "plain_text", SPLITS),
}
# How identifiers of TyDi QA's rows begin, of which only English is taken. A copy that is English
# alone may have lost the prefix, so the others are told apart and not English.
OTHERS = ("arabic", "bengali", "finnish", "indonesian", "korean", "russian", "swahili", "telugu")
DEV_SHARE = 10  # one context in ten

GAP = "?"
ASKED = ("nsubj", "obj")
PHRASE = ("det", "amod", "flat")  # what stands around a noun or name in its phrase


def hub_questions(name: str, split: str, count: int | None = None) -> Examples:
    """English questions of a public data set, from the mirror or the hub (`isomorph.text.hub`).

    name: "tydiqa" (Clark et al. 2020, TyDi QA, gold passage), "squad" (Rajpurkar et al. 2016, SQuAD
    1.1) or "xquad" (Artetxe et al. 2020), which has a "test" alone.
    split: "train", "dev" or "test".  The hub has two: "test" is its validation, and "dev" is a
    fixed random tenth of the contexts of its train, which "train" lacks.
    count: how many to take; they are chosen at random, and fewer are among more.  None takes all.
    Rows without an answer are left out.
    Raises ValueError for anything else or more than there are, hub.DataUnavailable when the data
    set, or every answer, is missing.
    """
    require("name", name, tuple(HUB))
    dataset, config, splits = HUB[name]
    require("split", split, splits)
    there = "validation" if split == "test" else "train"
    rows, where = load_hub(dataset, config, there), named(dataset, config, there)
    english = None
    if name == "tydiqa":
        ids = judged.examples_of(rows, ("id",), lambda row: judged.text(row, "id"), where)
        english = [i for i, own in enumerate(ids) if not own.startswith(OTHERS)]
    columns = ("question", "context", "answers")
    asked = judged.examples_of(rows, columns, _hub_example, where, english)
    items = [item for item in asked if item]
    if not items:
        raise DataUnavailable(
            f"{where} holds {len(asked)} English questions here, and none has an answer."
        )
    if split != "test":
        items = _part(items, split)
    source = f"questions {name} {split}"
    return Examples(
        QUESTION, (), tuple(items[i] for i in np.sort(drawn(len(items), count, source))), source
    )


def evaluation_split(name: str) -> str:
    """The split to report on: "test", or "dev" where the test split is not to be had with answers.

    Raises ValueError for another name, hub.DataUnavailable where neither is there.
    """
    try:
        hub_questions(name, "test", 1)
    except HubAway:
        raise
    except DataUnavailable:
        hub_questions(name, "dev", 1)
        return "dev"
    return "test"


def world_questions(
    world: World, language: str, split: str, count: int | None, *, sentences: int = 3
) -> Examples:
    """The first ``count`` cloze questions, or for None all, of a split of a controlled world, one a context.

    A context is so many sentences of the split as follow each other.  The question is one of them
    with GAP in the place of a subject or object, and the answer is that noun phrase: determiner,
    adjective and noun, or name.  Questions that have two answers are left out: the phrase stands
    once in its context, and no other sentence there reads like the question.
    language: "a" or "b".  split: "train", "dev" or "test", as in `examples.world_examples`.
    GAP is no word of a world, so a vocabulary learnt there reads it as the unknown word.
    Raises ValueError for anything else or more than there are.
    """
    require("language", language, LANGUAGES)
    require("split", split, SPLITS)
    if isinstance(sentences, bool) or not isinstance(sentences, int) or sentences < 1:
        raise ValueError(f"sentences is {sentences!r}; allowed is a whole number from 1.")
    part = f"train_{language}" if split == "train" else split
    available = getattr(world, "training_sentences" if split == "train" else f"{split}_sentences")
    whole = isinstance(count, int) and not isinstance(count, bool) and count >= 1
    # Hardly a context has no question; of a world's texts, the shorter begin the longer.
    drawn = min(available, (count + count // 10 + 10) * sentences if whole else available)
    found = _cloze(world, language, part, drawn, sentences)
    if whole and len(found) < count and drawn < available:
        found = _cloze(world, language, part, available, sentences)
    source = f"questions world {language} {split}"
    if count is None:
        return Examples(QUESTION, (), tuple(found), source)
    if not whole or count > len(found):
        raise ValueError(f"count is {count!r}; {source} allows 1 to {len(found)}.")
    return Examples(QUESTION, (), tuple(found[:count]), source)


def _part(items: list[QuestionExample], split: str) -> list[QuestionExample]:
    """The questions of "train" or "dev"; a context is in one of them only."""
    contexts = list(dict.fromkeys(item.context for item in items))
    shuffled = drawn(len(contexts), None, split)
    dev = {contexts[i] for i in shuffled[: -(-len(contexts) // DEV_SHARE)]}
    return [item for item in items if (item.context in dev) == (split == "dev")]


def _hub_example(row: dict) -> QuestionExample | None:
    """None where there is no answer."""
    answers = row["answers"] if isinstance(row["answers"], dict) else {}
    texts, starts = answers.get("text"), answers.get("answer_start")
    lists = isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts)
    if not lists or not all(isinstance(start, int) for start in starts):
        raise ValueError(
            f"answers is {row['answers']!r}; allowed are 'text' and 'answer_start', a list of texts "
            "and one of as many whole numbers."
        )
    if not texts or texts[0] is not None and not str(texts[0]).strip():
        return None
    accepted = tuple(dict.fromkeys(judged.texts(answers, "text")))
    question, context = (judged.text(row, column) for column in ("question", "context"))
    return QuestionExample(question, context, starts[0], accepted)


def _cloze(
    world: World, language: str, part: str, drawn: int, sentences: int
) -> list[QuestionExample]:
    """The questions of the first ``drawn`` sentences, at most one a context."""
    told = world.sentences(part, drawn)
    found = []
    for first in range(0, drawn - sentences + 1, sentences):
        context = told[first : first + sentences]
        questions = list(_questions(context, language))
        if questions:
            # A stream of its own for each context, so that none depends on how many are drawn.
            rng = np.random.default_rng([world.seed, 8, BUCKETS_OF[part][0], first])
            found.append(questions[int(rng.random() * len(questions))])
    return found


def _questions(context: Sequence[Sentence], language: str) -> Iterator[QuestionExample]:
    """All questions on a context that have one answer."""
    told = [sentence.tokens[language] for sentence in context]
    words = [word for tokens in told for word in tokens]
    before = 0  # words of the sentences before this one
    for sentence, tokens in zip(context, told, strict=True):
        for start, end in noun_phrases(sentence, language):
            left, answer, right = tokens[:start], tokens[start:end], tokens[end:]
            fitting = sum(_fits(other, left, right) for other in told)
            if fitting == 1 and _occurrences(words, answer) == 1:
                place = sum(len(word) + 1 for word in words[: before + start])
                question = " ".join((*left, GAP, *right))
                yield QuestionExample(question, " ".join(words), place, (" ".join(answer),))
        before += len(tokens)


def noun_phrases(sentence: Sentence, language: str) -> list[tuple[int, int]]:
    """(start, end) of each subject and object, end exclusive; relative pronouns are none."""
    heads, relations = sentence.heads[language], sentence.relations[language]
    found = []
    for place, relation in enumerate(relations):
        if relation not in ASKED:
            continue
        if relation == "nsubj" and relations[heads[place]] == "acl:relcl":
            continue
        inner = [i for i, h in enumerate(heads) if h == place and relations[i] in PHRASE]
        found.append((min([place, *inner]), max([place, *inner]) + 1))
    return found


def _fits(tokens: Sequence[str], left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether a sentence reads like the question, whatever stands in the gap."""
    if len(tokens) <= len(left) + len(right):
        return False
    return tokens[: len(left)] == left and tokens[len(tokens) - len(right) :] == right


def _occurrences(words: Sequence[str], phrase: Sequence[str]) -> int:
    size = len(phrase)
    return sum(tuple(words[i : i + size]) == phrase for i in range(len(words) - size + 1))
