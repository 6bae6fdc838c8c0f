# %% [markdown]
# # Sentences in order
#
# Shuffle the sentences of a text and ask for the order they had. It takes no labels: any text is its own answer. It takes some sense of what leads to what: a heading before its paragraph, a name before the pronoun, a question
# before its answer. This chapter tunes encoders on it in the manner of BERT4SO, takes its two ideas away one at a time, and looks at which places are mistaken for which.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import exercises
from isomorph.experiment import Experiment, answer, change, summary, verdict

answer("10.1", "10.2")

# %% [markdown]
# ## The claims
#
# Zhu and colleagues {cite}`zhu2021bert4so` give BERT all sentences of a text as *one* input, mark them with several special tokens and with segments, and tune it with a listwise loss that has a margin.
#
# - **Claim 10.1**: so tuned, an encoder puts shuffled sentences in order. The authors say so of five sets of texts.
# - **Claim 10.2**: that the sentences see each other helps, and so does the margin.
#
# We could read the abstract alone. We know none of the paper's numbers, and not the form of its margin; ours is our own.
#
# ## Scores of an order
#
# *Accuracy* is the share of sentences at the right place. *PMR*, the perfect match ratio, is the share of texts in which all are. *Kendall's tau* counts pairs. With $m$ of them in the wrong order,
#
# $$\tau=1-\frac{2m}{\binom n2} .$$

# %%
import copy
import warnings
from itertools import combinations, permutations
from math import comb

import numpy as np
import pandas as pd
import torch

from isomorph.figures import blank, every_run, show, show_table


def kendall(true, guessed):  # the places of n sentences, from 0
    pairs = combinations(range(len(true)), 2)
    wrong = sum(
        (true[i] - true[j]) * (guessed[i] - guessed[j]) < 0
        for i, j in pairs
    )
    return 1 - 2 * wrong / comb(len(true), 2)


def order_scores(gold, predicted):
    """The means over texts, each text's places from 0."""
    texts = list(zip(gold, predicted, strict=True))
    right = [np.array(true) == np.array(guess) for true, guess in texts]
    return {
        "accuracy": np.mean([each.mean() for each in right]),
        "PMR": np.mean([each.all() for each in right]),
        "tau": np.mean([kendall(*text) for text in texts]),
    }


# %% [markdown]
# **What chance gives.** Five sentences have 120 orders, few enough to score them all.

# %%
true = (0, 1, 2, 3, 4)
orders = list(permutations(true))
taus = np.array([kendall(true, order) for order in orders])
counts = pd.Series(taus.round(9) + 0.0).value_counts().sort_index()
table = counts[::-1].rename_axis("tau").rename("orders").reset_index()
table["share, %"] = (100 * table["orders"] / 120).round(1)
table["inverted pairs"] = (10 * (1 - table["tau"]) / 2).round().astype(int)
show_table(table.round(1), "All orders of five sentences, by Kendall's tau")
last_first = order_scores([true], [(1, 2, 3, 4, 0)])
show_table(
    pd.DataFrame(
        {
            "guessing": order_scores([true] * 120, orders),
            "the last sentence moved to the front": last_first,
        }
    )
    .T.rename_axis("order")
    .round(3)
    + 0.0,
    "Three scores of two ways to be wrong",
)

# %% [markdown]
# The three scores see different things. Move the last sentence to the front, and leave the rest: no sentence is at its place, so the accuracy is 0, while tau is 0.2, since the other four still stand in the right order.
#
# ## A score a sentence
#
# **Several special tokens.** BERT's input begins with one token [CLS], whose vector stands for all. Here every sentence gets a [CLS] of its own, and a [SEP] at its end:
#
# $$\text{[CLS]}\,A\,\text{[SEP]}\,\text{[CLS]}\,B\,\text{[SEP]}\,\dots$$
#
# So there is one input, and every token may attend to every other: the sentences see each other.
#
# **Interval segments.** BERT adds one of two vectors to each token, one for a first text and one for a second. Here the two take turns: 0 for the first sentence, 1 for the second, 0 for the third. Neighbours can be told apart. (The encoder
# that ships was pretrained without segments; it learns one vector for every second sentence while it is tuned.)
#
# **A linear layer** gives sentence $i$ a score $s_i$; the highest comes first. The layer may read the sentence's [CLS]. We let it read the mean of the sentence's own tokens, since our encoders were not
# pretrained to gather a sentence in its [CLS].
#
# **ListMLE** reads scores as a lottery. Draw the sentences one after another without putting any back, each with a chance in proportion to $e^{s}$. How likely is the true order $\pi$? With $\pi(1)$ the sentence that comes first, the loss is
#
# $$-\log\prod_{i=1}^{n}\frac{e^{s_{\pi(i)}}}{\sum_{k\ge i}e^{s_{\pi(k)}}} .$$
#
# **A margin.** Our addition to it is a hinge on each pair, where $i$ comes before $j$:
#
# $$\sum_{i\text{ before }j}\max\big(0,\;1-(s_i-s_j)\big) .$$
#
# It asks that the earlier sentence be ahead by 1.


# %%
def list_mle(s):  # scores in the true order, (sentences,)
    left = torch.stack([s[i:].logsumexp(0) for i in range(len(s))])
    return (left - s).sum()


def hinges(s, margin=1.0):
    ahead = s[:, None] - s[None, :]  # of row i over column j
    return (margin - ahead).clamp(min=0).triu(1).sum()


# %% [markdown]
# Three sentences in their true order, with these scores. The second and the third stand the wrong way round.

# %%
s = torch.tensor([2.0, 0.5, 1.0], dtype=torch.float64)
chance = [float(s[i:].softmax(0)[0]) for i in range(3)]
draws = pd.DataFrame(
    {
        "still there": ["A, B, C", "B, C", "C"],
        "right one": list("ABC"),
        "chance": chance,
        "cost": -np.log(chance) + 0.0,
    }
)
show_table(draws.round(3), "ListMLE: three draws")
pairs = [(i, j) for i in range(3) for j in range(i + 1, 3)]
ahead = [float(s[i] - s[j]) for i, j in pairs]
show_table(
    pd.DataFrame(
        {
            "first": ["ABC"[i] for i, _ in pairs],
            "then": ["ABC"[j] for _, j in pairs],
            "ahead by": ahead,
            "cost": [max(0, 1 - each) for each in ahead],
        }
    ),
    "The margin: three pairs",
)
assert np.isclose(draws["cost"].sum(), float(list_mle(s)))
print(f"ListMLE {list_mle(s):.3f}, hinges {hinges(s):.3f}")
print(
    f"equal scores: {list_mle(0 * s):.3f}, the log of 6 orders {np.log(6):.3f}"
)

# %% [markdown]
# The last draw costs nothing: one sentence is left. ListMLE is never quite content, for a chance is never 1; it goes on to push scores apart. A hinge stops at its margin, and what it costs grows only in proportion to how far a pair is wrong.
#
# **Decoding.** Which order is the most likely one, of all 120? There is no need to try them: it is the one with falling scores, and this is why the highest comes first. Here they are tried all the same.

# %%
s = torch.tensor([0.3, -1.2, 2.0, 0.9, -0.4], dtype=torch.float64)
chances = torch.stack([-list_mle(s[list(order)]) for order in orders]).exp()
likeliest = orders[int(chances.argmax())]
print(
    f"the chances sum to {chances.sum():.6f}; the likeliest has {chances.max():.1%}"
)
assert likeliest == tuple(s.argsort(descending=True).tolist())

# %% [markdown]
# ## What is read
#
# The first place is close to hand: help pages that ship with this book, five lines that follow each other, shuffled. The encoder `en`, which ships, has read half of the English Bible and *nothing of this kind*. It also reads 64 tokens and no more.
# Five sentences share them, with ten special tokens. So long sentences are cut to a common length; short ones stay whole.

# %%
from isomorph.models.finetune import finetune, predict
from isomorph.models.pretrained import load_encoder

experiment = Experiment("orders", size, recompute=recompute)
run = experiment.run("full", seed=0)
task = run.task
# For example: task.model_copy(update={"margin": 0.0, "interaction": False})
encoder, tokenizers = load_encoder(run.encoder)
tokenizer = tokenizers["en"]
train, test = (task.examples(split, "en") for split in ("train", "test"))
head = task.head(copy.deepcopy(encoder), (), seed=run.seed)
print(task)

# %%
item, row = test.items[0], head.encode(test, tokenizer)[0]
ends = [*row.words[1:], len(row.ids)]
whole = [
    len(tokenizer(sentence, add_special_tokens=False)["input_ids"])
    for sentence in item.sentences
]
page = pd.DataFrame(
    {
        "[CLS] at": row.words,
        "segment": [row.segments[start] for start in row.words],
        "tokens": [b - a - 2 for a, b in zip(row.words, ends, strict=True)],
        "of": whole,
        "as it is read": [
            tokenizer.decode(row.ids[a + 1 : b - 1])
            for a, b in zip(row.words, ends, strict=True)
        ],
        "true place": [place + 1 for place in item.order],
    }
)
show_table(page, "One page as it is read")

# %% [markdown]
# The encoder puts in order the *beginnings* of sentences. Its subwords are those of a Bible, so that technical words fall to pieces and are cut all the sooner.
#
# **A rival that needs no encoder.** Headings are short, and end without a mark. Does that help?

# %%
RULES = {
    "as shuffled": lambda text: 0,
    "short ones first": len,
    "without a mark at the end first": lambda text: (
        text.rstrip()[-1:] in ".:;!?)"
    ),
}


def by(key, item):
    """The places of sentences sorted by a key, the earlier of equals first."""
    order = np.argsort([key(s) for s in item.sentences], kind="stable")
    return tuple(np.argsort(order).tolist())


gold = [item.order for item in test.items]
rules = {
    name: order_scores(gold, [by(key, item) for item in test.items])
    for name, key in RULES.items()
}
show_table(
    pd.DataFrame(rules).T.rename_axis("rule").round(3),
    f"Three orders without an encoder, on {len(test.items)} test pages",
)
luck = 2 * taus.std() / len(test.items) ** 0.5
print(
    f"Guessing has a tau of 0, give or take {luck:.2f} by luck on so many pages."
)

# %% [markdown]
# The first line is chance itself: the sentences stay as they were shuffled. A tau has to be clear of the luck with these pages before it means anything, and none of the three is.
#
# ## One encoder, live
#
# **Interaction**: sentences see each other; without it each is read alone, from position 0, by the same encoder and with the same tokens. **Margin**: the loss has the hinge; without it it is ListMLE alone. One encoder is tuned with both now. First, its loss before tuning, ours and the library's:

# %%
rows = head.encode(train, tokenizer)[:8]
batch = head.collate(rows, tokenizer)
with torch.no_grad():
    s = head.scores(batch, "en")  # (texts, sentences)
    in_order = s.gather(1, batch.targets.argsort(1))
    ours = torch.stack([list_mle(each) + hinges(each) for each in in_order])
    assert abs(ours.mean() - head.loss(batch, "en")) < 1e-4
print(f"loss before tuning: {ours.mean():.2f}, hinges included")

# %%
warnings.filterwarnings(
    "ignore", message=".* were cut"
)  # nearly every text
losses = finetune(
    head,
    train,
    tokenizer,
    task.tuning,
    language="en",
    seed=run.seed,
    progress=False,
)
predicted = predict(head, test, tokenizer, language="en")
live = order_scores(gold, predicted)
assert abs(live["tau"] - task.main(test, predicted)) < 1e-9
print("loss by epoch:", [round(loss, 2) for loss in losses])
print({name: round(float(value), 3) for name, value in live.items()})

# %% [markdown]
# A score is one number. Which places are confused? Of the sentences that truly stand at a place, which share was put where?

# %%
confusion = np.zeros((5, 5))
for places, guess in zip(gold, predicted, strict=True):
    for place, put in zip(places, guess, strict=True):
        confusion[place, put] += 100 / len(gold)
figure, (axis,) = blank(5, 4.2)
axis.imshow(confusion, cmap="Blues", vmin=0)
for place, put in np.ndindex(5, 5):
    share = confusion[place, put]
    dark = "white" if share > 0.6 * confusion.max() else "black"
    axis.text(
        put, place, f"{share:.0f}", ha="center", va="center", color=dark
    )
axis.set_xticks(range(5), range(1, 6))
axis.set_yticks(range(5), range(1, 6))
axis.grid(False)
labels = axis.set(xlabel="predicted place", ylabel="true place")

# %% tags=["hide-input"]
show(
    figure,
    caption="Where the live encoder puts the sentences of each true place, on test pages, in percent. Guessing has 20 everywhere; of the right places, on the diagonal, only the first is clear of it. One encoder, tuned in this execution.",
    alt="A square grid of shares, true places from top to bottom and predicted ones from left to right. The diagonal is what is right.",
    table=pd.DataFrame(
        confusion.round(0), columns=range(1, 6), index=range(1, 6)
    ).reset_index(names="true place"),
)

# %% [markdown]
# With some hundred sentences a place, a share may be off by eight points by luck, and guessing has 20. So only the first place, with nearly three in ten, is clear of guessing: a text often begins in its own way, with a heading or with a name. It is rarer that a sentence shows, from its first words, that it is the third. The accuracy of this encoder is no better than that of the shuffled pages. Its tau is: it puts early sentences early, and seldom at their very place.
#
# ## Four conditions, all seeds
#
# Two ideas, each there or not, make four conditions. The second place is **MiniLM** on ROCStories, everyday stories of five sentences each, read up to 96 tokens. (It is trained on a part of the validation stories, so its scores may not be compared with those of others, who train on all that there are.) MiniLM was tuned by contrast before; it is no plain masked model.

# %%
places = {
    "shipped encoder, help pages": experiment.rows(),
    "MiniLM, stories": experiment.rows(at="reference"),
}
NAMES = {
    "full": "both",
    "no_margin": "interaction alone",
    "no_interaction": "margin alone",
    "neither": "neither",
}
for place, rows in places.items():
    show_table(summary(rows, ["tau", "accuracy", "pmr"]), place)
figure = every_run(places, NAMES, "tau")
scale = "Kendall's tau, each panel with its own scale"
label = figure.axes[-1].set_xlabel(scale)

# %% tags=["hide-input"]
show(
    figure,
    caption="Every run. On help pages the four conditions overlap; on stories, with the margin, every run without interaction is above every run with it.",
    alt="Two panels with a line for each of the four conditions: dots for seeds, and a bar for their mean. The tables above hold the means.",
    table=summary(
        places["MiniLM, stories"], ["tau", "accuracy", "pmr"]
    ).reset_index(),
)

# %% [markdown]
# On help pages the four conditions overlap; on stories those without interaction are ahead. An interval over seeds says how much *training* varies. All seeds are scored on the same test texts, so it does not hold the luck of these texts. For few pages, remember the number above.
#
# ## What each idea adds
#
# Each idea can be taken away in two ways: from the whole, or from what is left without the other. If the two work apart from each other, both ways say the same.

# %%
PARTS = {
    "interaction, with the margin": ("full", "no_interaction"),
    "interaction, without it": ("no_margin", "neither"),
    "the margin, with interaction": ("full", "no_margin"),
    "the margin, without it": ("no_interaction", "neither"),
}
added = {
    place: {
        part: change(rows, "score", *pair) for part, pair in PARTS.items()
    }
    for place, rows in places.items()
}
show_table(
    pd.DataFrame(added).rename_axis("idea"),
    "What each idea adds to 100 times Kendall's tau, seed by seed, with its 95% interval",
)

# %% [markdown]
# **Interaction costs on stories**: MiniLM orders them worse when the sentences see each other, by about three hundredths of tau, with the margin and without. On help pages it costs as much without the margin, and makes no clear difference with it. **The margin** makes no clear difference anywhere.
#
# ## The outcome

# %%
verdict("10.1", "10.2")

# %% [markdown]
# For the encoder `en`, which is of the claims' kind, the seeds cannot tell, those run after the rules no more than those before. MiniLM, of another kind, orders stories *worse* when sentences see each other. The paper's own numbers are unknown to us, so none is shown. Any trained scorer beats guessing. So claim 10.1 asks the encoder to beat one that scores each sentence by itself.
#
# ## Cautions
#
# - **The margin is ours.** An outcome on it is one on a hinge of 1, summed over pairs. The paper's margin may be another, and weigh more or less against ListMLE.
# - **Few and cut.** The pages have five lines each, most of them cut to their beginnings, for an encoder that has read Bible verses only. That any order is found there shows little of what a large model would find.
# - **Help pages are no stories.** Steps and explanations can often change places without harm. No model can then know which order the page had.
# - **Sentences alone.** Without interaction a sentence still has a score of its own. That is enough to say what beginnings look like, so the condition is no straw man.
# - **A new kind of input, and little time to learn it.** Read alone, a sentence looks like what the encoder was pretrained on. Read together, five of them come with five first tokens and alternating segments, which it never saw. Ours are tuned for minutes; what sentences gain by seeing each other
#   may come later than what the new input costs. Longer training on all stories would tell.
# - **No paper numbers.** What would settle it is the paper's size, BERT on whole texts: `isomorph run orders --size paper` takes ROCStories and SIND in full. Which five sets the paper has, its abstract does not say.
#
# ## Exercises
#
# ```{exercise} Only the beginning
# :label: sentence_ordering.1
#
# Write ListMLE of the first `k` draws only: of one text, how unlikely is it that these sentences come first, in this order? `scores` is a tensor of (sentences,), in their true order. Return one number, in nats.
# ```


# %%
def beginning(scores, k):
    return ...


# solution
def beginning(scores, k):
    left = [scores[i:].logsumexp(0) for i in range(k)]
    return (torch.stack(left) - scores[:k]).sum()


# %%
exercises.check("sentence_ordering.1", beginning)

# %% [markdown] tags=["solution"]
# The later sentences still stand in every denominator: they could have been drawn. With $k=1$ it is the cross-entropy of "which sentence is first", and with $k=n$ it is ListMLE.

# %% [markdown]
# ```{exercise} The worst two
# :label: sentence_ordering.2
#
# Of five sentences the first and the last have changed places, and the other three are right. What is Kendall's tau?
# ```

# %%
tau = ...  # a number
# solution
tau = 1 - 2 * 7 / 10

# %%
exercises.check("sentence_ordering.2", tau)

# %% [markdown] tags=["solution"]
# The two are inverted with each other and with each of the three between: seven pairs of ten. Three sentences in five are at their place, and tau is below 0.

# %% [markdown]
# ```{exercise} All wrong, and good
# :label: sentence_ordering.3
#
# Give the places of five sentences, a list of 0 to 4, such that *no* sentence is at its place (sentence 0 belongs to place 0, and so on) and tau is as high as it can then be.
# ```

# %%
order = ...  # a list such as [4, 3, 2, 1, 0]
# solution
order = [1, 0, 3, 4, 2]

# %%
exercises.check("sentence_ordering.3", order)

# %% [markdown] tags=["solution"]
# Two neighbours change places, and three move round: three pairs of ten are inverted, and with fewer some sentence would stay. The accuracy is 0. So report more than one score.
