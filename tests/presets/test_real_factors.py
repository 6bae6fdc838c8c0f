"""Factors on real text: the same conditions on English with its copy and on English and French."""

from isomorph.presets import conditions
from isomorph.presets.ablations import FLOORS, TABLE_ONE, copied, vary
from isomorph.runs.pretraining import batches
from isomorph.runs.texts import COPIED, LETTERS
from isomorph.text.vocab import learn
from tests.frames import by_metric


def test_whole_rows_of_the_table_come_first_and_no_seed_of_a_try():
    table = [*TABLE_ONE, *FLOORS]
    for experiment, pair in (("copy_factors", "en-copy"), ("french_factors", "en-fr")):
        wanted = conditions(experiment, "reference")
        assert [c.name for c in wanted[: 2 * len(table)]] == table * 2
        assert [c.run.seed for c in wanted[: 5 * len(table)]] == sorted(
            [1, 2, 3, 4, 5] * len(table)
        )
        assert {c.run.about for c in wanted} == {pair}


def smoke(name: str):
    return next(c.run for c in conditions("copy_factors", "smoke") if c.name == name)


def test_a_seed_has_anchors_of_its_own():
    first, second = copied(1), copied(2)
    assert first.model_copy(update={"seed": 2}) == second


def test_extra_anchors_switch_words_into_the_copy():
    run = vary(smoke("default").pretraining, "extra_anchors")
    corpus = run.text.corpus()
    vocabulary = learn(run.vocabulary, corpus.train)
    made = batches(run, vocabulary, corpus)
    scripts = set()
    for step in range(8):
        batch = made[step]
        letters = set(vocabulary.tokenizer("en").decode(batch.input_ids.flatten()))
        scripts.add((bool(letters & set(LETTERS)), bool(letters & set(COPIED))))
    assert scripts == {(True, True)}, "a batch of either language has words of both"


def test_a_transfer_to_the_copy():
    found = by_metric(smoke("random_encoder").outcome())
    assert {"terms_f1", "terms_f1_source", "terms_f1_majority"} <= set(found)
