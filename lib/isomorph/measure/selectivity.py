"""What a probe learns by heart, and what it finds in the vectors: control tasks.

A probe that is strong enough learns any label of a word type from vectors that only tell the types
apart. Hewitt & Liang (2019) have it learn labels that mean nothing; what it scores less on those
than on the true ones, its selectivity, is not due to that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from isomorph.measure.probe_spans import Spans
from isomorph.measure.probes import fit_probe

BYTES = 8  # of a digest: the draw of a word type is a number with 53 bits


@dataclass(frozen=True)
class Selectivity:
    """Shares from 0 to 1, on test.

    accuracy: of the probe of the true labels. control: of the same probe fitted on random ones.
    majority: of always answering the most frequent true label of train.
    """

    accuracy: float
    control: float
    majority: float

    @property
    def selectivity(self) -> float:
        """The accuracy less that of the control task; about 0 for vectors that hold nothing."""
        return self.accuracy - self.control


def control_task(spans: Spans, shares: Tensor, *, seed: int) -> Spans:
    """The same spans, each word type with a label of its own that means nothing.

    shares: (names,) how frequent labels are to be among types; take `Spans.shares` of train for all
        splits. The label depends on the type, the shares and the seed alone, so a word has the same
        in every split. Of two spans, the type is the first one's words, as in `Spans.types`.
    Raises ValueError when the shares are not such.
    Source: Hewitt & Liang 2019.
    """
    if shares.shape != (len(spans.names),) or not (shares >= 0).all() or not shares.sum() > 0:
        raise ValueError(
            f"shares is {shares.tolist()}; allowed is a number from 0 for each of the "
            f"{len(spans.names)} names, not all 0."
        )
    upto = np.cumsum(shares.double().numpy())
    drawn = {word: _uniform(word, seed) for word in set(spans.types)}
    at = np.array([drawn[word] for word in spans.types]) * upto[-1]
    return spans.labelled(torch.from_numpy(np.searchsorted(upto, at, side="right")))


def selectivity(train: Spans, dev: Spans, test: Spans, *, seed: int = 0, **settings) -> Selectivity:
    """A probe's accuracy on test, and that of the same probe on a control task.

    seed: of the random labels and of both probes. settings: those of `fit_probe`, for both.
    Errors as of `fit_probe`. Source: Hewitt & Liang 2019.
    """
    true = fit_probe(train, dev, seed=seed, **settings)
    shares = train.shares
    parts = [control_task(part, shares, seed=seed) for part in (train, dev, test)]
    control = fit_probe(*parts[:2], seed=seed, **settings)
    usual = int(shares.argmax())
    return Selectivity(
        accuracy=true.accuracy(test),
        control=control.accuracy(parts[2]),
        majority=float((test.labels == usual).double().mean()),
    )


def _uniform(word: str, seed: int) -> float:
    """A number from 0, below 1, that is fixed for a word and a seed on every machine."""
    digest = hashlib.blake2b(f"{seed}\0{word}".encode(), digest_size=BYTES).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
