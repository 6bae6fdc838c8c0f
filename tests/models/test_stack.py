"""New layers on the frozen first layers of an encoder, and another encoder in its place."""

import pytest
import torch
from scipy.stats import ortho_group

from isomorph.measure.similarity import normalise, normalising_means
from isomorph.models.blocks import LayerStack
from isomorph.models.encoder import BilingualConfig, BilingualEncoder


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
