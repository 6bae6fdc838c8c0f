"""The size `hub`, whole: small models in BERT's own format in the place of the public ones."""

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM
from typer.testing import CliRunner

from isomorph import claims, cli, results, sweep
from isomorph.config import public_seed
from isomorph.ledger.evidence import about
from isomorph.models.judged import ModelRefused
from isomorph.models.pretrained import load_encoder, load_masked_lm
from isomorph.presets import conditions, recipes
from isomorph.presets.recipes import BERT, MULTIBERTS
from isomorph.runs import EncoderWords, FineTuning, Task
from isomorph.runs.encoders import fresh_like
from isomorph.text.corpora import load_corpus
from isomorph.text.vocab import VocabularyConfig, learn
from tests.hub import served, user

SEEDS = MULTIBERTS[:5]
ABSENT = "distilbert/distilbert-base-uncased"


def write_bert(folder: Path, words, *, seed: int = 0, embeddings=None) -> None:
    """A small BERT with a vocabulary of ours, of random weights or with some input embeddings."""
    torch.manual_seed(seed)
    width = 32 if embeddings is None else embeddings.shape[1]
    shape = {"hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(vocab_size=words.size, intermediate_size=2 * width, **shape)
    model = BertForMaskedLM(config)
    if embeddings is not None:
        model.get_input_embeddings().weight.data.copy_(embeddings)
    model.save_pretrained(folder)
    words.tokenizer("en").save_pretrained(folder)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """Our shipped encoder in BERT's format as BERT, and five small random ones as MultiBERTs."""
    folder = tmp_path_factory.mktemp("mirror")
    ours, words = load_masked_lm("en")
    write_bert(folder / BERT, words, embeddings=ours.get_input_embeddings("en").weight)
    few = learn(VocabularyConfig(size=900), {"en": load_corpus(("en",), ("help",)).train["en"]})
    for seed, name in enumerate(SEEDS):
        write_bert(folder / name, few, seed=seed)
    return folder


@pytest.fixture
def chosen(mirror, no_hub, monkeypatch):
    """The conditions of the models that are there, and one of a model that is not."""
    monkeypatch.setenv("ISOMORPH_MIRROR", str(mirror))
    monkeypatch.setenv("ISOMORPH_CACHE", str(mirror / "cache"))
    every = conditions("encoder_words", "hub")
    there = [c for c in every if c.run.encoder in SEEDS or c.name in ("pretrained", "distilbert")]
    only = {"encoder_words": lambda size: there if size == "hub" else []}
    monkeypatch.setattr(recipes, "EXPERIMENTS", only)
    for module in ("isomorph.presets", "isomorph.sweep"):
        monkeypatch.setattr(f"{module}.EXPERIMENTS", only)
    return there


def test_all_of_the_size_runs_what_can_and_the_ledger_judges_it(chosen):
    told = CliRunner().invoke(cli.app, ["run", "all", "--size", "hub"])
    assert told.exit_code == 1, "one model is not there"
    plan, ran = told.stdout.split("Fetched, in MB:")
    assert f"{len(chosen)}" in plan and f"264 a  {ABSENT}" in ran.split("r: recorded")[0]
    assert "1 of 12 runs failed" in told.stderr and f"model {ABSENT!r}" in told.stderr
    assert [c.name for c in chosen if not results.finished(c)] == ["distilbert"]
    (bert,) = (c for c in chosen if c.name == "pretrained")
    rows = results.finished_rows("encoder_words", bert, size="hub")
    # The encoder that ships has rows of its own, under its own name.
    ours = results.recorded("encoder_words").query("condition == 'bible'")
    both = ours.merge(rows, on=["metric", "fold"])
    assert len(both) == len(ours) > 100
    assert both["value_y"].to_numpy() == pytest.approx(both["value_x"].to_numpy(), abs=1e-9)


def judged(chosen, number: str):
    """What the claim comes to by rows of the runs, each measured once."""
    import pandas as pd

    rows = [
        results.gather("encoder_words", [condition], size="hub").assign(recorded="2030-01-01")
        for condition in chosen
        if condition.name != "distilbert"
    ]
    rows = pd.concat(rows, ignore_index=True)
    empty = rows.iloc[:0]
    every = claims.judged(lambda name: rows if name == "encoder_words" else empty)
    (found,) = (each for each in every if each.claim.id == number)
    return {place.model: place for place in found.places}, found


def test_seeds_of_pretraining_are_units_and_random_ones_a_null(chosen):
    places, claim = judged(chosen, "4a.1")
    seeds, one = places["MultiBERTs"], places["bert-base-uncased"]
    assert (seeds.subject, seeds.size, seeds.in_scope) == ("paper's own model", "hub", True)
    assert seeds.primary.unit == "pretraining seed" and seeds.primary.estimate.units == 5
    assert abs(seeds.primary.estimate.value) < 0.01, "vectors without a training have no direction"
    assert seeds.outcome == "at floor"
    assert one.primary.unit == "items of one model" and one.in_scope
    assert one.primary.estimate.value == pytest.approx(0.0900, abs=1e-4), "our shipped encoder's"
    assert claim.outcome in ("at floor", "cannot tell")


def test_which_experiments_have_the_size():
    every = {name for name in sweep.EXPERIMENTS if conditions(name, "hub")}
    assert every == {
        "alignment",
        "changes",
        "class_vectors",
        "cures",
        "encoder_words",
        "few_samples",
    }
    with pytest.raises(
        ValueError, match="'theorems' has nothing at size 'hub'; it has smoke, laptop"
    ):
        sweep.sweep("theorems", size="hub")
    for name in every:
        for condition in conditions(name, "hub"):
            run = json.loads(condition.run.config_json())
            assert "/" in (run.get("encoder") or run["hub"]), "all start from public encoders"
            assert about(condition.run.config_json()).subject == "paper's own model"


@pytest.mark.parametrize("experiment", ["encoder_words", "cures"])
def test_each_trained_encoder_stands_beside_an_untrained_one(experiment):
    runs = [c.run for c in conditions(experiment, "hub") if "step" not in c.run.encoder]
    trained, drawn = (
        {(run.encoder, run.seed) for run in runs if run.weights == weights}
        for weights in ("trained", "random")
    )
    assert trained == drawn
    assert {seed for name, seed in trained if "multiberts" in name} >= set(range(5))


def test_a_seed_is_told_by_the_name():
    assert public_seed("google/multiberts-seed_17") == 17
    assert public_seed("google/multiberts-seed_3-step_200k") == 3
    assert public_seed(BERT) is None and public_seed(None) is None
    tuned = FineTuning(encoder=MULTIBERTS[4], seed=4, task=Task(source="sst2"), analyses=("cls",))
    assert about(tuned.config_json()).unit == "pretraining seed"
    assert about(tuned.model_copy(update={"encoder": BERT}).config_json()).unit == "tuning seed"


def test_weights_are_drawn_by_the_seed_alone(mirror, tmp_path):
    drawn = []
    for seed, name in ((0, "a"), (0, "b"), (1, "c")):
        model, _ = load_encoder(fresh_like(str(mirror / BERT), seed, str(tmp_path / name)))
        drawn.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    trained, _ = load_encoder(str(mirror / BERT))
    assert model.config.hidden_size == trained.config.hidden_size == 128
    with pytest.raises(ModelRefused, match="of this project; allowed is a Pretraining"):
        fresh_like("data/models/en", 0, str(tmp_path / "d"))
    for encoder in ("en", "glove"):
        with pytest.raises(ValueError, match="weights is 'random'"):
            EncoderWords(encoder=encoder, weights="random")


def megabytes(*asked: tuple[str, str, str]) -> list[tuple[float, str]]:
    from isomorph.sweep.downloads import Hub

    hub = Hub()
    return [tuple(hub.megabytes(*each)) for each in asked]


def test_the_hub_says_how_large_things_are():
    with served() as (hub, address), user(address) as call:
        rest = {"config.json": b"1" * 100, "tf_model.h5": b"0" * 10**6, "onnx/x.json": b"2" * 1000}
        hub.put(
            "models", "o/safe", rest | {"model.safetensors": b"0" * 2900, "pytorch_model.bin": b"0"}
        )
        hub.put("models", "o/pickle", rest | {"pytorch_model.bin": b"0" * 1900})
        hub.put(
            "datasets", "o/set", {"en/train.parquet": b"0" * 500, "fr/train.parquet": b"0" * 70}
        )
        asked = [("model", "o/safe", ""), ("model", "o/pickle", ""), ("dataset", "o/set", "fr"),
                 ("dataset", "o/set", "default"), ("dataset", "o/set", "de"), ("model", ABSENT, ""),
                 ("dataset", "local/words", "men")]  # fmt: skip
        found = call(megabytes, *asked)
        assert [basis for _, basis in found] == ["m", "m", "m", "m", "?", "a", "?"]
        told = [1e6 * value for value, _ in found]
        assert told[:4] == pytest.approx([3000, 2000, 70, 570])
        assert told[5] == pytest.approx(265e6, rel=0.01), "by DistilBERT's shape"
        assert not any("local" in each for each in hub.asked)
        hub.hanging.add("o/safe")
        before = len(hub.asked)
        assert {basis for _, basis in call(megabytes, *asked)} == {"a", "?"}
        assert len(hub.asked) == before + 1, "one that does not answer is not asked again"
