"""A run on text of one's own: what is read of the files, what names it, and what is refused."""

import json

import pytest

from isomorph.models.settings import EncoderConfig
from isomorph.runs import FileText, Pretraining, run_from_json, text_checksum
from isomorph.text.shipped import sha256_of
from isomorph.text.vocab import VocabularyConfig
from tests.small_runs import SHORT

NOUNS = ("ci", "cath", "brenin", "mab", "tŷ", "dyn", "afon", "gwas", "dinas", "gair")
SENTENCES = [f"mae'r {a} yn gweld y {b} ." for a in NOUNS for b in NOUNS]
OTHERS = [sentence[::-1] for sentence in SENTENCES]


@pytest.fixture
def files(tmp_path):
    paths = tmp_path / "welsh.txt", tmp_path / "other.txt"
    for path, sentences in zip(paths, (SENTENCES, OTHERS), strict=True):
        path.write_text("\n".join(sentences), encoding="utf-8")
    return tuple(map(str, paths))


def test_one_text_is_parted_into_what_is_read_and_what_is_held_out(files):
    corpus = FileText(files=files[:1], languages=("cy",)).corpus()
    parts = [set(part["cy"]) for part in (corpus.train, corpus.dev, corpus.test)]
    assert [len(part) for part in parts] == [90, 5, 5]
    assert set.union(*parts) == set(SENTENCES)


def test_no_sentence_of_two_texts_is_read_with_its_translation(files, tmp_path):
    words = tmp_path / "words.tsv"
    words.write_text("".join(f"{noun}\t{noun[::-1]}\n" for noun in NOUNS), encoding="utf-8")
    text = FileText(files=files, languages=("cy", "xx"), dictionary=str(words))
    corpus = text.corpus()
    read = [[SENTENCES.index(s) for s in corpus.train["cy"]],
            [OTHERS.index(s) for s in corpus.train["xx"]]]  # fmt: skip
    assert list(map(len, read)) == [45, 45] and not set(read[0]) & set(read[1])
    assert [s[::-1] for s in corpus.test["cy"]] == corpus.test["xx"]
    assert sum(map(len, corpus.dictionary.values())) == len(NOUNS)


def test_files_that_are_held_out_leave_the_rest_whole(files, tmp_path):
    held = tmp_path / "held_cy.txt", tmp_path / "held_xx.txt"
    held[0].write_text("\n".join([*SENTENCES[:3], "newydd ."]), encoding="utf-8")
    held[1].write_text("\n".join([*OTHERS[:3], ". ydd wen"]), encoding="utf-8")
    text = FileText(files=files, languages=("cy", "xx"), held_out=tuple(map(str, held)))
    corpus = text.corpus()
    assert corpus.train["cy"] == SENTENCES[3:] and corpus.train["xx"] == OTHERS[3:]
    assert corpus.dev["cy"] == [SENTENCES[0], SENTENCES[2]]
    assert corpus.test["xx"] == [OTHERS[1], ". ydd wen"]


def test_a_run_is_named_by_what_is_in_its_files(files, tmp_path):
    copy = tmp_path / "copy.txt"
    copy.write_bytes((tmp_path / "welsh.txt").read_bytes())
    texts = [FileText(files=(file,), languages=("cy",)) for file in (files[0], str(copy), files[1])]
    runs = [Pretraining(text=text, training=SHORT) for text in texts]
    assert runs[0].digest == runs[1].digest != runs[2].digest
    config = json.loads(runs[0].config_json())["text"]
    assert config["sha256"] == [sha256_of(copy)] and config["files"] == [files[0]]
    assert text_checksum(texts[0]) == texts[0].corpus().checksum
    # Where the files are gone, the row still names its run; it cannot be made again.
    copy.unlink()
    kept = run_from_json(runs[1].config_json())
    assert kept.digest == runs[0].digest
    with pytest.raises(ValueError, match="copy.txt' is not the file that was named"):
        kept.text.corpus()
    (tmp_path / "welsh.txt").write_text("arall", encoding="utf-8")
    with pytest.raises(ValueError, match="welsh.txt' is not the file that was named: its SHA-256"):
        texts[0].corpus()


def test_a_model_is_trained_on_it(files):
    run = Pretraining(
        text=FileText(files=files, languages=("cy", "xx")),
        vocabulary=VocabularyConfig(size=90),
        encoder=EncoderConfig(layers=1, width=16, heads=2),
        training=SHORT, device="cpu", progress=False,
    )  # fmt: skip
    outcome = run.execute()
    values = {record["metric"]: record["value"] for record in outcome["records"]}
    assert values["perplexity_cy"] > 1 and 0 <= values["retrieval_p1"] <= 1
    assert outcome["data"] == run.checksum() and run.is_of(outcome["data"])


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"languages": ("cy", "xx")}, "of 1 files; allowed is one or two, a file each"),
        ({"files": ("nowhere.txt",)}, "there is no file 'nowhere.txt'"),
        ({"dictionary": __file__}, "which needs two languages"),
        ({"held_out": (__file__, __file__)}, "allowed is none, or a file for each"),
        ({"languages": ("cy", "cy")}, "nothing may be there twice"),
    ],
)
def test_what_makes_no_text_is_refused(files, fields, told):
    with pytest.raises(ValueError, match=told):
        FileText(**{"files": files[:1], "languages": ("cy",)} | fields)


def test_too_little_text_is_named(tmp_path):
    file = tmp_path / "few.txt"
    file.write_text("un\ndau\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"few\.txt: too few sentences to hold some out of"):
        FileText(files=(str(file),), languages=("cy",)).corpus()
