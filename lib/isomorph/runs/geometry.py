"""The geometry of word vectors and states, of a trained language model or of somebody else's vectors.

What Gao et al. (2019) say of models trained by likelihood with tied embeddings, measured on ours; and
the observations of Li et al. (2020, table 1) and Liang et al. (2021) on input embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from isomorph.runs.encoders import OfVectors, files_checksum, foundations_trained
from isomorph.runs.pretraining import Pretraining, UsesPretraining
from isomorph.runs.run import records_of
from isomorph.text.packed import pack, vocabulary_of
from isomorph.text.vocab import MASK, PAD, SPECIAL, Vocabulary

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.models.settings import TrainingConfig

SKIPGRAM_EPOCHS = 5  # word2vec's own
ABSENT = [PAD, MASK]  # the words that no causal model reads or is to predict
STATES = 20_000  # positions of held-out text at most
PARTS = 5  # of the words of an encoder: each an independent sample of ranks
FREQUENT = 100_000  # words of the ranking that are looked up


class Geometry(UsesPretraining):
    """What the vectors of a trained model of one language look like.

    Raises a validation error, before any work, when the model reads two languages, or its states
    are asked for and it is not causal: of a masked one most states meet no softmax.
    """

    kind: Literal["geometry"] = "geometry"
    of: Literal["words", "frequent", "rare", "states", "word2vec"] = "words"

    def problems(self) -> Iterator[str]:
        if len(self.pretraining.languages) != 1:
            yield f"pretraining reads {self.pretraining.languages}; a geometry is of one language."
        if self.of == "states" and not self.pretraining.encoder.causal:
            yield "of is 'states', which needs a pretraining whose encoder is causal."

    def foundations(self) -> tuple[Pretraining, ...]:
        return () if self.of == "word2vec" else (self.pretraining,)

    def measure(self, place: torch.device) -> Iterator[dict]:
        """Of "words" those of `isomorph.measure.isotropy.of_words` and perplexity; of "frequent" and
        "rare", the first and the last fifth of the words that occur, those of `of_group`; of
        "word2vec" those of `of_words` for skip-gram vectors of the very text that the model reads, as
        wide as its own, for which nothing is pretrained; of "states" those of `of_states`, and the
        first two again with unnormalised_ before their names for what the last layer normalisation
        is given.
        """
        import torch

        from isomorph.models.pretrained import load_masked_lm

        if self.of == "word2vec":
            yield from records_of(self._word2vec())
            return
        with foundations_trained(self) as below:
            (kept,) = below.values()
            model, vocabulary = load_masked_lm(kept.model_folder())
            records = kept.outcome()["records"]
        with torch.inference_mode():
            found = self._measured(model.to(place), vocabulary)
        if self.of == "words":
            last = [r["value"] for r in records if r["metric"].startswith("perplexity_")][-1]
            found["perplexity"] = last
        yield from records_of(found)

    def _word2vec(self) -> dict[str, float]:
        from isomorph.measure.isotropy import of_words
        from isomorph.measure.static import skipgram_vectors

        (language,), train = self.pretraining.languages, self.pretraining.text.corpus().train
        vocabulary = vocabulary_of(self.pretraining.vocabulary, train)
        words = by_frequency(vocabulary, language, train[language])[0]
        # By number: the very pieces that the model reads are the words here.
        sentences = [list(map(str, ids)) for ids in vocabulary.encode(language, train[language])]
        return of_words(
            skipgram_vectors(
                sentences, list(map(str, words)), width=self.pretraining.encoder.width,
                epochs=SKIPGRAM_EPOCHS, seed=self.seed, subwords=False,
            )
        )  # fmt: skip

    def _measured(self, model: BilingualMaskedLM, vocabulary: Vocabulary) -> dict[str, float]:
        from isomorph.measure.degeneration import of_states
        from isomorph.measure.isotropy import of_group, of_words

        (language,) = self.pretraining.languages
        corpus, words = self.pretraining.text.corpus(), model.get_input_embeddings().weight
        if self.of != "states":
            vectors = words[by_frequency(vocabulary, language, corpus.train[language])[0]]
            fifth = max(2, len(vectors) // 5)
            chosen = {"frequent": vectors[:fifth], "rare": vectors[-fifth:]}
            return of_words(vectors) if self.of == "words" else of_group(chosen[self.of])
        texts, training = corpus.dev[language], self.pretraining.training
        states, absent = hidden_states(model, vocabulary, language, texts, training), words[ABSENT]
        if states.hidden is states.unnormalised:
            return of_states(states.hidden, absent)
        norm = model.encoder.final_norm
        found = of_states(states.hidden, absent, gain=norm.weight, offset=norm.bias)
        before = of_states(states.unnormalised, absent)
        return found | {f"unnormalised_{k}": before[k] for k in ("origin_outside", "hull_margin")}


def by_frequency(
    vocabulary: Vocabulary, language: str, texts: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The ids that occur in some texts, the most frequent first, and how often each does.

    Special tokens, [UNK] among them, are no words.
    """
    read = np.concatenate([np.array(ids) for ids in vocabulary.encode(language, texts) if ids])
    counts = np.bincount(read, minlength=vocabulary.size)
    counts[: len(SPECIAL)] = 0
    ids = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    return ids, counts[ids]


class States(NamedTuple):
    """Positions of a text that have a next word.

    hidden (n, width): the states that the softmax multiplies. unnormalised (n, width): what the
    last normalisation was given; the same tensor where there is none. following (n,): the next word.
    """

    hidden: Tensor
    unnormalised: Tensor
    following: Tensor


def hidden_states(
    model: BilingualMaskedLM, vocabulary: Vocabulary, language: str, texts: list[str],
    training: TrainingConfig, *, most: int = STATES,
) -> States:  # fmt: skip
    """The states from which a causal model predicts, the first `most` of some texts."""
    import torch
    from torch import nn

    from isomorph.models.masked_lm import as_batch, following

    encoded = vocabulary.encode(language, texts)
    packed = pack(encoded, training.length, continuous=training.continuous)
    whole = as_batch(language, packed, torch.from_numpy(packed.ids), following(packed))
    given, parts, norm = [], [], model.encoder.final_norm
    hook = norm.register_forward_hook(lambda _, inputs, __: given.append(inputs[0]))
    with torch.inference_mode():
        for start in range(0, len(packed), 64):
            inputs = whole.rows(slice(start, start + 64)).inputs(model.device)
            words = inputs.pop("labels").flatten()
            last = model.encoder(**inputs).last_hidden_state
            both = (side.flatten(0, 1) for side in (last, given.pop()))
            parts.append([side[words >= 0].cpu() for side in (*both, words)])
            if sum(len(part[0]) for part in parts) >= most:
                break
    hook.remove()
    hidden, unnormalised, words = (torch.cat(side)[:most] for side in zip(*parts, strict=True))
    return States(hidden, hidden if isinstance(norm, nn.Identity) else unnormalised, words)


class EncoderWords(OfVectors):
    """What the input embeddings of an encoder look like, from frequent words to rare ones.

    encoder: also "glove". The words are those English words that are one subword for the encoder, in
    the order of GloVe's vocabulary, which is that of Wikipedia and newswire. Of an encoder without a
    seed each fifth of the words, every fifth one, is a fold; of one that has a seed all words are
    measured together.
    """

    on_processor: ClassVar[bool] = True

    kind: Literal["encoder_words"] = "encoder_words"
    encoder: str | Pretraining = "glove"
    most: int = Field(default=100_000, ge=25 * PARTS)  # words, the most frequent first

    def checksum(self) -> str | None:
        return files_checksum(self.encoder)

    def measure(self, place: torch.device) -> Iterator[dict]:
        """Those of `isomorph.measure.isotropy.of_words` and words, their number, with a fold for each
        part."""
        from isomorph.measure.isotropy import of_words

        with self.placed() as (name,):
            _, vectors = ranked_words(name)
        vectors = vectors[: self.most]
        seeded = self.drawn_seed is not None
        parts = {None: (0, 1)} if seeded else {k: (k, PARTS) for k in range(PARTS)}
        for fold, part in parts.items():
            found = of_words(vectors, part=part) | {"words": float(len(vectors))}
            yield from records_of(found, tokens=0, fold=fold)


def ranked_words(encoder: str) -> tuple[list[str], Tensor]:
    """Words, the most frequent first, and their vectors, as `EncoderWords` takes them."""
    from isomorph.measure.static import glove
    from isomorph.measure.words import embedding_words, input_embedding
    from isomorph.models.pretrained import load_encoder

    words, vectors = glove(FREQUENT)
    if encoder == "glove":
        return words, vectors
    model, tokenizer = load_encoder(encoder)
    if isinstance(tokenizer, dict):
        tokenizer = tokenizer["en"]
    rows, kept = embedding_words(tokenizer, input_embedding(model, "en"), words)
    return kept, rows
