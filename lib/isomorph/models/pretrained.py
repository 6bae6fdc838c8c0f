"""One door for every model that is read: encoders of others, and trained ones of our own.

By a hub's id, a shipped encoder's name or a folder. Weights are read as safetensors only, since a
pickle can run any code, and code that comes with a model is never run; what the hub has as a pickle
alone is converted once, without running any. Every folder is judged by `isomorph.models.judged` before
it is built and after. Where ISOMORPH_MIRROR names a mirror that has a model, it is read from there.
"""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

from isomorph.models import judged
from isomorph.models.encoder import BilingualConfig, seeded
from isomorph.models.inputs import encoder_of, takes_language
from isomorph.models.judged import Candidate
from isomorph.models.masked_lm import BilingualMaskedLM
from isomorph.models.places import READ, located
from isomorph.text import shipped
from isomorph.text.fetch import note
from isomorph.text.vocab import PAD, SPECIAL, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

    Tokenizers = PreTrainedTokenizerFast | Mapping[str, PreTrainedTokenizerFast]


SAMPLE = "A tree, trees; l'Été, 2 Bäume (und) дом 树"  # capitals, accents, scripts, punctuation


def load_encoder(name: str) -> tuple[PreTrainedModel, Tokenizers]:
    """An encoder in float32 and evaluation mode, and its fast tokeniser.

    name: an encoder that ships ("en-fr"; a folder of that name here is "./en-fr"), a folder, or one
    that the hub knows: "<owner>/<name>", a name alone as the hub resolves it, and either with
    "@<revision>", a commit or tag to stay at; one that comes with a package is read from there. Of an
    encoder of this project that has a tokeniser a language, a mapping of them.
    Raises ModelRefused, in one sentence, when there is no such model, when it needs code of its own,
    or when it is not whole; DataCorrupted when it ships and is not as it shipped.
    """
    model = located(name)
    model.judge(judged.wrong_files(model))
    ours = model.config.get("model_type") == "isomorph"
    if model.commit:
        note(name.partition("@")[0], model.commit)
    elif not ours:
        note(name, _fingerprint(model.folder))
    if ours:
        loaded, vocabulary = _ours(model, AutoModel)
        return loaded, {each: vocabulary.tokenizer(each) for each in vocabulary.languages}
    with _quietly(), model.naming("it cannot be loaded"):
        with model.naming("config.json is refused by transformers"):
            config = AutoConfig.from_pretrained(model.folder, local_files_only=True)
        with model.naming("its tokeniser cannot be loaded"):
            tokenizer = AutoTokenizer.from_pretrained(
                model.folder, trust_remote_code=False, local_files_only=True
            )
        config.pad_token_id = judged.padding(model, config, tokenizer.pad_token_id)
        loaded = _built(model, AutoModel, config)
        model.judge(wrong_tokenizer(model, loaded, tokenizer))
        model.judge(misread(model, loaded, tokenizer))
    return loaded, tokenizer


def load_masked_lm(folder: Path | str) -> tuple[BilingualMaskedLM, Vocabulary]:
    """A model of this project with its softmax, in float32 and evaluation mode; its vocabulary.

    folder: one that a pretraining run has written, or the name of an encoder that ships.
    Raises ModelRefused and DataCorrupted as `load_encoder` does.
    """
    model = located(str(folder))
    model.judge(judged.wrong_files(model))
    return _ours(model, BilingualMaskedLM)


def drawn_anew(model: PreTrainedModel, seed: int) -> PreTrainedModel:
    """A model of the same shape with fresh weights, drawn as its kind draws them before training."""
    with seeded(seed):
        fresh = type(model)(copy.deepcopy(model.config))
    return fresh.to(model.device, model.dtype).eval()


def fingerprint(name: str) -> str:
    """SHA-256 over the files that `load_encoder` reads of a model, their names and contents."""
    return _fingerprint(located(name).folder)


def _fingerprint(folder: Path) -> str:
    read = [path for path in sorted(folder.iterdir()) if path.suffix in READ and path.is_file()]
    together = "".join(f"{path.name} {shipped.sha256_of(path)}\n" for path in read)
    return hashlib.sha256(together.encode()).hexdigest()


def _ours(model: Candidate, kind: type) -> tuple[PreTrainedModel, Vocabulary]:
    """A model of this project, by AutoModel or with its softmax, and its vocabulary."""
    with _quietly(), model.naming("it cannot be loaded"):
        model.judge(judged.unsaid(model))
        with model.naming("config.json is refused"):
            config = BilingualConfig.from_pretrained(model.folder, local_files_only=True)
        vocabulary = _vocabulary(model, config)
        config.pad_token_id = judged.padding(model, config, PAD)
        loaded = _built(model, kind, config)
        for language in vocabulary.languages:
            model.judge(misread(model, loaded, vocabulary.tokenizer(language), language))
    return loaded, vocabulary


def _built(model: Candidate, kind: type, config: PreTrainedConfig) -> PreTrainedModel:
    """Build first without memory, to compare names and shapes with the files, and then in full."""
    # Where a config.json could name code that the hub has, or another file of weights.
    for name in ("_attn_implementation", "_experts_implementation", "transformers_weights"):
        if getattr(config, name, None) is not None:
            setattr(config, name, None)
    model.judge(judged.wrong_config(model, config))
    options = {"use_safetensors": True, "dtype": torch.float32, "local_files_only": True}
    with torch.device("meta"):
        empty, info = kind.from_pretrained(
            model.folder, config=copy.deepcopy(config), device_map="meta", output_loading_info=True,
            ignore_mismatched_sizes=True, **options,
        )  # fmt: skip
    model.judge(judged.wrong_names(model, empty, info))
    loaded = kind.from_pretrained(model.folder, config=config, **options).eval()
    model.judge(judged.wrong_values(loaded))
    return loaded


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the reports and bars of transformers: what matters in them is judged here."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def wrong_tokenizer(
    model: Candidate, loaded: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> Iterator[str]:
    """Right is a fast one, with files, that numbers no more tokens than there are embeddings."""
    files = {"tokenizer.json", *tokenizer.vocab_files_names.values()}
    if not any((model.folder / file).is_file() for file in files):
        yield f"it has no tokeniser files ({', '.join(sorted(files))})"
    if not tokenizer.is_fast:
        yield "it has no fast tokeniser, which tells where words are"
    file = model.folder / "tokenizer.json"
    if file.is_file() and "tokenizer_class" not in model.optional("tokenizer_config.json"):
        # A class that transformers guesses from the type may build another than the file's.
        ids = Tokenizer.from_file(str(file)).encode(SAMPLE, add_special_tokens=False).ids
        if ids != tokenizer(SAMPLE, add_special_tokens=False)["input_ids"]:
            other = "the one of its model_type reads other tokens than tokenizer.json"
            yield f"tokenizer_config.json names no tokenizer_class, and {other}"
    rows = loaded.get_input_embeddings().weight.shape[0]
    tokens = 1 + max(tokenizer.get_vocab().values(), default=-1)
    if tokens > rows or 2 * tokens < rows:
        yield f"it has {rows} embeddings, and its tokeniser {tokens} tokens"
    for module_name, module in loaded.named_modules():
        # Of RoBERTa and its kin: positions are counted from the padding's number.
        start = getattr(module, "padding_idx", None) if "position" in module_name else None
        if start is not None and tokenizer.pad_token_id not in (None, start):
            pad = tokenizer.pad_token_id
            yield f"config.json says that pad_token_id is {start}, and its tokeniser {pad}"


def _vocabulary(model: Candidate, config: PreTrainedConfig) -> Vocabulary:
    """The vocabulary of a model of this project, which has exactly the rows of its matrix."""
    if not (model.folder / "vocabulary.json").is_file():
        raise model.refusal("it has no vocabulary.json")
    model.json("vocabulary.json")
    with model.naming("vocabulary.json is no vocabulary"):
        vocabulary = Vocabulary.load(model.folder)
        for ids in vocabulary.ids.values():
            numbers = [i for i in ids.values() if type(i) is int and i >= 0]
            if len(set(numbers)) < len(ids) or [ids[piece] for piece in SPECIAL] != [
                *range(len(SPECIAL))
            ]:
                raise ValueError("ids are not numbers from 0, one a subword")
        size, languages = vocabulary.size, sorted(vocabulary.languages)
    if (size, languages) != (config.vocabulary, sorted(config.languages)):
        raise model.refusal(
            f"config.json says that vocabulary is {config.vocabulary}, of {config.languages}, and "
            f"vocabulary.json has {size} ids, of {languages}"
        )
    return vocabulary


def misread(
    model: Candidate,
    loaded: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    language: str | None = None,
) -> Iterator[str]:
    """Two words that the tokeniser's vocabulary spells are read: are they told apart, and finite?"""
    words = _two_words(tokenizer)
    if len(words) < 2:
        yield "its tokeniser knows no two words that it spells itself"
    read = tokenizer(" ".join(words), return_offsets_mapping=True)
    ends = [end for start, end in read["offset_mapping"] if end > start]
    if not ends or min(ends) > len(words[0]) + 1 or tokenizer.unk_token_id in read["input_ids"]:
        yield f"its tokeniser does not tell the words of {' '.join(words)!r}"
    ids = torch.tensor([read["input_ids"]] * 2)
    seen = torch.ones_like(ids)
    seen[1, -1] = 0  # a shorter text beside a longer one is read by other code than one alone
    keywords = {"language": language} if language and takes_language(loaded.forward) else {}
    with model.naming(f"it cannot read the words {' '.join(words)!r}"), torch.inference_mode():
        states = encoder_of(loaded)(
            input_ids=ids, attention_mask=seen, output_hidden_states=True, **keywords
        ).hidden_states
        finite = all(bool(layer[seen > 0].isfinite().all()) for layer in states)
        alike = bool((states[-1][0] == states[-1][0, :1]).all())
    if not finite:
        yield "its hidden states of two words are not finite"
    if alike:
        yield "its hidden states are the same for every word"


def _two_words(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The first two words, single letters where there are no longer ones, that are one token."""
    special = set(tokenizer.all_special_ids)
    letters, words = [], []
    for number in sorted(set(tokenizer.get_vocab().values()) - special):
        word = tokenizer.decode([number]).strip()
        if not word.isalpha() or word in letters:
            continue
        read = tokenizer(word, add_special_tokens=False)["input_ids"]
        if not read or tokenizer.unk_token_id in read:
            continue
        (words if len(word) > 1 and len(read) == 1 else letters).append(word)
        if len(words) == 2:
            return words
    return [*words, *letters][:2]
