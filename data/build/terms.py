"""Interface-term tagging: which words of the help name something to read, press or type?

The shape of named-entity recognition.  The labels are the mark-up of the pages themselves: MENU is
a name on the screen (menu, dialog, button, field), KEY a key, INPUT something that is typed.  Only
paragraphs are kept in which all six languages mark the same kinds in the same order.
"""

from isomorph.text.shipped import LANGUAGES
from isomorph.text.shipped_tasks import TAGS, split_words

from .office_help import Paragraph

FEWEST_PLAIN_WORDS = 2  # a paragraph that is nothing but a term teaches where terms end badly


def build(rows: list[dict], marked: dict[int, dict[str, Paragraph]]) -> list[dict]:
    """Rows id, split, and for each language tokens_xx and tags_xx (indices into TAGS)."""
    table = []
    for row in rows:
        tagged = {
            language: tag(marked[row["id"]][language].segments, language) for language in LANGUAGES
        }
        kinds = {tuple(name for name in tags if name[0] == "B") for _, tags in tagged.values()}
        enough = all(tags.count("O") >= FEWEST_PLAIN_WORDS for _, tags in tagged.values())
        if len(kinds) == 1 and kinds != {()} and enough:
            entry = {"id": row["id"], "split": row["split"]}
            for language, (tokens, tags) in tagged.items():
                entry[f"tokens_{language}"] = tokens
                entry[f"tags_{language}"] = [TAGS.index(name) for name in tags]
            table.append(entry)
    return table


def tag(segments, language: str) -> tuple[list[str], list[str]]:
    """Tokens and BIO tags of one paragraph; touching segments of one kind are one term."""
    tokens: list[str] = []
    tags: list[str] = []
    previous = None
    for text, kind in segments:
        words = split_words(text, language)
        if not words and not text:
            continue
        for position, word in enumerate(words):
            continues = position > 0 or kind == previous
            tokens.append(word)
            tags.append("O" if kind is None else f"{'I' if continues else 'B'}-{kind}")
        if words:
            previous = kind
        elif kind is None:
            previous = None  # a space between two terms keeps them apart
    return tokens, tags
