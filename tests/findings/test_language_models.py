"""One tiny language model at work: its states, a word that never occurs, and words that are rare."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import optimize

from isomorph import results
from isomorph.findings import Found, language_models, rare
from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.presets import conditions
from isomorph.results import Condition
from isomorph.runs import Geometry, Pretraining, WorldText, trained
from isomorph.text.vocab import MASK, PAD, VocabularyConfig
from isomorph.text.worlds import World


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
        yield language_models.trained(condition)


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
        language_models.trained(planted)


def found(condition, metric, values, size="laptop"):
    rows = [
        {"condition": condition, "pair": "en", "layer": None, "seed": seed, "metric": metric,
         "value": value, "tokens": 0, "size": size, "digest": f"{condition}{seed}"}
        for seed, value in enumerate(values)
    ]  # fmt: skip
    return Found(pd.DataFrame(rows).astype({"layer": "Int64"}), size, len(rows), (condition,))


def test_levels_are_in_their_own_unit():
    rows = [
        found("rare_words", "pair_distance", [2.0, 2.5, 3.0, 2.0, 3.0]).rows,
        found("mle", "norm", [1.0]).rows,
    ]
    both = Found(pd.concat(rows, ignore_index=True), "laptop", 6, ("rare_words", "mle"))
    table = language_models.levels(both, {"rare_words": "rare", "no": "none"}, ["pair_distance"])
    assert table.to_dict("records") == [
        {
            "measure": "distance of two words",
            "rare": "2.5 [1.88, 3.12]",
            "none": "not run",
            "seeds": "5",
        }
    ]
    table = language_models.levels(both, ["mle"], {"norm": "length", "pair_distance": "distance"})
    assert list(table.iloc[:, 1]) == ["1", "–"]


@pytest.fixture(scope="module")
def loss(model, states):
    word = int(np.bincount(states.following.numpy()).argmax())
    return rare.word_loss(model, states, word, decay=0.1)


def test_the_two_parts_of_a_words_loss_make_up_the_softmax_loss(model, states, loss):
    word = int(np.bincount(states.following.numpy()).argmax())
    x = model.vectors[word].double().numpy()
    scores = (states.hidden @ model.vectors.T).double()
    whole = torch.nn.functional.cross_entropy(scores, states.following, reduction="none").numpy()
    share, decayed = loss.share, loss.decay / 2 * x @ x
    here = whole[loss.present].mean()
    assert loss.g(x)[0] - decayed == pytest.approx(here, abs=1e-4)
    # Elsewhere a state's loss is log(exp <h, x> + C) less what does not depend on x.
    beyond = np.logaddexp(states.hidden.double().numpy() @ x, loss.log_rest) - loss.log_rest
    assert loss.f(x)[0] - decayed == pytest.approx(beyond[~loss.present].mean(), abs=1e-9)
    assert 0 < share < 1


def test_gradients_and_constants_of_a_words_loss(loss):
    rng = np.random.default_rng(0)
    radius = loss.region(loss.share)
    most = 2 * loss.largest(radius)
    for _ in range(20):
        x = rng.standard_normal(32)
        x *= radius * rng.uniform() / np.linalg.norm(x)
        for part in (loss.f, loss.g):
            numeric = optimize.approx_fprime(x, lambda y, part=part: part(y)[0], 1e-6)
            assert numeric == pytest.approx(part(x)[1], abs=1e-3)
        assert 0 <= loss.g(x)[0] <= most
    for share in (0.0, 1e-4, loss.share, 0.9):
        best, error = loss.minimiser(share)
        assert np.linalg.norm(best) <= loss.region(share) and error < 1e-3
    assert 0 <= loss.curvature(loss.minimiser(0.0)[0]) < 1


def test_the_minimiser_moves_no_further_than_the_bounds(loss):
    table = rare.by_share(loss).pivot(index="share", columns="line", values="value")
    for line in (rare.FALL, rare.SHARPER, rare.BOUND):
        assert (table[rare.MEASURED] <= table[line] * (1 + 1e-3)).all()
    assert (table[rare.FALL] <= table[rare.SHARPER] * (1 + 1e-9)).all()
    assert table[rare.MEASURED].is_monotonic_increasing
    slope = math.log10(table[rare.MEASURED][1e-4] / table[rare.MEASURED][1e-5])
    assert slope == pytest.approx(2, abs=0.1)


def test_words_at_their_own_shares(model, states):
    occur = np.bincount(states.following.numpy(), minlength=model.vocabulary.size)
    words = [int(occur.argmax()), PAD, MASK]
    table, minimisers = rare.by_word(model, states, 0.1, words)
    assert len(table) == 1 and minimisers.shape == (1, 32), "absent words have no loss of their own"
    assert table["occurrences"][0] == occur.max()
    assert table[rare.MEASURED][0] < table[rare.BOUND][0]


@pytest.mark.parametrize("beta", [0.0, 0.5, 3.0])
def test_two_parabolas_reach_the_bound_with_both_curvatures(beta):
    measured, bound, sharper = rare.half_way(2.0, beta, 0.7, 0.2)
    assert measured == pytest.approx(sharper)
    assert sharper <= bound / 2 * (1 + 1e-12)
    # Their minimisers, and g's fall, once more by looking.
    grid = np.linspace(-3, 3, 600_001)
    mixed = 0.8 * grid**2 + 0.2 * (0.7 * grid - beta / 2 * grid**2)
    assert grid[mixed.argmin()] ** 2 == pytest.approx(measured, abs=1e-4)


def test_words_by_frequency_before_and_after_training(model):
    table = rare.from_absent(model)
    assert table["share"].sum() == pytest.approx(1) and (table["distance"] > 0).all()
    fifths = rare.by_fifth(model)
    assert len(fifths) == 5
    # Drawn alike, whatever their frequency.
    assert fifths["distance before"].std() < 0.1 * fifths["distance before"].mean()
