"""`isomorph compare`: any two encoders on shipped parallel text or on one's own, as rows and a page.

The measures are those of the chapters on alignment and CKA (Conneau, Wu et al. 2020, section 5), by
`isomorph.measure.comparison`. The first model reads the first language and the second the second; the
same model twice is fine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from isomorph import figures, report
from isomorph import rows as rows_of
from isomorph.processes import limited
from isomorph.text.own import own_material
from isomorph.text.parallel import LEARN, TEST, languages_of, material

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.models.settings import Device

SIDES = ("source", "target")
# The fingerprints are `isomorph.models.pretrained.fingerprint` of the two models, as they were read, and
# what a side reads is how its sentences became vectors, by `isomorph.models.sentences`.
COLUMNS = (*SIDES, "text", "source_fingerprint", "target_fingerprint", "source_reads",
           "target_reads", "layer", "metric", "value", *report.ESTIMATED)  # fmt: skip
BY_LAYER = {
    "retrieval, rotated": "retrieval_p1",
    "retrieval, as they are": "retrieval_p1_unmapped",
    "words, rotated": "translation_contextual_p1",
    "CKA": "cka",
    "RSA": "rsa",
    "cosine, first": "average_cosine_source",
    "cosine, second": "average_cosine_target",
    "IsoScore, first": "isoscore_source",
    "IsoScore, second": "isoscore_target",
}


DRAWINGS = (
    report.Drawing(
        "Sentence retrieval", "The share of sentences whose translation is nearest, by layer.",
        "retrieval_p1",
        {"rotated": "retrieval_p1", "rotated, CSLS": "retrieval_p1_csls",
         "any linear map": "retrieval_p1_linear", "as they are": "retrieval_p1_unmapped"},
        {"retrieval_p1": "Retrieval after a rotation",
         "retrieval_p1_unmapped": "Retrieval without any map"},
        "retrieval_p1_chance",
    ),
    report.Drawing(
        "Word translation", "Word translation by layer, from vectors averaged over contexts.",
        "translation_p1",
        {"rotated, CSLS": "translation_contextual_p1",
         "rotated, cosine": "translation_contextual_p1_cosine",
         "a random rotation": "translation_contextual_p1_random",
         "as they are": "translation_contextual_p1_unmapped"},
        {"translation_contextual_p1": "Word translation after a rotation"},
        "translation_contextual_p1_chance",
    ),
    report.Drawing(
        "Similarity of the spaces", "How alike the vectors of the test sentences are, by layer.",
        "similarity", {"CKA": "cka", "CKA, biased": "cka_biased", "RSA": "rsa"},
        {"cka": "Debiased CKA", "rsa": "RSA"}, "",
    ),
    report.Drawing(
        "Isotropy", "Average cosine and IsoScore of the test sentences, by layer, of both models.",
        "isotropy",
        {"average cosine, first": "average_cosine_source",
         "average cosine, second": "average_cosine_target",
         "IsoScore, first": "isoscore_source", "IsoScore, second": "isoscore_target"},
        {"average_cosine_source": "The average cosine of the first model",
         "average_cosine_target": "The average cosine of the second"},
    ),
)  # fmt: skip


@limited()
def compare_models(
    first: str,
    second: str,
    *,
    text: str | Sequence[str | Path] = "en-fr",
    domain: str = "bible+help",
    learn: int = LEARN,
    test: int = TEST,
    dictionary: Path | None = None,
    languages: str | None = None,
    prompt: str | None = None,
    device: Device = "auto",
    progress: bool = True,
) -> DataFrame:
    """Every measure of `isomorph.measure.comparison.compare` as rows, with the columns COLUMNS, beside
    those of encoders of the same shapes with fresh weights.

    first, second: ids of the hub or folders, see `isomorph.models.pretrained.load_encoder`.
    text: two languages that ship, or texts of one's own, with a `dictionary` where there is one
    (`own_material`), whose `languages`, such as "en-fr", a model of ours that has several is told.
    prompt: as of `isomorph.models.sentences.asked`, of both models.
    Raises ValueError, before any model is loaded, for what `material` or `own_material` refuses; and
    ModelRefused, also when a model fails at the text.
    """
    from isomorph.measure import comparison
    from isomorph.models.judged import ModelRefused, one_line
    from isomorph.models.pretrained import drawn_anew, fingerprint
    from isomorph.models.settings import device_named

    place = device_named(device)
    if isinstance(text, str):
        if dictionary:
            raise ValueError(f"dictionary is '{dictionary}', which goes with text of one's own.")
        chosen, named = material(text, domain=domain, learn=learn, test=test), text
        spoken = languages_of(text)
    else:
        chosen = own_material(text, dictionary=dictionary, learn=learn, test=test)
        named = ", ".join(map(str, text))
        spoken = languages.split("-") if languages else (None, None)
        if len(spoken) != 2:
            raise ValueError(f"languages is {languages!r}; allowed are two, such as 'en-fr'.")
    readers, read, fresh = [], [], {}
    for name, language in zip((first, second), spoken, strict=True):
        own, words = report.reader(name, language, place, prompt)
        readers.append(own)
        read.append(words)
        if name not in fresh:
            fresh[name] = drawn_anew(own.model, report.SEED + len(fresh))
    below = [
        replace(own, model=fresh[name]) for own, name in zip(readers, (first, second), strict=True)
    ]
    try:
        records, floor = (
            comparison.compare(*each, **chosen, scored=True, progress=progress)
            for each in (readers, below)
        )
    except ValueError:
        raise
    except Exception as problem:
        raise ModelRefused(
            f"models {first!r} and {second!r} cannot be compared: {one_line(problem)}."
        ) from problem
    rows = report.with_floor(records, floor).assign(
        source=first, target=second, text=named, source_reads=read[0], target_reads=read[1],
        source_fingerprint=fingerprint(first), target_fingerprint=fingerprint(second),
    )  # fmt: skip
    return rows[list(COLUMNS)]


def cka_table(rows: DataFrame) -> DataFrame:
    """CKA of layers of the first model (rows) with those of the second (columns)."""
    rows = rows[rows["metric"].str.startswith("cka_to_")]
    column = rows["metric"].str.removeprefix("cka_to_").astype(int)
    return rows.assign(column=column).pivot(index="layer", columns="column", values="value")


def report_of(rows: DataFrame) -> report.Report:
    """The rows of `compare_models` as a page."""
    one, table = rows.iloc[0], cka_table(rows)
    facts = {
        side: f"{one[of]}, {one[f'{of}_fingerprint'][:12]}; sentences are read as {one[f'{of}_reads']}"
        for side, of in zip(("First model", "Second model"), SIDES, strict=True)
    }
    facts |= {"Text": one["text"], "Candidates": rows_of.among_in_words(rows)}
    best = table.stack().idxmax()
    found = (
        f"The most alike are layer {best[0]} of the first model and {best[1]} of the second, at "
    )
    grid = report.section(
        "Every layer with every layer", f"{found}{table.loc[best]:.3f}.",
        (figures.layer_grid({"": table}, quantity="CKA"),
         table.rename_axis(columns=None).reset_index()),
        "Debiased CKA of each layer of the first model with each of the second.",
        "A grid of numbers: rows are layers of the first model, columns of the second.",
    )  # fmt: skip
    return report.Report(
        rows, f"{one['source']} beside {one['target']}", facts, "test sentences, or words,",
        [*report.sections(rows, DRAWINGS), grid], report.by_layer(rows, BY_LAYER),
    )  # fmt: skip
