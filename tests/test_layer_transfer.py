"""Layer transfer: what is carried over and how, from which models, and what is refused."""

import pytest
import torch

from isomorph import results
from isomorph.models.settings import TrainingConfig, TuningConfig
from isomorph.presets.alignment import monolingual
from isomorph.presets.recipes import smoke_default
from isomorph.runs import LayerTransfer, ShippedText, Task, run_from_json
from isomorph.runs import transfer as module
from isomorph.runs.encoders import foundations_trained
from tests.frames import by_metric

SHORT = TrainingConfig(tokens=2000, batch=8, length=32, warmup=2, optimiser="adamw")
BOTH = smoke_default(0).model_copy(update={"training": SHORT})
A, B = (monolingual(BOTH, language) for language in "ab")
TASKS = tuple(
    Task(source=source, train=40, test=30, tuning=TuningConfig(epochs=1))
    for source in ("world_ner", "world_parsing")
)


def run(**fields) -> LayerTransfer:
    named = {"text": BOTH.text, "source": A, "target": B, "tasks": TASKS, "top": 1}
    return LayerTransfer(**named | {"device": "cpu", "progress": False} | fields)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path_factory.getbasetemp() / "layers"))


def values(outcome) -> dict:
    return by_metric(outcome, "layer")


def test_each_task_is_scored_at_each_layer_in_both_languages():
    found = values(results.cached(run()).outcome())
    metrics = ("ner_f1", "ner_f1_source", "las", "las_source", "uas", "links")
    assert {(m, layer) for m in metrics for layer in range(5)} <= set(found)
    words = sum(len(s.alignment) for s in BOTH.text.world.sentences("dev"))
    assert found["links", 0] == words, "gold links every word"
    assert values(results.cached(run(), mode="force").outcome()) == found, "same seed, same result"


def test_one_model_of_both_languages_needs_no_rotation():
    found = values(results.cached(run(source=BOTH, target=None)).outcome())
    assert ("las", 4) in found and not any(metric == "links" for metric, _ in found)


def test_one_model_normalises_both_languages_alike():
    one = results.cached(run(source=BOTH, target=None))
    place = torch.device("cpu")
    with foundations_trained(one) as below:
        for own in module.carried_over(one, one.readers(below, place), below):
            assert own.rotation is None and own.links is None
            assert own.means[0] is own.means[1] and len(own.means[0])


def test_the_rotation_brings_linked_words_together():
    one = results.cached(run())
    place = torch.device("cpu")
    with foundations_trained(one) as below:
        carried = list(module.carried_over(one, one.readers(below, place), below))
    assert len(carried) == 5
    for layer in carried:
        width = A.encoder.width
        eye = torch.eye(width, dtype=torch.float64)
        assert torch.allclose(layer.rotation @ layer.rotation.T, eye, atol=1e-9)
        assert all(len(means) for means in layer.means)


@pytest.mark.filterwarnings("ignore:.* were cut")
def test_real_text_is_aligned_by_the_vectors_of_a_bilingual_model(monkeypatch):
    text = ShippedText()
    both = BOTH.model_copy(update={"text": text})
    english, french = (monolingual(both, name) for name in ("en", "fr"))
    one = results.cached(run(text=text, source=english, target=french, aligner=both, tasks=(REAL,)))
    assert {side.digest for side in one.foundations()} == {
        side.digest for side in (english, french, both)
    }
    with foundations_trained(one) as below:
        readers = one.readers(below, torch.device("cpu"))
        texts, links = module.linked_words(one, readers, below)
    assert [len(side) for side in texts] == [500, 500] and len(links) > 500
    assert len({(t, i) for t, i, _ in links}) == len(links) == len({(t, j) for t, _, j in links})


REAL = Task(source="interface_terms", train=20, tuning=TuningConfig(epochs=1))


def test_a_run_is_found_again_by_its_config():
    assert run_from_json(run().config_json()).digest == run().digest
    assert run(top=2).digest != run().digest
    assert run().foundations() == (A, B) and run(source=BOTH, target=None).foundations() == (BOTH,)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tasks": ()}, "at least one task is needed"),
        ({"tasks": (Task(source="world_nli", train=5, test=5),)}, "allowed are tasks of words"),
        ({"tasks": (REAL,)}, "does not go with text of the kind 'world'"),
        ({"aligner": BOTH}, "aligner is for two models that read real text"),
        ({"text": A.text, "target": None}, "text has to be of two languages"),
        ({"top": 0}, "top"),
    ],
)
def test_what_contradicts_itself_is_refused(fields, said):
    with pytest.raises(ValueError) as refused:
        run(**fields)
    assert said in str(refused.value)


def test_too_many_examples_stop_it_before_it_trains(monkeypatch):
    monkeypatch.setattr(module, "foundations_trained", lambda *_: pytest.fail("trained"))
    with pytest.raises(ValueError, match="train is 1000000; the world has"):
        results.cached(run(tasks=(TASKS[0].model_copy(update={"train": 10**6}),))).outcome()
