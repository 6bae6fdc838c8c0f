"""How dictionaries are read from the forms that they are published in."""

import gzip
import pickle

import pytest
from data.build import (
    dictionaries,
    word_lists,
)
from data.build.packages import SourceUnavailable


@pytest.fixture
def dictd():
    """A function that gives the files of a dictd database."""

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
        index = "\n".join(lines) + "\n"
        return {f"{name}.dict.dz": gzip.compress(content), f"{name}.index": index.encode()}

    return write


def test_freedict_takes_whole_headwords_only(dictd):
    files = dictd(
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
    assert list(word_lists.freedict_numbered(files, "d")) == pairs
    assert list(word_lists.freedict_reversed(files, "d")) == [pair[::-1] for pair in pairs]


def test_german_takes_the_line_of_translations_without_marks(dictd):
    entry = 'file /fˈaɪl/\nAkte <fem>, Akt <masc> [Ös.]  [adm.]\n      "on file"  - zu den Akten\n'
    files = dictd("d", [("file", entry), ("ran", "ran\n see: {run}\n")])
    assert list(word_lists.freedict_german(files, "d")) == [("file", "Akte"), ("file", "Akt")]


def test_mueller_takes_the_first_sense_to_its_first_semicolon(dictd):
    files = dictd(
        "d",
        [
            ("house", "house\n   1. _n. [haʊs]\n      1) дом; жилище\n      2) семья\n"),
            ("go", "go\n   [gɜʊ]\n   1. _v. (went - gone)\n      1) идти, ходить;\n      быть\n"),
            ("quickly", "quickly\n   [↗kwɪklɪ] _adv. быстро\n"),
            ("file", "file\n   _I  [faɪl]\n      1. _n.\n         1) _тех. напильник\n"),
        ],
    )
    assert list(word_lists.mueller(files, "d")) == [
        ("house", "дом"),
        ("go", "идти"),
        ("go", "ходить"),
        ("quickly", "быстро"),
        ("file", "напильник"),
    ]


def test_cedict_is_turned_round():
    lines = [
        "國王 国王 [guo2 wang2] /king or monarch/CL:個|个[ge4]/",
        "走 走 [zou3] /to walk (fast)/",
    ]
    pairs = list(word_lists.cedict({"d": pickle.dumps(lines)}, "d"))
    assert pairs[:2] == [("king", "国王"), ("monarch", "国王")]
    assert ("walk", "走") in pairs


class Order:
    """What a pickle can hold: a call that is made when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_that_calls_something_is_refused_and_calls_nothing(tmp_path):
    content = pickle.dumps([Order(tmp_path / "made")])
    with pytest.raises(SourceUnavailable, match=r"d is no pickle of plain lines: it asks for"):
        list(word_lists.cedict({"d": content}, "d"))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_lines_are_read_whatever_the_protocol(protocol):
    lines = ["走 走 [zou3] /to walk (fast)/"]
    assert list(word_lists.cedict({"d": pickle.dumps(lines, protocol)}, "d")) == [("walk", "走")]


@pytest.mark.parametrize("content", [b"", b"\x80", pickle.dumps(["a"])[:-3], b"no pickle"])
def test_a_damaged_pickle_is_one_sentence(content):
    with pytest.raises(SourceUnavailable, match="d is no pickle of plain lines"):
        list(word_lists.cedict({"d": content}, "d"))


@pytest.mark.parametrize("content", [{"a": "b"}, "lines", [1], [["a"]], [b"a"], None])
def test_a_pickle_of_something_else_is_refused(content):
    with pytest.raises(SourceUnavailable, match="something else than lines"):
        list(word_lists.cedict({"d": pickle.dumps(content)}, "d"))


def test_only_single_plain_words_are_kept():
    pairs = [("house", "дом"), ("House", "дом"), ("go on", "идти"), ("tree", "ёлка"), ("a", "b")]
    assert list(dictionaries.single_words(pairs, "ru")) == [("house", "дом"), ("tree", "елка")]
