"""Skip-gram vectors: who keeps company, the same from the same seed, and the run on top of them."""

import sys

import pytest
import torch

from isomorph import results
from isomorph.measure.static import skipgram_vectors
from isomorph.presets.recipes import smoke_default
from isomorph.runs import ShippedText, WordVectors, WorldText, run_from_json
from isomorph.text.vocab import VocabularyConfig, learn, words_in


@pytest.fixture(params=["gensim", "fastText"], autouse=True)
def learner(request, monkeypatch):
    """Both that can learn: gensim where there is one, fastText where there is none (Python 3.14)."""
    if request.param == "gensim":
        pytest.importorskip("gensim")
    else:
        monkeypatch.setitem(sys.modules, "gensim.models", None)


def company(seed=0, epochs=40):
    """Words of two kinds that never meet: "x" words among x, "y" words among y."""
    generator = torch.Generator().manual_seed(7)
    sentences = []
    for kind, places in (("x", "pq"), ("y", "rs")):
        for row in torch.randint(6, (400, 4), generator=generator).tolist():
            sentences.append(
                [f"{kind}{place}{n}" for place, n in zip(places * 2, row, strict=True)]
            )
    words = [f"xp{n}" for n in range(6)] + [f"yr{n}" for n in range(6)]
    return skipgram_vectors(sentences, words, width=16, epochs=epochs, seed=seed)


def test_words_of_the_same_company_are_near():
    vectors = company()
    centred = vectors - vectors.mean(0)
    unit = centred / centred.norm(dim=1, keepdim=True)
    cosines = unit @ unit.T
    within = (cosines[:6, :6].sum() - 6) / 30
    assert vectors.shape == (12, 16)
    assert within > cosines[:6, 6:].mean() + 0.3


def test_the_seed_decides():
    assert torch.equal(company(), company())
    assert not torch.equal(company(), company(seed=1))


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(ValueError, match="sentences is empty"):
        skipgram_vectors([], ["a"], width=4, epochs=1, seed=0)
    with pytest.raises(ValueError, match="epochs is 0"):
        skipgram_vectors([["a"]], ["a"], width=4, epochs=0, seed=0)


def test_a_word_that_was_not_read_has_a_vector_only_by_its_subwords():
    asked = {"width": 4, "epochs": 1, "seed": 0}
    assert skipgram_vectors([["reading", "book"]], ["readings"], **asked).abs().sum() > 0
    with pytest.raises(ValueError, match="'readings' is in no sentence"):
        skipgram_vectors([["reading", "book"]], ["readings"], **asked, subwords=False)


def test_words_are_split_as_the_tokeniser_tells_them_apart():
    tokenizer = learn(VocabularyConfig(size=64), {"en": ["Go, go now."]}).tokenizer("en")
    found = words_in(tokenizer.backend_tokenizer, "Go, NOW 上帝.")
    assert found == ["go", ",", "now", "上", "帝", "."]


def test_two_languages_are_learnt_apart_and_translated(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    run = WordVectors(
        text=smoke_default(0).text, vocabulary=VocabularyConfig(size=250), width=16,
        words_read=20_000,
    )  # fmt: skip
    outcome = results.cached(run).outcome()
    found = {record["metric"]: record["value"] for record in outcome["records"]}
    assert found["translation_queries"] > 10
    assert 0 <= found["translation_p1"] <= found["translation_p5"] <= 1
    assert all(record["layer"] is None for record in outcome["records"])
    assert outcome["records"] and results.cached(run).outcome() == outcome
    assert run_from_json(run.config_json()).digest == run.digest
    assert len(WordVectors(text=ShippedText()).checksum()) == 64
    with pytest.raises(ValueError, match="two languages are needed"):
        WordVectors(text=WorldText(only="a"))
