"""Geometry runs: what they measure of a small language model, and what they refuse."""

import json
import math

import numpy as np
import pytest
import torch

from isomorph import results
from isomorph.models.pretrained import load_masked_lm
from isomorph.models.settings import EncoderConfig
from isomorph.presets import conditions
from isomorph.presets.degeneration import DECIDING, NAMES, geometry, language_model
from isomorph.presets.recipes import FRESH
from isomorph.results import Condition
from isomorph.runs import Geometry, ShippedText, run_from_json
from isomorph.runs.geometry import ABSENT, by_frequency, hidden_states
from isomorph.text.vocab import MASK, PAD, VocabularyConfig, learn


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISOMORPH_CACHE", str(tmp_path_factory.mktemp("geometry")))
        yield


@pytest.fixture(scope="module")
def measured():
    """The metrics of each kind of run on one small model."""
    found = {}
    for name in ("mle", "rare_words", "frequent_words", "layer_norm_direction", "word2vec"):
        run = results.cached(geometry("smoke", 0, name))
        found[name] = {r["metric"]: r["value"] for r in run.outcome()["records"]}
    return found


def test_words_states_and_groups_are_measured(measured):
    assert {"average_cosine", "perplexity", "rank_norm_spearman"} <= set(measured["mle"])
    assert measured["mle"]["perplexity"] > 1
    assert {"pair_distance", "average_cosine"} <= set(measured["rare_words"])
    states = measured["layer_norm_direction"]
    # The remark on layer normalisation holds of any weights, and the theorem then of the hull.
    assert states["negative_product_share"] == 1 and states["origin_outside"] == 1
    assert states["hull_margin"] > 0 and "unnormalised_hull_margin" in states
    everything = [value for own in measured.values() for value in own.values()]
    assert all(map(math.isfinite, everything))


def test_a_run_is_found_again_by_its_config():
    for condition in conditions("language_models", "smoke"):
        again = run_from_json(condition.run.config_json())
        assert isinstance(again, Geometry) and again.digest == condition.run.digest
    digests = [c.run.digest for c in conditions("language_models", "laptop")]
    assert len(set(digests)) == len(digests) == 5 * len(NAMES) + len(FRESH) * len(DECIDING)


def test_groups_are_measured_on_the_very_model_of_mle():
    mle, rare = geometry("laptop", 2, "mle"), geometry("laptop", 2, "rare_words")
    assert mle.foundations()[0].digest == rare.foundations()[0].digest
    assert language_model("laptop", 2, "cosreg").training.cosine == 1
    assert not language_model("laptop", 2, "no_last_norm").encoder.final_norm


def test_rows_are_those_of_the_long_table():
    condition = Condition("mle", geometry("smoke", 0, "mle"))
    rows = results.gather("language_models", [condition], size="smoke", recompute=True)
    assert set(rows["condition"]) == {"mle"} and set(rows["languages"]) == {"en"}
    assert json.loads(rows["config"].iloc[0])["of"] == "words"


def test_states_are_those_that_the_softmax_sees(measured):
    run = language_model("smoke", 0)
    geometry_run = results.cached(geometry("smoke", 0, "mle"))
    folder = geometry_run.in_same_cache(run).model_folder()
    model, vocabulary = load_masked_lm(folder)
    texts = run.text.corpus().dev["en"][:40]
    states, given, _ = hidden_states(model, vocabulary, "en", texts, run.training, most=100)
    assert len(states) == len(given) == 100
    torch.testing.assert_close(model.encoder.final_norm(given).detach(), states)
    model.encoder.final_norm = torch.nn.Identity()
    states, given, _ = hidden_states(model, vocabulary, "en", texts, run.training, most=50)
    assert states is given


def test_absent_words_get_no_gradient_but_from_the_softmax():
    assert ABSENT == [PAD, MASK]


def test_words_by_frequency():
    vocabulary = learn(VocabularyConfig(size=40, units="words"), {"en": ["b a b", "c b a z z z z"]})
    ids, counts = by_frequency(vocabulary, "en", ["b a b", "c b a q"])
    names = {i: word for word, i in vocabulary.ids["en"].items()}
    assert [names[i] for i in ids] == ["b", "a", "c"] and counts.tolist() == [3, 2, 1]
    assert isinstance(ids, np.ndarray)


def test_what_contradicts_itself_is_refused():
    run = language_model("smoke", 0)
    masked = run.model_copy(update={"encoder": EncoderConfig(layers=2, width=32, heads=1)})
    with pytest.raises(ValueError, match="of is 'states', which needs"):
        Geometry(pretraining=masked, of="states")
    two = run.model_copy(update={"text": ShippedText(languages=("en", "fr"))})
    with pytest.raises(ValueError, match="a geometry is of one language"):
        Geometry(pretraining=two)


def test_word2vec_reads_the_same_words_of_the_same_text(measured):
    run = Geometry(pretraining=language_model("smoke", 0), of="word2vec")
    assert run.foundations() == (), "nothing is pretrained for it"
    assert set(measured["word2vec"]) == set(measured["mle"]) - {"perplexity"}
    assert measured["word2vec"]["average_cosine"] != measured["mle"]["average_cosine"]
