"""What the chapter on sentence ordering reads off texts, off a tuned encoder and off its rows.

names       the conditions that the experiment has at a size
as_read     the sentences of one text as an encoder reads them; `share_read` is how much it does
draws       ListMLE, sentence by sentence; `hinges` is our margin, pair by pair
by_chance   the three scores over all orders of some sentences; `orders_by_tau` counts them
rules       what orders without an encoder score
tuned       an encoder tuned as a condition has it: test texts and predicted places
places      which places are taken for which
right_places the same in a sentence
levels      Kendall's tau of each condition; `all_scores` is a table; `live_tau` is of the live run
ablations   what each part adds; `told` in words
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, permutations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from isomorph import effects
from isomorph.effects import Contrast
from isomorph.findings.tables import moved, written
from isomorph.findings.words import condition_name
from isomorph.models.ordering import order_scores
from isomorph.presets import conditions
from isomorph.presets.fine_tuning import ORDERED

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found
    from isomorph.results import Condition
    from isomorph.sizes import Size
    from isomorph.text.examples import Examples, OrderExample

EXPERIMENT, TEST = "orders", "test_score"
SCORES = ("accuracy", "pmr", "tau")
SHOWN = {"accuracy": "accuracy, %", "pmr": "PMR, %", "tau": "tau"}
INTERACTION, MARGIN = "sentences see each other", "a margin in the loss"
# Each part of BERT4SO is taken away from the whole, and from what is left without the other.
PARTS = (
    (INTERACTION, "with the margin", "full", "no_interaction"),
    (INTERACTION, "without the margin", "no_margin", "neither"),
    (MARGIN, "with sentences that see each other", "full", "no_margin"),
    (MARGIN, "with sentences alone", "no_interaction", "neither"),
)


def names(size: Size) -> tuple[str, ...]:
    """The conditions that the experiment has at a size, in its own order."""
    return tuple(dict.fromkeys(c.name for c in conditions(EXPERIMENT, size)))


def as_read(item: OrderExample, head, tokenizer) -> DataFrame:
    """A line a sentence, as the text is shuffled: what an `OrderingHead` reads of it.

    Columns sentence, [CLS] at (the position of its [CLS]), segment, tokens (its own that are read),
    of (how many it has), as it is read, true place (from 1).
    """
    import pandas as pd

    from isomorph.text.examples import ORDER, Examples
    from isomorph.text.tokens import encodings

    (row,) = head.encode(Examples(ORDER, (), (item,), "one"), tokenizer)
    ends, lines = [*row.words[1:], len(row.ids)], []
    for number, (start, end) in enumerate(zip(row.words, ends, strict=True)):
        (whole,) = encodings(tokenizer, [item.sentences[number]], special=False)
        lines.append({
            "sentence": number + 1, "[CLS] at": start, "segment": row.segments[start],
            "tokens": end - start - 2, "of": len(whole),
            "as it is read": tokenizer.decode(row.ids[start + 1 : end - 1]),
            "true place": item.order[number] + 1,
        })  # fmt: skip
    return pd.DataFrame(lines)


def share_read(examples: Examples, head, tokenizer) -> float:
    """The share of the texts' own tokens that the encoder reads."""
    from isomorph.text.tokens import encodings

    rows = head.encode(examples, tokenizer)
    flat = [sentence for item in examples.items for sentence in item.sentences]
    whole = sum(map(len, encodings(tokenizer, flat, special=False)))
    return sum(len(row.ids) - 2 * len(row.words) for row in rows) / whole


def draws(scores: Mapping[str, float]) -> DataFrame:
    """ListMLE of sentences in their true order, each with its score: a line a draw, in nats."""
    import pandas as pd

    names, lines = list(scores), []
    for place, name in enumerate(names):
        weights = [math.exp(scores[other]) for other in names[place:]]
        chance = weights[0] / sum(weights)
        lines.append({"place": place + 1, "still there": ", ".join(names[place:]),
                      "right one": name, "chance": chance, "cost": math.log(1 / chance)})  # fmt: skip
    return pd.DataFrame(lines)


def hinges(scores: Mapping[str, float], margin: float = 1.0) -> DataFrame:
    """Our margin on sentences in their true order: a line a pair."""
    import pandas as pd

    return pd.DataFrame(
        [{"first": one, "then": other, "ahead by": scores[one] - scores[other],
          "cost": max(0.0, margin - (scores[one] - scores[other]))}
         for one, other in combinations(scores, 2)]
    )  # fmt: skip


def by_chance(sentences: int = 5) -> dict[str, float]:
    """Accuracy, pmr and tau, each the mean over all orders of so many sentences."""
    orders = list(permutations(range(sentences)))
    return order_scores([tuple(range(sentences))] * len(orders), orders)


def taus(sentences: int = 5) -> np.ndarray:
    """Kendall's tau of every order of so many sentences, (orders,)."""
    true = tuple(range(sentences))
    return np.array([order_scores([true], [o])["tau"] for o in permutations(true)])


def orders_by_tau(sentences: int = 5) -> DataFrame:
    """A line a value of tau: how many orders have it, and how many pairs are then inverted."""
    import pandas as pd

    found, counts = np.unique(taus(sentences).round(9), return_counts=True)
    pairs = math.comb(sentences, 2)
    return pd.DataFrame(
        {"inverted pairs": [round(pairs * (1 - tau) / 2) for tau in found[::-1]],
         "tau": found[::-1] + 0.0, "orders": counts[::-1], "share": counts[::-1] / counts.sum()}
    )  # fmt: skip


def chance_error(texts: int, sentences: int = 5) -> float:
    """The standard error of the mean tau of so many texts that are put in order by guessing."""
    return float(taus(sentences).std() / math.sqrt(texts))


def _by(key: Callable[[str], float], examples: Examples) -> list[tuple[int, ...]]:
    """The places of sentences sorted by a key, the earlier of equals first."""
    return [
        tuple(np.argsort(np.argsort([key(s) for s in item.sentences], kind="stable")).tolist())
        for item in examples.items
    ]


def rules(examples: Examples) -> DataFrame:
    """A line a rule that needs no encoder: accuracy, pmr and tau."""
    import pandas as pd

    keys = {
        "as shuffled": lambda text: 0,
        "short ones first": len,
        "what ends without a mark first": lambda text: text.rstrip()[-1:] in ".:;!?)",
    }
    gold = [item.order for item in examples.items]
    return pd.DataFrame(
        [{"rule": name} | order_scores(gold, _by(key, examples)) for name, key in keys.items()]
    )


class Answered(NamedTuple):
    """Texts, and the places that a tuned encoder gives their sentences."""

    test: Examples
    predicted: list[tuple[int, ...]]

    def scores(self) -> dict[str, float]:
        return order_scores([item.order for item in self.test.items], self.predicted)


def tuned(condition: Condition) -> Answered:
    """A condition's encoder, tuned here and now as its run does it, and its answers on test.

    The run must start from an encoder that ships and have no task before.
    """
    from isomorph.models.finetune import finetune, predict
    from isomorph.models.pretrained import load_encoder

    run, task = condition.run, condition.run.downstream
    encoder, tokenizer = load_encoder(run.encoder)
    tokenizer = tokenizer if callable(tokenizer) else tokenizer["en"]
    head = task.head(encoder, (), seed=run.seed)
    train, test = (task.examples(split, None, "en") for split in ("train", "test"))
    with warnings.catch_warnings():
        # Nearly every text is longer than is read.
        warnings.filterwarnings("ignore", message=".* were cut")
        finetune(head, train, tokenizer, task.tuning, language="en", seed=run.seed, progress=False)
        return Answered(test, predict(head, test, tokenizer, language="en"))


def places(answered: Answered) -> DataFrame:
    """(true place, predicted place), from 1: the share of the sentences of a true place. Square.

    Texts with fewer sentences than the first one has, or more, are left out.
    """
    import pandas as pd

    count = len(answered.test.items[0].order)
    table = np.zeros((count, count))
    for item, predicted in zip(answered.test.items, answered.predicted, strict=True):
        if len(predicted) == count:
            for true, guessed in zip(item.order, predicted, strict=True):
                table[true, guessed] += 1
    counted = range(1, count + 1)
    return pd.DataFrame(table / table.sum(1, keepdims=True), index=counted, columns=counted)


def levels(places: Mapping[str, Found], metric: str = TEST) -> DataFrame:
    """A line a place and condition that was run, tau times 100: label, source, value, low, high,
    seeds."""
    import pandas as pd

    lines = []
    for place, found in places.items():
        for name in _run(found, metric, ORDERED):
            own = effects.level(found.rows, metric, name)
            lines.append({"label": condition_name(name), "source": place, "value": own.value,
                          "low": own.low, "high": own.high, "seeds": own.seeds})  # fmt: skip
    return pd.DataFrame(lines, columns=["label", "source", "value", "low", "high", "seeds"])


def ablations(places: Mapping[str, Found], metric: str = TEST) -> DataFrame:
    """What each part of BERT4SO adds, in points of 100 tau, as `isomorph.effects.effects` has it;
    source is the place. Parts that were not run are left out."""
    import pandas as pd

    tables = [pd.DataFrame(columns=["label", "heading", "source", "value", "low", "high", "seeds"])]
    for place, found in places.items():
        contrasts = [
            Contrast(label, metric, plus, minus, heading=part)
            for part, label, plus, minus in PARTS
            if len(_run(found, metric, (plus, minus))) == 2
        ]
        if contrasts:
            tables.append(effects.effects(found.rows, contrasts).assign(source=place, metric=""))
    return pd.concat(tables[1:], ignore_index=True) if tables[1:] else tables[0]


def told(table: DataFrame) -> str:
    """The lines of `ablations` as sentences."""
    if table.empty:
        return "No two conditions to compare have been run yet."
    return " ".join(
        f"{row.heading.capitalize()}, {row.label} ({row.source}): 100 tau {moved(row)}."
        for row in table.itertuples()
    )


def all_scores(found: Found) -> DataFrame:
    """A line a condition that was run: accuracy and PMR in percent, tau itself, with intervals."""
    import pandas as pd

    lines = []
    for name in _run(found, TEST, ORDERED):
        line, seeds = {"condition": condition_name(name)}, 0
        for metric in SCORES:
            own = effects.level(found.rows, metric, name)
            line[SHOWN[metric]] = written(own, percent=metric != "tau")
            seeds = own.seeds
        lines.append(line | {"seeds": seeds})
    return pd.DataFrame(lines)


def live_tau(made: DataFrame | None) -> str:
    """The tau of the run made now, in a sentence."""
    if made is None:
        return ""
    (value,) = made.loc[made["metric"] == "tau", "value"]
    return f"Its tau is {value:.2f}."


def right_places(table: DataFrame, texts: int) -> str:
    """How right the first, the middle and the last place are, of the table of `places`."""
    last = len(table)
    middle = [table.loc[place, place] for place in range(2, last)]
    ends = (
        f"{table.loc[1, 1]:.0%} of the first sentences and {table.loc[last, last]:.0%} of the last"
    )
    error = math.sqrt((1 / last) * (1 - 1 / last) / texts)
    return (
        f"It puts {ends} at their place, and on average {np.mean(middle):.0%} of those between; guessing has "
        f"{1 / last:.0%}. With {texts} sentences a place, one share may be off by {2 * error:.0%} by luck."
    )


def _run(found: Found, metric: str, wanted: Iterable[str]) -> Sequence[str]:
    run = set(found.rows.loc[found.rows["metric"] == metric, "condition"])
    return [name for name in wanted if name in run]
