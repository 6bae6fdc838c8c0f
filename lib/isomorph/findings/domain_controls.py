"""What length and domain do to a similarity without any tuning, on real text that ships.

matching      two sets of real texts before and after they are matched for length
histograms    the lengths of both, drawn
shaken        an encoder that was changed at random, so by nothing that knows a domain
by_length     how alike it and its original are on short and on long texts
longer_less_shorter   what length does to that
blind         how alike they are on two domains, matched for length
steps         how far one step of descent moves the answers to inputs that it never saw
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from isomorph import effects, figures
from isomorph.effects import Estimate
from isomorph.findings.out_of_domain import MEASURES
from isomorph.findings.tables import written

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from transformers import PreTrainedModel

BINS = (6, 12, 18, 24, 32)  # words of a text; longer ones would be cut, and so be of other lengths
LONGEST = 64  # tokens of a text, as in the runs
SHARE = 0.2  # of a matrix's standard deviation: enough to see, and the encoder still works
TOKENS = 1000  # compared in a control, which is repeated over noises


class Matching(NamedTuple):
    """Words a text of two sets, before and after they are matched for length, and a summary."""

    before: dict[str, list[int]]
    after: dict[str, list[int]]
    table: DataFrame


def matching(first: int = 250, second: int = 1000) -> Matching:
    """So many verses of the Bible and help pages that ship, matched as the runs match theirs."""
    import pandas as pd

    from isomorph.measure.changes import matched_for_length

    texts = dict(zip(("Bible", "help"), domains(first, second), strict=True))
    kept = dict(zip(texts, matched_for_length(*texts.values()), strict=True))
    counts = [{n: [len(t.split()) for t in own] for n, own in o.items()} for o in (texts, kept)]
    lines = [
        {"texts": name, "lengths": when, "count": len(own), "mean words": sum(own) / len(own),
         "longest": max(own)}
        for when, of in zip(("as they come", "matched"), counts, strict=True)
        for name, own in of.items()
    ]  # fmt: skip
    return Matching(*counts, pd.DataFrame(lines).round(1))


def histograms(found: Matching) -> Figure:
    """The lengths of two sets of texts, before and after they were matched, a panel each."""
    import numpy as np

    figure, axes = figures.blank(columns=2, height=3.4)
    axes[1].sharey(axes[0])
    edges = np.arange(0, 70, 5)
    colours = figures.palette(2)
    with figures.theme():
        for axis, title, of in zip(
            axes, ("as they come", "matched"), (found.before, found.after), strict=True
        ):
            for (name, own), colour, width in zip(of.items(), colours, (2.6, 1.4), strict=True):
                shares, _ = np.histogram(own, edges)
                axis.stairs(100 * shares / len(own), edges, color=colour, linewidth=width,
                            linestyle="-" if width > 2 else "--", label=name)  # fmt: skip
            axis.set_title(title)
            axis.set_xlabel("words of a text")
        axes[0].set_ylabel("texts, %")
        axes[0].legend(fontsize="small")
    return figure


def domains(first: int, second: int) -> tuple[list[str], list[str]]:
    """Held-out English verses of the Bible and help texts that ship, so many of each."""
    from isomorph.text.corpora import load_corpus

    bible, manual = (load_corpus(("en",), (name,)).test["en"] for name in ("bible", "help"))
    return bible[:first], manual[:second]


def shaken(encoder: PreTrainedModel, *, share: float = SHARE, seed: int = 0) -> PreTrainedModel:
    """A copy whose matrices have Gaussian noise added: so many of their standard deviations.

    Raises ValueError for a share below 0.
    """
    import torch

    if not share >= 0:
        raise ValueError(f"share is {share}; it must be at least 0.")
    changed = copy.deepcopy(encoder)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in changed.parameters():
            if weight.ndim > 1:
                weight += share * weight.std() * torch.randn(weight.shape, generator=generator)
    return changed


def by_length(*, texts: int, seeds: int = 3, bins: Sequence[int] = BINS) -> DataFrame:
    """Our encoder "en" against itself shaken, on texts of like length: rows of the last layer.

    Columns "words in a text" (the middle of a bin), text (the domain), seed (of the noise), and those
    of the long table; MEASURES as metrics. Bins with fewer than 10 texts are left out.
    """
    sets, middle = {}, {}
    for name, own in zip(("Bible", "help"), domains(1000, 1000), strict=True):
        for low, high in pairwise(bins):
            found = [text for text in own if low <= len(text.split()) < high][:texts]
            if len(found) >= 10:
                sets[f"{name} {low}"], middle[f"{name} {low}"] = found, (low + high) / 2
    rows = _compared("en", sets, seeds)
    rows = rows[rows["layer"] == rows["layer"].max()]
    named = rows.assign(
        metric=rows["metric"].map(MEASURES), text=rows["condition"].str.split(" ").str[0]
    )
    return named.assign(**{"words in a text": rows["condition"].map(middle)})


def longer_less_shorter(rows: DataFrame, metric: str) -> Estimate:
    """The similarity on the longest texts of each domain less that on the shortest, in hundredths."""
    own, length = rows[rows["metric"] == metric], "words in a text"
    ends = own[own[length].isin((own[length].min(), own[length].max()))]
    named = ends.assign(
        condition=ends[length].map({own[length].min(): "short", own[length].max(): "long"}),
        pair=ends["text"],
    )
    return effects.effect(named, metric, "long", "short")


def blind(encoders: Mapping[str, str], *, texts: int, seeds: int = 3) -> DataFrame:
    """Encoders against themselves shaken, on help less on the Bible, matched for length.

    encoders: what to call each -> its name. A line an encoder and measure: RSA in hundredths, over
    all layers and at the last one.
    """
    import pandas as pd

    from isomorph.measure.changes import matched_for_length

    bible, manual = matched_for_length(*domains(texts, 4 * texts))
    lines = []
    for label, name in encoders.items():
        rows = _compared(name, {"Bible": bible, "help": manual}, seeds)
        last = rows[rows["layer"] == rows["layer"].max()]
        for metric in MEASURES:
            lines.append(
                {"encoder": label, "similarity": metric.upper()}
                | {
                    f"help less Bible, {where}": written(
                        effects.effect(own, metric, "help", "Bible"), sign=True
                    )
                    for where, own in (("all layers", rows), ("last layer", last))
                }
                | {"noises": seeds}
            )
    return pd.DataFrame(lines)


def steps(overlaps: Iterable[float], *, width: int = 64, count: int = 16) -> DataFrame:
    """One step of descent of a linear layer on some inputs, and how far that moves its answers.

    overlaps: of each new input, the share of its squared length that lies in the space of the inputs
    stepped on. Columns overlap, moved (relative to those inputs themselves).
    """
    import pandas as pd
    import torch

    generator = torch.Generator().manual_seed(0)
    draw = {"generator": generator, "dtype": torch.float64}
    axes = torch.linalg.qr(torch.randn(width, width, **draw)).Q
    inside, outside = axes[:count], axes[count:]
    inputs = torch.randn(200, count, **draw) @ inside
    inputs = inputs / inputs.norm(dim=1, keepdim=True)
    step = torch.randn(200, width, **draw).T @ inputs  # sum of gradient times input
    own = (inputs @ step.T).norm(dim=1).mean()
    lines = []
    for overlap in overlaps:
        within = torch.nn.functional.normalize(torch.randn(200, count, **draw), dim=1) @ inside
        beyond = torch.randn(200, width - count, **draw)
        beyond = torch.nn.functional.normalize(beyond, dim=1) @ outside
        new = overlap**0.5 * within + (1 - overlap) ** 0.5 * beyond
        far = (new @ step.T).norm(dim=1).mean() / own
        lines.append({"in the space of the task's inputs": f"{overlap:.0%}",
                      "moved, against these": f"{float(far):.0%}"})  # fmt: skip
    return pd.DataFrame(lines)


def _compared(name: str, sets: Mapping[str, Sequence[str]], seeds: int) -> DataFrame:
    """An encoder against itself shaken, on sets of texts: long rows, the set as their condition."""
    import warnings

    import pandas as pd

    from isomorph.measure.changes import similarity_by_layer
    from isomorph.models.inputs import longest_input
    from isomorph.models.pretrained import load_encoder

    encoder, tokenizer = load_encoder(name)
    language = None if callable(tokenizer) else "en"
    tokenizer = tokenizer if language is None else tokenizer[language]
    lines = []
    for seed in range(seeds):
        changed = shaken(encoder, seed=seed)
        for label, texts in sets.items():
            with warnings.catch_warnings():
                # Of so many texts a few are always longer than is read.
                warnings.filterwarnings("ignore", message=".* were cut")
                found = similarity_by_layer(
                    encoder, changed, tokenizer, texts, language=language, seed=seed,
                    tokens=TOKENS, max_length=longest_input(encoder, tokenizer, LONGEST),
                )  # fmt: skip
            lines += [
                {"condition": label, "pair": name, "layer": layer, "seed": seed, "tokens": 0,
                 "metric": metric, "value": value, "provenance": "live"}
                for metric, by_layer in found.items() for layer, value in by_layer.items()
            ]  # fmt: skip
    return pd.DataFrame(lines)
