"""What a run with extra anchors shows: translations, but none of a word that the test asks for."""

import torch

from isomorph.models.inputs import IGNORED
from isomorph.models.settings import TrainingConfig
from isomorph.presets import smoke_run
from isomorph.runs.pretraining import batches
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
