"""What the chapter on phrasal paraphrase reads off verses, and off its rows.

names       the conditions that the experiment has at a size
listed      phrase pairs of some examples, to read
cues        what can be seen of phrase pairs and verses without any encoder
shallow     how far a single cue goes: `phrase_rules` and `verse_rules`
taught      an encoder tuned on phrase pairs: its scores
dial        rows by the number of examples, for a curve
gains       what phrases first add, and how much more with few examples; `told` in words
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from isomorph.findings.tables import combined, moved
from isomorph.presets import conditions

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found
    from isomorph.sizes import Size
    from isomorph.text.examples import Examples, Span

EXPERIMENT, TEST = "phrases_first", "test_score"
FIRST, SECOND = "Bible in Basic English", "World English Bible"
DIAL, COMES = "examples of the task", "first"
FIRSTS = {"plain": "nothing first", "phrases": "phrases first", "verses": "verses first"}
RIVALS = {"plain": "nothing first", "verses": "verses first", "larger_plain": "a larger encoder"}
FEW, MANY = 250, 1000


def names(size: Size) -> tuple[str, ...]:
    """The conditions that the experiment has at a size, in its own order."""
    return tuple(dict.fromkeys(c.name for c in conditions(EXPERIMENT, size)))


def listed(examples: Examples, *, same: bool | None = None) -> DataFrame:
    """A line a phrase pair: its words in both texts, and whether they are paraphrases by alignment.

    same: of one verse alone (True), of two (False), or of both kinds (None).
    """
    import pandas as pd

    return pd.DataFrame(
        [{FIRST: _words(item.first, one), SECOND: _words(item.second, other),
          "paraphrase": "yes" if answer else "no", "verses": "one" if item.same else "two"}
         for item in examples.items if same in (None, item.same)
         for one, other, answer in item.spans],
        columns=[FIRST, SECOND, "paraphrase", "verses"],
    )  # fmt: skip


class Cues(NamedTuple):
    """What needs no encoder. Arrays over phrase pairs, then over examples (two texts each)."""

    apart: np.ndarray  # (pairs,) between the middles of two phrases, as shares of their texts
    shared: np.ndarray  # (pairs,) words that the two texts share, of all they have
    answer: np.ndarray  # (pairs,) bool: paraphrases?
    within: np.ndarray  # (pairs,) bool: of one verse?
    texts: np.ndarray  # (examples,) as `shared`
    same: np.ndarray  # (examples,) bool: one verse?


def cues(examples: Examples) -> Cues:
    """The cues of examples of phrases."""
    pairs, texts = [], []
    for item in examples.items:
        shared = overlap(item.first, item.second)
        texts.append((shared, item.same))
        for one, other, answer in item.spans:
            far = apart(one, other, len(item.first), len(item.second))
            pairs.append((far, shared, answer, item.same))
    far, shared, answer, within = map(np.array, zip(*pairs, strict=True))
    return Cues(far, shared, answer, within, *map(np.array, zip(*texts, strict=True)))


def apart(one: Span, other: Span, first: int, second: int) -> float:
    """How far apart the middles of two phrases stand, as shares of texts of so many words."""
    return abs(sum(one) / 2 / first - sum(other) / 2 / second)


def overlap(first: Iterable[str], second: Iterable[str]) -> float:
    """The share of words that are in both, of those in either, letter case aside."""
    one, other = ({word.casefold() for word in side} for side in (first, second))
    return len(one & other) / len(one | other)


def phrase_rules(train: Cues, test: Cues) -> DataFrame:
    """A line a rule that says whether a phrase pair are paraphrases; thresholds are of `train`.

    Columns rule, accuracy, within one verse (shares of 1).
    """
    near = -threshold(-train.apart, train.answer)
    shared = threshold(train.shared, train.within)
    said = {
        "always no": np.zeros_like(test.answer),
        f"the texts share words (at least {shared:.0%})": test.shared >= shared,
        f"same place in the text (at most {near:.0%} apart)": test.apart <= near,
        "same place, and the texts share words": (test.apart <= near) & (test.shared >= shared),
    }
    return _rules(said, test.answer, {"within one verse": test.within})


def verse_rules(train: Cues, test: Cues) -> DataFrame:
    """The same for whether two texts are one verse. Columns rule, accuracy."""
    least = threshold(train.texts, train.same)
    said = {
        "always yes": np.ones_like(test.same),
        f"the texts share words (at least {least:.0%})": test.texts >= least,
    }
    return _rules(said, test.same, {})


def threshold(values: np.ndarray, answers: np.ndarray) -> float:
    """The lowest value to say yes to, so that most of the answers are right; the lowest of equals."""
    tried = np.unique(values)
    right = [((values >= least) == answers).mean() for least in tried]
    return float(tried[int(np.argmax(right))])


def _rules(said: Mapping[str, np.ndarray], truth, parts: Mapping[str, np.ndarray]) -> DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [{"rule": name, "accuracy": float((own == truth).mean())}
         | {part: float((own == truth)[where].mean()) for part, where in parts.items()}
         for name, own in said.items()]
    )  # fmt: skip


def taught(train: Examples, test: Examples, *, epochs: int = 3, seed: int = 0) -> dict[str, float]:
    """The shipped encoder, tuned on phrase pairs alone, here and now: its scores on test.

    What the experiment does first, at its own rates. The scores are those of
    `isomorph.models.phrases.phrase_scores`, shares of 1; the one of sentences has learnt nothing.
    """
    from isomorph.models.finetune import finetune, predict
    from isomorph.models.phrases import phrase_head, phrase_scores
    from isomorph.models.pretrained import load_encoder
    from isomorph.models.settings import TuningConfig

    encoder, tokenizers = load_encoder("en")
    head = phrase_head(encoder, seed=seed, level="phrases")
    common = {"tokenizer": tokenizers["en"], "language": "en"}
    with warnings.catch_warnings():
        # A few verses are always longer than is read.
        warnings.filterwarnings("ignore", message=".* were cut")
        finetune(
            head, train, config=TuningConfig(epochs=epochs), seed=seed, progress=False, **common
        )
        return phrase_scores(test, predict(head, test, **common))


def dial(found: Found, what: str) -> DataFrame:
    """Rows of the test score under the name `what`, with DIAL, a number, and COMES, what came first."""
    rows = found.rows[found.rows["metric"] == TEST]
    named = rows["condition"].astype(str).str.extract(r"(.+)_(\d+)")
    rows = rows.assign(**{"metric": what, DIAL: named[1].astype(int), COMES: named[0].map(FIRSTS)})
    return rows.dropna(subset=[COMES])  # another encoder has no line here


def gains(places: Mapping[str, Found]) -> DataFrame:
    """What phrases first add, in percent points: a line a place and number of examples, and the
    difference of the two; then the same over the other rivals: verses first, which are as many
    updates, and a larger encoder. Columns label, source, value, low, high, seeds; what was not run
    is left out."""
    import pandas as pd

    terms = {}
    for rival, called in RIVALS.items():
        few, many = ([[(TEST, f"{kind}_{n}")] for kind in ("phrases", rival)] for n in (FEW, MANY))
        over = f"over {called}"
        terms |= {
            f"{over}, {FEW} examples": few,
            f"{over}, {MANY:,} examples": many,
            f"{over}, how much more at few": (few[0] + many[1], few[1] + many[0]),
        }
    lines = []
    for place, found in places.items():
        for label, (plus, minus) in terms.items():
            own = combined(found.rows, plus, minus)
            if not math.isnan(own.value):
                lines.append({"label": label, "source": place, "value": own.value, "low": own.low,
                              "high": own.high, "seeds": own.seeds})  # fmt: skip
    return pd.DataFrame(lines, columns=["label", "source", "value", "low", "high", "seeds"])


def told(places: Mapping[str, Found]) -> str:
    """The gains as sentences, a place, number of examples and rival each."""
    sentences = []
    for place, found in places.items():
        for n in (FEW, MANY):
            for rival, called in RIVALS.items():
                own = combined(found.rows, [(TEST, f"phrases_{n}")], [(TEST, f"{rival}_{n}")])
                if not math.isnan(own.value):
                    sentences.append(
                        f"Phrases first against {called} ({place}, {n:,} examples): the score "
                        f"{moved(own)}."
                    )
    return " ".join(sentences) or "No pair of conditions to compare has been run yet."


def _words(words: Sequence[str], span: Span) -> str:
    return " ".join(words[slice(*span)])
