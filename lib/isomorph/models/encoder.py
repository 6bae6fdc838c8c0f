"""A Transformer encoder for one or two languages, in which any part can be shared or not.

The model of Conneau, Wu et al. (ACL 2020, sections 3.1 and 4.3): a BERT-style encoder that reads
one language a batch. With everything shared and `norm="post"` it computes what
`transformers.BertModel` computes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from isomorph.models.settings import judge_shape
from isomorph.text.vocab import SPECIAL

ACTIVATIONS = {"gelu": "none", "gelu_tanh": "tanh"}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random weights that are made inside depend on the seed alone, and change no other draw."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class BilingualConfig(PreTrainedConfig):
    """The shape of an encoder and which of its parts belong to one language only.

    `specific` names the language-specific parts: "embeddings", "special" (those of the special
    tokens alone), "positions", "softmax" and "layer.0" up to "layer.<layers - 1>". The softmax
    uses the embedding matrix as its weights whenever both are shared or both are specific. With
    `causal` a position sees itself and earlier ones only, and its scores are for the next subword.
    Without `final_norm` a pre-norm stack gives out its sum as it is.

    Raises ValueError when a part, norm or activation is unknown or the heads do not divide the
    width.
    """

    model_type = "isomorph"
    attribute_map: ClassVar[dict[str, str]] = {
        "vocab_size": "vocabulary",
        "hidden_size": "width",
        "num_hidden_layers": "layers",
        "num_attention_heads": "heads",
        "max_position_embeddings": "length",
    }

    vocabulary: int = 8000
    languages: Sequence[str] = ("en", "fr")
    layers: int = 4
    width: int = 128
    heads: int = 4
    inner: int | None = None
    length: int = 128
    norm: str = "post"
    activation: str = "gelu"
    dropout: float = 0.1
    transform: bool = False
    causal: bool = False
    softmax_bias: bool = True
    final_norm: bool = True
    specific: Sequence[str] = ()
    pad_token_id: int | None = 0

    def __post_init__(self, **rest):
        judge_shape(self.layers, self.width, self.heads, self.specific)
        if self.norm not in ("post", "pre"):
            raise ValueError(f"norm is {self.norm!r}; allowed are 'post' (BERT, XLM) and 'pre'.")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation is {self.activation!r}; allowed are {sorted(ACTIVATIONS)}."
            )
        self.languages, self.specific = list(self.languages), sorted(self.specific)
        self.inner = self.inner or 4 * self.width
        # Tying is decided by `tied`, part by part.
        super().__post_init__(**rest | {"tie_word_embeddings": False})

    @property
    def tied(self) -> bool:
        """Whether the softmax weights are the embedding matrix."""
        return ("embeddings" in self.specific) == ("softmax" in self.specific)


class PerLanguage(nn.ModuleDict):
    """One module for every language, or one that all languages share."""

    def __init__(self, part: str, config: BilingualConfig, make):
        owners = config.languages if part in config.specific else ["shared"]
        super().__init__({owner: make() for owner in owners})

    def of(self, language: str) -> nn.Module:
        return self["shared"] if "shared" in self else self[language]


class Attention(nn.Module):
    def __init__(self, config: BilingualConfig):
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        batch, time, width = x.shape
        q, k, v = (
            self.qkv(x).view(batch, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )  # each (batch, head, time, width of a head)
        dropout = self.dropout if self.training else 0.0
        if x.device.type == "cpu":
            # The backward pass of the fused kernel is slow on CPUs in bf16.
            scores = (q * (width // self.heads) ** -0.5) @ k.transpose(-1, -2)
            if mask is not None:
                scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
            attended = F.dropout(scores.softmax(-1), dropout) @ v
        else:
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        return self.out(attended.transpose(1, 2).reshape(batch, time, width))


class Layer(nn.Module):
    def __init__(self, config: BilingualConfig):
        super().__init__()
        self.pre = config.norm == "pre"
        self.approximate = ACTIVATIONS[config.activation]
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.up = nn.Linear(config.width, config.inner)
        self.down = nn.Linear(config.inner, config.width)
        self.output_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)

    def feed_forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x), approximate=self.approximate))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if self.pre:
            x = x + self.dropout(self.attention(self.attention_norm(x), mask))
            return x + self.dropout(self.feed_forward(self.output_norm(x)))
        x = self.attention_norm(x + self.dropout(self.attention(x, mask)))
        return self.output_norm(x + self.dropout(self.feed_forward(x)))


class BilingualPreTrainedModel(PreTrainedModel):
    config_class = BilingualConfig
    base_model_prefix = "encoder"
    main_input_name = "input_ids"

    def _init_weights(self, module: nn.Module) -> None:
        # BERT's initialisation: normal with standard deviation 0.02, zero biases.
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)

    def language(self, language: str | None) -> str:
        """The language to read; may be left out where it makes no difference.

        Raises ValueError when the model has language-specific parts and none of its languages is
        named.
        """
        known = self.config.languages
        if language in known:
            return language
        if language is None and (not self.config.specific or len(known) == 1):
            return known[0]
        raise ValueError(f"language is {language!r}; this model reads {known}.")


class BilingualEncoder(BilingualPreTrainedModel):
    """Token ids to hidden states, one language a batch."""

    # A checkpoint with a masked-LM head is a good source of an encoder.
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^softmax\.", r"^transform\."]

    def __init__(self, config: BilingualConfig):
        super().__init__(config)
        words, width = config.vocabulary, config.width
        self.embeddings = PerLanguage("embeddings", config, lambda: nn.Embedding(words, width))
        self.positions = PerLanguage(
            "positions", config, lambda: nn.Embedding(config.length, width)
        )
        self.special = None
        if "special" in config.specific:
            self.special = PerLanguage("special", config, lambda: nn.Embedding(len(SPECIAL), width))
        self.embedding_norm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            PerLanguage(f"layer.{i}", config, lambda: Layer(config)) for i in range(config.layers)
        )
        # A pre-norm stack leaves its sum unnormalised; a post-norm stack does not.
        unnormalised = config.norm == "pre" and config.final_norm
        self.final_norm = nn.LayerNorm(width, eps=1e-12) if unnormalised else nn.Identity()
        self.post_init()

    def get_input_embeddings(self, language: str | None = None) -> nn.Embedding:
        return self.embeddings.of(self.language(language))

    def specific_parts(self) -> list[nn.Module]:
        """The modules that each language has for itself."""
        parts = {name: getattr(self, name) for name in ("embeddings", "positions", "special")}
        parts |= {f"layer.{i}": layer for i, layer in enumerate(self.layers)}
        return [module for name, module in parts.items() if name in self.config.specific]

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        language: str | None = None,
        output_hidden_states: bool = False,
        position_ids: Tensor | None = None,
        added: Tensor | None = None,
        **ignored,
    ) -> BaseModelOutput:
        """Hidden states of a batch in one language.

        input_ids: (batch, time). attention_mask: (batch, time), 1 on text and 0 on padding, or
        (batch, time, time), 1 where the first position sees the second. position_ids: (batch,
        time); left out, positions are counted along the row. added: (batch, time, width), added to
        the embeddings. Returns last_hidden_state (batch, time, width) and, when asked,
        hidden_states: layers + 1 of them, the first being what the embeddings give. Raises
        ValueError when the language is unknown or the text longer than the positions.
        """
        language = self.language(language)
        time = input_ids.shape[1]
        if position_ids is None and time > self.config.length:
            raise ValueError(f"input is {time} tokens long; this model reads {self.config.length}.")
        x = self.embeddings.of(language)(input_ids)  # (batch, time, width)
        if self.special is not None:
            special = self.special.of(language)(input_ids.clamp(max=len(SPECIAL) - 1))
            x = torch.where((input_ids < len(SPECIAL))[:, :, None], special, x)
        positions = self.positions.of(language)
        x = x + (positions.weight[:time] if position_ids is None else positions(position_ids))
        x = x if added is None else x + added
        x = self.dropout(self.embedding_norm(x))
        mask = attention_mask
        if mask is not None:  # (batch, 1 for every head, time or 1, time)
            mask = (mask[:, None, None] if mask.ndim == 2 else mask[:, None]).bool()
        if self.config.causal:
            earlier = torch.ones(time, time, dtype=torch.bool, device=x.device).tril()
            mask = earlier if mask is None else mask & earlier
        states = [x]
        for layer in self.layers:
            x = layer.of(language)(x, mask)
            states.append(x)
        states[-1] = x = self.final_norm(x)
        return BaseModelOutput(x, tuple(states) if output_hidden_states else None)


AutoConfig.register("isomorph", BilingualConfig)
AutoModel.register(BilingualConfig, BilingualEncoder)
