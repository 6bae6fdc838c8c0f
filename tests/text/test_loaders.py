"""Every loader of public text, through the real clients of the hub and a stand-in of it: a small data
set in the layout, with the columns, labels and revisions that the hub's has."""

import gzip
import json

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from isomorph.text import corpora
from isomorph.text.examples import ENTITY_TAGS, EXTRA, LABELS, SENTENCES, UPOS
from isomorph.text.tasks import SOURCES
from tests import hub as stand_in


def table(rows, **features):
    """Columns of rows, with the labels that a card of the hub gives them."""
    whole = Dataset.from_list(rows)
    return whole.cast(Features({**whole.features, **features})).data.table


def texts(*names, rows=4, **others):
    return [{name: f"{name} {n}" for name in names} | others for n in range(rows)]


TREE = {
    "sent_id": "1", "text": "Go home", "tokens": ["Go", "home"], "head": ["0", "1"],
    "deprel": ["root", "obl:lmod"], "upos": ["VERB", "NOUN"],
    "mwt": [{"id": "9-10", "form": "du", "feats": "", "misc": ""}],
}  # fmt: skip
OLD_TREE = {name: TREE[name] for name in ("tokens", "head", "deprel")} | {"upos": [16, 0]}
ASKED = {
    "id": "english-1", "title": "t", "context": "It rains here.", "question": "Where?",
    "answers": {"text": ["here"], "answer_start": [9]},
}  # fmt: skip
PAIR = ("sentence1", "sentence2")
LABELLED = {
    "rte": (PAIR, ("entailment", "not_entailment")),
    "mrpc": (PAIR, ("not_equivalent", "equivalent")),
    "cola": (("sentence",), ("unacceptable", "acceptable")),
    "sst2": (("sentence",), ("negative", "positive")),
}
CASES = {  # of a loader: (the hub's id, revision, {"<config>/<split>": its table}, what is read)
    "xnli": (
        "facebook/xnli", "main",
        {"fr/test": table(texts("premise", "hypothesis", label=2), label=ClassLabel(names=LABELS))},
        lambda: examples("xnli", "fr").items[0].label, "contradiction",
    ),
    "wikiann": (
        "unimelb-nlp/wikiann", "main",
        {"fr/test": table([{"tokens": ["Rome"], "ner_tags": [5], "langs": ["fr"], "spans": ["LOC"]}],
                          ner_tags=List(ClassLabel(names=ENTITY_TAGS)))},
        lambda: examples("wikiann", "fr").items[0].tags, ("B-LOC",),
    ),
    "universal_dependencies": (
        "commul/universal_dependencies", "2.17", {"fr_gsd/test": table([TREE])},
        lambda: examples("universal_dependencies", "fr").items[0].relations, ("root", "obl"),
    ),
    "parts_of_speech": (
        "commul/universal_dependencies", "2.17",
        {"de_gsd/test": table([OLD_TREE], upos=List(ClassLabel(names=UPOS)))},
        lambda: examples("parts_of_speech", "de").items[0].tags, ("VERB", "NOUN"),
    ),
    "tydiqa": (
        "google-research-datasets/tydiqa", "main",
        {"secondary_task/validation": table([ASKED, ASKED | {"id": "korean-1"}])},
        lambda: [item.answers for item in examples("tydiqa", "en").items], [("here",)],
    ),
    "squad": (
        "rajpurkar/squad", "main", {"plain_text/validation": table([ASKED])},
        lambda: examples("squad", "en").items[0].start, 9,
    ),
    "stsb": (
        "nyu-mll/glue", "main",
        {"stsb/validation": table(texts(*PAIR, label=2.5, idx=0), label=Value("float32"))},
        lambda: examples("stsb", "en").items[0].score, 2.5,
    ),
    **{
        name: (
            "nyu-mll/glue", "main",
            {f"{name}/validation": table(texts(*columns, label=1, idx=0),
                                         label=ClassLabel(names=labels))},
            lambda name=name: examples(name, "en").items[1].label, labels[1],
        )
        for name, (columns, labels) in LABELLED.items()
    },
    **{
        f"{name} scores": (
            dataset, "main", {f"default/{split}": table(texts(*PAIR, score=3.5))},
            lambda name=name: scores(name), [3.5] * 4,
        )
        for name, (dataset, split) in (SENTENCES | EXTRA).items()
    },
    "tatoeba": (
        "mteb/tatoeba-bitext-mining", "main",
        {"rus-eng/test": table(texts(*PAIR, rows=600, lang="rus-eng"))},
        lambda: sides("tatoeba", "ru")["ru"][599], "sentence1 599",
    ),
    "wikipedia": (
        corpora.WIKIPEDIA[0], corpora.WIKIPEDIA[3],
        {"20231101.ru/train": table(texts("id", "url", "title", text="A page that is long enough."))},
        lambda: list(sides("hub_corpus", ("ru",), 3).train["ru"]), ["A page that is long enough."] * 3,
    ),
    "mC4": (
        corpora.WEB[0], corpora.WEB[3], ("ru",),
        lambda: sides("hub_corpus", ("ru",), 1, ("ru",)).train["ru"][0], "A page of the web, of text.",
    ),
}  # fmt: skip


def examples(source, language):
    from isomorph.text import tasks

    return tasks.examples(source, language, "test")


def scores(name):
    from isomorph.text.examples import scored_pairs

    return scored_pairs(name).scores


def sides(name, *asked):
    return getattr(corpora, name)(*asked)


def run(case):
    """What a loader reads, and what a run names as read."""
    from isomorph.text.fetch import reading

    with reading() as found:
        return CASES[case][3](), found


@pytest.fixture(scope="module")
def served():
    with stand_in.served() as (hub, address):
        tables = {}
        for dataset, revision, own, *_ in CASES.values():
            tables.setdefault((dataset, revision), {}).update(own if isinstance(own, dict) else {})
        for (dataset, revision), own in tables.items():
            hub.put_tables(dataset, own, revision)
        page = {"text": "A page of the web, of text.", "timestamp": "2020", "url": "u"}
        card = "---\nconfigs:\n- config_name: ru\n  data_files:\n  - split: train\n    path: multilingual/"
        files = {
            "README.md": f"{card}c4-ru.*.json.gz\n---\n".encode(),
            "multilingual/c4-ru.tfrecord-00000-of-01024.json.gz":
                gzip.compress(json.dumps(page).encode()),
        }  # fmt: skip
        hub.put("datasets", corpora.WEB[0], files, corpora.WEB[3])
        yield hub, address


@pytest.fixture(scope="module")
def there(served, tmp_path_factory):
    cache = str(tmp_path_factory.mktemp("cache"))
    with stand_in.user(served[1], ISOMORPH_CACHE=cache) as call:
        yield call


def test_every_loader_of_public_text_is_here():
    of_hub = {
        key for key, own in SOURCES.items() if own.public and not own.dataset.startswith("local/")
    }
    assert of_hub | {f"{name} scores" for name in SENTENCES | EXTRA} <= set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_loader_reads_what_the_hub_has_and_names_it(served, there, case):
    dataset, _, _, _, expected = CASES[case]
    found, read = there(run, case)
    assert found == expected
    (version,) = [name.rpartition("@")[2] for name in read if dataset.split("/")[1] in name]
    commits = {
        stand_in.commit_of(files)
        for files in served[0].repositories[f"datasets/{dataset}"].values()
    }
    assert version in commits
