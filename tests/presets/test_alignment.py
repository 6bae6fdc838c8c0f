"""What is compared with what: models apart in text and seed, shared where they can be."""

import pytest

from isomorph.claims import ledger
from isomorph.presets import conditions
from isomorph.presets.ablations import vary
from isomorph.presets.alignment import PAIRS, monolingual
from isomorph.presets.recipes import real_default, world_default


def by_name(experiment, size):
    found = {}
    for condition in conditions(experiment, size):
        found.setdefault(condition.name, []).append(condition.run)
    return found


def test_two_monolingual_models_share_neither_text_nor_seed():
    for run in by_name("alignment", "reference")["monolingual"]:
        source, target = run.sides
        assert source.seed != target.seed
        assert source.text.half == "even" and target.text.half == "odd"
        assert (*source.languages, *target.languages) == run.languages
        assert source.encoder == target.encoder and source.training == target.training
    texts = [monolingual(world_default(0), language).text.corpus() for language in "ab"]
    assert not set(texts[0].train["a"]) & set(texts[1].train["b"])
    assert all(corpus.dictionary == {} for corpus in texts)


def test_each_condition_changes_the_second_side_only():
    laptop = by_name("alignment", "laptop")
    for name in ("random", "same_language"):
        plain = {run.seed: run for run in laptop["monolingual"]}
        assert all(run.source == plain[run.seed].source for run in laptop[name])
    for run, plain in zip(laptop["random"], laptop["monolingual"], strict=True):
        assert run.target == plain.target and run.weights == "random"
    for run in laptop["same_language"]:
        assert run.languages == ("a", "a") and run.target.seed != run.source.seed
    assert all(run.target is None for run in laptop["bilingual"])
    older = {"same_language", "far_monolingual", "far_bilingual"}  # no prediction decides on them
    assert {name: len(runs) for name, runs in laptop.items()} == {
        name: 5 if name in older else 10 for name in laptop
    }


def test_the_bilingual_model_is_the_default_of_the_factors():
    factors = {run.pretraining.digest for run in by_name("factors", "laptop")["default"]}
    assert {run.source.digest for run in by_name("alignment", "laptop")["bilingual"]} == factors


def test_english_is_trained_once_for_all_pairs_but_one():
    """Chinese needs more room for its letters, and a pair has one size of vocabulary."""
    runs = [r for r in by_name("alignment", "reference")["monolingual"] if r.seed == 0]
    assert {run.languages for run in runs} == set(PAIRS)
    assert len({run.source.digest for run in runs}) == 2
    assert runs[0].source.vocabulary.size == real_default(("en", "fr"), 0).vocabulary.size


def test_a_distant_world_has_no_string_in_common():
    world = vary(world_default(2), "far_default").text.world
    assert world.seed == 2 and world.order == "verb-final" and world.anchors == 0


def test_models_of_more_text_are_those_of_the_factors():
    runs = by_name("text_alignment", "reference")
    both = {run.source.digest for run in runs["bilingual"] if run.languages == ("en", "fr")}
    assert both == {
        run.pretraining.digest for run in by_name("french_factors", "reference")["default"]
    }
    for run in runs["monolingual"]:
        assert {side.text.domains for side in run.sides} == {("bible+help",)}
        assert {side.text.overlap for side in run.sides} == {"dropped"}
    assert {name: len(each) for name, each in runs.items()} == dict.fromkeys(runs, 10)


def test_transfer_by_layers_needs_an_aligner_on_real_text_only():
    for size, wanted in (("laptop", False), ("reference", True)):
        runs = by_name("layer_transfer", size)
        assert all((run.aligner is not None) == wanted for run in runs["monolingual"])
        assert all(run.aligner is None for run in runs["bilingual"])


@pytest.mark.parametrize("claim", ["1.8", "1.9", "1.10", "1.11"])
def test_the_rules_name_conditions_that_there_are(claim):
    (entry,) = [c for c in ledger() if c.id == claim]
    terms = [t for part in entry.rule.parts for side in part.terms() for t in side]
    named = {name for term in terms for name in term.condition or ()}
    for experiment in entry.rule.rows:
        assert named <= set(by_name(experiment, "reference"))
