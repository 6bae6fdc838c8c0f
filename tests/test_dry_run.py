"""Ten steps of the paper's models, with ones small enough for a test."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from isomorph import dry_run
from isomorph.models.pretrain import initialise
from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.presets.recipes import paper_run
from isomorph.runs import HubText, Pretraining, texts
from isomorph.text.vocab import VocabularyConfig

ROWS = 4000


@pytest.fixture(autouse=True)
def no_wikipedia(no_hub, monkeypatch):
    """No Wikipedia in reach, and a sample that is tokenised in no time."""
    monkeypatch.setattr(dry_run, "SENTENCES", 200)


def small(**changes) -> Pretraining:
    """A run like the paper's in all but size."""
    training = {"tokens": 10**9, "batch": 16, "length": 32, "continuous": True, "warmup": 100}
    return Pretraining(
        text=HubText(),
        vocabulary=VocabularyConfig(size=ROWS, anchors="default"),
        encoder=EncoderConfig(layers=2, width=32, heads=2, norm="post", **changes),
        training=TrainingConfig(**training, optimiser="adamw", learning_rate=1e-3),
        device="cpu",
        progress=False,
    )


SMALL = [("default", small()), ("sep_l1_3", small(specific=("layer.0",)))]


@pytest.mark.parametrize("transform", [False, True])
def test_flops_are_those_that_pytorch_counts(transform):
    encoder = EncoderConfig(layers=3, width=32, heads=2, norm="post", transform=transform)
    model = initialise(encoder.shaped(200, ("a", "b"), 64), 0)
    ids = torch.randint(5, 200, (2, 64))
    labels = torch.full_like(ids, -100)
    labels[:, ::4] = 7  # a quarter of the tokens
    with FlopCounterMode(display=False) as counter:
        model(ids, labels=labels, language="a").loss.backward()
    counted = counter.get_total_flops() / ids.numel()
    assert dry_run.flops_per_token(encoder, 200, 64, 0.25) == pytest.approx(counted, rel=1e-9)


def test_flops_of_the_papers_model():
    run = paper_run()
    flops = dry_run.flops_per_token(run.encoder, 80_000, 256, 0.15)
    assert flops == 6 * (8 * (12 * 768**2 + 2 * 256 * 768) + 0.15 * 80_000 * 768)
    assert 4.1e8 < flops < 4.2e8


def test_the_cost_of_a_row_and_of_a_step():
    assert dry_run.step_cost(1.5, 2.5, 3) == pytest.approx((0.5, 1.0))
    assert dry_run.step_cost(2.0, 3.0, 1) == pytest.approx((3.0, 0.0))
    for smallest, longer in [(2.0, 1.5), (0.1, 3.0)]:  # noise: no cost may be negative
        row, update = dry_run.step_cost(smallest, longer, 3)
        assert row > 0 and update >= 0
        assert update + 3 * row == pytest.approx(longer)


def test_ten_steps_of_two_models():
    trials, (said, _) = dry_run.ten_steps([*SMALL, ("other", small())])
    assert "Bibles" in said and "MFLOP" in said
    shared, separate = trials.itertuples()
    # Two layers of 12 width^2 weights and 13 width biases and norms; the embeddings keep all rows.
    layer = 12 * 32**2 + 13 * 32
    assert shared.parameters == ROWS * 33 + 32 * 32 + 2 * 32 + 2 * layer
    assert separate.parameters == shared.parameters + layer
    for trial in (shared, separate):
        assert 200 < trial.subwords < ROWS
        assert len(trial.losses) == dry_run.STEPS
        assert trial.losses[0] == pytest.approx(math.log(ROWS), rel=0.05)  # it knows nothing yet
        assert trial.row > 0 and trial.update >= 0 and trial.tokens_a_second > 0
    printed = dry_run.as_table(trials)
    assert "sep_l1_3" in printed and f"{shared.parameters:,}" in printed


def test_the_sample_is_of_wikipedia_where_there_is_one(monkeypatch):
    found, _ = dry_run.sample(("en", "ru"))
    assert {name: len(texts) for name, texts in found.train.items()} == {"en": 200, "ru": 200}
    monkeypatch.setattr(texts, "hub_corpus", lambda *asked: found)
    corpus, source = dry_run.sample(("en", "ru"))
    assert source == "Wikipedia" and corpus.train == found.train


def test_memory_grows_with_the_text():
    corpus, _ = dry_run.sample(("en", "fr"))
    half = small().model_copy(update={"text": HubText(sentences=5_000_000)})
    whole = dry_run.text_memory(small(), corpus)
    assert whole == pytest.approx(2 * dry_run.text_memory(half, corpus))


def test_an_absent_device_is_one_sentence_before_any_work(monkeypatch):
    monkeypatch.setattr(dry_run, "sample", None)
    absent = "mps" if torch.cuda.is_available() else "cuda"  # no machine has both
    with pytest.raises(ValueError, match=f"device is '{absent}'"):
        dry_run.ten_steps([("default", small().model_copy(update={"device": absent}))])
