# %% [markdown]
# # Do two models that never met agree on words?
#
# An encoder has a vector for every word it knows: the row of its embedding matrix. A model that reads only **a** and a model that
# reads only **b** have nothing in common but the world that both texts speak of. Is that enough for the two lists of vectors to have the
# same shape?
#
# For skip-gram vectors the answer has been known for years: a rotation, learnt from a small dictionary, translates words that were not in
# it {cite}`conneau2018word`. The question here is whether the vectors *inside masked language models* do the same, at the bottom and
# further up.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import exercises
from isomorph.experiment import Experiment, answer, summary, verdict

answer("1.8")

# %% [markdown]
# ## The claim
#
# Conneau, Wu and colleagues {cite}`conneau2020emerging` took monolingual models and rotated their word vectors onto each other. **Claim
# 1.8** has three parts. Embedding matrices align by a rotation *slightly better* than fastText vectors of the same words. *Contextual*
# vectors, averaged over all occurrences of a word, align decently but *below* fastText. And of these the *higher* layers
# align better than the lower ones. The numbers are in a plot only.
#
# ## The method
#
# **A rotation.** The words of a dictionary in the rows of $X$, their translations in those of $Y$. Of all orthogonal maps the one that brings $XW$
# nearest to $Y$ is **Procrustes**' $W = UV^\top$, with $U\Sigma V^\top = \mathrm{svd}(X^\top Y)$. A dictionary of fewer words than dimensions leaves directions open, and there any
# rotation fits as well as any other. Which one a program returns is chance, unless one says: we take the one nearest to the identity. Before it, each side's vectors are brought to length 1 and mean 0,
# ten times over (**iterative normalisation**).

# %%
import numpy as np
import pandas as pd
import torch
from scipy.linalg import schur

from isomorph.figures import blank, show, show_table, show_turning
from isomorph.measure import retrieval, similarity
from isomorph.text.corpora import load_corpus


def unit(x):
    return x / x.norm(dim=1, keepdim=True)


def normalised(x, rounds=10):
    x = x.double()
    for _ in range(rounds):
        x = unit(x) - unit(x).mean(0)
    return x


def procrustes(x, y):
    u, s, vt = torch.linalg.svd(x.T @ y)
    rank = int((s > 1e-9 * s[0]).sum())
    open_u, open_v = u[:, rank:], vt[rank:].T
    left, _, right = torch.linalg.svd(open_u.T @ open_v)
    rest = open_u @ left @ right @ open_v.T  # nearest to the identity
    return u[:, :rank] @ vt[:rank] + rest


# %% [markdown]
# **Near is not quite cosine.** In many dimensions some points are near everything; such **hubs** steal answers. **CSLS**
# {cite}`conneau2018word` takes away from each cosine how crowded the two points' own surroundings are,
#
# $$\mathrm{CSLS}(x, y) = 2\cos(x, y) - r(x) - r(y),$$
#
# where $r(x)$ is the mean cosine of $x$ to its ten nearest neighbours in the other language.


# %%
def csls(x, y, k=10):
    cosine = unit(x) @ unit(y).T
    of_x = cosine.topk(k, dim=1).values.mean(1, keepdim=True)
    of_y = cosine.topk(k, dim=0).values.mean(0, keepdim=True)
    return 2 * cosine - of_x - of_y


# %% [markdown]
# **P@1** is the share of words whose best candidate is a translation, the mean of both directions. The dictionary is split by source word: a
# rotation is learnt on one half, and the words of the other half are looked up. Words that are spelt alike in both languages are not asked.


# %%
def p_at_1(scores, words, dictionary):  # scores (n, m), words of each side
    right, shares = {*dictionary["train"], *dictionary["test"]}, []
    for side in (0, 1):
        these, others = words[side], words[1 - side]
        asked = {
            pair[side]
            for pair in dictionary["test"]
            if pair[1 - side] in others
        }
        best = (scores if side == 0 else scores.T).argmax(1).tolist()
        hits = [
            ((word, others[i]) if side == 0 else (others[i], word)) in right
            for word, i in zip(these, best, strict=True)
            if word in asked and word not in others
        ]
        shares.append(100 * sum(hits) / max(1, len(hits)))
    return sum(shares) / 2


# %% [markdown]
# Only words that are a *single subword* for their model take part, so that a word has one row of the embedding matrix.
#
# Three things to compare with. A *random rotation* keeps every distance within a language and should find nothing. *One side untrained* has random
# rows. And *skip-gram vectors* with subwords, fastText's, trained on the very same text for as many words, stand in the place of
# the paper's fastText.
#
# ## The trap, first
#
# What does a hub do? Three hundred points in 16 dimensions, and their translations: the same points, turned, with noise. In the last line the
# translations are also moved a little to one side, all alike. The rotation between them is known, so nothing is learnt.

# %%
generator = torch.Generator().manual_seed(0)
x, noise = torch.randn(2, 300, 16, generator=generator, dtype=torch.float64)
turn = torch.linalg.qr(noise[:16]).Q
names = [str(i) for i in range(300)], [f"{i}'" for i in range(300)]
pairs = {"train": [], "test": list(zip(*names, strict=True))}
planted, lines = (
    {
        "no noise": x @ turn,
        "with noise": x @ turn + 0.7 * noise,
        "with noise, and moved": x @ turn + 0.7 * noise + 1,
    },
    {},
)
for name, y in planted.items():
    cosine = unit(x @ turn) @ unit(y).T
    found = cosine.topk(10, dim=1).indices.flatten().bincount(minlength=300)
    lines[name] = {
        "largest hub": int(found.max()),
        "P@1 by cosine": p_at_1(cosine, names, pairs),
        "P@1 by CSLS": p_at_1(csls(x @ turn, y), names, pairs),
        "P@1 by CSLS, normalised": p_at_1(
            csls(normalised(x @ turn), normalised(y)), names, pairs
        ),
    }
show_table(
    pd.DataFrame(lines).T.rename_axis("translations").round(1),
    "Planted words: P@1 in percent, and among the ten nearest of how many words the most frequent candidate is",
)

# %% [markdown]
# Were all found alike often, each candidate would be among the ten nearest of ten words. Some are so of twice as many, and while the two clouds fit it does no
# harm. Move one cloud to the side, and the points on that side become hubs: they steal a third of the answers. CSLS gives back a part of them;
# normalisation, which takes the shift away, gives back nearly all.
#
# ## Two models that never met
#
# The gold dictionary of a world is complete. One pair of models is
# trained now. Four chapters use that pair, this one and the next three: whichever is executed first trains it, and each measures for itself.
# This is the configuration; change a field, and the rest of the page is about your models.

# %%
experiment = Experiment("alignment", size, recompute=recompute)
run = experiment.run("monolingual", seed=0)
# For example, a first model that reads far less than the second:
# less = run.source.training.model_copy(update={"tokens": 300_000})
# source = run.source.model_copy(update={"training": less})
# run = run.model_copy(update={"source": source})
a, b = experiment.models(run)
dictionary = (
    run.text.corpus().dictionary
)  # "train" and "test": (word, word)
print(run.source.encoder, run.source.training, sep="\n")


# %%
def embedded(model, words):  # those of one subword, and their rows
    words = list(dict.fromkeys(words))
    ids = model.vocabulary.encode(model.language, words)
    known = {
        word: row[0]
        for word, row in zip(words, ids, strict=True)
        if len(row) == 1 and row[0] != model.tokenizer.unk_token_id
    }
    return list(known), normalised(model.vectors[list(known.values())])


both = zip(*dictionary["train"], *dictionary["test"], strict=True)
(words_a, x), (words_b, y) = (
    embedded(model, words)
    for model, words in zip((a, b), both, strict=True)
)
words = words_a, words_b
known = [
    (words_a.index(one), words_b.index(other))
    for one, other in dictionary["train"]
    if one in words_a and other in words_b
]
shown_x, shown_y = (x[[i for i, _ in known]], y[[j for _, j in known]])
rotation = procrustes(shown_x, shown_y)

# %% [markdown]
# The library's map and score, by code of its own, are the same:

# %%
theirs = similarity.procrustes(shown_x, shown_y)
assert abs(rotation - theirs).max() < 1e-6
theirs = retrieval.translation_both_ways(
    x @ rotation,
    y,
    dictionary["test"],
    *words,
    known=dictionary["train"],
    scoring="csls",
)
ours = p_at_1(csls(x @ rotation, y), words, dictionary)
assert abs(ours - 100 * theirs["p1"]) < 1e-6

# %% [markdown]
# **Would another map do better?** A rotation is stiff. *Any linear map* may stretch and skew as well; by least squares it fits the words that it was shown as closely as a linear map
# can, and by ridge it pays for large numbers. Or keep to rotations and learn a second one: apply the first, take all words that are now each
# other's nearest as the dictionary, learn again, and so on, five times. That is **refinement** {cite}`conneau2018word`. It needs no more
# translations, but it trusts its own mistakes.


# %%
def refined(x, y, rotation, rounds=5):
    for _ in range(rounds):
        scores = csls(x @ rotation, y)
        there, back = scores.argmax(1), scores.argmax(0)
        mutual = back[there] == torch.arange(len(x))
        rotation = procrustes(x[mutual], y[there[mutual]])
    return rotation, int(mutual.sum())


def ridge(x, y, penalty=0.1):
    gram = x.T @ x
    small = penalty * gram.diagonal().mean() * torch.eye(len(gram))
    return torch.linalg.solve(gram + small, x.T @ y)


drawn = torch.randn(rotation.shape, generator=generator, dtype=x.dtype)
maps = {
    "none": (torch.eye(*rotation.shape, dtype=x.dtype), 0),
    "a random rotation": (torch.linalg.qr(drawn).Q, 0),
    "rotation": (rotation, len(known)),
    "rotation, refined": refined(x, y, rotation),
    "any linear map, ridge": (ridge(shown_x, shown_y), len(known)),
    "any linear map, least squares": (
        torch.linalg.pinv(shown_x) @ shown_y,
        len(known),
    ),
}
lines = {
    name: {
        "pairs learnt from": count,
        "P@1 by CSLS": p_at_1(csls(x @ w, y), words, dictionary),
        "P@1 by cosine": p_at_1(unit(x @ w) @ unit(y).T, words, dictionary),
    }
    for name, (w, count) in maps.items()
}
show_table(
    pd.DataFrame(lines).T.rename_axis("map").round(1),
    "Embeddings of the pair of models: P@1 in percent by map",
)

# %% [markdown]
# Refinement finds more than the rotation that it begins with, and the linear map by ridge about as many as that rotation. Least squares finds next to nothing: with fewer pairs than dimensions it fits those that it
# was shown exactly, and says nothing of others. One pair of models gives no interval, so small differences mean nothing here. Note the first column: what was shown decides how much
# freedom a map can afford.
#
# ### Watch it turn
#
# Move the slider. It turns the words of **a** by a growing share of the learnt rotation: every plane by the same share of its angle. What you see is a shadow: two dimensions of many, those in
# which the words of **b** spread most. Point at a word to see its nearest neighbours, which are taken in all dimensions, by cosine.


# %%
def part_way(rotation, share):
    turns, basis = schur(rotation.numpy(), output="complex")
    angles = np.angle(turns.diagonal())
    mirrored = np.abs(angles) > np.pi - 1e-9  # a mirror goes through 0
    turned = np.where(mirrored, 1 - 2 * share, np.exp(1j * share * angles))
    return torch.from_numpy(((basis * turned) @ basis.conj().T).real)


plane = torch.linalg.eigh(y.T @ y).eigenvectors[:, -2:].flip(1)
plane = plane * plane[plane.abs().argmax(0), range(2)].sign()
meant = dict(dictionary["test"])
frames, nearest, counts = [], [], []
for step in range(11):
    turned = x @ part_way(rotation, step / 10)
    best = (unit(turned) @ unit(y).T).topk(3, dim=1).indices.tolist()
    frames.append((turned @ plane).numpy())
    nearest.append([", ".join(words_b[i] for i in row) for row in best])
    asked = [
        words_b[row[0]] == meant[word]
        for word, row in zip(words_a, best, strict=True)
        if meant.get(word) in words_b
    ]
    counts.append(
        f"{step / 10:.0%} of the way: {sum(asked)} of {len(asked)} words found"
    )

# %% tags=["hide-input"]
show_turning(
    frames,
    (y @ plane).numpy(),
    words_a,
    words_b,
    nearest,
    labels=("words of a", "words of b"),
    notes=counts,
    pairs=[
        (words_a.index(one), words_b.index(other))
        for one, other in meant.items()
        if one in words_a and other in words_b
    ],
    caption="The embeddings of two monolingual models: the words of a on their way to those of b. A line joins a word that the rotation was not shown to its translation; about half of them end there.",
    alt="Two clouds of points in a plane. As the slider moves, the points of the one language swing round until many lie near "
    "points of the other, and the lines between words and their translations grow short.",
)

# %% [markdown]
# The count under the slider is of one direction only, by cosine, and with words that are spelt alike; so it is another number than the table's.
#
# ## All seeds

# %%
NAMES = {
    "monolingual": "two monolingual models",
    "bilingual": "one bilingual model",
    "random": "one side untrained",
    "word_vectors": "skip-gram vectors",
}
MODELS = tuple(NAMES)[:3]  # which have layers
MEASURES = (
    "translation_p1",
    "translation_p1_cosine",
    "translation_p1_random",
    "translation_p1_unmapped",
    "translation_p5",
    "translation_queries",
)
rows = experiment.rows(*NAMES)
show_table(
    summary(rows[rows["layer"].fillna(0) == 0], MEASURES, names=NAMES),
    "Worlds, embeddings: translation, rotated and by CSLS where nothing else is said",
)

# %% [markdown]
# **The embeddings of two models align.** Nearly half of the words find their translation, where a random rotation, no map and an untrained side find next to none. One
# word more or less is more than two points.
#
# **Skip-gram vectors of the same text align far better**: nineteen words in twenty. A bilingual model needs no rotation; *no map* is its own score, and at least as good.
#
# P@5 is twice P@1: the rotation brings a word among the right few and no further. In a world that is to be expected: some words keep nearly
# the same company (two nouns that the same verbs take), and nothing in the text tells which is which.
#
# ### In context, layer by layer
#
# A masked language model is more than its embeddings. Take every occurrence of a word in some thousand sentences, and average
# its vectors at one layer.

# %%
CONTEXT = "translation_contextual_p1"


def draw(axis, rows, names):  # the mean over seeds, by layer
    for name, style in zip(names, ("o-", "s--", "^-."), strict=True):
        one = rows["condition"] == name
        own = rows[one & (rows["metric"] == CONTEXT)].groupby("layer")
        mean = 100 * own["value"].mean()
        axis.plot(mean.index, mean, style, label=NAMES[name])
    axis.set(xticks=mean.index, ylabel="P@1 (%)")


figure, (axis,) = blank(6, 4)
draw(axis, rows, MODELS)
axis.set(xlabel="layer (0: embeddings)", ylim=(-3, 103))
legend = axis.legend(loc="upper left", fontsize="small")

# %% tags=["hide-input"]
contextual = summary(rows, CONTEXT, columns="layer")
show(
    figure,
    caption="Worlds: translation by averaged contextual vectors, rotated. It gets better with depth, and stays below what skip-grams reach.",
    alt="Three lines over the layers. One bilingual model rises from 65 to 75 percent, two monolingual models from 48 to 58, one side untrained stays near zero.",
    table=contextual.reset_index(),
)

# %%
show_table(contextual, "Worlds, in context: P@1 by layer, rotated, by CSLS")
HUBS = [f"translation_contextual_hubness_{by}" for by in ("cosine", "csls")]
pair = rows[rows["condition"] == "monolingual"]
show_table(
    summary(pair, HUBS, index="metric", columns="layer"),
    "Two monolingual models in context: skewness of how often a word is among the ten nearest, 0 where all are found alike often",
)

# %% [markdown]
# **In context, too, the words align**, and with depth a little better, though in single seeds the score does not always rise. All of it is far below the skip-grams.
#
# Hubs are no trouble here: the skewness is small by either measure, and CSLS does not lower it. It finds more words all the same, as the table of embeddings shows.
#
# ## On real text
#
# English with French, German, Russian and Chinese. The dictionaries are the shipped ones, of words that occur in the Bibles. Chinese is cut
# into characters, so that only words of one character are single subwords. There is one seed of each.

# %%
real = experiment.rows(*NAMES, at="reference")
lines = real[real["layer"].fillna(0) == 0].pivot_table(
    "value", ["metric", "condition"], "languages"
)
SHOWN = {
    "translation_p1": "rotated, CSLS",
    "translation_p1_cosine": "rotated, cosine",
    "translation_p1_random": "a random rotation",
    "translation_p1_unmapped": "no map",
    "translation_p5": "rotated, CSLS, P@5",
}
order = [(metric, name) for metric in SHOWN for name in NAMES]
show_table(
    (100 * lines).round(1).reindex(order).rename(index=SHOWN | NAMES),
    "Real text, embeddings: P@1 in percent; one seed; chance is below half a percent",
)

# %%
figure, axes = blank(6, 10, rows=4)
for axis, (pair, own) in zip(axes, real.groupby("languages"), strict=True):
    draw(axis, own, MODELS)
    axis.set(title=pair, ylim=(0, 23))
axes[-1].set_xlabel("layer (0: embeddings)")
legend = axes[2].legend(loc="upper right", fontsize="small")

# %% tags=["hide-input"]
by_layer = real[real["metric"] == CONTEXT].pivot_table(
    "value", ["languages", "condition"], "layer"
)
show(
    figure,
    caption="Real text, in context: two monolingual models stand above an untrained side at every layer of every pair, and depth brings nothing.",
    alt="Four panels, one for each pair of languages, each with three nearly level lines over the layers: two monolingual models are highest, one side untrained is mostly lowest.",
    table=(100 * by_layer).round(1).rename(index=NAMES).reset_index(),
)

# %% [markdown]
# An untrained side finds words here, and far more than the random rotation. How can it? The dictionary is divided by the words that are asked. A
# word of the *second* language may stand on both sides, as the translation of two English words. The rotation was fitted to put
# English words near that very vector, and a random vector is as good as another to be put near. How often that is so:

# %%
shares = {}
for pair in sorted(set(real["languages"])):
    languages = tuple(pair.split("-"))
    shipped = load_corpus(languages, ("bible", "bible")).dictionary
    seen = {foreign for _, foreign in shipped["train"]}
    shares[pair] = pd.Series(
        [foreign in seen for _, foreign in shipped["test"]]
    ).mean()
show_table(
    (100 * pd.DataFrame({"share": shares})).round().T,
    "Pairs to be found whose second word the rotation was shown with another English word, in percent",
)

# %% [markdown]
# What counts is how far a trained pair stands above the untrained one.
#
# **On real text, too, embeddings align**: well above an untrained side in German and French, a little above it in Russian and Chinese. **Skip-grams align better**, except in French, where
# they are level; the gap of the worlds has shrunk to a few points. **In context depth brings nothing**: the embeddings are as good as any layer.
#
# ## The outcome

# %%
verdict("1.8")

# %% [markdown]
# The last part is a rank correlation of P@1 with the layer: 1 rises all the way.
#
# In worlds the embeddings align far worse than skip-grams, against the claim; its other two parts hold there. On real text fewer than five seeds decide nothing. The words of a world are few, each is met hundreds of times, and what tells one from
# another is the words around it, which is just what skip-grams count. In a Bible most words are rare, and neither method
# has met them often. So a gap in worlds need not be a gap in a language.
#
# ## Cautions
#
# - A model of a million parameters that reads a few million words is no BERT. Skip-grams learn words fast, since they learn nothing else; a
#   masked language model spends its capacity on sentences. At the paper's size the order of the two may well turn.
# - There are few queries. Where a table says so, an interval over seeds covers other models and not other dictionaries.
# - A rotation learnt on fewer pairs than dimensions leaves directions open. On worlds the dictionary is about as large as the width.
# - The bilingual model reads as many tokens in all as each monolingual one, so half as many of each language, and has one vocabulary for both.
# - What would settle it: models of the paper's size, and its 5,000 training words.
#
# ## Exercises
#
# ```{exercise} What a random rotation keeps
# :label: word_alignment.1
#
# Rotate all words of **a** by a random rotation. Which of these stays as it is? Options: "the nearest neighbours within a",
# "the nearest neighbours in b", "both", "neither".
# ```

# %%
kept = ...  # one of the four
# solution
kept = "the nearest neighbours within a"

# %%
exercises.check("word_alignment.1", kept)

# %% [markdown] tags=["solution"]
# A rotation keeps every distance inside the cloud that it turns, and none to what stands still. So the shape is there all along; what is learnt
# from the dictionary is only its direction.

# %% [markdown]
# ```{exercise} A ratio in the place of a difference
# :label: word_alignment.2
#
# Another correction for hubs divides: $\cos(x,y)$ over the mean of $r(x)$ and $r(y)$, with $r$ as in CSLS. Write it for a table of cosines: a function of
# `cosines` (n, m) and `k` that returns the (n, m) scores.
# ```


# %%
def ratio(cosines, k):
    return ...


# solution
def ratio(cosines, k):
    of_rows = cosines.topk(k, dim=1).values.mean(1, keepdim=True)
    of_columns = cosines.topk(k, dim=0).values.mean(0, keepdim=True)
    return 2 * cosines / (of_rows + of_columns)


# %%
exercises.check("word_alignment.2", ratio)

# %% [markdown] tags=["solution"]
# In CSLS a row's own correction is the same for all its candidates, so it changes no answer of that row. In a ratio it may: it says how much a crowded candidate is to be marked down.

# %% [markdown]
# ```{exercise} Too few pairs
# :label: word_alignment.3
#
# Learn a rotation of width `d` from `n` pairs of general position. How many dimensions of the space do the pairs leave open, for `n` below
# `d`? Write it as a function.
# ```


# %%
def left_open(n, d):
    return ...


# solution
def left_open(n, d):
    return max(0, d - n)


# %%
exercises.check("word_alignment.3", left_open)

# %% [markdown] tags=["solution"]
# $n$ pairs span $n$ dimensions, and say where each of those goes. In the other $d-n$ any rotation fits the pairs as well as any other. So a
# dictionary of thirty words cannot fix a rotation of width 64, however good the words are.
