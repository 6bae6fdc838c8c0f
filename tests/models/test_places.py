"""Models through the real client of the hub, which talks to a stand-in on this machine."""

import contextlib
import io
import json
import re
import warnings

import pytest

from tests import hub as stand_in
from tests.models import tiny_models


def load(name):
    """Rows' data, the first numbers of its embeddings, warnings, and what is said on standard error;
    or the sentence of the error."""
    from isomorph.models.judged import ModelRefused
    from isomorph.models.pretrained import load_encoder
    from isomorph.text import fetch

    fetch.PATIENCE = 0.5
    said = io.StringIO()
    with (
        warnings.catch_warnings(record=True) as warned,
        fetch.reading() as found,
        contextlib.redirect_stderr(said),
    ):
        warnings.simplefilter("always")
        try:
            model, _ = load_encoder(name)
        except ModelRefused as problem:
            return str(problem)
    numbers = model.get_input_embeddings().weight[7, :4].tolist()
    warned = [str(w.message) for w in warned if "the cache" in str(w.message)]
    return (
        found,
        numbers,
        warned,
        [line for line in said.getvalue().splitlines() if "odel '" in line],
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def there(served, home):
    """A function that calls another where the hub can be had."""
    with stand_in.user(served[1], str(home), ISOMORPH_CACHE=str(home / "ours")) as call:
        yield call
        served[0].stop.set()


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """The files of a tiny BERT."""
    folder = tiny_models.write("bert", tmp_path_factory.mktemp("bert"))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def other(bert):
    """The same with other weights."""
    from safetensors.torch import load, save

    weights = {key: tensor + 0.5 for key, tensor in load(bert["model.safetensors"]).items()}
    return bert | {"model.safetensors": save(weights, {"format": "pt"})}


def test_a_model_comes_with_its_commit_and_may_stay_at_one(hub, there, bert, other):
    commit = hub.put("models", "some/model", bert)
    read, numbers, warned, _ = there(load, "some/model")
    assert read == {f"some/model@{commit}"} and not warned
    moved = hub.put("models", "some/model", other)
    hub.put("models", "some/model", bert, "v1")
    assert there(load, "some/model")[:2] == (
        {f"some/model@{moved}"}, pytest.approx([number + 0.5 for number in numbers])
    )  # fmt: skip
    for revision in (commit, "v1"):
        assert there(load, f"some/model@{revision}") == ({f"some/model@{commit}"}, numbers, [], [])
    message = there(load, "some/model@v2")
    assert message.endswith("the hub cannot give it: the hub has no revision 'v2' of it.")


def test_a_name_alone_is_resolved_as_the_hub_does(hub, there, bert):
    commit = hub.put("models", "google-bert/bert-base-uncased", bert)
    hub.moved["bert-base-uncased"] = "google-bert/bert-base-uncased"
    assert there(load, "bert-base-uncased")[0] == {f"bert-base-uncased@{commit}"}
    assert "the hub has no such model" in there(load, "bert-base-unheard")


TROUBLES = {
    "gated": r"it is gated: ask for access at \S+[0-9]/some/gated",
    "hanging": "the hub has not answered within 0.5 seconds",
    "refused": r"the hub refuses the login \(401\)",
    "failing": r"the hub fails \(500 Internal",
    "gone": "the hub has no such model",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_trouble_has_its_sentence_and_is_not_remembered(hub, there, bert, trouble):
    name, sentence = f"some/{trouble}", TROUBLES[trouble]

    def begin():
        if trouble == "gone":
            hub.repositories.pop(f"models/{name}")
        else:
            getattr(hub, trouble).update([name])

    commit = hub.put("models", name, bert)
    begin()
    assert re.fullmatch(
        rf"model '{name}': there is no such folder, and the hub cannot give it: {sentence}.*",
        there(load, name),
    )
    for left in (hub.gated, hub.hanging, hub.refused, hub.failing):
        left.clear()
    hub.put("models", name, bert)
    assert there(load, name)[0] == {f"{name}@{commit}"}
    begin()  # now it has been read once
    read, _, (warning,), _ = there(load, name)
    assert read == {f"{name}@{commit}"}
    assert re.search(rf"is read from the cache, of commit {commit}: {sentence}", warning)


def test_what_is_cached_is_read_without_a_hub(served, hub, there, home, bert):
    commit = hub.put("models", "some/kept", bert)
    there(load, "some/kept")
    hub.asked.clear()
    with stand_in.user("http://127.0.0.1:9", str(home)) as gone:
        assert gone(load, "some/kept")[0] == {f"some/kept@{commit}"}
        assert "the hub cannot be reached" in gone(load, "some/never")
    with stand_in.user(served[1], str(home), HF_HUB_OFFLINE="1") as offline:
        assert offline(load, "some/kept")[0] == {f"some/kept@{commit}"}
        assert "HF_HUB_OFFLINE is set" in offline(load, "some/never")
    assert "what owner 'local' has" in there(load, "local/model")
    assert not hub.asked


def pickled(bert, weights):
    """The files of a BERT as they were before safetensors and before model types."""
    import torch

    config = json.loads(bert["config.json"])
    del config["model_type"], config["architectures"]
    written = io.BytesIO()
    torch.save(weights, written)
    files = {name: bert[name] for name in ("tokenizer.json", "tokenizer_config.json")}
    return files | {
        "config.json": json.dumps(config).encode(),
        "pytorch_model.bin": written.getvalue(),
    }


def test_a_pickle_is_converted_once(hub, there, home, bert):
    from safetensors.torch import load as tensors_of

    weights = tensors_of(bert["model.safetensors"])
    hub.put("models", "some/bert", bert)
    expected = there(load, "some/bert")[1]
    old = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"):
        tensor for key, tensor in weights.items()
    }  # fmt: skip
    commit = hub.put("models", "some/old", pickled(bert, old))
    data, numbers, _, (line,) = there(load, "some/old")
    assert (data, numbers) == ({f"some/old@{commit}"}, expected)
    assert line.startswith(
        "model 'some/old': its weights are a pickle, converted to safetensors in"
    )
    (kept,) = (home / "ours" / "models").glob("some-old-*/model.safetensors")
    assert tensors_of(kept.read_bytes()).keys() == old.keys()
    assert there(load, "some/old")[1:] == (expected, [], [])


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_that_needs_code_is_refused(hub, there, home, bert, tmp_path):
    hub.put(
        "models", "some/thief", pickled(bert, {"bert.pooler": Malicious(str(tmp_path / "run"))})
    )
    for _ in range(2):
        message = there(load, "some/thief")
        assert message == (
            "model 'some/thief': it has no model.safetensors, and pytorch_model.bin cannot be converted "
            "safely: it would run code."
        )
    assert not (tmp_path / "run").exists()
    assert not list((home / "ours" / "models").glob("*thief*/*"))
