"""The trained models behind a condition of the alignment chapters, and what is done with them live.

readers           both models, trained now where that has not been done here
sentence_vectors  what they make of some sentences
maps              what a rotation reaches, and what other maps do
turning           words on their way from one language to the other
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from isomorph import results
from isomorph.findings.words import score_name

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame
    from torch import Tensor

    from isomorph.measure.comparison import Reader
    from isomorph.results import Condition


def readers(condition: Condition) -> tuple[Reader, Reader]:
    """The models of a comparison, ready to read; trained now where that has not been done here."""
    from isomorph.models.inputs import device_named
    from isomorph.runs.two_models import both_loaded, trained_below

    run, place = results.cached(condition.run), device_named("auto")
    results.train_below(run)
    return tuple(both_loaded(run, trained_below(run, None), place))


def sentence_vectors(
    readers: tuple[Reader, Reader], sentences: tuple[list[str], list[str]]
) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Each model's vectors of its sentences: layer -> (n, width)."""
    from isomorph.measure.represent import represent

    return tuple(
        represent(reader.model, reader.tokenizer, own, language=reader.language).layers
        for reader, own in zip(readers, sentences, strict=True)
    )


def maps(
    readers: tuple[Reader, Reader], dictionary: Mapping[str, Sequence[tuple[str, str]]]
) -> DataFrame:
    """Word translation of input embeddings by a rotation and by maps that are allowed more or less.

    Columns map, "learnt from" (pairs of words) and "P@1, %" by CSLS, of both directions.
    Raises ValueError when no word of "train" is a single subword.
    """
    import pandas as pd

    from isomorph.measure.align import least_squares, procrustes, refine, ridge
    from isomorph.measure.retrieval import translation_both_ways

    words, (source, target), pairs = _single_subwords(readers, dictionary)
    rows, columns = _rows(pairs["train"], words)
    known = source[rows], target[columns]
    rotation = procrustes(*known)
    refined = refine(source, target, rotation)
    lines = []
    for name, learnt, count in (
        ("rotation", rotation, len(rows)),
        ("rotation, refined", refined.map, len(refined.pairs)),
        ("any linear map, ridge", ridge(*known), len(rows)),
        ("any linear map, least squares", least_squares(*known), len(rows)),
    ):
        scored = translation_both_ways(
            source @ learnt, target, pairs["test"], *words, known=pairs["train"], scoring="csls"
        )
        lines.append({"map": name, "learnt from": count, "P@1, %": f"{100 * scored['p1']:.1f}"})
    return pd.DataFrame(lines)


class Turning(NamedTuple):
    """Words of one language on their way to those of another, for `isomorph.figures.show_turning`."""

    frames: ndarray  # (steps, n, 2)
    still: ndarray  # (m, 2)
    names: list[str]
    still_names: list[str]
    nearest: list[list[str]]
    told: list[str]


def turning(
    readers: tuple[Reader, Reader],
    dictionary: Mapping[str, Sequence[tuple[str, str]]],
    *,
    steps: int = 11,
) -> Turning:
    """The embeddings of a dictionary's words, turned step by step by the rotation of its "train" part.

    Brought down to the plane of the second language's two largest directions. At each step, of how
    many words of "test" the nearest word is a translation is told.
    Raises ValueError when steps is below 2 or no word of "train" is a single subword.
    """
    import numpy as np

    from isomorph.measure.align import part_way, procrustes
    from isomorph.measure.axes import principal_axes
    from isomorph.measure.neighbours import nearest

    if steps < 2:
        raise ValueError(f"steps is {steps}; at least 2 are needed.")
    words, vectors, pairs = _single_subwords(readers, dictionary)
    places = [{word: row for row, word in enumerate(own)} for own in words]
    rows, columns = _rows(pairs["train"], words)
    rotation = procrustes(vectors[0][rows], vectors[1][columns])
    plane = principal_axes(vectors[1].T @ vectors[1])[1][:, :2].numpy()  # (width, 2)
    asked: dict[str, set[str]] = {}
    for a, b in pairs["test"]:
        if a in places[0] and b in places[1]:
            asked.setdefault(a, set()).add(b)
    frames, near, told = [], [], []
    for step in range(steps):
        turned = vectors[0] @ part_way(rotation, step / (steps - 1))
        frames.append(turned.numpy() @ plane)
        best = nearest(turned, vectors[1], k=3)[1].tolist()
        near.append([", ".join(words[1][column] for column in row) for row in best])
        found = sum(words[1][best[places[0][a]][0]] in right for a, right in asked.items())
        told.append(f"{step / (steps - 1):.0%} of the way: {found} of {len(asked)} words found")
    return Turning(np.stack(frames), vectors[1].numpy() @ plane, words[0], words[1], near, told)


def _single_subwords(readers: tuple[Reader, Reader], dictionary):
    """Of each side the words that are one subword and their normalised embeddings; and the pairs."""
    from isomorph.measure.align import iterative_normalisation
    from isomorph.measure.comparison import embedded
    from isomorph.measure.words import keyed_dictionary

    tokenizers = [reader.tokenizer(reader.language) for reader in readers]
    sides, pairs = keyed_dictionary(tokenizers, dictionary)
    lexicons = [embedded(reader, side) for reader, side in zip(readers, sides, strict=True)]
    words, vectors = zip(*lexicons, strict=True)
    return words, list(map(iterative_normalisation, vectors)), pairs


def _rows(
    pairs: Sequence[tuple[str, str]], words: Sequence[Sequence[str]]
) -> tuple[list[int], list[int]]:
    places = [{word: row for row, word in enumerate(own)} for own in words]
    known = [(places[0][a], places[1][b]) for a, b in pairs if a in places[0] and b in places[1]]
    if not known:
        raise ValueError("dictionary has no pair in 'train' of which both words are one subword.")
    return tuple(map(list, zip(*known, strict=True)))


def swapped(condition: Condition, layer: int) -> DataFrame:
    """Each task of a layer transfer, learnt now on one layer and tested through the other model.

    Columns task, "first language" (no model is swapped), and for the second language "rotated",
    "a random rotation" and "as they are". Main scores in percent.
    """
    import pandas as pd
    import torch

    from isomorph.models.finetune import finetune, predict
    from isomorph.models.heads import head_for
    from isomorph.models.stack import LayerStack
    from isomorph.runs.layer_transfer import carried_over
    from isomorph.runs.transfer import MAIN, score

    run, both = results.cached(condition.run), readers(condition)
    source, target = both
    # In a world the gold links are known, so no third model is asked.
    *_, own = itertools.islice(carried_over(run, both, {}), layer + 1)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(own.rotation.shape, generator=generator, dtype=own.rotation.dtype)
    ways = {
        "rotated": own.rotation, "a random rotation": torch.linalg.qr(drawn).Q, "as they are": None,
    }  # fmt: skip
    lines = []
    for task in run.tasks:
        (train, test), (config,) = task.material(run.text, run.languages), task.tuning
        stack = LayerStack(source.model, layer, top=run.top, seed=run.seed, means=own.means[0])
        head = head_for(task.name, stack, train.names, seed=run.seed, dropout=config.dropout)
        finetune(head, train, source.tokenizer(source.language), config, language=source.language,
                 seed=run.seed, device=run.device, progress=run.progress)  # fmt: skip
        cells = {}
        for name, reader, means, rotation in (
            ("first language", source, own.means[0], None),
            *((name, target, own.means[1], rotation) for name, rotation in ways.items()),
        ):
            stack.read(reader.model, means=means, rotation=rotation)
            examples = test[reader.language]
            answers = predict(
                head, examples, reader.tokenizer(reader.language), language=reader.language
            )
            cells[name] = f"{100 * score(examples, answers)[MAIN[task.name]]:.1f}"
        metric = {"ner": "ner_f1", "parsing": "las"}[task.name]
        lines.append({"task": score_name(metric)} | cells)
    return pd.DataFrame(lines)
