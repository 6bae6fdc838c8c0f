"""Subword vocabularies for one or two languages, and how much two languages share of them.

The anchor policies are those of Conneau, Wu et al. (ACL 2020, section 4.2):

- `joint`    one vocabulary learnt on both languages (their Default model);
- `default`  one vocabulary a language, and the union of the two: identical strings are shared;
- `none`     as `default`, but every subword belongs to its language: nothing is shared;
- `extra`    `joint`, and pretraining text is code-switched through a dictionary (`code_switch`), within
  a sentence, so that the two have more strings in common.

Subwords are learnt by merging frequent pairs and read greedily from the left, as BERT does
(WordPiece); Chinese is split into characters first, as in multilingual BERT.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from isomorph.config import Config
from isomorph.text.tokens import check_texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNKNOWN, START, SEPARATOR, MASK = range(len(SPECIAL))
# Of the extra anchors: a dictionary word is kept with this probability, and no more than this share
# of a batch's words change.
KEEP, CAP = 0.7, 0.15
# A run of letters, or an apostrophe that ends an elided word (French l'homme is l' and homme).
WORDS = re.compile(r"[^\W\d_]+(?:['’](?![^\W\d_]))?|\s+|[^\w\s]|[\d_]+")
MOST_MET = 10**6  # stretches of text that are remembered at a time
UNSPACED = re.compile(r"[\u3400-\u9fff]")


class VocabularyConfig(Config):
    """How the vocabulary is learnt, and what two languages share of it."""

    anchors: Literal["none", "default", "joint", "extra"] = "joint"  # the paper's Default model
    size: int = Field(default=8000, ge=32)  # of both languages together; the paper has 80,000
    # Whole words, the most frequent first, and [UNK] for any other: what theorems on words are about.
    units: Literal["subwords", "words"] = "subwords"
    lowercase: bool = True  # a small model should not learn every sentence-initial word twice


@dataclass(frozen=True)
class Vocabulary:
    """Subwords of each language, as common ids.

    `ids[language]` maps a subword to its id. The ids of special tokens come first and are shared.
    """

    config: VocabularyConfig
    ids: Mapping[str, Mapping[str, int]]
    cache: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.ids)

    @cached_property
    def size(self) -> int:
        """Rows that an embedding matrix needs."""
        return 1 + max(max(ids.values()) for ids in self.ids.values())

    def tokenizer(self, language: str) -> PreTrainedTokenizerFast:
        """The tokeniser of one language, writing `[CLS] text [SEP]`.

        Raises ValueError when the vocabulary has no such language.
        """
        if language not in self.ids:
            raise ValueError(
                f"language is {language!r}; this vocabulary has {list(self.languages)}."
            )
        if language not in self.cache:
            self.cache[language] = _pretrained(self.ids[language], self.config.lowercase)
        return self.cache[language]

    def language_ids(self, language: str) -> np.ndarray:
        """The ids of a language's subwords, special tokens left out, in order."""
        return np.array(sorted(set(self.ids[language].values()) - set(range(len(SPECIAL)))))

    def encode(self, language: str, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, without [CLS] and [SEP].

        Raises ValueError, naming the text, where one is no string.
        """
        texts = list(texts)
        check_texts(texts, empty=True)
        backend = self.tokenizer(language).backend_tokenizer
        backend.no_truncation()  # it would still cut where the last caller of the tokeniser did
        return [e.ids for e in backend.encode_batch_fast(texts, add_special_tokens=False)]

    def save(self, folder: Path) -> None:
        """Write the tokenisers; with a joint vocabulary, where `AutoTokenizer` finds one."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        record = {"config": self.config.model_dump(), "ids": self.ids}
        (folder / "vocabulary.json").write_text(json.dumps(record, ensure_ascii=False), "utf-8")
        for language in self.languages:
            joint = self.config.anchors in ("joint", "extra")
            self.tokenizer(language).save_pretrained(folder if joint else folder / language)

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        record = json.loads((Path(folder) / "vocabulary.json").read_text("utf-8"))
        return cls(VocabularyConfig(**record["config"]), record["ids"])


def learn(config: VocabularyConfig, texts: Mapping[str, Sequence[str]]) -> Vocabulary:
    """Learn a vocabulary from each language's pretraining text.

    Raises ValueError when there is no text, one is no string (naming it), or there is no room for
    two languages' separate vocabularies.
    """
    if not texts:
        raise ValueError("texts has no language to learn a vocabulary from.")
    for language, sentences in texts.items():
        check_texts(sentences, f"texts[{language!r}][{{}}]", empty=True)
        if not any(map(str.strip, sentences)):
            raise ValueError(f"no text in {language!r} to learn a vocabulary from.")
    if config.anchors in ("joint", "extra") or len(texts) == 1:
        pieces = _pieces(config, *texts.values())
        shared = {piece: i for i, piece in enumerate(pieces)}
        return Vocabulary(config, {language: shared for language in texts})
    half = config.model_copy(update={"size": config.size // len(texts)})
    ids: dict[str, dict[str, int]] = {}
    taken = {piece: i for i, piece in enumerate(SPECIAL)}
    for language, sentences in texts.items():
        # Prefixing every subword by its language, as the paper does, only keeps the ids apart.
        prefix = f"{language}:" if config.anchors == "none" else ""
        ids[language] = {}
        for piece in _pieces(half, sentences):
            name = piece if piece in SPECIAL else prefix + piece
            ids[language][piece] = taken.setdefault(name, len(taken))
    return Vocabulary(config, ids)


def _pieces(config: VocabularyConfig, *texts: Sequence[str]) -> list[str]:
    """Subwords of some texts by id, the special tokens first: the same for the same text on every run."""
    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    _split_words(tokenizer, config.lowercase)
    if config.units == "words":
        counts = Counter(word for text in chain(*texts) for word in words_in(tokenizer, text))
        ranked = sorted(counts.items(), key=lambda w: (-w[1], w[0]))
        return [*SPECIAL, *(word for word, _ in ranked[: config.size - len(SPECIAL)])]
    # The trainer numbers letters in the order of a hash table that differs from run to run, and
    # breaks ties by number. Letters passed as special tokens are numbered in our order instead.
    letters = _letters(tokenizer, chain(*texts))
    if len(letters) + len(SPECIAL) > config.size:
        raise ValueError(
            f"vocabulary.size is {config.size} a vocabulary; the text alone has {len(letters)} "
            f"letters, so at least {len(letters) + len(SPECIAL)} are needed."
        )
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.size,
        min_frequency=2,
        special_tokens=[*SPECIAL, *letters],
        show_progress=False,
    )
    tokenizer.train_from_iterator(chain(*texts), trainer)
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.get)


def _letters(tokenizer, sentences: Iterable[str]) -> list[str]:
    """Every letter, those inside words marked by ##, in an order of their own."""
    letters, met = set(), set()
    for stretch in chain.from_iterable(map(str.split, sentences)):
        # Most stretches between spaces come again: the words in one are the same wherever it stands.
        if stretch in met:
            continue
        if len(met) == MOST_MET:
            met.clear()
        met.add(stretch)
        for word in words_in(tokenizer, stretch):
            letters.add(word[0])
            letters.update("##" + letter for letter in word[1:])
    return sorted(letters)


def words_in(tokenizer: Tokenizer, text: str) -> list[str]:
    """The words of a text as one of our tokenisers tells them apart, before any becomes subwords."""
    normal = tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


def _split_words(tokenizer, lowercase: bool) -> None:
    from tokenizers import normalizers, pre_tokenizers

    as_bert = normalizers.BertNormalizer(
        handle_chinese_chars=True, strip_accents=False, lowercase=lowercase
    )
    # Accents as one character or as two are the same to a reader.
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), as_bert])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()


def _pretrained(ids: Mapping[str, int], lowercase: bool) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(dict(ids), unk_token="[UNK]"))
    _split_words(tokenizer, lowercase)
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", START), ("[SEP]", SEPARATOR)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        split_special_tokens=True,  # a text that spells [MASK] has no token hidden
    )


def by_word(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each word's translations; words case-folded, as text is compared."""
    translations: dict[str, list[str]] = {}
    for word, translation in pairs:
        translations.setdefault(word.casefold(), []).append(translation)
    return translations


def code_switch(
    sentences: list[str],
    translations: Mapping[str, list[str]],
    generator: np.random.Generator,
    keep: float = KEEP,
    cap: float = CAP,
) -> list[str]:
    """Replace dictionary words of one batch by a translation, of `by_word`'s: the extra anchors.

    Each dictionary word is kept with probability `keep`, else one of its translations is drawn, all
    as likely (the paper weighs them by PanLex's quality score); at most `cap` of the batch's words
    change. Where words are not spaced (Chinese), the longest dictionary word from the left is a word,
    and any other character one of its own.
    Raises ValueError, naming the sentence, where one is no string.
    """
    check_texts(sentences, "sentences[{}]", empty=True)
    pieces = [split_words(sentence, translations) for sentence in sentences]
    words = [
        (s, w) for s, row in enumerate(pieces) for w, piece in enumerate(row) if piece.isalpha()
    ]
    chosen = [
        (s, w)
        for s, w in words
        if pieces[s][w].casefold() in translations and generator.random() >= keep
    ]
    limit = int(cap * len(words))
    if len(chosen) > limit:
        chosen = [chosen[i] for i in generator.choice(len(chosen), limit, replace=False)]
    for s, w in chosen:
        options = translations[pieces[s][w].casefold()]
        drawn = options[generator.integers(len(options))]
        # A word of a spaced language must not run into its unspaced neighbours.
        pieces[s][w] = f" {drawn} " if UNSPACED.search(pieces[s][w]) else drawn
    return ["".join(row) for row in pieces]


def split_words(sentence: str, translations: Mapping[str, list[str]]) -> list[str]:
    """A sentence as words, spaces and marks, which together are the sentence again."""
    pieces = []
    for piece in WORDS.findall(sentence):
        pieces += _longest_first(piece, translations) if UNSPACED.search(piece) else [piece]
    return pieces


def _longest_first(text: str, translations: Mapping[str, list[str]]) -> list[str]:
    at, words = 0, []
    while at < len(text):
        size = next((n for n in range(8, 1, -1) if text[at : at + n] in translations), 1)
        words.append(text[at : at + size])
        at += len(words[-1])
    return words
