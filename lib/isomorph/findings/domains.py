"""Domain similarity: how far two texts are apart, and what a language loses with a domain.

Conneau, Wu et al. (ACL 2020, section 4.1) give the second language text of another domain. In a
controlled world topic overlap is the dial for that; on real text the Bible and the help of an
office program are two domains.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from isomorph.effects import Contrast, levels
from isomorph.findings import TASKS, combined, score_name, written
from isomorph.findings.tables import without_interval
from isomorph.findings.words import span
from isomorph.text.corpora import load_parallel
from isomorph.text.worlds import World

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.effects import Estimate

DIAL = {
    "default": 1.0,
    "topics_75": 0.75,
    "topics_50": 0.5,
    "topics_25": 0.25,
    "domain_mismatch": 0.0,
}
TEXTS = {
    "default": "Bible / Bible",
    "domain_mismatch": "Bible / help",
    "help_help": "help / help",
}
# Of which domain a real task's text is, seen from a second language that reads the help.
LOST, GAINED, NEITHER = "of the domain lost", "of the domain gained", "of neither"
TASKS_OF = {LOST: ("passage_accuracy", "retrieval"), GAINED: ("terms_f1",), NEITHER: TASKS}
LEAST = 3.0  # points above its highest floor that a score needs, to have anything to lose
SENTENCES = 2000  # of each language: within a point of what all sentences give


def shared_words(first: Iterable[str], second: Iterable[str]) -> float:
    """The share of two texts' running words that they have in common, from 0 to 1.

    The sum over words of the smaller of its two relative frequencies, which is 1 less the total
    variation distance of the two distributions.
    """
    first, second = Counter(first), Counter(second)
    return sum(
        min(count / first.total(), second[word] / second.total()) for word, count in first.items()
    )


def shared_in_world(world: World, sentences: int = SENTENCES) -> float:
    """What the training texts of a world's two languages share, both put into language b."""
    a, b = (
        [word for sentence in world.sentences(f"train_{name}", sentences)
         for word in sentence.tokens["b"]]
        for name in "ab"
    )  # fmt: skip
    return shared_words(a, b)


def dial_table(world: World) -> DataFrame:
    """What the dial does to a world: a row a setting of topic overlap, from 1 down to 0.

    Columns topic overlap, topics of a, topics of b (shares in words), words shared (a number).
    """
    import pandas as pd

    lines = []
    for overlap in DIAL.values():
        turned = World(**world.model_dump() | {"topic_overlap": overlap})
        topics = {
            f"topics of {name}": ", ".join(f"{share:.0%}" for share in turned.topic_mixture(name))
            for name in "ab"
        }
        shared = shared_in_world(turned, min(SENTENCES, world.training_sentences))
        lines.append({"topic overlap": overlap} | topics | {"words shared": shared})
    return pd.DataFrame(lines)


def shared_in_texts() -> DataFrame:
    """Words shared by two English texts that have no sentence in common: columns texts, sentences
    (of the second), words shared. Of one domain the two are the sentences at even places and at
    odd places, in small letters, without punctuation."""
    import pandas as pd

    texts = {name: load_parallel(name.lower())["en"] for name in ("Bible", "help")}
    lines = []
    for one, other in (
        name.split(" / ") for name in ("Bible / Bible", "help / help", TEXTS["domain_mismatch"])
    ):
        first, second = texts[one][::2], texts[other][1::2]
        shared = shared_words(_words(first), _words(second))
        lines.append(
            {"texts": f"{one} / {other}", "sentences": len(second), "words shared": shared}
        )
    return pd.DataFrame(lines)


def _words(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in re.findall(r"\w+", text.lower())]


def along_the_dial(rows: DataFrame) -> DataFrame:
    """The rows of the dial's conditions with a column topic_overlap, read from each run's world."""
    own = rows[rows["condition"].isin(DIAL)]
    worlds = {text: json.loads(text)["pretraining"]["text"]["world"] for text in set(own["config"])}
    return own.assign(topic_overlap=own["config"].map(lambda text: worlds[text]["topic_overlap"]))


def by_topics() -> list[Contrast]:
    """The change of each task on lost and on kept topics, from all topics in common to none."""
    return [
        Contrast(part, f"{task}_{part}", "domain_mismatch", "default", score_name(task))
        for task in TASKS
        for part in ("lost", "kept")
    ]


def nuance(rows: DataFrame) -> dict[str, Estimate]:
    """For each task the drop on lost topics less the drop on kept ones, in percent points."""
    return {
        task: combined(
            rows,
            [(f"{task}_lost", "default"), (f"{task}_kept", "domain_mismatch")],
            [(f"{task}_lost", "domain_mismatch"), (f"{task}_kept", "default")],
        )
        for task in TASKS
    }


def reading(found: Estimate) -> str:
    """What a difference of drops says: which topics fare worse, or why that is open."""
    if math.isnan(found.value):
        return "not run"
    if math.isnan(found.low):
        return without_interval(found)
    if found.low > 0:
        return "lost topics fare worse"
    return "kept topics fare worse" if found.high < 0 else "not told apart"


def nuance_table(rows: DataFrame) -> DataFrame:
    """`nuance` to read: a row a task."""
    import pandas as pd

    return pd.DataFrame(
        {
            "task": score_name(task),
            "drop on lost less drop on kept, points": written(found, sign=True),
            "seeds": found.seeds,
            "so": reading(found),
        }
        for task, found in nuance(rows).items()
    )


def above_floors(
    rows: DataFrame, pairs: Sequence[str], tasks: Sequence[str] | None = None
) -> DataFrame:
    """Which tasks can show a loss at all: a row a task and pair that was measured.

    Columns task, pair, better (the higher of the scores under the default and the other domain),
    highest floor, floor (its name), first language (under the default), all in percent; metric;
    and informative: whether better is at least LEAST points above the floor. Floors are those
    measured of majority, premise alone, random encoder and monolingual; of retrieval also chance.
    tasks: all real ones, if left out.
    """
    import pandas as pd

    tasks = [task for own in TASKS_OF.values() for task in own] if tasks is None else tasks
    lines = [_above_floor(rows, task, pair) for task in tasks for pair in pairs]
    columns = ["task", "pair", "better", "highest floor", "floor", "first language", "metric",
               "informative"]  # fmt: skip
    table = pd.DataFrame([line for line in lines if line], columns=columns)
    return table.astype({"informative": bool})  # without a row it would select columns


def _above_floor(rows: DataFrame, task: str, pair: str) -> dict | None:
    own = [_percent(rows, task, name, pair) for name in ("default", "domain_mismatch")]
    own = [level for level in own if not math.isnan(level)]
    known = {
        "majority": _percent(rows, f"{task}_majority", "default", pair),
        "premise alone": _percent(rows, f"{task}_premise", "default", pair),
        "chance": _percent(rows, f"{task}_p1_chance", "default", pair),
        "random encoder": _percent(rows, task, "random_encoder", pair),
        "monolingual": _percent(rows, task, "monolingual", pair),
    }
    known = {name: level for name, level in known.items() if not math.isnan(level)}
    if not (own and known):
        return None
    floor = max(known, key=known.get)
    return {
        "task": score_name(task), "pair": pair, "better": max(own), "highest floor": known[floor],
        "floor": floor, "first language": _percent(rows, f"{task}_source", "default", pair),
        "metric": task, "informative": max(own) - known[floor] >= LEAST,
    }  # fmt: skip


def floors_to_read(table: DataFrame) -> DataFrame:
    """`above_floors` to read: rounded, and yes or no."""
    answer = table["informative"].map({True: "yes", False: "no"})
    shown = table.drop(columns=["metric", "informative"])
    return shown.round(1).astype(object).fillna("").assign(**{"can lose": answer})


def _percent(rows: DataFrame, metric: str, condition: str, pair: str) -> float:
    if not (rows["metric"] == metric).any():
        return math.nan
    return float(levels(rows, metric, [condition], pairs=[pair])["value"].iloc[0])


def by_text(pairs: Sequence[str]) -> list[Contrast]:
    """The change of every real task and pair, Bible / help less Bible / Bible, grouped by what the
    task's text is."""
    return [
        Contrast(f"{score_name(task)}, {pair}", task, "domain_mismatch", "default", of, (pair,))
        for of, tasks in TASKS_OF.items()
        for task in tasks
        for pair in pairs
    ]


def told_by_texts(changes: DataFrame, floors: DataFrame) -> str:
    """What real text says of the nuance, in a paragraph, from the tasks that have something to lose.

    changes: the effects of `by_text`.  floors: `above_floors` of the same rows.
    """
    ready = floors[floors["informative"]]
    own = changes[(changes["metric"] + changes["pairs"]).isin(ready["metric"] + ready["pair"])]
    own = own.dropna(subset="value")
    if own.empty:
        return (
            "No such task is recorded, or none stands clear of its floor: nothing can be read "
            "off real text yet."
        )
    mean, labels = (own.groupby("heading")[name] for name in ("value", "label"))
    mean, labels = mean.mean(), labels.agg("; ".join)
    told = [
        f"{mean[of]:+.1f} points where it is {of} ({labels[of]})" for of in TASKS_OF if of in mean
    ]
    seeds = int(own["seeds"].max())
    said = (
        f"{len(ready)} of {len(floors)} scores stand at least {LEAST:g} points above every floor. "
        f"By what the task's text is, they move on average by {', '.join(told)}. This rests on at "
        f"most {span(seeds, seeds, 'seed')} a pair{', so it has no interval' if seeds < 3 else ''}."
    )
    if not {LOST, GAINED} <= set(mean.index):
        return f"{said} The nuance needs tasks on both sides: it stays open here."
    holds = "so" if mean[LOST] < mean[GAINED] else "not so"
    return f"{said} The nuance would have the first below the second, and it is {holds}."


def at_floor(floors: DataFrame) -> str:
    """The tasks that have nothing to lose, each with its pairs; "" for none."""
    own = floors[~floors["informative"]].groupby("task", sort=False)["pair"].agg(", ".join)
    told = [f"{task} ({pairs})" for task, pairs in own.items()]
    return f"At a floor, so of no use here: {'; '.join(told)}." if told else ""
