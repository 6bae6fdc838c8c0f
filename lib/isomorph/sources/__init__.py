"""How the shipped data is made: ``build(folder)`` writes data/ from public packages."""

from isomorph.sources.everything import build
from isomorph.sources.packages import SourceUnavailable

__all__ = ["SourceUnavailable", "build"]
