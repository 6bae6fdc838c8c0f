"""Fine-tuning runs: what is refused, what is recorded, and analyses of encoders whose change is known."""

import copy
import json
from contextlib import nullcontext
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from isomorph import results
from isomorph.config import SIZES
from isomorph.models.finetune import finetune
from isomorph.models.pretrained import load_encoder
from isomorph.models.settings import TuningConfig
from isomorph.presets import EXPERIMENTS, conditions, recipes
from isomorph.presets.fine_tuning import DEPTHS, changes, held_at, tuning_rates, world_encoder
from isomorph.results import Condition
from isomorph.runs import FineTuning, Task, before_after, run_from_json
from isomorph.runs.tasks import KINDS, world_examples
from isomorph.text.examples import (
    ORDER,
    PAIR,
    SCORE,
    Examples,
    OrderExample,
    PairExample,
    ScoredExample,
)
from isomorph.text.tasks import SOURCES
from tests.frames import by_metric
from tests.models import toy

pytestmark = pytest.mark.filterwarnings("ignore:.* were cut")

OWN = ("changes", "few_samples", "class_vectors", "phrases_first", "orders")
START = world_encoder(smoke=True)
HALF = "first half"
NLI = Task(source="world_nli", topics=HALF, train=60, test=40, development=20,
           tuning=TuningConfig(epochs=1, pooling="mean"))  # fmt: skip
TERMS = Task(source="interface_terms", train=16, test=16, development=8)
PASSAGES = Task(source="passage_relation", train=16, test=16, development=8,
                tuning=TuningConfig(epochs=1))  # fmt: skip


def value(made: dict, metric: str, at: int | None = None) -> float:
    """At a layer, an epoch or a number of blocks put back; a split but test stands in the name."""
    key = "epoch" if metric == "loss" else "blocks" if metric.endswith("reverted") else "layer"
    return by_metric(made, key)[metric, at]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cache in which the encoder of a world is trained once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISOMORPH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def made(run: FineTuning) -> dict:
    return results.cached(run.model_copy(update={"progress": False, "device": "cpu"})).execute()


@pytest.fixture(scope="module")
def tuned(folder, monkeypatch_module):
    """One run with every analysis, shared by tests that only read it."""
    task = NLI.model_copy(update={"normalisation": "isobn"})
    other = START.model_copy(update={"seed": 1})
    monkeypatch_module.setattr(before_after, "PROBED", {"train": 80, "dev": 20, "test": 30})
    every = ("similarity", "probes", "reversion", "cls")
    return made(FineTuning(encoder=START, task=task, analyses=every, other=other))


@pytest.mark.parametrize("fields, said", [
    ({"task": NLI}, "encoder"),
    ({"encoder": "en", "task": NLI}, "'world_nli', which does not go with no encoder"),
    ({"encoder": START, "task": PASSAGES}, "does not go with an encoder of a world"),
    ({"encoder": "en"}, "task is None; allowed then is the analysis 'probes' alone"),
    ({"encoder": "en", "analyses": ("probes",), "intermediate": (PASSAGES,)}, "task is None"),
    ({"encoder": "en", "task": PASSAGES, "other": START}, "other is set; allowed is that"),
    ({"encoder": "en", "task": PASSAGES, "analyses": ("weights",)}, "analyses"),
    ({"encoder": "en", "task": TERMS, "analyses": ("cls",)}, "'interface_terms' has no vector"),
    ({"encoder": START, "task": NLI.model_copy(update={"topics": "all"}),
      "analyses": ("similarity",)}, "allowed is a task whose topics are the 'first half'"),
    ({"encoder": "en", "task": PASSAGES.model_copy(update={"alternatives": (TuningConfig(),)})},
     "allowed is one way to tune"),
])  # fmt: skip
def test_what_contradicts_itself_is_refused_before_any_work(fields, said):
    with pytest.raises(ValueError, match=said):
        FineTuning(**fields)


@pytest.mark.parametrize("fields, said", [
    ({"source": "interface_terms", "normalisation": "isobn"}, "has no one vector to classify"),
    ({"source": "world_nli", "train": None}, "must be numbers where a world is endless"),
    ({"source": "glue"}, "source"),
    ({"source": "rte", "topics": HALF}, "source 'rte' is of no world; allowed is 'all'"),
])  # fmt: skip
def test_a_task_that_contradicts_itself_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        Task(**fields)


def test_more_examples_than_there_are_are_refused(folder):
    with pytest.raises(ValueError, match="count is 100000; passage_relation en train allows"):
        made(FineTuning(encoder="en", task=PASSAGES.model_copy(update={"train": 100_000})))
    with pytest.raises(ValueError, match="train is 100000; on its first topics the world has"):
        world_examples("world_parsing", START.text.world, "a", "train", 100_000, HALF)


@pytest.mark.parametrize("experiment", OWN)
@pytest.mark.parametrize("size", SIZES)
def test_every_condition_is_a_run_of_its_own_that_comes_back_from_its_config(experiment, size):
    found = conditions(experiment, size)
    assert (found or size == "hub") and experiment in EXPERIMENTS
    digests = [condition.run.digest for condition in found]
    assert len(set(digests)) == len(digests)
    for condition in found[:: max(1, len(found) // 5)]:
        again = run_from_json(condition.run.config_json())
        assert again.digest == condition.run.digest and type(again) is FineTuning


def test_rows_say_how_and_on_what(folder):
    run = FineTuning(encoder="en", task=PASSAGES)
    rows = results.live("few_samples", Condition("standard", run), size="smoke")
    assert set(rows["task"]) == {"passages"} and set(rows["condition"]) == {"standard"}
    assert {"score", "accuracy", "floor", "failed_run"} <= set(rows["metric"])
    assert run.checksum() == rows["data"].iloc[0] != ""
    hub = FineTuning(encoder="en", task=Task(source="rte"))
    assert hub.checksum() is None


def test_a_seed_alone_decides(folder):
    run = FineTuning(encoder=START, task=NLI, seed=3)
    first, second = made(run), made(run)
    assert [r["value"] for r in first["records"]] == [r["value"] for r in second["records"]]
    other = made(run.model_copy(update={"seed": 4}))
    assert value(other, "weight_distance", 1) != value(first, "weight_distance", 1)


def test_frozen_blocks_stay_and_drawn_ones_are_measured_from_the_draw(folder):
    half = NLI.tuning.model_copy(update={"frozen": 1})
    found = made(FineTuning(encoder=START, task=NLI.model_copy(update={"tuning": half})))
    assert value(found, "weight_distance", 1) == value(found, "bottom_weight_distance") == 0
    assert value(found, "weight_distance", 2) > 0
    drawn = NLI.tuning.model_copy(update={"reinit": 1, "learning_rate": 1e-9})
    found = made(FineTuning(encoder=START, task=NLI.model_copy(update={"tuning": drawn})))
    assert value(found, "weight_distance", 2) < 1e-3


def test_what_comes_first_changes_the_encoder_and_not_the_examples(folder):
    first = Task(source="world_parsing", topics=HALF, train=40, test=20, development=10,
                 tuning=TuningConfig(epochs=1))  # fmt: skip
    plain = made(FineTuning(encoder=START, task=NLI))
    after = made(FineTuning(encoder=START, task=NLI, intermediate=(first,)))
    assert value(plain, "floor") == value(after, "floor")
    assert value(plain, "loss", 0) != value(after, "loss", 0)


def test_analyses_record_every_layer_and_two_domains(tuned):
    layers = range(START.encoder.layers + 1)
    states = ("rsa", "cka", "rsa_out", "cka_out", "rsa_other")
    for metric in (*states, "uuas", "relation_accuracy", "entity_accuracy"):
        assert all(-1 <= value(tuned, metric, layer) <= 1 + 1e-9 for layer in layers)
    assert value(tuned, "rsa", 0) > value(tuned, "rsa_other", 0)
    assert value(tuned, "texts") > 4
    for end in ("score_bottom_reverted", "score_top_reverted"):
        assert value(tuned, end, 0) == value(tuned, "score")
        # All blocks put back is one encoder, from whichever end.
        last = START.encoder.layers
        assert value(tuned, end, last) == value(tuned, "score_top_reverted", last)
    assert value(tuned, "cls_top_share_scaled") != value(tuned, "cls_top_share")
    assert 0 <= value(tuned, "cls_correlation_before") <= 1
    assert 1 <= value(tuned, "cls_gradient_peak") < 100


def test_an_encoder_that_was_not_moved_is_like_itself():
    encoder, tokenizer = load_encoder("en")
    language = "en"
    state = before_after.BeforeAfter(
        before=encoder, other=None, after=copy.deepcopy(encoder), head=None,
        tokenizer=tokenizer[language], language=language, world=None, task=PASSAGES, seed=0,
        examples={"test": PASSAGES.examples("test", language)},
    )  # fmt: skip
    for record in before_after.similarity(state):
        if record["metric"] != "texts":
            assert record["value"] == pytest.approx(1, abs=1e-4)


def test_the_shape_of_vectors_is_known_where_it_is():
    generator = torch.Generator().manual_seed(0)
    even = torch.randn(4000, 8, generator=generator)
    found = before_after.shape(even)
    assert found["cls_std_spread"] == pytest.approx(1, abs=0.05)
    assert found["cls_correlation"] < 0.03 and found["cls_mean_share"] < 0.05
    assert found["cls_top_share"] == pytest.approx(1 / 8, abs=0.02)
    loud = even * torch.tensor([10.0] + [1.0] * 7) + 50
    found = before_after.shape(loud)
    assert found["cls_std_spread"] == pytest.approx(10 / (17 / 8), rel=0.05)
    assert found["cls_top_share"] > 0.9 and found["cls_mean_share"] > 0.9


@pytest.mark.parametrize("normalisation", [torch.nn.Identity(), torch.nn.LayerNorm(2)])
def test_the_peak_of_the_gradient_is_that_of_the_steps(normalisation):
    """Each step's loss is linear in what the classifier reads, so its gradient is known."""
    normalisation.requires_grad_(False)
    out = torch.nn.Sequential(normalisation, torch.nn.Linear(2, 1, bias=False))
    out[1].weight = torch.nn.Parameter(torch.tensor([[3.0, 4.0]]))
    texts = torch.tensor([[1.0, -1.0], [2.0, 0.0], [-1.0, 1.0]])
    with before_after.watched(SimpleNamespace(out=out)) as lengths:
        for times, rows in ((1, 3), (2, 3), (2, 1), (10, 3)):
            (times * out(texts[:rows].requires_grad_()).mean()).backward()
            with torch.no_grad():  # an evaluation is no step
                out(texts)
    assert len(lengths) == 4
    if isinstance(normalisation, torch.nn.Identity):  # 3, 4: a length of 5 for each text
        assert lengths == pytest.approx([5, 10, 10, 50])
    assert before_after.peak(lengths) == pytest.approx(max(lengths) / np.median(lengths))
    out(texts.requires_grad_()).mean().backward()
    assert len(lengths) == 4, "whoever trains it later is not watched"


def test_a_watched_head_learns_what_it_would_have_learnt():
    def losses(watch):
        head, texts = toy.head(PAIR), toy.examples(PAIR, "a", 40)
        config = TuningConfig(epochs=2, batch=16, dropout=0.1)
        with before_after.watched(head) if watch else nullcontext([]) as lengths:
            found = finetune(head, texts, toy.tokenizer("ours"), config, language="a",
                             progress=False, device="cpu")  # fmt: skip
        return found, len(lengths)

    (watched, steps), (alone, _) = losses(True), losses(False)
    assert watched == alone and steps == 2 * 3  # of 40 texts, 16 at a time


def test_rates_are_swept_with_all_else_as_it_was():
    def configs(conditions):
        return {
            (c.name, c.run.encoder, c.run.task.source, c.run.seed): json.loads(c.run.config_json())
            for c in conditions
            if c.run.task
        }

    swept, before = configs(tuning_rates("reference")), configs(changes("reference"))
    tasks = ("xnli", "tydiqa", "universal_dependencies")
    for encoder, source in product((recipes.MINILM, recipes.BERT_EN), tasks):
        for mine, theirs in (("tuned", "tuned"), ("frozen", "frozen_two_thirds")):
            slow, quick = (
                swept[f"{mine}_{rate}", encoder, source, 4] for rate in ("2e-05", "0.0002")
            )
            assert quick == before[theirs, encoder, source, 4]
            assert slow["task"]["tuning"].pop("learning_rate") == 2e-5
            assert quick["task"]["tuning"].pop("learning_rate") == 2e-4
            assert slow == quick
    assert len(swept) == 2 * 4 * 2 * 3 * 5


def test_rivals_of_phrases_first_take_as_many_steps_or_tune_nothing():
    for encoder, blocks in ((recipes.MINILM, 6), (recipes.BERT_EN, 8)):
        runs = {
            c.name: c.run
            for c in conditions("phrases_first", "reference")
            if (c.run.encoder, c.run.seed) == (encoder, 0)
        }
        for train in (250, 1000):
            first = runs[f"phrases_{train}"]
            updates = [t.tuning.epochs * -(-t.train // t.tuning.batch) for t in first.tasks]
            assert runs[f"longer_{train}"].task.tuning.steps == sum(updates)
            assert runs[f"frozen_{train}"].task.tuning.frozen == blocks
            for rival in ("longer", "frozen"):
                assert not runs[f"{rival}_{train}"].intermediate
                assert runs[f"{rival}_{train}"].task.train == train


def test_few_samples_of_the_small_bert_are_as_many_ways_on_two_sets():
    runs = [c for c in conditions("few_samples", "reference") if c.run.encoder == recipes.BERT_EN]
    ways = {(c.name, c.run.task.source) for c in runs}
    assert len(ways) == 13 * 2 and len(runs) == 13 * 2 * 20
    blocks = {c.name: c.run.task.tuning.reinit for c in runs}
    assert blocks["standard_1k"] < blocks["reinit_1k"] < blocks["reinit_too_many_1k"] < 8


def test_held_blocks_are_shares_of_all():
    held = {name: held_at(NLI, name, blocks=12).tuning for name in DEPTHS}
    assert (held["frozen_third"].frozen, held["frozen_two_thirds"].frozen) == (4, 8)
    assert held["frozen_all"].frozen == 12 and held["kept_third"].kept == 4


def test_the_score_of_a_task_is_its_own():
    pairs = Examples(PAIR, ("not_equivalent", "equivalent"), tuple(
        PairExample("a", "b", label) for label in ("equivalent", "equivalent", "not_equivalent")), "")  # fmt: skip
    answers = ["equivalent"] * 3
    assert Task(source="mrpc").scores(pairs, answers)["f1"] == pytest.approx(0.8)
    assert Task(source="mrpc").main(pairs, answers) == pytest.approx(0.8)
    assert Task(source="cola").scores(pairs, answers)["matthews"] == 0
    alike = Examples(SCORE, (), tuple(ScoredExample("a", "b", s) for s in (0.0, 2.0, 5.0)), "")
    assert Task(source="stsb").scores(alike, [1.0, 2.0, 9.0])["spearman"] == pytest.approx(1)
    assert Task(source="stsb").main(alike, [1.0, 1.0, 1.0]) == 0
    order = Examples(ORDER, (), (OrderExample(("x", "y"), (1, 0)),), "")
    assert Task(source="sind").scores(order, [(1, 0)])["tau"] == 1
    assert {origin.kind for origin in SOURCES.values()} == set(KINDS)
