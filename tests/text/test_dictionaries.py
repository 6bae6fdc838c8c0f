"""The shipped dictionaries: split by word, single words, ranked, counted."""

import re

import pytest

from isomorph.text.parallel import load_dictionary, load_parallel
from isomorph.text.shipped import LANGUAGES


@pytest.fixture(scope="module", params=LANGUAGES[1:])
def language(request):
    return request.param


@pytest.fixture(scope="module")
def entries(language):
    return load_dictionary(language).to_list()


def test_every_source_word_is_in_one_split(entries):
    splits = {}
    for row in entries:
        splits.setdefault(row["source"], set()).add(row["split"])
    assert all(len(names) == 1 for names in splits.values())
    assert sum(names == {"test"} for names in splits.values()) >= 1000


def test_a_word_is_in_the_same_split_for_every_language(entries):
    french = {row["source"]: row["split"] for row in load_dictionary("fr").to_list()}
    assert all(french.get(row["source"], row["split"]) == row["split"] for row in entries)


def test_entries_are_single_words_of_the_language(entries, language):
    shape = {"zh": r"[\u4e00-\u9fff]+", "ru": r"[а-я-]+"}.get(language, r"[^\W\d_]+(-[^\W\d_]+)*")
    assert all(re.fullmatch(shape, row["target"], re.IGNORECASE) for row in entries)
    assert all(re.fullmatch(r"[^\W\d_]+(-[^\W\d_]+)*", row["source"]) for row in entries)


def test_ranks_count_from_one_without_repetition(entries):
    ranks, pairs = {}, set()
    for row in entries:
        ranks.setdefault(row["source"], []).append(row["rank"])
        pairs.add((row["source"], row["target"]))
    assert all(found == list(range(1, len(found) + 1)) for found in ranks.values())
    assert len(pairs) == len(entries)


def test_common_words_translate_as_everyone_expects(entries, language):
    first = {row["source"]: row["target"] for row in entries if row["rank"] == 1}
    expected = {
        "fr": {"house": "maison", "water": "eau", "king": "roi"},
        "de": {"house": "Haus", "water": "Wasser", "king": "König"},
        "ru": {"house": "дом", "water": "вода"},
        "zh": {"water": "水", "king": "王"},
        "es": {"house": "casa", "water": "agua", "king": "rey", "good": "bueno"},
    }[language]
    assert {word: first[word] for word in expected} == expected


def test_phrases_cut_to_their_first_word_are_not_taken():
    spanish = {(row["source"], row["target"]) for row in load_dictionary("es").to_list()}
    assert ("go", "extraviarse") not in spanish  # "go astray"
    assert ("good", "despedida") not in spanish  # "good-bye"
    assert ("go", "ir") in spanish


def test_counts_agree_with_counting_again():
    """Against a slow count over the text itself."""
    rows = {domain: load_parallel(domain).to_list() for domain in ("bible", "help")}
    entry = next(
        row
        for row in load_dictionary("de").to_list()
        if (row["source"], row["target"]) == ("file", "Datei")
    )
    counted = {}

    def word(letters):  # alone, or beside a hyphen that joins nothing
        return rf"(?<![^\W\d_])(?<!\w-){letters}(?!-?[^\W\d_])"

    for domain, table in rows.items():
        train = [row for row in table if row["split"] == "train"]
        here = {row["id"] for row in train if re.search(word("file"), row["en"].casefold())}
        there = {row["id"] for row in train if re.search(word("datei"), row["de"].casefold())}
        counted[domain] = (len(here), len(there), len(here & there))
    assert entry["count_source_help"] == counted["help"][0] > 100
    assert entry["count_target_help"] == counted["help"][1] > 100
    assert entry["count_source"] == sum(numbers[0] for numbers in counted.values())
    assert entry["count_together"] == sum(numbers[2] for numbers in counted.values())
