"""Experiments as values: see `isomorph.runs.run`."""

from isomorph.runs.anchor_share import AnchorShare
from isomorph.runs.code import code_version
from isomorph.runs.comparison import Comparison
from isomorph.runs.cures import Cures
from isomorph.runs.downstream import Downstream
from isomorph.runs.encoder_words import EncoderWords
from isomorph.runs.geometry import Geometry
from isomorph.runs.kinds import run_from_json
from isomorph.runs.layer_transfer import LayerTransfer
from isomorph.runs.pretraining import Pretraining, train, trained
from isomorph.runs.run import Run, cache_folder
from isomorph.runs.texts import CopyText, HubText, ShippedText, WorldText, text_checksum
from isomorph.runs.theorem import Theorem
from isomorph.runs.transfer import Task, Transfer
from isomorph.runs.tuned import Tuned
from isomorph.runs.word_vectors import WordVectors

__all__ = [
    "AnchorShare",
    "Comparison",
    "CopyText",
    "Cures",
    "Downstream",
    "EncoderWords",
    "Geometry",
    "HubText",
    "LayerTransfer",
    "Pretraining",
    "Run",
    "ShippedText",
    "Task",
    "Theorem",
    "Transfer",
    "Tuned",
    "WordVectors",
    "WorldText",
    "cache_folder",
    "code_version",
    "run_from_json",
    "text_checksum",
    "train",
    "trained",
]
