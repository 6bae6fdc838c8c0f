"""No configuration takes what it cannot mean, and none raises anything but a validation error."""

import json
import math

import pytest
from pydantic import ValidationError

from isomorph.config import Config
from isomorph.models.settings import EncoderConfig, TrainingConfig, TuningConfig
from isomorph.presets import smoke_run
from isomorph.presets.recipes import paper_run
from isomorph.runs import (
    AnchorShare,
    Comparison,
    CopyText,
    Cures,
    EncoderWords,
    FileText,
    FineTuning,
    Geometry,
    HubText,
    LayerTransfer,
    Pretraining,
    Run,
    ShippedText,
    Task,
    Theorem,
    Transfer,
    Tuning,
    WordVectors,
    WorldText,
    run_from_json,
)
from isomorph.text.vocab import VocabularyConfig
from isomorph.text.worlds import World

BELOW = smoke_run(0)
ALONE = BELOW.model_copy(update={"text": WorldText(world=BELOW.text.world, only="a")})
TASK = Task(source="world_nli", train=10, test=10)
VALID = [
    World(), VocabularyConfig(), EncoderConfig(), TrainingConfig(tokens=9000), TuningConfig(),
    ShippedText(), HubText(), WorldText(), CopyText(),
    FileText(files=(__file__,), languages=("en",)), TASK, BELOW, paper_run(),
    Task(source="passage_relation"),
    Theorem(theorem="point_clouds"), Geometry(pretraining=ALONE), EncoderWords(),
    WordVectors(), AnchorShare(pretraining=BELOW), Transfer(pretraining=BELOW, tasks=(TASK,)),
    Tuning(pretraining=BELOW, task=TASK),
    Comparison(text=BELOW.text, source=BELOW, target=BELOW.model_copy(update={"seed": 1})),
    Cures(encoder="en", task="passages"), FineTuning(encoder="en", analyses=("probes",)),
    LayerTransfer(
        text=BELOW.text, source=BELOW, target=BELOW.model_copy(update={"seed": 1}),
        tasks=(Task(source="world_ner", train=10, test=10),),
    ),
]  # fmt: skip
HOSTILE = [
    math.inf, -math.inf, math.nan, -1, 0, 1, -0.5, 0.5, 1.5, 1e30, -1e30, 1e-300, 10**400, -(10**400),
    2**63, True, False, None, "", "3", "nan", "inf", "en", "x\0y", b"en", [], [1], ["en"],
    ["en", "en"], ["en", "fr", "de"], ("a", "b"), ("bible",), {"en", "fr"}, {}, {"seed": -1},
    {"kind": "shipped"}, {"kind": "no"}, object(), [None], [[]], "even", "both", 3 + 1j, len,
]  # fmt: skip


def numbers(value) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("valid", VALID, ids=lambda config: type(config).__name__)
def test_a_hostile_value_is_refused_or_means_something(valid):
    fields = {name: getattr(valid, name) for name in type(valid).model_fields if name != "infra"}
    accepted = 0
    for name in fields:
        for value in HOSTILE:
            try:
                config = type(valid)(**fields | {name: value})
            except ValidationError:
                continue
            accepted += 1
            dumped = config.model_dump(mode="json", exclude={"infra"})
            assert all(map(math.isfinite, numbers(dumped))), (name, value)
            assert not (type(getattr(config, name)) is bool) ^ isinstance(value, bool), (
                name,
                value,
            )
            if isinstance(config, Run):
                again = run_from_json(config.config_json())
                assert again.digest == config.digest and config.tokens >= 0
            if isinstance(config, Pretraining):
                assert config.stops()[-1] == config.training.steps
    assert accepted, "some values are those of the field"
    for unknown in ("temperature", "", "Seed"):
        with pytest.raises(ValidationError):
            type(valid)(**fields | {unknown: 1})


def every(kind=Config):
    return [kind, *(inner for below in kind.__subclasses__() for inner in every(below))]


def test_the_fuzz_reaches_every_configuration_with_fields_of_its_own():
    abstract = {"Config", "Run", "Tuned", "UsesPretraining", "TwoModels", "EncoderRun", "OfVectors"}
    kinds = {kind.__name__ for kind in every() if kind.__module__.startswith("isomorph.")}
    assert kinds - abstract == {type(config).__name__ for config in VALID}


@pytest.mark.parametrize(
    ("kind", "fields", "named"),
    [
        (ShippedText, {"languages": ("en", "xx")}, "language is 'xx'"),
        (ShippedText, {"languages": ("en", "en")}, "two different languages"),
        (ShippedText, {"languages": ("en",)}, "one domain for each"),
        (ShippedText, {"languages": (), "domains": ()}, "one or two names"),
        (ShippedText, {"languages": ("en", "fr", "de"), "domains": ("bible",) * 3}, "one or two"),
        (ShippedText, {"domains": ("bible", "news")}, "domain is 'news'"),
        (ShippedText, {"half": "odd"}, "which only one language can have"),
        (HubText, {"languages": ("fr", "de")}, "English and another one"),
        (HubText, {"languages": ("en", "xx")}, "language is 'xx'"),
        (HubText, {"web": ("de",)}, "web is 'de'"),
        (HubText, {"web": ("fr", "fr")}, "twice"),
        (TrainingConfig, {"tokens": 9, "exponent": -1.0}, "exponent"),
        (TrainingConfig, {"tokens": 9, "exponent": 1e30}, "exponent"),
        (TrainingConfig, {"tokens": 9, "learning_rate": math.inf}, "finite"),
        (TrainingConfig, {"tokens": "9"}, "must be a number"),
        (TrainingConfig, {"tokens": True}, "must be a number"),
        (TrainingConfig, {"tokens": 9, "continuous": 1}, "must be True or False"),
        (EncoderConfig, {"specific": ("layer.0", "layer.0")}, "twice"),
        (EncoderConfig, {"layers": 10**9}, "layers"),
        (EncoderConfig, {"specific": {"layer.0", "layer.1"}}, "no order"),
        (TuningConfig, {"clip": math.inf}, "finite"),
        (Task, {"source": "passage_relation", "margin": math.inf}, "finite"),
    ],
)
def test_what_cannot_be_is_named(kind, fields, named):
    with pytest.raises(ValidationError, match=named):
        kind(**fields)


def test_bytes_are_no_text():
    class Named(Config):
        name: str

    with pytest.raises(ValidationError, match="name is b'a', but it must be text"):
        Named(name=b"a")


@pytest.mark.parametrize("rows", [0, -1, True, 1.5])
def test_a_micro_batch_has_rows(rows):
    with pytest.raises(ValidationError, match="micro_batch"):
        BELOW.model_copy(update={"micro_batch": rows})


def test_a_config_is_the_same_after_json():
    for config in VALID:
        if not isinstance(config, Run):
            fields = json.loads(config.model_dump_json())
            assert type(config)(**fields) == config
