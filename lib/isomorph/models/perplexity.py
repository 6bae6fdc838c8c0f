"""How well a language model foretells held-out text, its subwords hidden or in turn.

A perplexity is over the subwords of one vocabulary. Models with other vocabularies, and so two
languages, or a model of one language and a model of two, cannot be compared by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from isomorph.models.batches import IGNORED, Batch, as_batch, following, mask
from isomorph.text.vocab import MASK, SPECIAL, pack

if TYPE_CHECKING:
    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.text.vocab import Vocabulary

LARGEST = 700.0  # nats: exp of a little more is no number


def pseudo_perplexity(
    model: BilingualMaskedLM,
    vocabulary: Vocabulary,
    language: str,
    texts: list[str],
    *,
    length: int,
    folds: int = 7,
    continuous: bool = False,
    seed: int = 0,
    batch: int = 64,
) -> float:
    """exp of the mean loss over every subword of held-out text, each hidden exactly once.

    Each block's subwords are dealt at random into `folds` of equal size, give or take one; a fold
    is hidden at a time, all of it by [MASK], and foretold from the rest. So of a text about 1/folds
    is hidden at once, near the 15% of training; in Salazar et al. (2020, section 2), whose term it
    is, one subword, so theirs is lower. What differs with `seed` is only what is hidden together.

    Raises ValueError for a causal model, whose `perplexity` is exact, for fewer than 2 folds, and
    when the text does not fill one block of `length`.
    """
    if model.config.causal:
        raise ValueError("model is causal; its perplexity hides nothing, and has no folds.")
    if folds < 2:
        raise ValueError(f"folds is {folds}; allowed are 2 and more.")
    packed = pack(vocabulary.encode(language, texts), length, continuous=continuous)
    ids = torch.from_numpy(packed.ids)
    generator = torch.Generator().manual_seed(seed)
    # Subwords first, in random order, and special tokens after them.
    drawn = torch.rand(ids.shape, generator=generator) + (ids < len(SPECIAL))
    fold = drawn.argsort(1).argsort(1) % folds
    hidden = [(fold == number) & (ids >= len(SPECIAL)) for number in range(folds)]
    return _perplexity(
        model,
        (
            as_batch(language, packed, torch.where(own, MASK, ids), torch.where(own, ids, IGNORED))
            for own in hidden
        ),
        batch,
    )


def perplexity(
    model: BilingualMaskedLM,
    vocabulary: Vocabulary,
    language: str,
    texts: list[str],
    *,
    length: int,
    masking: float = 0.15,
    continuous: bool = False,
    seed: int = 0,
    batch: int = 64,
) -> float:
    """Perplexity of held-out text: exp of the mean loss on a fixed choice of subwords.

    Every chosen subword is masked, none kept or replaced (Dufter & Schütze 2020, their code). It is
    one draw of what is hidden: over 500 verses another `seed` moves it by 4 to 8% (one standard
    deviation, of the encoders that ship). Within a run it follows training, as the draw stays; for
    anything else use `pseudo_perplexity`.

    Of a causal model that of every subword after those before it, in nothing but its own block; it
    is exact.
    Raises ValueError when nothing is hidden, and for a model that has diverged.
    """
    packed = pack(vocabulary.encode(language, texts), length, continuous=continuous)
    ids = torch.from_numpy(packed.ids)
    if model.config.causal:
        whole = as_batch(language, packed, ids, following(packed))
    else:
        generator = torch.Generator().manual_seed(seed)
        _, labels = mask(ids, masking, ids.new_tensor([0]), generator)
        whole = as_batch(language, packed, torch.where(labels >= 0, MASK, ids), labels)
    return _perplexity(model, [whole], batch)


def _perplexity(model: BilingualMaskedLM, wholes: Iterable[Batch], batch: int) -> float:
    """exp of the mean loss of all that is to be foretold, so many rows at a time."""
    total, count, training = 0.0, 0, model.training
    model.eval()
    with torch.inference_mode():
        for whole in wholes:
            for start in range(0, len(whole.input_ids), batch):
                part = whole.rows(slice(start, start + batch))
                predicted = int((part.labels >= 0).sum())
                if predicted:
                    total += model(**part.inputs(model.device)).loss.item() * predicted
                    count += predicted
    model.train(training)
    if not count:
        raise ValueError("no subword of the held-out text is hidden, so none can be foretold.")
    if not total / count < LARGEST:
        raise ValueError(
            f"the loss on held-out text is {total / count:.3g} nats a subword; the model has diverged."
        )
    return math.exp(total / count)
