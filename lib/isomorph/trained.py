"""The models that a run trains or starts from, ready to read: what a chapter does live rests on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from isomorph import results
from isomorph.runs import Pretraining
from isomorph.runs.encoders import TwoModels
from isomorph.runs.geometry import States, by_frequency, hidden_states

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.measure.represent import Representation
    from isomorph.models.heads import Head
    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.runs.run import Run
    from isomorph.runs.tasks import Task
    from isomorph.text.corpora import Corpus
    from isomorph.text.vocab import Vocabulary


@dataclass(frozen=True)
class Trained:
    """A trained language model, the language that it reads here, and what it was trained on."""

    model: BilingualMaskedLM
    vocabulary: Vocabulary
    language: str
    corpus: Corpus
    run: Pretraining

    @property
    def encoder(self) -> PreTrainedModel:
        """The model without its language-model head."""
        return self.model.base_model

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        return self.vocabulary.tokenizer(self.language)

    def represent(self, texts, **options) -> Representation:
        """Vectors of texts at every layer; see `isomorph.measure.represent.represent`."""
        from isomorph.measure.represent import represent

        return represent(self.encoder, self.tokenizer, texts, language=self.language, **options)

    @cached_property
    def vectors(self) -> Tensor:
        """(vocabulary, width): the word vectors, which are both embeddings and softmax."""
        return self.model.get_input_embeddings().weight.detach().cpu()

    @cached_property
    def by_frequency(self) -> tuple[np.ndarray, np.ndarray]:
        """The ids that occur in the training text, the most frequent first, and how often."""
        return by_frequency(self.vocabulary, self.language, self.corpus.train[self.language])

    @cached_property
    def words(self) -> list[str]:
        """The word of each id."""
        names = [""] * self.vocabulary.size
        for word, i in self.vocabulary.ids[self.language].items():
            names[i] = word
        return names

    def skipgrams(self, *, epochs: int = 5) -> Tensor:
        """(words that occur, width): skip-gram vectors of the same text and width, the most frequent
        word first."""
        from isomorph.measure.static import skipgram_vectors
        from isomorph.text.vocab import words_in

        backend = self.tokenizer.backend_tokenizer
        sentences = [words_in(backend, text) for text in self.corpus.train[self.language]]
        kept = [self.words[i] for i in self.by_frequency[0]]
        width = self.vectors.shape[1]
        return skipgram_vectors(sentences, kept, width=width, epochs=epochs, seed=self.run.seed)

    def states(self, texts: list[str] | None = None, *, most: int = 20_000) -> States:
        """The states of some texts, by default the held-out ones: the first `most` positions."""
        texts = self.corpus.dev[self.language] if texts is None else texts
        asked = self.model, self.vocabulary, self.language, texts, self.run.training
        return hidden_states(*asked, most=most)

    def log_total(self, hidden: Tensor) -> Tensor:
        """(n,) float64: of each state, the log of the summed exponentials of all words."""
        import torch

        parts = []
        with torch.inference_mode():
            for block in hidden.split(2048):
                scores = self.model.scores(block.to(self.model.device), self.language)
                parts.append(scores.double().logsumexp(1).cpu())
        return torch.cat(parts)

    def log_rest(self, hidden: Tensor, word: int, log_total: Tensor | None = None) -> Tensor:
        """(n,) float64: of each state, the log of the summed exponentials of all words but one.

        log_total: of the same states, where it is known. The model's softmax must have no bias.
        """
        total = self.log_total(hidden) if log_total is None else log_total
        share = (hidden.double() @ self.vectors[word].double() - total).clamp(max=-1e-12)
        return total + (-share.expm1()).log()

    def finetune(self, task: Task, *, seed: int = 0) -> FineTuned:
        """A copy of the model of a world, tuned on a task of that world as a run of `seed` tunes it."""
        import copy

        from isomorph.models.finetune import finetune

        train = task.examples("train", self.language, self.run.text)
        head = task.head(copy.deepcopy(self.encoder), train.names, seed=seed)
        losses = finetune(
            head, train, self.tokenizer, task.tuning, language=self.language, seed=seed,
            progress=False,
        )  # fmt: skip
        return FineTuned(
            head.encoder, self.vocabulary, self.language, self.corpus, self.run, task, head, losses
        )


@dataclass(frozen=True)
class FineTuned(Trained):
    """A model tuned on a task, with the head that reads it; losses are of each epoch, in nats."""

    task: Task
    head: Head
    losses: list[float]

    def score(self, most: int | None = None) -> float:
        """The task's main score on its test examples, or on the first of them."""
        from dataclasses import replace

        from isomorph.models.finetune import predict

        test = self.task.examples("test", self.language, self.run.text)
        test = replace(test, items=test.items[:most])
        return self.task.main(
            test, predict(self.head, test, self.tokenizer, language=self.language)
        )


def trained_models(run: Run, *, first: bool = False) -> tuple[Trained, ...]:
    """The model of each side of a run on two models, or else of each model that it starts from, or
    that it trains; trained now where this very code has not done so on this machine. first: only
    the first of them.

    Raises TypeError when a run trains nothing and starts from nothing.
    """
    from isomorph.models.pretrained import load_masked_lm
    from isomorph.models.settings import device_named

    cached = results.cached(run)
    if isinstance(run, TwoModels):
        both = zip(run.sides, run.languages, strict=True)
        sides = [(cached.in_same_cache(side), language) for side, language in both if side]
    else:
        below = map(cached.in_same_cache, run.foundations())
        models = [cached] if isinstance(run, Pretraining) else below
        sides = [(each, each.languages[0]) for each in models]
    if not sides:
        raise TypeError(f"this run of {type(run).__name__} has no model of ours.")
    sides = sides[:1] if first else sides
    each_once = {kept.digest: kept for kept, _ in sides}
    results.train_here(each_once.values())
    loaded = {digest: load_masked_lm(kept.model_folder()) for digest, kept in each_once.items()}
    for model, _ in loaded.values():
        model.to(device_named("auto"))
    return tuple(
        Trained(*loaded[kept.digest], language, kept.text.corpus(), kept)
        for kept, language in sides
    )
