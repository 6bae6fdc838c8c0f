"""The conditions of the few-sample study have names to be read by."""

from isomorph.labels import CONDITIONS
from isomorph.presets import conditions


def test_no_condition_is_left_without_words():
    asked = {c.name for size in ("laptop", "reference") for c in conditions("few_samples", size)}
    assert asked <= set(CONDITIONS)
