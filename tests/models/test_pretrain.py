"""Batches, masking, resuming and perplexity."""

import math

import numpy as np
import pytest
import torch

from isomorph.models import pretrain as measured
from isomorph.models.checkpoints import save
from isomorph.models.encoder import BilingualConfig
from isomorph.models.inputs import IGNORED
from isomorph.models.masked_lm import Batches, as_batch, mask
from isomorph.models.pretrain import initialise, make_optimisers, perplexity, pretrain
from isomorph.models.settings import TrainingConfig
from isomorph.text.packed import pack
from isomorph.text.vocab import MASK, SEPARATOR, START, VocabularyConfig, learn

TEXTS = {
    "en": [f"the {a} sees the {b} ." for a in ("dog", "cat", "man") for b in ("sea", "sun", "sky")],
    "fr": [f"le {a} voit la {b} ." for a in ("chien", "chat") for b in ("mer", "lune", "terre")],
}


@pytest.fixture(scope="module")
def vocabulary():
    return learn(VocabularyConfig(size=120), TEXTS)


def make_batches(vocabulary, seed=0, **changes) -> Batches:
    return Batches(vocabulary, TEXTS, **{"batch": 4, "length": 12, "seed": seed} | changes)


def make_model(vocabulary, dropout=0.0, seed=0):
    shape = {"width": 16, "heads": 2, "layers": 2, "length": 12, "dropout": dropout}
    return initialise(BilingualConfig(vocabulary=vocabulary.size, **shape), seed)


def training(**changes) -> TrainingConfig:
    settings = {"tokens": 12 * 4 * 12, "batch": 4, "length": 12, "warmup": 3}
    return TrainingConfig(**settings | changes)


def unmasked(batch):
    return torch.where(batch.labels != IGNORED, batch.labels, batch.input_ids)


def test_a_batch_depends_on_its_step_alone(vocabulary):
    forwards = [make_batches(vocabulary)[step] for step in range(30)]
    again = make_batches(vocabulary)
    for step in reversed(range(30)):
        assert again[step].language == forwards[step].language
        assert torch.equal(again[step].input_ids, forwards[step].input_ids)
        assert torch.equal(again[step].labels, forwards[step].labels)
    other = make_batches(vocabulary, seed=1)
    assert any(not torch.equal(other[s].labels, forwards[s].labels) for s in range(5))


def test_each_epoch_reads_every_sentence_once(vocabulary):
    batches = make_batches(vocabulary, batch=1)
    per_epoch = len(batches._epoch("en", 0))
    steps = [s for s in range(60) if batches[s].language == "en"][:per_epoch]
    read = [i for s in steps for i in unmasked(batches[s]).flatten().tolist()]
    every = [i for ids in vocabulary.encode("en", TEXTS["en"]) for i in (START, *ids, SEPARATOR)]
    # Only what does not fill a last block is left out.
    assert 0 <= len(every) - len(read) < 12
    counts = np.bincount(every, minlength=200) - np.bincount(read, minlength=200)
    assert (counts >= 0).all()


def test_a_batch_is_in_one_language_and_unpadded(vocabulary):
    batches = make_batches(vocabulary)
    seen = set()
    for step in range(40):
        batch = batches[step]
        seen.add(batch.language)
        text = unmasked(batch)
        assert text.shape == (4, 12)
        assert (text != 0).all()
        assert ((text == START) == (batch.positions == 0)).all()
        words = vocabulary.tokenizer(batch.language).decode(text[0], skip_special_tokens=True)
        assert ("the" in words) == (batch.language == "en")
    assert seen == {"en", "fr"}


def test_languages_are_drawn_by_their_share_to_a_power(vocabulary):
    batches = make_batches(vocabulary, exponent=0.7)
    drawn = np.concatenate([batches._drawn(i) for i in range(20)])
    expected = 6**0.7 / (6**0.7 + 9**0.7)
    assert abs(drawn.mean() - expected) < 4 * math.sqrt(0.25 / len(drawn))


def test_a_packed_sentence_is_read_as_if_it_stood_alone(vocabulary):
    model = make_model(vocabulary).eval()
    sentences = vocabulary.encode("en", TEXTS["en"][:3])
    packed = pack(sentences, 12)
    batch = as_batch("en", packed, torch.from_numpy(packed.ids), torch.from_numpy(packed.ids))
    inputs = batch.inputs("cpu")
    del inputs["labels"]
    with torch.inference_mode():
        together = model.encoder(**inputs).last_hidden_state
        for segment in range(3):
            rows, columns = np.nonzero(packed.segments == segment)
            if len(set(rows)) > 1:
                continue  # a block ends within it
            alone = model.encoder(torch.tensor([[START, *sentences[segment], SEPARATOR]]))
            torch.testing.assert_close(
                together[rows, columns], alone.last_hidden_state[0], rtol=1e-4, atol=1e-5
            )


def test_continuous_text_has_positions_of_its_row(vocabulary):
    batch = make_batches(vocabulary, continuous=True)[0]
    assert batch.segments is None and batch.positions is None
    assert set(batch.inputs("cpu")) == {"input_ids", "labels", "predicted", "language"}


def test_masking_rates():
    ids = torch.randint(5, 500, (200, 500), generator=torch.Generator().manual_seed(0))
    ids[:, 0] = START
    words = torch.arange(1000, 1100)
    inputs, labels = mask(ids, 0.15, words, torch.Generator().manual_seed(1))
    chosen = labels != IGNORED
    assert not chosen[:, 0].any(), "special tokens are not predicted"
    assert torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(inputs[~chosen], ids[~chosen])
    share = {
        "chosen": chosen[:, 1:].float().mean().item(),
        "masked": (inputs[chosen] == MASK).float().mean().item(),
        "kept": (inputs[chosen] == ids[chosen]).float().mean().item(),
        "random": (inputs[chosen] >= 1000).float().mean().item(),
    }
    expected = {"chosen": 0.15, "masked": 0.8, "kept": 0.1, "random": 0.1}
    assert share == pytest.approx(expected, abs=0.012)


def test_neighbours_take_the_place_of_masks():
    ids = torch.randint(5, 500, (200, 500), generator=torch.Generator().manual_seed(0))
    words, near = torch.arange(1000, 1100), torch.arange(500)[:, None] + torch.tensor([2000, 3000])
    near[400:] = -1  # have none
    plain, labels = mask(ids, 0.15, words, torch.Generator().manual_seed(1))
    shown, same = mask(ids, 0.15, words, torch.Generator().manual_seed(1), 0.3, near)
    assert torch.equal(labels, same), "the same is to be predicted"
    changed = shown != plain
    assert (plain[changed] == MASK).all() and (ids[changed] < 400).all()
    assert torch.equal(shown[changed] % 1000, ids[changed])
    asked = (labels != IGNORED) & (ids < 400)
    assert changed.sum() / asked.sum() == pytest.approx(0.3, abs=0.012)
    assert (shown[changed] < 3000).float().mean() == pytest.approx(0.5, abs=0.02)


def test_random_words_can_be_kept_within_the_language():
    vocabulary = learn(VocabularyConfig(size=160, anchors="none"), TEXTS)
    batches = make_batches(vocabulary, random_words="same", masking=0.5)
    own = {name: set(vocabulary.language_ids(name)) | set(range(5)) for name in TEXTS}
    for step in range(40):
        batch = batches[step]
        assert set(batch.input_ids.flatten().tolist()) <= own[batch.language]


def test_no_random_words_means_masks_in_their_place(vocabulary):
    none, usual = (make_batches(vocabulary, random_words=w, masking=0.5) for w in ("none", "any"))
    for step in range(8):
        inputs, labels = none[step].input_ids, none[step].labels
        assert torch.equal(labels, usual[step].labels), "the same is to be predicted"
        changed = inputs != usual[step].input_ids
        assert (inputs[changed] == MASK).all() and (labels[changed] != IGNORED).all()
        assert ((inputs == MASK) | (inputs == labels))[labels != IGNORED].all()


def test_a_tokeniser_that_was_made_to_cut_does_not_cut_what_is_trained_on(vocabulary):
    whole = vocabulary.encode("en", TEXTS["en"])
    vocabulary.tokenizer("en")(TEXTS["en"], truncation=True, max_length=4)
    assert vocabulary.encode("en", TEXTS["en"]) == whole


def test_special_tokens_of_each_language_are_trained(vocabulary):
    shape = {"width": 16, "heads": 2, "layers": 2, "length": 12, "specific": ("special",)}
    model = initialise(BilingualConfig(vocabulary=vocabulary.size, **shape), 0)
    before = {name: part.weight.detach().clone() for name, part in model.encoder.special.items()}
    pretrain(model, make_batches(vocabulary), training(), device="cpu", progress=False)
    for name, part in model.encoder.special.items():
        moved = (part.weight != before[name]).any(1)
        assert moved[[START, SEPARATOR, MASK]].all() and not moved[0], "no text has padding"


def test_code_switching_brings_in_the_other_language(vocabulary):
    translations = {"en": {"dog": ["chien"]}, "fr": {"chien": ["dog"]}}
    batches = make_batches(vocabulary, translations=translations)
    chien = vocabulary.ids["fr"]["chien"]
    english = [unmasked(batches[s]) for s in range(60) if batches[s].language == "en"]
    share = torch.cat(english).eq(chien).float().mean().item()
    assert 0 < share < 0.1
    assert torch.equal(batches[50].input_ids, make_batches(
        vocabulary, translations=translations)[50].input_ids)  # fmt: skip


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_killed_run_resumes_to_the_same_bits(vocabulary, tmp_path, optimiser):
    config = training(optimiser=optimiser)
    whole = make_model(vocabulary, dropout=0.1)
    records = pretrain(whole, make_batches(vocabulary), config, device="cpu", marks=(4, 8),
                       progress=False)  # fmt: skip

    class Killed(Exception):
        pass

    class Dying:
        def __getitem__(self, step):
            if step == 7:
                raise Killed
            return make_batches(vocabulary)[step]

    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(Killed):
        pretrain(make_model(vocabulary, dropout=0.1), Dying(), config, device="cpu", marks=(4, 8),
                 checkpoint=checkpoint, every=0, progress=False)  # fmt: skip
    resumed = make_model(vocabulary, dropout=0.1, seed=99)  # its weights come from the checkpoint
    again = pretrain(resumed, make_batches(vocabulary), config, device="cpu", marks=(4, 8),
                     checkpoint=checkpoint, progress=False)  # fmt: skip
    for (name, a), b in zip(whole.named_parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b), name
    assert [(r["step"], r["value"]) for r in records] == [(r["step"], r["value"]) for r in again]
    assert not checkpoint.exists(), "a finished run leaves no checkpoint"


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b""),
        lambda path: save(path, {"step": 3}, {"step": 3, "code": "other"}),
    ],
    ids=["cut", "empty", "other code"],
)
def test_a_training_starts_anew_where_its_checkpoint_is_not_its_own(
    vocabulary, tmp_path, damage, caplog
):
    config, checkpoint = training(), tmp_path / "checkpoint.pt"
    whole = make_model(vocabulary)
    pretrain(whole, make_batches(vocabulary), config, device="cpu", progress=False)

    class Dying:
        def __getitem__(self, step):
            if step == 3:
                raise KeyboardInterrupt
            return make_batches(vocabulary)[step]

    own = {"device": "cpu", "progress": False, "checkpoint": checkpoint, "same": {"code": "own"}}
    with pytest.raises(KeyboardInterrupt):
        pretrain(make_model(vocabulary, seed=5), Dying(), config, every=0, **own)
    damage(checkpoint)
    model = make_model(vocabulary)
    pretrain(model, make_batches(vocabulary), config, **own)
    assert str(checkpoint) in caplog.text and "starts anew" in caplog.text
    for a, b in zip(whole.parameters(), model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_resumed_training_says_at_which_step(vocabulary, tmp_path, caplog):
    caplog.set_level("INFO", "isomorph")
    config, checkpoint = training(), tmp_path / "checkpoint.pt"

    class Dying:
        def __getitem__(self, step):
            if step == 3:
                raise KeyboardInterrupt
            return make_batches(vocabulary)[step]

    own = {"device": "cpu", "progress": False, "checkpoint": checkpoint}
    with pytest.raises(KeyboardInterrupt):
        pretrain(make_model(vocabulary), Dying(), config, every=0, **own)
    pretrain(make_model(vocabulary), make_batches(vocabulary), config, **own)
    assert f"goes on at step 3 of {config.steps}" in caplog.text


def test_steps_in_which_nothing_is_predicted_are_no_training(vocabulary):
    class Unmasked:
        def __getitem__(self, step):
            batch = make_batches(vocabulary)[step]
            batch.labels.fill_(-100)
            return batch

    with pytest.raises(ValueError, match="nothing was trained: no subword was masked"):
        pretrain(make_model(vocabulary), Unmasked(), training(), device="cpu", progress=False)


@pytest.mark.parametrize("rates", [{"learning_rate": 1e30}, {"weight_decay": 1e30}])
def test_a_training_that_diverges_says_so(vocabulary, rates):
    with pytest.raises(ValueError, match=r"training diverged: its mean loss is nan by step \d+"):
        pretrain(make_model(vocabulary), make_batches(vocabulary), training(**rates), device="cpu",
                 progress=False)  # fmt: skip


@pytest.mark.parametrize("micro_batch", [0, -1])
def test_a_micro_batch_without_rows_is_refused(vocabulary, micro_batch):
    with pytest.raises(ValueError, match="micro_batch is"):
        pretrain(make_model(vocabulary), make_batches(vocabulary), training(), device="cpu",
                 progress=False, micro_batch=micro_batch)  # fmt: skip


def test_training_learns_and_leaves_global_randomness_alone(vocabulary):
    model, config = make_model(vocabulary, dropout=0.1), training(tokens=150 * 48)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    records = pretrain(model, make_batches(vocabulary), config, device="cpu", marks=(10,),
                       progress=False)  # fmt: skip
    assert torch.equal(before, torch.get_rng_state())
    first, last = records[0]["value"], records[-1]["value"]
    assert last < 0.8 * first
    assert records[-1]["tokens"] == config.steps * 48


def test_micro_batches_take_the_same_step(vocabulary):
    one, two = make_model(vocabulary), make_model(vocabulary)
    config = training(optimiser="adamw", tokens=2 * 48)
    pretrain(one, make_batches(vocabulary), config, device="cpu", progress=False)
    pretrain(two, make_batches(vocabulary), config, device="cpu", progress=False, micro_batch=1)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def _three_steps(specific: tuple[str, ...], **settings):
    vocabulary = learn(VocabularyConfig(size=120), TEXTS)
    shape = {"width": 16, "heads": 2, "layers": 2, "length": 12, "dropout": 0.0}
    shape |= {"vocabulary": vocabulary.size, "specific": specific}
    model = initialise(BilingualConfig(**shape), 0)
    config = training(optimiser="adamw", tokens=3 * 48)
    pretrain(model, make_batches(vocabulary), config, device="cpu", progress=False, **settings)
    return model


def _two_processes(folder: str, *settings) -> None:
    model = _three_steps(settings[0], micro_batch=settings[1])
    if torch.distributed.get_rank() == 0:
        model.save_pretrained(folder)


@pytest.mark.parametrize("settings", [((), None), (("layer.0",), 1)])
def test_two_processes_take_the_same_steps_as_one(tmp_path, settings):
    """Also where they exchange gradients once for two parts of their rows, and some are not used."""
    from accelerate import debug_launcher

    from isomorph.models.masked_lm import BilingualMaskedLM

    debug_launcher(_two_processes, (str(tmp_path), *settings), num_processes=2)
    together, alone = BilingualMaskedLM.from_pretrained(tmp_path), _three_steps(settings[0])
    for a, b in zip(alone.parameters(), together.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_perplexity_of_an_untrained_model_is_about_the_vocabulary(vocabulary):
    model = make_model(vocabulary)
    value = perplexity(model, vocabulary, "en", TEXTS["en"] * 5, length=12, masking=0.3)
    assert value == pytest.approx(vocabulary.size, rel=0.15)


def test_perplexity_agrees_with_one_block_at_a_time(vocabulary, monkeypatch):
    model = make_model(vocabulary)
    texts = TEXTS["en"] * 5
    together = perplexity(model, vocabulary, "en", texts, length=12, masking=0.3)
    monkeypatch.setattr(measured, "ROWS", 1)
    alone = perplexity(model, vocabulary, "en", texts, length=12, masking=0.3)
    assert together == pytest.approx(alone, rel=1e-5)


def test_muon_takes_only_the_layers_matrices(vocabulary):
    model = make_model(vocabulary)
    adamw, muon = make_optimisers(model, training())
    assert all(p.ndim == 2 for g in muon.param_groups for p in g["params"])
    count = sum(p.numel() for o in (adamw, muon) for g in o.param_groups for p in g["params"])
    assert count == model.num_parameters()
    (plain,) = make_optimisers(model, training(optimiser="adamw"))
    count = sum(p.numel() for g in plain.param_groups for p in g["params"])
    assert count == model.num_parameters()


def test_schedules():
    config = training(tokens=100 * 48, warmup=10)
    assert config.steps == 100
    assert config.rate(0) == pytest.approx(0.1)
    assert config.rate(9) == config.rate(10) == 1.0
    assert config.rate(99) == pytest.approx(1 / 90)
    root = training(tokens=100 * 48, warmup=10, schedule="inverse-sqrt")
    assert root.rate(39) == pytest.approx(0.5)
    assert training(schedule="constant").rate(11) == 1.0


def test_an_absent_device_is_named(vocabulary, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device is 'cuda'"):
        pretrain(make_model(vocabulary), make_batches(vocabulary), training(), device="cuda")
