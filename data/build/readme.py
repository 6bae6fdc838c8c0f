"""data/README.md, written from the files themselves so that no number in it can be out of date."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from isomorph.measure.scores import accuracy, majority, span_scores
from isomorph.text import corpora, parallel, shipped, shipped_tasks, tasks
from isomorph.text.examples import SPLITS
from isomorph.text.shipped import DOMAINS, LANGUAGES

from . import near_copies

PARTS = {"odd half": "train", "dev": "dev", "test": "test"}  # as they are called here -> split
FOLDERS = ("text", "tasks", "dictionaries")  # models and results describe themselves

WHAT = {
    "text/bible.parquet": (
        (
            "Six Bibles, one verse a row: Bible in Basic English (1949), Louis Segond (1910), "
            "Elberfelder (1932), Russian Synodal (1876), Chinese Union Version (1919, converted to "
            "simplified script), Reina-Valera (1909)"
        ),
        "public domain",
    ),
    "text/help.parquet": (
        (
            "LibreOffice help, one paragraph or heading a row, those of four English words and more "
            "that are translated in all six languages"
        ),
        "MPL-2.0",
    ),
    "text/near_copies.parquet": (
        "Rows that nearly repeat a row of another split, with its id and their cosine",
        "CC0-1.0 (ids only)",
    ),
    "tasks/passage_relation.parquet": ("Pairs of row ids with labels", "CC0-1.0 (ids only)"),
    "tasks/interface_terms.parquet": ("Help paragraphs as words with BIO tags", "MPL-2.0"),
    "tasks/paraphrases.parquet": (
        "Verses in two English translations: Bible in Basic English (1949), World English Bible",
        "public domain",
    ),
    "dictionaries/en-fr.parquet": (
        "FreeDict English-French and French-English",
        "GPL-2.0-or-later",
    ),
    "dictionaries/en-de.parquet": ("Ding/FreeDict English-German", "GPL-3.0"),
    "dictionaries/en-ru.parquet": ("Mueller English-Russian, 7th edition", "GPL-2.0-or-later"),
    "dictionaries/en-zh.parquet": ("CC-CEDICT turned round", "CC-BY-SA-4.0"),
    "dictionaries/en-es.parquet": (
        "FreeDict English-Spanish and Spanish-English",
        "GPL-2.0-or-later",
    ),
}


def write(folder: Path) -> None:
    """Write README.md of a data folder that has just been built."""
    before = os.environ.get("ISOMORPH_DATA")
    os.environ["ISOMORPH_DATA"] = str(folder)
    try:
        text = _TEXT.format(
            files=_files(),
            texts=_texts(),
            near_copies=_near_copies(),
            near_copies_kept=_near_copies_kept(),
            relation=_relation(),
            terms=_terms(),
            paraphrases=_paraphrases(),
            dictionaries=_dictionaries(),
            sources=_sources(),
        )
    finally:
        if before is None:
            del os.environ["ISOMORPH_DATA"]
        else:
            os.environ["ISOMORPH_DATA"] = before
    (folder / "README.md").write_text(text, encoding="utf-8")


def table(header: tuple[str, ...], rows: list[tuple]) -> str:
    """A Markdown table; integers with a comma every three digits, shares with three decimals."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _files() -> str:
    entries = shipped.read_manifest()["files"]
    rows = []
    for path, (what, licence) in WHAT.items():
        entry = entries[path]
        made_of = ", ".join(entry["sources"])
        rows.append((f"`{path}`", what, made_of, licence, entry["bytes"], f"`{entry['sha256']}`"))
    return table(("file", "what", "made from", "licence", "bytes", "SHA-256"), rows)


def _texts() -> str:
    rows, sizes = [], []
    for domain in DOMAINS:
        data = parallel.load_parallel(domain)
        splits = Counter(data["split"])
        pairs = zip(data["id"], data["split"], strict=True)
        even = sum(name == "train" and i % 2 == 0 for i, name in pairs)
        counted = (splits[name] for name in SPLITS)
        rows.append((domain, *counted, even, splits["train"] - even))
        sizes.append((domain, *(sum(map(len, data[name])) for name in LANGUAGES)))
    header = ("rows", *SPLITS, "first half (even ids)", "second half (odd ids)")
    return f"{table(header, rows)}\n\n{table(('characters', *LANGUAGES), sizes)}"


def _near_copies() -> str:
    data = corpora.read_table(parallel.NEAR_COPIES).to_list()
    header = (
        "near copies",
        *(f"{name}, {where}" for name in PARTS for where in ("English", "any")),
    )
    rows = []
    for domain in DOMAINS:
        own = [row for row in data if row["domain"] == domain]
        counts = []
        for split in PARTS.values():
            parts = [row for row in own if row["split"] == split]
            english = {row["id"] for row in parts if row["language"] == "en"}
            counts += [len(english), len({row["id"] for row in parts})]
        rows.append((domain, *counts))
    return table(header, rows)


def _near_copies_kept() -> str:
    rows = []
    for domain in DOMAINS:
        data = corpora.read_table(f"text/{domain}.parquet").to_list()
        rows.append((f"{domain}, of another test row", *_test_rows(data, "{}", near_copies.twins)))
    data = corpora.read_table("tasks/interface_terms.parquet").to_list()
    terms = _test_rows(data, "tokens_{}", near_copies.near_training)
    rows.append(("interface terms, of a training or dev paragraph", *terms))
    return table(("near copies that stay", "test rows", "English", "any"), rows)


def _test_rows(data: list[dict], column: str, find) -> tuple[int, int, int]:
    """How many test rows there are, and how many `find` names in English and in any language."""
    splits = np.array([row["split"] for row in data])
    found = {}
    for language in LANGUAGES:
        space = "" if language == "zh" else " "
        texts = [row[column.format(language)] for row in data]
        texts = [text if isinstance(text, str) else space.join(text) for text in texts]
        found[language] = find(texts, splits, language)
    return int((splits == "test").sum()), len(found["en"]), len(set().union(*found.values()))


def _relation() -> str:
    rows = []
    for domain, source in zip(DOMAINS, ("passage_relation", "passage_relation_help"), strict=True):
        labels = [
            Counter(item.label for item in tasks.examples(source, "en", name).items)
            for name in SPLITS
        ]
        train, test = labels[0], labels[-1]
        most = test[train.most_common(1)[0][0]] / test.total()
        chance = sum(train[name] * test[name] for name in train) / train.total() / test.total()
        rows.append((domain, *map(Counter.total, labels), most, chance))
    return table(("domain", "train", "dev", "test", "majority", "chance"), rows)


def _terms() -> str:
    sizes = []
    for name in SPLITS:
        items = tasks.examples("interface_terms", "en", name).items
        tags = Counter(tag for item in items for tag in item.tags)
        sizes.append((name, len(items), *(tags[f"B-{kind}"] for kind in shipped_tasks.KINDS)))
    header = ("language", "all O: accuracy", "majority: accuracy", "majority: F1")
    header += ("chance: accuracy", "chance: F1")
    shape = table(("split", "paragraphs", *shipped_tasks.KINDS), sizes)
    return f"{shape}\n\n{table(header, [(code, *_term_scores(code)) for code in LANGUAGES])}"


def _term_scores(language: str) -> tuple[float, ...]:
    """Of answering "O" everywhere, of each word's most frequent training tag, and of the tags of a
    random training sentence, cut or filled up with "O"."""
    train, test = (tasks.examples("interface_terms", language, name) for name in ("train", "test"))
    gold = [list(item.tags) for item in test.items]
    drawn = np.random.default_rng(0).integers(len(train.items), size=len(gold))
    chance = [
        [*train.items[place].tags, *["O"] * len(tags)][: len(tags)]
        for place, tags in zip(drawn, gold, strict=True)
    ]

    def right(guessed: list[list[str]]) -> float:
        return accuracy(*([tag for tags in side for tag in tags] for side in (gold, guessed)))

    most = [list(tags) for tags in majority(train, test)]
    return (
        right([["O"] * len(tags) for tags in gold]),
        *(
            score
            for tags in (most, chance)
            for score in (right(tags), span_scores(gold, tags)["f1"])
        ),
    )


def _paraphrases() -> str:
    data = corpora.read_table("tasks/paraphrases.parquet").to_list()
    rows = []
    for name in SPLITS:
        pairs = [(row["first"], row["second"]) for row in data if row["split"] == name]
        words = [[shipped_tasks.split_words(text, "en") for text in pair] for pair in pairs]
        lengths = [sum(map(len, side)) / len(words) for side in zip(*words, strict=True)]
        rows.append((name, len(pairs), *(f"{length:.1f}" for length in lengths)))
    return table(("split", "verses", "words of the first", "words of the second"), rows)


def _dictionaries() -> str:
    rows = []
    for language in LANGUAGES[1:]:
        data = parallel.load_dictionary(language).to_list()
        words = {
            name: len({r["source"] for r in data if r["split"] == name})
            for name in ("train", "test")
        }
        used = corpora.load_corpus(("en", language), ("bible+help", "bible+help")).dictionary
        bible = corpora.load_corpus(("en", language), ("bible", "bible")).dictionary
        apart = parallel.word_pairs(("en", language), ("bible+help", "bible+help"), "dropped")
        targets = {target for _, target in used["train"]}
        seen = sum(target in targets for _, target in used["test"])
        rows.append(
            (f"en-{language}", len(data), words["train"], words["test"])
            + tuple(len({a for a, _ in used[name]}) for name in ("train", "test"))
            + tuple(len({a for a, _ in bible[name]}) for name in ("train", "test"))
            + (len(used["test"]), seen, len({a for a, _ in apart["test"]}))
        )
    header = ("pair", "entries", "train words", "test words", "usable train", "usable test")
    header += ("of these Bible, train", "of these Bible, test", "usable test pairs")
    return table((*header, "of these target trained on", "test words left apart"), rows)


def _sources() -> str:
    packages = shipped.read_manifest()["sources"]
    rows = [(name, entry["version"], f"`{entry['sha256']}`") for name, entry in packages.items()]
    return table(("package", "version", "SHA-256"), sorted(rows))


_TEXT = """\
# The data that ships with Isomorph

Everything here is made by one command, `isomorph data build`, from public packages.  This page is
written by that command too: do not edit it.  `MANIFEST.json` holds the SHA-256 of every file, and
no file is read before it has been compared.  A file that is damaged or missing stops the reader
with a sentence that says how to rebuild it.

{files}

Licence texts and the notices of the sources are in `licences/`.  The code that makes the files is
under the licence of the project; the files keep the licences above.

## Texts

Two domains that are far apart, in six languages, aligned by row.  Columns: `id`, `group` (chapter
or page), `document` (book or page), `split`, and one column of text a language.

{texts}

- **Cleaning.**  Unicode NFC, no invisible characters, single spaces.  Brackets around added words
  go and the words stay.  Verse numbers of other versifications and translators' footnotes go.
  Latin letters typed for Cyrillic ones are mended, and Spanish chapters no longer open in capitals.
  In the help, of several forms for different systems the default one is kept, and code is left out.
- **No repetitions.**  A row is dropped when its text in any language has occurred in an earlier
  row, letters and digits alone compared.  So no sentence is in two splits or in both halves.
- **Identifiers** are positions in reading order before anything was dropped.  A gap shows that
  something is missing there.
- **Held-out rows** are whole chapters and pages, spread over the books of the Bible and the parts
  of the help by a fixed seed: exactly 1,000 test and 500 development rows a domain.  What is left
  over of the last chapter or page of each is dropped, so no group is in two splits.
- **Halves.**  When a model is trained on two languages, the first reads the training rows with even
  ids and the second those with odd ids.  It never sees a sentence and its translation, though it
  may see the translation of a near copy.
- **Near copies.**  Rows are compared by the cosine of their TF-IDF vectors (words of two letters and
  more; in Chinese, pairs of characters), weighted over the whole domain.  Above 0.8 a row is a near
  copy: in the odd half of a row of the even half, in dev of a training row, in test of a training or
  dev row.  `text/near_copies.parquet` lists each with the row that it is most like, by language.
  A text with `overlap="dropped"` leaves out those that are near copies in *any* language, so that
  the rows of all languages stay parallel.  Runs recorded before
  the list was made have `overlap="kept"` and hold them.

{near_copies}

Two kinds stay in every run.  A test row with a twin in the test itself has two answers that are nearly
right, which holds down the P@1 of every model alike; without it the search would be among fewer and
easier sentences.  The test paragraphs of the interface terms (below) are those of all recorded scores,
and the majority that they are held against has seen the same training paragraphs.

{near_copies_kept}

## Task: passage relation

Does passage B follow A, stand elsewhere in the same chapter or page, or in another document?  The
labels come from the order of the text, so they are exact and the same in every language.  In each
split the three classes use the same passages A and the same passages B in other pairings.  So
neither passage alone, and neither length, tells anything.  In the help, B may follow A over a gap
of at most two headings or dropped lines.  Scores of the baselines are accuracies.

{relation}

## Task: interface terms

Which words name a thing on the screen (MENU: menus, dialogs, buttons, fields), a key (KEY), or
something typed (INPUT)?  The tags are the mark-up of the help's authors, in BIO form.  Only
paragraphs are kept in which all six languages mark the same kinds in the same order.  Authors do
not mark every mention, and some put emphasis where there is no term, so a perfect score is not to
be expected.  Chinese tokens are single characters, and Chinese authors often put corner brackets
around a term, which helps.  KEY is rare: read its own score with care.

*All O* tags nothing.  *Majority* gives every word its most frequent training tag.  *Chance* gives
every paragraph the tags of a random training paragraph.  Scores are on the test split; F1 is
micro-averaged over exact terms.

{terms}

## Task: paraphrases

One verse in two English translations.  Columns: `id` and `split` of the verse in
`text/bible.parquet`, `first`, the English that stands there, and `second`, that of the World English
Bible, cleaned in the same way.  Headings of psalms that stood in the verse before them are gone.
Left out are verses whose two texts have the same letters.  The training verses are a random part.
Words are means a verse, punctuation marks included.

{paraphrases}

## Dictionaries

English to the other five languages, single words.  Columns: `source`, `target`, `split`, `rank`,
and how many training rows of the texts above contain the words (`count_*`).  A third of the English
words is for testing, the same words in every language.  *Usable* words are those that a corpus
offers: source and target each in at least five training rows, and at least once in a sentence and
its translation.

{dictionaries}

- Because words were split by the English side, many a test word has a translation that a training
  word has too, and a rotation learnt on the training words has been fitted to that very vector.
  The dictionaries of MUSE, split by source word (Conneau, Lample, Ranzato, Denoyer & Jégou 2018,
  *Word translation without parallel data*), have the same property.  A text with `overlap="dropped"`
  asks only the *words left apart*: those from which no chain of translations leads to such a target,
  so that every word that is asked keeps all its right answers.
- Of Mueller's English-Russian dictionary only the first sense up to its first semicolon is taken:
  later senses are rare and mixed with examples.  The FreeDict English-Russian (1,699 entries) is not
  used.
- The index of FreeDict English-Spanish cuts phrases to their first word ("go astray" to "go").
  Entries whose pronunciation shows that are left out.
- Targets must be plausible: among the 50,000 most frequent words of the language, or in the texts.
- Translations are ranked by how regularly they occur together with the word in the training text.
  Russian is written without the letter yo, as in the Bible.

## Sources

{sources}

Debian packages cannot be pinned to a version, because the archive keeps only the newest.  The
versions above are those that the files were made from; the build reports another one.
"""
