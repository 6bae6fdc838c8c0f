# %% [markdown]
# # Re-initialising the top
#
# With few examples, what else can be done for fine-tuning than to correct the optimiser? Forget the top of the encoder. Train longer. Hold the weights near their start. Learn another task first. This chapter takes each
# of these apart, works out beforehand what some of them *can* do, and compares them over twenty seeds.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import exercises
from isomorph.experiment import Experiment, answer, change, summary, verdict

answer("6.3", "6.4", "6.5", "6.7")

# %% [markdown]
# ## The claims
#
# Zhang and colleagues {cite}`zhang2021revisiting` tune BERT-large on small sets, with the corrected Adam of the chapter before.
#
# - **Claim 6.3**: re-initialise the top blocks and the pooler before tuning. The mean rises, and mostly the spread falls. The pooler alone already helps. Too many blocks hurt.
# - **Claim 6.4**: three epochs are often too few. Longer training helps, most with 1,000 examples, and narrows the gap to re-initialisation.
# - **Claim 6.5**: once Adam is corrected, other methods bring little: weight decay, decay towards the pretrained weights, mixout, a rate for each layer. Training first on a larger task of the same kind still helps.
# - **Claim 6.7**: re-initialised, the top blocks end *closer* to where they started. With too many re-initialised, the bottom ones move further.
#
# ## Re-initialisation
#
# The top blocks of a pretrained encoder serve the task of pretraining: to name a hidden word. For another task they may be a bad start. **Re-initialisation** draws them as they were before pretraining: matrices normal with a standard deviation of 0.02, biases 0, and layer normalisations that change nothing.

# %%
import copy

import numpy as np
import pandas as pd
import torch
from torch import nn

from isomorph.figures import blank, every_run, show, show_table


@torch.no_grad()
def redraw(encoder, blocks, seed):
    """Re-initialise the top blocks and the last layer normalisation, in place."""
    generator = np.random.default_rng(seed)
    top = [
        *encoder.layers[len(encoder.layers) - blocks :],
        encoder.final_norm,
    ]
    for module in [each for part in top for each in part.modules()]:
        if isinstance(module, nn.Linear):
            drawn = generator.standard_normal(
                module.weight.shape, dtype=np.float32
            )
            module.weight.copy_(0.02 * torch.from_numpy(drawn))
        elif isinstance(module, nn.LayerNorm):
            module.weight.fill_(1)
        if getattr(module, "bias", None) is not None:
            module.bias.zero_()


# %% [markdown]
# Our encoder has no pooler; its last layer normalisation stands between the blocks and the classifier, and takes the pooler's part. This is the configuration of a run in which one block of six is re-initialised; `reinit` is the field to change.

# %%
from isomorph.models.blocks import reinitialise

experiment = Experiment("few_samples", size, recompute=recompute)
run = experiment.run("reinit_1k", seed=0)
task, model = run.task, experiment.model(run)
print(task)
ours, theirs = (copy.deepcopy(model.encoder) for _ in range(2))
redraw(ours, task.tuning.reinit, seed=0)
reinitialise(theirs, task.tuning.reinit, pooler=True, seed=0)
for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
    assert (one - other).abs().max() < 1e-6

# %% [markdown]
# Now we tune from the pretrained blocks, and with the re-initialised one, and look how far each block goes. The start of a re-initialised block is known: it depends on the seed alone.


# %%
def distance(before, after):  # of two blocks, all their weights together
    squares = [
        (a - b).square().sum()
        for a, b in zip(
            before.parameters(), after.parameters(), strict=True
        )
    ]
    return float(sum(squares).detach().sqrt())


last = task.tuning.model_copy(update={"checks": 0})
plain = last.model_copy(update={"reinit": 0, "reinit_pooler": False})
lines = {}
for label, tuning, start in (
    ("as pretrained", plain, model.encoder),
    ("top re-initialised", last, ours),
):
    tuned = model.finetune(task.model_copy(update={"tuning": tuning}))
    blocks = zip(start.layers, tuned.encoder.layers, strict=True)
    lines[label] = {
        f"block {i}": distance(*pair) for i, pair in enumerate(blocks, 1)
    } | {
        "loss at the end": tuned.losses[-1],
        "accuracy, %": 100 * tuned.score(),
    }
show_table(
    pd.DataFrame(lines).T.round(2).rename_axis("the encoder"),
    "One seed: how far each block moved from its start, and the score",
)

# %% [markdown]
# ## Over the seeds
#
# In the world the top is one block of six, *too many* is four, and *pooler* the last normalisation alone. **Our small BERT**, of the paper's kind, has a pooler that was pretrained. Of its eight blocks the top is two, as six of twenty-four, and too many is four. It is tuned on 1,000 pairs of sentences (STS-B: how alike are they?) and on 1,000 reviews (SST-2: praise or blame?).
# **MiniLM** was tuned by contrast already and is no plain masked model; of its six blocks it is one and four, on 1,000 sentences of CoLA. Of BERT-large the paper draws one to six of twenty-four, chosen on development examples.

# %%
bert = experiment.rows(at="reference", of=["our small BERT"])
places = {
    "controlled world": experiment.rows(),
    "our small BERT, similarity": bert[bert["task"] == "stsb"],
    "our small BERT, reviews": bert[bert["task"] == "sst2"],
    "MiniLM, CoLA": experiment.rows(at="reference", of=["MiniLM"]),
}


def scores(rows, name, metric="score"):
    """The score of each seed in percent, in the order of seeds."""
    own = rows[(rows["metric"] == metric) & (rows["condition"] == name)]
    return 100 * own.sort_values("seed")["value"].to_numpy(float)


def spreads(rows, names):
    found = {label: scores(rows, name) for name, label in names.items()}
    return pd.DataFrame(
        {
            label: {
                "mean": own.mean(),
                "spread": own.std(ddof=1),
                "lowest": own.min(),
                "highest": own.max(),
                "seeds": len(own),
            }
            for label, own in found.items()
            if len(own) > 1
        },
        index=["mean", "spread", "lowest", "highest", "seeds"],
    ).T.rename_axis("condition")


def everywhere(names):
    found = {place: spreads(rows, names) for place, rows in places.items()}
    return pd.concat(found, names=["place"]).round(1).reset_index()


def dots(names):
    figure = every_run(places, names, level="floor")
    scale = "test score, times 100; each panel its own scale"
    figure.axes[-1].set_xlabel(scale)
    return figure


def tabulate(names, title):
    for place, rows in places.items():
        table = spreads(rows, names)
        if len(table):
            table = table.round(1).astype({"seeds": int})
            show_table(table, f"{title}, {place}: times 100")


TOP = {
    "standard_1k": "as pretrained",
    "reinit_pooler_1k": "pooler re-initialised",
    "reinit_1k": "top blocks too",
    "reinit_too_many_1k": "too many",
}
tabulate(TOP, "Re-initialised")
figure = dots(TOP)

# %% tags=["hide-input"]
show(
    figure,
    caption="More and more of the top re-initialised, a dot a run. In our small BERT all three kinds keep runs from staying behind. In the world the means fall from line to line; on CoLA no step is clear. Dashed: what needs no encoder.",
    alt="Four panels, a line a condition: dots for runs and a bar for their mean. The tables above have the numbers.",
    table=everywhere(TOP),
)

# %%
PAIRS = {
    "the pooler alone": ("reinit_pooler_1k", "standard_1k"),
    "the top and the pooler": ("reinit_1k", "standard_1k"),
    "too many against the top": ("reinit_too_many_1k", "reinit_1k"),
}


def changes(pairs):
    return pd.DataFrame(
        {
            place: {
                label: change(rows, "score", *pair)
                for label, pair in pairs.items()
            }
            for place, rows in places.items()
        }
    ).rename_axis("what")


show_table(changes(PAIRS), "What re-initialisation changes, seed by seed")

# %% [markdown]
# **In our small BERT re-initialisation keeps runs from staying behind, and for that the pooler alone is enough.** On reviews the top and the pooler gain a point and a half. On similarity most of the gain is one run: of twenty as pretrained, one stays behind at 17.5, and of those with a new pooler none does. That one run is also why the spread is fifteen times as large without re-initialisation, and why the interval of the mean is
# wide. Drawing two more blocks anew takes a little of the gain away.
#
# Why the pooler? It was trained to answer a single question, whether one text follows another. The chapter on [CLS] shows that what it gives has most of its variance on one direction.
#
# **In the world re-initialisation costs** some points of the mean for one block. The pooler alone makes no clear difference, and neither do four blocks against one. **On CoLA** one block makes no clear difference either. The spread is about the same with and without, in both of these places.
#
# A re-initialised block has to be learnt from 1,000 examples. Whether that pays depends on what the block held: a top that is specialised in hidden words is in the way, and one that the task can use is a loss.
#
# ## Longer
#
# Three epochs are a habit. With 1,000 examples they are 96 steps; *longer* is 400. With 2,500 examples they are 237 steps, and longer is 800.

# %%
LONG = {
    f"{start}{length}": f"{label}, {many}"
    for length, many in {
        "_1k": "1k",
        "_1k_longer": "1k, longer",
        "": "2,500",
        "_longer": "2,500, longer",
    }.items()
    for start, label in {
        "standard": "standard",
        "reinit": "re-initialised",
    }.items()
}
figure = dots(LONG)

# %% tags=["hide-input"]
show(
    figure,
    caption="1,000 examples (1k) and 2,500, three epochs and longer, a dot a run. In the world longer training adds more than anything else here. In our small BERT it lifts all reviews a little, and on similarity leaves no run behind. On CoLA it adds little. Dashed: what needs no encoder.",
    alt="Four panels, a line a condition: dots for runs and a bar for their mean.",
    table=everywhere(LONG),
)

# %%
from isomorph.ledger import few_sample

paper = few_sample()
table_1 = paper[paper["table"] == "Table 1"]


def cell(mean, std):
    return f"{mean:.1f} ± {std:.1f}"


lines = {}
for name, label in LONG.items():
    lines[label] = {}
    for place, rows in places.items():
        own = scores(rows, name)
        lines[label][place] = (
            cell(own.mean(), own.std(ddof=1)) if len(own) > 1 else ""
        )
    theirs = table_1[table_1["condition"] == name].set_index("task")
    for pair in ("mnli", "rte", "cola"):
        lines[label][f"paper: {pair}"] = (
            cell(theirs.loc[pair, "value"], theirs.loc[pair, "std"])
            if pair in theirs.index
            else ""
        )
show_table(
    pd.DataFrame(lines).T.rename_axis("condition"),
    "Mean ± standard deviation over seeds, times 100, and the paper's Table 1 (full sets where ours have 2,500 examples)",
)
LONGER = {
    "longer, with 1,000 examples": ("standard_1k_longer", "standard_1k"),
    "longer, with 2,500 examples": ("standard_longer", "standard"),
    "re-initialised, both longer": (
        "reinit_1k_longer",
        "standard_1k_longer",
    ),
    "re-initialised, three epochs": ("reinit_1k", "standard_1k"),
}
show_table(changes(LONGER), "What longer training changes, seed by seed")

# %% [markdown]
# **In our small BERT longer training helps on reviews**, by nearly five points, three times what re-initialisation gains in three epochs. On similarity it does what re-initialisation does: no run stays behind, and the others stand where they stood.
#
# **In the world longer training is worth more than twenty points**, with 1,000 examples and with 2,500 alike, and with it re-initialisation costs nothing any more. **On CoLA** it brings standard fine-tuning nothing; where both are longer, re-initialisation is ahead by a few points, though not where both are short.
#
# Of the paper's sets MNLI is the one most like the world's task: there too the jump from three epochs to longer says that three epochs of 1,000 examples had hardly begun to teach it. Note what that does to a spread: runs that have learnt little *cannot* lie far apart, runs that are
# taking off at different times can, and runs that have arrived no longer do. A spread says something about a method only together with the mean.
#
# ## Other methods
#
# Six ways to make few examples go further, each with the corrected Adam:
#
# | Method | What it does |
# |:--|:--|
# | another task first | tunes on a larger task before; the paper takes MNLI, we take the world's parsing, for our small BERT 9,000 English pairs of XNLI, and for MiniLM 3,000 |
# | layer-wise rates | a smaller learning rate the lower the block (0.95 from block to block) |
# | mixout | in each step, puts some of the weights (0.1) back to their pretrained values |
# | decay to the start | pulls the weights to their pretrained values |
# | weight decay | pulls the weights to 0 |
# | re-initialised | re-initialises the top, as above |
#
# **What a decay can do** can be worked out before any run. At each step it pulls by its strength $\lambda$ times the learning rate $\eta_t$. Over a run, all pulls together take away the share
#
# $$1-\prod_t(1-\eta_t\lambda)$$
#
# of a weight.


# %%
def taken(steps, peak, decay):
    """The share of a weight that decay takes away over a run."""
    rates = [peak * task.tuning.rate(t, steps) for t in range(steps)]
    return 1 - np.prod(1 - np.array(rates) * decay)


print(f"the world, 96 steps at 1e-3, decay 0.1: {taken(96, 1e-3, 0.1):.2%}")
print(f"English, 96 steps at 2e-4, decay 0.1: {taken(96, 2e-4, 0.1):.2%}")
print(f"their RTE, 230 steps at 2e-5, decay 1: {taken(230, 2e-5, 1.0):.2%}")

# %% [markdown]
# So "brings little" was settled before any run, for both kinds of decay: they *cannot* bring much in so few steps. The paper's own table has the very same numbers with weight decay as without.

# %%
METHODS = {
    "intermediate_task": "another task first",
    "layerwise_learning_rate": "layer-wise rates",
    "mixout": "mixout",
    "pretrained_weight_decay": "decay to the start",
    "weight_decay": "weight decay",
    "reinit": "re-initialised",
}
table_2 = paper[paper["table"] == "Table 2"]
theirs = table_2.groupby("condition")["value"].mean()
gains = changes(
    {
        label: (f"{name}_1k", "standard_1k")
        for name, label in METHODS.items()
    }
)
gains["the paper, mean of four full sets"] = [
    f"{theirs[name] - theirs['standard']:+.1f}" for name in METHODS
]
show_table(gains, "Each method minus standard fine-tuning, 1,000 examples")
ALL = {"standard_1k": "standard"} | {
    f"{name}_1k": label for name, label in METHODS.items()
}
tabulate(ALL, "Methods")

# %% [markdown]
# **Both decays change next to nothing**, as they had to; in our small BERT less than a point. **Mixout and layer-wise rates make no clear difference** in the world or on CoLA; our small BERT was not tuned with them. **Another task first**, which in the paper adds twelve points on RTE, adds nothing clear in either: parsing and XNLI are no larger sets of the same kind, as MNLI is for RTE.
#
# ## Where the weights move
#
# How far is each block from where it started, when tuning ends?

# %%
MOVED = {
    "standard_1k": "as pretrained",
    "reinit_1k": "top re-initialised",
    "reinit_too_many_1k": "too many",
}
figure, axes = blank(6, 11, rows=4)
means = []
for axis, (place, rows) in zip(axes, places.items(), strict=True):
    own = rows[rows["metric"] == "weight_distance"]
    mean = own.groupby(["layer", "condition"])["value"].mean().unstack()
    kept = mean.reindex(columns=[*MOVED]).rename(columns=MOVED).round(2)
    means.append(kept.reset_index().assign(place=place))
    for name, label in MOVED.items():
        if name in mean:
            axis.plot(mean.index.astype(int), mean[name], "o-", label=label)
    axis.set(title=place, ylabel="distance from the start")
axes[-1].set_xlabel("block, from the bottom")
legend = axes[0].legend()

# %% tags=["hide-input"]
show(
    figure,
    caption="How far the weights of each block moved, mean over seeds. In our small BERT the lower blocks move further when too many are re-initialised. On MiniLM all blocks stay closer to their start, the re-initialised ones most; in the world the differences are small.",
    alt="Four panels, a line a condition over the blocks from bottom to top.",
    table=pd.concat(means).set_index("place").reset_index(),
)

# %%
ENDS = ["bottom_weight_distance", "top_weight_distance"]
for place, rows in places.items():
    there = [n for n in MOVED if n in set(rows["condition"])]
    table = summary(rows, ENDS, names=there)
    show_table(table, f"Distance of the weights from their start, {place}")

# %% [markdown]
# In our small BERT the bottom moves further when too many blocks are re-initialised, as the claim says. The re-initialised top ends a little closer to its start on reviews and a little further from it on similarity. On MiniLM it ends closer, as the claim says; but with too many re-initialised the bottom moves *less*, against it. In the world neither makes a clear difference.
#
# Distances are of all the weights of a block together, so they compare conditions of one encoder, and not two encoders. And they are of the weights that were *kept*, those of the best check on development examples: a run that was
# best early has moved little, however far it went on afterwards.
#
# ## The outcome

# %%
verdict("6.3", "6.4", "6.5", "6.7")

# %% [markdown]
# Our small BERT, which is of the paper's kind, decides. Standard fine-tuning stands more than ten points above the floor on both of its sets, as the rules ask. **Claim 6.3**: these seeds *cannot tell* whether the re-initialised top raises the mean; it gains 2.6 points over both sets, and the interval reaches from a loss of half a point to a gain of six. That the spread falls holds on similarity, and that too many
# blocks hurt holds on both sets together. **Claim 6.4**: *cannot tell* as well. Longer training gains 3.7 points over both sets, and the interval begins at 0.6, below the point that the rule asks for. Were the effects and spreads as they are here, some eighty seeds would settle the first and some thirty the second. Of the four methods of **claim 6.5** only the two decays have been run on it, so that claim is *not measured* there. **Claim 6.7**: *cannot tell* of the top, whose two sets disagree; that the bottom moves further with too many holds. In the world and on CoLA standard fine-tuning stands less than ten points above its floor.
#
# ## Cautions
#
# - **Our encoder is tiny, and three epochs are far from converged.** Its peak rate, 1e-3, is fifty times the paper's.
# - **Scores are themselves uncertain.** An accuracy of 42% on 600 test examples has a standard error of 2.0 points by the choice of examples. All seeds are scored on the same ones, so it shifts them together.
# - **One encoder, one draw of the examples.** What varies is the head's first weights, the order of examples and the weights of re-initialised blocks. Another 1,000 examples or another pretraining would add to the spread, and no interval here knows of it.
# - **Settings.** We use no dropout, where the paper has 0.1. Strengths of the methods were set once, before any run, and not tuned; the number of re-initialised blocks too, where the paper chooses on development examples.
# - **CoLA on MiniLM.** An encoder that was tuned to compare meanings has little reason to know whether a sentence is grammatical.
# - **What would settle it.** The paper's own setting is configured (`isomorph run few_samples --size paper`) and has not been run.
#
# ## Exercises
#
# ```{exercise} How strong a pull?
# :label: the_top_drawn_anew.1
#
# A run has `steps` steps, all at the learning rate `rate`. How strong must a decay be to take away the `share` of a weight by itself?
# ```


# %%
def strength(rate, steps, share):
    return ...


# solution
def strength(rate, steps, share):
    return (1 - (1 - share) ** (1 / steps)) / rate


# %%
exercises.check("the_top_drawn_anew.1", strength)

# %% [markdown] tags=["solution"]
# Each step leaves the share $1-\eta\lambda$ of what the one before left, so $(1-\eta\lambda)^n=1-s$. At the rate and length of our runs, a decay that halves a weight is about seventy times as strong as ours.

# %% [markdown]
# ```{exercise} Mixout keeps the mean
# :label: the_top_drawn_anew.2
#
# In each step mixout puts an entry `w` of a weight back to its pretrained value `u` with the chance `p`. Where it does not, it moves the entry, so that on average it is `w` still. To which value?
# ```


# %%
def moved(w, u, p):
    return ...


# solution
def moved(w, u, p):
    return u + (w - u) / (1 - p)


# %%
exercises.check("the_top_drawn_anew.2", moved)

# %% [markdown] tags=["solution"]
# On average $p\,u+(1-p)\,x=w$, so $x=(w-p\,u)/(1-p)$, which is the same. With $u=0$ that is dropout.
