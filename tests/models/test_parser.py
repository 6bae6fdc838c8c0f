"""The biaffine parser: the best tree is the best tree, and a tree can be learnt."""

from itertools import product

import networkx
import numpy as np
import pytest
import torch

from isomorph.models.inputs import IGNORED
from isomorph.models.parser import Biaffine, best_tree, maximum_arborescence


def is_tree(heads) -> bool:
    """Whether the heads (0 the root, else a position from 1) lead from every word to one root."""
    for word in range(1, len(heads) + 1):
        steps = 0
        while word != 0 and steps <= len(heads):
            word, steps = heads[word - 1], steps + 1
        if word != 0:
            return False
    return list(heads).count(0) == 1


def total(scores, heads) -> float:
    return sum(row[head] for row, head in zip(scores, heads, strict=True))


def brute_force(scores) -> float:
    """The highest score of any tree with a single root, by trying all heads of all words."""
    n = len(scores)
    trees = (heads for heads in product(range(n + 1), repeat=n) if is_tree(heads))
    return max(total(scores, heads) for heads in trees)


def random_scores(n: int, generator) -> np.ndarray:
    scores = generator.normal(size=(n, n + 1))
    scores[np.arange(n), np.arange(1, n + 1)] = -np.inf
    return scores


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_best_tree_is_the_best_of_all_trees(n):
    generator = np.random.default_rng(n)
    for _ in range({5: 12}.get(n, 40)):
        scores = random_scores(n, generator)
        heads = best_tree(scores)
        assert is_tree(heads)
        assert total(scores, heads) == pytest.approx(brute_force(scores))


def test_best_tree_is_the_best_among_equal_and_impossible_arcs():
    generator = np.random.default_rng(0)
    for _ in range(40):
        scores = np.round(random_scores(4, generator))  # many ties
        scores[generator.integers(4), generator.integers(1, 5)] = -np.inf
        heads = best_tree(scores)
        assert is_tree(heads) and total(scores, heads) == brute_force(scores)


def test_one_root_although_two_would_score_more():
    scores = [[9.0, -np.inf, 1.0], [9.0, 2.0, -np.inf]]
    assert best_tree(scores) == [0, 1]
    assert maximum_arborescence(np.array([[-np.inf] * 3, *map(list, zip(*[
        [9.0, 9.0], [-np.inf, 2.0], [1.0, -np.inf]
    ], strict=True))])).tolist() == [-1, 0, 0]  # fmt: skip


def test_heads_that_are_a_tree_already_are_the_best_tree():
    """The short cut gives what the whole algorithm gives."""
    generator = np.random.default_rng(1)
    short = 0
    for _ in range(300):
        scores = random_scores(6, generator)
        scores[0, 0] += 4.0  # one likely root, so that many sentences take the short cut
        square = np.full((7, 7), -np.inf)
        square[1:] = scores
        square[1:, 0] -= 1e3
        greedy = scores.argmax(axis=1).tolist()
        short += is_tree(greedy)
        full = maximum_arborescence(square)[1:].tolist()
        assert best_tree(scores) == full
        assert full == greedy or not is_tree(greedy)
    assert 30 < short < 270


@pytest.mark.parametrize("n", [8, 15, 30])
def test_long_sentences_agree_with_a_library(n):
    """networkx's Edmonds is far slower; cycles within cycles are common in random scores."""
    generator = np.random.default_rng(n)
    for _ in range(8):
        scores = random_scores(n, generator)
        graph = networkx.DiGraph()
        for word, head in product(range(1, n + 1), range(n + 1)):
            if word != head:
                graph.add_edge(head, word, weight=scores[word - 1, head] - 1e3 * (head == 0))
        tree = networkx.maximum_spanning_arborescence(graph)
        heads = best_tree(scores)
        assert sorted(zip(heads, range(1, n + 1), strict=True)) == sorted(tree.edges)


def test_a_constant_for_each_word_changes_nothing():
    """So scores and log-probabilities of heads give the same tree."""
    scores = random_scores(9, np.random.default_rng(2))
    log = torch.log_softmax(torch.tensor(scores), -1).numpy()
    assert best_tree(log) == best_tree(scores)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[0.0, np.nan]], "not finite"),
        ([[-np.inf, 0.0]], "not finite"),
        ([[0.0, np.inf]], "not finite"),
        ([[0.0, -np.inf, -np.inf], [0.0, -np.inf, -np.inf]], "no tree with a single root"),
    ],
)
def test_scores_without_a_tree_are_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        best_tree(scores)


@pytest.fixture
def parser():
    torch.manual_seed(0)
    made = Biaffine(16, 5).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(std=0.3)
    return made


def test_scores_follow_the_equations(parser):
    """Word by word, head by head and relation by relation, as the paper writes them."""
    words = torch.randn(1, 4, 16)
    arcs, relations = parser(words, torch.tensor([4]))
    candidates = [parser.root, *words[0]]
    for i, word in enumerate(words[0]):
        for j, candidate in enumerate(candidates):
            d, h = parser.arc_dependent(word), parser.arc_head(candidate)
            expected = d @ parser.arc_weight @ h + h @ parser.arc_prior
            if j == i + 1:
                assert arcs[0, i, j] == -torch.inf
            else:
                torch.testing.assert_close(arcs[0, i, j], expected, rtol=1e-4, atol=1e-4)
            d, h = parser.relation_dependent(word), parser.relation_head(candidate)
            affine = parser.relation_prior_dependent(d) + parser.relation_prior_head(h)
            for r in range(5):
                expected = d @ parser.relation_weight[r] @ h + affine[r]
                torch.testing.assert_close(relations[0, i, j, r], expected, rtol=1e-4, atol=1e-4)


def test_a_batch_gives_what_its_sentences_give_alone(parser):
    words, lengths = torch.randn(3, 7, 16), torch.tensor([7, 3, 1])
    arcs, relations = parser(words, lengths)
    heads, names = parser.decode(arcs, relations, lengths)
    for i, n in enumerate(lengths.tolist()):
        alone = parser(words[i : i + 1, :n], torch.tensor([n]))
        torch.testing.assert_close(arcs[i, :n, : n + 1], alone[0][0])
        torch.testing.assert_close(relations[i, :n, : n + 1], alone[1][0])
        one = parser.decode(*alone, torch.tensor([n]))
        assert (one[0][0], one[1][0]) == (heads[i], names[i]) and len(heads[i]) == n
        assert is_tree(heads[i])


def test_padding_gets_no_arc_and_changes_no_gradient(parser):
    words = torch.randn(2, 5, 16)
    words[0, 3:] = 1e3
    words.requires_grad_()
    lengths = torch.tensor([3, 5])
    arcs, relations = parser(words, lengths)
    assert torch.isinf(arcs[0, :, 4:]).all()
    heads = torch.tensor([[2, 0, 2, IGNORED, IGNORED], [2, 0, 2, 3, 4]])
    names = torch.tensor([[1, 0, 2, IGNORED, IGNORED], [1, 0, 2, 3, 4]])
    parser.loss(arcs, relations, heads, names).backward()
    assert torch.isfinite(words.grad).all()
    assert (words.grad[0, 3:] == 0).all() and (words.grad[0, :3] != 0).any()


def test_loss_is_the_mean_over_words_of_both_surprisals(parser):
    lengths = torch.tensor([3, 2])
    arcs, relations = parser(torch.randn(2, 3, 16), lengths)
    heads = torch.tensor([[2, 0, 2], [0, 1, IGNORED]])
    names = torch.tensor([[1, 0, 4], [0, 3, IGNORED]])
    expected = 0.0
    for i, k in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]:
        head = heads[i, k]
        expected -= arcs[i, k].log_softmax(-1)[head]
        expected -= relations[i, k, head].log_softmax(-1)[names[i, k]]
    torch.testing.assert_close(parser.loss(arcs, relations, heads, names), expected / 5)
    names[1, 2] = 3  # a relation without a head says nothing
    torch.testing.assert_close(parser.loss(arcs, relations, heads, names), expected / 5)


def test_a_new_parser_knows_nothing():
    """Every head is as likely as another: the loss is that of guessing."""
    torch.manual_seed(0)
    parser, lengths = Biaffine(16, 5), torch.tensor([4])
    arcs, _ = parser(torch.randn(1, 4, 16), lengths)
    likely = arcs.softmax(-1)[0]
    torch.testing.assert_close(likely[likely > 0], torch.full((16,), 0.25))


def test_relations_are_read_at_the_head_of_the_tree():
    """The tree overrules the word's own favourite, and its relation is that of the tree's arc."""
    arcs = torch.tensor([[[5.0, -torch.inf, 1.0], [6.0, 2.0, -torch.inf]]])
    relations = torch.zeros(1, 2, 3, 4)
    relations[0, 0, 0, 1] = relations[0, 0, 2, 2] = 1.0
    relations[0, 1, 0, 0] = relations[0, 1, 1, 3] = 1.0
    heads, names = Biaffine.decode(arcs, relations, torch.tensor([2]))
    assert heads == [[0, 1]] and names == [[1, 3]]


def test_a_toy_language_is_learnt():
    """The words' numbers tell the tree: each word hangs on the next larger one."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    embedding = torch.nn.Embedding(12, 24)
    parser = Biaffine(24, 2)
    optimiser = torch.optim.Adam([*embedding.parameters(), *parser.parameters()], lr=1e-2)

    def sentences(count):
        ids = torch.stack([torch.randperm(12, generator=generator)[:6] for _ in range(count)])
        larger = torch.where(ids[:, None] > ids[:, :, None], ids[:, None], 99)
        heads = torch.where(larger.min(-1).values == 99, 0, larger.argmin(-1) + 1)
        return ids, heads, (heads > 0).long()

    lengths = torch.full((32,), 6)
    for _ in range(150):
        ids, heads, names = sentences(32)
        arcs, relations = parser(embedding(ids), lengths)
        loss = parser.loss(arcs, relations, heads, names)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ids, heads, names = sentences(32)
    found = parser.eval().decode(*parser(embedding(ids), lengths), lengths)
    assert (torch.tensor(found[0]) == heads).float().mean() > 0.9
    assert (torch.tensor(found[1]) == names).float().mean() > 0.95
