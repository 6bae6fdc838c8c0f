"""How dictionaries are read from the forms that they are published in."""

import gzip
import pickle

import pytest

from isomorph.sources import (
    dictionaries,
    word_lists,
)


@pytest.fixture
def dictd(tmp_path):
    """A function that writes a dictd database and gives its folder."""

    def write(name, entries):
        digits = word_lists._DIGITS
        content, lines = b"", []
        for headword, entry in entries:
            code = []
            for number in (len(content), len(entry.encode())):
                text = ""
                while True:
                    number, digit = divmod(number, 64)
                    text = digits[digit] + text
                    if not number:
                        break
                code.append(text)
            lines.append("\t".join([headword, *code]))
            content += entry.encode()
        (tmp_path / f"{name}.dict.dz").write_bytes(gzip.compress(content))
        (tmp_path / f"{name}.index").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path

    return write


def test_freedict_takes_whole_headwords_only(dictd):
    folder = dictd(
        "d",
        [
            ("go", "go /gou/\n1. ir, dirigirse\n2. conducir <v>\n"),
            ("go", "go /gouæstrei/\nextraviarse\n"),
            ("water", "water‐ /wɔːtə/\nacuático\n"),
            ("water", "water /wˈɔːtə/\nacuarela\n"),
            ("water", "water /wɔːtər/\nagua [x]\n"),
        ],
    )
    pairs = [("go", "ir"), ("go", "dirigirse"), ("go", "conducir"), ("water", "agua")]
    assert list(word_lists.freedict_numbered(folder, "d")) == pairs
    assert list(word_lists.freedict_reversed(folder, "d")) == [pair[::-1] for pair in pairs]


def test_german_takes_the_line_of_translations_without_marks(dictd):
    entry = 'file /fˈaɪl/\nAkte <fem>, Akt <masc> [Ös.]  [adm.]\n      "on file"  - zu den Akten\n'
    folder = dictd("d", [("file", entry), ("ran", "ran\n see: {run}\n")])
    assert list(word_lists.freedict_german(folder, "d")) == [("file", "Akte"), ("file", "Akt")]


def test_mueller_takes_the_first_sense_to_its_first_semicolon(dictd):
    folder = dictd(
        "d",
        [
            ("house", "house\n   1. _n. [haʊs]\n      1) дом; жилище\n      2) семья\n"),
            ("go", "go\n   [gɜʊ]\n   1. _v. (went - gone)\n      1) идти, ходить;\n      быть\n"),
            ("quickly", "quickly\n   [↗kwɪklɪ] _adv. быстро\n"),
            ("file", "file\n   _I  [faɪl]\n      1. _n.\n         1) _тех. напильник\n"),
        ],
    )
    assert list(word_lists.mueller(folder, "d")) == [
        ("house", "дом"),
        ("go", "идти"),
        ("go", "ходить"),
        ("quickly", "быстро"),
        ("file", "напильник"),
    ]


def test_cedict_is_turned_round(tmp_path):
    lines = [
        "國王 国王 [guo2 wang2] /king or monarch/CL:個|个[ge4]/",
        "走 走 [zou3] /to walk (fast)/",
    ]
    (tmp_path / "d").write_bytes(pickle.dumps(lines))
    pairs = list(word_lists.cedict(tmp_path, "d"))
    assert pairs[:2] == [("king", "国王"), ("monarch", "国王")]
    assert ("walk", "走") in pairs


def test_only_single_plain_words_are_kept():
    pairs = [("house", "дом"), ("House", "дом"), ("go on", "идти"), ("tree", "ёлка"), ("a", "b")]
    assert list(dictionaries.single_words(pairs, "ru")) == [("house", "дом"), ("tree", "елка")]
