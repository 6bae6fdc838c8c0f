"""Text of the hub is fetched and tokenised once, and what is mapped reads as what is in memory."""

import numpy as np
import pytest

from isomorph.runs import HubText
from isomorph.text import corpora, packed
from isomorph.text.packed import Blocks, Ids, KeptText, ids_of, vocabulary_of
from isomorph.text.vocab import VocabularyConfig, by_word, learn
from tests import hub as stand_in

ARTICLES = {
    "en": [f"The {n}th man saw a house of {n % 7} trees, and the sea. It was green." for n in range(90)],
    "ru": [f"Человек {n} увидел дом, {n % 5} деревьев и зелёное море вдали." for n in range(90)],
}  # fmt: skip
PAIRS = {"sentence1": [f"Фраза {n}." for n in range(600)],
         "sentence2": [f"A sentence, {n}." for n in range(600)]}  # fmt: skip
TEXT = HubText(languages=("en", "ru"), sentences=80)


@pytest.fixture
def corpus(mirror, monkeypatch):
    """Eighty sentences of each language, kept; tokenised seven at a time."""
    monkeypatch.setattr(packed, "CHUNK", 7)
    for language, articles in ARTICLES.items():
        mirror("wikimedia/wikipedia", f"20231101.{language}", "train", {"text": articles})
    mirror("mteb/tatoeba-bitext-mining", "rus-eng", "test", PAIRS)
    return TEXT.corpus()


@pytest.mark.parametrize("anchors", ["joint", "none"])
def test_what_is_mapped_is_what_is_in_memory(corpus, tmp_path, anchors):
    plain = {language: list(texts) for language, texts in corpus.train.items()}
    assert all(isinstance(texts, KeptText) and len(texts) == 80 for texts in corpus.train.values())
    config = VocabularyConfig(size=200, anchors=anchors)
    vocabulary = vocabulary_of(config, corpus.train)
    assert vocabulary == vocabulary_of(config, corpus.train) == learn(config, plain)
    for language, texts in corpus.train.items():
        mapped = ids_of(vocabulary, language, texts)
        assert isinstance(mapped.flat, np.memmap) and len(mapped) == 80
        assert [ids.tolist() for ids in mapped] == vocabulary.encode(language, plain[language])
        assert (texts[3], texts[5:8]) == (plain[language][3], plain[language][5:8])
    folders = sorted(tmp_path.glob("cache/texts/*/"))
    assert len(folders) == 6  # Tatoeba; two texts, their vocabulary, and their ids
    made = {path: path.stat().st_mtime_ns for path in folders}
    ids_of(vocabulary_of(config, TEXT.corpus().train), "en", TEXT.corpus().train["en"])
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/texts/*/")}


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("switched", [True, False])
def test_batches_are_the_same_to_the_bit(corpus, continuous, switched):
    import torch

    from isomorph.models.masked_lm import Batches

    pairs = [("дом", "house"), ("море", "sea"), ("человек", "man")]
    translations = {"ru": by_word(pairs), "en": by_word((b, a) for a, b in pairs)}
    plain = {language: list(texts) for language, texts in corpus.train.items()}
    vocabulary = learn(VocabularyConfig(size=200), plain)
    mapped, whole = (
        Batches(vocabulary, texts, batch=4, length=16, seed=3, continuous=continuous,
                translations=translations if switched else None)
        for texts in (corpus.train, plain)
    )  # fmt: skip
    steps = range(0, 160, 3)  # beyond an epoch of either language
    for step in steps:
        one, other = mapped[step], whole[step]
        assert one.language == other.language
        for name in ("input_ids", "labels", "positions", "segments"):
            first, second = getattr(one, name), getattr(other, name)
            assert (first is None and second is None) or torch.equal(first, second)
    assert mapped._drawn.cache_info().currsize and len(mapped._epoch("en", 1)) > 0


def test_any_blocks_are_those_of_the_whole():
    generator = np.random.default_rng(0)
    sentences = [generator.integers(5, 99, size).tolist() for size in (0, 3, 30, 1, 9, 9, 2, 40)]
    order = generator.permutation(len(sentences))
    blocks = Blocks(Ids.of(sentences), 8, order=order)
    whole = packed.pack([sentences[i] for i in order], 8)
    assert len(blocks) == len(whole)
    for start in range(len(whole) + 1):
        for end in range(len(whole) + 3):
            for name in ("ids", "positions", "segments"):
                part = getattr(blocks[start:end], name)
                assert np.array_equal(part, getattr(whole, name)[start:end])


def use():
    """The checksum of the text, its first sentences, the ids of one, and what a run names as read."""
    from isomorph.text.fetch import reading

    with reading() as found:
        corpus = TEXT.corpus()
    vocabulary = vocabulary_of(VocabularyConfig(size=200), corpus.train)
    ids = ids_of(vocabulary, "ru", corpus.train["ru"])[0].tolist()
    return corpus.checksum, corpus.train["en"][:2], ids, found


def test_what_two_processes_have_read_is_not_asked_of_the_hub_again(tmp_path):
    with stand_in.served() as (hub, address):
        tables = {f"20231101.{name}/train": {"text": ARTICLES[name]} for name in ARTICLES}
        hub.put_tables("wikimedia/wikipedia", tables, corpora.WIKIPEDIA[3])
        hub.put_tables("mteb/tatoeba-bitext-mining", {"rus-eng/test": PAIRS})
        cache = {"ISOMORPH_CACHE": str(tmp_path / "cache")}
        with stand_in.user(address, **cache) as one, stand_in.user(address, **cache) as other:
            first, second = one(use, wait=False), other(use, wait=False)
            found = first.result(timeout=300)
            assert found == second.result(timeout=300)
            hub.asked.clear()
            hub.put_tables(
                "mteb/tatoeba-bitext-mining", {"rus-eng/test": PAIRS | {"n": range(600)}}
            )
            assert one(use) == found and not hub.asked
        assert found[1][0].startswith("The 0th man") and len(found[3]) == 3


def test_what_cannot_be_finished_leaves_nothing(corpus, mirror, tmp_path):
    before = set(tmp_path.glob("cache/texts/*/"))
    short = TEXT.model_copy(update={"sentences": 5000})
    with pytest.raises(corpora.DataUnavailable, match="holds 90 sentences; 5000 were asked for"):
        short.corpus()
    assert set(tmp_path.glob("cache/texts/*/")) == before
