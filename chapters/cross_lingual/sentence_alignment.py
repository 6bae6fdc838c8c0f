# %% [markdown]
# # Can a rotation turn one language's sentences into another's?
#
# Take two encoders. One has read nothing but language **a**, the other nothing but **b**. They were never together:
# other texts, other weights to begin with, other training. Now give each a sentence in its own language, where the
# two sentences mean the same. Two lists of numbers come out. Have they anything in common?
#
# Number by number, no. But perhaps the two clouds of sentences have the same *shape*, and merely lie in the room in
# different directions. Then turning one of them rigidly would lay it upon the other.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import exercises
from isomorph.experiment import Experiment, answer, summary, verdict

answer("1.10")

# %% [markdown]
# ## The claim
#
# Conneau, Wu and colleagues {cite}`conneau2020emerging` did this with monolingual models of English, French, German,
# Russian and Chinese. They took the mean of a sentence's subword vectors at one layer, learnt a rotation on some
# parallel sentences, and then looked for the translations of others. **Claim 1.10**: this works, and
# it works best at the *lower* layers. They show the scores by layer in a plot, without numbers, so there are none
# to compare with ours. They do name one for scale: LASER, an encoder that was trained on parallel text, finds over 95%.
#
# ## The method
#
# A **rotation** here is any orthogonal map: it changes no distance and no angle. Write $n$ parallel sentences as rows of $X$
# (one language) and $Y$ (the other). We look for the best one {cite}`conneau2020emerging`,
#
# $$W = \arg\min_{W^\top W = I} \lVert XW - Y\rVert_F .$$
#
# It has a closed form, $W = UV^\top$ with $U \Sigma V^\top = \mathrm{svd}(X^\top Y)$, and is called **Procrustes**' map.

# %%
import pandas as pd
import torch

from isomorph.figures import blank, show, show_table
from isomorph.measure import retrieval, similarity
from isomorph.metrics import condition_label


def procrustes(x, y):  # (pairs, width) each
    u, _, vt = torch.linalg.svd(x.T @ y)
    return u @ vt


# %% [markdown]
# Before it, both sides go through **iterative normalisation**: bring every vector to length 1, subtract the mean, and again, until both
# hold. Else a rotation would be asked to do what none can: to shift or to stretch. The means are those of the sentences that the
# rotation is learnt on, and serve for the others too.


# %%
def unit(x):
    return x / x.norm(dim=1, keepdim=True)


def normalised(known, others, rounds=10):
    known, others = known.double(), others.double()
    for _ in range(rounds):
        known, others = unit(known), unit(others)
        mean = known.mean(0)
        known, others = known - mean, others - mean
    return known, others


# %% [markdown]
# We score with **P@1**: the share of sentences whose nearest neighbour, by cosine, is their own translation; the mean of both directions.


# %%
def p_at_1(x, y):  # in percent
    cosine, right = unit(x) @ unit(y).T, torch.arange(len(x))
    there = (cosine.argmax(1) == right).double().mean()
    back = (cosine.argmax(0) == right).double().mean()
    return 50 * float(there + back)


# %% [markdown]
# The library has the same three; beyond these it also settles ties, and what to do with fewer pairs than dimensions. They agree:

# %%
generator = torch.Generator().manual_seed(0)
x, y = torch.randn(2, 300, 20, generator=generator).double() + 1
assert abs(procrustes(x, y) - similarity.procrustes(x, y)).max() < 1e-6
theirs = similarity.normalise(x, similarity.normalising_means(x))
assert abs(normalised(x, y)[0] - theirs).max() < 1e-6
assert abs(p_at_1(x, y) - 100 * retrieval.retrieval(x, y)["p1"]) < 1e-6

# %% [markdown]
# Four things put a score in its place.
#
# - *Chance*: one divided by the number of sentences.
# - *No map*: the two models as they are. Nothing made them use the same directions.
# - *One side untrained*: the second model before its training. Whatever a rotation finds there, it finds without learning.
# - *One bilingual model*, which reads both. It has had every chance to bring them together itself.
#
# ## The traps, first
#
# Six hundred points in 64 dimensions, and four clouds of partners: three are made from the points, one is not. A rotation is learnt on sixty pairs.


# %%
def cloud():
    return torch.randn(600, 64, generator=generator, dtype=torch.float64)


x, turn = cloud(), torch.linalg.qr(cloud()[:64]).Q
planted, lines = (
    {
        "turned": x @ turn,
        "turned, and as much noise": x @ turn + cloud(),
        "turned, and moved away": x @ turn + 3,
        "unrelated": cloud(),
    },
    {},
)
for name, y in planted.items():
    w = procrustes(x[:60], y[:60])
    (known_x, other_x), (known_y, other_y) = (
        normalised(side[:60], side[60:]) for side in (x, y)
    )
    lines[name] = {
        "the pairs learnt on": p_at_1(x[:60] @ w, y[:60]),
        "other pairs": p_at_1(x[60:] @ w, y[60:]),
        "other pairs, normalised": p_at_1(
            other_x @ procrustes(known_x, known_y), other_y
        ),
    }
show_table(
    pd.DataFrame(lines).T.rename_axis("cloud").round(1),
    "Planted clouds: P@1 in percent after a rotation that was learnt on sixty pairs",
)

# %% [markdown]
# - **A rotation finds what it was shown, also where there is nothing to find.** It has 2,016 free numbers, and sixty pairs of unrelated points are
#   few. So we score on pairs that it has not seen.
# - **It cannot move a cloud.** Normalisation can: it takes away each side's mean.
#
# ## Two models, layer by layer
#
# Both languages of a world have the same grammar and say the same kind of things, in other words. About a third of
# the strings are spelt alike, but two monolingual models cannot know: each has a vocabulary of its own. The two models
# have different seeds, too. Of one seed they would start from the very same weights, and that would be cheating.
#
# This is their configuration; change a field, and the rest of the page is about your models.

# %%
experiment = Experiment("alignment", size, recompute=recompute)
run = experiment.run("monolingual", seed=0)
# For example, a first model that reads far less than the second:
# less = run.source.training.model_copy(update={"tokens": 300_000})
# source = run.source.model_copy(update={"training": less})
# run = run.model_copy(update={"source": source})
a, b = experiment.models(run)
print(run.source.encoder, run.source.training, sep="\n")

# %%
corpus = run.text.corpus()  # of both languages: dev and test are parallel
known = (
    a.represent(corpus.dev["a"]).layers,
    b.represent(corpus.dev["b"]).layers,
)
others = (
    a.represent(corpus.test["a"]).layers,
    b.represent(corpus.test["b"]).layers,
)
lines = {}
for layer in known[0]:  # (sentences, width) each
    (x, other_x), (y, other_y) = (
        normalised(known[side][layer], others[side][layer])
        for side in (0, 1)
    )
    plain = (others[side][layer].double() for side in (0, 1))
    lines[layer] = {
        "rotated": p_at_1(other_x @ procrustes(x, y), other_y),
        "no map": p_at_1(*(side - side.mean(0) for side in plain)),
    }
show_table(
    pd.DataFrame(lines).T.rename_axis("layer").round(1),
    f"Two models that never met: P@1 in percent, among {len(corpus.test['a']):,} sentences",
)

# %% [markdown]
# As they are, the two models have nothing in common. Rotated, they find nearly every translation at the embeddings, layer 0, and fewer with each
# layer.
#
# ## All seeds, and the comparisons
#
# The same for five worlds, with the floor and the rivals, recorded by the same configurations. The *distant pair* has another order of words
# and no string in common.

# %%
NAMES = ("monolingual", "bilingual", "random", "same_language")
rows = experiment.rows(*NAMES, "far_monolingual", "far_bilingual")


def draw(axis, rows, metric, names):  # the mean over seeds, by layer
    for name, style in zip(names, ("o-", "s--", "^-.", "D:"), strict=False):
        one = rows["condition"] == name
        own = rows[one & (rows["metric"] == metric)].groupby("layer")
        mean = 100 * own["value"].mean()
        axis.plot(mean.index, mean, style, label=condition_label(name))
    axis.set(xticks=mean.index, ylabel="P@1 (%)", ylim=(-3, 103))


figure, axes = blank(6, 7, rows=2)
draw(axes[0], rows, "retrieval_p1", NAMES)
draw(axes[1], rows, "retrieval_p1_unmapped", NAMES)
axes[0].set_title("rotated")
axes[1].set(title="no map", xlabel="layer (0: embeddings)")
legend = axes[0].legend(loc="lower left", fontsize="small")

# %% tags=["hide-input"]
rotated = summary(rows, "retrieval_p1", columns="layer")
show(
    figure,
    caption="Worlds: a rotation finds nearly all translations at the embeddings, and fewer higher up. Without it only the bilingual model finds any.",
    alt="Two panels of lines over the layers. Rotated, all lines fall with depth: one bilingual model is highest, one side untrained lowest. "
    "Without a map all lines but that of the bilingual model lie at zero.",
    table=rotated.reset_index(),
)

# %%
show_table(rotated, "Worlds, rotated: P@1 by layer")
show_table(
    summary(rows, "retrieval_p1_unmapped", columns="layer"),
    "Worlds, no map: P@1 by layer",
)

# %% [markdown]
# **A language in common gives no common directions.** Two models of the *same* language find nothing without a map; the bilingual model, whose two
# sides share their weights, finds about three in four or more. Between distant languages it finds few.
#
# **The shape is in common.** Rotated, two monolingual models find nearly as many translations at the embeddings as two models of one language, and as
# the bilingual model. No one made them agree.
#
# **But most of it needs no training.** With one side untrained a rotation finds four in five at the embeddings. Random embeddings still give each word a
# vector of its own, and the mean of a sentence counts its words; two hundred pairs are enough to match words. What training adds is the
# distance between the two lines, and that grows with depth.
#
# ### Which layers align best?

# %%
rotated = rows[rows["metric"] == "retrieval_p1"]
best = rotated.loc[rotated.groupby("digest")["value"].idxmax()]
best = best.pivot(index="condition", columns="seed", values="layer")
best = best.rename(columns="seed {}".format, index=condition_label)
show_table(best, "The best layer of each seed, rotated")

# %% [markdown]
# The embeddings, in every seed of every condition. Why should lower layers align better? A higher layer is nearer to what the model is
# trained for, the guess at a masked word, and two models may serve that in ways of their own. Lower down, a sentence is still the sum
# of its words, and words occur with the same other words in both languages. But where 99% are found at the embeddings, no layer *could* do better:
# the rule below calls that a ceiling, and no evidence.
#
# ### How many pairs does it take?
#
# A rotation of width $d$ has $d(d-1)/2$ free numbers, and any linear map $d^2$. So the stiffer one should need fewer examples. We test
# that on the two models above, at the embeddings. Three maps:
#
# - the *rotation*. Fewer than $d$ pairs leave directions open; there it takes what is nearest to the identity, which for
#   two models that were trained apart is as good as chance.
# - the same rotation *without the open directions*: they are mapped to zero.
# - *any linear map*, by least squares with a small penalty (ridge). What it has not seen it maps to zero as well.


# %%
def seen_only(x, y):
    u, _, vt = torch.linalg.svd(x.T @ y)
    rank = min(len(x) - 1, x.shape[1])  # the mean of all pairs is zero
    return u[:, :rank] @ vt[:rank]


def linear(x, y, penalty=0.1):
    gram = x.T @ x
    ridge = penalty * gram.diagonal().mean() * torch.eye(len(gram))
    return torch.linalg.solve(gram + ridge, x.T @ y)


MAPS = {
    "rotation": similarity.procrustes,
    "rotation, open directions to zero": seen_only,
    "any linear map": linear,
}
lines = {}
for pairs in (5, 10, 20, 50, 100, 200):
    if pairs <= len(known[0][0]):
        (x, other_x), (y, other_y) = (
            normalised(known[side][0][:pairs], others[side][0])
            for side in (0, 1)
        )
        lines[pairs] = {
            name: p_at_1(other_x @ fit(x, y), other_y)
            for name, fit in MAPS.items()
        }
few = pd.DataFrame(lines).T.rename_axis("pairs").round(1)
figure, (axis,) = blank(6, 4)
for name, style in zip(few, ("o-", "s--", "^-."), strict=True):
    axis.plot(few.index, few[name], style, label=name)
axis.set(xscale="log", xlabel="pairs learnt on", ylabel="P@1 (%)")
axis.set_xticks(few.index, few.index)
legend = axis.legend(fontsize="small")

# %% tags=["hide-input"]
show(
    figure,
    caption="With few pairs a rotation finds less than any linear map, unless what the pairs say nothing of is mapped to zero. From fifty pairs on the three hardly differ.",
    alt="Three rising lines over the number of pairs, on a logarithmic axis: a rotation, the same with open directions mapped to zero, and any linear map.",
    table=few.reset_index(),
)

# %% [markdown]
# **The stiffer map does not need fewer pairs.** With ten or twenty the rotation finds clearly less than the linear map. Yet its stiffness is not to
# blame: a rotation has to send every direction somewhere, and where the pairs say nothing it sends them to a wrong place. Let it send them to zero, as
# the linear map does, and it finds as much. From a hundred pairs on all three find nearly everything: at the embeddings the two shapes hardly differ, and there is
# nothing for a linear map to bend.
#
# ## On real text
#
# Now the Bibles that ship with this book: English with French, German, Russian and Chinese, a small model for each language and a bilingual one
# for each pair, read from disjoint halves. The rotation is learnt on 500 held-out verses. It is scored on a thousand others, on help
# paragraphs (another domain, which no model has read), and on Tatoeba, the paper's own test. In LASER's place stands multilingual E5,
# an encoder of a hundred languages that was tuned on parallel text. There is one seed of each.

# %%
TRAINED = ("monolingual", "bilingual", "random")
real = experiment.rows(*TRAINED, "e5", at="reference")
figure, axes = blank(6, 10, rows=4)
for axis, (pair, own) in zip(axes, real.groupby("languages"), strict=False):
    draw(axis, own, "retrieval_p1", TRAINED)
    axis.set(title=pair, ylim=(0, 35))
axes[-1].set_xlabel("layer (0: embeddings)")
legend = axes[2].legend(loc="upper right", fontsize="small")

# %% tags=["hide-input"]
by_layer = real[
    (real["metric"] == "retrieval_p1") & real["condition"].isin(TRAINED)
].pivot_table("value", ["languages", "condition"], "layer")
show(
    figure,
    caption="Held-out verses, rotated: two monolingual models find more translations than one bilingual model in every pair, and an untrained side far fewer. Layers differ little.",
    alt="Four panels, one for each pair of languages, each with three nearly level lines over the layers: two monolingual models above one bilingual model, and both well above one side untrained.",
    table=(100 * by_layer)
    .round(1)
    .rename(index=condition_label)
    .reset_index(),
)

# %%
TEXTS = {
    "retrieval_p1": "verses, rotated",
    "retrieval_p1_unmapped": "verses, no map",
    "tatoeba_retrieval_p1": "Tatoeba, rotated",
    "tatoeba_retrieval_p1_unmapped": "Tatoeba, no map",
    "help_retrieval_p1": "help paragraphs, rotated",
    "help_retrieval_p1_unmapped": "help paragraphs, no map",
}
lines = real.assign(sentences=real["metric"].map(TEXTS)).pivot_table(
    "value", ["sentences", "condition"], "languages", "max"
)
order = [
    (text, name) for text in TEXTS.values() for name in (*TRAINED, "e5")
]
show_table(
    (100 * lines).round(1).reindex(order).rename(index=condition_label),
    "Real text: P@1 in percent at the best layer, among 1,000 sentences; one seed",
)

# %% [markdown]
# The best layer is picked on the very sentences that are scored, so the numbers of the table flatter everyone, and the encoder with most layers most.
#
# **On verses a rotation works**: two monolingual models find a sixth to three tenths of the translations, at least twice what an untrained side gives, and more than the
# bilingual model. No layer stands out. That model reads as many tokens in all as each monolingual one, so half as many of each language, and keeps
# one vocabulary for both. The pair of monolingual models has twice the text and twice the parameters.
#
# **On other texts next to nothing is left**: rotated, the two find at most one in twenty sentences of Tatoeba and one in a hundred help paragraphs. These models have
# read nothing but Bibles, and most words of a help page are new to them. A model whose two sides agree already finds more *without* a map: E5 on every text, and
# the bilingual model on help pages. A rotation that was learnt on five hundred verses fits verses, and spoils other text.
#
# ## The outcome

# %%
verdict("1.10")

# %% [markdown]
# In worlds the embeddings find nearly everything, so nothing can be read off which layer is best: the claim is at its ceiling there. On real text fewer than five seeds decide nothing.
#
# The quantity is the depth of the best layer, as a share of all layers: 0 at the embeddings, 1 at the last. A value below a half
# is what the claim predicts.
#
# ## Cautions
#
# - The sentences of a world are short, and say little that their words do not say. Real verses are longer, and their order matters more.
# - A rotation is learnt *with* translations. That it exists says that the shapes are alike; it does not say that anyone could find it
#   without a dictionary.
# - Retrieval among a thousand sentences is easier than among a million, and verses of one book share their names.
# - Iterative normalisation takes away each side's mean. Without that, or with plain cosines of raw vectors, scores are lower: the
#   mean is most of a vector (the second part of this book asks why).
# - What would settle the rest: more seeds on real text, and the paper's own models and Wikipedia.
#
# ## Exercises
#
# ```{exercise} A rotation and a stretch
# :label: sentence_alignment.1
#
# Let the map be $sW$, a rotation $W$ times *one* number $s$. Of `x` and `y`, two tensors of shape (n, d) whose rows are pairs, return
# the $s$ with which $\lVert sXW-Y\rVert$ is least, where $W$ is Procrustes' map.
# ```


# %%
def stretch(x, y):
    return ...


# solution
def stretch(x, y):
    singular = torch.linalg.svdvals(x.T @ y)
    return float(singular.sum() / x.square().sum())


# %%
exercises.check("sentence_alignment.1", stretch)

# %% [markdown] tags=["solution"]
# The squared distance is $s^2\lVert X\rVert^2-2s\,\mathrm{tr}(W^\top X^\top Y)+\lVert Y\rVert^2$. For every $s$ above 0 the best $W$ is the same,
# $UV^\top$, and the trace is then the sum of the singular values. The parabola in $s$ is least at that sum over $\lVert X\rVert^2$. A stretch changes no
# cosine, so it changes no retrieval.

# %% [markdown]
# ```{exercise} The way back
# :label: sentence_alignment.2
#
# A rotation $W$ was learnt so that $XW$ is near $Y$. Now sentences of **b** are to be carried to **a**. Which map does it: "the same rotation", "its transpose", or
# "another one, which has to be learnt"?
# ```

# %%
back = ...  # one of the three
# solution
back = "its transpose"

# %%
exercises.check("sentence_alignment.2", back)

# %% [markdown] tags=["solution"]
# The transpose of an orthogonal matrix is its inverse. And it is the very map that Procrustes would learn the other way round: with $Y^\top X=V\Sigma U^\top$ that is $VU^\top=W^\top$. Any linear map has two
# different ones for the two directions.

# %% [markdown]
# ```{exercise} What twenty pairs leave free
# :label: sentence_alignment.3
#
# Twenty pairs, in general position and without noise, are to be fitted exactly. How many free numbers has a rotation of width 64 after that? And
# any linear map? Give both.
# ```

# %%
freedom = ...  # (of a rotation, of a linear map)
# solution
freedom = (44 * 43 // 2, 64 * 44)

# %%
exercises.check("sentence_alignment.3", freedom)

# %% [markdown] tags=["solution"]
# The pairs span twenty dimensions, and say where each of these goes. What is left of a rotation is a rotation of the other 44, with $44\cdot43/2$ free numbers; of a linear map it is where to send each of 44
# directions, in all 64 coordinates. So both say nothing of most sentences, and it matters what they do where the pairs say nothing: that is what the section on few pairs found.
