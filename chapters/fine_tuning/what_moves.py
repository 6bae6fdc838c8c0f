# %% [markdown]
# # What moves
#
# An encoder is pretrained once, for days, and then tuned for a task in minutes. What do these minutes change? Perhaps everything: all weights are free
# to move. Perhaps next to nothing: a new direction here, a louder one there. This chapter looks at the states of every layer before and after, and asks how far they
# moved, in which layers, and whether that depends on the task.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import exercises
from isomorph.experiment import Experiment, answer, summary, verdict

answer("5.2", "5.3", "5.6")

# %% [markdown]
# ## The claims
#
# Merchant and colleagues {cite}`merchant2020happens` tuned BERT on three tasks: inference (MNLI), question answering (SQuAD) and dependency parsing.
#
# - **Claim 5.2**: the changes gather in the top layers, and fine-tuning is conservative on the whole.
# - **Claim 5.3**: depth depends on the task. Parsing changes most of the network; inference and questions change only its top.
#
# We know this paper by its abstract, and by a few remarks of others. We could read none of its tables or figures, so no number of theirs is printed here. Bounds
# are our own, and were set before any run.
#
# - **Claim 5.6**: later papers agree. After tuning for inference mainly the top layers differ, low layers change little, and even high ones stay close to what they
#   were. This is said of Fayyaz and others (2021), and of Zhou and Srikumar; we know it from notes by others.
#
# ## The method: tables of cosines
#
# The obvious way is to subtract: the state of a word after, minus its state before. It misleads. Turn all states of a layer by one rotation and turn the
# weights above it back: the model computes the very same function, and every difference is large. Coordinates mean nothing by themselves. What means something is
# *which words are like which*.
#
# So take $n$ tokens. Let $a_i$ be the state of token $i$ before and $b_i$ after. Write down how alike any two of them are, on each side:
#
# $$S^A_{ij}=\cos(a_i,a_j),\quad S^B_{ij}=\cos(b_i,b_j).$$
#
# These two tables can be compared entry by entry, even when $a$ and $b$ have other widths. *Representational similarity analysis* correlates what stands
# above their diagonals:
#
# $$\mathrm{RSA}=\mathrm{corr}_{i<j}\big(S^A_{ij},\,S^B_{ij}\big).$$
#
# It is 1 when the tables agree up to a scale and a shift, and about 0 when they have nothing to do with each other. Why cosines, and not distances? A cosine
# does not see how long a vector is, and lengths of states vary for reasons that have little to do with meaning.

# %%
import copy
from dataclasses import replace

import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from isomorph.figures import blank, palette, show, show_table
from isomorph.measure import similarity


def cosines(x):  # (n, width) to (n, n)
    unit = x / x.norm(dim=1, keepdim=True)
    return unit @ unit.T


def rsa(x, y):  # (n, p) and (n, q), of the same n tokens
    above = torch.triu_indices(len(x), len(x), 1)
    tables = [cosines(side)[above[0], above[1]] for side in (x, y)]
    return float(torch.corrcoef(torch.stack(tables))[0, 1])


# %% [markdown]
# ### By hand
#
# Four words in the plane, and the table of their cosines. Then one of them, *dog*, is put somewhere else.

# %%
words = ["cat", "dog", "run", "walk"]
before_move = torch.tensor([[3, 1], [2, 1], [-1, 2], [-1, 3]]).double()
after_move = before_move.clone()
after_move[1] = torch.tensor([-1, 1])
for title, x in {
    "Cosines before": before_move,
    "Cosines after dog has moved": after_move,
}.items():
    table = pd.DataFrame(cosines(x), columns=words, index=words).round(2)
    show_table(table.rename_axis("point") + 0.0, title)

# %%
generator = torch.Generator().manual_seed(1)


def some_rotation(width):
    square = torch.randn(width, width, generator=generator)
    return torch.linalg.qr(square.double()).Q


for what, x in {
    "all turned": before_move @ some_rotation(2),
    "all three times as long": 3 * before_move,
    "dog moved": after_move,
}.items():
    print(
        f"{what}: RSA with the points as they were {rsa(before_move, x):.2f}"
    )

# %% [markdown]
# A turn and a stretch change no cosine, and so nothing. One moved point changes its own row and column, and no other entry. With four points that is half of the six
# pairs; with two thousand it would be a thousandth.
#
# ### What CKA adds
#
# *Centred kernel alignment* {cite}`kornblith2019similarity` compares two tables as well, of inner products instead of cosines, $K=XX^\top$ and $L=YY^\top$, with the mean vector subtracted first:
#
# $$\mathrm{CKA}=\frac{h(K,L)}{\sqrt{h(K,K)\,h(L,L)}} .$$
#
# The plain estimate has $h(K,L)=\sum_{ij}K_{ij}L_{ij}$, and is too high when vectors are wide and examples few. In the **debiased** one {cite}`nguyen2021wide` the diagonals are set to 0 (written
# with a tilde), and what chance alone puts into the sum is taken away:
#
# $$\begin{aligned}h(K,L)=&\sum_{ij}\tilde K_{ij}\tilde L_{ij}+\frac{\sum\tilde K\,\sum\tilde L}{(n-1)(n-2)}\\&-\frac{2\,\mathbf 1^\top\tilde K\tilde L\,\mathbf 1}{n-2} .\end{aligned}$$


# %%
def plain(k, l):
    return (k * l).sum()


def debiased(k, l):  # (n, n) each
    n = len(k)
    k, l = (table - table.diagonal().diag() for table in (k, l))
    sums = k.sum() * l.sum() / ((n - 1) * (n - 2))
    return (k * l).sum() + sums - 2 * (k.sum(0) @ l.sum(0)) / (n - 2)


def cka(x, y, h=debiased):
    k, l = (side @ side.T for side in (x - x.mean(0), y - y.mean(0)))
    return float(h(k, l) / (h(k, k) * h(l, l)).sqrt())


# %% [markdown]
# The library has both, in blocks that need no table of $n$ by $n$. They agree:

# %%
x, y = torch.randn(2, 300, 20).double()
y = y + 0.5 * x
assert abs(rsa(x, y) - similarity.rsa(x, y)) < 1e-6
assert abs(cka(x, y) - similarity.linear_cka(x, y)) < 1e-6
theirs = similarity.linear_cka(x, y, debiased=False)
assert abs(cka(x, y, plain) - theirs) < 1e-6

# %% [markdown]
# ## The traps, first
#
# Here is a cloud, changed in ways that we know:

# %%
n, width = 300, 64
draw = {"generator": torch.Generator().manual_seed(0)} | {
    "dtype": torch.float64
}
cloud = torch.randn(n, width, **draw)
replaced = cloud.clone()
replaced[: n // 10] = torch.randn(n // 10, width, **draw)
lengths = torch.rand(n, 1, **draw) * 3 + 0.2
loud = torch.ones(width)
loud[0] = 10
changed = {
    "turned, and three times as large": 3 * cloud @ some_rotation(width),
    "a tenth of the vectors replaced": replaced,
    "the same vector added to all": cloud + torch.randn(width, **draw),
    "each vector at a length of its own": cloud * lengths,
    "one coordinate ten times as loud": cloud * loud,
    "unrelated": torch.randn(n, width, **draw),
}
known = pd.DataFrame(
    {
        what: {
            "RSA": rsa(cloud, x),
            "CKA, debiased": cka(cloud, x),
            "CKA, plain": cka(cloud, x, plain),
        }
        for what, x in changed.items()
    }
).T.rename_axis("what was done")
show_table(
    known.round(2) + 0.0, "A cloud of 300 vectors, changed in known ways"
)

# %% [markdown]
# Each is blind where the other sees. RSA of cosines sees a vector that was added to all states; CKA does not, since it centres. CKA sees each state change its length;
# RSA does not. Both see one coordinate that became loud. The last line is why we debias: the plain estimate finds likeness between vectors that have nothing in common.
#
# If both agree on a layer, it is safe to speak of it. If they part, ask which of the two happened.
#
# ## Live: tuned for inference
#
# A small masked model of a controlled world, with six blocks, is pretrained on the world's text. This is the configuration. Change a field, and what follows is about your run.

# %%
experiment = Experiment("changes", size, recompute=recompute)
run = experiment.run("tuned")
# For example: run = run.model_copy(update={"seed": 7})
# A second pretraining, never tuned: before, other = experiment.models(run)
before = experiment.model(run)
task, language = run.task, before.language
print(before.run.encoder, task, sep="\n")

# %% [markdown]
# Now a copy of the first is tuned: does one sentence follow from another, contradict it, or neither? The encoder reads both sentences as one input. A new linear layer, the *head*, reads the mean $\bar h$ of the
# last layer's states, and the loss is the cross-entropy of the right label $y$:
#
# $$\mathcal L=-\log\,\mathrm{softmax}(W\bar h+c)_y .$$

# %%
world = before.run.text.world
train, test = (
    task.examples(split, language, before.run.text)
    for split in ("train", "test")
)
head = task.head(copy.deepcopy(before.encoder), train.names, seed=run.seed)
start = copy.deepcopy(head.encoder)
print(train.items[0], train.items[1], sep="\n")


def pair_scores(rows):  # (batch, labels), and the right ones (batch,)
    batch = head.collate(rows, before.tokenizer)
    states = head.states(batch, language)  # (batch, time, width)
    real = batch.content[:, :, None]  # no padding, no special tokens
    return head.out((states * real).sum(1) / real.sum(1)), batch.targets[
        :, 0
    ]


# %% [markdown]
# The loop is plain gradient descent with AdamW, a rate that rises at first and then falls to 0, and all weights free to move:

# %%
how, rows = task.tuning, head.encode(train, before.tokenizer)
optimiser = torch.optim.AdamW(head.parameters(), weight_decay=0.01)
generator, losses = torch.Generator().manual_seed(run.seed), []
steps = how.epochs * -(-len(rows) // how.batch)
for _ in range(how.epochs):
    for chosen in torch.randperm(len(rows), generator=generator).split(
        how.batch
    ):
        for group in optimiser.param_groups:
            group["lr"] = how.learning_rate * how.rate(len(losses), steps)
        loss = cross_entropy(*pair_scores([rows[i] for i in chosen]))
        optimiser.zero_grad()
        loss.backward()
        clip_grad_norm_(head.parameters(), how.clip)
        optimiser.step()
        losses.append(loss.item())

# %%
asked = head.encode(test, before.tokenizer)
head.eval()
with torch.no_grad():
    scores, labels = pair_scores(asked)
    theirs = head.loss(head.collate(asked, before.tokenizer), language)
assert abs(float(cross_entropy(scores, labels) - theirs)) < 1e-5
right = float((scores.argmax(1) == labels).double().mean())
print(
    f"loss {sum(losses[:10]) / 10:.2f} nats at first, {sum(losses[-10:]) / 10:.2f} at last; "
    f"{right:.1%} of {len(asked)} test pairs right, one third by guessing"
)

# %% [markdown]
# Both encoders read the same sentences, which neither was trained on. Two thousand tokens of them are compared at each layer. Layer 0 is what the embeddings give; the last one is what the head reads.

# %%
texts = before.corpus.test[language][:250]


def states(model):  # layer -> (tokens, width)
    return model.represent(texts, level="token").layers


was, after = map(states, (before, replace(before, model=head.encoder)))
tokens = torch.randperm(
    len(was[0]), generator=torch.Generator().manual_seed(0)
)[:2000]
lines = {}
for layer in was:
    x, y = (each[layer][tokens].double() for each in (was, after))
    lines[layer] = {
        "RSA, before and after": rsa(x, y),
        "CKA, before and after": cka(x, y),
    }
live = pd.DataFrame(lines).T.rename_axis("layer")
show_table(live.round(2), "The encoder tuned here, layer by layer")

# %% [markdown]
# The embeddings stay, and the higher the layer, the more of its table of cosines is new. (The recorded run of this seed
# takes its examples in another order, and comes out a little different.)
#
# ## Over layers, over tasks, over seeds
#
# The same for five seeds, each with its own pretraining, and for three tasks, recorded. Each seed has a second model, pretrained from another start and never tuned. How alike these two are is the mark to measure
# "conservative" by. They read the same world, with the same words, and share not one weight. That likeness is not 0: a state is first of all the state of its *word*, and both encoders know which words are used alike.
#
# In the world, inference and questions were tuned on 3,000 examples in 376 steps, parsing on 1,500 in 141, all at a rate of 0.001.
#
# Two English encoders follow, tuned for the same three tasks on public data: inference pairs, questions on passages, a treebank.
#
# - **Our small BERT**, which ships as `bert-en`, is of the paper's kind: eight blocks, pretrained on 38 million tokens by masked words and by whether one part of a text follows another, and never tuned before. It had 9,000 pairs (564 steps), 2,000 questions (125) and 3,000 sentences (94).
# - **MiniLM**, which is public, has six blocks and is no plain masked model: it was distilled from a larger one and then tuned to compare sentences. So it has been *tuned already*, once, before our "before". It had 3,000 pairs (94 steps), and the same questions and sentences.
#
# Both were tuned at a rate of 0.0002. There is no second pretraining of either to compare with.

# %%
TUNED_FOR = {
    "nli": "inference",
    "questions": "questions",
    "parsing": "parsing",
}
PLACES = {
    "the world": experiment.rows("tuned"),
    **{
        name: experiment.rows("tuned", at="reference", of=[name])
        for name in ("our small BERT", "MiniLM")
    },
}
for rows in PLACES.values():
    rows["tuned for"] = rows["task"].map(TUNED_FOR)


def draw_lines(axis, rows, metric):
    """A line a task, the mean over seeds, and a thin line a seed."""
    own = rows[rows["metric"] == metric].astype({"layer": int})
    for name, colour, dash in zip(
        TUNED_FOR.values(), palette(3), ("-", "--", "-."), strict=True
    ):
        curves = own[own["tuned for"] == name].pivot_table(
            index="layer", columns="seed", values="value"
        )
        axis.plot(curves, color=colour, alpha=0.3, linewidth=0.8)
        mean = curves.mean(axis=1)
        axis.plot(mean, color=colour, linestyle=dash, label=name)


figure, axes = blank(7, 10, columns=2, rows=3)
for axis, (place, metric) in zip(
    axes,
    [(place, m) for place in PLACES for m in ("rsa", "cka")],
    strict=True,
):
    draw_lines(axis, PLACES[place], metric)
    strangers = PLACES[place]
    strangers = strangers[strangers["metric"] == f"{metric}_other"]
    axis.plot(
        strangers.groupby("layer")["value"].mean().astype(float),
        color="black",
        linestyle=":",
        label="two pretrainings" if len(strangers) else None,
    )
    axis.set(title=f"{metric.upper()}, {place}", ylim=(0, 1.02))
    axis.set(xlabel="layer (0: embeddings)", ylabel="before and after")
legend = axes[0].legend(fontsize="small", loc="lower left")

# %% tags=["hide-input"]
show(
    figure,
    caption="Similarity of each layer before and after tuning: a line a task, the mean over seeds; thin lines are single seeds. By RSA it falls from layer to layer. "
    "In our small BERT and in MiniLM parsing changes the middle layers most. Dotted: two encoders of the world that were pretrained apart.",
    alt="Six panels, RSA and CKA in the world, in our small BERT and in MiniLM, each with a line for inference, questions and parsing over the layers. All begin near 1 and fall. The tables below have the numbers.",
)

# %% [markdown]
# In numbers, with one more quantity a run, its *trend*: the rank correlation of similarity with the layer, $-1$ where every layer is less like itself than the one below.


# %%
def along(rows, metric, compute):
    """Rows with one number a run, computed from all of its layers."""
    found = []
    for _, own in rows.groupby("digest", sort=False):
        layers = own.pivot_table(
            index="layer", columns="metric", values="value"
        )
        layers["layer"] = layers.index.astype(float)
        one = own.iloc[[0]].assign(layer=pd.NA, metric=metric)
        found.append(one.assign(value=compute(layers.astype(float))))
    return pd.concat(found)


def trend(metric):
    return lambda layers: layers["layer"].corr(layers[metric], "spearman")


LEVELS = ["rsa", "rsa_trend", "cka", "cka_trend", "score", "floor"]
for place, rows in PLACES.items():
    show_table(
        summary(rows, "rsa", index="tuned for", columns="layer"),
        f"RSA before and after tuning, by layer, in {place}",
    )
    trends = [along(rows, f"{m}_trend", trend(m)) for m in ("rsa", "cka")]
    show_table(
        summary(pd.concat([rows, *trends]), LEVELS, index="tuned for"),
        f"Means over layers, trends, and what {place} scores",
    )
apart = PLACES["the world"]
apart = apart.drop_duplicates(["seed", "layer", "metric"])
show_table(
    summary(apart, ["rsa_other", "cka_other"], "layer"),
    "Two encoders of the world that were pretrained apart, by layer",
)

# %% [markdown]
# The state of a layer is made by all blocks below it, so a change low down is carried upwards. A line that falls early and stays flat says that *low* blocks
# did it; a line that falls at the end, that the top ones did.
#
# **The changes gather at the top**, in all three places, by RSA after every task: every layer is less like its start than the one below. After questions the last step is the largest everywhere; after inference it is in the world and in MiniLM, and after parsing nowhere.
#
# **In both English encoders depth depends on the task.** Inference and questions leave their lower two layers much as they were. Parsing also changes the middle ones: in our small BERT layer 4 has lost a third of its table and layer 5 half, in MiniLM more. Our small BERT took 94 steps for that, and 564 for inference, which changed its middle less. In the world it is not so: there parsing changes states less than questions do, and no more than inference. It was also tuned for fewer steps.
#
# **Conservative, just.** In the world the tuned encoder is on average hardly more like its start than one that was pretrained apart. After inference and questions, layers 5 and 6 are in the mean *less* like their start than those of another pretraining; after parsing layer 6 is. Only the layers below carry the mean over the mark.
#
# ## Do weights move where states move?
#
# The distance of the weights of block $\ell$ from where they started is
#
# $$d_\ell=\lVert\theta'_\ell-\theta_\ell\rVert_2 ,$$
#
# all weights of the block in one long vector. It needs no text at all. If it said the same as RSA, we would not need to read any text.


# %%
def distance(block, begun):
    both = zip(block.parameters(), begun.parameters(), strict=True)
    with torch.no_grad():
        squares = sum((a - b).square().sum() for a, b in both)
    return float(squares) ** 0.5


pairs = zip(head.encoder.layers, start.layers, strict=True)
moved = [distance(*pair) for pair in pairs]
weights = pd.DataFrame(
    {
        "distance of the weights": moved,
        "1 - RSA of its layer": 1 - live["RSA, before and after"].iloc[1:],
    }
).rename_axis("block")
show_table(weights.round(2), "The blocks of the encoder tuned here")

# %%
figure, axes = blank(7, 9, rows=3)
for axis, (place, rows) in zip(axes, PLACES.items(), strict=True):
    draw_lines(axis, rows, "weight_distance")
    axis.set(title=f"Weights, {place}", ylim=(0, None))
    axis.set(xlabel="block", ylabel="distance")
legend = axes[0].legend(fontsize="small", loc="lower right")

# %% tags=["hide-input"]
show(
    figure,
    caption="How far the weights of each block moved: a line a task, the mean over seeds; thin lines are single seeds. Unlike the curves of states these are nearly flat, or fall.",
    alt="Three panels, the world, our small BERT and MiniLM, each with a line for inference, questions and parsing over the blocks.",
)

# %% [markdown]
# Three correlations over the blocks of a run: of the distance with the place of the block; with $1-\mathrm{RSA}$ of the layer that the block gives; and with what the block *adds* to that, its layer's $1-\mathrm{RSA}$ minus that of the layer below.

# %%
CORRELATED = {
    "weight_distance_trend": trend("weight_distance"),
    "weight_distance_moved": lambda layers: layers["weight_distance"].corr(
        1 - layers["rsa"]
    ),
    "weight_distance_added": lambda layers: layers["weight_distance"].corr(
        -layers["rsa"].diff()
    ),
}
for place, rows in PLACES.items():
    found = [along(rows, name, what) for name, what in CORRELATED.items()]
    table = summary(pd.concat(found), list(CORRELATED), "tuned for")
    table.columns = ["with the block", "with 1 - RSA", "with what it adds"]
    show_table(table, f"How the distance of weights correlates, {place}")

# %% [markdown]
# Near 1, weights and states agree; near 0 or below, they do not. After questions in the world they agree. After inference on either English encoder it is the reverse, and in our small BERT after questions too: the top blocks moved *least*, and their states most. They are free to differ: a long step in a direction that no input
# uses changes no state, a short one in a loud direction changes all of them, and a block whose weights stand still passes on what moved below. So weights do not take the place of states.
#
# ## The outcome

# %%
verdict("5.2", "5.3", "5.6")

# %% [markdown]
# Our small BERT, which is of the paper's kind, decides, and all three claims hold there: similarity falls from layer to layer, and parsing changes more than inference and questions do. Its last layer after inference stands below 0.5, our own bound for *close*, which contradicts nobody; how far from its start two pretrainings of it would be, no run says. What worlds and MiniLM do is shown by name; in worlds parsing does not change more. RSA is given from 0 to 1, and not in percent. Two limits of the rules: a trend speaks of order and not of size: it is $-1$ even if RSA falls from 0.99 to 0.97. And claim 5.3, as our rule has it, compares *means over
# layers*. The curves say more on depth than a mean can.
#
# ## Cautions
#
# - **How much is a matter of how long.** More steps or a higher rate move any encoder further. Our tasks differ in both, so "parsing moves more than questions" is about
#   these recipes. Within a task, *where* it moves is the safer reading.
# - **A small model has little room.** Ours is 64 wide with six blocks, and tuned at a rate that a large one would not bear. A large one can learn a task by moving less.
# - **RSA is about these tokens.** Directions that these texts do not use may have moved unseen. A later chapter asks about texts of another domain.
# - **Similar is not equal.** An RSA of 0.95 leaves room for one new direction that decides the task. And a layer that is unlike its start need not be worse: see the next chapter, on what stays.
# - What would settle it: BERT, tuned on all of MNLI, SQuAD and a treebank. `isomorph run changes --size paper` does that; nobody has run it here.
#
# ## Exercises
#
# ```{exercise} By distance
# :label: what_moves.1
#
# Write RSA with *distances* in the place of cosines, of `x`, (n, p), and `y`, (n, q): the Pearson correlation of the distances of all pairs of different rows, each pair once. It returns a number.
# ```


# %%
def rsa_of_distances(x, y):
    return ...


# solution
def rsa_of_distances(x, y):
    import torch

    tables = torch.stack([torch.pdist(states) for states in (x, y)])
    return torch.corrcoef(tables)[0, 1].item()


# %%
exercises.check("what_moves.1", rsa_of_distances)

# %% [markdown] tags=["solution"]
# A rotation and a shift of all states change no distance. But now the length of a state counts: this RSA also sees what tuning does to lengths, which the one by cosines does not.

# %% [markdown]
# ```{exercise} Which block was it?
# :label: what_moves.2
#
# RSA of layers 0 to $L$ comes as a list. Each layer is made by the block of the same number from the layer below. Return the number of the block across which RSA falls the most.
# ```


# %%
def block_of_the_fall(rsa_by_layer):
    return ...


# solution
def block_of_the_fall(rsa_by_layer):
    from itertools import pairwise

    falls = [below - above for below, above in pairwise(rsa_by_layer)]
    return falls.index(max(falls)) + 1


# %%
exercises.check("what_moves.2", block_of_the_fall)

# %% [markdown] tags=["solution"]
# It need not be the layer with the *lowest* RSA. A block whose weights never moved has states that are as unlike as those below it, or nearly so.

# %% [markdown]
# ```{exercise} Half of them turned round
# :label: what_moves.3
#
# In a cloud that is centred and points everywhere, every second state is multiplied by $-1$. Which measure notices: "RSA", "CKA", "both" or "neither"?
# ```

# %%
notices = ...  # one of the four
# solution
notices = "both"

# %%
exercises.check("what_moves.3", notices)

# %% [markdown] tags=["solution"]
# All states at once could be multiplied by $-1$: that is a rotation or a reflection, which neither sees. Half of them is another thing: every cosine, and every inner product, of a turned state and one that was left changes its sign.
