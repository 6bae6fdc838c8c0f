"""What a run shows of the other language: translations, but none of a word that the test asks for, or
its neighbours."""

from dataclasses import replace

import pytest
import torch

from isomorph.models.inputs import IGNORED
from isomorph.models.settings import TrainingConfig
from isomorph.presets import smoke_run
from isomorph.presets.elements import element
from isomorph.runs.pretraining import Pretraining, batches, neighbours
from isomorph.text.corpora import Corpus
from isomorph.text.vocab import VocabularyConfig, learn

# Test words stand in training pairs too: on either side, in a direction that is not asked, and in
# other letter case.
TRAIN = [("cat", "chat"), ("hound", "chien"), ("dog", "toutou"), ("maison", "home"), ("sun", "sol"),
         ("by", "mal"), ("night", "Nuit"), ("street", "strasse")]  # fmt: skip
TEST = [("dog", "chien"), ("house", "maison"), ("home", "foyer"), ("time", "Mal"), ("evening", "nuit"),
        ("road", "STRAßE")]  # fmt: skip
CORPUS = Corpus(
    languages=("a", "b"),
    train={
        "a": ["the cat dog hound house home sun maison by time night street"] * 99,
        "b": ["le chat chien toutou maison foyer sol home mal nuit strasse"] * 99,
    },
    dev={"a": [], "b": []},
    test={"a": [], "b": []},
    dictionary={"train": TRAIN, "test": TEST},
    checksum="",
)


@pytest.fixture(scope="module")
def world_run_with_neighbours():
    """A run, the vocabulary that it learns, and its text."""
    run = element(smoke_run(0), "knn_replace")
    corpus = run.text.corpus()
    return run, learn(run.vocabulary, corpus.train), corpus


def test_no_test_word_is_shown_with_its_translation():
    run = smoke_run(0)
    run = run.model_copy(
        update={
            "vocabulary": VocabularyConfig(anchors="extra", size=160),
            "training": TrainingConfig(tokens=40 * 64, batch=4, length=16, warmup=1),
        }
    )
    vocabulary = learn(run.vocabulary, CORPUS.train)
    shown = batches(run, vocabulary, CORPUS)
    # A word is one id here, so that nothing hides in its pieces.
    number = {word.lower(): vocabulary.ids["a"][word.lower()] for pair in TRAIN for word in pair}
    seen = {"a": set(), "b": set()}
    for step in range(40):
        batch = shown[step]
        whole = torch.where(batch.labels != IGNORED, batch.labels, batch.input_ids)
        seen[batch.language] |= set(whole.flatten().tolist())
    own = {name: set(" ".join(texts).split()) for name, texts in CORPUS.train.items()}
    came = {
        name: {word for word, own_number in number.items() if own_number in seen[name]} - own[name]
        for name in own
    }
    assert came == {"a": {"chat", "sol"}, "b": {"cat", "sun"}}


def test_neighbours_are_of_the_other_language_and_know_the_world(world_run_with_neighbours):
    run, vocabulary, corpus = world_run_with_neighbours
    near = neighbours(run, vocabulary, corpus)
    ids = {name: set(vocabulary.language_ids(name)) for name in run.languages}
    for name, other in zip("ab", "ba", strict=True):
        assert near[name].shape == (vocabulary.size, 5)
        there = near[name][sorted(ids[name])]
        assert set(there.flatten().tolist()) <= ids[other] | {-1}
        assert (near[name][sorted(ids[other])] == -1).all()
    # Words of the half that the test asks for, which nobody has linked: their translation is near.
    pairs = [[vocabulary.encode(n, [w])[0] for n, w in zip("ab", p, strict=True)]
             for p in corpus.dictionary["test"]]  # fmt: skip
    hits = [b[0] in near["a"][a[0]] for a, b in pairs if len(a) == len(b) == 1]
    assert len(hits) > 20
    assert sum(hits) / len(hits) > 3 * 5 / len(ids["b"])


def test_batches_of_a_run_show_neighbours(world_run_with_neighbours):
    run, vocabulary, corpus = world_run_with_neighbours
    plain = run.model_copy(update={"training": run.training.model_copy(update={"neighbours": 0.0})})
    with_, without = (batches(each, vocabulary, corpus)[0] for each in (run, plain))
    assert torch.equal(with_.labels, without.labels)
    changed = with_.input_ids != without.input_ids
    other = "b" if with_.language == "a" else "a"
    assert set(with_.input_ids[changed].tolist()) <= set(vocabulary.language_ids(other))
    share = changed.sum() / (with_.labels != IGNORED).sum()
    assert 0.1 < share < 0.5


def test_neighbours_need_words_of_a_dictionary(world_run_with_neighbours):
    run, vocabulary, corpus = world_run_with_neighbours
    few = replace(corpus, dictionary=corpus.dictionary | {"train": corpus.dictionary["train"][:9]})
    with pytest.raises(ValueError, match="^training.neighbours needs 20 pairs .* there are 9.$"):
        neighbours(run, vocabulary, few)
    one = {"kind": "shipped", "languages": ["en"], "domains": ["bible"]}
    with pytest.raises(ValueError, match="needs a masked model of two languages"):
        Pretraining(training={"tokens": 9, "neighbours": 0.3}, text=one)
    with pytest.raises(ValueError, match="needs vocabulary.anchors to be 'none'"):
        Pretraining(training={"tokens": 9, "neighbours": 0.3})
