"""The build, without any download: cleaning, splitting, reading, pairing, tagging, packages."""

import numpy as np
import pyarrow.parquet
import pytest
from data.build import (
    bible,
    dictionaries,
    office_help,
    packages,
    paraphrases,
    relation,
    terms,
)
from data.build.rows import (
    hold_out,
    tidy,
    without_repetitions,
    write_table,
)

from isomorph.text.shipped import LANGUAGES


def row(number, group="g", **texts):
    return {"id": number, "group": group, "document": group, "split": "train"} | {
        name: texts.get(name, f"{name} {number}") for name in LANGUAGES
    }


def test_tidy():
    assert tidy(" a\u00ad\tb\n c ", "en") == "a b c"
    assert tidy("e\u0301", "fr") == "é"
    assert tidy("神 说： Enter 键 Alt Gr", "zh") == "神说：Enter键Alt Gr"


@pytest.mark.parametrize(
    ("text", "language", "cleaned"),
    [
        ("(9:1) Au chef. Sur [Meurs]. (9:2) Je louerai", "fr", "Au chef. Sur Meurs. Je louerai"),
        ("(5:21 Lorsque quelqu'un", "fr", "Lorsque quelqu'un"),
        ("ALEPH Happy are they", "en", "Happy are they"),
        ("Happy *** they", "en", ""),
        ("bewahrt habe. * * *", "de", "bewahrt habe."),
        ("пред лицoм Бога", "ru", "пред лицом Бога"),
        ("(ADDED FROM KJV: The song => Песня)", "ru", ""),
        ("EN el principio crió Dios", "es", "En el principio crió Dios"),
        ("Salmo de David. \u00adOH Jehová, YO soy", "es", "Salmo de David. Oh Jehová, yo soy"),
        ("Suthela su hijo, y Ela0d.", "es", ""),
        ("他说（原文是弟兄）站著‧看【注】", "zh", "他说站着·看"),
        ("最著名的", "zh", "最著名的"),
    ],
)
def test_verses_are_cleaned(text, language, cleaned):
    assert bible.clean(text, language) == cleaned


def test_repetitions_and_gaps_are_dropped():
    rows = [row(0), row(1, fr="FR, 0!"), row(2, de="  "), row(3)]
    assert [kept["id"] for kept in without_repetitions(rows)] == [0, 3]


def test_hold_out_takes_whole_groups_and_exact_numbers():
    rows = [row(n, group=f"{n // 30 % 9}.{n // 30}") for n in range(9000)]
    strata = {r["group"]: r["group"][0] for r in rows}
    placed = hold_out(rows, strata, seed=1)
    groups = {
        name: {r["group"] for r in placed if r["split"] == name}
        for name in ("train", "dev", "test")
    }
    sizes = {name: sum(r["split"] == name for r in placed) for name in groups}
    assert (sizes["test"], sizes["dev"]) == (1000, 500)
    assert not groups["train"] & groups["test"] and not groups["test"] & groups["dev"]
    # 300 groups, of which 34 are tested, in 9 strata: three or four of each
    per_stratum = [sum(g[0] == str(n) for g in groups["test"]) for n in range(9)]
    assert min(per_stratum) >= 3 and max(per_stratum) <= 5
    assert placed == hold_out(rows, strata, seed=1)
    assert placed != hold_out(rows, strata, seed=2)


def test_hold_out_refuses_a_text_that_is_too_small():
    with pytest.raises(ValueError, match="too few"):
        hold_out([row(n, group=str(n)) for n in range(100)], {str(n): "s" for n in range(100)}, 1)


def test_the_same_rows_are_the_same_bytes(tmp_path):
    rows = [row(n) for n in range(50)]
    for name in ("a", "b"):
        write_table(tmp_path / name, "text/bible.parquet", rows)
    first, second = (tmp_path / name / "text/bible.parquet" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert pyarrow.parquet.read_table(first).to_pylist() == rows


def test_paragraphs_are_read_with_their_terms():
    content = (
        '<a name="x"></a><span class="avis">Press <span class="keycode">'
        '<span class="switchinline"><span hidden="true" id="MAC1" class="MAC">Command</span>'
        '<span hidden="true" id="default1">Ctrl</span></span>+S</span> in&nbsp;<span class="emph">'
        "File &amp; More</span></span><br>now."
    )
    read = office_help.paragraph(content, "fr")
    assert read.text == "Press Ctrl+S in File & More now."
    assert [(text, kind) for text, kind in read.segments if kind] == [
        ("Ctrl", "KEY"),
        ("+S", "KEY"),
        ("File & More", "MENU"),
    ]


def test_paragraphs_of_one_program_only_are_left_out():
    content = 'In <span hidden="true" class="WRITER">Writer</span>'
    assert office_help.paragraph(content, "de") is None


def test_translated_means_different_in_every_language():
    def said(**texts):
        default = {"zh": "选择此宏", "ru": "Выберите этот макрос"}
        return {
            name: office_help.Paragraph(texts.get(name, default.get(name, f"{name} abc")), ())
            for name in LANGUAGES
        }

    english = "Choose this macro now"
    assert office_help.is_translated(said(en=english))
    assert not office_help.is_translated(said(en=english, fr="Choose this macro, now!"))
    assert not office_help.is_translated(said(en=english, ru="Vyberite"))
    assert not office_help.is_translated(said(en="Choose this macro"))


def test_terms_are_tagged_by_segment():
    segments = [("Choose ", None), ("File", "MENU"), (" - Open", "MENU"), (" or ", None)]
    segments += [("A", "MENU"), (" ", None), ("B", "MENU"), ("", None), ("=1", "INPUT")]
    tokens, tags = terms.tag(segments, "en")
    assert tokens == ["Choose", "File", "-", "Open", "or", "A", "B", "=", "1"]
    assert tags == ["O", "B-MENU", "I-MENU", "I-MENU", "O", "B-MENU", "B-MENU"] + [
        "B-INPUT",
        "I-INPUT",
    ]


def test_terms_need_agreement_of_all_languages():
    def marked(kind):
        return office_help.Paragraph("x", (("one two ", None), ("three", kind)))

    agreed = {name: marked("MENU") for name in LANGUAGES}
    assert len(terms.build([row(7)], {7: agreed})) == 1
    assert terms.build([row(7)], {7: agreed | {"fr": marked("KEY")}}) == []
    assert terms.build([row(7)], {7: agreed | {"fr": marked(None)}}) == []


def test_relations_of_a_small_text():
    rows = [row(n, group=f"page{n // 12}") for n in range(120) if n % 12 != 5]
    pairs = relation.labelled(rows, 1, 1000, np.random.default_rng(0))
    assert len(pairs) == 3 * 10 * 9  # 11 lines a page, one gap: nine have a follower
    for a, b, label in pairs:
        inside = a // 12 == b // 12
        assert inside == (label != relation.ELSEWHERE)
        assert (b == a + 1) == (label == relation.FOLLOWS)
    assert len(relation.labelled(rows, 1, 36, np.random.default_rng(0))) == 3 * 36


def test_relations_refuse_a_single_document():
    with pytest.raises(ValueError, match="more than half"):
        relation.labelled([row(n) for n in range(20)], 1, 100, np.random.default_rng(0))


def test_occurrences_with_and_without_spaces():
    training = {("bible", 1): row(1, en="The House, a house", zh="神说水")}
    assert dictionaries.occurrences(training, "en", None)["house"] == {("bible", 1)}
    assert dictionaries.occurrences(training, "zh", {"水", "说水", "火"}) == {
        "水": {("bible", 1)},
        "说水": {("bible", 1)},
    }


def test_missing_build_tools_are_named(monkeypatch):
    monkeypatch.setattr(bible, "find_spec", lambda name: None)
    with pytest.raises(packages.SourceUnavailable, match="pip install opencc tables"):
        bible.require_tools()
    monkeypatch.setattr(dictionaries, "WORDFREQ", "0.0")
    with pytest.raises(packages.SourceUnavailable, match="pip install wordfreq==0.0"):
        dictionaries.require_tools()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("God`s [own] `word.`", "God's own 'word.'"),
        ("The wicked shall perish. Psalm 2", "The wicked shall perish."),
        ("Amen. BOOK II Psalm 42 For the Chief Musician.", "Amen."),
        ("In the book of Psalms, `Let no one", "In the book of Psalms, 'Let no one"),
        ("I will obey. Don`t forsake me. BEIT", "I will obey. Don't forsake me."),
        ("It endures forever. SIN AND SHIN", "It endures forever."),
        ("Holy to God, `HOLY TO YAHWEH.`", "Holy to God, 'HOLY TO YAHWEH.'"),
    ],
)
def test_the_other_translation_is_cleaned(text, cleaned):
    assert paraphrases.clean_second(text) == cleaned


def test_paraphrases_are_verses_whose_texts_differ(monkeypatch):
    verses = [{"id": n, "split": "train", "en": f"verse {n}"} for n in (0, 2, 3, 5)]
    others = ["Psalm", "dropped", "VERSE, 2!", "Text [3]", "dropped", "  "]
    kept = [("verse 0", "Psalm"), ("verse 3", "Text 3")]
    found = paraphrases.paired(verses, others)
    assert [(row["first"], row["second"]) for row in found] == kept
    assert [row["id"] for row in found] == [0, 3]
    monkeypatch.setitem(paraphrases.MOST_VERSES, "train", 1)
    (one,) = paraphrases.paired(verses, others)
    assert one in found and [one] == paraphrases.paired(verses, others)
