"""Rows of BERT's two objectives, and the prose of the text that they are made of."""

import json
from itertools import chain

import numpy as np
import pytest
import torch
from data.build import bert, english
from transformers import BertForPreTraining

from isomorph.models.pretrained import load_encoder
from isomorph.text import shipped
from isomorph.text.corpora import load_corpus

# Document d, sentence s: three subwords that say where they stand.
SOURCE = [
    [[1000 * d + 10 * s + i for i in range(3)] for s in range(1 + d % 7)] for d in range(1, 40)
]
PLACE = {word: (d, at) for d, doc in enumerate(SOURCE) for at, word in enumerate(chain(*doc))}


def test_rows_say_truly_whether_the_second_part_follows():
    made = list(bert.pairs(SOURCE, 64, 0.1, np.random.default_rng(0)))
    following = [(a, b) for a, b, follows in made if follows]
    other = [(a, b) for a, b, follows in made if not follows]
    assert len(following) > 10 and len(other) > 10
    assert all(PLACE[b[0]] == (PLACE[a[-1]][0], PLACE[a[-1]][1] + 1) for a, b in following)
    assert all(PLACE[a[0]][0] != PLACE[b[0]][0] for a, b in other)
    # Each part is one stretch of one document.
    for part in [part for a, b, _ in made for part in (a, b)]:
        places = [PLACE[word] for word in part]
        assert places == [(places[0][0], places[0][1] + i) for i in range(len(part))]


def test_rows_are_no_longer_than_allowed_and_leave_no_sentence_out():
    made = list(bert.pairs(SOURCE, 16, 0.0, np.random.default_rng(1)))
    assert max(len(a) + len(b) for a, b, _ in made) <= 13
    uncut = list(bert.pairs(SOURCE, 64, 0.0, np.random.default_rng(1)))
    read = {PLACE[word] for a, b, follows in uncut for word in (a + b if follows else a)}
    assert read == set(PLACE.values())


def test_a_masked_batch_asks_for_words_alone_and_shows_most_of_them_masked():
    words = list(range(100, 160))
    batch = bert.collate([(words, words, True), (words[:5], words[:9], False)], [0])
    ids, labels = batch["input_ids"], batch["labels"]
    asked = labels >= 0
    assert batch["follows"].tolist() == [1, 0]
    assert batch["attention_mask"].sum(1).tolist() == [123, 17]
    assert batch["token_type_ids"][1, :17].tolist() == [0] * 7 + [1] * 10
    assert 8 < asked.sum() < 35 and bool((labels[asked] >= 100).all())
    assert 0.5 < (ids[asked] == bert.MASK).float().mean() < 1
    original = torch.tensor([bert.CLS, *words, bert.SEP, *words, bert.SEP])
    assert torch.equal(ids[0][~asked[0]], original[~asked[0]])
    assert torch.equal(labels[0][asked[0]], original[asked[0]])


def test_a_training_goes_on_from_where_it_was_stopped(tmp_path, monkeypatch):
    recipe = {"vocabulary": 50, "batch": 8, "length": 16, "warmup": 2, "precision": "fp32", "layers": 2,
              "width": 32}  # fmt: skip
    monkeypatch.setattr(bert, "RECIPE", bert.RECIPE | recipe | {"steps": 6})
    source = [[[5 + (d * s + i) % 45 for i in range(4)] for s in range(3)] for d in range(30)]
    whole = bert.new_model()
    bert.train(whole, [source], tmp_path / "whole", "text")
    stopped, halt = bert.new_model(), bert.losses
    steps = iter(range(4))

    def until_the_fourth(*args):
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return halt(*args)

    monkeypatch.setattr(bert, "losses", until_the_fourth)
    monkeypatch.setattr(bert, "EVERY", 0.0)
    with pytest.raises(KeyboardInterrupt):
        bert.train(stopped, [source], tmp_path / "stopped", "text")
    monkeypatch.setattr(bert, "losses", halt)
    again = bert.new_model()
    state = bert.train(again, [source], tmp_path / "stopped", "text")
    assert state["step"] == 6
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_training_whose_loss_rises_for_long_has_diverged(tmp_path, monkeypatch):
    falling = [9 - 0.1 * i + 0.3 * (-1) ** i for i in range(40)]
    assert not any(bert.diverged(falling[:end]) for end in range(1, 41))
    assert not bert.diverged([*falling, 8.0])  # one hard batch
    assert bert.diverged([*falling, *[6.2] * 10]) and bert.diverged([*falling, float("nan")])
    recipe = {"vocabulary": 50, "batch": 8, "length": 16, "layers": 1, "width": 32, "steps": 50}
    monkeypatch.setattr(bert, "RECIPE", bert.RECIPE | recipe | {"learning_rate": float("inf")})
    source = [[[5 + (d * s + i) % 45 for i in range(4)] for s in range(3)] for d in range(30)]
    with pytest.raises(ValueError, match="^training diverged by step 50.$"):
        bert.train(bert.new_model(), [source], tmp_path / "checkpoint", "text")


def test_the_prose_of_a_manual_page():
    page = '.TH accept 2\n.SH SYNOPSIS\n.nf\n.BI "int f(int " x );\n.fi\n.SH DESCRIPTION\nThe\n'
    page += ".BR accept ()\ncall takes\n.I sockfd\nas it is.\n.PP\nIt returns \\-1.\n"
    assert english._of_roff(page) == ["The accept() call takes sockfd as it is.", "It returns -1."]


def test_a_passage_is_read_once_and_by_sentences():
    seen = set()
    text = "He came home late. “Where were you?” she asked."
    assert english._sentences([text, "Too short."], seen) == [
        "He came home late.",
        "“Where were you?” she asked.",
    ]
    assert english._sentences([text.upper()], seen) == []


def test_what_ships_is_what_the_recipe_says_and_knows_english():
    folder = shipped.data_folder() / "models" / bert.NAME
    card = json.loads(shipped.verified(f"models/{bert.NAME}/card.json").read_text())
    assert {name: card[name] for name in bert.RECIPE} == bert.RECIPE
    assert sum(path.stat().st_size for path in folder.iterdir()) <= bert.LARGEST
    encoder, tokenizer = load_encoder(bert.NAME)
    assert len(tokenizer) == encoder.config.vocab_size == bert.RECIPE["vocabulary"]
    assert encoder.config.num_hidden_layers == bert.RECIPE["layers"]
    model = BertForPreTraining.from_pretrained(folder, dtype=torch.float32)
    assert model.num_parameters() == card["parameters"]
    # Verses that it has not read, in order and out of it.
    verses = load_corpus(("en",), ("bible",)).test["en"][:80]
    source = [
        tokenizer(verses[at : at + 8], add_special_tokens=False)["input_ids"]
        for at in range(0, 80, 8)
    ]
    found = bert.judge(model, {"verses": source})["verses"]
    assert found["perplexity"] < 60 and found["follows"] > 0.7
