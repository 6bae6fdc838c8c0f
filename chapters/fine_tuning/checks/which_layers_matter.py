"""What is right in the exercises on frozen, truncated and reverted encoders."""

from isomorph.exercises import Feedback, choice, exercise, function, number

FOLLOWS = (
    "the lower blocks would not have moved",
    "the upper blocks can do it alone",
    "the lower blocks of the tuned model can be put back",
)


@exercise("which_layers_matter.1")
def two_of_three_put_back(answer: object) -> Feedback:
    """The share of right answers when one block's third of a quarter turn is left."""
    missing = 90 * 2 / 3
    mistakes = {
        "That is with one block put back; here it is two.": 1
        - missing / 2 / 180,
        "That is the share that is wrong.": missing / 180,
        "An error of how many degrees makes every answer wrong? It is not 90.": 1
        - missing / 90,
    }
    return number(
        answer,
        1 - missing / 180,
        tolerance=0.005,
        between=(0, 1),
        mistakes=mistakes,
    )


@exercise("which_layers_matter.2")
def what_freezing_says(answer: object) -> Feedback:
    """What follows from a score that stays with the lower blocks frozen."""
    hint = "A frozen block was never free, so nothing is known of what it would have done."
    return choice(answer, FOLLOWS, right="a2006ee681630720", hint=hint)


@exercise("which_layers_matter.3")
def blocks_by_name(answer: object) -> Feedback:
    """A function that puts blocks back in a mapping from names to weights."""
    return function(answer, list(_cases()), _judge)


def reverted(tuned: dict, original: dict, blocks: list) -> dict:
    """The tuned weights, with those of some blocks as they were; names as in "block.3.weight"."""
    return {
        name: original[name] if _block(name) in blocks else weight
        for name, weight in tuned.items()
    }


def _block(name: str) -> int | None:
    kind, _, rest = name.partition(".")
    return int(rest.partition(".")[0]) if kind == "block" else None


def _cases():
    names = ["embeddings.weight", "head.weight"]
    names += [
        f"block.{i}.{part}"
        for i in range(12)
        for part in ("weight", "bias")
    ]
    original = {name: float(place) for place, name in enumerate(names)}
    tuned = {name: weight + 100 for name, weight in original.items()}
    for blocks in ([0], [1], [2, 11], []):
        yield tuned, original, blocks


def _judge(
    result: object, tuned: dict, original: dict, blocks: list
) -> str:
    if not isinstance(result, dict) or set(result) != set(tuned):
        return "The result must be a dictionary with all the names, also those that stay tuned."
    expected = reverted(tuned, original, blocks)
    wrong = [name for name in expected if result[name] != expected[name]]
    if not wrong:
        return ""
    if any(_block(name) is None for name in wrong):
        return "The embeddings and the head are no blocks: they stay as they were tuned."
    if any(result[name] == original[name] for name in wrong):
        return "A block was put back that was not named: there are twelve, so mind 1, 10 and 11."
    return (
        "A block that was named is still as it was tuned, in part at least."
    )
