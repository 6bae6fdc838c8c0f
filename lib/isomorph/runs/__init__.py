"""Experiments as values: see `isomorph.runs.run`."""

from isomorph.runs.code import code_version
from isomorph.runs.comparison import AnchorShare, Comparison, WordVectors
from isomorph.runs.cures import Cures
from isomorph.runs.fine_tuning import FineTuning
from isomorph.runs.geometry import EncoderWords, Geometry
from isomorph.runs.kinds import run_from_json
from isomorph.runs.layer_transfer import LayerTransfer
from isomorph.runs.pretraining import Pretraining, train, trained
from isomorph.runs.run import Run, cache_folder
from isomorph.runs.tasks import Task
from isomorph.runs.texts import CopyText, HubText, ShippedText, WorldText, text_checksum
from isomorph.runs.theorem import Theorem
from isomorph.runs.transfer import Transfer

__all__ = [
    "AnchorShare",
    "Comparison",
    "CopyText",
    "Cures",
    "EncoderWords",
    "FineTuning",
    "Geometry",
    "HubText",
    "LayerTransfer",
    "Pretraining",
    "Run",
    "ShippedText",
    "Task",
    "Theorem",
    "Transfer",
    "WordVectors",
    "WorldText",
    "cache_folder",
    "code_version",
    "run_from_json",
    "text_checksum",
    "train",
    "trained",
]
