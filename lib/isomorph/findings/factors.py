"""All factors together: their effects on one axis, their weights, and the order of these.

    contrasts, weights          the questions: what a factor's step changes, what having it is worth
    effects_on_one_axis         ours in each place beside the papers', for a forest plot
    ranked, orders, weighed     the order of the factors, its stability, and their weights
    seeds_wanted                how many seeds would tell each weight from none

An effect compares a condition with the one that shares its vocabulary: Conneau, Wu et al. (2020)
give "Sep" and "No anchors" two vocabularies put together, as they do "Default anchors".
Everything is in percent points; what nobody has run stands as "not run".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isomorph import effects
from isomorph.effects import Contrast
from isomorph.findings import ranking
from isomorph.findings.tables import NOT_RUN, effects_of, written
from isomorph.findings.words import score_name, span
from isomorph.ledger import tables

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found

Places = Mapping[str, "Found"]
Sides = tuple[str, str]

JOINT, TWO = "default", "default_anchors"  # of one vocabulary, and of two put together
FACTORS: dict[str, dict[str, Sides]] = {
    "Domain": {"other domain": ("domain_mismatch", JOINT)},
    "Anchors": {
        "no shared string": ("no_anchors", TWO),
        "dictionary added": ("extra_anchors", JOINT),
        "joint vocabulary": (JOINT, TWO),
    },
    "Sharing: made separate": {
        "embeddings": ("sep_emb", TWO),
        "bottom third": ("sep_l1_3", TWO),
        "bottom three quarters": ("sep_l1_6", TWO),
        "embeddings, bottom third": ("sep_emb_l1_3", TWO),
        "embeddings, three quarters": ("sep_emb_l1_6", TWO),
        "positions only": ("sep_positions", TWO),
        "softmax only": ("sep_softmax", TWO),
        "top third": ("sep_top_3", TWO),
        "top three quarters": ("sep_top_6", TWO),
    },
    "Word order": {
        "adjective after noun": ("order_adjective", JOINT),
        "verb last": ("order_verb_final", JOINT),
        "reversed": ("order_reversed", JOINT),
    },
    "Depth and size": {
        "2 layers, not 4": ("layers_2", JOINT),
        "6 layers, not 4": ("layers_6", JOINT),
        "half the width": ("width_32", JOINT),
        "twice the width": ("width_128", JOINT),
    },
}
# Of K et al. (2020), who measured inference only. Their Fake-English shares no word piece.
BY_OTHERS = (
    ("Word order", "(all words permuted)", "order_permuted", "no_anchors"),
    ("Depth and size", "(1 layer, not 24)", "layers_1", "layers_24"),
    ("Depth and size", "(6 layers, not 24)", "layers_6", "layers_24"),
)
# With the factor, and without it, by the steps of the paper's Table 1.
WEIGHTS: dict[str, Sides] = {
    "sharing": (TWO, "sep_l1_6"),
    "strings": (TWO, "no_anchors"),
    "dictionary": ("extra_anchors", JOINT),
    "joint vocabulary": (JOINT, TWO),
    "domain": (JOINT, "domain_mismatch"),
}
MORE_WEIGHTS = WEIGHTS | {
    "word order": (JOINT, "order_reversed"),
    "depth": (JOINT, "layers_2"),
    "width": (JOINT, "width_32"),
}


def contrasts(metric: str) -> list[Contrast]:
    """Every factor's question for one score: what its step changes."""
    return [
        Contrast(label, metric, *sides, heading=heading)
        for heading, own in FACTORS.items()
        for label, sides in own.items()
    ]


def weights(metric: str, of: Mapping[str, Sides] = WEIGHTS) -> list[Contrast]:
    """Contrasts with the factor less without it, so that what helps has a positive weight."""
    return [Contrast(label, metric, *sides) for label, sides in of.items()]


def effects_on_one_axis(places: Places, metrics: Sequence[str]) -> DataFrame:
    """Our effects in each place and the papers', as `isomorph.figures.forest` draws them.

    Columns as of `isomorph.effects.effects`, and source, the place. A line has one number of a
    paper: its mean over the pairs of the last of `places` that has this effect on real languages,
    over all its pairs where none has.
    """
    import pandas as pd

    asked = [contrast for metric in metrics for contrast in contrasts(metric)]
    parts = [
        effects_of(found, asked, tables.table_one()).assign(source=place)
        for place, found in places.items()
    ]
    if "nli_accuracy" in metrics:
        theirs = [
            Contrast(label, "nli_accuracy", plus, minus, heading=heading)
            for heading, label, plus, minus in BY_OTHERS
        ]
        nothing = next(iter(places.values())).rows.iloc[:0]
        cited = effects.effects(nothing, theirs, table=tables.order_and_depth())
        parts.append(cited.assign(source=next(iter(places))))
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    # A place where the effect was not measured has no pairs of its own for the paper's mean.
    table["chosen"] = (table["seeds"] > 0) & (table["pairs"] == table["paper_pairs"])
    line = ["heading", "label", "metric"]
    last = table.sort_values("chosen", kind="stable").groupby(line)[["paper", "paper_pairs"]].last()
    table = table.drop(columns=["chosen", "paper", "paper_pairs"])
    return table.merge(last.reset_index(), on=line, how="left")


def ranked(places: Places, metrics: Sequence[str]) -> DataFrame:
    """The order of the weights, task by task, in each place and in the paper's Table 1.

    Columns task, where, order, behind it, how often: of the resamples of three seeds or more, or
    of the paper's languages, those which have this order.
    """
    import pandas as pd

    lines = []
    for metric in metrics:
        task = score_name(metric)
        for place, found in places.items():
            by_seed = ranking.by_seed(found.rows, weights(metric))
            lines.append({"task": task, "where": place} | _order(by_seed))
        of_pairs = ranking.by_pair(tables.table_one(), weights(metric))
        order = ranking.in_order(of_pairs.mean())
        agree = sum(ranking.in_order(own) == order for _, own in of_pairs.iterrows())
        lines.append(
            {"task": task, "where": "Table 1", "order": order,
             "behind it": f"{len(of_pairs)} languages",
             "how often": f"{agree} of {len(of_pairs)} languages"}
        )  # fmt: skip
    return pd.DataFrame(lines)


def orders(places: Places, metrics: Sequence[str], most: int = 4) -> DataFrame:
    """The most frequent orders over resampled seeds: columns task, where, order, share.

    Only of places with three seeds or more; none, with the same columns, where there is no such.
    """
    import pandas as pd

    parts = []
    for metric in metrics:
        for place, found in places.items():
            by_seed = ranking.by_seed(found.rows, weights(metric))
            if len(by_seed) >= 3:
                own = ranking.orders(by_seed).head(most)
                parts.append(own.assign(task=score_name(metric), where=place))
    columns = ["task", "where", "order", "share"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def weighed(found: Found, metrics: Sequence[str]) -> DataFrame:
    """Each factor's weight to read, and how often it comes first over resampled seeds.

    Columns factor, and for each task its name and "TASK: first"; blank with fewer than three seeds
    that have all the factors which anybody has run.
    """
    import pandas as pd

    table = pd.DataFrame({"factor": list(MORE_WEIGHTS)})
    for metric in metrics:
        task = score_name(metric)
        of_factor = {row.label: row for row in _effects(found, metric).itertuples()}
        run = {label: MORE_WEIGHTS[label] for label, row in of_factor.items() if row.seeds}
        by_seed = ranking.by_seed(found.rows, weights(metric, run))
        first = ranking.places(by_seed)[1] if len(by_seed) >= 3 and run else {}
        table[task] = [
            written(of_factor[label], sign=True) if label in of_factor else NOT_RUN
            for label in MORE_WEIGHTS
        ]
        table[f"{task}: first"] = [
            f"{first[label]:.0%}" if label in first else "" for label in MORE_WEIGHTS
        ]
    return table


def seeds_wanted(found: Found, metrics: Sequence[str]) -> DataFrame:
    """The least seeds that would tell each weight from none, by its spread over the seeds at hand.

    Columns factor and a task each; blank where two seeds or more are not there, or where
    `isomorph.findings.ranking.seeds_to_settle` has no answer.
    """
    import pandas as pd

    table = pd.DataFrame({"factor": list(MORE_WEIGHTS)})
    for metric in metrics:
        alone = [
            ranking.by_seed(found.rows, [contrast])[contrast.label]
            for contrast in weights(metric, MORE_WEIGHTS)
        ]
        wanted = map(ranking.seeds_to_settle, alone)
        table[score_name(metric)] = ["" if seeds is None else str(seeds) for seeds in wanted]
    return table


def _effects(found: Found, metric: str) -> DataFrame:
    return effects_of(found, weights(metric, MORE_WEIGHTS))


def _order(by_seed: DataFrame) -> dict[str, str]:
    """The order of the mean weights, and what is behind it; `by_seed` is (seeds, factors)."""
    if by_seed.empty:
        return {"order": NOT_RUN, "behind it": "", "how often": ""}
    order, often = ranking.in_order(by_seed.mean()), ""
    if len(by_seed) >= 3:
        share = ranking.orders(by_seed).set_index("order")["share"].get(order, 0.0)
        often = f"{share:.0%} of resamples"
    return {
        "order": order,
        "behind it": span(len(by_seed), len(by_seed), "seed"),
        "how often": often,
    }
