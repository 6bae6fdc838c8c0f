"""Causal models: nobody sees ahead, the next subword is the label, and word vectors spread."""

import math

import pytest
import torch
from transformers import AutoModelForMaskedLM

from isomorph.measure.isotropy import average_cosine
from isomorph.models.encoder import BilingualConfig
from isomorph.models.inputs import IGNORED
from isomorph.models.masked_lm import Batches, following
from isomorph.models.pretrain import initialise, perplexity, pretrain
from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.models.steps import cosine_regulariser
from isomorph.text.packed import pack
from isomorph.text.vocab import SEPARATOR, START, VocabularyConfig, learn

TEXTS = {
    "en": [f"the {a} sees the {b} ." for a in ("dog", "cat", "man") for b in ("sea", "sun", "sky")]
}


@pytest.fixture(scope="module")
def vocabulary():
    return learn(VocabularyConfig(size=80), TEXTS)


def make_model(vocabulary, **changes):
    shape = {"languages": ("en",), "width": 16, "heads": 2, "layers": 2, "length": 12} | changes
    config = BilingualConfig(vocabulary=vocabulary.size, dropout=0.0, causal=True, **shape)
    return initialise(config, 0).eval()


def trained(vocabulary, steps=150, **changes):
    model = make_model(vocabulary)
    batches = Batches(vocabulary, TEXTS, batch=4, length=12, seed=0, causal=True)
    settings = {"tokens": steps * 48, "batch": 4, "length": 12, "optimiser": "adamw"} | changes
    records = pretrain(model, batches, TrainingConfig(**settings), device="cpu", progress=False)
    return model, records[-1]["value"]


def test_what_comes_later_changes_nothing(vocabulary):
    model = make_model(vocabulary)
    ids = torch.randint(5, vocabulary.size, (3, 10))
    other = ids.clone()
    other[:, 6:] = torch.randint(5, vocabulary.size, (3, 4))
    padding = torch.ones(3, 10)
    for mask in (None, padding):
        with torch.inference_mode():
            here, there = (model(x, mask).logits for x in (ids, other))
        assert torch.allclose(here[:, :6], there[:, :6], atol=1e-6)
        assert not torch.allclose(here[:, 6:], there[:, 6:], atol=1e-3)


def test_labels_are_the_next_subwords_of_the_same_sentence():
    packed = pack([[7, 8], [9], [10, 11, 12]], 6)
    assert packed.ids.tolist() == [
        [START, 7, 8, SEPARATOR, START, 9], [SEPARATOR, START, 10, 11, 12, SEPARATOR],
    ]  # fmt: skip
    assert following(packed).tolist() == [
        [7, 8, SEPARATOR, IGNORED, 9, IGNORED], [IGNORED, 10, 11, 12, SEPARATOR, IGNORED],
    ]  # fmt: skip
    stretch = following(pack([[7, 8], [9], [10, 11, 12]], 6, continuous=True))
    assert START not in stretch.flatten().tolist()
    assert stretch[0].tolist() == [7, 8, SEPARATOR, IGNORED, 9, IGNORED]


def test_perplexity_is_that_of_one_sentence_after_the_other(vocabulary):
    model = make_model(vocabulary)
    texts = TEXTS["en"] * 4
    found = perplexity(model, vocabulary, "en", texts, length=12)
    packed = pack(vocabulary.encode("en", texts), 12)
    losses = []
    for ids, positions, segments in zip(packed.ids, packed.positions, packed.segments, strict=True):
        for segment in set(segments.tolist()):
            own = torch.from_numpy(ids[segments == segment])[None]
            at = torch.from_numpy(positions[segments == segment].copy())[None]
            with torch.inference_mode():
                logs = model(own, position_ids=at).logits.log_softmax(-1)[0]
            losses += [-float(logs[t, own[0, t + 1]]) for t in range(own.shape[1] - 1)]
    assert found == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)


def test_a_causal_model_learns_and_comes_back_from_its_folder(vocabulary, tmp_path):
    before = perplexity(make_model(vocabulary), vocabulary, "en", TEXTS["en"] * 4, length=12)
    model, _ = trained(vocabulary)
    after = perplexity(model, vocabulary, "en", TEXTS["en"] * 4, length=12)
    assert after < 4 < before, "nine sentences, whose only choices are two words of three"
    model.save_pretrained(tmp_path)
    again = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    ids = torch.tensor([[START, 7, 8, 9]])
    assert again.config.causal and torch.equal(again(ids).logits, model(ids).logits)


def test_the_regulariser_is_the_sum_over_pairs():
    words = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    slow = sum(
        float(torch.cosine_similarity(words[i], words[j], dim=0))
        for i in range(7)
        for j in range(7)
        if i != j
    )
    assert float(cosine_regulariser(words)) == pytest.approx(slow / 49, abs=1e-6)
    assert float(cosine_regulariser(3 * words)) == pytest.approx(slow / 49, abs=1e-6)
    assert float(cosine_regulariser(torch.ones(4, 3))) == pytest.approx(12 / 16)


def test_the_regulariser_spreads_the_words_of_a_trained_model(vocabulary):
    (plain, loss), (spread, other) = (trained(vocabulary, 60, cosine=c) for c in (0.0, 10.0))
    words = [model.get_input_embeddings().weight for model in (plain, spread)]
    assert average_cosine(words[1]) < average_cosine(words[0]) - 0.005
    assert abs(other - loss) < 0.5, "the loss that is told is the likelihood's"


def test_a_softmax_may_have_no_bias(vocabulary):
    model = make_model(vocabulary, softmax_bias=False)
    assert model.softmax.of("en").bias is None
    hidden = torch.randn(2, 16)
    expected = hidden @ model.get_input_embeddings().weight.T
    assert torch.allclose(model.scores(hidden, "en"), expected)
    shaped = EncoderConfig(causal=True, softmax_bias=False).shaped(10, ("en",), 8)
    assert shaped.causal and not shaped.softmax_bias


def test_without_a_last_norm_the_sum_is_given_out(vocabulary):
    plain = make_model(vocabulary, norm="pre")
    bare = make_model(vocabulary, norm="pre", final_norm=False)
    assert not any(name.startswith("encoder.final_norm") for name, _ in bare.named_parameters())
    bare.load_state_dict(plain.state_dict(), strict=False)
    ids = torch.tensor([vocabulary.encode("en", TEXTS["en"][:1])[0]])
    given = bare.encoder(ids).last_hidden_state
    expected = plain.encoder(ids).last_hidden_state
    torch.testing.assert_close(plain.encoder.final_norm(given), expected)
    assert not torch.allclose(given, expected)
