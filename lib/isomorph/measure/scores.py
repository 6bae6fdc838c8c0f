"""How right a task's answers are, and what answers score that use no encoder: shares from 0 to 1.

Accuracy, span F1 and attachment are the metrics of Conneau, Wu et al. (ACL 2020, section 3.2),
exact match and token F1 those of SQuAD (Rajpurkar et al., EMNLP 2016, section 6.1). Below the
score of `majority` one of transfer means nothing.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isomorph.text.examples import PAIR, SPEECH, TAG

if TYPE_CHECKING:
    from isomorph.models.heads import Prediction
    from isomorph.text.examples import Examples

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def accuracy(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """The share of labels that are right. Raises ValueError when there are none, or not as many of
    both."""
    _same_number("labels", gold, predicted)
    return sum(a == b for a, b in zip(gold, predicted, strict=True)) / len(gold)


def attachment(
    gold_heads: Sequence[Sequence[int]],
    gold_relations: Sequence[Sequence[str]],
    predicted_heads: Sequence[Sequence[int]],
    predicted_relations: Sequence[Sequence[str]],
) -> dict[str, float]:
    """Attachment scores over all words of all sentences, punctuation included: "uas", the share of
    words with the right head; "las", with the right head and the right relation to it.

    Each argument has one sequence for every sentence. A prediction may be shorter than its
    sentence: the words it lacks are wrong. As in the evaluation of the CoNLL 2018 shared task;
    like it, compare relations without their subtypes.
    Raises ValueError when there are no words, when the sentences differ in number, or when a
    prediction is longer than its sentence or has not as many relations as heads.
    """
    trees = {
        "gold_relations": gold_relations,
        "predicted_heads": predicted_heads,
        "predicted_relations": predicted_relations,
    }
    for name, sequences in trees.items():
        _same_number("sentences", gold_heads, sequences, name)
    words = heads_right = both_right = 0
    for heads, relations, guessed, names in zip(gold_heads, *trees.values(), strict=True):
        if len(heads) != len(relations) or len(guessed) != len(names) or len(guessed) > len(heads):
            raise ValueError(
                f"predicted_heads has {len(guessed)} words and predicted_relations {len(names)}; "
                f"allowed is the same number, at most gold's ({len(heads)} heads and "
                f"{len(relations)} relations)."
            )
        right = [a == b for a, b in zip(heads, guessed, strict=False)]
        words += len(heads)
        heads_right += sum(right)
        both_right += sum(r and a == b for r, a, b in zip(right, relations, names, strict=False))
    if not words:
        raise ValueError("gold_heads has no words; at least one is needed to score.")
    return {"uas": heads_right / words, "las": both_right / words}


def _same_number(what: str, gold: Sequence, predicted: Sequence, name: str = "predicted") -> None:
    if not len(gold) or len(gold) != len(predicted):
        raise ValueError(
            f"{name} has {len(predicted)} {what} and gold {len(gold)}; allowed is the same number, "
            f"from 1."
        )


def answer_scores(examples: Examples, answers: Sequence[str]) -> dict[str, float]:
    """Exact match and F1 of a text for each question, each the mean over questions.

    "exact": 1 where it is an accepted answer; "f1": of the words it shares with one, the best of
    the accepted answers. Case, ASCII punctuation and English articles do not count. Where nothing
    else is left of either, F1 is 1 if nothing is left of both, as in the script of SQuAD 2.0.
    Raises ValueError when there are no questions, or not as many answers.
    """
    _same_number("texts", examples.items, answers, "answers")
    exact = f1 = 0.0
    for item, answer in zip(examples.items, answers, strict=True):
        given = normal_words(answer)
        accepted = [normal_words(text) for text in item.answers]
        exact += given in accepted
        f1 += max(_f1(words, given) for words in accepted)
    return {"exact": exact / len(answers), "f1": f1 / len(answers)}


def span_scores(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Micro-averaged F1 (0 to 1) over exact spans: "f1", and "f1_PER" and so on for gold's types.

    gold, predicted: BIO tags of each sentence.  A prediction may be shorter than its sentence; the
    words it lacks are "O".  An "I" that continues nothing opens a span, as in the evaluation script
    of CoNLL-2000, so every sequence of tags stands for some spans.
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
    tags = {tag for sentence in (*gold, *filled) for tag in sentence} - {"O"}
    for tag in tags:
        if tag[:2] not in ("B-", "I-") or not tag[2:]:
            raise ValueError(f"tag is {tag!r}; allowed are 'O', 'B-' or 'I-' and a type.")
    types = sorted({tag[2:] for tag in tags})
    if not types:
        return {"f1": 0.0}
    results = Evaluator([list(row) for row in gold], filled, types, loader="list").evaluate()
    scores = {name: by["strict"] for name, by in sorted(results["entities"].items())}
    return {"f1": float(results["overall"]["strict"].f1)} | {
        f"f1_{name}": float(by.f1) for name, by in scores.items() if by.possible
    }


def phrase_scores(
    examples: Examples, answers: Sequence[tuple[bool, Sequence[bool]]]
) -> dict[str, float]:
    """How right the answers to examples of phrases are, from 0 to 1, over all examples together.

    "sentence_accuracy": of texts; "phrase_accuracy": of phrase pairs; "phrase_f1": of paraphrases
    among these; "phrase_accuracy_within": of the pairs inside one and the same verse, where half
    are paraphrases. 0.0 where there are no pairs.
    Raises ValueError when there are no examples, or not as many answers, of texts or of pairs.
    """
    _same_number("texts", examples.items, answers, "answers")
    texts, pairs = [], []
    for item, (same, guessed) in zip(examples.items, answers, strict=True):
        if len(guessed) != len(item.spans):
            raise ValueError(
                f"answers has {len(guessed)} for the phrase pairs of an example; allowed are as "
                f"many as its spans, {len(item.spans)}."
            )
        texts.append(same == item.same)
        gold = (answer for *_, answer in item.spans)
        pairs += [(*both, item.same) for both in zip(gold, guessed, strict=True)]
    said = sum(gold + given for gold, given, _ in pairs)
    right = [(gold == given, same) for gold, given, same in pairs]
    return {
        "sentence_accuracy": _share(texts),
        "phrase_accuracy": _share([each for each, _ in right]),
        "phrase_accuracy_within": _share([each for each, same in right if same]),
        "phrase_f1": 2 * sum(gold and given for gold, given, _ in pairs) / max(1, said),
    }


def _share(right: Sequence[bool]) -> float:
    return sum(right) / max(1, len(right))


def order_scores(
    gold: Sequence[Sequence[int]], predicted: Sequence[Sequence[int]]
) -> dict[str, float]:
    """How right predicted orders are, each the mean over texts.

    gold, predicted: for each text the place of each of its sentences, from 0.
    "accuracy": the share of a text's sentences in the right place (by chance 1/n); "pmr", perfect
    match ratio: 1 where all are (1/n!); "tau": Kendall's, 1 - 2 inversions / (n over 2), from -1 to
    1 (0).
    Raises ValueError when there are no texts, not as many of both, or the places of a text are not
    0 to n - 1 in both, n at least 2.
    """
    _same_number("texts", gold, predicted)
    scores = []
    for both in zip(gold, predicted, strict=True):
        for name, places in zip(("gold", "predicted"), both, strict=True):
            if len(both[0]) < 2 or sorted(places) != list(range(len(both[0]))):
                raise ValueError(
                    f"{name} has the places {tuple(places)}; allowed is each number from 0 to n - 1 "
                    "once, the same n from 2 in gold and predicted."
                )
        true, guessed = map(np.array, both)
        n, right = len(true), (true == guessed)
        # Each inverted pair is counted from both its sides.
        inverted = np.subtract.outer(true, true) * np.subtract.outer(guessed, guessed) < 0
        scores.append((right.mean(), right.all(), 1 - 2 * inverted.sum() / (n * (n - 1))))
    return dict(zip(("accuracy", "pmr", "tau"), np.mean(scores, axis=0).tolist(), strict=True))


def normal_words(text: str) -> list[str]:
    """A text's words that count: lower case, without ASCII punctuation and English articles."""
    bare = text.lower().translate(_PUNCTUATION)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def _f1(gold: list[str], given: list[str]) -> float:
    if not gold or not given:
        return float(gold == given)
    # 2PR / (P + R), with P = shared / given and R = shared / gold.
    return 2 * (Counter(gold) & Counter(given)).total() / (len(gold) + len(given))


def majority(train: Examples, test: Examples) -> list[Prediction]:
    """The most frequent answers of the training examples, for each test example.

    Pairs: the most frequent label. Words: the most frequent tag that the word has in training;
    else "O", or the most frequent part of speech. Trees: every word hangs on the same neighbour,
    the previous or the next one, whichever is right more often, by the most frequent relation; the
    word without that neighbour is the root.
    """
    if train.task == PAIR:
        label = Counter(item.label for item in train.items).most_common(1)[0][0]
        return [label for _ in test.items]
    if train.task in (TAG, SPEECH):
        votes: dict[str, Counter] = {}
        for item in train.items:
            for word, tag in zip(item.words, item.tags, strict=True):
                votes.setdefault(word, Counter())[tag] += 1
        usual = {word: counter.most_common(1)[0][0] for word, counter in votes.items()}
        other = "O"
        if train.task == SPEECH:
            other = sum(votes.values(), Counter()).most_common(1)[0][0]
        return [tuple(usual.get(word, other) for word in item.words) for item in test.items]
    steps = Counter(
        head - place
        for item in train.items
        for place, head in enumerate(item.heads, start=1)
        if head
    )
    relation = Counter(name for item in train.items for name in item.relations if name != "root")
    usual = relation.most_common(1)[0][0] if relation else "root"
    step = -1 if steps[-1] >= steps[1] else 1
    return [_chain(len(item.words), step, usual) for item in test.items]


def premise_alone(train: Examples, test: Examples) -> list[str]:
    """What the first text of each pair says of the label, by itself: a logistic regression on the
    counts of its words, fitted on the training pairs of the same language.

    Raises ValueError for examples that are not pairs, and where training has one label.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if train.task != PAIR:
        raise ValueError(f"the task is {train.task!r}; allowed are pairs, {PAIR!r}.")
    words = CountVectorizer(token_pattern=r"\S+", lowercase=False)
    classifier = make_pipeline(words, LogisticRegression(max_iter=1000))
    classifier.fit([item.first for item in train.items], [item.label for item in train.items])
    return classifier.predict([item.first for item in test.items]).tolist()


def _chain(count: int, step: int, relation: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    heads = tuple(
        place + step if 1 <= place + step <= count else 0 for place in range(1, count + 1)
    )
    return heads, tuple(relation if head else "root" for head in heads)
