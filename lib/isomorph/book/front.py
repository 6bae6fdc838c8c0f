"""What the first page says was found: five findings with their numbers, and one picture of them.

Every number is an estimate of recorded rows, as the ledger would print it. The sentences are fixed:
what may turn out either way stands in the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isomorph.figures import blank, theme
from isomorph.ledger.estimates import estimate
from isomorph.ledger.intervals import Estimate
from isomorph.ledger.schema import Part
from isomorph.results import recorded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series


def rows(experiment: str, size: str) -> DataFrame:
    """The recorded rows of an experiment at one size."""
    every_size = recorded(experiment)
    return every_size[every_size["size"] == size].reset_index(drop=True)


def findings() -> str:
    """The findings as a numbered list in Markdown, each with a link to its chapter."""
    worlds, bibles = rows("learning_curve", "laptop"), rows("learning_curve", "reference")
    lag = {"metric": "multilinguality", "beside": "heldout_loss", "quantity": "half_rise_lag"}
    apart = rows("alignment", "laptop")
    lexicon = {"languages": "a-b", "layer": 0, "condition": "monolingual"}
    cone, few = rows("language_models", "laptop"), rows("few_samples", "reference")
    factors = rows("factors", "laptop")

    def one(frame: DataFrame, form: str = "{:z.0f}", scale: float = 100, **part) -> str:
        return number(estimate(Part(direction="above", **part), frame), form, scale)

    def times(frame: DataFrame) -> str:
        part = Part(condition="middle", direction="above", **lag)
        return number(estimate(part, frame), "{:z.1f}", 1, np.exp)

    def failed(condition: str) -> str:
        runs = failures(few, condition)
        return f"{runs.sum():.0f} of {len(runs)}"

    return "\n".join(
        (
            (
                "1. **Two languages meet late.** A shared space is half-way there only after "
                f"{times(worlds)} times the text that half of the fit takes, in invented languages; after "
                f"{times(bibles)} times, in English and French Bibles. "
                "[When a shared space appears](cross_lingual/a_bilingual_model_from_scratch.ipynb)"
            ),
            (
                "2. **Two models that never met have the same shape.** Trained apart on two invented "
                f"languages, {one(apart, '{:z.1f}', metric='retrieval_p1_unmapped', **lexicon)}% of sentences find "
                f"their translation; after one rotation {one(apart, metric='retrieval_p1', **lexicon)}% do. "
                "[Aligning sentences](cross_lingual/sentence_alignment.ipynb)"
            ),
            (
                "3. **Sharing layers matters more than sharing words.** In invented languages, giving "
                "each language three quarters of the layers costs "
                f"{one(factors, metric='las', languages='a-b', plus=['default_anchors'], minus=['sep_l1_6'])} "
                "points of parsing, and having no word in common "
                f"{one(factors, '{:z.1f}', metric='las', languages='a-b', plus=['default_anchors'], minus=['no_anchors'])}. "
                "A softmax of each language's own, which the paper expected to cost, *adds* "
                f"{one(factors, metric='ner_f1', languages='a-b', plus=['sep_softmax'], minus=['default_anchors'])} "
                "points of entities. [Sharing parameters](cross_lingual/parameter_sharing.ipynb)"
            ),
            (
                "4. **The cone is made of rare words.** In small language models the average cosine is "
                f"{one(cone, '{:z.2f}', 1, metric='cosine_2', condition='mle')} among the rarest words and "
                f"{one(cone, '{:z.2f}', 1, metric='cosine_0', condition='mle')} among the most frequent. The "
                "regulariser that spreads them raises perplexity by "
                f"{one(cone, '{:z.1f}', 1, metric='perplexity', plus=['cosreg'], minus=['mle'])}. "
                "[The cone](degeneration/the_cone.ipynb)"
            ),
            (
                "5. **One line of Adam decides few-sample tuning.** Of runs of MiniLM on 1,000 sentences "
                f"{failed('bert_adam_1k')} learn nothing without the bias correction, and "
                f"{failed('standard_1k')} with it. "
                "[Adam without its correction](fine_tuning/adam_without_correction.ipynb)"
            ),
        )
    )


def failures(rows: DataFrame, condition: str) -> Series:
    """For each run of a condition, 1 where it learnt nothing and 0 where it did."""
    return rows[(rows["metric"] == "failed_run") & (rows["condition"] == condition)]["value"]


def number(estimated: Estimate, form: str, scale: float, turned=lambda x: x) -> str:
    """A value with its interval, or with the range of so few units."""
    if estimated.value is None:
        return "(not measured)"
    ends = (estimated.value, estimated.low, estimated.high)
    value, low, high = (form.format(scale * turned(x)) for x in ends)
    if value == low == high:
        return value
    return (
        f"{value} [{low}, {high}]" if estimated.kind == "interval" else f"{value} ({low} to {high})"
    )


CAPTION = (
    "Four findings. Top left: the shared space of two invented languages appears after the model's fit "
    "(five seeds, mean). Top right: sentences whose translation is found across two models trained "
    "apart, as they are and after a rotation, by layer. Bottom left: the average cosine of word vectors "
    "in small language models, from frequent to rare words. Bottom right: runs of MiniLM on 1,000 "
    "sentences that learnt nothing, without and with Adam's bias correction."
)
ALT = (
    "Four panels. The fit rises early and the multilinguality score late. Without a rotation almost no "
    "sentence is found, with it nearly all. Rare words have high cosines, frequent words low ones. Most "
    "runs without the correction fail, few with it."
)


def picture() -> Figure:
    """The four panels of the first page, from recorded rows."""
    with theme():
        figure, axes = blank(6.4, 5.2, columns=2, rows=2)
        _late(axes[0], rows("learning_curve", "laptop"))
        _rotated(axes[1], rows("alignment", "laptop"))
        _cone(axes[2], rows("language_models", "laptop"))
        _failed(axes[3], rows("few_samples", "reference"))
    return figure


def _late(axis: Axes, rows: DataFrame) -> None:
    rows = rows[(rows["condition"] == "middle") & (rows["tokens"] > 0)]
    for metric, label, style in (
        ("heldout_loss", "fit", "--"), ("multilinguality", "shared space", "-"),
    ):  # fmt: skip
        curve = rows[rows["metric"] == metric].groupby("tokens")["value"].mean()
        way = (curve - curve.iloc[0]) / (curve.iloc[-1] - curve.iloc[0])
        axis.plot(way.index, 100 * way, style, label=label)
    axis.set(
        xscale="log", xlabel="tokens read", ylabel="% of its way", title="Two languages meet late"
    )
    axis.legend(fontsize="small")


def _rotated(axis: Axes, rows: DataFrame) -> None:
    rows = rows[(rows["condition"] == "monolingual") & (rows["languages"] == "a-b")]
    for metric, label, style in (
        ("retrieval_p1_unmapped", "as they are", "--"), ("retrieval_p1", "after a rotation", "-"),
    ):  # fmt: skip
        curve = 100 * rows[rows["metric"] == metric].groupby("layer")["value"].mean()
        axis.plot(curve.index, curve, style, marker="o", label=label)
    axis.set(
        xlabel="layer",
        ylabel="% of sentences found",
        ylim=(-3, 103),
        title="One shape, up to a turn",
    )
    axis.legend(fontsize="small", loc="center left")


def _cone(axis: Axes, rows: DataFrame) -> None:
    rows = rows[rows["condition"] == "mle"]
    bins = sorted(m for m in rows["metric"].unique() if m.removeprefix("cosine_").isdigit())
    means = [rows.loc[rows["metric"] == m, "value"].mean() for m in bins]
    axis.bar(range(len(bins)), means, color="#2171b5")
    names = ["frequent", *[""] * (len(bins) - 2), "rare"]
    axis.set_xticks(range(len(bins)), names)
    axis.set(ylabel="average cosine", title="The cone is made of rare words")


def _failed(axis: Axes, rows: DataFrame) -> None:
    shares = [100 * failures(rows, name).mean() for name in ("bert_adam_1k", "standard_1k")]
    axis.bar(range(2), shares, color=["#e6550d", "#2171b5"])
    axis.set_xticks(range(2), ["not corrected", "corrected"])
    axis.set(ylabel="% of runs that fail", ylim=(0, 100), title="One line of Adam decides")
