"""The kinds of run there are, told apart by their fields."""

import json

from isomorph.runs.anchor_share import AnchorShare
from isomorph.runs.comparison import Comparison
from isomorph.runs.cures import Cures
from isomorph.runs.encoder_words import EncoderWords
from isomorph.runs.geometry import Geometry
from isomorph.runs.layer_transfer import LayerTransfer
from isomorph.runs.pretraining import Pretraining
from isomorph.runs.run import Run
from isomorph.runs.theorem import Theorem
from isomorph.runs.transfer import Transfer
from isomorph.runs.tuned import Tuned
from isomorph.runs.word_vectors import WordVectors


def run_from_json(config: str) -> Run:
    """The run that a recorded config names. Raises ValueError when it no longer validates."""
    fields = json.loads(config)
    if "theorem" in fields:
        return Theorem(**fields)
    if "looks" in fields:
        return Tuned(**fields)
    if "cured" in fields:
        return Cures(**fields)
    if "words_of" in fields:
        return EncoderWords(**fields)
    if "top" in fields:
        return LayerTransfer(**fields)
    if "of" in fields:
        return Geometry(**fields)
    if "tasks" in fields:
        return Transfer(**fields)
    if "hub" in fields:
        return Comparison(**fields)
    if "words_read" in fields:
        return WordVectors(**fields)
    return AnchorShare(**fields) if "pretraining" in fields else Pretraining(**fields)
