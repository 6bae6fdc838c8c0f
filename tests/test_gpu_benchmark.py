"""The benchmark of a GPU, in its tiny mode: all of its parts, whatever the device."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch


@pytest.fixture
def benchmark():
    path = Path(__file__).parents[1] / "benchmarks" / "gpu.py"
    spec = importlib.util.spec_from_file_location("gpu", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tiny_mode_measures_every_part(benchmark, tmp_path, monkeypatch):
    path = tmp_path / "results" / "gpu.json"
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--tiny", "--json", str(path), "--jobs", "2"])
    benchmark.main()
    found = json.loads(path.read_text())
    assert {"fp32", "bf16"} <= {each["format"] for each in found["training"]}
    assert all(each["tokens_per_second"] > 0 < each["utilisation"] for each in found["training"])
    assert {each["case"] for each in found["measures"]} == set(benchmark.MEASURED)
    (runs,) = found["sweep"]
    assert runs["runs"] == runs["jobs"] == 2 and runs["seconds"] > 0
    assert found["machine"]["device"] and found["machine"]["torch"] == torch.__version__
    assert found["left_out"] == []


def test_what_has_not_begun_in_time_is_named(benchmark, tmp_path, monkeypatch):
    path = tmp_path / "gpu.json"
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--tiny", "--json", str(path), "--minutes", "-1"])
    benchmark.main()
    found = json.loads(path.read_text())
    assert "training" not in found and "sweep" not in found
    assert any("tiny" in each for each in found["left_out"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(benchmark, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit):
        benchmark.main()
    assert "there is no CUDA GPU here" in capsys.readouterr().err
