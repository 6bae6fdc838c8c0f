"""What is right in the exercises on what fine-tuning leaves in the states."""

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    number,
)

OPTIONS = (
    "the model uses relations to judge inference",
    "relations can still be read off the states",
    "the states have not moved",
)


@exercise("what_stays.1")
def probed_root(answer: object) -> Feedback:
    """The word of least squared length under a linear map."""
    import torch

    def reference(h, b):
        lengths = [float((b @ state).norm()) for state in h]
        return lengths.index(min(lengths))

    generator = torch.Generator().manual_seed(7)
    draw = {"generator": generator, "dtype": torch.float64}
    cases = [
        (torch.randn(n, width, **draw), torch.randn(rank, width, **draw))
        for n, width, rank in ((4, 3, 3), (9, 6, 2), (12, 5, 1))
    ]
    hint = "Does B, and not its transpose, act on each state? And is the root the longest, or the shortest?"
    return function(answer, cases, equals(reference), hint=hint)


@exercise("what_stays.2")
def edges_of_a_chain(answer: object) -> Feedback:
    """The share of a small tree's edges that a chain of its words has."""
    from isomorph.measure.structural_probe import tree_edges, uuas

    gold = tree_edges((3, 3, 4, 0, 4))
    chain = {(word, word + 1) for word in range(4)}
    truth = uuas([gold], [chain])
    words = len(gold & chain) / 5
    either = len(gold & chain) / len(gold | chain)
    mistakes = {
        "The share is of edges, and a tree has one fewer than words.": words,
        "The share is of the true edges, and not of all that stand in either tree.": either,
    }
    return number(
        answer, truth, tolerance=0.004, between=(0, 1), mistakes=mistakes
    )


@exercise("what_stays.3")
def what_follows(answer: object) -> Feedback:
    """What a probe that finds no loss shows."""
    hint = "Does a probe look at what the model computes with, or at what its states hold?"
    return choice(answer, OPTIONS, right="3b268d55201487a3", hint=hint)
