"""One exercise of each kind, to copy from; the tests have a chapter `example` that asks them."""

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    number,
    ranking,
    satisfies,
)

TRENDS = ("rises", "falls", "stays")


@exercise("example.1")
def trend(answer: object) -> Feedback:
    """A prediction, which nothing at hand can compute: the right one is sealed."""
    return choice(answer, TRENDS, right="d65353c8bab15e6d", hint="Try it with two words first.")


@exercise("example.2")
def words_alike(answer: object, anchors: float = 0.3) -> Feedback:
    """A share, computed from the world of which the chapter speaks."""
    from isomorph.text.worlds import World

    pairs = World(seed=0, lexemes=64, anchors=anchors).lexicon().pairs()
    truth = share_alike(pairs)
    counted = {"That is how many there are; a share of all words is asked for.": truth * len(pairs)}
    return number(answer, truth, tolerance=0.005, between=(0, 1), mistakes=counted)


def share_alike(pairs: list[tuple[str, str]]) -> float:
    """The share of (word, translation) pairs that are spelt alike."""
    return sum(first == second for first, second in pairs) / len(pairs)


@exercise("example.3")
def share_function(answer: object) -> Feedback:
    """A function, tried on dictionaries that the learner does not see."""
    cases = [([("a", "a"), ("b", "c")],), ([("a", "b")],), ([("a", "a")] * 3,)]
    return function(answer, cases, equals(share_alike), hint="Divide by the number of pairs.")


@exercise("example.4")
def half_alike(answer: object) -> Feedback:
    """A configuration, which has to have some properties."""
    conditions = {
        "The answer must be a World.": lambda world: type(world).__name__ == "World",
        "Half of its words should be spelt alike.": lambda world: world.anchors == 0.5,
    }
    return satisfies(answer, conditions)


@exercise("example.5")
def worlds_by_anchors(answer: object) -> Feedback:
    """An order, by values that are computed."""
    from isomorph.text.worlds import World

    dials = {"none": 0.0, "some": 0.15, "many": 0.6}
    worlds = {name: World(seed=0, lexemes=64, anchors=dial) for name, dial in dials.items()}
    return ranking(answer, {n: share_alike(w.lexicon().pairs()) for n, w in worlds.items()})
