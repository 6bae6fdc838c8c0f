"""How right extracted answers are: SQuAD's exact match and token F1, shares from 0 to 1.

Rajpurkar et al. (EMNLP 2016, section 6.1). A table of theirs gives 100 times as much.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isomorph.text.examples import Examples

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def answer_scores(examples: Examples, answers: Sequence[str]) -> dict[str, float]:
    """Exact match and F1 of a text for each question, each the mean over questions.

    "exact": 1 where it is an accepted answer; "f1": of the words it shares with one, the best of
    the accepted answers. Case, ASCII punctuation and English articles do not count. Where nothing
    else is left of either, F1 is 1 if nothing is left of both, as in the script of SQuAD 2.0.
    Raises ValueError when there are no questions, or not as many answers.
    """
    if not examples.items or len(examples.items) != len(answers):
        raise ValueError(
            f"answers has {len(answers)} texts for {len(examples.items)} questions; allowed is the "
            "same number, from 1."
        )
    exact = f1 = 0.0
    for item, answer in zip(examples.items, answers, strict=True):
        given = normal_words(answer)
        accepted = [normal_words(text) for text in item.answers]
        exact += given in accepted
        f1 += max(_f1(words, given) for words in accepted)
    return {"exact": exact / len(answers), "f1": f1 / len(answers)}


def normal_words(text: str) -> list[str]:
    """A text's words that count: lower case, without ASCII punctuation and English articles."""
    bare = text.lower().translate(_PUNCTUATION)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def _f1(gold: list[str], given: list[str]) -> float:
    if not gold or not given:
        return float(gold == given)
    # 2PR / (P + R), with P = shared / given and R = shared / gold.
    return 2 * (Counter(gold) & Counter(given)).total() / (len(gold) + len(given))
