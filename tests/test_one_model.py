"""`isomorph isotropy` and `isomorph probe`: what they measure, refuse, and leave behind."""

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from isomorph import one_model, report
from isomorph.cli import app
from isomorph.measure.isotropy import average_cosine, of_words
from isomorph.measure.words import embedding_words, input_embedding
from isomorph.models.pretrained import load_encoder
from isomorph.text.own import single, treebank_of, words_of

# A verb, its subject and perhaps an object, each with an article.
NOUNS = ("dog", "cat", "king", "son", "house", "man", "river", "servant", "city", "word")
VERBS = ("sees", "finds", "takes", "knows", "hears", "keeps", "builds", "loves")


def treebank(count=120) -> str:
    draw, blocks = np.random.default_rng(0), []
    for _ in range(count):
        subject, thing = draw.choice(NOUNS, 2)
        words = [("the", "DET", 2, "det"), (subject, "NOUN", 3, "nsubj:outer"),
                 (draw.choice(VERBS), "VERB", 0, "root")]  # fmt: skip
        if draw.random() < 0.7:
            words += [("the", "DET", 5, "det"), (thing, "NOUN", 3, "obj")]
        words.append((".", "PUNCT", 3, "punct"))
        lines = [
            f"{i}\t{form}\t_\t{tag}\t_\t_\t{head}\t{relation}\t_\t_"
            for i, (form, tag, head, relation) in enumerate(words, 1)
        ]
        blocks.append("\n".join(["# a sentence", "1-2\tthedog" + "\t_" * 8, *lines]))
    return "\n\n".join(blocks) + "\n"


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    file = tmp_path_factory.mktemp("trees") / "trees.conllu"
    file.write_text(treebank(), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def geometry(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "own.txt"
    read, _ = single("en")
    file.write_text("\n".join(read[::200]), encoding="utf-8")
    return file, one_model.isotropy(
        "en", text=str(file), sentences=30, device="cpu", progress=False
    )


def of(rows, metric, layer=None):
    chosen = rows["layer"].isna() if layer is None else rows["layer"] == layer
    return rows[(rows["metric"] == metric) & chosen].iloc[0]


@pytest.mark.filterwarnings("ignore:.* were cut")
def test_isotropy_is_of_words_in_context_and_as_embedded(geometry):
    file, rows = geometry
    assert tuple(rows) == one_model.COLUMNS and set(rows["layer"].dropna()) == set(range(5))
    model, tokenizers = load_encoder("en")
    reader, _ = report.reader("en", None, "cpu")
    texts = file.read_text("utf-8").splitlines()
    met = texts if len(texts) <= 30 else [texts[i * len(texts) // 30] for i in range(30)]
    cosine = average_cosine(reader.represent(met, level="word")[3])
    assert of(rows, "average_cosine", 3)["value"] == pytest.approx(cosine)
    ranked = [w for w, _ in one_model.Counter(words_of(texts)).most_common()]
    vectors, words = embedding_words(tokenizers["en"], input_embedding(model, "en"), ranked)
    assert of(rows, "words")["value"] == len(words)
    parts = [of_words(vectors, part=(k, 5))["norm"] for k in range(5)]
    row = of(rows, "norm")
    assert row["value"] == pytest.approx(np.mean(parts))
    half = 2.776 * np.std(parts, ddof=1) / 5**0.5  # Student's t of 4 degrees of freedom
    assert row["high"] - row["value"] == pytest.approx(half, rel=1e-3)
    assert of(rows, "average_cosine")["floor"] == pytest.approx(0, abs=0.01)
    told = report.page(one_model.report_of(rows))
    assert "Frequent and rare words" in told and "Intrinsic dimension" in told


def test_a_cone_is_told_apart_from_its_floor(geometry, monkeypatch):
    """One direction that all words share, added to a model, is found."""
    from isomorph.models import pretrained

    file, rows = geometry
    model, tokenizers = load_encoder("en")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("final_norm.bias"):
                parameter += 4.0
    monkeypatch.setattr(pretrained, "load_encoder", lambda name: (model, tokenizers))
    moved = one_model.isotropy("en", text=str(file), sentences=30, device="cpu", progress=False)
    assert of(moved, "average_cosine", 4)["value"] > 0.8 > of(rows, "average_cosine", 4)["value"]
    assert of(moved, "average_cosine", 4)["gain_low"] > 0.5
    said = report.says(moved, "average_cosine", "It")
    assert "highest at layer 4" in said and "above the floor by" in said


def test_a_treebank_is_read_by_sentence_and_split(trees):
    asked = treebank_of(trees, {"train": 50, "dev": 50, "test": 9})
    assert [len(each.items) for each in asked["pos"].values()] == [50, 12, 9]
    tree, tagged = asked["relation"]["train"].items[0], asked["pos"]["train"].items[0]
    assert tree.words == tagged.words and tree.words[0] == "the" and 0 in tree.heads
    assert asked["relation"]["dev"].names == ("det", "nsubj", "obj", "punct", "root")
    assert set(tagged.tags) == {"DET", "NOUN", "VERB", "PUNCT"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("\t0\troot", "\t1\troot", "line 9, where a sentence ends: the roots are"),
        ("\tDET", "", "line 9, where a sentence ends: "),
        ("\t3\tpunct", "\tx\tpunct", "line 9, where a sentence ends: invalid literal"),
    ],
)
def test_what_is_no_tree_is_named(trees, tmp_path, old, new, told):
    file = tmp_path / "bad.conllu"
    file.write_text(treebank().replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        treebank_of(file, one_model.PROBED)
    file.write_text(treebank(9), encoding="utf-8")
    with pytest.raises(ValueError, match="has 9 sentences; at least 10"):
        treebank_of(file, one_model.PROBED)


def test_probes_find_what_a_treebank_says(trees, tmp_path):
    command = ["probe", "en", "--text", str(trees), "--device", "cpu", "--out", str(tmp_path / "o")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(tmp_path / "o" / "rows.csv")
    best = rows.groupby("metric")["value"].max()
    assert best["pos_accuracy"] > 0.95 > best["pos_accuracy_majority"]
    assert best["relation_accuracy"] > best["relation_accuracy_majority"]
    assert best["uuas"] > 0.6
    scored = rows[rows["metric"].isin(["pos_accuracy", "uuas", "root_accuracy"])]
    assert (scored["low"] <= scored["value"]).all() and scored["floor"].notna().all()
    told = (tmp_path / "o" / "report.html").read_text("utf-8")
    assert "the most frequent answer gives" in told and "Selectivity at the last layer" in told


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["isotropy", "nowhere", "--text", "xx"], "text is 'xx'; allowed are en, fr"),
        (["isotropy", "nowhere", "--sentences", "3"], "sentences is 3; at least 20"),
        (["probe", "nowhere", "--text", "xx"], "text is 'xx'; allowed is none, 'universal"),
        (["probe", "nowhere", "--language", "xx"], "language is 'xx'"),
    ],
)
def test_bad_requests_are_refused_before_the_model_is_loaded(command, said, tmp_path):
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out")])
    assert done.exit_code == 1 and said in done.output and "model 'nowhere'" not in done.output
