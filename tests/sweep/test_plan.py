"""What a plan says before anything is run, and what each figure rests on."""

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from isomorph import cli, dry_run, sweep
from isomorph.config import SIZES
from isomorph.models.settings import TuningConfig
from isomorph.presets import EXPERIMENTS, conditions
from isomorph.presets.recipes import BERT, MINIATURES, paper_run
from isomorph.runs import Comparison, Cures, EncoderWords, FineTuning, Task, Transfer
from isomorph.sweep import plan
from isomorph.sweep.downloads import Figure, reads, total
from isomorph.sweep.plan import Pace, memory_of, shape_of
from tests.small_runs import tiny_run

CPU = torch.device("cpu")
TRIALS = pd.DataFrame(
    {"name": ["default"], "losses": [[1.0]], "smallest": 1.0, "tokens_a_second": [100.0]}
)


@pytest.fixture(autouse=True)
def quick(no_hub, monkeypatch):
    """The machine's speed is given; the papers' models are not built."""
    monkeypatch.setattr(plan, "speed_of", lambda place: 1e9)
    monkeypatch.setattr(dry_run, "ten_steps", lambda rows: (TRIALS, ["Ten steps."]))


def pace(*rows) -> Pace:
    made = Pace(sweep.Forecast("x86_64 CPU"), CPU)
    for run, seconds in rows:
        made.recall(
            pd.DataFrame(
                {"config": run.config_json(), "seconds": [seconds], "device": "x86_64 CPU"}
            )
        )
    return made


@pytest.mark.parametrize("size", SIZES)
def test_every_experiment_has_a_plan_at_every_size(size):
    found = plan.plan(list(EXPERIMENTS), size)
    table = found.table.set_index("experiment")
    assert list(table.index) == [*(n for n in EXPERIMENTS if conditions(n, size)), "all"]
    assert table["runs"].drop("all").to_dict() == {
        name: len(conditions(name, size)) for name in table.index[:-1]
    }
    assert table.loc["all", "runs"] == table["runs"].iloc[:-1].sum()
    assert table.loc["all", "hours"].value == pytest.approx(
        sum(f.value for f in table["hours"][:-1])
    )
    assert table.loc["all", "fetch MB"].value <= sum(f.value for f in table["fetch MB"][:-1]) + 1e-6
    assert {letter for each in table["hours"] for letter in each.basis} <= {"r", "m", "a"}
    idle = table[table["runs"] == table["done"]]
    assert all(figure == (0, "") for figure in idle["hours"])
    assert max(map(len, plan.as_text(found).splitlines())) <= 100


def test_nothing_is_left_of_what_is_recorded():
    (line,) = plan.plan(["theorems"], "laptop").table.itertuples(index=False)
    assert line.runs == line.done == len(conditions("theorems", "laptop"))
    assert plan.as_text(plan.plan(["theorems"], "laptop")).count("Nothing is fetched.") == 1
    with pytest.raises(
        ValueError, match="'theorems' has nothing at size 'hub'; it has smoke, laptop"
    ):
        plan.plan(["theorems"], "hub")


def test_hours_are_recorded_or_measured_or_assumed():
    run = tiny_run()
    assert pace((run, 7200.0)).hours(tiny_run(seed=3)) == pytest.approx((2.0, "r"))
    unlike = paper_run()
    flops = unlike.training.tokens * dry_run.flops_of(unlike)
    assert pace().hours(unlike).value == pytest.approx((flops / 1e9 + plan.MEASURING) / 3600)
    assert pace().hours(unlike).basis == "a"
    stepped = pace()
    stepped.tokens = 1e6
    assert stepped.hours(unlike).basis == "am"
    assert stepped.hours(unlike).value == pytest.approx(
        (unlike.training.tokens / 1e6 + plan.MEASURING) / 3600
    )


def test_another_encoder_takes_as_long_as_its_arithmetic_says():
    small, large = (
        Cures(encoder=name, task="sentence_similarity") for name in (MINIATURES[4, 256], BERT)
    )
    known = pace((small, 100.0))
    assert known.hours(large).basis == "a"
    assert known.hours(large).value * 3600 == pytest.approx(100 * 12 * 768**2 / (4 * 256**2))
    tuned = Task(source="stsb", train=100, tuning=TuningConfig(epochs=2, batch=50))
    flops, updates = pace().work(FineTuning(encoder=BERT, task=tuned))
    assert updates == 4
    assert flops == 24 * 12 * 768**2 * (plan.OTHERS + 3 * 4 * 50 * plan.LENGTH)


def test_a_pretraining_that_is_a_run_of_its_own_counts_once():
    tasks = (Task(source="world_nli", train=10, test=10),)
    run = Transfer(pretraining=tiny_run(), tasks=tasks)
    alone = pace()
    together = alone.work(run)[0]
    alone.forecast.apart = {run.pretraining.digest}
    assert together - alone.work(run)[0] == alone.work(run.pretraining)[0] > 0


def test_what_a_run_reads_of_the_hub():
    assert list(reads(tiny_run())) == []
    tuned = FineTuning(encoder=BERT, task=Task(source="stsb"), analyses=("probes",))
    assert set(reads(tuned)) == {
        ("model", BERT, ""), ("dataset", "nyu-mll/glue", "stsb"), ("dataset", "unimelb-nlp/wikiann", "en"),
        ("dataset", "commul/universal_dependencies", "en_ewt"),
    }  # fmt: skip
    compared = Comparison(hub=BERT, others=("tatoeba",))
    assert set(reads(compared)) == {
        ("model", BERT, ""), ("dataset", "mteb/tatoeba-bitext-mining", "fra-eng")
    }  # fmt: skip
    assert set(reads(paper_run())) == {
        ("dataset", "wikimedia/wikipedia", f"20231101.{language}") for language in ("en", "fr")
    }
    assert len(set(reads(Cures(encoder=BERT, task="sentence_similarity")))) == 8


def test_memory_and_sums():
    words = EncoderWords(encoder=BERT)
    assert shape_of(words).weights == pytest.approx(110e6, rel=0.05), "BERT has 110M weights"
    assert memory_of(words) == pytest.approx(1 + 8 * 108.4e6 / 1e9, rel=0.01)
    assert memory_of(FineTuning(encoder=BERT, task=Task(source="stsb"))) > memory_of(words)
    assert total([Figure(1, "a"), Figure(2, "ra"), Figure(0, "")]) == (3, "ar")
    assert (
        str(Figure(1234.6, "a")) == "1,235 a"
        and str(Figure(0, "?")) == "?"
        and str(Figure(2, "m")) == "2.0 m"
    )


def test_the_command(monkeypatch):
    told = CliRunner().invoke(cli.app, ["run", "factors", "--size", "paper", "--dry-run"])
    assert told.exit_code == 0, told.output
    for expected in ("factors", "Ten steps.", "wikimedia/wikipedia", "A100", "a: assumed"):
        assert expected in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80
    for asked, status, said in [
        (["theorems", "--size", "hub"], 1, "has nothing at size 'hub'"),
        ([], 2, "name an experiment"),
        (["nothing"], 2, "must be one of"),
    ]:
        told = CliRunner().invoke(cli.app, ["run", *asked, "--dry-run"])
        assert told.exit_code == status and said in told.stderr


def test_all_runs_every_experiment_and_goes_on_after_a_failure(monkeypatch):
    asked = []

    def swept(name, **options):
        asked.append(name)
        if name == "cures":
            raise sweep.RunsFailed("1 of 2 runs failed")

    monkeypatch.setattr(sweep, "sweep", swept)
    with pytest.raises(sweep.RunsFailed, match="cures: 1 of 2 runs failed"):
        sweep.sweep_all(size="hub", say=print)
    assert asked == [name for name in EXPERIMENTS if conditions(name, "hub")]
    told = CliRunner().invoke(cli.app, ["run", "all", "--export", "rows.csv"])
    assert told.exit_code == 2 and "--export goes with one experiment" in told.stderr
