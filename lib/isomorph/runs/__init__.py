"""Experiments as values (`isomorph.runs.run`), and the kinds there are, told apart by their `kind`."""

from typing import Annotated, get_args

from pydantic import Field, TypeAdapter, ValidationError

from isomorph.config import sentence
from isomorph.runs.cache import cache_folder, code_version
from isomorph.runs.comparison import AnchorShare, Comparison, WordVectors
from isomorph.runs.cures import Cures
from isomorph.runs.fine_tuning import FineTuning
from isomorph.runs.geometry import EncoderWords, Geometry
from isomorph.runs.pretraining import Pretraining, train, trained
from isomorph.runs.run import Run
from isomorph.runs.tasks import Task
from isomorph.runs.texts import (
    CopyText,
    FileText,
    HubText,
    ShippedText,
    WorldText,
    text_checksum,
)
from isomorph.runs.theorem import Theorem
from isomorph.runs.transfer import LayerTransfer, Transfer
from isomorph.runs.tuning import Tuning

__all__ = [
    "AnchorShare", "Comparison", "CopyText", "Cures", "EncoderWords", "FileText",
    "FineTuning", "Geometry",
    "HubText", "LayerTransfer", "Pretraining", "Run", "ShippedText", "Task", "Theorem", "Transfer",
    "Tuning", "WordVectors", "WorldText", "cache_folder", "code_version", "run_from_json", "text_checksum",
    "train", "trained",
]  # fmt: skip

Kinds = (
    AnchorShare | Comparison | Cures | EncoderWords | FineTuning | Geometry | LayerTransfer
    | Pretraining | Theorem | Transfer | Tuning | WordVectors
)  # fmt: skip
RUN = TypeAdapter(Annotated[Kinds, Field(discriminator="kind")])


def run_from_json(config: str) -> Run:
    """The run that a recorded config names. Raises ValueError, in a sentence, where it names none."""
    try:
        return RUN.validate_json(config)
    except ValidationError as error:
        if error.errors()[0]["type"] == "union_tag_not_found":
            names = ", ".join(kind.model_fields["kind"].default for kind in get_args(Kinds))
            raise ValueError(f"it has no kind; the kinds are {names}.") from None
        raise ValueError(sentence(error)) from None
