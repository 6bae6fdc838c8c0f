"""Cures and encoders' words as runs: own conditions and seeds, what ships, and a small mirror."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isomorph import results, rows
from isomorph.ledger import evidence
from isomorph.measure.cures import CURES
from isomorph.presets.degeneration import smoke_model
from isomorph.presets.recipes import MINILM
from isomorph.results import Condition
from isomorph.rows import among
from isomorph.runs import Cures, EncoderWords, cured_tasks, run_from_json
from isomorph.runs.cures import over_folds
from isomorph.text import fetch
from isomorph.text.examples import SENTENCES, WORDS

SOME = ["A man plays a guitar.", "A woman cuts an onion.", "The dog runs in the park.", "It rains.",
        "Two boys are swimming.", "The stock market fell today.", "A cat sleeps on the sofa.",
        "He reads a long book.", "The train is late.", "She writes a letter."]  # fmt: skip
PAIRS = [("cat", "dog", 7.0), ("car", "truck", 8.0), ("sun", "sky", 6.0), ("king", "queen", 9.0),
         ("tree", "tax", 0.5), ("money", "bank", 8.0), ("river", "phone", 0.3), ("red", "blue", 7.0),
         ("bread", "butter", 6.0), ("road", "idea", 0.2)]  # fmt: skip


@pytest.fixture
def mirror(no_hub, tmp_path, monkeypatch):
    """Every scored set, each with the same few pairs."""
    monkeypatch.setenv("ISOMORPH_MIRROR", str(tmp_path))

    def write(path, table):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(table), tmp_path / path)

    first, second = SOME * 3, SOME[1:] * 3 + SOME[:3]
    scores = [float(place * 7 % 13) for place in range(len(first))]
    sets = [*SENTENCES.values(), ("sentence-transformers/stsb", "validation")]
    for dataset, split in sets:
        columns = {"sentence1": first, "sentence2": second, "score": scores}
        write(f"{dataset}/default/{split}.parquet", columns)
    words = {
        name: [pair[i] for pair in PAIRS] for i, name in enumerate(("word1", "word2", "score"))
    }
    for name in WORDS:
        write(f"local/word-similarity/{name}/test.parquet", words)


def rows_of(run, name="a run") -> pd.DataFrame:
    return rows.rows_of(run, run.outcome(), experiment="cures", size="laptop", condition=name)


def test_translations_of_a_shipped_encoder(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    condition = Condition("translations", Cures(encoder="en-fr", task="translations"))
    rows = results.gather("none", [condition], size="laptop")
    assert set(rows["condition"]) == set(CURES) and set(rows["fold"].dropna()) == set(range(5))
    assert set(rows["task"]) == {"translations"} and set(rows["languages"]) == {"en-fr"}
    assert {"retrieval_p1", "translation_p1", "sentence_average_cosine"} <= set(rows["metric"])
    level = rows.groupby(["metric", "condition"])["value"].mean()
    assert level["retrieval_p1", "original"] > 0.1 > 1 / 200
    assert among(rows, "retrieval_p1") == "among 200"  # a fifth of the verses
    assert among(rows, "translation_p1").startswith("among ")
    assert level["sentence_average_cosine", "original"] > 0.2
    assert abs(level["sentence_average_cosine", "all_but_the_top"]) < 0.01
    text = condition.run.model_copy(update={"encoder": "another"}).checksum()
    assert condition.run.checksum() == rows["data"].iloc[0] not in ("", text), "the model counts"
    for metric in ("retrieval_p1", "translation_p1"):
        whole, names = rows[rows["metric"].str.startswith(f"{metric}_")], ["low", "high"]
        whole = whole.pivot(index="condition", columns="metric", values="value")
        low, high, gained, gain_low, gain_high = (
            whole[f"{metric}_{end}"] for end in (*names, "gain", "gain_low", "gain_high")
        )
        score = level[metric]
        assert ((low + high) / 2).to_dict() == pytest.approx(score.to_dict())
        expected = (score - score["original"]).drop("original").to_dict()
        assert gained.dropna().to_dict() == pytest.approx(expected)
        assert (gain_low < gain_high).sum() == len(CURES) - 1
    assert set(rows[rows["metric"].str.contains("_gain|_low|_high")]["seed"]) == {0}


def test_sentences_of_scored_sets(mirror):
    rows = rows_of(Cures(encoder=MINILM, task="sentence_similarity", prefix="x_"))
    names = set(rows["condition"])
    assert {"x_gold", "x_static_average", "x_two_layer_average", "x_flow_target"} <= names
    gold = rows[(rows["condition"] == "x_gold") & (rows["metric"] == "sts_spearman")]
    assert gold["value"].tolist() == pytest.approx([1] * len(gold)), "gold goes with itself"
    last = rows[(rows["condition"] == "x_last_layer_average") & (rows["metric"] == "sts_spearman")]
    assert len(last) == 5 and (last["value"].abs() <= 1).all()
    own = rows[rows["condition"] == "x_flow_target"].set_index("metric")["value"]
    for metric in ("sts_spearman", "sts_spearman_sickr", "edit_distance_spearman"):
        middle = (own[f"{metric}_low"] + own[f"{metric}_high"]) / 2
        assert middle == pytest.approx(own[metric].mean(), abs=1e-9)
    read = rows["data"].iloc[0].split()
    sets = [*SENTENCES.values(), ("sentence-transformers/stsb", "validation")]
    assert [name.partition("@")[0] for name in read] == sorted(
        [MINILM, *(f"{dataset}/default/{split}" for dataset, split in sets)]
    )
    assert all(len(name.partition("@")[2]) == 64 for name in read), "the SHA-256 of each file"


def test_words_of_scored_sets(mirror, monkeypatch):
    monkeypatch.setattr(cured_tasks, "DIRECTIONS", (1, 3))
    monkeypatch.setattr(cured_tasks, "PIECES", 2000)
    rows = rows_of(Cures(encoder=MINILM, task="word_similarity"))
    level = rows.groupby(["metric", "condition"])["value"].mean()
    assert level["word_similarity_pearson", "original"] > 0.2
    assert {"weighted_removal", "all_but_the_top"} <= set(rows["condition"])
    own = rows[rows["condition"] == "weighted_removal"].set_index("metric")["value"]
    for metric in ("word_similarity_pearson", "sts_pearson"):
        middle = (own[f"{metric}_low"] + own[f"{metric}_high"]) / 2
        assert middle == pytest.approx(own[metric].mean(), abs=1e-9)
    chosen = rows[rows["metric"] == "directions"]["value"]
    assert set(chosen) <= {1.0, 3.0}


def test_without_a_mirror_the_sets_are_missed_at_once(no_hub):
    with pytest.raises(fetch.DataUnavailable):
        Cures(encoder=MINILM, task="word_similarity").outcome()


def test_words_of_glove_in_fifths():
    run = EncoderWords(encoder="glove", most=1000)
    rows = rows_of(run)
    assert set(rows["fold"]) == set(range(5)) and set(rows["condition"]) == {"a run"}
    per_seed = rows[rows["metric"] == "average_cosine"]["value"]
    assert per_seed.nunique() == 5 and (per_seed > 0.1).all()
    assert rows[rows["metric"] == "words"]["value"].eq(1000).all()


def test_runs_are_found_again_by_their_config():
    for run in (Cures(encoder="en", task="passages"), EncoderWords(encoder="en")):
        again = run_from_json(run.config_json())
        assert type(again) is type(run) and again.digest == run.digest


def test_rows_of_one_encoder_have_the_ledgers_names():
    e5 = Cures(encoder="intfloat/multilingual-e5-small", task="passages", prefix="e5_")
    ours = Cures(encoder="en", task="passages")
    rows = pd.DataFrame({"config": [ours.config_json(), e5.config_json(), e5.config_json()],
                         "condition": ["original", "e5_original", "e5_flow_target"], "languages": "en"})  # fmt: skip
    placed = evidence.placed(rows)
    assert placed["condition"].tolist() == ["original", "original", "flow_target"]
    assert placed["model"].tolist() == ["the English encoder that ships", "E5", "E5"]
    assert set(placed["unit"]) == {"items of one model"}


def test_a_pretraining_has_one_seed_and_its_beginning_none_of_its_tokens():
    model = smoke_model(seed=3)
    words = {name: EncoderWords(encoder=model, weights=name) for name in ("trained", "random")}
    trained, untrained = rows = [rows_of(run) for run in words.values()]
    assert set(trained["seed"]) == {3} and trained["metric"].is_unique
    assert words["trained"].foundations() == (model,) and words["random"].foundations() == ()
    assert (words["trained"].tokens, words["random"].tokens) == (model.tokens, 0)
    cosine = {
        name: rows.set_index("metric")["value"]["average_cosine"]
        for name, rows in (("trained", trained), ("untrained", untrained))
    }
    assert cosine["trained"] > 0.1 > abs(cosine["untrained"]), "it is training that makes the cone"
    for run, own in zip(words.values(), rows, strict=True):
        assert run_from_json(run.config_json()).digest == run.digest
        assert run.checksum() == own["data"].iloc[0] != ""


def test_folds_of_a_pretraining_are_averaged(monkeypatch):
    run = Cures(encoder=smoke_model(seed=3), weights="random", task="passages", prefix="x_")
    rows = rows_of(run)
    assert set(rows["condition"]) == {f"x_{name}" for name in CURES} and set(rows["seed"]) == {3}
    assert not rows.duplicated(["condition", "metric"]).any()
    measured = [("a", 0, "m", 1.0), ("b", 0, "m", 5.0), ("a", 1, "m", 2.0), ("a", 2, "m", 6.0)]
    measured.append(("a", 0, "m_gain_low", 9.0))
    assert list(over_folds(measured)) == [("a", None, "m", 3.0), ("b", None, "m", 5.0)]


def test_words_of_a_pretraining_are_compared(mirror, monkeypatch):
    monkeypatch.setattr(cured_tasks, "DIRECTIONS", (1, 3))
    rows = rows_of(Cures(encoder=smoke_model(seed=3), weights="random", task="word_similarity"))
    score = rows.set_index(["metric", "condition"])["value"]["word_similarity_pearson"]
    assert {"original", "all_but_the_top", "weighted_removal"} <= set(score.index)


def test_what_an_encoder_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="allowed is one that reads en and fr"):
        Cures(encoder=smoke_model(0), task="translations")
    with pytest.raises(ValueError, match="weights is 'random', of 'en'"):
        Cures(encoder="en", task="passages", weights="random")
