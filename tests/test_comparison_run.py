"""Comparison runs: which models they start from, what they measure, and what they refuse."""

import json

import pytest

from isomorph import results
from isomorph.models.settings import TrainingConfig
from isomorph.presets.alignment import monolingual
from isomorph.presets.recipes import smoke_default
from isomorph.results import Condition
from isomorph.runs import Comparison, ShippedText, WorldText, run_from_json
from isomorph.runs import pretraining as training_module
from isomorph.sweep import likeness
from isomorph.sweep.execution import in_order


def tiny(side):
    short = TrainingConfig(tokens=2000, batch=8, length=32, warmup=2, optimiser="adamw")
    return side.model_copy(update={"training": short})


BILINGUAL = tiny(smoke_default(0))
A, B = (tiny(monolingual(smoke_default(0), language)) for language in "ab")
WORLD = BILINGUAL.text


def run(**fields) -> Comparison:
    named = {"text": WORLD, "source": A, "target": B, "device": "cpu", "progress": False}
    return Comparison(**named | fields)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path_factory.getbasetemp() / "comparisons"))


def values(outcome) -> dict:
    return {(r["metric"], r["layer"]): r["value"] for r in outcome["records"]}


def test_two_monolingual_models_are_trained_apart_and_once(monkeypatch):
    outcome = results.cached(run()).outcome()
    found = values(outcome)
    assert {layer for metric, layer in found if metric == "cka"} == set(range(5))
    assert found["retrieval_p1_chance", None] == 1 / 100
    assert 0 <= found["translation_p1", 0] <= 1
    assert all(record["tokens"] == A.tokens for record in outcome["records"])
    assert A.seed != B.seed, "of one seed they would start from the same weights"
    assert A.text.corpus().train.keys() == {"a"} and B.text.corpus().languages == ("b",)

    def train(_):
        raise AssertionError("trained again")

    monkeypatch.setattr(training_module, "train", train)
    untrained = values(results.cached(run(weights="random")).outcome())
    assert untrained["cka", 4] != found["cka", 4]
    rows = results.finished_rows("trial", Condition("monolingual", run()), size="smoke")
    assert set(rows["languages"]) == {"a-b"} and set(rows["digest"]) == {run().digest}


def test_one_model_may_read_both():
    found = values(results.cached(run(source=BILINGUAL, target=None)).outcome())
    assert ("retrieval_p1_unmapped", 4) in found and ("translation_contextual_p1", 4) in found


def test_a_model_that_both_sides_read_is_trained_once(monkeypatch):
    times, train = [], training_module.train
    monkeypatch.setattr(training_module, "train", lambda run: times.append(1) or train(run))
    run(source=BILINGUAL, target=None).outcome()  # kept nowhere, so nothing is there yet
    assert len(times) == 1


def test_two_seeds_of_one_language_have_no_words_to_translate():
    other = A.model_copy(update={"seed": 7})
    found = run(text=A.text, source=A, target=other)
    assert found.about == "a-a"
    measured = values(results.cached(found).outcome())
    assert not any(metric.startswith("translation") for metric, _ in measured)
    assert measured["retrieval_p1", 0] > 0.3


def test_which_models_a_run_starts_from(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))  # in which nothing has finished
    assert run().foundations() == (A, B)
    assert run(weights="random").foundations() == (A,)
    assert run(source=BILINGUAL, target=None).foundations() == (BILINGUAL,)
    hub = run(source=None, target=None, hub="x/y")
    assert hub.foundations() == () and hub.seed == 0
    ordered = in_order([Condition("one", run()), Condition("two", run(weights="random"))])
    assert ordered[0].run.digest == A.digest, "what both need comes first"
    assert len(ordered) == 3


def test_a_run_is_found_again_by_its_config():
    for one in (run(), run(source=None, target=None, hub="x/y"), run(weights="random")):
        assert run_from_json(one.config_json()).digest == one.digest
    assert len({run().digest, run(weights="random").digest}) == 2
    seeds = [json.loads(run(source=A.model_copy(update={"seed": s})).config_json()) for s in (0, 1)]
    assert likeness(seeds[0]) == likeness(seeds[1])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"source": B}, "source reads ('b',); here it has to read 'a'"),
        ({"hub": "x/y"}, "allowed is either hub, or source"),
        ({"target": None}, "target reads ('a',); here it has to read 'b'"),
        ({"others": ("help",)}, "others is ('help',), which goes with shipped text only"),
        (
            {"source": None, "target": None, "hub": "x/y", "weights": "random"},
            "which those of a model of the hub cannot be",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(fields, said):
    with pytest.raises(ValueError) as refused:
        run(**fields)
    assert said in str(refused.value)


def test_the_checksum_is_of_all_that_is_read():
    assert run().checksum() == ""
    english, french = (
        monolingual(BILINGUAL.model_copy(update={"text": ShippedText()}), language)
        for language in ("en", "fr")
    )
    real = Comparison(text=ShippedText(), source=english, target=french)
    assert len(real.checksum()) == 64
    assert french.text == ShippedText(languages=("fr",), domains=("bible",), half="odd")
    assert real.model_copy(update={"others": ("tatoeba",)}).checksum() is None
    assert WorldText(only="a").languages == ("a",)
