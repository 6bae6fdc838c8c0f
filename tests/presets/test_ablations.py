"""Each condition changes what its name says of the default, and nothing else."""

import json
from collections import Counter

import pytest

from isomorph import ledger
from isomorph.presets import ablations
from isomorph.presets.ablations import (
    BIGGER,
    DECIDING,
    DIALS,
    FAR,
    FLOORS,
    ORDERS,
    SEEDS,
    SEPARATE,
    SHAPES,
    TABLE_ONE,
    bigger_worlds,
    factors,
    separated,
    vary,
)
from isomorph.presets.elements import ELEMENTS, TOGETHER, element, elements
from isomorph.presets.recipes import FRESH, paper_run, real_default, smoke_default, world_default
from isomorph.runs import run_from_json
from isomorph.text.vocab import learn

SIZES = ("smoke", "laptop", "reference", "paper")
# As in the paper: two vocabularies put together, and random words of the batch's own language.
APART = {"vocabulary.anchors": "default", "training.random_words": "same"}
EMBEDDINGS = ["embeddings", "positions", "softmax"]
BOTTOM_1, BOTTOM_3 = ["layer.0"], ["layer.0", "layer.1", "layer.2"]  # of four layers

# What differs from the default, of four layers, by field and value.
CHANGES = {
    "default": {},
    "no_anchors": {"vocabulary.anchors": "none"},
    "default_anchors": {"vocabulary.anchors": "default"},
    "extra_anchors": {"vocabulary.anchors": "extra"},
    "sep_emb": APART | {"encoder.specific": EMBEDDINGS},
    "sep_l1_3": APART | {"encoder.specific": BOTTOM_1},
    "sep_l1_6": APART | {"encoder.specific": BOTTOM_3},
    "sep_emb_l1_3": APART | {"encoder.specific": EMBEDDINGS + BOTTOM_1},
    "sep_emb_l1_6": APART | {"encoder.specific": EMBEDDINGS + BOTTOM_3},
    "sep_positions": APART | {"encoder.specific": ["positions"]},
    "sep_softmax": APART | {"encoder.specific": ["softmax"]},
    "sep_top_3": APART | {"encoder.specific": ["layer.3"]},
    "sep_top_6": APART | {"encoder.specific": ["layer.1", "layer.2", "layer.3"]},
    "layers_2": {"encoder.layers": 2},
    "layers_6": {"encoder.layers": 6},
    "width_32": {"encoder.width": 32, "encoder.heads": 1},
    "width_128": {"encoder.width": 128, "encoder.heads": 4},
    "monolingual": {"read": "first"},
    "random_encoder": {},
}
FAR_TEXT = {"text.world.order": "verb-final", "text.world.anchors": 0.0}
WORLD = {
    "domain_mismatch": {"text.world.topic_overlap": 0.0},
    "topics_75": {"text.world.topic_overlap": 0.75},
    "topics_50": {"text.world.topic_overlap": 0.5},
    "topics_25": {"text.world.topic_overlap": 0.25},
    "anchors_00": {"text.world.anchors": 0.0},
    "anchors_15": {"text.world.anchors": 0.15},
    "anchors_45": {"text.world.anchors": 0.45},
    "anchors_60": {"text.world.anchors": 0.6},
    "order_reversed": {"text.world.order": "reversed"},
    "order_verb_final": {"text.world.order": "verb-final"},
    "order_adjective": {"text.world.order": "adjective-after-noun"},
    "far_default": FAR_TEXT,
    "far_extra_anchors": FAR_TEXT | CHANGES["extra_anchors"],
    "far_default_anchors": FAR_TEXT | CHANGES["default_anchors"],
    "far_sep_l1_6": FAR_TEXT | CHANGES["sep_l1_6"],
}
REAL = {
    "domain_mismatch": {"text.domains": ["bible", "help"]},
    "help_help": {"text.domains": ["help", "help"]},
}


def flat(value, path: str = "") -> dict:
    if not isinstance(value, dict):
        return {path.removeprefix("."): value}
    return {k: v for name, inner in value.items() for k, v in flat(inner, f"{path}.{name}").items()}


def fields(run) -> dict:
    return flat(json.loads(run.config_json()))


def changed(run, default) -> dict:
    ours, theirs = fields(run), fields(default)
    assert ours.keys() == theirs.keys()
    return {name: value for name, value in ours.items() if value != theirs[name]}


@pytest.mark.parametrize("size", ["smoke", "laptop", "reference"])
def test_a_condition_changes_what_it_names_and_nothing_else(size):
    every = factors(size)
    defaults = {(c.run.about, c.run.seed): c.run for c in every if c.name == "default"}
    wanted = CHANGES | (REAL if size == "reference" else WORLD)
    for condition in every:
        default = defaults[condition.run.about, condition.run.seed]
        below = {f"pretraining.{name}": value for name, value in wanted[condition.name].items()}
        if condition.name == "random_encoder":
            below["weights"] = "random"
        assert changed(condition.run, default) == below, condition.name


def test_every_name_is_run_where_it_should_be():
    names = {size: {condition.name for condition in factors(size)} for size in SIZES}
    table = set(ledger.table_one()["condition"])
    assert set(TABLE_ONE) == table == names["paper"]
    assert names["smoke"] == table | set(FLOORS)
    assert names["laptop"] == set(CHANGES) | set(WORLD)
    assert names["laptop"] >= {*SEPARATE, *DIALS, *FAR, *ORDERS, *SHAPES}
    only_worlds = {*DIALS, *FAR, *ORDERS, "width_32", "width_128"}
    assert names["reference"] == (names["laptop"] | {"help_help"}) - only_worlds


def test_conditions_are_paired_by_seed_and_named_once():
    every = factors("laptop")
    seeds = {name: sorted(c.run.seed for c in every if c.name == name) for name in WORLD | CHANGES}
    first, both = tuple(range(SEEDS)), (*range(SEEDS), *FRESH)
    assert {name: tuple(own) for name, own in seeds.items()} == {
        name: both if name in DECIDING else first for name in seeds
    }
    assert all(c.run.pretraining.text.world.seed == c.run.seed for c in every)
    real = Counter((c.name, c.run.about, c.run.seed) for c in factors("reference"))
    assert set(real.values()) == {1}
    assert {pair for name, pair, _ in real if name in TABLE_ONE} == {"en-fr", "en-ru", "en-zh"}
    first = [(c.run.about, c.run.seed) for c in factors("reference")][: len(TABLE_ONE)]
    assert set(first) == {("en-fr", 0)}, "French comes first"


@pytest.mark.parametrize("experiment", [factors, elements])
@pytest.mark.parametrize("size", SIZES)
def test_a_recorded_config_names_the_same_run(experiment, size):
    # A copy with other values is not validated, what is read back is.
    every = experiment(size)
    for condition in every:
        config = condition.run.config_json()
        assert run_from_json(config).config_json() == config
    for condition in every[:3]:
        assert run_from_json(condition.run.config_json()).digest == condition.run.digest


@pytest.mark.parametrize(
    ("layers", "third", "three_quarters"), [(2, 1, 2), (4, 1, 3), (6, 2, 4), (8, 3, 6), (12, 4, 9)]
)
def test_how_many_layers_are_separate(layers, third, three_quarters):
    for name, count in (("3", third), ("6", three_quarters)):
        bottom, top = separated(f"sep_l1_{name}", layers), separated(f"sep_top_{name}", layers)
        assert bottom == tuple(f"layer.{i}" for i in range(count))
        assert top == tuple(f"layer.{i}" for i in range(layers - count, layers))
        both = separated(f"sep_emb_l1_{name}", layers)
        assert both == (*separated("sep_emb", layers), *bottom)


def test_every_transfer_has_the_three_tasks():
    for size in SIZES:
        for condition in factors(size):
            assert {task.kind for task in condition.run.tasks} == {"nli", "ner", "parsing"}
    grids = {task.kind: len(task.ways()) for task in factors("paper")[0].run.tasks}
    assert grids == {"nli": 18, "ner": 6, "parsing": 6}


def test_a_reversed_language_is_the_other_way_round():
    def text(run, language: str) -> list[str]:
        world = run.text.world
        return [sentence.text(language) for sentence in world.sentences("test", 20)]

    default, other = smoke_default(0), vary(smoke_default(0), "order_reversed")
    assert text(other, "a") == text(default, "a")
    assert text(other, "b") == [" ".join(t.split()[::-1]) for t in text(default, "b")]


def test_with_no_anchors_nothing_is_shared_but_special_tokens():
    run = vary(smoke_default(0), "no_anchors")
    vocabulary = learn(run.vocabulary, run.text.corpus().train)
    assert not set(vocabulary.language_ids("a")) & set(vocabulary.language_ids("b"))
    shared = vary(smoke_default(0), "default_anchors")
    vocabulary = learn(shared.vocabulary, shared.text.corpus().train)
    assert set(vocabulary.language_ids("a")) & set(vocabulary.language_ids("b"))


def test_elements_change_what_they_name():
    default = world_default(0)
    wanted = {
        "original": {},
        "lang_pos": {"encoder.specific": ["positions"]},
        "shift_special": {"encoder.specific": ["special"]},
        "no_random": {"training.random_words": "none"},
        "all_three_overparam": {
            "encoder.specific": ["positions", "special"], "training.random_words": "none",
            "encoder.width": 128, "encoder.heads": 4,
        },
        "lang_pos_shift_special": {"encoder.specific": ["positions", "special"]},
        "lang_pos_no_random": {
            "encoder.specific": ["positions"], "training.random_words": "none",
        },
        "shift_special_no_random": {
            "encoder.specific": ["special"], "training.random_words": "none",
        },
        "inv_order": {"text.world.order": "reversed"},
        "parallel": {"text.world.parallel": True},
        "knn_replace": {"training.neighbours": 0.3},
    }  # fmt: skip
    assert list(ELEMENTS) == list(wanted)
    original = element(default, "original")
    assert changed(original, default) == {"vocabulary.anchors": "none"}
    for name, change in wanted.items():
        assert changed(element(default, name), original) == change, name
    found = [(c.name, c.run.seed) for c in elements("laptop")]
    wanted = [(name, seed) for name in ELEMENTS for seed in range(SEEDS)]
    wanted += [(name, seed) for name in TOGETHER for seed in range(SEEDS, 2 * SEEDS)]
    assert Counter(found) == Counter(wanted)
    copies = [c.run for c in elements("reference")]
    assert {run.text.kind for run in copies} == {"copy"} and {run.seed for run in copies} == {
        *range(1, 11)
    }
    # The same changes, of a copied text: twice its width, and its own way to be parallel.
    (wide,) = [
        c.run for c in elements("reference") if (c.name, c.run.seed) == ("all_three_overparam", 7)
    ]
    assert (wide.encoder.width, wide.encoder.heads) == (256, 8)
    assert [c.run.text.parallel for c in elements("reference") if c.run.text.parallel] == [True] * 5


def test_bigger_worlds_are_bigger_in_one_thing():
    runs = {c.name: c.run for c in bigger_worlds("laptop") if c.run.seed == 3}
    assert len(runs) == 4 * len(BIGGER)
    for name in ("default", "no_anchors", "sep_emb"):
        plain = runs[f"as_is_{name}"].pretraining
        assert plain == vary(world_default(3), name)
        wanted = {
            "wide": {
                "encoder.width": 256,
                "encoder.heads": 8,
                "training.learning_rate": 1.5e-3,
            },
            "long": {"training.tokens": 6_000_000},
            "many_words": {"text.world.lexemes": 1000, "vocabulary.size": 4000},
            "matched": {"text.world.premises": "matched"},
        }
        for world, change in wanted.items():
            assert changed(runs[f"{world}_{name}"].pretraining, plain) == change
    assert {t.kind for n in BIGGER for t in runs[f"{n}_sep_emb"].tasks} == {"nli", "ner", "parsing"}


@pytest.mark.parametrize(
    ("default", "name", "named"),
    [
        (world_default(0), "sep_everything", "none of the experiment 'factors'"),
        (world_default(0), "help_help", "of text of the kind 'world' allowed are"),
        (real_default(("en", "fr"), 0), "topics_50", "'shipped' allowed are .*'help_help'"),
        (real_default(("en", "fr"), 0), "far_default", "'shipped' allowed are"),
        (paper_run(), "topics_50", r"kind 'hub' allowed are \['domain_mismatch'\]"),
    ],
)
def test_a_condition_that_cannot_be_is_named(default, name, named):
    with pytest.raises(ValueError, match=named):
        vary(default, name)


def test_constants_are_not_changed_by_use():
    before = json.dumps([ablations.DIALS, ELEMENTS, ablations.SHAPES])
    elements("laptop")
    factors("laptop")
    after = json.dumps([ablations.DIALS, ELEMENTS, ablations.SHAPES])
    assert before == after
