"""Plain words for what rows name by a key: conditions and scores."""

from isomorph import metrics
from isomorph.labels import CONDITIONS
from isomorph.labels import condition_label as condition_name

__all__ = ["CONDITIONS", "condition_name", "score_name", "span"]


def score_name(key: str, *, short: bool = True) -> str:
    """A score in plain words: "entities", or with `short` off "entities, span F1"."""
    return metrics.label(key) if short else metrics.axis(key, width=1000)


def span(least: int, most: int, what: str = "run") -> str:
    """A count in words: "3 runs", "1 to 3 seeds"."""
    counted = f"{least}" if least == most else f"{least} to {most}"
    return f"{counted} {what}{'s' if most > 1 else ''}"
