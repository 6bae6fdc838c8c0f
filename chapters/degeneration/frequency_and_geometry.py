# %% [markdown]
# # Frequency and geometry
#
# The last chapters said what happens to words that a text never holds, and to those it holds rarely. If that is right, a word's
# frequency should show in its vector: in its length, in how near its neighbours are, in how much it looks like everything else. Then you
# could tell a rare word from a common one *without knowing what either means*. That would be bad news for anyone who compares
# meanings by distance.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import exercises
from isomorph.experiment import Experiment, answer, summary, verdict

answer("3.1", "3.2", "4a.4")

# %% [markdown]
# ## The claims
#
# Li and colleagues {cite}`li2020sentence` ranked BERT's input embeddings by how often the words occur in Wikipedia. **Claim 3.1**: the
# length grows with the rank. Frequent words lie near the origin, rare words far from it. **Claim 3.2**: rare words are *sparser*. Their nearest neighbours
# are further away.
#
# Liang and colleagues {cite}`liang2021learning` published a table of BERT's words. **Claim 4a.4**: the average cosine of a word with all others is high in
# the mean, and negative for none.
#
# Why it matters: sentence vectors are means of such vectors, and are compared by cosine. If rare words lie alone in a sparse outer region, two sentences that differ by
# one rare word may look further apart than their meanings are.
#
# ## The method
#
# Take every English word that is *one* piece for a model, so that it has one vector. Rank the words by frequency. For an encoder that others
# trained, the ranking is that of GloVe's vocabulary {cite}`pennington2014glove`, which was counted on Wikipedia and newswire. For our own models it is
# that of the text they read. Put the vectors in the rows of $W$, the most frequent word first.
#
# Three quantities are asked of a word: its **length** $\lVert w\rVert$; its **average cosine** with all other words, which needs only their sum,
#
# $$\frac1{N-1}\sum_{j\ne i}\hat w_i^\top\hat w_j=\frac{\hat w_i^\top\sum_j\hat w_j-1}{N-1};$$
#
# and the mean **distance to its three nearest neighbours** among all words.

# %%
import pandas as pd
import torch
from scipy.stats import spearmanr

from isomorph.figures import blank, show, show_table


def cosine_with_others(w, rows):
    unit = w / w.norm(dim=1, keepdim=True)
    return (unit[rows] @ unit.sum(0) - 1) / (len(w) - 1)


def distance_to_nearest(w, rows, k=3):
    near = [  # the nearest of all is the word itself
        torch.cdist(w[part], w).topk(k + 1, largest=False).values[:, 1:]
        for part in rows.split(200)
    ]
    return torch.cat(near).mean(1)


QUANTITIES = {
    "length": lambda w, rows: w[rows].norm(dim=1),
    "distance to the 3 nearest": distance_to_nearest,
    "average cosine": cosine_with_others,
}

# %% [markdown]
# **In one number**: the *rank correlation* of a word's place in the list with a quantity. It is the correlation of the two orders, so it asks whether
# the quantity rises with the rank, and not along which curve.


# %%
def trends(w):
    rows = torch.arange(len(w))
    return {
        name: spearmanr(rows, quantity(w, rows)).statistic
        for name, quantity in QUANTITIES.items()
    }


# %% [markdown]
# **Bin by bin**, as in the paper: the first hundred words, up to five hundred, up to five thousand, and the rest. A thousand words of a bin are enough for a mean.

# %%
BINS = ("0 to 100", "100 to 500", "500 to 5000", "5000 up")
STARTS = (0, 100, 500, 5000)


def by_bin(w):
    lines, ends = {}, (*STARTS[1:], len(w))
    for label, start, end in zip(BINS, STARTS, ends, strict=True):
        end = min(end, len(w))
        if start < end:
            count = min(1000, end - start)
            rows = torch.linspace(start, end - 1, count).long()
            lines[label] = {
                name: float(quantity(w, rows).mean())
                for name, quantity in QUANTITIES.items()
            }
    return pd.DataFrame(lines).T.rename_axis("ranks")


# %% [markdown]
# The library measures the same when rows are recorded. The two agree:

# %%
from isomorph.measure.isotropy import of_words

some = torch.randn(400, 20).double().cumsum(0)
theirs = of_words(some)
for name, key in {
    "length": "rank_norm_spearman",
    "distance to the 3 nearest": "rank_neighbour_distance_spearman",
    "average cosine": "rank_cosine_spearman",
}.items():
    assert abs(trends(some)[name] - theirs[key]) < 1e-6, name

# %% [markdown]
# ## The trap, first
#
# Here are 2,000 planted words whose frequency does what we say.

# %%
generator = torch.Generator().manual_seed(0)
ball = torch.randn(2000, 64, generator=generator, dtype=torch.float64) / 8
rarity = torch.linspace(0, 1, 2000).double()[:, None]
aside = torch.zeros(64).double()
aside[0] = 3
longer = ball * (1 + 2 * rarity)
planted = {
    "frequency does nothing": ball,
    "rare words are longer": longer,
    "the same at length 1": longer / longer.norm(dim=1, keepdim=True),
    "rare words stand to one side": ball + rarity * aside,
    "the same, and they crowd": ball * (1 - 0.9 * rarity) + rarity * aside,
}
table = pd.DataFrame({name: trends(w) for name, w in planted.items()}).T
show_table(
    table.rename_axis("planted words").round(2) + 0.0,
    "Rank correlation of frequency rank with three quantities",
)

# %% [markdown]
# - **Length drags distance along.** In the second line only the lengths were changed, and rare words come out as sparse. At length 1 nothing is left of it.
#   So claim 3.2 is a finding of its own only where distances do more than lengths do.
# - **A crowd can be far out.** In the last line rare words are the longest, the most alike *and* the nearest to each other. A rising length does not make a
#   sparse region.
# - The cosine is blind to length. It sees the two clouds that stand to one side, and no other.
#
# ## One causal model, and vectors of others
#
# The causal model is that of the last chapters: trained by likelihood, with tied embeddings, on half of the English Bible.

# %%
experiment = Experiment("language_models", size, recompute=recompute)
run = experiment.run("mle", seed=0)
# For example: run.pretraining.training.model_copy(update={"tokens": 100_000})
model = experiment.model(run)
print(run.pretraining.encoder, run.pretraining.training, sep="\n")

# %% [markdown]
# These are the words with the shortest vectors and with the longest, each with its rank:

# %%
ids, counts = model.by_frequency
ours = model.vectors[ids]
order = ours.norm(dim=1).argsort().tolist()
for name, ranks in {
    "shortest": order[:12],
    "longest": order[:-13:-1],
}.items():
    listed = [f"{model.words[ids[r]]} ({r + 1})" for r in ranks]
    print(f"{name}, of {len(ids)} words: {', '.join(listed)}")

# %% [markdown]
# It is compared with a masked model of the same text, which ships with this book; MiniLM, which was distilled and then tuned to compare sentences by cosine; and GloVe.

# %%
from isomorph.runs.geometry import ranked_words

most = 1000 if size == "smoke" else 20_000
clouds = {
    "causal language model": ours,
    "masked, ships with the book": ranked_words("en")[1][:most],
    "MiniLM": ranked_words("sentence-transformers/all-MiniLM-L6-v2")[1][
        :most
    ],
    "GloVe": ranked_words("glove")[1][:most],
}
measured = {name: by_bin(w.double()) for name, w in clouds.items()}
show_table(
    pd.concat(measured, names=["vectors"]).round(2),
    "Three quantities by frequency rank, means over words",
)

# %% [markdown]
# The scales differ, so each line is drawn over its own mean. The numbers that the paper prints of BERT are the grey line; of the cosine it has none.

# %%
from isomorph import claims

printed = {entry.id: entry.paper_value for entry in claims.ledger()}
figure, axes = blank(7, 9.5, rows=3)
for axis, quantity in zip(axes, QUANTITIES, strict=True):
    claim = {"length": "3.1", "distance to the 3 nearest": "3.2"}
    lines = {name: bins[quantity] for name, bins in measured.items()}
    if quantity in claim:
        (bert,) = printed[claim[quantity]].values()
        bert = pd.Series(bert, BINS)
        axis.plot(bert / bert.mean(), "s--", color="grey", label="BERT")
        lines = {name: line / line.mean() for name, line in lines.items()}
    for name, line in lines.items():
        axis.plot(line, marker="o", label=name)
    over = ", over its mean" if quantity in claim else ""
    axis.set(title=f"{quantity}{over}", xlabel="frequency rank")
names = axes[0].get_legend_handles_labels()
legend = figure.legend(*names, loc="outside upper center", ncols=2)

# %% tags=["hide-input"]
show(
    figure,
    caption="BERT's rare words are longer and sparser. In our causal model lengths fall and rise again, and rare words are the nearest to each other "
    "and the most alike. In GloVe they are shorter, and sparser.",
    alt="Three panels, one below the other, each with a line a model over four bins of ranks. Lengths: BERT rises all the way, the causal "
    "model dips and rises, MiniLM rises and falls, the other two change little. Distances: BERT and GloVe rise, the causal model falls. Cosines: the causal model "
    "rises steeply from below zero, GloVe falls, the others stay near zero.",
    table=pd.concat(measured, names=["vectors"]).reset_index(),
)

# %% [markdown]
# Look at the causal model. Its line of lengths bends: it falls from the most frequent words to those of middling rank, and then rises again; the longest vectors, listed above,
# are nearly all of the rarest words. Its line of distances falls: rare words are not sparse but *crowded*. This is the last line of the planted table. How far does it go?
# Take the first and the last tenth of the words.

# %%
tenth = len(ours) // 10
lines = {}
for name, w in {
    "most frequent tenth": ours[:tenth],
    "rarest tenth": ours[-tenth:],
}.items():
    every = torch.arange(len(w))
    lines[name] = {
        "cosine of two words": float(cosine_with_others(w, every).mean()),
        "distance of two words": float(torch.pdist(w).mean()),
    }
show_table(
    pd.DataFrame(lines).T.rename_axis("words").round(2),
    "The causal model: two words of the same tenth",
)

# %% [markdown]
# Rare words are long, alike, and close together. That is what the last two chapters predict. Every softmax that a rare word does not win pushes its vector along one
# direction, the same one for all of them, and little text pushes back.
#
# ## Every model, over seeds
#
# A model does what claim 3.1 says where the first column is above 0, and what claim 3.2 says where the second is. For language models a seed is a training run; for encoders
# of others the number is a mean over fifths of one model's words, which gives no interval.

# %%
TRENDS = [
    "rank_norm_spearman",
    "rank_neighbour_distance_spearman",
    "rank_cosine_spearman",
]
NAMES = ("mle", "masked", "cosreg")
others = Experiment("encoder_words", size, recompute=recompute)
for title, rows in {
    "Small language models, half a Bible": experiment.rows(*NAMES),
    "Larger ones, all English text that ships": experiment.rows(
        *NAMES, at="reference"
    ),
    "Encoders of others, and GloVe": others.rows(),
    "An encoder of the hub, and GloVe": others.rows(at="reference"),
}.items():
    if len(rows):
        show_table(summary(rows, TRENDS), title)

# %% [markdown]
# In all language models of the first two tables rare words are longer, as claim 3.1 has it, and look more like everything else. In those trained by likelihood or by masking alone they are crowded, against
# claim 3.2. With the cosine regulariser of Gao and colleagues, which pushes words apart, they are sparse. So whether rare words are sparse depends on how a model is
# trained. BERT was trained for far longer than ours; which of its differences makes its rare words sparse our runs do not show.
#
# The other vectors go other ways. In MiniLM rare words are *shorter*; in GloVe they are shorter and sparser; in the multilingual E5 and in the masked encoder
# that ships with this book lengths hardly go with the rank.
#
# ## The outcome

# %%
verdict("3.1", "3.2", "4a.4")

# %% [markdown]
# **Five masked models of English decide claim 3.1.** In every seed rarer words are longer, and more so than before training. So it holds, by a rule that is older than their rows. Rare words
# are crowded in all five, against claim 3.2; the rule of that one is younger than its first rows.
#
# The claims are about masked models such as BERT. MiniLM was distilled, and then tuned to compare sentences by cosine, so what it does decides nothing
# about them; it is shown by name. A line that rests on fewer than five seeds decides nothing. Claim 4a.4 needs BERT's own weights:
# `isomorph run encoder_words --size paper` measures them where the hub can be reached.
#
# ## Cautions
#
# - A rank is only as good as the text it was counted on. For MiniLM and GloVe it is the same list; for our models it is their own text.
# - Only words that are one piece have a vector. Few rare words are.
# - In the first bin are only a hundred words.
# - Length and neighbours are not independent: where vectors are short, distances are small. The rank correlation of the cosine does not have that fault.
#
# ## Exercises
#
# ```{exercise} Bin by bin
# :label: frequency_and_geometry.1
#
# Write the mean length of the vectors in bins of ranks. `x` is (n, width), the most frequent word first; `starts` is a list of the ranks at which the bins begin, the
# first of them 0. Return a list with a number for each bin that has a word.
# ```


# %%
def lengths_by_rank(x, starts):
    return ...


# solution
def lengths_by_rank(x, starts):
    lengths = x.norm(dim=1)
    ends = [*starts[1:], len(x)]
    return [
        lengths[a:b].mean().item()
        for a, b in zip(starts, ends, strict=True)
        if len(lengths[a:b])
    ]


# %%
exercises.check("frequency_and_geometry.1", lengths_by_rank)

# %% [markdown] tags=["solution"]
# The first and the last bin of a long list say most; those between should not jump.

# %% [markdown]
# ```{exercise} Which way?
# :label: frequency_and_geometry.2
#
# What is the rank correlation of frequency rank and length in the causal model? Compute it from its vectors, `ours`, whose first row is the most frequent word.
# ```

# %%
trend = ...  # a number from -1 to 1
# solution
lengths = ours.norm(dim=1)
trend = spearmanr(range(len(lengths)), lengths).statistic

# %%
exercises.check("frequency_and_geometry.2", trend, vectors=ours)

# %% [markdown] tags=["solution"]
# A rank correlation does not ask for a straight line, only for order. It is the number in the table above, of this one seed.

# %% [markdown]
# ```{exercise} All at one length
# :label: frequency_and_geometry.3
#
# Every vector of a cloud is divided by its own length. Which of these can still tell a rare word from a frequent one: "length", "average cosine", "neither"?
# ```

# %%
left = ...  # one of the three
# solution
left = "average cosine"

# %%
exercises.check("frequency_and_geometry.3", left)

# %% [markdown] tags=["solution"]
# Unit length hides the one sign of frequency and leaves the other. Cosine similarity is blind to length anyway, and yet rare words look alike to it. That is why the cures of the next
# chapter move or turn the cloud, and do not just rescale it.
