"""Whether a model reads words: its tokeniser beside its matrix, and two words as a probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isomorph.models.checkpoint import Candidate
from isomorph.models.inputs import encoder_of, takes_language
from isomorph.text.vocab import SPECIAL, Vocabulary

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

SAMPLE = "A tree, trees; l'Été, 2 Bäume (und) дом 树"  # capitals, accents, scripts, punctuation


def judge_tokenizer(
    model: Candidate, loaded: nn.Module, tokenizer: PreTrainedTokenizerFast
) -> None:
    """A fast one, with files, that numbers no more tokens than there are embeddings."""
    files = {"tokenizer.json", *tokenizer.vocab_files_names.values()}
    if not any((model.folder / file).is_file() for file in files):
        raise model.refusal(f"it has no tokeniser files ({', '.join(sorted(files))})")
    if not tokenizer.is_fast:
        raise model.refusal("it has no fast tokeniser, which tells where words are")
    if "tokenizer_class" not in model.optional("tokenizer_config.json"):
        _judge_guessed(model, tokenizer)
    rows = loaded.get_input_embeddings().weight.shape[0]
    tokens = 1 + max(tokenizer.get_vocab().values(), default=-1)
    if tokens > rows or 2 * tokens < rows:
        raise model.refusal(f"it has {rows} embeddings, and its tokeniser {tokens} tokens")
    for module_name, module in loaded.named_modules():
        # Of RoBERTa and its kin: positions are counted from the padding's number.
        start = getattr(module, "padding_idx", None) if "position" in module_name else None
        if start is not None and tokenizer.pad_token_id not in (None, start):
            raise model.refusal(
                f"config.json says that pad_token_id is {start}, and its tokeniser "
                f"{tokenizer.pad_token_id}"
            )


def _judge_guessed(model: Candidate, tokenizer: PreTrainedTokenizerFast) -> None:
    """A class that transformers guesses from the type may build another tokeniser than the file's."""
    from tokenizers import Tokenizer

    file = model.folder / "tokenizer.json"
    if not file.is_file():
        return
    own = Tokenizer.from_file(str(file)).encode(SAMPLE, add_special_tokens=False).ids
    if own != tokenizer(SAMPLE, add_special_tokens=False)["input_ids"]:
        raise model.refusal(
            "tokenizer_config.json names no tokenizer_class, and the one of its model_type reads other "
            "tokens than tokenizer.json"
        )


def own_vocabulary(model: Candidate, config: PreTrainedConfig) -> Vocabulary:
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
    if size != config.vocabulary:
        raise model.refusal(
            f"config.json says that vocabulary is {config.vocabulary}, and vocabulary.json has {size} ids"
        )
    if languages != sorted(config.languages):
        raise model.refusal(
            f"config.json has the languages {config.languages}, and vocabulary.json {languages}"
        )
    return vocabulary


def probe(
    model: Candidate,
    loaded: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    language: str | None = None,
) -> None:
    """Read two words that the tokeniser's own vocabulary spells: are they told apart, and finite?"""
    import torch

    words = _two_words(tokenizer)
    if len(words) < 2:
        raise model.refusal("its tokeniser knows no two words that it spells itself")
    read = tokenizer(" ".join(words), return_offsets_mapping=True)
    ends = [end for start, end in read["offset_mapping"] if end > start]
    if not ends or min(ends) > len(words[0]) + 1 or tokenizer.unk_token_id in read["input_ids"]:
        raise model.refusal(f"its tokeniser does not tell the words of {' '.join(words)!r}")
    ids = torch.tensor([read["input_ids"]] * 2)
    seen = torch.ones_like(ids)
    seen[1, -1] = 0  # a shorter text beside a longer one is read by other code than one alone
    keywords = {"language": language} if language and takes_language(loaded.forward) else {}
    with model.naming(f"it cannot read the words {' '.join(words)!r}"), torch.inference_mode():
        states = encoder_of(loaded)(
            input_ids=ids,
            attention_mask=seen,
            output_hidden_states=True,
            **keywords,
        ).hidden_states
        finite = all(bool(layer[seen > 0].isfinite().all()) for layer in states)
        alike = bool((states[-1][0] == states[-1][0, :1]).all())
    if not finite:
        raise model.refusal("its hidden states of two words are not finite")
    if alike:
        raise model.refusal("its hidden states are the same for every word")


def _two_words(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The first two words, single letters where there are no longer ones, that are one token."""
    special = set(tokenizer.all_special_ids)
    letters: list[str] = []
    words: list[str] = []
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
