"""`isomorph compare`: what it takes and refuses, and what it leaves behind."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from isomorph import compare, report
from isomorph.cli import app
from isomorph.measure import comparison
from isomorph.measure.words import Reader
from isomorph.models.judged import ModelRefused
from isomorph.models.pretrained import fingerprint, load_encoder
from isomorph.text import parallel
from isomorph.text.own import own_material
from isomorph.text.shipped import data_folder
from tests.hub import as_parquet

EN, FR, BOTH = (str(data_folder() / "models" / name) for name in ("en", "fr", "en-fr"))


@pytest.fixture(scope="module")
def rows():
    options = {"domain": "bible", "learn": 150, "test": 40, "device": "cpu", "progress": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "CONTEXTS", 200)
        with pytest.warns(UserWarning, match="were cut"):
            return compare.compare_models(EN, FR, **options)


def test_two_monolingual_encoders_align_by_a_rotation_only(rows):
    assert list(rows) == list(compare.COLUMNS)
    assert set(rows["layer"].dropna()) == {0, 1, 2, 3, 4}
    assert rows["value"].notna().all()
    best = rows.groupby("metric")["value"].max()
    assert best["retrieval_p1"] > 0.4
    assert best["retrieval_p1_unmapped"] < 0.2
    assert best["translation_p1"] > 5 * best["translation_p1_random"]


def test_the_material_is_held_out_and_parallel():
    chosen = parallel.material("fr-ru", domain="bible", learn=50, test=20)
    assert [len(side) for side in (*chosen["learn"], *chosen["test"])] == [50, 50, 20, 20]
    assert not set(chosen["learn"][0]) & set(chosen["test"][0])
    assert chosen["dictionary"]["test"] and len(chosen["contexts"][0]) == parallel.CONTEXTS
    both = parallel.material("en-de", learn=40, test=40)
    alone = parallel.material("en-de", domain="help", learn=40, test=40)
    assert len(set(both["test"][0])) == 40 and both["test"] != alone["test"]


@pytest.fixture
def files(tmp_path):
    """Help pages in two languages, a line a message."""
    chosen = parallel.material("en-fr", domain="help", learn=60, test=30)
    paths = tmp_path / "one.txt", tmp_path / "two.txt"
    for path, learn, test in zip(paths, chosen["learn"], chosen["test"], strict=True):
        path.write_text("\n".join(learn + test) + "\n", encoding="utf-8")
    return paths


def test_own_text_is_read_in_pairs_of_which_none_is_in_both_parts(files):
    lines = [path.read_text("utf-8").splitlines() for path in files]
    read = own_material(files, learn=60, test=20)
    assert [len(side) for side in (*read["learn"], *read["test"])] == [60, 60, 20, 20]
    pairs = set(zip(*lines, strict=True))
    assert set(zip(*read["learn"], strict=True)) | set(zip(*read["test"], strict=True)) <= pairs
    for side in (0, 1):
        assert not set(read["learn"][side]) & set(read["test"][side])
    # What is repeated on either side is taken once.
    for path in files:
        path.write_text(path.read_text("utf-8") + "Once more.\n", encoding="utf-8")
    with files[0].open("a", encoding="utf-8") as one, files[1].open("a", encoding="utf-8") as two:
        one.write("Once more.\n")
        two.write("Encore.\n")
    assert own_material(files, learn=60, test=30)["test"]
    one = own_material(files[:1], learn=40, test=20)
    assert one["test"][0] == one["test"][1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"one\n\nthree\n", "has nothing in line 2"),
        (b"", "has nothing in line 1"),
        (b"caf\xe9\n", r"is not UTF-8 \(at byte 3\)"),
        (b"one\ntwo\n", "has 2 lines and .* has 90"),
    ],
)
def test_own_text_that_is_none_is_named(files, text, told):
    files[0].write_bytes(text)
    with pytest.raises(ValueError, match=told):
        own_material(files)


def test_own_text_must_have_as_many_sentences_as_are_asked_for(files):
    with pytest.raises(
        ValueError, match="learn is 2000 and test 500; allowed are 4 or more of each and"
    ):
        own_material(files)
    with pytest.raises(ValueError, match="text names 3 files or columns; allowed are one and two"):
        own_material([*files, files[0]])


def test_own_text_gives_what_the_shipped_text_gives(files):
    read = own_material(files, learn=60, test=30)
    models = [load_encoder(name) for name in (EN, FR)]
    readers = [
        Reader(*model, language) for model, language in zip(models, ("en", "fr"), strict=True)
    ]
    wanted = {(r["metric"], r["layer"]): r["value"] for r in comparison.compare(*readers, **read)}
    got = compare.compare_models(
        EN, FR, text=files, learn=60, test=30, device="cpu", progress=False
    )
    keys = [None if pd.isna(layer) else layer for layer in got["layer"]]
    told = dict(zip(zip(got["metric"], keys, strict=True), got["value"], strict=True))
    assert told == pytest.approx(wanted)  # of another number of threads
    assert set(got["text"]) == {f"{files[0]}, {files[1]}"}
    assert not [name for name in got["metric"] if name.startswith("translation")]
    table = report.by_layer(got, compare.BY_LAYER)
    assert table["words, rotated"].isna().all() and table["CKA"].notna().all()


def test_a_dictionary_of_ones_own_translates_words(files, tmp_path):
    english = files[0].read_text("utf-8").lower().split()
    pairs = [(word, word[::-1]) for word in dict.fromkeys(english)]
    words = tmp_path / "words.tsv"
    words.write_text("\n".join("\t".join(pair) for pair in pairs), encoding="utf-8")
    read = own_material(files, dictionary=words, learn=60, test=20)
    parts = read["dictionary"]
    assert set(parts["train"]) | set(parts["test"]) == set(pairs)
    assert not set(parts["train"]) & set(parts["test"]) and min(map(len, parts.values())) > 10
    # No sentence in which words are met stands beside its translation.
    met = [{read["learn"][side].index(each) for each in read["contexts"][side]} for side in (0, 1)]
    assert met[0] and met[1] and not met[0] & met[1]
    words.write_text("one\tun\ntwo deux\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has 'two deux' in line 2; allowed is a word, a tab"):
        own_material(files, dictionary=words, learn=60, test=20)


def test_columns_of_a_data_set_are_read_as_files_are(tmp_path, monkeypatch):
    columns = {"translation": [{"en": f"one\n{i}", "fr": f"un {i}"} for i in range(9)]}
    folder = tmp_path / "mirror" / "somebody" / "texts" / "en-fr"
    folder.mkdir(parents=True)
    (folder / "test.parquet").write_bytes(as_parquet(columns))
    monkeypatch.setenv("ISOMORPH_MIRROR", str(tmp_path / "mirror"))
    both = own_material(
        ["somebody/texts:en-fr:test:translation.en,translation.fr"], learn=5, test=4
    )
    assert both["test"][0][0].startswith("one ") and both["test"][1][0].startswith("un ")
    with pytest.raises(ValueError, match="has no column 'de'; it has 'translation.en'"):
        own_material(["somebody/texts:en-fr:test:de"])
    with pytest.raises(ValueError, match="allowed is a file that is there, or '<owner>/<name>:"):
        own_material(["somebody/texts"])


def test_the_command_takes_files(files, tmp_path):
    out, text = str(tmp_path / "out"), [x for path in files for x in ("--text", str(path))]
    command = ["compare", EN, FR, *text, "--learn", "60", "--test", "30", "--out", out]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "Word translation" not in done.output and "report.html" in done.output
    done = CliRunner().invoke(app, [*command[:3], *text, "--languages", "en", *command[-6:]])
    assert done.exit_code == 1 and "languages is 'en'; allowed are two" in done.stderr
    done = CliRunner().invoke(app, ["compare", EN, FR, "--text", str(files[0]) + "x"])
    assert done.exit_code == 1 and "or a file that is there" in done.stderr


def test_a_page_that_opens_alone_says_what_the_rows_say(rows, tmp_path):
    assert [path.name for path in report.write(compare.report_of(rows), tmp_path)] == [
        "rows.csv",
        "report.html",
    ]
    again = pd.read_csv(tmp_path / "rows.csv").astype({"layer": "Int64"})
    assert report.by_layer(again, compare.BY_LAYER).equals(report.by_layer(rows, compare.BY_LAYER))
    whole = (tmp_path / "report.html").read_text("utf-8")
    images = re.findall(r"<img [^>]*>", whole)
    assert len(images) == 5 and all(re.search(r'alt="[^"]{30,}"', image) for image in images)
    addresses = re.findall(r'(?:src|href)="([^"]*)"', whole)
    assert addresses and all(address.startswith("data:") for address in addresses)
    best = rows[rows["metric"] == "cka"].sort_values("value").iloc[-1]
    said = f"Debiased CKA is highest at layer {best['layer']}, {best['value']:.3f} (95% interval "
    assert (
        f"{said}{best['low']:.3f} to {best['high']:.3f}); unrelated vectors give 0; with" in whole
    )
    assert "without special tokens, since it has no files of sentence-transformers" in whole


def test_rows_have_an_interval_and_stand_beside_fresh_weights(rows):
    estimated = rows[rows["metric"].isin(["retrieval_p1", "cka", "translation_contextual_p1"])]
    inside = (estimated["low"] <= estimated["value"]) & (estimated["value"] <= estimated["high"])
    assert inside.all() and (estimated["low"] < estimated["high"]).any()
    gain = estimated["value"] - estimated["floor"]
    assert np.allclose(gain, (estimated["gain_low"] + estimated["gain_high"]) / 2)
    best = estimated[estimated["metric"] == "retrieval_p1"].sort_values("value").iloc[-1]
    assert best["gain_low"] > 0 and best["floor"] < best["low"]


def test_one_model_and_itself_cannot_be_told_from_its_floor(files):
    same = compare.compare_models(
        EN, EN, text=files[:1], learn=60, test=30, device="cpu", progress=False
    )
    retrieved = same[same["metric"] == "retrieval_p1"]
    assert (retrieved["value"] == 1).all() and (retrieved["floor"] == 1).all()
    said = report.says(same, "retrieval_p1", "Retrieval")
    assert "reaches 0: this is not told apart from what the shape" in said
    assert said.endswith("Of 5 layers 0 can be told from the floor.")


@pytest.fixture
def quick(monkeypatch, rows):
    """A comparison whose rows are there already."""

    monkeypatch.setattr(compare, "compare_models", lambda *models, **options: rows)


def test_an_earlier_comparison_makes_way_and_stays_when_another_fails(rows, tmp_path, monkeypatch):
    report.write(compare.report_of(rows), tmp_path)
    (tmp_path / f"{report.ASIDE}killed").mkdir()
    without_words = rows[~rows["metric"].str.startswith("translation_contextual")]
    report.write(compare.report_of(without_words), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.*") if path.is_file()}
    assert "Word translation" not in (tmp_path / "report.html").read_text("utf-8")

    def fails(*made):
        raise RuntimeError("no room")

    monkeypatch.setattr(report, "page", fails)
    with pytest.raises(RuntimeError, match="no room"):
        report.write(compare.report_of(rows), tmp_path)
    assert {path: path.read_bytes() for path in before} == before


def in_the_way(place: str, folder: Path) -> Path:
    """Something that a comparison must not be written to."""
    out = folder / "out"
    if place == "a file":
        out.write_text("kept")
    elif place == "below a file":
        out.write_text("kept")
        return out / "inner"
    elif place == "another's page":
        out.mkdir()
        (out / "report.html").write_text("kept")
    elif place == "a folder of others":
        out.mkdir()
        (out / "notes.txt").write_text("kept")
    else:
        out.mkdir()
        (out / "rows.csv").write_text("name,amount\n")
    return out


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("a file", "which is a file; allowed is a folder"),
        ("below a file", "cannot be written"),
        ("another's page", "which holds 'report.html'; allowed is a new folder"),
        ("a folder of others", "which holds 'notes.txt'; allowed is a new folder"),
        ("another's rows", "which holds 'rows.csv'; allowed is a new folder"),
    ],
)
def test_where_to_write_is_checked_before_a_model_is_loaded(place, said, tmp_path):
    out = in_the_way(place, tmp_path)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    result = CliRunner().invoke(app, ["compare", "no-such-model", "nor-this", "--out", str(out)])
    assert result.exit_code == 1 and said in result.output and "no-such-model" not in result.output
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_rows_carry_both_fingerprints(rows):
    marks = rows[["source_fingerprint", "target_fingerprint"]].drop_duplicates()
    assert marks.values.tolist() == [[fingerprint("en"), fingerprint("fr")]]


def test_an_error_of_a_model_is_a_sentence(monkeypatch, tmp_path):
    def fails(*readers, **options):
        raise IndexError("index out of range in self")

    monkeypatch.setattr(comparison, "compare", fails)
    arguments = ["--learn", "8", "--test", "8", "--domain", "bible", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["compare", "en", "fr", *arguments])
    assert result.exit_code == 1
    assert result.output == (
        "isomorph: models 'en' and 'fr' cannot be compared: index out of range in self.\n"
    )
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_it_wrote(quick, tmp_path):
    result = CliRunner().invoke(app, ["compare", EN, FR, "--out", str(tmp_path / "there")])
    assert result.exit_code == 0, result.output
    assert "retrieval, rotated" in result.output and "rows.csv" in result.output
    assert "text/s" not in result.stderr, "a bar is for a terminal"
    assert (tmp_path / "there" / "report.html").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--text", "en-xx"], "text is 'en-xx'; allowed are two of en, fr"),
        (["--text", "en-en"], "text is 'en-en'"),
        (["--domain", "news"], "domain is 'news'; allowed are 'bible'"),
        (["--test", "3"], "test is 3; at least 4"),
    ],
)
def test_bad_requests_are_refused_before_a_model_is_loaded(options, said):
    result = CliRunner().invoke(app, ["compare", "no-such-model", "nor-this", *options])
    assert result.exit_code == 1 and said in result.output


def copy_of(source: str, folder: Path, **config) -> Path:
    folder.mkdir()
    for path in Path(source).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    named = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps(named))
    return folder


def test_pickled_weights_are_refused(tmp_path):
    folder = copy_of(EN, tmp_path / "pickled")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(
        ModelRefused,
        match=r"has no model\.safetensors; what is there, pytorch_model\.bin, is not read",
    ):
        load_encoder(str(folder))


def test_code_of_a_models_own_is_refused_and_never_run(tmp_path):
    folder = copy_of(EN, tmp_path / "remote", auto_map={"AutoModel": "evil.Model"})
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelRefused, match="asks to run code of its own"):
        load_encoder(str(folder))
    assert not (tmp_path / "ran").exists()


def test_what_is_no_model_is_refused(tmp_path, no_hub):
    with pytest.raises(ModelRefused, match="there is no such folder, and the hub cannot give it"):
        load_encoder("no-such-model")
    with pytest.raises(ModelRefused, match=r"there is no config\.json"):
        load_encoder(str(tmp_path))
    broken = copy_of(EN, tmp_path / "broken", model_type="unheard-of")
    with pytest.raises(ModelRefused, match="unheard-of"):
        load_encoder(str(broken))


def test_an_encoder_of_two_languages_reads_each_with_its_tokeniser():
    model, tokenizers = load_encoder(BOTH)
    assert set(tokenizers) == {"en", "fr"} and model.dtype == torch.float32
    assert not model.training


@pytest.mark.skipif(
    not os.environ.get("ISOMORPH_MIRROR"), reason="ISOMORPH_MIRROR names no mirror of models"
)
def test_other_peoples_encoders(monkeypatch):
    monkeypatch.setattr(parallel, "CONTEXTS", 50)
    rows = compare.compare_models(
        "sentence-transformers/all-MiniLM-L6-v2", "intfloat/multilingual-e5-small",
        domain="bible", learn=60, test=30, device="cpu", progress=False,
    )  # fmt: skip
    assert set(rows["layer"].dropna()) == set(range(7))
    assert {f"cka_to_{j}" for j in range(13)} <= set(rows["metric"])
