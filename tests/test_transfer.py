"""Transfer runs: what they measure, what they train and what not, and their rows."""

import json
import time

import numpy as np
import pandas as pd
import pytest
import torch

from isomorph import results, runs
from isomorph.measure.scores import majority, premise_alone
from isomorph.models.finetune import finetune, predict
from isomorph.models.pretrain import initialise
from isomorph.models.settings import TrainingConfig, TuningConfig
from isomorph.presets.ablations import vary
from isomorph.presets.recipes import smoke_default
from isomorph.results import Condition
from isomorph.rows import by_split
from isomorph.runs import ShippedText, Task, Transfer, pretraining, run_from_json, tuning
from isomorph.runs import transfer as module
from isomorph.runs.pretraining import batches, trained
from isomorph.text import shipped
from isomorph.text.vocab import learn
from tests.frames import by_metric

ONE = TuningConfig(epochs=1)
SOURCES = tuple(f"world_{name}" for name in ("nli", "ner", "parsing", "tags"))
TASKS = tuple(Task(source=source, train=30, test=40, tuning=ONE) for source in SOURCES)
TUNED = {"nli_accuracy", "ner_f1", "las", "uas", "tags_accuracy"}


def tiny(tasks: tuple[Task, ...] = TASKS, name: str = "default", **changes) -> Transfer:
    tokens = TrainingConfig(tokens=2000, batch=8, length=32, warmup=2, optimiser="adamw")
    below = vary(smoke_default(0), name).model_copy(update={"training": tokens, **changes})
    return Transfer(pretraining=below, tasks=tasks, device="cpu", progress=False)


def random_encoder(*tasks: Task, **changes) -> Transfer:
    return tiny(tasks or TASKS, **changes).model_copy(update={"weights": "random"})


def scored(run: Transfer, task: Task, load) -> dict[tuple, float]:
    material = task.material(run.pretraining.text, ("a", "b"))
    tuned = [list(tuning.tuned_scores(way, material, load)) for way in run.ways(task)]
    return module.task_scores(run, task, material, tuned)


def values(outcome: dict) -> dict[str, float]:
    own = [record for record in outcome["records"] if record.get("layer") is None]
    return by_metric({"records": own})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run: its folder, its condition, its rows, and how long it took."""
    folder = tmp_path_factory.mktemp("transfer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISOMORPH_DATA", str(folder / "data"))
        patch.setenv("ISOMORPH_CACHE", str(folder / "cache"))
        condition = Condition("default", tiny())
        began = time.monotonic()
        rows = results.live("trial", condition, size="smoke")
        elapsed = time.monotonic() - began
    return folder, condition, rows, elapsed


@pytest.fixture
def live(finished, monkeypatch):
    """The same, with its cache and its empty folder of recorded rows in use."""
    folder, *rest = finished
    monkeypatch.setenv("ISOMORPH_DATA", str(folder / "data"))
    monkeypatch.setenv("ISOMORPH_CACHE", str(folder / "cache"))
    return rest


@pytest.fixture
def no_pretraining(monkeypatch):
    def train(run):
        raise AssertionError("pretrained")

    monkeypatch.setattr(pretraining, "train", train)


def test_what_a_run_measures(live):
    condition, rows, elapsed = live
    found = set(by_split(rows)["metric"])
    for metric in TUNED:
        assert {metric + part for part in ("", "_source", "_majority", "_lost", "_kept")} <= found
        assert f"{metric}_lost_source" not in found
    assert {"ner_f1_PER", "ner_f1_PER_source", "ner_f1_PER_majority"} <= found
    assert "ner_f1_PER_lost" not in found
    assert {"perplexity_a", "perplexity_b", "retrieval_p1", "multilinguality"} <= found
    tuned = rows[rows["metric"].str.match("nli_|ner_|las|uas")]
    assert tuned["value"].between(0, 1).all() and tuned["layer"].isna().all()
    assert not rows.duplicated(["metric", "split", "layer"]).any()
    of_tasks = set(tuned["metric"].str.partition("_")[0] + "/" + tuned["task"])
    assert of_tasks == {"nli/nli", "ner/ner", "las/parsing", "uas/parsing"}
    training = condition.run.pretraining.training
    assert set(rows["tokens"]) == {training.steps * training.batch * training.length}
    assert set(rows["languages"]) == {"a-b"} and set(rows["data"]) == {""}
    assert rows["seconds"].between(0, elapsed, inclusive="neither").all()


def test_rows_go_round_by_way_of_the_recorded_file(live):
    condition, first, _ = live
    results.record("trial", [condition], size="smoke")
    rows = results.gather("trial", [condition], size="smoke")
    assert set(rows["provenance"]) == {"recorded"} and len(rows) == len(first)
    same = ["metric", "layer", "tokens", "value", "digest", "config"]
    pd.testing.assert_frame_equal(rows[same], first[same], check_dtype=False)
    assert results.stale("trial") == []
    (config,) = set(rows["config"])
    again = run_from_json(config)
    assert isinstance(again, Transfer) and again.digest == condition.run.digest
    assert again.tasks == condition.run.tasks

    path = results.results_path("trial")
    spoilt = json.loads(config)
    spoilt["tasks"][0]["train"] += 1
    pd.read_parquet(path).assign(config=json.dumps(spoilt)).to_parquet(path)
    shipped.write_manifest_entry("results/trial.parquet")
    (problem,) = results.stale("trial")
    assert "names another run" in problem
    path.unlink()


def test_where_and_how_visibly_a_run_is_made_does_not_name_it():
    run = tiny()
    below = run.pretraining.model_copy(update={"device": "cpu", "progress": False,
                                               "micro_batch": 4})  # fmt: skip
    elsewhere = run.model_copy(update={"pretraining": below, "device": "auto", "progress": True})
    assert elsewhere.digest == run.digest and elsewhere.config_json() == run.config_json()
    for word in ("infra", "device", "progress", "micro_batch"):
        assert f'"{word}"' not in run.config_json()
    assert len({run.digest, random_encoder().digest, tiny(TASKS[:1]).digest,
                tiny(name="monolingual").digest}) == 4  # fmt: skip


def test_a_finished_pretraining_serves_other_transfers(live, no_pretraining):
    _, rows, _ = live
    other = results.cached(tiny(TASKS[1:2]))
    found = values(other.outcome())
    recorded = by_split(rows).set_index("metric")["value"]
    assert found["ner_f1_source"] == recorded["ner_f1_source"]
    assert found["heldout_loss"] == recorded["heldout_loss"]
    assert "las" not in found


def test_a_pretraining_on_text_that_has_changed_is_done_again(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    texts = ["the first"]

    def train(run):
        return {"records": [], "data": texts[-1], "device": "here", "code": str(len(texts))}

    monkeypatch.setattr(pretraining, "train", train)
    monkeypatch.setattr(runs.Pretraining, "checksum", lambda self: texts[-1])

    def made() -> dict:
        run = results.cached(tiny())
        return trained(run.in_same_cache(run.pretraining))

    assert made()["data"] == "the first"
    texts.append("the first")
    assert made()["code"] == "1", "it is kept while its text stays"
    texts.append("another")
    assert made()["data"] == made()["data"] == "another"


def test_a_random_encoder_trains_nothing_beforehand(no_pretraining):
    run = random_encoder()
    outcome = run.outcome()
    assert {r["tokens"] for r in outcome["records"]} == {0}
    assert set(values(outcome)) >= {"nli_accuracy", "ner_f1_majority", "las_source"}
    assert not any(name.startswith(("retrieval", "perplexity")) for name in values(outcome))
    assert values(outcome) == values(run.model_copy().outcome()), "same seed, same result"

    fresh, vocabulary = tuning.loader(run, {})
    shape = run.pretraining.encoder.shaped(vocabulary.size, ("a", "b"), 32)
    untrained = initialise(shape, run.seed).state_dict()
    for weights in (fresh().state_dict(), fresh().state_dict()):
        assert all(torch.equal(weights[name], untrained[name]) for name in untrained)


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"train": 10**6, "test": None}, "count is 1000000; .* allows 1 to"),
     ({"test": 10**6}, "test is 1000000, but 'interface_terms' has")],
)  # fmt: skip
def test_more_examples_than_there_are_stop_a_run_before_it_pretrains(no_pretraining, asked, said):
    text = ShippedText()
    run = Transfer(
        pretraining=smoke_default(0).model_copy(update={"text": text}),
        tasks=(Task(source="interface_terms", **asked),),
    )
    with pytest.raises(ValueError, match=said):
        run.outcome()


def test_a_monolingual_model_never_reads_the_second_language():
    run = vary(smoke_default(0), "monolingual")
    corpus = run.text.corpus()
    vocabulary = learn(run.vocabulary, corpus.train)
    assert vocabulary.ids == learn(run.vocabulary, smoke_default(0).text.corpus().train).ids
    read = batches(run, vocabulary, corpus)
    first = {i for ids in vocabulary.encode("a", corpus.train["a"]) for i in ids} | set(range(5))
    for step in range(12):
        batch = read[step]
        text = torch.where(batch.labels >= 0, batch.labels, batch.input_ids)
        assert batch.language == "a" and set(text.flatten().tolist()) <= first
    both = batches(smoke_default(0), vocabulary, corpus)
    assert {both[step].language for step in range(12)} == {"a", "b"}


def test_the_second_language_is_read_by_its_own_parts():
    run = random_encoder(TASKS[2], name="sep_emb")
    fresh, vocabulary = tuning.loader(run, {})

    def as_the_first():
        model = fresh()
        for part in model.encoder.specific_parts():
            part["b"].load_state_dict(part["a"].state_dict())
        return model

    own = scored(run, TASKS[2], (fresh, vocabulary))
    other = scored(run, TASKS[2], (as_the_first, vocabulary))
    assert own["source", "uas"] == other["source", "uas"]
    assert own["test", "uas"] != other["test", "uas"]


def test_the_majority_is_that_of_the_first_languages_training_text(no_pretraining):
    run, text = random_encoder(), smoke_default(0).text
    found = values(run.outcome())
    for task, metric in zip(TASKS, ("nli_accuracy", "ner_f1", "las", "tags_accuracy"), strict=True):
        train, test = task.examples("train", "a", text), task.examples("test", "b", text)
        assert found[f"{metric}_majority"] == task.main(test, majority(train, test))
    train, test = (TASKS[0].examples(split, "a", text) for split in ("train", "test"))
    answers = premise_alone(train, test)
    right = [item.label == answer for item, answer in zip(test.items, answers, strict=True)]
    assert found["nli_accuracy_premise"] == sum(right) / 40
    assert "ner_f1_premise" not in found


def parsing(**ways) -> Task:
    return Task(source="world_parsing", train=60, test=40, development=50, **ways)


@pytest.fixture(scope="module")
def ways():
    """Three ways to tune a random encoder to parse, and the scores of each alone."""
    tunings = [TuningConfig(epochs=e, learning_rate=r, head_rate=r)
               for e, r in ((1, 1e-9), (2, 5e-3), (1, 5e-3))]  # fmt: skip
    run = random_encoder()
    load = tuning.loader(run, {})

    def scores(*chosen: int) -> dict[str, float]:
        first, *others = (tunings[i] for i in chosen)
        task = parsing(tuning=first, alternatives=tuple(others))
        return scored(run, task, load)

    return run, load, tunings, scores, [scores(i) for i in range(3)]


def test_two_ways_to_tune_are_averaged(ways):
    *_, scores, alone = ways
    both = scores(0, 1)
    assert alone[0]["source", "las"] != alone[1]["source", "las"]
    assert both == {name: pytest.approx((alone[0][name] + alone[1][name]) / 2) for name in both}


def test_of_more_ways_to_tune_the_two_best_in_the_first_language_count(ways):
    run, load, tunings, scores, alone = ways
    fits = []
    for settings in tunings:
        task = parsing(tuning=settings)
        train, dev = (task.examples(split, "a", run.pretraining.text) for split in ("train", "dev"))
        head = task.head(load[0](), train.names, seed=run.seed)
        finetune(head, train, load[1].tokenizer("a"), settings, language="a", seed=run.seed,
                 device="cpu", progress=False)  # fmt: skip
        answers = predict(head, dev, load[1].tokenizer("a"), language="a")
        fits.append(task.main(dev, answers))
    worst, *best = np.argsort(fits)
    assert len(set(fits)) == 3 and worst == 0
    found = scores(0, 1, 2)
    wanted = {name: np.mean([alone[i][name] for i in best]) for name in found}
    assert found == {name: pytest.approx(value) for name, value in wanted.items()}


def test_a_part_of_which_there_is_no_example_has_no_score(no_pretraining):
    run = random_encoder(Task(source="world_nli", train=10, test=1, tuning=ONE))
    found = set(values(run.outcome()))
    assert len({"nli_accuracy_lost", "nli_accuracy_kept"} & found) == 1


class Cut(Exception):
    """In the place of a job's time limit."""


def test_a_transfer_that_is_cut_off_goes_on_with_the_next_way(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    ways = {"tuning": ONE, "alternatives": (ONE.model_copy(update={"epochs": 2}),)}
    run, tuned, real = random_encoder(parsing(**ways)), [], tuning.tuned_scores

    def watched(way, *given):
        tuned.append(way.task.tuning.epochs)
        if tuned == [1, 2] and way.code != "other":
            raise Cut
        return real(way, *given)

    monkeypatch.setattr(tuning, "tuned_scores", watched)
    with pytest.raises(Cut):
        results.cached(run).outcome()
    resumed = results.cached(run).outcome()
    assert tuned == [1, 2, 2]
    assert values(resumed) == values(run.model_copy().outcome()), "as if it was never cut"
    seconds = [each["seconds"] for each in resumed["records"]]
    assert min(seconds) > 0 and len(set(seconds)) == 1

    tuned.clear()
    monkeypatch.setattr(tuning.Tuning, "code", "other")  # what it left there does not count
    assert values(results.cached(run, mode="force").outcome()) == values(resumed)
    assert tuned == [1, 2]
