"""Text as it is read in training: sentences, their ids, and blocks of these.

What is too large for each process to hold is kept in the cache, made once and mapped by all that read
it: sentences of the hub as an Arrow file, the vocabulary learnt on them, and their ids. What is read of
either is the same to the bit.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from isomorph import files
from isomorph.text.shipped import cache_folder
from isomorph.text.vocab import SEPARATOR, START, Vocabulary, VocabularyConfig, learn

CHUNK = 10_000  # sentences that are tokenised at a time


def kept(name: str, make: Callable[[Path], object]) -> Path:
    """A folder of the cache, which `make` fills where it is not there yet; see `files.made_once`."""
    return files.made_once(cache_folder() / "texts" / re.sub(r"\W+", "-", name), make)


class KeptText(Sequence[str]):
    """Sentences in a folder of the cache, of which only those that are asked for are in memory."""

    def __init__(self, folder: Path):
        from datasets import Dataset

        self.sha256, self.reads = json.loads((folder / "about.json").read_text())
        self._column = Dataset.from_file(str(folder / "text.arrow")).data.column("text")

    @staticmethod
    def write(folder: Path, sentences: Iterable[str], reads: Iterable[str]) -> None:
        """reads: the public data that they come from, as `isomorph.text.fetch.reading` names it."""
        from datasets import Features, Value
        from datasets.arrow_writer import ArrowWriter

        digest, features = hashlib.sha256(), Features({"text": Value("string")})
        with ArrowWriter(path=str(folder / "text.arrow"), features=features) as writer:
            for sentence in sentences:
                digest.update(sentence.encode() + b"\n")
                writer.write({"text": sentence})
            writer.finalize()
        (folder / "about.json").write_text(json.dumps([digest.hexdigest(), sorted(reads)]))

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, key):
        if isinstance(key, slice):
            return self._column[key].to_pylist()
        return self._column[int(key)].as_py()

    def __iter__(self) -> Iterator[str]:
        for part in self._column.chunks:
            yield from part.to_pylist()


@dataclass(frozen=True)
class Ids:
    """Sentences as ids, one after another in `flat` (tokens,); `starts` (sentences + 1,) says where
    each begins and where the last one ends."""

    flat: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, sentences: Iterable[Sequence[int]]) -> Ids:
        sentences = list(sentences)
        starts = np.cumsum([0, *map(len, sentences)], dtype=np.int64)
        ids = np.fromiter(chain.from_iterable(sentences), dtype=np.uint32, count=starts[-1])
        return cls(ids, starts)

    @staticmethod
    def write(folder: Path, chunks: Iterable[Iterable[Sequence[int]]]) -> None:
        starts = [np.zeros(1, dtype=np.int64)]
        with (folder / "flat.bin").open("wb") as file:
            for part in map(Ids.of, chunks):
                part.flat.tofile(file)
                starts.append(starts[-1][-1] + part.starts[1:])
        np.save(folder / "starts.npy", np.concatenate(starts))

    @classmethod
    def mapped(cls, folder: Path) -> Ids:
        """What `write` wrote, read from the disk as it is asked for."""
        flat = np.memmap(folder / "flat.bin", dtype=np.uint32, mode="r")
        return cls(flat, np.load(folder / "starts.npy", mmap_mode="r"))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        return self.flat[self.starts[i] : self.starts[i + 1]]


def vocabulary_of(config: VocabularyConfig, texts: Mapping[str, Sequence[str]]) -> Vocabulary:
    """The vocabulary of each language's pretraining text; of kept text it is learnt once.

    Raises ValueError as `isomorph.text.vocab.learn` does.
    """
    if not texts or not all(isinstance(text, KeptText) for text in texts.values()):
        return learn(config, texts)
    own = {language: text.sha256 for language, text in texts.items()}
    name = _name(config.model_dump(), own)
    return Vocabulary.load(
        kept(f"vocabulary-{name}", lambda aside: learn(config, texts).save(aside))
    )


def ids_of(vocabulary: Vocabulary, language: str, texts: Sequence[str]) -> Ids:
    """The ids of each text; of kept text they are kept too, and mapped."""
    if not isinstance(texts, KeptText):
        return Ids.of(vocabulary.encode(language, texts))
    starts = range(0, len(texts), CHUNK)
    chunks = (vocabulary.encode(language, texts[start : start + CHUNK]) for start in starts)
    own = vocabulary.config.model_dump(), vocabulary.ids[language]
    name = _name(texts.sha256, *own)
    return Ids.mapped(kept(f"ids-{name}", lambda aside: Ids.write(aside, chunks)))


def passing(chunks: Iterable[Iterable[Sequence[int]]]) -> Ids:
    """Ids that this process alone reads, from a file that goes with it."""
    folder = Path(tempfile.mkdtemp())
    try:
        Ids.write(folder, chunks)
        return Ids.mapped(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what is mapped stays until it is let go


def _name(*what) -> str:
    import tokenizers  # another version may learn or read otherwise

    said = json.dumps([*what, tokenizers.__version__])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Packed:
    """Text in blocks, none of it padding: ids, positions and segments, each (blocks, length).

    Tokens of one segment may see each other; positions are counted from 0.
    """

    ids: np.ndarray
    positions: np.ndarray
    segments: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows) -> Packed:
        return Packed(self.ids[rows], self.positions[rows], self.segments[rows])


class Blocks:
    """A stream of sentences, `[CLS] sentence [SEP]`, cut into blocks of `length` ids, of which a slice
    gives some as `Packed`.

    Each sentence keeps positions of its own, from 0, and is a segment of its own: as if it stood
    on a line alone, but with no padding. It is cut to `length`, and where a block ends within it,
    the rest is a segment of the next block. With `continuous`, a block is one segment with
    positions of its own, as in Conneau, Wu et al. (2020, section 3.1). What is left at the end
    fills no block and is dropped. order: of the sentences; as they stand for None.

    Raises ValueError when the text does not fill one block.
    """

    def __init__(
        self,
        sentences: Ids,
        length: int,
        *,
        order: np.ndarray | None = None,
        continuous: bool = False,
    ):
        self.sentences, self.length, self.continuous = sentences, length, continuous
        self.order = None if order is None else order.astype(np.uint32)
        sizes = np.minimum(np.diff(sentences.starts), length - 2) + 2
        sizes = sizes if order is None else sizes[order]
        self.starts = np.concatenate([[0], np.cumsum(sizes)])  # of each sentence in the stream
        if not len(self):
            raise ValueError(
                f"the text has {self.starts[-1]} subwords, which do not fill {length}."
            )

    def __len__(self) -> int:
        return int(self.starts[-1]) // self.length

    def __getitem__(self, blocks: slice) -> Packed:
        first, last, _ = blocks.indices(len(self))
        begin, end = first * self.length, max(first, last) * self.length
        one = int(np.searchsorted(self.starts, begin, "right")) - 1
        other = int(np.searchsorted(self.starts, end, "left"))
        numbers = np.arange(one, other)  # of the sentences that these blocks have a part of
        base, sizes = self.starts[one], np.diff(self.starts[one : other + 1])
        positions = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        ids = np.full(len(positions), START, dtype=np.int64)
        own = numbers if self.order is None else self.order[one:other]
        inner = (positions > 0) & (positions < np.repeat(sizes, sizes) - 1)
        at = np.repeat(self.sentences.starts[own], sizes) + positions - 1
        ids[inner] = self.sentences.flat[at[inner]]
        ids[np.cumsum(sizes) - 1] = SEPARATOR
        part, shape = slice(begin - base, end - base), (-1, self.length)
        if self.continuous:
            ids = ids[part].reshape(shape)
            positions = np.broadcast_to(np.arange(self.length), ids.shape)
            return Packed(ids, positions, np.zeros(ids.shape, dtype=np.int64))
        stream = ids, positions, np.repeat(numbers, sizes)
        return Packed(*(each[part].reshape(shape) for each in stream))


def pack(sentences: Iterable[list[int]], length: int, *, continuous: bool = False) -> Packed:
    """All `Blocks` of some sentences as they stand."""
    return Blocks(Ids.of(sentences), length, continuous=continuous)[:]
