"""New layers on top of the first layers of a frozen encoder, whose states may be mapped between.

For the transfer of Conneau, Wu et al. (ACL 2020, section 5.1): a task is learnt on the states of an
English model's layer i, by further layers and a head. At test time the states of another model's
layer i take their place, after a rotation.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from isomorph.models.encoder import BilingualEncoder, Layer


class LayerStack(nn.Module):
    """An encoder for a head (`isomorph.models.heads`): layers below that are frozen, and new ones.

    lower: whose states are read, after `depth` of its layers (0: what the embeddings give).
    top: how many new layers; their random weights depend on the seed alone.
    means: subtracted in turn, each after bringing states to length 1, as `align.normalise`; none
        to leave the states as they are.
    Raises ValueError when `lower` has not so many layers or `top` is below 1.
    """

    def __init__(
        self,
        lower: BilingualEncoder,
        depth: int,
        *,
        top: int,
        seed: int,
        means: Sequence[Tensor] = (),
    ):
        super().__init__()
        if top < 1:
            raise ValueError(f"top is {top}; at least 1 new layer is needed.")
        self.depth, self.config = depth, lower.config
        self.read(lower, means=means)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.ModuleList(Layer(lower.config) for _ in range(top))
            self.layers.apply(lower._init_weights)
        before = lower.config.norm == "pre"  # such a stack leaves its sum unnormalised
        self.final_norm = nn.LayerNorm(lower.config.width, eps=1e-12) if before else nn.Identity()

    def read(
        self,
        lower: BilingualEncoder,
        *,
        means: Sequence[Tensor] = (),
        rotation: Tensor | None = None,
    ) -> None:
        """Take the states of another encoder from now on, normalised by `means` and rotated.

        rotation: (width, width), for rows; None for none.
        """
        if not 0 <= self.depth <= len(lower.layers):
            raise ValueError(
                f"depth is {self.depth}; an encoder of {len(lower.layers)} layers allows 0 to as many."
            )
        self.lower = copy.deepcopy(lower).requires_grad_(False).eval()
        if self.depth < len(lower.layers):
            # Below the last layer, states are those that `represent` gives: before the last norm.
            self.lower.layers = self.lower.layers[: self.depth]
            self.lower.final_norm = nn.Identity()
        place = next(lower.parameters())
        self.means = [mean.to(place) for mean in means]
        self.rotation = None if rotation is None else rotation.to(place)

    @property
    def base_model(self) -> LayerStack:
        return self  # as a head asks of a model of transformers

    def train(self, mode: bool = True) -> LayerStack:
        super().train(mode)
        self.lower.eval()
        return self

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        language: str | None = None,
        **ignored,
    ) -> BaseModelOutput:
        """As `BilingualEncoder.forward`; last_hidden_state is (batch, time, width)."""
        with torch.no_grad():
            x = self.lower(input_ids, attention_mask, language).last_hidden_state
            for mean in self.means:
                x = x / x.norm(dim=-1, keepdim=True).clamp(min=1e-12) - mean
            if self.rotation is not None:
                x = x @ self.rotation
        mask = None if attention_mask is None else attention_mask[:, None, None].bool()
        for layer in self.layers:
            x = layer(x, mask)
        return BaseModelOutput(self.final_norm(x))
