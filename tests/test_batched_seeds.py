"""The stacked seeds of `benchmarks/`: a stacked run is what its single runs are."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from isomorph.models.encoder import BilingualConfig
from isomorph.models.masked_lm import Batches
from isomorph.models.pretrain import initialise, pretrain
from isomorph.models.settings import TrainingConfig
from isomorph.text.vocab import VocabularyConfig, learn

TEXTS = {
    "a": [f"the {a} sees the {b} ." for a in ("dog", "cat", "man") for b in ("sea", "sun", "sky")],
    "b": [f"le {a} voit la {b} ." for a in ("chien", "chat") for b in ("mer", "lune", "terre")],
}
SEEDS = range(5)
STEPS = 20
# Small enough that every step is clipped, and each seed by a factor of its own.
TRAINING = TrainingConfig(tokens=STEPS * 8 * 12, batch=8, length=12, masking=0.3, warmup=5,
                          optimiser="adamw", learning_rate=5e-3, clip=0.1)  # fmt: skip


@pytest.fixture(scope="module")
def stacked():
    path = Path(__file__).parents[1] / "benchmarks" / "stacked.py"
    spec = importlib.util.spec_from_file_location("stacked", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "stacked", module)  # where its dataclass looks itself up
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def vocabularies():
    """One for each seed, of three sizes, as those of worlds differ."""
    return [learn(VocabularyConfig(size=50 + 10 * (seed % 3)), TEXTS) for seed in SEEDS]


def make_batches(vocabularies):
    settings = {"batch": TRAINING.batch, "length": TRAINING.length, "masking": TRAINING.masking}
    return [Batches(v, TEXTS, seed=seed, **settings) for seed, v in enumerate(vocabularies)]


def make_models(vocabularies, **changes):
    shape = {"languages": ("a", "b"), "layers": 2, "width": 16, "heads": 2, "length": 12}
    shape |= {"norm": "pre", "dropout": 0.0} | changes
    return [
        initialise(BilingualConfig(vocabulary=v.size, **shape), seed)
        for seed, v in enumerate(vocabularies)
    ]


@pytest.mark.parametrize("way", ["transformed", "by_hand"])
def test_a_stacked_run_equals_its_single_runs(stacked, vocabularies, way):
    assert len({v.size for v in vocabularies}) > 1
    alone, before = make_models(vocabularies), make_models(vocabularies)
    for model, batches in zip(alone, make_batches(vocabularies), strict=True):
        pretrain(model, batches, TRAINING, device="cpu", progress=False)
    stack = stacked.Stack(make_models(vocabularies))
    stacked.train_stacked(stack, getattr(stacked, way), make_batches(vocabularies), TRAINING)
    for seed, model in enumerate(alone):
        own, start = stack.single(seed), dict(before[seed].named_parameters())
        assert own.keys() == start.keys()
        for name, parameter in model.named_parameters():
            assert own[name].shape == parameter.shape
            torch.testing.assert_close(own[name], parameter.data, rtol=1e-4, atol=1e-5, msg=name)
        moved = max((p - start[name]).abs().max() for name, p in model.named_parameters())
        assert moved > 1e-2, "what hardly moves proves nothing"


def test_words_that_a_vocabulary_lacks_stay_out_of_it(stacked, vocabularies):
    stack = stacked.Stack(make_models(vocabularies))
    stacked.train_stacked(stack, stacked.by_hand, make_batches(vocabularies), TRAINING)
    for seed, vocabulary in enumerate(vocabularies):
        for name in (stacked.WORDS, stacked.BIAS):
            assert not stack.parameters[name][seed, vocabulary.size :].any()


@pytest.mark.parametrize("change", [{"norm": "post"}, {"dropout": 0.1}, {"transform": True},
                                    {"specific": ("softmax",)}])  # fmt: skip
def test_models_that_cannot_be_stacked_are_refused(stacked, vocabularies, change):
    with pytest.raises(ValueError, match="Only pre-norm models"):
        stacked.Stack(make_models(vocabularies, **change))
