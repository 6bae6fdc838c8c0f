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
from isomorph import claims

claims.answer("1.8")

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
# Only words that are a *single subword* for their model take part, so that a word has one row. The dictionary is split by source word: a
# rotation is learnt on one half, and the words of the other half are looked up. **P@1** is the share of words whose nearest
# neighbour is a translation, **P@5** that of words with a translation among the five nearest; both are means over the two directions.
#
# Near is not quite cosine. In many dimensions some points are near everything; such **hubs** steal answers. **CSLS**
# {cite}`conneau2018word` takes away from each cosine how crowded the two points' own surroundings are,
#
# $$\mathrm{CSLS}(x, y) = 2\cos(x, y) - r(x) - r(y),$$
#
# where $r(x)$ is the mean cosine of $x$ to its ten nearest neighbours in the other language. How bad hubs are is told by the **skewness** of how
# often each target is among the ten nearest: 0 when all are found alike often.
#
# Three things to compare with. A *random rotation* keeps every distance within a language and should find nothing. *One side untrained* has random
# rows. And *skip-gram vectors* with subwords, fastText's, trained on the very same text for as many words, stand in the place of
# the paper's fastText.

# %% tags=["hide-input"]
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import aligned, aligned_models
from isomorph.text.corpora import load_corpus

NAMES = ("monolingual", "bilingual", "random", "word_vectors")
MEASURES = {
    "translation_p1": "rotated, CSLS",
    "translation_p1_cosine": "rotated, cosine",
    "translation_p1_random": "a random rotation",
    "translation_p1_unmapped": "as they are",
    "translation_p5": "rotated, CSLS, P@5",
}
CONTEXT = "translation_contextual_p1"

# %% [markdown]
# ## In controlled worlds
#
# The gold dictionary of a world is complete. Words spelt alike in both languages are left out. One pair of models is
# trained now. Four chapters use that pair, this one and the next three: whichever is executed first trains it, and each measures for itself.

# %%
made, world = findings.in_worlds(
    "alignment",
    NAMES,
    size=size,
    live="monolingual",
    recompute=recompute,
)

# %% tags=["hide-input"]
figures.show_table(
    aligned.of_words(world, MEASURES, NAMES),
    name="Embeddings: word translation, P@1 in percent",
)
asked = world.rows[world.rows["metric"] == "translation_queries"]
display(
    Markdown(
        f"{findings.behind(world)} Between {asked['value'].min():.0f} and {asked['value'].max():.0f} words are asked a run, so one "
        f"word more or less is {100 / asked['value'].max():.1f} points."
    )
)

# %% [markdown]
# A bilingual model needs no rotation; the row *as they are* is its own. For two monolingual ones everything hangs on the rotation: the
# random one leaves every distance within a language as it is, and finds nothing.
#
# If P@5 is far above P@1, the rotation brings a word among the right few and no further. In a world that is to be expected: some words keep nearly
# the same company (two nouns that the same verbs take), and nothing in the text tells which is which.
#
# ### Watch it turn
#
# Move the slider. It turns the words of **a** by a growing share of the learnt rotation. What you see is a shadow: two dimensions of many, those in
# which the words of **b** spread most. Point at a word to see its nearest neighbours, which are taken in all dimensions.

# %% tags=["hide-input"]
condition, *_ = findings.chosen("alignment", world.size, ["monolingual"])
corpus = condition.run.text.corpus()
models = aligned_models.readers(condition)
turned = aligned_models.turning(models, corpus.dictionary)
figures.show_turning(
    turned.frames,
    turned.still,
    turned.names,
    turned.still_names,
    turned.nearest,
    labels=("words of a", "words of b"),
    told=turned.told,
    caption="The embeddings of two monolingual models: the words of a on their way to those of b.",
    alt="Two clouds of points in a plane. As the slider moves, the points of the one language swing round until many lie near "
    "points of the other.",
    provenance="From the pair of models that was trained above, in one world.",
)

# %% [markdown]
# ### Would another map do better?
#
# A rotation is stiff. *Any linear map* may stretch and skew as well; by least squares it fits the words that it was shown as closely as a linear map
# can, and by ridge it pays for large numbers. Or keep to rotations and learn a second one: apply the first, take all words that are now each
# other's nearest as the dictionary, learn again, and so on, five times. That is **refinement** {cite}`conneau2018word`. It needs no more
# translations, but it trusts its own mistakes.

# %%
figures.show_table(
    aligned_models.maps(models, corpus.dictionary),
    name="Embeddings of the live pair: P@1 by map",
)

# %% [markdown]
# One pair of models gives no interval, so small differences mean nothing here. Mind the second column: what was shown decides how much
# freedom a map can afford.
#
# ## In context, layer by layer
#
# A masked language model is more than its embeddings. Take every occurrence of a word in some thousand sentences, and average
# its vectors at one layer.

# %% tags=["hide-input"]
figures.show(
    figures.learning_curve(
        aligned.curves(world, CONTEXT, NAMES[:3]),
        metric=CONTEXT,
        x="layer",
    ),
    caption="Controlled world: translation of words by their averaged contextual vectors, rotated, by layer.",
    alt="A line over the layers for two monolingual models, for one bilingual model, and for one side untrained.",
    table=aligned.by_layer(world, CONTEXT, NAMES[:3]),
    provenance=findings.behind(world, NAMES[:3]),
)
figures.show_table(
    aligned.by_layer(
        world,
        "translation_contextual_hubness_cosine",
        ["monolingual"],
        percent=False,
    ),
    name="Hubs by cosine: skewness by layer",
)
figures.show_table(
    aligned.by_layer(
        world,
        "translation_contextual_hubness_csls",
        ["monolingual"],
        percent=False,
    ),
    name="Hubs by CSLS: skewness by layer",
)

# %% [markdown]
# ## On real text
#
# English with French, German, Russian and Chinese. The dictionaries are the shipped ones, of words that occur in the Bibles. Chinese is cut
# into characters, so that only words of one character are single subwords.

# %% tags=["hide-input"]
real = findings.on_real_text(
    "alignment", NAMES, size=size, recompute=recompute
)
for pair in sorted(set(real.rows["pair"])):
    figures.show_table(
        aligned.of_words(real, MEASURES, NAMES, pairs=[pair]),
        name=f"{pair}, embeddings: P@1 in percent",
    )
    own = aligned.curves(real, CONTEXT, NAMES[:3], pair)
    if len(own):
        figures.show(
            figures.learning_curve(own, metric=CONTEXT, x="layer"),
            caption=f"{pair}, in context: word translation, rotated, by layer.",
            alt="A line over the layers for two monolingual models, for one bilingual model, and for one side untrained.",
            table=aligned.by_layer(real, CONTEXT, NAMES[:3], pairs=[pair]),
            provenance=f"One pair of languages, {pair}.",
        )
display(Markdown(findings.behind(real)))

# %% [markdown]
# An untrained side finds words here, and far more than the random rotation. How can it? The dictionary is divided by the words that are asked. A
# word of the *second* language may stand on both sides, as the translation of two English words. The rotation was fitted to put
# English words near that very vector, and a random vector is as good as another to be put near.

# %% tags=["hide-input"]
shown = []
for pair in sorted(set(real.rows["pair"])):
    dictionary = load_corpus(
        tuple(pair.split("-")), ("bible", "bible")
    ).dictionary
    known = {foreign for _, foreign in dictionary["train"]}
    both = [foreign in known for _, foreign in dictionary["test"]]
    shown.append(f"{pair} {100 * sum(both) / len(both):.0f}%")
display(
    Markdown(
        f"Of the shipped test pairs, the share whose second word the rotation was shown with another English word: {', '.join(shown)}. What counts "
        "is how far a trained pair stands above the untrained one."
        if shown
        else "Nothing was run on real text."
    )
)

# %% [markdown]
# ## The outcome

# %% tags=["hide-input"]
table = claims.predictions(["1.8"])
figures.show_table(table, name="Claim 1.8, prediction by prediction")
display(Markdown(findings.in_short(table)))

# %% [markdown]
# The last part is a rank correlation of P@1 with the layer: 1 rises all the way.
#
# Compare the first prediction in worlds and on real text. The words of a world are few, each is met hundreds of times, and what tells one from
# another is the company it keeps, which is just what skip-grams count. In a Bible most words are rare, and neither method
# has met them often. So a gap in worlds need not be one in a language.
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
# ```{exercise} CSLS by hand
# :label: word_alignment.2
#
# Write CSLS for a table of cosines: a function of `cosines` (n, m) and `k` that returns the (n, m) scores. $r$ of a row is the mean
# of its `k` largest cosines, $r$ of a column that of its own.
# ```

# %%


def csls(cosines, k):
    return ...


# solution
def csls(cosines, k):
    of_rows = cosines.topk(k, dim=1).values.mean(1, keepdim=True)
    of_columns = cosines.topk(k, dim=0).values.mean(0, keepdim=True)
    return 2 * cosines - of_rows - of_columns


# %%
exercises.check("word_alignment.2", csls)

# %% [markdown] tags=["solution"]
# A row's own correction is the same for all its candidates, so it changes no answer of that row. It matters on the way back, and where scores of
# different words are compared.

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
