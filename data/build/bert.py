"""Train the English encoder that ships as `bert-en`: BERT, small, by both of BERT's objectives.

    python -m data.build.bert [--threads 2]

Eight layers of width 256 read some 40 million subwords of varied English (`data.build.english`), predict
what is masked and, from [CLS], whether the second part of a row follows the first (Devlin et al.
2019, section 3.1). About two hours of two cores; it goes on from where it was stopped.
"""

import argparse
import hashlib
import json
import math
import platform
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from tqdm import tqdm
from transformers import BertConfig, BertForPreTraining, PreTrainedTokenizerFast

from isomorph.models import checkpoints
from isomorph.text import shipped

from . import english

NAME = "bert-en"
# At five times Muon's rate and twice Adam's the loss fell to 6.2 in the warm-up and rose after it.
RECIPE = {
    "layers": 8, "width": 256, "heads": 4, "vocabulary": 8192, "length": 128, "batch": 96,
    "steps": 4800, "masking": 0.15, "short": 0.1, "muon_rate": 0.004, "learning_rate": 1e-3,
    "weight_decay": 0.01, "warmup": 500, "clip": 1.0, "precision": "bf16", "seed": 1,
}  # fmt: skip
SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
           "mask_token": "[MASK]"}  # fmt: skip
PAD, UNKNOWN, CLS, SEP, MASK = range(5)
HELD_OUT = 100  # every so many documents one is held out, of each source
LARGEST = 20_000_000  # bytes of the folder
EVERY = 300.0  # seconds between checkpoints
DROPOUT = ("hidden_dropout_prob", "attention_probs_dropout_prob")

Source = list[list[list[int]]]  # documents of sentences of subwords


def learn_tokenizer(texts: Iterator[str], size: int) -> PreTrainedTokenizerFast:
    """WordPiece without letter case, as BERT-base-uncased reads."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(SPECIAL.values()))
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    limits = {"model_max_length": RECIPE["length"]}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL, **limits)


def pairs(source: Source, length: int, short: float, rng) -> Iterator[tuple[list, list, bool]]:
    """Rows of BERT: two stretches of text, and whether the second follows the first.

    A row is as long as `length` allows; a share `short` of them is of any length below. In half of
    them the second is a stretch of another document, here one of the same source, or to tell a
    manual from a Bible would be all that there is to learn.
    """
    for index in rng.permutation(len(source)):
        document, place = source[index], 0
        while place < len(document):
            target = length - 3 if rng.random() >= short else int(rng.integers(2, length - 2))
            end, size = place, 0
            while end < len(document) and size < target:
                size, end = size + len(document[end]), end + 1
            cut = place + 1 if end == place + 1 else int(rng.integers(place + 1, end))
            first = list(chain(*document[place:cut]))
            follows = cut < end and rng.random() < 0.5
            if follows:
                second, place = list(chain(*document[cut:end])), end
            else:
                other = index
                while other == index:
                    other = int(rng.integers(len(source)))
                start = int(rng.integers(len(source[other])))
                second, place = list(chain(*source[other][start:])), cut
                second = second[: max(1, target - len(first))]
            while len(first) + len(second) > target:  # from the longer, at either end
                longer = first if len(first) > len(second) else second
                longer.pop(0 if rng.random() < 0.5 else -1)
            yield first, second, follows


def batches(sources: list[Source], epoch: int) -> list[list[tuple[list, list, bool]]]:
    """The whole batches of an epoch: rows of all sources, shuffled, those of about one length together."""
    rng, size = np.random.default_rng([RECIPE["seed"], epoch]), RECIPE["batch"]
    made = [pair for s in sources for pair in pairs(s, RECIPE["length"], RECIPE["short"], rng)]
    made = [made[i] for i in rng.permutation(len(made))]
    found = []
    for start in range(0, len(made), 50 * size):
        window = sorted(made[start : start + 50 * size], key=lambda row: len(row[0]) + len(row[1]))
        found += [window[i : i + size] for i in range(0, len(window) - size + 1, size)]
    return [found[i] for i in rng.permutation(len(found))]


def collate(chosen: list[tuple[list, list, bool]], seed: list[int]) -> dict[str, torch.Tensor]:
    """A batch, masked: input_ids, token_type_ids, attention_mask, labels (-100 where not asked), follows."""
    longest = max(len(a) + len(b) + 3 for a, b, _ in chosen)
    ids, types = np.full((2, len(chosen), longest), PAD)
    for row, (first, second, _) in enumerate(chosen):
        whole = [CLS, *first, SEP, *second, SEP]
        ids[row, : len(whole)] = whole
        types[row, len(first) + 2 : len(whole)] = 1
    rng = np.random.default_rng(seed)
    asked = (rng.random(ids.shape) < RECIPE["masking"]) & (ids > MASK)
    action, words = rng.random(ids.shape), rng.integers(MASK + 1, RECIPE["vocabulary"], ids.shape)
    shown = np.where(asked & (action < 0.8), MASK, ids)
    shown = np.where(asked & (action >= 0.9), words, shown)
    batch = {
        "input_ids": shown, "token_type_ids": types, "attention_mask": (ids != PAD).astype(int),
        "labels": np.where(asked, ids, -100), "follows": np.array([f for *_, f in chosen], dtype=int),
    }  # fmt: skip
    return {name: torch.from_numpy(value) for name, value in batch.items()}


def losses(model: BertForPreTraining, batch: dict) -> tuple[torch.Tensor, ...]:
    """Of masked words and of following, in nats; the share of right answers to the latter."""
    with torch.autocast("cpu", torch.bfloat16, enabled=RECIPE["precision"] == "bf16"):
        read = {name: batch[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
        output = model.bert(**read)
        asked = batch["labels"] >= 0
        words, relation = model.cls(output.last_hidden_state[asked], output.pooler_output)
    truth = 1 - batch["follows"]  # BERT's own order: 0 follows, 1 does not
    right = (relation.argmax(1) == truth).float().mean()
    masked = F.cross_entropy(words.float(), batch["labels"][asked])
    return masked, F.cross_entropy(relation.float(), truth), right


def new_model() -> BertForPreTraining:
    """With random weights, and without dropout: so small a model does not fit too well."""
    torch.manual_seed(RECIPE["seed"])
    shape = {
        "vocab_size": "vocabulary", "hidden_size": "width", "num_hidden_layers": "layers",
        "num_attention_heads": "heads", "max_position_embeddings": "length",
    }  # fmt: skip
    fields = {name: RECIPE[key] for name, key in shape.items()}
    fields |= {"intermediate_size": 4 * RECIPE["width"], "pad_token_id": PAD}
    none = dict.fromkeys(DROPOUT, 0.0)
    model = BertForPreTraining(BertConfig(**fields, **none)).train()
    # By plain products: the fused attention's way back took a third of a step on a CPU.
    model.set_attn_implementation("eager")
    return model


def optimisers(model: BertForPreTraining) -> list[torch.optim.Optimizer]:
    """Muon on the layers' matrices, AdamW on the rest; only matrices decay."""
    named = list(model.named_parameters())
    matrices = [p for name, p in named if ".layer." in name and p.ndim == 2]
    rest = [p for name, p in named if not (".layer." in name and p.ndim == 2)]
    return [
        torch.optim.Muon(matrices, lr=RECIPE["muon_rate"], weight_decay=RECIPE["weight_decay"]),
        torch.optim.AdamW(rest, lr=RECIPE["learning_rate"], weight_decay=0.0, fused=True),
    ]


def train(model: BertForPreTraining, sources: list[Source], checkpoint: Path, text: str) -> dict:
    """Train in place, going on from a checkpoint: {"seconds", "curve": [[step, masked, follows]]}.

    text: a digest of what is read; a checkpoint of other text or of another recipe is not used.
    """
    steps = RECIPE["steps"]
    opts, state = optimisers(model), {"step": 0, "tokens": 0, "seconds": 0.0, "curve": []}
    same = {"recipe": json.dumps(RECIPE), "text": text}
    if saved := checkpoints.restore(checkpoint, **same):
        model.load_state_dict(saved["model"])
        for optimiser, each in zip(opts, saved["optimisers"], strict=True):
            optimiser.load_state_dict(each)
        state = {name: saved[name] for name in state}
    peaks = [[group["lr"] for group in o.param_groups] for o in optimisers(model)]
    began, put, epoch, made, done = time.monotonic() - state["seconds"], time.monotonic(), -1, [], 0
    bar = tqdm(total=steps, initial=state["step"], desc=NAME, unit="step")
    while state["step"] < steps:
        while state["step"] >= done:
            epoch, made = epoch + 1, batches(sources, epoch + 1)
            done += len(made)
        chosen = made[state["step"] - done + len(made)]
        batch = collate(chosen, [RECIPE["seed"], 1, state["step"]])
        step = state["step"] + 1
        rate = min(step / RECIPE["warmup"], (steps - step + 1) / (steps - RECIPE["warmup"]))
        for optimiser, each in zip(opts, peaks, strict=True):
            for group, peak in zip(optimiser.param_groups, each, strict=True):
                group["lr"] = peak * rate
        masked, follows, right = losses(model, batch)
        (masked + follows).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), RECIPE["clip"])
        for optimiser in opts:
            optimiser.step()
            optimiser.zero_grad()
        state["tokens"] += int(batch["attention_mask"].sum())
        state |= {"step": step, "seconds": time.monotonic() - began}
        bar.update()
        if step % 50 == 0 or step == steps:
            state["curve"].append([step, masked.item(), follows.item()])
            if diverged([loss for _, loss, _ in state["curve"]]):
                raise ValueError(f"training diverged by step {step}.")
            bar.set_postfix(masked=f"{masked.item():.2f}", right=f"{right.item():.2f}")
        if time.monotonic() - put > EVERY or step == steps:
            whole = {"model": model.state_dict(), "optimisers": [o.state_dict() for o in opts]}
            checkpoints.save(checkpoint, state | whole, same)
            put = time.monotonic()
    return state


def diverged(losses: list[float], span: int = 10, rise: float = 0.4) -> bool:
    """Whether the last of them is no number, or the mean of the last `span` lies `rise` nats above
    that of any `span` before."""
    means = [sum(losses[i : i + span]) / span for i in range(len(losses) - span + 1)]
    return not math.isfinite(losses[-1]) or bool(means) and means[-1] > min(means) + rise


@torch.no_grad()
def judge(model: BertForPreTraining, sources: dict[str, Source]) -> dict[str, dict[str, float]]:
    """On held-out documents of each source: perplexity of masked words, share right of following."""
    model.eval()
    found = {}
    for name, source in sources.items():
        rng = np.random.default_rng([RECIPE["seed"], 2])
        made = list(pairs(source, RECIPE["length"], 0.0, rng))[:1024]
        scores = []
        for start in range(0, len(made), 64):
            batch = collate(made[start : start + 64], [RECIPE["seed"], 3, start])
            scores.append([float(score) for score in losses(model, batch)])
        masked, _, right = np.mean(scores, axis=0)
        found[name] = {"perplexity": math.exp(masked), "follows": right, "rows": len(made)}
    return found


def write(model: BertForPreTraining, tokenizer: PreTrainedTokenizerFast, card: dict) -> Path:
    """Put the encoder where encoders ship, in bf16, with its card and checksums."""
    folder = shipped.data_folder() / "models" / NAME
    for name in DROPOUT:
        setattr(model.config, name, 0.1)  # what BERT is tuned with; it learnt without
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    (folder / "README.md").write_text(_card(card))
    weight = sum(path.stat().st_size for path in folder.iterdir())
    if weight > LARGEST:
        raise ValueError(f"{folder} weighs {weight:,} bytes; it may weigh {LARGEST:,}.")
    for path in sorted(folder.iterdir()):
        shipped.write_manifest_entry(f"models/{NAME}/{path.name}")
    return folder


def _card(card: dict) -> str:
    lines = [
        f"| {name} | {each['characters'] / 1e6:.1f}M | {each['perplexity']:.1f} | {each['follows']:.0%} |"
        for name, each in card["sources"].items()
    ]
    return CARD.format(**card, lines="\n".join(lines))


CARD = """---
library_name: transformers
license: mit
language: [en]
tags: [fill-mask, bert, isomorph]
---
# bert-en

A small English BERT: {layers} layers of width {width}, {parameters:,} parameters, a WordPiece
vocabulary of {vocabulary:,} without letter case. It was trained from nothing on {tokens:,} subwords, to
predict masked words and, from [CLS], whether the second part of a row follows the first, as BERT was;
the other half of the second parts are of other documents of the same source. It is small, made to be
studied and not to be used.

| read | characters | perplexity of masked words, held out | told right which part follows, held out |
|---|---|---|---|
{lines}

Test and development rows of the texts that ship are not in it, in any translation. The text itself does
not ship: `python -m data.build.bert` fetches it and trains the model again, {hours:.1f} hours on
{threads} threads of an {processor} processor. The Bibles are in the public domain; LibreOffice's help is under
MPL-2.0, the handbook under GPL-2+ or CC BY-SA 3.0, the game under GPL-2+, manual pages and descriptions
of packages under the free licences of what they describe; the Brown corpus may be redistributed.

Load it with `isomorph.models.pretrained.load_encoder("bert-en")` or transformers' `AutoModel`.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(threads := parser.parse_args().threads)
    folder = shipped.data_folder().parent / ".cache"
    documents, read_from = english.documents(folder / "sources")
    texts = [text for source in documents.values() for document in source for text in document]
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    tokenizer = learn_tokenizer(iter(texts), RECIPE["vocabulary"])
    train_on, held_out = [], {}
    for name, source in documents.items():
        encoded = [
            tokenizer(document, add_special_tokens=False)["input_ids"] for document in source
        ]
        train_on.append([each for i, each in enumerate(encoded) if i % HELD_OUT])
        held_out[name] = encoded[::HELD_OUT]
    model = new_model()
    state = train(model, train_on, folder / NAME / "checkpoint.pt", digest)
    scores = judge(model, held_out)
    for name, source in documents.items():
        count = sum(len(text) for document in source for text in document)
        scores[name] |= {"characters": count, "packages": read_from[name]}
    card = RECIPE | {
        "parameters": model.num_parameters(), "text": digest, "sources": scores, "threads": threads,
        "hours": state["seconds"] / 3600, "processor": platform.machine(),
        "tokens": state["tokens"], "curve": state["curve"],
    }  # fmt: skip
    print(f"wrote {write(model, tokenizer, card)}")


if __name__ == "__main__":
    main()
