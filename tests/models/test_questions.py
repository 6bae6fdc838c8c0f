"""What the question head reads, which stretch it answers with, and that it learns to answer."""

import pytest
import torch
from torch.nn.functional import log_softmax

from isomorph.measure.scores import answer_scores
from isomorph.models.finetune import finetune, predict
from isomorph.models.inputs import IGNORED
from isomorph.models.pretrained import load_encoder
from isomorph.models.settings import TuningConfig
from isomorph.models.spans import LONGEST_ANSWER, QuestionHead, best_spans
from isomorph.text.examples import PAIR, QUESTION, Examples, QuestionExample
from isomorph.text.vocab import SEPARATOR, START, VocabularyConfig, learn
from isomorph.text.worlds import World, world_questions
from tests.models import toy

KINDS = ("ours", "bert", "roberta")


def asked(*items: tuple[str, str, str]) -> Examples:
    """Examples of (question, context, answer), the answer at its last place."""
    made = (
        QuestionExample(question, context, context.rfind(answer), (answer,))
        for question, context, answer in items
    )
    return Examples(QUESTION, (), tuple(made), "toy")


def head_of(kind: str = "ours", encoder=None, **given):
    return toy.seeded_head(QuestionHead, encoder or toy.model(kind), **given)


UNEVEN = asked(
    ("who sees ?", "ann kowalski sees the old mammoth .", "ann kowalski"),
    ("where", "rome fears Oslo .", "Oslo"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_question_and_context_are_one_input(kind):
    head = head_of(kind)
    for item, row in zip(UNEVEN.items, head.encode(UNEVEN, toy.tokenizer(kind)), strict=True):
        question, context = toy.subwords(item.question), toy.subwords(item.context)
        between = [SEPARATOR] * (2 if kind == "roberta" else 1)
        before = [START, *question, *between]
        assert row.ids == [*before, *context, SEPARATOR]
        assert row.words == list(range(len(before), len(row.ids) - 1))
        if kind != "roberta":
            assert row.segments == [0] * len(before) + [1] * (len(context) + 1)
        first, last = row.targets
        told = item.context[row.spans[first][0] : row.spans[last][1]]
        assert (told,) == item.answers and row.heads == [] and row.text == item.context


def test_an_answer_inside_a_token_or_with_spaces_around():
    context = "the old mammoth sees rome ."
    whole = asked(("who", context, "mammoth"))
    part = Examples(QUESTION, (), (QuestionExample("who", context, 7, (" mammot",)),), "toy")
    spaced = Examples(QUESTION, (), (QuestionExample("who", context, 8, ("mammoth ",)),), "toy")
    one, *others = (head_of().encode(e, toy.tokenizer("ours"))[0] for e in (whole, part, spaced))
    assert one.spans[one.targets[1]][1] == 15
    assert [other.targets for other in others] == [one.targets] * 2


def test_our_encoder_reads_each_side_up_to_its_length():
    # Toy encoders of our own read 20 tokens.
    long = asked(("the " * 30, "the " * 30 + "rome", "rome"))
    tokenizer = toy.tokenizer("ours")
    (row,) = head_of().encode(long, tokenizer)
    assert row.segments == [0] * toy.LENGTH + [1] * (toy.LENGTH - 1)
    assert len(row.words) == len(row.spans) == toy.LENGTH - 2
    assert row.targets == [IGNORED, IGNORED]
    assert predict(head_of(), long, tokenizer, language="a")[0].startswith("the")
    head = head_of()
    head.restart = False
    with pytest.raises(ValueError, match="a question has 30 tokens; the 20 .* at most 16"):
        head.encode(long, tokenizer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_context_is_cut_at_its_end(kind):
    head, tokenizer = head_of(kind), toy.tokenizer(kind)
    head.restart = False
    room = toy.LENGTH if kind == "ours" else 2 * toy.LENGTH
    # RoBERTa counts positions from 1 and writes one more special token.
    room -= 2 if kind == "roberta" else 0
    context = "rome " + "the " * 50 + "oslo"
    wanted = asked(("who", context, "rome"), ("who", context, "oslo"))
    kept, lost = head.encode(wanted, tokenizer)
    assert len(kept.ids) in (room, room + 1) and kept.ids == lost.ids
    assert kept.targets[0] == 0 and lost.targets == [IGNORED, IGNORED]
    assert len(predict(head, wanted, tokenizer, language=toy.language_of(kind))) == 2


def test_a_cut_answer_teaches_nothing():
    # Of "the old mammoth" the beginning is read, but not the end.
    wanted = asked(("who", "rome " * 16 + "the old mammoth", "the old mammoth"))
    (row,) = head_of().encode(wanted, toy.tokenizer("ours"))
    assert row.targets == [IGNORED, IGNORED]
    with pytest.raises(ValueError, match="none of the 1 examples has an answer"):
        finetune(
            head_of(), wanted, toy.tokenizer("ours"), TuningConfig(), language="a", device="cpu"
        )


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_each_question_gives_alone(kind):
    head = head_of(kind)
    together = toy.scores_of(head, UNEVEN, kind)
    least = torch.finfo(torch.float32).min
    for row, item in zip(together, UNEVEN.items, strict=True):
        (single,) = toy.scores_of(head, Examples(QUESTION, (), (item,), "toy"), kind)
        torch.testing.assert_close(row[: len(single)], single, rtol=1e-4, atol=1e-5)
        assert (row[len(single) :] == least).all()
    found = predict(head, UNEVEN, toy.tokenizer(kind), language=toy.language_of(kind))
    assert all(text and text in i.context for text, i in zip(found, UNEVEN.items, strict=True))


def test_the_loss_is_that_of_start_and_end():
    head = head_of().eval()
    batch = toy.batch_of(head, UNEVEN)
    with torch.inference_mode():
        found = head.loss(batch, "a")
        slowly = []
        for row, length, target in zip(
            head.scores(batch, "a"), batch.lengths, batch.targets, strict=True
        ):
            shares = log_softmax(row[:length], 0)
            slowly += [-shares[target[side], side] for side in (0, 1)]
    torch.testing.assert_close(found, torch.stack(slowly).mean())


def test_the_best_span_is_the_best_of_all():
    scores = torch.randn(20, 40, 2, generator=torch.Generator().manual_seed(0))
    scores[::2, 25:] = torch.finfo(scores.dtype).min  # beyond a row's length
    for longest in (1, 4, LONGEST_ANSWER):
        for row, span in zip(scores.tolist(), best_spans(scores, longest), strict=True):
            slowly = max(
                (row[start][0] + row[end][1], -start, -end)
                for start in range(40)
                for end in range(start, min(40, start + longest))
            )
            assert span == (-slowly[1], -slowly[2])


def test_a_context_of_which_nothing_is_read_has_an_empty_answer():
    nothing = Examples(QUESTION, (), (QuestionExample("who", "\t", 0, ("\t",)),), "toy")
    both = Examples(QUESTION, (), nothing.items + UNEVEN.items, "toy")
    head = head_of()
    assert predict(head, nothing, toy.tokenizer("ours"), language="a") == [""]
    assert predict(head, both, toy.tokenizer("ours"), language="a")[0] == ""
    assert predict(head, Examples(QUESTION, (), (), "toy"), toy.tokenizer("ours")) == []
    head.loss(toy.batch_of(head, both), "a").backward()
    assert all(p.grad.isfinite().all() for p in head.parameters() if p.grad is not None)


@pytest.mark.parametrize("kind", ["ours", "bert"])
def test_it_learns_to_answer_cloze_questions(kind):
    world = World(seed=0, lexemes=64)
    questions = world_questions(world, "a", "train", 24)
    texts = [sentence.text("a") for sentence in world.sentences("train_a", 300)]
    vocabulary = learn(VocabularyConfig(size=120), {"a": texts})
    shape = {"width": 64} if kind == "ours" else {"hidden_size": 64}
    if kind == "ours":
        shape |= {"languages": ("a",), "vocabulary": vocabulary.size, "length": 64}
        encoder = toy.ours(**shape)
    else:
        shape |= {"vocab_size": vocabulary.size, "max_position_embeddings": 128}
        encoder = toy.hugging_face(kind, **shape)
    head, tokenizer = head_of(kind, encoder), vocabulary.tokenizer("a")
    config = TuningConfig(epochs=60, batch=8, learning_rate=3e-3, head_rate=3e-3)
    language = toy.language_of(kind)
    losses = finetune(
        head, questions, tokenizer, config, language=language, device="cpu", progress=False
    )
    scores = answer_scores(questions, predict(head, questions, tokenizer, language=language))
    assert losses[-1] < losses[0] / 4 and scores["exact"] > 0.9 and scores["f1"] > 0.9


def test_encoders_that_ship_read_questions():
    context = "Rome, the capital of Italy, is older than Oslo."
    wanted = asked(("What is the capital of Italy?", context, "Rome"))
    encoder, tokenizers = load_encoder("en")
    for model, tokenizer, language in (
        (encoder, tokenizers["en"], "en"),
        (*load_encoder("sentence-transformers/all-MiniLM-L6-v2"), None),
    ):
        head = head_of(encoder=model)
        (row,) = head.encode(wanted, tokenizer)
        first, last = row.targets
        assert context[row.spans[first][0] : row.spans[last][1]] == "Rome"
        (answer,) = predict(head, wanted, tokenizer, language=language)
        assert answer and answer in context


def test_the_seed_alone_decides_the_weights():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (head_of(seed=seed).out.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="examples.task is 'nli'; allowed are 'questions'"):
        head_of().encode(toy.examples(PAIR, count=1), toy.tokenizer("ours"))
