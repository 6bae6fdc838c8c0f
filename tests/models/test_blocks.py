"""Blocks are found, frozen, cut off, put back, drawn anew and stacked, on our encoder and others'."""

import copy

import pytest
import torch
from scipy.stats import ortho_group
from torch import nn
from transformers import AlbertConfig, AlbertModel

from isomorph.measure.similarity import normalise, normalising_means
from isomorph.models.blocks import (
    LayerStack,
    blocks_of,
    freeze,
    levels,
    pooler_of,
    reinitialise,
    revert,
    truncate,
    weight_distances,
)
from isomorph.models.encoder import BilingualConfig, BilingualEncoder
from isomorph.models.pretrained import load_encoder
from tests.models import toy

KINDS = ("ours", "bert", "roberta")


def encoder_of(kind: str, layers: int = 3, **changes):
    if kind == "ours":
        return toy.ours(layers=layers, **changes).base_model.eval()
    return toy.hugging_face(kind, num_hidden_layers=layers, **changes).base_model.eval()


def states(encoder, **settings) -> list[torch.Tensor]:
    ids = torch.arange(5, 25).view(2, 10)
    language = {"language": "a"} if hasattr(encoder, "language") else {}
    with torch.no_grad():
        read = encoder(input_ids=ids, output_hidden_states=True, **language, **settings)
    assert torch.equal(read.hidden_states[-1], read.last_hidden_state)
    return list(read.hidden_states)


def same(a: nn.Module, b: nn.Module) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    assert mine.keys() == other.keys()
    return all(torch.equal(mine[name], other[name]) for name in mine)


@pytest.mark.parametrize("kind", [*KINDS, "bert-mlm"])
def test_blocks_come_bottom_first(kind):
    encoder = encoder_of(kind)
    before = states(encoder)
    with torch.no_grad():
        for parameter in blocks_of(encoder)[1].parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    after = states(encoder)
    alike = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert alike == [True, True, False, False]  # block 1 gives state 2


def test_blocks_that_are_not_known_are_refused_in_a_sentence():
    shape = {"vocab_size": 30, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    for encoder in (AlbertModel(AlbertConfig(**shape, embedding_size=8)), nn.Linear(2, 2),
                    LayerStack(encoder_of("ours"), 1, top=1, seed=0)):  # fmt: skip
        with pytest.raises(ValueError, match=f"encoder is a {type(encoder).__name__}, whose"):
            freeze(encoder, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_levels_rise_from_the_embeddings_to_the_pooler(kind):
    encoder = encoder_of(kind)
    found = {name: levels(encoder)[parameter] for name, parameter in encoder.named_parameters()}
    for name, level in found.items():
        expected = 0
        if name.startswith(("layers.", "encoder.layer.")):
            expected = 1 + int(name.removeprefix("encoder.").split(".")[1])
        elif name.startswith(("final_norm.", "pooler.")):
            expected = 4
        assert level == expected, name
    assert set(found.values()) == {0, 1, 2, 3, 4}


def test_a_stack_that_ends_in_a_norm_has_no_pooler():
    assert pooler_of(encoder_of("ours", norm="post")) is None
    assert pooler_of(encoder_of("bert-mlm")) is None
    assert set(levels(encoder_of("ours", norm="post")).values()) == {0, 1, 2, 3}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_lowest_blocks_and_the_embeddings_are_frozen(kind, count):
    encoder = encoder_of(kind)
    freeze(encoder, count)
    frozen = {level for p, level in levels(encoder).items() if not p.requires_grad}
    free = {level for p, level in levels(encoder).items() if p.requires_grad}
    assert frozen == (set(range(count + 1)) if count else set())
    assert free == {0, 1, 2, 3, 4} - frozen


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_encoder_gives_the_states_of_its_blocks(kind):
    whole = encoder_of(kind, **({"norm": "post"} if kind == "ours" else {}))
    cut, config = copy.deepcopy(whole), whole.config
    cut.config = config
    truncate(cut, 2)
    assert len(blocks_of(cut)) == cut.config.num_hidden_layers == 2
    assert config.num_hidden_layers == 3
    for a, b in zip(states(whole)[:3], states(cut), strict=True):
        assert torch.equal(a, b)


def test_a_truncated_pre_norm_stack_still_ends_in_its_norm():
    whole = encoder_of("ours", specific=("layer.0", "layer.2"))
    cut = copy.deepcopy(whole)
    truncate(cut, 1)
    assert cut.config.specific == ["layer.0"] and len(cut.specific_parts()) == 1
    first, last = states(cut)
    before = states(whole)
    assert torch.equal(first, before[0])
    assert torch.equal(last, whole.final_norm(before[1]))


def test_an_encoder_of_other_people_is_cut_too():
    encoder, tokenizer = load_encoder("sentence-transformers/all-MiniLM-L6-v2")
    inputs = tokenizer(["The cat sat.", "It sat."], padding=True, return_tensors="pt")
    with torch.no_grad():
        whole = encoder(**inputs, output_hidden_states=True).hidden_states
        truncate(encoder, 4)
        cut = encoder(**inputs, output_hidden_states=True)
    assert len(cut.hidden_states) == 5 and torch.equal(cut.last_hidden_state, whole[4])


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_are_put_back(kind):
    original = encoder_of(kind)
    encoder = copy.deepcopy(original)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(1.0)
    revert(encoder, original, [2, 0])
    pairs = zip(blocks_of(encoder), blocks_of(original), strict=True)
    assert [same(a, b) for a, b in pairs] == [True, False, True]
    revert(encoder, original, [])
    distances = weight_distances(encoder, original)
    count = sum(parameter.numel() for parameter in blocks_of(encoder)[1].parameters())
    assert distances == pytest.approx([0, count**0.5, 0])  # each weight moved by 1
    with torch.no_grad():
        next(blocks_of(original)[1].parameters()).add_(5.0)
    assert same(blocks_of(encoder)[0], blocks_of(original)[0])
    assert weight_distances(encoder, original)[1] != distances[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_top_is_drawn_anew_as_bert_was(kind):
    wide = {"width": 64} if kind == "ours" else {"hidden_size": 64}
    original = encoder_of(kind, **wide)
    with torch.no_grad():
        for parameter in original.parameters():
            parameter.fill_(3.0)
    encoder = copy.deepcopy(original)
    reinitialise(encoder, 2, pooler=True, seed=0)
    for name, parameter in encoder.named_parameters():
        module = encoder.get_submodule(name.rpartition(".")[0])
        if levels(encoder)[parameter] < 2:
            assert (parameter == 3.0).all(), name
        elif name.endswith("bias"):
            assert (parameter == 0).all(), name
        elif isinstance(module, nn.LayerNorm):
            assert (parameter == 1).all(), name
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.1), name
            assert abs(parameter.mean().item()) < 0.002, name


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_alone_decides_what_is_drawn(kind):
    original, found = encoder_of(kind), []
    for seed, elsewhere in ((0, 98), (0, 99), (1, 98)):
        torch.manual_seed(elsewhere)
        before = torch.get_rng_state()
        encoder = copy.deepcopy(original)
        reinitialise(encoder, 1, pooler=False, seed=seed)
        assert torch.equal(before, torch.get_rng_state())
        found.append(encoder)
    assert same(found[0], found[1]) and not same(found[0], found[2])
    assert same(pooler_of(found[0]), pooler_of(original))
    assert [distance > 0 for distance in weight_distances(found[0], original)] == [0, 0, 1]


def test_the_pooler_alone_is_drawn_anew():
    original = encoder_of("bert")
    encoder = copy.deepcopy(original)
    reinitialise(encoder, 0, pooler=True, seed=0)
    assert weight_distances(encoder, original) == [0, 0, 0]
    assert not same(pooler_of(encoder), pooler_of(original))


def test_what_cannot_be_drawn_is_refused_and_nothing_is_changed():
    encoder = encoder_of("bert")
    blocks_of(encoder)[2].scale = nn.Parameter(torch.ones(3))
    before = copy.deepcopy(encoder)
    with pytest.raises(ValueError, match=r"encoder has \['scale'\] in a BertLayer; only"):
        reinitialise(encoder, 1, pooler=False, seed=0)
    with pytest.raises(ValueError, match="pooler is True, but this BilingualEncoder has nothing"):
        reinitialise(encoder_of("ours", norm="post"), 1, pooler=True, seed=0)
    assert same(encoder, before)


def test_numbers_of_blocks_that_are_not_there_are_named():
    encoder = encoder_of("bert")
    for wrong in (-1, 4):
        with pytest.raises(ValueError, match=f"blocks is {wrong}; this encoder allows 0 to 3"):
            freeze(encoder, wrong)
        with pytest.raises(ValueError, match=f"blocks is {wrong}; this encoder allows 0 to 3"):
            reinitialise(encoder, wrong, pooler=False, seed=0)
    with pytest.raises(ValueError, match="blocks is 0; this encoder allows 1 to 3"):
        truncate(encoder, 0)
    with pytest.raises(ValueError, match=r"blocks has \[3, -1\]; allowed are 0 to 2"):
        revert(encoder, encoder, [3, 0, -1])
    with pytest.raises(ValueError, match="original has 2 blocks; the encoder has 3"):
        weight_distances(encoder, encoder_of("bert", layers=2))


def encoder(seed, norm="pre"):
    torch.manual_seed(seed)
    config = BilingualConfig(
        vocabulary=30,
        languages=("a",),
        layers=3,
        width=16,
        heads=2,
        length=12,
        norm=norm,
        dropout=0,
    )
    return BilingualEncoder(config).eval()


IDS = torch.arange(5, 15).view(2, 5)
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def below(stack):
    """What the new layers are given."""
    seen = []
    hook = stack.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    stack(IDS, MASK)
    hook.remove()
    return seen[0]


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_the_new_layers_read_the_states_of_that_layer(depth, norm):
    lower = encoder(0, norm)
    states = lower(IDS, MASK, output_hidden_states=True).hidden_states
    stack = LayerStack(lower, depth, top=2, seed=0)
    assert torch.allclose(below(stack), states[depth], atol=1e-6)
    assert stack(IDS, MASK).last_hidden_state.shape == (2, 5, 16)


def test_another_encoder_takes_its_place_normalised_and_rotated():
    first, second = encoder(0), encoder(1)
    states = second(IDS, MASK, output_hidden_states=True).hidden_states[2].detach()
    means = normalising_means(states.flatten(0, 1))
    turn = torch.tensor(ortho_group.rvs(16, random_state=0))
    stack = LayerStack(first, 2, top=1, seed=0)
    before = {name: weight.clone() for name, weight in stack.layers.state_dict().items()}
    stack.read(second, means=means, rotation=turn)
    wanted = normalise(states.flatten(0, 1), means) @ turn
    assert torch.allclose(below(stack).flatten(0, 1).double(), wanted, atol=1e-5)
    assert all(torch.equal(before[name], w) for name, w in stack.layers.state_dict().items())


def test_only_the_new_layers_learn_and_what_is_below_stays_the_callers():
    lower = encoder(0)
    stack = LayerStack(lower, 2, top=1, seed=0).train()
    assert not stack.lower.training and stack.layers.training
    stack(IDS, MASK).last_hidden_state.square().sum().backward()
    learning = {name for name, p in stack.named_parameters() if p.grad is not None}
    assert learning and all(name.startswith(("layers", "final_norm")) for name in learning)
    assert all(p.requires_grad for p in lower.parameters()) and len(lower.layers) == 3


def test_new_layers_depend_on_the_seed_alone():
    weights = [
        LayerStack(encoder(e), 1, top=1, seed=s).layers.state_dict()["0.up.weight"]
        for e, s in ((0, 5), (1, 5), (0, 6))
    ]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_impossible_depths_are_refused():
    with pytest.raises(ValueError, match="depth is 4; an encoder of 3 layers allows 0"):
        LayerStack(encoder(0), 4, top=1, seed=0)
    with pytest.raises(ValueError, match="top is 0"):
        LayerStack(encoder(0), 1, top=0, seed=0)
