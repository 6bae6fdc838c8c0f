"""The texts keep their promises: aligned, disjoint, held out, balanced over books."""

from collections import Counter

import pytest

from isomorph.text import shipped
from isomorph.text.corpora import load_corpus
from isomorph.text.parallel import (
    FEWEST_OCCURRENCES,
    load_dictionary,
    load_parallel,
    near_copies,
    word_pairs,
)
from isomorph.text.shipped import DOMAINS, LANGUAGES, read_table


@pytest.fixture(scope="module", params=DOMAINS)
def rows(request):
    return load_parallel(request.param).to_list()


@pytest.fixture(scope="module")
def corpus():
    return load_corpus(("en", "fr"), ("bible", "bible"))


def letters(text):
    return "".join(c for c in text.casefold() if c.isalnum())


def test_held_out_splits_have_the_promised_size(rows):
    counted = Counter(row["split"] for row in rows)
    assert (counted["test"], counted["dev"]) == (1000, 500)
    assert counted["train"] > 11_000


def test_every_row_has_text_in_every_language(rows):
    assert all(letters(row[language]) for row in rows for language in LANGUAGES)


def test_ids_are_in_reading_order_and_unique(rows):
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids))


def test_no_text_occurs_twice_in_any_language(rows):
    """So nothing held out can be in training, and no sentence is in both halves."""
    for language in LANGUAGES:
        texts = [letters(row[language]) for row in rows]
        assert len(set(texts)) == len(texts), language


def test_no_chapter_or_page_is_in_two_splits(rows):
    splits = {}
    for row in rows:
        splits.setdefault(row["group"], set()).add(row["split"])
    assert all(len(names) == 1 for names in splits.values())


def test_held_out_rows_spread_over_the_documents(rows):
    """No book of the Bible, and no part of the help, fills the test split."""
    part = Counter(row["document"].split("/")[0] for row in rows if row["split"] == "test")
    assert len(part) >= 8
    assert max(part.values()) < 450


def test_languages_are_in_their_own_script(rows):
    han = sum("\u4e00" <= c <= "\u9fff" for row in rows for c in row["zh"])
    cyrillic = sum("\u0400" <= c <= "\u04ff" for row in rows for c in row["ru"])
    assert han / sum(len(row["zh"]) for row in rows) > 0.6
    assert cyrillic / sum(len(row["ru"]) for row in rows) > 0.6


def test_text_is_tidy(rows):
    for row in rows:
        for language in LANGUAGES:
            text = row[language]
            assert text == " ".join(text.split())
            assert "\u00ad" not in text and "\ufeff" not in text


def test_known_verses_are_aligned():
    verses = {row["id"]: row for row in load_parallel("bible").to_list()}
    first = verses[0]
    assert (first["group"], first["document"]) == ("gen.1", "gen")
    assert first["en"] == "At the first God made the heaven and the earth."
    assert first["fr"] == "Au commencement, Dieu créa les cieux et la terre."
    assert first["de"] == "Im Anfang schuf Gott die Himmel und die Erde."
    assert first["ru"] == "В начале сотворил Бог небо и землю."
    assert first["zh"] == "起初，神创造天地。"
    assert first["es"] == "En el principio crió Dios los cielos y la tierra."
    knock = next(row for row in verses.values() if row["en"].startswith("Make a request, and it"))
    assert knock["group"] == "mat.7" or knock["group"].endswith(".7")
    assert "frappez" in knock["fr"] and "стучите" in knock["ru"] and "叩门" in knock["zh"]


def test_no_training_id_is_read_in_both_languages(rows):
    """The halves: even ids for the first language, odd for the second."""
    even = {row["id"] for row in rows if row["split"] == "train" and row["id"] % 2 == 0}
    odd = {row["id"] for row in rows if row["split"] == "train" and row["id"] % 2 == 1}
    assert not even & odd
    assert 0.9 < len(even) / len(odd) < 1.1


def test_a_corpus_reads_the_halves(corpus):
    by_english = {row["en"]: row for row in load_parallel("bible").to_list()}
    by_french = {row["fr"]: row for row in by_english.values()}
    english = {by_english[text]["id"] for text in corpus.train["en"]}
    french = {by_french[text]["id"] for text in corpus.train["fr"]}
    assert not english & french
    assert {i % 2 for i in english} == {0} and {i % 2 for i in french} == {1}


def test_nothing_held_out_is_trained_on_in_any_language(corpus):
    held_out = [set(part[name]) for part in (corpus.dev, corpus.test) for name in ("en", "fr")]
    assert not any(set(corpus.train[name]) & texts for name in ("en", "fr") for texts in held_out)


def test_held_out_text_is_parallel(corpus):
    translation = {row["en"]: row["fr"] for row in load_parallel("bible").to_list()}
    assert [translation[text] for text in corpus.test["en"]] == corpus.test["fr"]
    assert [translation[text] for text in corpus.dev["en"]] == corpus.dev["fr"]
    assert len(corpus.test["en"]) == 1000 and len(corpus.dev["en"]) == 500


def test_one_language_can_read_either_half(corpus):
    even = load_corpus(("en",), ("bible",))
    odd = load_corpus(("en",), ("bible",), half="odd")
    assert even.train["en"] == corpus.train["en"]
    assert not set(even.train["en"]) & set(odd.train["en"])
    both = load_corpus(("en",), ("bible",), half="both")
    assert sorted(both.train["en"]) == sorted(even.train["en"] + odd.train["en"])
    assert even.dictionary == {}
    assert set(even.test) == {"en"}


def test_mixed_domains_measure_on_the_first():
    mixed = load_corpus(("en", "de"), ("bible", "help"))
    assert mixed.test == load_corpus(("en", "de"), ("bible", "bible")).test


def test_both_domains_are_read_one_after_the_other():
    both = load_corpus(("ru",), ("bible+help",))
    parts = [load_corpus(("ru",), (domain,)) for domain in DOMAINS]
    assert both.train["ru"] == parts[0].train["ru"] + parts[1].train["ru"]
    assert both.test["ru"] == parts[0].test["ru"] + parts[1].test["ru"]


@pytest.fixture(scope="module")
def apart():
    return load_corpus(("en", "fr"), ("bible", "bible"), overlap="dropped")


def test_near_copies_are_left_out_of_held_out_text_and_of_the_odd_half(corpus, apart):
    copies = near_copies("bible")
    rows = [row for row in load_parallel("bible").to_list() if row["id"] in copies]
    for split in ("dev", "test"):
        for language in ("en", "fr"):
            gone = {row[language] for row in rows if row["split"] == split}
            kept, dropped = getattr(corpus, split)[language], getattr(apart, split)[language]
            assert gone and dropped == [text for text in kept if text not in gone]
    gone = {row["fr"] for row in rows if row["split"] == "train"}
    assert gone and apart.train["fr"] == [t for t in corpus.train["fr"] if t not in gone]
    assert apart.train["en"] == corpus.train["en"]


def test_text_without_near_copies_is_parallel_and_the_same_rows_in_all_languages(apart):
    translation = {row["en"]: row for row in load_parallel("bible").to_list()}
    assert [translation[text]["fr"] for text in apart.test["en"]] == apart.test["fr"]
    other = load_corpus(("ru", "zh"), ("bible", "bible"), overlap="dropped")
    assert [translation[text]["zh"] for text in apart.test["en"]] == other.test["zh"]
    assert [translation[text]["ru"] for text in apart.dev["en"]] == other.dev["ru"]
    alone = load_corpus(("fr",), ("bible",), half="odd", overlap="dropped")
    assert alone.train["fr"] == apart.train["fr"]


def test_the_usual_text_does_not_depend_on_the_list_of_near_copies(corpus, apart, monkeypatch):
    assert corpus.checksum != apart.checksum
    monkeypatch.setattr("isomorph.text.parallel.NEAR_COPIES", "text/none.parquet")
    assert load_corpus(("en", "fr"), ("bible", "bible")) == corpus
    with pytest.raises(shipped.DataCorrupted, match=r"none\.parquet is not listed"):
        load_corpus(("en", "fr"), ("bible", "bible"), overlap="dropped")


def test_near_copies_of_every_kind_are_listed_across_splits_only():
    split = {d: {r["id"]: r["split"] for r in load_parallel(d).to_list()} for d in DOMAINS}
    rows = read_table("text/near_copies.parquet").to_list()
    crossings = {("train", "train"), ("dev", "train"), ("test", "train"), ("test", "dev")}
    assert {(r["split"], split[r["domain"]][r["copies"]]) for r in rows} == crossings
    for row in rows:
        assert row["cosine"] > 0.8 and split[row["domain"]][row["id"]] == row["split"]
        assert row["split"] != "train" or (row["id"] % 2, row["copies"] % 2) == (1, 0)


@pytest.mark.parametrize("languages", [("en", "fr"), ("zh", "en"), ("fr", "de")])
def test_no_test_word_is_linked_with_a_target_that_was_trained_on(languages):
    domains = ("bible+help",) * 2
    kept, left = (word_pairs(languages, domains, overlap) for overlap in ("kept", "dropped"))
    assert left["train"] == kept["train"]
    trained_on = {target for _, target in kept["train"]}
    # Words were split by the English one: as a target it is in one part only.
    assert bool({target for _, target in kept["test"]} & trained_on) == (languages[1] != "en")
    assert left["test"] and not {target for _, target in left["test"]} & trained_on
    # Whatever is still asked, in either direction, keeps all its right answers.
    for side in (0, 1):
        asked = {pair[side] for pair in left["test"]}
        assert [pair for pair in kept["test"] if pair[side] in asked] == left["test"]


def test_the_checksum_tells_corpora_apart(corpus):
    assert corpus.checksum == load_corpus(("en", "fr"), ("bible", "bible")).checksum
    others = [
        load_corpus(("en", "fr"), ("help", "help")),
        load_corpus(("en", "de"), ("bible", "bible")),
        load_corpus(("en",), ("bible",)),
    ]
    assert len({corpus.checksum, *(other.checksum for other in others)}) == 4


def test_nothing_is_written_into_the_data_folder():
    before = sorted(shipped.data_folder().rglob("*"))
    load_corpus(("es", "zh"), ("help", "help"))
    assert sorted(shipped.data_folder().rglob("*")) == before


def test_dictionary_words_are_ones_the_corpus_uses(corpus):
    counts = {(row["source"], row["target"]): row for row in load_dictionary("fr").to_list()}
    for split in ("train", "test"):
        for pair in corpus.dictionary[split]:
            row = counts[pair]
            assert row["split"] == split
            assert min(row["count_source_bible"], row["count_target_bible"]) >= FEWEST_OCCURRENCES
    sources = {name: {pair[0] for pair in corpus.dictionary[name]} for name in ("train", "test")}
    assert not sources["train"] & sources["test"]
    assert len(sources["train"]) > 400 and len(sources["test"]) > 200


def test_dictionary_of_a_turned_pair_is_turned(corpus):
    turned = load_corpus(("fr", "en"), ("bible", "bible")).dictionary
    assert {pair[::-1] for pair in turned["test"]} == set(corpus.dictionary["test"])
    first = {name: {pair[0] for pair in turned[name]} for name in ("train", "test")}
    assert not first["train"] & first["test"]


def test_dictionary_without_english_goes_through_english():
    pairs = load_corpus(("fr", "de"), ("bible", "bible")).dictionary
    assert ("maison", "Haus") in pairs["train"] + pairs["test"]
    first = {name: {pair[0] for pair in pairs[name]} for name in ("train", "test")}
    assert not first["train"] & first["test"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("en", "it"), ("bible", "bible")), "language is 'it'; allowed are 'en'"),
        ((("en", "fr"), ("bible", "novels")), "domain is 'novels'; allowed are 'bible'"),
        ((("en", "fr"), ("bible",)), "one domain for each"),
        ((("en", "en"), ("bible", "bible")), "two different languages"),
        (((), ()), "one or two names"),
        ((("en", "fr", "de"), ("bible",) * 3), "one or two names"),
        (("en", ("bible",)), "one or two names"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_corpus(*arguments)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="half is 'first'; allowed are 'even', 'odd', 'both'"):
        load_corpus(("en",), ("bible",), half="first")
    with pytest.raises(ValueError, match="overlap is 'no'; allowed are 'kept', 'dropped'"):
        load_corpus(("en",), ("bible",), overlap="no")
    with pytest.raises(ValueError, match="domain is 'bible.help'"):
        load_parallel("bible+help")
    with pytest.raises(ValueError, match="language is 'en'; allowed are 'fr'"):
        load_dictionary("en")
