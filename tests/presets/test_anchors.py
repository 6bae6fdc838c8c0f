"""Shares of anchors in what a run reads: against a count by hand, and by policy."""

from collections import Counter
from functools import lru_cache

import numpy as np
import pytest
from pydantic import ValidationError

from isomorph.models.settings import TrainingConfig
from isomorph.presets import conditions
from isomorph.presets.ablations import vary
from isomorph.presets.recipes import smoke_default
from isomorph.runs import AnchorShare, Transfer, run_from_json
from isomorph.runs.comparison import read_counts, shares
from isomorph.runs.pretraining import batches
from isomorph.sweep import describe
from isomorph.text.packed import Ids
from isomorph.text.vocab import SPECIAL, Vocabulary, VocabularyConfig, learn

METRICS = ("anchor_types", "anchor_tokens", "anchor_tokens_letters")


def share(name: str) -> dict[str, float]:
    """The shares that a smoke run of a condition records."""
    run = AnchorShare(pretraining=vary(smoke_default(0), name))
    return {record["metric"]: record["value"] for record in run.outcome()["records"]}


@pytest.fixture(scope="module")
def by_policy():
    names = ("no_anchors", "default_anchors", "default", "extra_anchors")
    return {name: share(name) for name in names}


def test_shares_are_those_of_a_count_by_hand():
    ids = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    ids |= {"dog": 5, "le": 6, "paris": 7, ".": 8, "unread": 9}
    vocabulary = Vocabulary(VocabularyConfig(), {"a": ids, "b": ids})
    counts = {
        "a": np.array([9, 9, 9, 9, 9, 3, 0, 1, 2, 0]),
        "b": np.array([9, 9, 9, 9, 9, 0, 1, 1, 2, 0]),
    }
    found = shares(counts, vocabulary)
    # Of dog, le, paris and the full stop the last two are in both: 6 of 10 occurrences, 2 of them
    # of paris.
    named = {"anchor_types": 0.5, "anchor_tokens": 0.6, "anchor_tokens_letters": 0.2}
    assert found == named


@pytest.mark.parametrize("name", ["default", "extra_anchors"])
def test_what_is_counted_is_the_text_before_anything_is_hidden(name):
    run = vary(smoke_default(0), name)
    corpus = run.text.corpus()
    vocabulary = learn(run.vocabulary, corpus.train)
    plain = run.model_copy(
        update={"training": TrainingConfig(**run.training.model_dump() | {"masking": 1e-9})}
    )
    counted = read_counts(batches(run, vocabulary, corpus), 12, ("a", "b"), vocabulary.size)
    by_hand = {"a": Counter(), "b": Counter()}
    source = batches(plain, vocabulary, corpus)
    for step in range(12):
        by_hand[source[step].language].update(source[step].input_ids.flatten().tolist())
    for language, counts in counted.items():
        assert {i: n for i, n in enumerate(counts) if n} == by_hand[language]


def test_text_is_switched_once_an_epoch():
    run = vary(smoke_default(0), "extra_anchors")
    corpus = run.text.corpus()
    source = batches(run, learn(run.vocabulary, corpus.train), corpus)
    source.texts = {language: text[:80] for language, text in source.texts.items()}
    few = {language: [ids[i] for i in range(80)] for language, ids in source.encoded.items()}
    source.encoded = {language: Ids.of(ids) for language, ids in few.items()}
    built = []
    build = source._epoch.__wrapped__
    source._epoch = lru_cache(maxsize=4)(lambda *key: (built.append(key), build(*key))[1])
    for step in range(24):
        source[step]
    assert max(epoch for _, epoch in built) > 5
    assert len(built) == len(set(built))


def test_shares_agree_with_the_rate_of_the_whole_text(by_policy):
    run = smoke_default(0)
    text = run.text.corpus().train
    learnt = learn(run.vocabulary, text)
    first, second = (
        Counter(i for ids in learnt.encode(name, own) for i in ids if i >= len(SPECIAL))
        for name, own in text.items()
    )
    both = first.keys() & second.keys()
    tokens = sum(first[i] + second[i] for i in both) / (first.total() + second.total())
    # The run reads some epochs of the text, and not the end of the last.
    assert by_policy["default"]["anchor_tokens"] == pytest.approx(tokens, abs=0.01)
    assert by_policy["default"]["anchor_types"] == pytest.approx(
        len(both) / len(first.keys() | second.keys()), abs=0.02
    )


def test_a_dictionary_adds_anchors_and_a_mark_of_the_language_takes_all(by_policy):
    assert set(by_policy["no_anchors"].values()) == {0.0}
    for metric in METRICS:
        assert 0 < by_policy["default"][metric] < by_policy["extra_anchors"][metric] < 1
    for own in by_policy.values():
        assert own["anchor_tokens_letters"] <= own["anchor_tokens"]


def test_what_reads_one_language_has_no_share():
    with pytest.raises(ValidationError, match="reads 'first' of .* reads two languages"):
        AnchorShare(pretraining=vary(smoke_default(0), "monolingual"))


def test_the_experiment_counts_what_the_transfers_read():
    all_runs = [c.run for c in conditions("factors", "reference")]
    transfers = {run.pretraining.digest for run in all_runs if run.seed == 0}
    counted = conditions("anchor_shares", "reference")
    assert {c.run.pretraining.digest for c in counted} <= transfers
    pairs = Counter(c.run.about for c in counted)
    assert pairs == {"en-fr": 4, "en-ru": 4, "en-zh": 4}
    assert describe(counted[0]).startswith("default (en-fr, seed 0")


def test_each_kind_of_run_is_told_from_its_config():
    transfer = conditions("factors", "smoke")[0].run
    kinds = (transfer, transfer.pretraining, AnchorShare(pretraining=transfer.pretraining))
    for run in kinds:
        again = run_from_json(run.config_json())
        assert type(again) is type(run)
        assert again.digest == run.digest
    assert len({run.digest for run in kinds}) == 3
    assert isinstance(kinds[0], Transfer)
