"""The models that a run trains, as a chapter gets them: states, words, and the rest of a softmax."""

import numpy as np
import pytest
import torch

from isomorph import results
from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.presets import conditions
from isomorph.results import Condition
from isomorph.runs import Geometry, Pretraining, WorldText, trained
from isomorph.text.vocab import PAD, VocabularyConfig
from isomorph.text.worlds import World
from isomorph.trained import trained_models


@pytest.fixture(scope="module")
def condition():
    world = World(seed=0, lexemes=64, training_sentences=600, dev_sentences=60, test_sentences=60)
    run = Pretraining(
        text=WorldText(world=world, only="a"),
        vocabulary=VocabularyConfig(size=150, units="words"),
        encoder=EncoderConfig(layers=1, width=32, heads=1, causal=True, softmax_bias=False),
        training=TrainingConfig(tokens=20_000, batch=8, length=32, warmup=10, continuous=True),
    )
    return Condition("tiny", Geometry(pretraining=run, of="states"))


@pytest.fixture(scope="module")
def model(condition, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISOMORPH_CACHE", str(tmp_path_factory.mktemp("cache")))
        (only,) = trained_models(condition.run)
        yield only


@pytest.fixture(scope="module")
def states(model):
    return model.states(model.corpus.train["a"], most=1500)


def test_the_states_are_those_that_perplexity_is_measured_on(model, condition):
    records = trained(results.cached(condition.run.pretraining))["records"]
    last = [r["value"] for r in records if r["metric"] == "perplexity_a"][-1]
    states = model.states()
    scores = model.model.scores(states.hidden, "a").detach()
    loss = torch.nn.functional.cross_entropy(scores, states.following)
    assert float(loss.exp()) == pytest.approx(last, rel=1e-3)
    assert states.hidden.shape == states.unnormalised.shape


def test_words_and_their_vectors(model):
    ids, counts = model.by_frequency
    assert (np.diff(counts) <= 0).all() and counts[-1] > 0
    assert len({model.words[i] for i in ids}) == len(ids)
    assert model.vocabulary.ids["a"][model.words[ids[0]]] == ids[0]
    assert model.vectors.shape == (model.vocabulary.size, 32)


def test_the_rest_of_the_softmax_is_all_other_words(model, states):
    scores = (states.hidden @ model.vectors.T).double()
    assert torch.allclose(model.log_total(states.hidden), scores.logsumexp(1), atol=1e-5)
    for word in (PAD, int(model.by_frequency[0][0])):
        others = [i for i in range(scores.shape[1]) if i != word]
        slow = scores[:, others].logsumexp(1)
        assert torch.allclose(model.log_rest(states.hidden, word), slow, atol=1e-4)


def test_a_condition_without_a_model_is_refused():
    (planted, *_) = conditions("theorems", "smoke")
    with pytest.raises(TypeError, match="this run of Theorem has no model of ours"):
        trained_models(planted.run)
