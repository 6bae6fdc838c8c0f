"""What is right in the exercises on shared parameters."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from isomorph.exercises import (
    Feedback,
    equals,
    exercise,
    function,
    number,
    ranking,
    satisfies,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.models.encoder import BilingualConfig

Scores = Mapping[str, Mapping[int, float]]


@exercise("parameter_sharing.1")
def largest_loss(
    answer: object, table: "DataFrame | None" = None
) -> Feedback:
    """The pairs by the parsing that each loses in the paper with the bottom six layers separate."""
    from isomorph.ledger import table_one

    table = table_one() if table is None else table
    parsing = table[table["metric"] == "las"].pivot(
        index="languages", columns="condition", values="value"
    )
    lost = parsing["default_anchors"] - parsing["sep_l1_6"]
    hint = "Which language is closest to English? And which one parses worst to begin with?"
    return ranking(answer, lost.to_dict(), hint=hint)


@exercise("parameter_sharing.2")
def softmax_alone_shared(answer: object) -> Feedback:
    """A configuration of what no row of the paper's table has."""
    conditions = {
        "The answer must be an EncoderConfig.": lambda one: (
            type(one).__name__ == "EncoderConfig"
        ),
        "It should have the six layers that were asked for.": lambda one: (
            one.layers == 6
        ),
        "The words of the two languages still have one embedding each for both.": (
            lambda one: "embeddings" in one.specific
        ),
        "The positions should be each language's own as well.": (
            lambda one: "positions" in one.specific
        ),
        "The softmax should be one for both languages.": lambda one: (
            "softmax" not in one.specific
        ),
        "Some part is none of this encoder's.": (
            lambda one: one.shaped(100, ("a", "b"), 32) is not None
        ),
        "The bottom third of the layers is asked for, and no other layer.": (
            lambda one: (
                {part for part in one.specific if part.startswith("layer.")}
                == {"layer.0", "layer.1"}
            )
        ),
        "Something is separate that was not asked for.": lambda one: (
            len(set(one.specific)) == 4
        ),
    }
    return satisfies(answer, conditions)


@exercise("parameter_sharing.3")
def shared_share(
    answer: object, config: "BilingualConfig | None" = None
) -> Feedback:
    """The share of one language's parameters that the other uses too."""
    shared, own = parameters(config or _three_quarters_separate())
    mistakes = {
        "The parameters of both languages were counted. One language never uses the other's.": (
            shared / (shared + 2 * own)
        ),
        "That is the share of those that are not shared.": own
        / (shared + own),
    }
    hint = "Of every parameter, look at the name: which have a part that names a language?"
    return number(
        answer, shared / (shared + own), tolerance=0.002, between=(0, 1), mistakes=mistakes,
        hint=hint,
    )  # fmt: skip


def parameters(config: "BilingualConfig") -> tuple[int, int]:
    """How many parameters of a masked language model all languages use, and each has for itself."""
    import torch

    from isomorph.models.encoder import PerLanguage
    from isomorph.models.masked_lm import BilingualMaskedLM

    with torch.device("meta"):  # shapes alone, no memory
        model = BilingualMaskedLM(config)
    own = sum(
        parameter.numel()
        for part in model.modules()
        if isinstance(part, PerLanguage) and "shared" not in part
        for parameter in part[config.languages[0]].parameters()
    )
    every = sum(parameter.numel() for parameter in model.parameters())
    return every - len(config.languages) * own, own


def _three_quarters_separate() -> "BilingualConfig":
    from isomorph.presets.ablations import vary
    from isomorph.presets.recipes import world_default

    run = vary(world_default(0), "sep_l1_6")
    return run.encoder.shaped(
        run.vocabulary.size, run.languages, run.training.length
    )


@exercise("parameter_sharing.4")
def falls_further(answer: object) -> Feedback:
    """A difference of differences, taken within each seed."""
    one = {0: 0.7, 1: 0.6, 2: 0.8}
    cases = [
        ({"shared": one, "separate": {0: 0.5, 1: 0.4, 2: 0.6}},
         {"shared": {0: 0.6, 1: 0.6, 2: 0.5}, "separate": {0: 0.3, 1: 0.4, 2: 0.3}}),
        ({"shared": one, "separate": one}, {"shared": one, "separate": one}),
        # A seed that lacks one of the four says nothing.
        ({"shared": one, "separate": {0: 0.6, 2: 0.6}},
         {"shared": {0: 0.5, 1: 0.9, 2: 0.5}, "separate": {1: 0.1, 2: 0.2, 0: 0.4, 3: 0.0}}),
    ]  # fmt: skip
    hint = "Both falls within a seed, then their difference, then the mean over complete seeds."
    return function(answer, cases, equals(further), hint=hint)


def further(close: Scores, far: Scores) -> float:
    """How much more the distant pair changes than the close one: below 0, it falls further.

    Each has, by "shared" and "separate", a score for each seed; only seeds that all four have count.
    """
    four = (
        far["separate"],
        far["shared"],
        close["separate"],
        close["shared"],
    )
    seeds = set.intersection(*(set(scores) for scores in four))
    changes = [
        (four[0][seed] - four[1][seed]) - (four[2][seed] - four[3][seed])
        for seed in sorted(seeds)
    ]
    return sum(changes) / len(changes)
