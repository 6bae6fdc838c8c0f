"""A step of training: what fits into memory, what waits for a device, and number formats."""

import threading
from contextlib import nullcontext

import pytest
import torch

from isomorph.models import finetune as tuning
from isomorph.models import pretrain as pretraining
from isomorph.models import steps
from isomorph.models.pretrain import make_optimisers, pretrain
from isomorph.models.settings import TuningConfig
from isomorph.processes import limited
from isomorph.runs.run import device_name
from isomorph.text.examples import TASKS
from isomorph.text.vocab import VocabularyConfig, learn
from tests.models import toy
from tests.models.test_pretrain import TEXTS, make_batches, make_model, training

FULL = "CUDA out of memory. Tried to allocate 20.00 MiB."


@pytest.fixture(scope="module")
def vocabulary():
    return learn(VocabularyConfig(size=120), TEXTS)


class Alone:
    """In the place of an `Accelerator`: one process on a device of any kind."""

    process_index, num_processes, scaler = 0, 1, None

    def __init__(self, device="cpu", form=None, scale=1.0):
        self.device, self.form = torch.device(device), form
        self.scaler = torch.amp.GradScaler("cpu", init_scale=scale) if form else None

    def backward(self, loss):
        (self.scaler.scale(loss) if self.scaler else loss).backward()

    def autocast(self):
        return torch.autocast("cpu", dtype=self.form) if self.form else nullcontext()

    def no_sync(self, model):
        return nullcontext()

    def unwrap_model(self, model):
        return model

    def reduce(self, total, how):
        return total


def weights(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


@limited()
def test_pretraining_is_that_of_a_plain_loop_to_the_bit(vocabulary):
    model, plain, config = make_model(vocabulary), make_model(vocabulary), training()
    records = pretrain(model, make_batches(vocabulary), config, device="cpu", progress=False)
    optimisers, batches, total = make_optimisers(plain, config), make_batches(vocabulary), 0.0
    plain.train()
    for step in range(config.steps):
        batch = batches[step]
        mask = batch.segments[:, :, None] == batch.segments[:, None, :]
        loss = plain(
            batch.input_ids, mask, batch.language, batch.labels, position_ids=batch.positions
        ).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), config.clip)
        for optimiser, peak in zip(optimisers, (4e-3, 0.02), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = peak * config.rate(step)
            optimiser.step()
            optimiser.zero_grad()
        total = total + loss.detach()
    assert torch.equal(weights(model), weights(plain))
    assert [record["value"] for record in records] == [float(total) / config.steps]


def test_the_micro_batch_is_halved_until_it_fits_and_changes_no_loss(vocabulary, monkeypatch):
    config, asked = training(batch=8, tokens=8 * 8 * 12), []
    whole, found, told = (make_model(vocabulary) for _ in range(3))
    batches = make_batches(vocabulary, batch=8)
    expected = pretrain(whole, batches, config, device="cpu", progress=False, marks=range(9))
    alike = pretrain(told, batches, config, device="cpu", progress=False, micro_batch=2)
    forward = found.forward

    def small_forward(input_ids, **inputs):
        asked.append(len(input_ids))
        if len(input_ids) > 2:
            raise torch.OutOfMemoryError(FULL)
        return forward(input_ids, **inputs)

    monkeypatch.setattr(found, "forward", small_forward)
    monkeypatch.setattr(pretraining, "SEARCHED", ("cpu",))
    records = pretrain(found, batches, config, device="cpu", progress=False, marks=range(9))
    assert asked[:3] == [8, 4, 2] and max(asked[3:]) == 2
    assert torch.equal(weights(found), weights(told)) and records[-1]["step"] == alike[-1]["step"]
    losses = [record["value"] for record in records]
    assert losses == pytest.approx([record["value"] for record in expected], rel=1e-5)


def test_the_environment_sets_the_micro_batch_and_nothing_is_searched(vocabulary, monkeypatch):
    monkeypatch.setattr(pretraining, "SEARCHED", ("cpu",))
    monkeypatch.setattr(pretraining, "fitting_rows", None)
    one, two = make_model(vocabulary), make_model(vocabulary)
    pretrain(one, make_batches(vocabulary), training(), device="cpu", progress=False, micro_batch=3)
    monkeypatch.setenv("ISOMORPH_MICRO_BATCH", "3")
    pretrain(two, make_batches(vocabulary), training(), device="cpu", progress=False)
    assert torch.equal(weights(one), weights(two))
    monkeypatch.setenv("ISOMORPH_MICRO_BATCH", "some")
    with pytest.raises(ValueError, match="micro_batch is some, but it must be a whole number"):
        pretrain(two, make_batches(vocabulary), training(), device="cpu", progress=False)


def test_where_not_one_row_fits_it_is_said_and_other_errors_are_no_want_of_memory():
    def full(rows):
        raise torch.OutOfMemoryError(FULL)

    with pytest.raises(RuntimeError, match="one row takes more memory than the device has free"):
        steps.largest_that_fits(full, 4)
    with pytest.raises(ZeroDivisionError):
        steps.largest_that_fits(lambda rows: rows / 0, 4)
    assert steps.largest_that_fits(lambda rows: None, 5) == 5


@pytest.mark.parametrize("causal", [False, True])
def test_a_step_of_pretraining_asks_the_device_nothing(vocabulary, causal):
    """Tensors on "meta" have no values: whoever reads one, or its nonzero places, raises."""
    model, config, alone = make_model(vocabulary, dropout=0.1), training(cosine=1.0), Alone("meta")
    model.config.causal = model.encoder.config.causal = causal
    model.to("meta").train()
    optimisers = [torch.optim.SGD(model.parameters(), lr=0.1)]
    batch = make_batches(vocabulary, causal=causal)[0]
    step = steps.step_of(0, batch, alone, 3)
    assert len(step.parts) == 2 and step.predicted == int((batch.labels >= 0).sum()) > 0
    loss = steps.update(model, step, optimisers, steps.scaler_of(alone), alone, config, 0)
    assert loss.device.type == "meta"
    with pytest.raises(RuntimeError, match="meta"):
        float(loss)
    with pytest.raises(NotImplementedError, match="nonzero"):
        model(**{**step.parts[0].inputs, "predicted": None})


@pytest.mark.parametrize("task", TASKS)
def test_a_step_of_tuning_asks_the_device_nothing(task, monkeypatch):
    monkeypatch.setattr(tuning, "make_optimiser", lambda h, c: torch.optim.SGD(h.parameters(), 0.1))
    head, alone = toy.head(task, "ours", dropout=0.1).to("meta"), Alone("meta")
    rows = head.encode(toy.examples(task, count=8), toy.tokenizer("ours"))
    update = tuning._updater(head, TuningConfig(mixout=0.1, pretrained_decay=0.1), alone, "a")
    loss = update(head.collate(rows, toy.tokenizer("ours")), 1.0)
    assert loss.device.type == "meta" and not loss.requires_grad


def test_batches_are_made_ahead_for_a_gpu_and_in_their_turn_elsewhere():
    made, here = [], threading.get_ident()

    def make(number):
        made.append((number, threading.get_ident() == here))
        if number == 4:
            raise KeyError(number)
        return -number

    few = steps.ahead(make, range(3), torch.device("cpu"))
    assert next(few) == 0 and made == [(0, True)]
    made.clear()
    got = []
    with pytest.raises(KeyError):  # when it is its turn, and not before
        got.extend(steps.ahead(make, range(9), torch.device("cuda")))
    assert got == [0, -1, -2, -3] and not any(same for _, same in made)


def test_what_a_gpu_computes_in(monkeypatch):
    formats = {}
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda place: "Tesla V100")
    for modern in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda m=modern, **asked: m)
        for wanted in ("", *steps.FORMATS):
            monkeypatch.setenv(steps.FP32, wanted)
            formats[modern, wanted] = [
                steps.number_format(precision, torch.device("cuda"))
                for precision in ("fp32", "bf16")
            ]
            assert steps.number_format("fp32", torch.device("cpu")) == "fp32"
    assert formats == {
        (True, ""): ["tf32", "bf16"], (False, ""): ["fp32", "fp16"],
        (True, "tf32"): ["tf32", "bf16"], (False, "tf32"): ["fp32", "fp16"],
        (True, "exact"): ["fp32", "bf16"], (False, "exact"): ["fp32", "fp16"],
        (True, "half"): ["bf16", "bf16"], (False, "half"): ["fp16", "fp16"],
    }  # fmt: skip
    assert device_name(torch.device("cuda")) == "Tesla V100, ISOMORPH_FP32=half", "rows say so"
    monkeypatch.setenv(steps.FP32, "double")
    with pytest.raises(
        ValueError, match="ISOMORPH_FP32 is 'double'; allowed are tf32, exact, half"
    ):
        steps.number_format("fp32", torch.device("cpu"))


def test_tf32_is_left_as_it_was(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **asked: True)
    products = torch.backends.cuda.matmul
    before = products.fp32_precision
    with pytest.raises(KeyError), steps.computing(torch.device("cuda"), "fp32"):
        assert products.fp32_precision == "tf32"
        raise KeyError
    assert products.fp32_precision == before
    with steps.computing(torch.device("cpu"), "fp32"):
        assert products.fp32_precision == before


def test_fp16_scales_its_losses_and_leaves_out_a_step_that_overflows(vocabulary):
    """Each optimiser's gradients are unscaled once, however many there are."""
    config, batches = training(), make_batches(vocabulary)

    def moved(form, scale=2.0**10):
        model, alone = make_model(vocabulary), Alone("cpu", form, scale)
        before, every = weights(model), list(model.parameters())
        model.forward = alone.autocast()(model.forward) if form else model.forward
        optimisers = [torch.optim.SGD(half, lr=0.1) for half in (every[::2], every[1::2])]
        for number in range(4):
            step = steps.step_of(number, batches[number], alone, 3)
            steps.update(model, step, optimisers, steps.scaler_of(alone), alone, config, 0)
        return weights(model) - before, alone.scaler

    (half, _), (exact, _) = moved(torch.float16), moved(None)
    assert exact.norm() > 0.1 and (half - exact).norm() < 0.02 * exact.norm()
    still, scaler = moved(torch.float16, 2.0**60)
    assert not still.any() and scaler.get_scale() == 2.0**56
