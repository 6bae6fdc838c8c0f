"""How right a task's answers are: accuracy, span F1, attachment.  All are shares from 0 to 1.

The metrics of Conneau, Wu et al. (ACL 2020, section 3.2).  A table of theirs gives 100 times as
much.
"""

from collections.abc import Sequence

# It stands with the shipped tasks, whose baselines need it too.
from isomorph.text.tasks import span_scores

__all__ = ["accuracy", "attachment", "span_scores"]


def accuracy(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """The share of labels that are right.

    Raises ValueError when there are none, or not as many of both.
    """
    _same_number("labels", gold, predicted)
    return sum(a == b for a, b in zip(gold, predicted, strict=True)) / len(gold)


def attachment(
    gold_heads: Sequence[Sequence[int]],
    gold_relations: Sequence[Sequence[str]],
    predicted_heads: Sequence[Sequence[int]],
    predicted_relations: Sequence[Sequence[str]],
) -> dict[str, float]:
    """Attachment scores over all words of all sentences, punctuation included.

    "uas": the share of words with the right head; "las": with the right head and the right relation
    to it.  That is what the evaluation script of the CoNLL 2018 shared task counts where the words
    are given; like it, compare relations without their subtypes.
    Each argument has one sequence for every sentence.  A prediction may be shorter than its
    sentence: the words it lacks are wrong.
    Raises ValueError when there are no words, when the sentences differ in number, or when
    a prediction is longer than its sentence or has not as many relations as heads.
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
