"""What a recorded row is about: its subject, the model by name, its unit, and its role among pairs.

A claim is about some kind of model and data (its *scope*), and only rows of a subject in scope can
support or contradict it. A row holds the whole configuration of its run, so the subject is read off
that and cannot be mistyped.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from pandas import DataFrame

Subject = Literal[
    "planted case",  # points or losses drawn so that the answer is known
    "controlled world",  # a model of invented languages
    "English with its copy",  # a model of real text and the same in letters of another script
    "masked model",  # ours, of one real language
    "causal model",  # ours, of one real language
    "bilingual model",  # ours, of two real languages
    "sentence encoder",  # somebody else's, tuned to compare sentences
    "static vectors",  # without contexts
    "paper's own model",  # BERT and its kin, or the paper's model trained as the paper did
]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
WORLDS = ("planted case", "controlled world", "English with its copy")

Unit = Literal["pretraining seed", "tuning seed", "items of one model", "drawn case"]
ITEMS: Unit = "items of one model"

# What is known by a name of its own, and what to call it.
NAMED: dict[str, tuple[Subject, str]] = {
    "glove": ("static vectors", "GloVe"),
    "sentence-transformers/all-MiniLM-L6-v2": ("sentence encoder", "MiniLM"),
    "intfloat/multilingual-e5-small": ("sentence encoder", "E5"),
    "en": ("masked model", "the English encoder that ships"),
    "fr": ("masked model", "the French encoder that ships"),
    "en-fr": ("bilingual model", "the English-French encoder that ships"),
}
OURS: dict[Subject, str] = {
    "controlled world": "worlds",
    "English with its copy": "English with its copy",
    "masked model": "our masked models",
    "causal model": "our causal models",
    "bilingual model": "our bilingual models",
}
# Of the worlds the second language's distance is part of a condition's name; of real text they are
# the languages. The paper calls French close to English and Chinese distant.
ROLES = {"close": ("en-fr", "a-b"), "distant": ("en-zh", "far")}
FAR = "far_"


class About(NamedTuple):
    subject: Subject
    model: str
    unit: Unit
    body: str  # of evidence: what is compared with one another


def placed(rows: DataFrame) -> DataFrame:
    """The rows with the columns of `About`; conditions and languages without what names
    the subject: "bible_flow_target" is "flow_target", and "far_default" is "default" of the languages
    "far"."""
    import pandas as pd

    cells = list(zip(rows["config"], rows["condition"], strict=True))
    about = {
        (config, condition): (*about_config(config), _plain(config, condition))
        for config, condition in set(cells)
    }
    columns = pd.DataFrame(
        [about[cell] for cell in cells],
        columns=[*About._fields, "condition"], index=rows.index,
    )  # fmt: skip
    far = columns["condition"].str.startswith(FAR)
    columns["condition"] = columns["condition"].str.removeprefix(FAR)
    return rows.assign(**columns, languages=rows["languages"].mask(far, "far"))


def _plain(config: str, condition: str) -> str:
    """A condition without the name of its subject."""
    run = _read(config)
    if run.get("weights") == "random":  # an untrained twin stays told apart
        return condition
    words = run.get("kind") == "encoder_words" and run["encoder"] != "glove"
    if words and condition != "bert_base_uncased":
        return "trained"
    return condition.removeprefix(run.get("prefix", ""))


_read = cache(json.loads)  # a configuration is that of many rows


@cache
def about_config(config: str) -> About:
    """The subject, the model by name and the unit of a run, from its recorded configuration."""
    run = _read(config)
    if "theorem" in run:
        return About("planted case", "planted cases", "drawn case", "planted cases")
    of = run.get("hub") or run.get("encoder")
    if isinstance(of, str):
        subject, model = named_model(of)
        unit = "tuning seed" if run.get("kind") == "fine_tuning" else "items of one model"
        return About(subject, model, unit, model)
    subject = _of_pretraining(run)
    if ("words_read" in run or run.get("of") == "word2vec") and subject not in WORLDS:
        return About("static vectors", "skip-gram vectors", "pretraining seed", "ours")
    if subject in WORLDS:
        return About(subject, OURS[subject], "pretraining seed", subject)
    # Two tasks measure the same things of other sentences, so each is a body of its own.
    body = f"ours, {run['task']}" if run.get("kind") == "cures" else "ours"
    return About(subject, f"{OURS[subject]}{_length(run)}", "pretraining seed", body)


def named_model(name: str) -> tuple[Subject, str]:
    """Of an encoder with a name of its own; what is none of those known is the paper's."""
    return NAMED.get(name, ("paper's own model", name.rpartition("/")[2]))


def _length(run: dict) -> str:
    """How much text the models of a run read: ", 12M tokens"."""
    waiting = [run]
    while waiting:
        at = waiting.pop()
        if isinstance(at.get("training"), dict):
            return f", {at['training']['tokens'] / 1e6:g}M tokens"
        waiting += [value for value in at.values() if isinstance(value, dict)]
    return ""


def _texts(run: object):
    """Every configuration of a text, however deep."""
    if isinstance(run, dict):
        if run.get("kind") in ("world", "shipped", "hub", "copy"):
            yield run
        for value in run.values():
            yield from _texts(value)


def _of_pretraining(run: dict) -> Subject:
    texts = list(_texts(run))
    kinds = {text["kind"] for text in texts}
    if "world" in kinds:
        return "controlled world"
    if "copy" in kinds:
        return "English with its copy"
    if "hub" in kinds:
        return "paper's own model"
    if all(len(set(text["languages"])) > 1 for text in texts):
        return "bilingual model"
    shape = (run.get("pretraining") or {}).get("encoder") or {}
    return "causal model" if shape.get("causal") else "masked model"
