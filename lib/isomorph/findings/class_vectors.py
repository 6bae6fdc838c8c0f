"""What the chapter on [CLS] reads off encoders, planted vectors and rows.

seen       first tokens' vectors of an encoder, beside means of all tokens
described  the shape of several clouds, as a table
loudness   how much each coordinate varies, for a figure
planted    vectors whose lopsidedness is known
steps      what IsoBN computes of them, coordinate by coordinate
settling   how its running estimates come to be right
gains      what a normalisation adds to the test score, in each place
shares     the first principal direction's share, from untuned to scaled
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch

from isomorph import effects
from isomorph.findings.words import condition_name, score_name
from isomorph.models.isobn import NORMALISATIONS, IsoBN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pandas import DataFrame
    from torch import Tensor

    from isomorph.findings import Found

SHAPE = (
    "cls_std_spread", "cls_correlation", "cls_mean_share", "cls_top_share", "cls_isoscore",
)  # fmt: skip
LONGEST = 24  # words of a verse: no encoder here has to cut one
DRAWN = 96  # coordinates of a correlation matrix
RANKS = 24  # marks of a line in `loudness`


class Seen(NamedTuple):
    """What an encoder makes of some texts, in its last layer: (texts, width) each.

    first: the first token's vectors, that is [CLS]. mean: the mean of the words' tokens.
    embedded: the first token's vectors before any block has read the text.
    """

    first: Tensor
    mean: Tensor
    embedded: Tensor


def verses(count: int) -> list[str]:
    """Short English verses that no encoder of this book was trained on."""
    from isomorph.text.corpora import load_corpus

    held_out = load_corpus(("en",), ("bible",)).test["en"]
    return [text for text in held_out if len(text.split()) <= LONGEST][:count]


def seen(name: str, texts: Sequence[str]) -> Seen:
    """The vectors of an encoder that ships or of the hub; see `isomorph.models.pretrained`."""
    from isomorph.measure.represent import represent
    from isomorph.models.pretrained import load_encoder

    encoder, tokenizer = load_encoder(name)
    if not callable(tokenizer):
        tokenizer = tokenizer["en"]
    last = encoder.config.num_hidden_layers
    first, mean = (
        represent(encoder, tokenizer, texts, language="en", layers=(0, last), pooling=pooling)
        for pooling in ("first", "mean")
    )
    return Seen(first[last], mean[last], first[0])


def shuffled(vectors: Tensor, seed: int = 0) -> Tensor:
    """The vectors with each coordinate dealt out anew over the texts: what chance alone gives.

    Means and standard deviations stay, and coordinates know nothing of each other.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(vectors.shape, generator=generator).argsort(0)
    return vectors.gather(0, order)


def described(clouds: Mapping[str, Tensor]) -> DataFrame:
    """A line a cloud, a column a measure: those that tuned encoders are measured by."""
    import pandas as pd

    from isomorph.runs.looks import shape

    lines = []
    for name, vectors in clouds.items():
        found = {record["metric"]: record["value"] for record in shape(vectors, "")}
        line = {"vectors": name, "width": vectors.shape[1]}
        lines.append(line | {score_name(metric): round(found[metric], 3) for metric in SHAPE})
    return pd.DataFrame(lines)


def loudness(clouds: Mapping[str, Tensor]) -> DataFrame:
    """The standard deviation of coordinates over their mean, the largest first.

    Columns vectors, rank (over the width), metric, value: at most 24 ranks a cloud, evenly spaced.
    """
    import pandas as pd

    lines = []
    for name, vectors in clouds.items():
        spread = vectors.double().std(0).sort(descending=True).values
        width = len(spread)
        at = torch.linspace(0, width - 1, min(width, RANKS), dtype=torch.float64).long()
        values = (spread / spread.mean())[at]
        lines += [
            {"vectors": name, "rank, over the width": (i + 1) / width,
             "metric": "standard deviation, over the mean one", "value": value}
            for i, value in zip(at.tolist(), values.tolist(), strict=True)
        ]  # fmt: skip
    return pd.DataFrame(lines)


def correlations(vectors: Tensor) -> Tensor:
    """Correlation coefficients of coordinates, the one that varies most first.

    Of more than 96 coordinates 96, evenly spaced: a picture of all would weigh a megabyte.
    """
    order = vectors.std(0).argsort(descending=True)
    width = len(order)
    order = order[torch.linspace(0, width - 1, min(width, DRAWN), dtype=torch.float64).long()]
    return torch.corrcoef(vectors[:, order].double().T).nan_to_num()


def planted(count: int = 2000, width: int = 16, seed: int = 0) -> Tensor:
    """(count, width) float64: vectors off the origin, half a choir and half soloists.

    In each half standard deviations run from 0.3 to 3. Any two coordinates of the first half
    correlate by 0.8; those of the second with nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(count, width, generator=generator, dtype=torch.float64)
    common = torch.randn(count, 1, generator=generator, dtype=torch.float64)
    half = width // 2
    own[:, :half] = 0.2**0.5 * own[:, :half] + 0.8**0.5 * common
    loud = torch.linspace(0.3, 3, half, dtype=torch.float64)
    return own * torch.cat([loud, loud]) + 2


def steps(vectors: Tensor, module: IsoBN) -> DataFrame:
    """What IsoBN has estimated of each coordinate, and what it does to the vectors: a line each."""
    import pandas as pd

    products = torch.outer(module.std, module.std)
    gamma = (module.covariance / products).clamp(-1, 1).square().mean(1)
    factor, std = module.scale(), vectors.std(0, correction=0)
    columns = {
        "coordinate": range(1, len(factor) + 1), "standard deviation": std, "gamma": gamma,
        "factor": factor, "afterwards": std * factor,
    }  # fmt: skip
    table = pd.DataFrame({name: [float(x) for x in own] for name, own in columns.items()})
    return table.astype({"coordinate": int}).round(2)


def settled(vectors: Tensor, **settings) -> IsoBN:
    """IsoBN whose estimates are exactly those of some vectors, (n, width), in evaluation."""
    module = IsoBN(vectors.shape[1], momentum=1.0, **settings).to(vectors.dtype)
    module(vectors)
    return module.eval()


def settling(vectors: Tensor, *, batch: int = 32, stops: Sequence[int] = ()) -> DataFrame:
    """Batch after batch: the mean absolute correlation that IsoBN believes in, and the true one.

    Columns batches, correlation, metric, value; stops: after how many batches to look.
    """
    import pandas as pd

    stops = stops or (1, 2, 3, 5, 8, 13, 20, 30, 45, 60)
    width = vectors.shape[1]
    module, lines = IsoBN(width).to(vectors.dtype), []

    def mean(table: Tensor) -> float:
        return float((table.abs().sum() - width) / (width * (width - 1)))

    true = mean(torch.corrcoef(vectors.T))
    for count, rows in zip(range(1, max(stops) + 1), vectors.split(batch), strict=False):
        module(rows)
        if count in stops:
            believed = (module.covariance / torch.outer(module.std, module.std)).clamp(-1, 1)
            lines += [
                {"batches": count, "correlation": name, "value": value,
                 "metric": "mean absolute correlation"}
                for name, value in (("as estimated", mean(believed)), ("of all vectors", true))
            ]  # fmt: skip
    return pd.DataFrame(lines)


def gains(
    places: Mapping[str, Found], metric: str = "test_score", *, paper: float = math.nan
) -> DataFrame:
    """How many points each normalisation adds to a score, a line each that was run.

    Columns as `isomorph.effects.effects`, label the normalisation and source the place. paper: what
    IsoBN adds in its paper, in points.
    """
    import pandas as pd

    tables = []
    for place, found in places.items():
        run = set(found.rows.loc[found.rows["metric"] == metric, "condition"])
        contrasts = [
            effects.Contrast(condition_name(name), metric, name, "none")
            for name in NORMALISATIONS[1:]
            if {name, "none"} <= run
        ]
        if contrasts:
            tables.append(effects.effects(found.rows, contrasts).assign(source=place))
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables, ignore_index=True)
    return table.assign(paper=table["plus"].map({"isobn": paper}))


# What a line of `shares` is called, of which condition, and under which suffix.
STAGES = (
    ("untuned", "none", "_before"),
    ("tuned", "none", ""),
    *((f"tuned with {condition_name(name)}", name, "") for name in NORMALISATIONS[1:]),
    *((f"the same, after {condition_name(name)}", name, "_scaled") for name in NORMALISATIONS[1:]),
)


def shares(places: Mapping[str, Found], metric: str = "cls_top_share") -> DataFrame:
    """A measure of [CLS] before tuning, after it, and after the normalisation, in percent.

    Columns stage, source, value, low, high, seeds; stages that were not run are left out. Untuned
    vectors are the same under all conditions, so any that was run will do.
    """
    import pandas as pd

    lines = []
    for place, found in places.items():
        for stage, condition, suffix in STAGES:
            own = found.rows[found.rows["metric"] == metric + suffix]
            if suffix == "_before" and len(own):
                condition = own["condition"].iloc[0]
            if condition not in set(own["condition"]):
                continue
            level = effects.level(own, metric + suffix, condition)
            lines.append(
                {"stage": stage, "source": place, "value": level.value, "low": level.low,
                 "high": level.high, "seeds": level.seeds}
            )  # fmt: skip
    return pd.DataFrame(lines, columns=["stage", "source", "value", "low", "high", "seeds"])


def levels(found: Found, metrics: Sequence[str]) -> DataFrame:
    """A line a measure, a column a normalisation, as numbers; see `language_models.levels`."""
    from isomorph.findings import language_models

    names = {name: condition_name(name) for name in NORMALISATIONS}
    measured = found.has(*metrics) or metrics
    return language_models.levels(found, names, {m: score_name(m) for m in measured})


def largest_change(found: Found, metric: str = "cls_correlation") -> float:
    """The most that IsoBN's scaling changes a measure in any run; nan without runs."""
    own = found.rows[found.rows["condition"] == "isobn"]
    table = own[own["metric"].isin([metric, f"{metric}_scaled"])]
    wide = table.pivot_table(index="digest", columns="metric", values="value")
    if wide.shape[1] < 2:
        return math.nan
    return float((wide[f"{metric}_scaled"] - wide[metric]).abs().max())


def in_words(table: DataFrame) -> str:
    """The lines of `gains` as sentences, place by place."""
    from isomorph.findings.tables import moved

    if table.empty:
        return "No normalisation and run without one are there to compare yet."
    told = []
    for place, own in table.groupby("source", sort=False):
        each = "; ".join(f"with {row.label} it {moved(row)}" for row in own.itertuples())
        told.append(f"Test score, {place}: {each}.")
    return " ".join(told)
