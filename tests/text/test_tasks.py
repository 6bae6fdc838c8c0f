"""One door to every set of labelled examples."""

import pytest

from isomorph.text.tasks import SOURCES, evaluation_split, examples
from isomorph.text.worlds import World

WORLD = World(training_sentences=300, dev_sentences=60, test_sentences=60)


@pytest.mark.parametrize("source", [name for name, own in SOURCES.items() if not own.public])
def test_each_source_gives_as_many_examples_of_its_task_as_asked_for(source):
    world = WORLD if SOURCES[source].of_world else None
    for language in SOURCES[source].languages[:2]:
        for split in ("train", "dev", "test"):
            found = examples(source, language, split, 12, world=world)
            assert found.task == SOURCES[source].kind and len(found.items) == 12
            assert split in found.source and language in found.source


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("conll", "en", "test"), {}, "source is 'conll'; allowed are 'world_nli'"),
        (("cola", "fr", "test"), {}, "language is 'fr'; allowed are 'en'"),
        (("world_ner", "en", "test"), {"world": WORLD}, "language is 'en'; allowed are 'a', 'b'"),
        (("world_ner", "a", "test", 5), {}, "source is 'world_ner'; a world is needed"),
        (
            ("phrases", "en", "test", 5),
            {"world": WORLD},
            "source is 'phrases'; it is made from no world",
        ),
        (("phrases", "en", "validation"), {}, "split is 'validation'; allowed are 'train'"),
        (("help_order", "en", "test", 0), {}, "count is 0; "),
        (("world_tags", "a", "dev", 61), {"world": WORLD}, "count is 61; 'dev' allows 1 to 60"),
    ],
)
def test_what_a_source_does_not_have_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        examples(*arguments, **options)


def test_what_ships_is_reported_on_its_test_split():
    assert evaluation_split("interface_terms", "zh") == "test"
