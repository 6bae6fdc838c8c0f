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
from isomorph import claims

claims.answer("1.10")

# %% [markdown]
# ## The claim
#
# Conneau, Wu and colleagues {cite}`conneau2020emerging` did this with monolingual models of English, French, German,
# Russian and Chinese. They took the mean of a sentence's subword vectors at one layer, learnt a rotation on some
# parallel sentences, and then looked for the translations of others. **Claim 1.10**: this works, and
# it works best at the *lower* layers. They show the scores by layer in a plot, without numbers, so there are none
# to print beside ours. They do name one for scale: LASER, an encoder that was trained on parallel text, finds over 95%.
#
# ## The method
#
# A **rotation** here is any orthogonal map: it changes no distance and no angle. Write $n$ parallel sentences as rows of $X$
# (one language) and $Y$ (the other). We look for the best one {cite}`conneau2020emerging`,
#
# $$W = \arg\min_{W^\top W = I} \lVert XW - Y\rVert_F .$$
#
# It has a closed form, $W = UV^\top$ with $U \Sigma V^\top = \mathrm{svd}(X^\top Y)$,
# and is called **Procrustes**' map. Before it, both sides go through **iterative normalisation**: bring every vector to length 1,
# subtract the mean, and again, until both hold. Else a rotation would be asked to do what none can: to shift or to stretch.
#
# We learn $W$ on held-out pairs and score it on others, with **P@1**: the share of sentences whose nearest neighbour, by
# cosine, is their own translation; the mean of both directions. Four things put the score in its place.
#
# - *Chance*: one divided by the number of sentences.
# - *No map*: the two models as they are. Nothing told them to use the same directions.
# - *One side untrained*: the second model before its training. Whatever a rotation finds there, it finds without learning.
# - *One bilingual model*, which reads both. It has had every chance to bring them together itself.

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import aligned, aligned_models

NAMES = ("monolingual", "bilingual", "random", "same_language")
FAR = ("far_monolingual", "far_bilingual")
P1 = "retrieval_p1"

# %% [markdown]
# ## In controlled worlds
#
# Both languages of a world have the same grammar and say the same kind of things, in other words. About a third of
# the strings are spelt alike, but two monolingual models cannot know: each has a vocabulary of its own. The two models
# have different seeds, too. Of one seed they would start from the very same weights, and that would be cheating.
#
# We compare a pair of monolingual models now, the one of the last two chapters. The other conditions were recorded by the same
# configurations.

# %%
made, world = findings.in_worlds(
    "alignment",
    (*NAMES, *FAR),
    size=size,
    live="monolingual",
    recompute=recompute,
)

# %% tags=["hide-input"]
own = made[made["metric"] == P1].set_index("layer")["value"]
plain = made[made["metric"] == "retrieval_p1_unmapped"]["value"].max()
chance = made.set_index("metric").loc["retrieval_p1_chance", "value"]
display(
    Markdown(
        f"Live: rotated, the two models find {100 * own[0]:.1f}% of the translations at "
        f"the embeddings and {100 * own.iloc[-1]:.1f}% at the last layer. As they are, they find {100 * plain:.1f}% at best; chance "
        f"is {100 * chance:.1f}%."
    )
)
figures.show(
    figures.learning_curve(
        aligned.curves(world, P1, NAMES),
        metric=P1,
        x="layer",
        chance=chance,
    ),
    caption="Controlled world: sentence retrieval after a rotation, layer by layer.",
    alt="A line for each condition over the layers from the embeddings to the last: two monolingual models, one "
    "bilingual model, one side untrained, and two models of one language, with a dashed line at chance.",
    table=aligned.by_layer(world, P1, NAMES),
    provenance=findings.behind(world, NAMES),
)

# %% tags=["hide-input"]
figures.show_table(
    aligned.by_layer(world, P1), name="Rotated: P@1 in percent"
)
figures.show_table(
    aligned.by_layer(world, "retrieval_p1_unmapped"),
    name="As they are, no map: P@1 in percent",
)

# %% [markdown]
# Read the two tables together. Look first at two models of the *same* language without a map: sharing a language gives no
# common directions, sharing weights does. Then see what the rotation adds. What it reaches is shape that the two have in
# common, and no one made them have it. The bilingual model is the mark to compare with.

# %% tags=["hide-input"]
told = [
    aligned.apart(world, P1, one, other)
    for one, other in (
        ("bilingual", "monolingual"),
        ("monolingual", "random"),
    )
]
display(Markdown(f"Rotated, {'; '.join(told)}."))

# %% [markdown]
# Mind the untrained side. Random embeddings still give each word a vector of its own, and the mean of a sentence counts its
# words. If a rotation can match the words of two languages by hundreds of examples, it needs no training to do so
# at the embeddings. What training adds is the distance between that line and the others; look how it changes with depth.
#
# ### Which layers align best?

# %% tags=["hide-input"]
lines = []
for name in (*NAMES[:2], *FAR):
    best = aligned.best_layers(world, P1, name)
    if best:
        lines.append(
            {
                "condition": aligned.NAMES[name],
                "best layer of each seed": ", ".join(map(str, best)),
            }
        )
figures.show_table(pd.DataFrame(lines), name="The best layer, seed by seed")

# %% [markdown]
# The claim is about the monolingual models. Why should lower layers align better? A higher layer is nearer to what the model is
# trained for, the guess at a masked word, and two models may serve that in ways of their own. Lower down, a sentence is still the sum
# of its words, and words keep the same company in both languages.
#
# ### How many pairs does it take?
#
# A rotation of width $d$ has $d(d-1)/2$ free numbers, and any linear map $d^2$. The stiffer one should need fewer examples. We test
# that on the two models of the live run, at the embeddings. Fewer than $d$ pairs leave some directions open: of all rotations that fit
# them as well we take the one nearest to the identity, which knows nothing of two models that were trained apart.

# %%
condition, *_ = findings.chosen("alignment", world.size, ["monolingual"])
corpus = condition.run.text.corpus()
learn, test = (
    tuple(part[language] for language in condition.run.languages)
    for part in (corpus.dev, corpus.test)
)
most = len(learn[0])
sizes = [n for n in (5, 10, 20, 50, 100, 200) if n <= most]
pairs_needed = aligned_models.learning_sizes(
    aligned_models.readers(condition), learn, test, layer=0, sizes=sizes
)

# %% tags=["hide-input"]
figures.show(
    figures.learning_curve(
        pairs_needed, metric=P1, x="pairs", group="map", log_x=True
    ),
    caption="Sentence retrieval at the embeddings by maps that were learnt on few pairs or many; one pair of models.",
    alt="Two rising lines over the number of pairs, on a logarithmic axis: one for a rotation, one for any linear map.",
    table=pairs_needed.pivot(
        index="pairs", columns="map", values="value"
    ).reset_index(),
    provenance="Points: made in this execution.",
)
few, many = pairs_needed["pairs"].min(), pairs_needed["pairs"].max()
at = pairs_needed.set_index(["pairs", "map"])["value"]
display(
    Markdown(
        f"With {few} pairs the rotation finds {100 * at[few, 'rotation']:.1f}% and the linear map {100 * at[few, 'any linear map']:.1f}%; "
        f"with {many} pairs {100 * at[many, 'rotation']:.1f}% and {100 * at[many, 'any linear map']:.1f}%. A linear map that does "
        "better than a rotation would say that the shapes differ, and that bending mends it. One that does no better says that there is "
        "nothing to bend."
    )
)

# %% [markdown]
# ## On real text
#
# Now the shipped Bibles: English with French, German, Russian and Chinese, a small model for each language and a bilingual one
# for each pair, read from disjoint halves. The rotation is learnt on 500 held-out verses. It is scored on a thousand others, on help
# paragraphs (another domain, which no model has read), and on Tatoeba, the paper's own test, where the hub or a
# mirror has it. In LASER's place stands multilingual E5, an encoder of a hundred languages that was tuned on parallel text.

# %% tags=["hide-input"]
TRAINED = ("monolingual", "bilingual", "random")
real = findings.on_real_text(
    "alignment",
    (*TRAINED, "e5"),
    size=size,
    recompute=recompute,
)
for metric, told in (
    (P1, "verses, rotated"),
    ("retrieval_p1_unmapped", "verses, as they are"),
    ("tatoeba_retrieval_p1_unmapped", "Tatoeba, as they are"),
    ("tatoeba_retrieval_p1", "Tatoeba, rotated"),
    ("help_retrieval_p1", "help paragraphs, rotated"),
):
    if real.has(metric):
        figures.show_table(
            aligned.at_best(real, metric),
            name=f"{told}: P@1 in percent at the best layer",
        )
display(Markdown(findings.behind(real)))

# %% [markdown]
# The best layer is picked on the very sentences that are scored, so these numbers flatter everyone, and the encoder with most layers most. Layer
# by layer, the models that we trained:

# %% tags=["hide-input"]
for pair in sorted(set(real.rows["pair"])):
    own = aligned.curves(real, P1, TRAINED, pair)
    if len(own):
        figures.show(
            figures.learning_curve(own, metric=P1, x="layer"),
            caption=f"Held-out verses, {pair}: rotated sentence retrieval by layer.",
            alt="A line over the layers for two monolingual models, one for a bilingual model, and one for one side untrained.",
            table=aligned.by_layer(real, P1, TRAINED, pairs=[pair]),
            provenance=f"One pair of languages, {pair}.",
        )

# %% [markdown]
# Read the bilingual line with care. That model reads as many tokens in all as each monolingual one, so half as many of each language, and keeps
# one vocabulary for both. The pair of monolingual models has twice the text and twice the parameters.
#
# Other texts are far harder. These models have read nothing but Bibles, and most words of a help page are new to them. For an encoder that
# was tuned on parallel text compare *as they are* with *rotated*: its two sides agree already, and a rotation that was learnt on five hundred verses
# teaches it verses.
#
# ## The outcome

# %% tags=["hide-input"]
table = claims.predictions(["1.10"])
figures.show_table(table, name="Claim 1.10, prediction by prediction")
display(Markdown(findings.in_short(table)))

# %% [markdown]
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
# ```{exercise} The map itself
# :label: sentence_alignment.1
#
# Write Procrustes' map: a function of `x` and `y`, two tensors of shape (n, d) whose rows are pairs, that returns the
# orthogonal (d, d) matrix which brings `x @ w` nearest to `y`.
# ```

# %%
import torch


def rotation(x, y):
    return ...


# solution
def rotation(x, y):
    left, _, right = torch.linalg.svd(x.T @ y)
    return left @ right


# %%
exercises.check("sentence_alignment.1", rotation)

# %% [markdown] tags=["solution"]
# Minimising $\lVert XW-Y\rVert^2$ means maximising the trace of $W^\top X^\top Y$, since a rotation leaves the length of $XW$ alone. With
# $X^\top Y = U\Sigma V^\top$ that trace is at most the sum of the singular values, and $W = UV^\top$ reaches it.

# %% [markdown]
# ```{exercise} Two models of one language
# :label: sentence_alignment.2
#
# Two models of the *same* language, from two seeds, are asked to retrieve each other's copy of the very same sentences, without
# a map. Before you look at the table: is the score "near 100%", "near one half", or "near chance"?
# ```

# %%
same = ...  # one of the three
# solution
same = "near chance"

# %%
exercises.check("sentence_alignment.2", same)

# %% [markdown] tags=["solution"]
# A network can permute or turn its coordinates and compute the same thing. Which of these it ends in is decided by its start. So
# coordinates of two models cannot be compared, even of one language; shapes can.

# %% [markdown]
# ```{exercise} Count the freedom
# :label: sentence_alignment.3
#
# How many free numbers does a rotation of width 64 have? And any linear map? Give both.
# ```

# %%
freedom = ...  # (of a rotation, of a linear map)
# solution
freedom = (64 * 63 // 2, 64 * 64)

# %%
exercises.check("sentence_alignment.3", freedom)

# %% [markdown] tags=["solution"]
# An orthogonal matrix of width $d$ has $d^2$ entries and $d(d+1)/2$ conditions: each column of length 1, each two at right angles. What
# is left is $d(d-1)/2$, somewhat less than half. That is why it needs fewer pairs.
