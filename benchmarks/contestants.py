"""The contestants of the pretraining benchmark: what each is given, and how it is timed."""

import argparse
import tempfile
import time
from dataclasses import dataclass

import torch
import transformers
from bert import copy_weights

from isomorph.models.encoder import BilingualConfig
from isomorph.models.inputs import IGNORED
from isomorph.models.masked_lm import Batches, BilingualMaskedLM
from isomorph.models.pretrain import initialise, pretrain
from isomorph.models.settings import TrainingConfig
from isomorph.text.corpora import load_corpus
from isomorph.text.vocab import SPECIAL, Vocabulary, VocabularyConfig, learn

THEIR_ACTIVATION = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh"}
LARGEST_DIFFERENCE = 1e-4  # between the two losses, in nats, before anything is timed


@dataclass(frozen=True)
class Contestant:
    """One way to train. `text`: "lines" padded by the collator, fixed-length "blocks" without
    padding, or blocks whose "sentences" see only themselves, as our presets train."""

    library: str  # "Trainer" or "isomorph"
    text: str
    precision: str

    def __str__(self) -> str:
        return f"{self.library}, {self.text}, {self.precision}"


BASELINES = [  # the first is the one that the goal names
    Contestant("Trainer", "blocks", "fp32"),
    Contestant("Trainer", "lines", "fp32"),
    Contestant("Trainer", "blocks", "bf16"),
]
OURS = [
    Contestant("isomorph", "blocks", "fp32"),
    Contestant("isomorph", "blocks", "bf16"),
    Contestant("isomorph", "sentences", "bf16"),
]
# In turns, so that a load that comes and goes does not meet one side only.
TURNS = [turn for pair in zip(BASELINES, OURS, strict=True) for turn in pair]


class Clock(transformers.TrainerCallback):
    """Wall and processor time when `warmup` steps are done, and when all are."""

    def __init__(self, warmup: int, cuda: bool):
        self.warmup, self.cuda, self.readings = warmup, cuda, []

    def read(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()
        self.readings.append((time.perf_counter(), time.process_time()))

    def on_step_end(self, args, state, control, **rest) -> None:
        if state.global_step in (self.warmup, state.max_steps):
            self.read()

    def timing(self, tokens: int) -> dict:
        (began, cpu_began), (ended, cpu_ended) = self.readings
        return {"tokens": tokens, "seconds": ended - began, "cpu_seconds": cpu_ended - cpu_began}


class Workload:
    """The text, in the form that each contestant reads, and both sides' models of it."""

    def __init__(self, chosen: argparse.Namespace):
        self.chosen = chosen
        texts = load_corpus(("en", "fr"), ("bible", "bible")).train
        self.vocabulary: Vocabulary = learn(VocabularyConfig(size=chosen.vocabulary), texts)
        shape = {"batch": chosen.batch, "length": chosen.length, "seed": 0}
        self.batches = {
            "blocks": Batches(self.vocabulary, texts, continuous=True, **shape),
            "sentences": Batches(self.vocabulary, texts, **shape),
        }
        steps = [self.batches["blocks"][step] for step in range(chosen.warmup + chosen.steps)]
        whole = [torch.where(b.labels == IGNORED, b.input_ids, b.labels) for b in steps]
        self.predicted = sum(int((b.labels != IGNORED).sum()) for b in steps) / sum(
            ids.numel() for ids in whole
        )
        self.lines = {"blocks": [_example(row) for ids in whole for row in ids.tolist()]}
        self.lines["lines"] = [
            _example(ids)
            for language, sentences in texts.items()
            for ids in self.vocabulary.tokenizer(language)(
                sentences, truncation=True, max_length=chosen.length
            )["input_ids"]
        ]

    def ours(self, dropout: float) -> BilingualMaskedLM:
        chosen = self.chosen
        config = BilingualConfig(
            vocabulary=self.vocabulary.size, layers=chosen.layers, width=chosen.width,
            heads=chosen.width // 32, length=chosen.length, norm="post", transform=True,
            activation=chosen.activation, dropout=dropout,
        )  # fmt: skip
        return initialise(config, seed=0)

    def bert(self, dropout: float) -> transformers.BertForMaskedLM:
        chosen = self.chosen
        config = transformers.BertConfig(
            vocab_size=self.vocabulary.size, num_hidden_layers=chosen.layers,
            hidden_size=chosen.width, num_attention_heads=chosen.width // 32,
            intermediate_size=4 * chosen.width, max_position_embeddings=chosen.length,
            hidden_act=THEIR_ACTIVATION[chosen.activation], hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )  # fmt: skip
        return transformers.BertForMaskedLM(config)

    def flops(self) -> float:
        """Floating-point operations of training on one token of a block: the formula of README.md."""
        chosen, model = self.chosen, self.ours(0.0)
        layers = sum(p.numel() for p in model.encoder.layers.parameters())
        attention = 12 * chosen.layers * chosen.width * chosen.length
        head = self.predicted * chosen.width * (self.vocabulary.size + chosen.width)
        return 6 * layers + attention + 6 * head


def _example(ids: list[int]) -> dict[str, list[int]]:
    # With the special tokens marked, the collator need not look for them in every batch.
    return {"input_ids": ids, "special_tokens_mask": [int(i < len(SPECIAL)) for i in ids]}


def compare_losses(work: Workload) -> dict[str, float]:
    """The losses of both models on one batch, with BERT's weights in both.

    Raises SystemExit when they differ: a faster model of something else is no news.
    """
    bert, ours = work.bert(0.0).eval(), work.ours(0.0).eval()
    generator = torch.Generator().manual_seed(0)
    # Large weights, so that every part matters to the loss; with norms near 0 attention would not.
    for name, weight in bert.named_parameters():
        mean = float(name.endswith("LayerNorm.weight"))
        torch.nn.init.normal_(weight, mean, std=0.2, generator=generator)
    copy_weights(bert, ours)
    batch = work.batches["blocks"][0]
    with torch.inference_mode():
        theirs = bert(batch.input_ids, labels=batch.labels).loss.item()
        mine = ours(**batch.inputs("cpu")).loss.item()
    if not abs(theirs - mine) < LARGEST_DIFFERENCE:
        raise SystemExit(f"The losses differ: BERT {theirs}, ours {mine}. Nothing was timed.")
    return {"bert": theirs, "isomorph": mine}


def time_trainer(work: Workload, who: Contestant, dropout: float) -> dict:
    chosen, clock = work.chosen, Clock(work.chosen.warmup, work.chosen.device == "cuda")
    # The special tokens are those of every language.
    collator = transformers.DataCollatorForLanguageModeling(
        work.vocabulary.tokenizer("en"), mlm_probability=0.15
    )
    sizes = []

    def collate(examples: list[dict]) -> dict:
        sizes.append(sum(len(example["input_ids"]) for example in examples))  # padding not counted
        return collator(examples)

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            folder, per_device_train_batch_size=chosen.batch, learning_rate=1e-3,
            max_steps=chosen.warmup + chosen.steps, weight_decay=0.01, bf16=who.precision == "bf16",
            use_cpu=chosen.device == "cpu", save_strategy="no", logging_strategy="no",
            disable_tqdm=True, report_to="none", seed=0,
            remove_unused_columns=False,  # it would remove the marks of special tokens
        )  # fmt: skip
        trainer = transformers.Trainer(
            work.bert(dropout), arguments, collate, work.lines[who.text], callbacks=[clock]
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    # Batches are made in the order they are trained on, some of them ahead.
    return clock.timing(sum(sizes[chosen.warmup : chosen.warmup + chosen.steps]))


def time_ours(work: Workload, who: Contestant, dropout: float) -> dict:
    chosen, clock = work.chosen, Clock(work.chosen.warmup, work.chosen.device == "cuda")
    steps, per_step = chosen.warmup + chosen.steps, chosen.batch * chosen.length
    config = TrainingConfig(
        tokens=steps * per_step, batch=chosen.batch, length=chosen.length, optimiser="adamw",
        continuous=who.text == "blocks", precision=who.precision, learning_rate=1e-3, warmup=0,
    )  # fmt: skip
    pretrain(
        work.ours(dropout), work.batches[who.text], config, device=chosen.device, progress=False,
        marks=[chosen.warmup], measure=lambda model: clock.read() or [],
    )  # fmt: skip
    return clock.timing(chosen.steps * per_step)
