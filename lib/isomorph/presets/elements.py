"""What of a model's small parts makes it multilingual: the changes of Dufter and Schütze (EMNLP 2020)."""

from isomorph.config import Size
from isomorph.presets.ablations import BOTH, TEXT_SEEDS, in_worlds, vary
from isomorph.presets.recipes import FRESH, changed, experiment, text_run
from isomorph.results import Condition
from isomorph.runs import CopyText, Pretraining

LATER_SEEDS = (6, 7, 8, 9, 10)
# What each takes away, or adds.
ELEMENTS = {
    "original": (),
    "lang_pos": ("positions",),
    "shift_special": ("special",),
    "no_random": ("random words",),
    "all_three_overparam": ("positions", "special", "random words", "small"),
    "lang_pos_shift_special": ("positions", "special"),
    "lang_pos_no_random": ("positions", "random words"),
    "shift_special_no_random": ("special", "random words"),
    "inv_order": ("order",),
    "parallel": ("other text",),
    "knn_replace": ("neighbours",),
}
TOGETHER = ("original", "lang_pos", "shift_special", "no_random", "all_three_overparam")  # of 11.1


def element(default: Pretraining, name: str) -> Pretraining:
    """One of Dufter and Schütze's changes; nothing but special tokens is shared to begin with."""
    parts, run = ELEMENTS[name], vary(default, "no_anchors")
    own = tuple(part for part in ("positions", "special") if part in parts)
    run = changed(run, encoder={"specific": own}) if own else run
    if "random words" in parts:
        run = changed(run, training={"random_words": "none"})
    if "small" in parts:
        width, heads = 2 * run.encoder.width, 2 * run.encoder.heads
        run = changed(run, encoder={"width": width, "heads": heads})
    if "neighbours" in parts:
        run = changed(run, training={"neighbours": 0.3})  # theirs
    if "other text" in parts:
        world = run.text.kind == "world"
        same = {"world": changed(run.text.world, parallel=True)} if world else {"parallel": True}
        run = changed(run, text=same)
    return vary(run, "order_reversed") if "order" in parts else run


@experiment
def elements(size: Size):
    """Shared positions, shared special tokens, random words, few parameters. (11.1, 11.2, 11.4, 11.6)

    English and its copy share no word, and are measured on the way.
    """
    if size == "reference":
        for seed in (*TEXT_SEEDS, *LATER_SEEDS):
            text = CopyText(domains=BOTH, seed=seed)
            default = text_run(text, seed=seed, tokens=3_000_000, marks=8)
            for name in ELEMENTS if seed in TEXT_SEEDS else TOGETHER:
                yield Condition(name, element(default, name))
    else:
        yield from in_worlds(size, element, ELEMENTS)
    if size == "laptop":
        yield from in_worlds(size, element, TOGETHER, FRESH)
