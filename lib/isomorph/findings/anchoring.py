"""What two languages have in common on the surface, and what it is worth: tables of its chapter.

share_table       the share of anchors under each policy, by pair (runs of `anchor_shares`)
shared_strings    which strings two shipped texts have in common, and which of them mislead
along_dial        rows with the share of strings that their world was made with
strings_alone     what an encoder that was never pretrained gets from common strings (and order)
help_further      how much further added anchors help the distant pair (claim 1.3)
seeds_to_settle   how many seeds a prediction would need that cannot be told

Conneau, Wu et al. (2020), section 4.2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from isomorph import claims, effects
from isomorph.findings import TASKS, Found, combined, condition_name, score_name, written
from isomorph.findings.sharing import change, left_share
from isomorph.findings.tables import NOT_RUN
from isomorph.presets.anchors import DIAL, POLICIES
from isomorph.text.anchors import WORDS, by_word

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.results import Condition
    from isomorph.text.corpora import Corpus

SETTING = "strings spelt alike, % of the lexicon"
SHARES = {
    "anchor_types": "distinct subwords, %",
    "anchor_tokens": "running text, %",
    "anchor_tokens_letters": "running text in letters, %",
}
SHOWN = 8  # examples of a kind in a table


def share_table(places: Iterable[tuple[str, Found]], names: Sequence[str] = POLICIES) -> DataFrame:
    """The share of anchors by condition, kind of share and pair, for `figures.condition_bars`.

    `places` are names with the rows of `anchor_shares`; a pair of invented languages is told by the
    name. Columns condition, metric, source, value (percent), low and high (the same: a count).
    """
    import pandas as pd

    lines = [
        {
            "condition": condition_name(row.condition),
            "metric": SHARES[row.metric],
            "source": row.pair if row.pair != "a-b" else where,
            "value": 100 * row.value,
        }
        for where, found in places
        for name in names
        for row in found.rows[found.rows["condition"] == name].itertuples()
        if row.metric in SHARES
    ]
    table = pd.DataFrame(lines, columns=["condition", "metric", "source", "value"])
    order = {name: place for place, name in enumerate(SHARES.values())}
    table = table.sort_values("metric", key=lambda own: own.map(order), kind="stable")
    # A count is no estimate: its interval is the count.
    return table.assign(low=table["value"], high=table["value"]).reset_index(drop=True)


def share_of(found: Found, condition: str, pair: str, kind: str = "anchor_tokens") -> float:
    """One share of anchors, a fraction of 1; nan where it was not counted."""
    rows = found.rows
    own = rows[(rows["condition"] == condition) & (rows["pair"] == pair) & (rows["metric"] == kind)]
    return float(own["value"].mean()) if len(own) else math.nan


def shared_strings(corpus: Corpus) -> dict[str, str]:
    """The strings that stand in both training texts of a corpus, in lower case, as a table's line.

    Words are runs of letters. Those most frequent in the language that has them less come first. A
    word may mislead where the dictionary has translations of it, and the word itself is none.
    """
    first, second = corpus.languages
    counts = [string_counts(corpus.train[language]) for language in (first, second)]
    both = sorted(counts[0].keys() & counts[1].keys(),
                  key=lambda own: (-min(counts[0][own], counts[1][own]), own))  # fmt: skip
    words = [string for string in both if string.isalpha()]
    known = by_word([*corpus.dictionary["train"], *corpus.dictionary["test"]])
    own = {word: [t.casefold() for t in known[word]] for word in words if word in known}
    misleading = [word for word in own if word not in own[word]]
    told = [f"{word} ({own[word][0]})" for word in misleading]
    return {
        "pair": f"{first}-{second}",
        "strings in both": str(len(both)),
        "of them words": str(len(words)),
        "such as": ", ".join([w for w in words if w not in misleading][:SHOWN]) or "none",
        "not words": " ".join(s for s in both if not s.isalpha()) or "none",
        "in the dictionary, as other words": ", ".join(told[:SHOWN]) or "none",
        "how many": f"{len(misleading)} of {len(own)}",
    }


def string_counts(sentences: Iterable[str]) -> Counter[str]:
    """How often each word, mark or number stands in some sentences, in lower case."""
    return Counter(
        piece
        for text in sentences
        for piece in WORDS.findall(text.casefold())
        if not piece.isspace()
    )


def along_dial(rows: DataFrame, conditions: Iterable[Condition]) -> DataFrame:
    """The rows of the dial's conditions (the default is one of them), with its setting in percent."""
    settings = {
        condition.name: 100 * condition.run.pretraining.text.world.anchors
        for condition in conditions
        if condition.name in (*DIAL, "default")
    }
    own = rows[rows["condition"].isin(list(settings))]
    return own.assign(**{SETTING: own["condition"].map(settings).astype(float)})


def strings_alone(found: Found, pair: str, metrics: Sequence[str] = TASKS) -> DataFrame:
    """Majority, random encoder and default of each task in percent, and how much of what the
    default has above the majority a random encoder has too."""
    import pandas as pd

    lines = []
    for metric in found.has(*metrics):
        names = ("default", "random_encoder")
        default, random = effects.levels(found.rows, metric, names, pairs=[pair])["value"]
        floor = math.nan
        if found.has(f"{metric}_majority"):
            floor = effects.levels(found.rows, f"{metric}_majority", ["default"], pairs=[pair])[
                "value"
            ].item()
        lines.append(
            {
                "pair": pair,
                "score": score_name(metric),
                "majority": _number(floor),
                "random encoder": _number(random),
                "default": _number(default),
                "the random encoder's part of the rise": left_share(default, random, floor).replace(
                    "nothing to lose", "no rise"
                ),
            }
        )
    return pd.DataFrame(lines)


def help_further(rows: DataFrame, table: DataFrame, metrics: Sequence[str] = TASKS) -> DataFrame:
    """From default to extra anchors: the change of the near pair, of the distant one, and the
    second less the first, paired by seed; and the paper's from its `table`, in percent points."""
    import pandas as pd

    near, far = ("extra_anchors", "default"), ("far_extra_anchors", "far_default")
    lines = []
    for metric in metrics:
        own = table[table["metric"] == metric]
        cells = own.pivot(index="condition", columns="pair", values="value")
        theirs = cells.loc[near[0]] - cells.loc[near[1]]
        difference = combined(
            rows, [(metric, far[0]), (metric, near[1])], [(metric, far[1]), (metric, near[0])]
        )
        lines.append(
            {
                "score": score_name(metric),
                "near pair": written(change(rows, metric, *near), sign=True),
                "distant pair": written(change(rows, metric, *far), sign=True),
                "distant less near": written(difference, sign=True),
                "seeds": difference.seeds,
                "the paper: French": f"{theirs['en-fr']:+.1f}",
                "Chinese": f"{theirs['en-zh']:+.1f}",
                "Chinese less French": f"{theirs['en-zh'] - theirs['en-fr']:+.1f}",
            }
        )
    return pd.DataFrame(lines)


def seeds_to_settle(identifiers: Iterable[str], rows: claims.Loader | None = None) -> DataFrame:
    """For each prediction that cannot be told but has an interval, how many units would decide it.

    `rows` as in `isomorph.claims.judged`.

    An interval is taken to narrow with the root of the number of units while the mean stays; it decides
    when it no longer reaches the nearest bound.
    """
    import pandas as pd

    wanted, lines = set(identifiers), []
    for found in claims.judged(rows):
        if found.claim.id not in wanted:
            continue
        for place in found.places:
            for one in place.judgement.findings:
                own, part = one.estimate, one.part
                if one.outcome != "cannot tell" or own.kind != "interval" or one.reason:
                    continue  # with a reason the interval is beyond a bound of ours already
                half = part.printed((own.high - own.low) / 2)
                bounds = (part.bound - part.tolerance, part.bound + part.tolerance)
                room = part.printed(min(abs(own.value - bound) for bound in bounds))
                lines.append(
                    {
                        "claim": found.claim.id,
                        "where": f"{place.model} ({place.size})",
                        "prediction": part.says,
                        "now": f"{own.units} {place.unit}s",
                        "half of the interval": f"{half:.1f} {part.printed_unit()}",
                        "to the bound": f"{room:.1f} {part.printed_unit()}",
                        "needed, about": seeds_needed(own.units, half, room),
                    }
                )
    return pd.DataFrame(lines)


def seeds_needed(seeds: int, half: float, room: float) -> str:
    """So many seeds that half of the interval fits into `room`; "over 1,000" tells nothing more."""
    many = math.inf if room == 0 else math.ceil(seeds * (half / room) ** 2)
    return f"{max(many, seeds + 1)}" if many <= 1000 else "over 1,000"


def _number(value: float) -> str:
    return NOT_RUN if math.isnan(value) else f"{value:.1f}"
