# %% [markdown]
# # The cone
#
# A language model keeps one vector for each word. You would expect them to point everywhere: words are about everything. In many
# models they do not. They crowd to one side of the origin, in a narrow cone, so that any two words look somewhat alike. This chapter
# looks at the cone, measures it in several ways, and shows how each way can be fooled. The chapters after it ask why it is there,
# whom it hurts, and what cures it.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("2.7", "4a.1")

# %% [markdown]
# ## The claim
#
# Gao and colleagues {cite}`gao2019representation` trained models that generate text by likelihood. The vector that *reads* a word
# and the vector that *predicts* it were the same: the embeddings are **tied**. They drew the vectors along their two largest singular
# directions. **Claim 2.7**: most lie in a narrow cone, and almost all pairs of words have a positive cosine. Vectors of word2vec do not,
# nor do the rows of an ordinary classifier. They call it *representation degeneration*.
#
# Liang and colleagues {cite}`liang2021learning` looked at the input embeddings of BERT, a masked model. **Claim 4a.1**: they are not centred
# at the origin, and two random words have a cosine far above zero.
#
# Neither claim comes with a number that we could verify, except one for BERT, which the chapter on frequency takes up.
#
# ## The method
#
# Put the vectors of $N$ words in the rows of $W$. Four questions can be asked of such a cloud.
#
# **Do two words point the same way?** The *average cosine* of all pairs. There are $N^2$ of them, but no need to visit them. With
# $\hat w = w/\lVert w\rVert$,
#
# $$\sum_{i\ne j}\hat w_i^\top\hat w_j = \Big\lVert\sum_i\hat w_i\Big\rVert^2 - N .$$
#
# **Is the variance alike in all directions?** *IsoScore* {cite}`rudman2022isoscore` compares the variances along the principal axes with equal
# ones: 1 when they are equal, 0 when there is one axis only. *Variance evenness* asks it of the first tenth of the axes.
#
# **Would a softmax favour some direction?** The *partition ratio* {cite}`mu2018allbutthetop` sums $e^{c^\top w}$ over the words, for
# each eigenvector $c$ of $W^\top W$, and divides the smallest sum by the largest. It is 1 when no direction is favoured.
#
# **How many dimensions are used, close up?** *Intrinsic dimension* {cite}`levina2004maximum`, from the distances to nearest neighbours.

# %% tags=["hide-input"]
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import clouds, language_models
from isomorph.measure.isotropy import sampled_cosines, singular_values
from isomorph.presets.degeneration import MINILM

NAMES = ("mle", "masked")
ENCODERS = ("pretrained", "glove", "bible")

# %% [markdown]
# ## The traps, first
#
# Here are clouds whose shape we know, since we made them. The first is a round ball of 2,000 points in 64 dimensions.

# %%
made_up = clouds.planted()

# %% tags=["hide-input"]
figures.show_table(
    made_up, name="Planted clouds, and what four measures say of them"
)

# %% [markdown]
# - **The average cosine sees a shift and not a stretch.** Move the ball, and any two points look alike, though it is as round as before.
# - **IsoScore sees a stretch and not a shift.** Principal axes are taken after centring. A cloud far from the origin can have a perfect IsoScore.
# - **The partition ratio sees both, and size too.** Multiply all vectors by three and it falls. It is no measure of shape alone.
#
# So one number is never enough. A cone is a shift: ask the cosine. Whether the cure for it is subtracting the mean, or more, is for IsoScore to say.
#
# ## Six clouds
#
# We train a small causal language model now, on half of the English Bible that ships with this book: whole words, tied embeddings, no bias in
# the softmax, as in the theory. Beside it:
#
# - a **masked** model of the same text, which ships with this book (its softmax is tied too);
# - **MiniLM**, a real English encoder, distilled from a large one and then tuned to compare sentences by cosine;
# - **skip-grams** of the same text, learnt in this execution, the kind of vectors that word2vec makes;
# - **GloVe**, vectors without contexts from six billion words;
# - a **classifier** of handwritten digits: ten rows, one a digit.

# %%
made, found = findings.in_worlds(
    "language_models", NAMES, size=size, live="mle", recompute=recompute
)
first = findings.chosen("language_models", found.size, ["mle"])[0]
model = language_models.trained(first)
most = 1000 if size == "smoke" else clouds.MOST
six = {
    "causal language model": clouds.words_of(model),
    "masked language model": clouds.encoder("en", most),
    "MiniLM": clouds.encoder(MINILM, most),
    "skip-grams, same text": clouds.skipgrams(
        model, epochs=1 if size == "smoke" else 5
    ),
    "GloVe": clouds.encoder("glove", most),
    "digit classifier": clouds.digit_classifier(),
}
words = {name: own for name, own in six.items() if len(own.words) >= 25}

# %% tags=["hide-input"]
table = clouds.measured(six)
figures.show(
    figures.cloud_panels({name: own.vectors for name, own in six.items()}),
    caption="Word vectors along their two largest singular directions. The cross is the origin; each panel has its own scale.",
    alt="Six scatter plots. How far each cloud stands to one side of the origin, and whether frequent and rare words part, is what "
    "the table below says in numbers.",
    table=table,
    provenance="Causal model, skip-grams and classifier: made in this execution. The others come with the book or its packages.",
)

# %% [markdown]
# The projection is *not* centred: the cross is the true origin. A cloud that stands to one side of it is a cone. Colour runs from frequent words
# (blue) to rare ones (orange).

# %% tags=["hide-input"]
cosines = {
    name: sampled_cosines(own.vectors, pairs=50_000)
    for name, own in words.items()
}
figures.show(
    figures.cosine_histograms(cosines),
    caption="Cosines of 50,000 random pairs of words in each cloud.",
    alt="Outlines of five distributions of cosines. A cone shows as a hump to the right of zero, an even cloud as one around zero.",
    table=table[["vectors", "average cosine", "share of positive cosines"]],
    provenance="Points: made in this execution.",
)
spectra = {
    name: singular_values(own.vectors) for name, own in words.items()
}
figures.show(
    figures.spectra(spectra),
    caption="Singular values of each cloud over its largest one, not centred.",
    alt="Falling lines, one a cloud. A line that drops at once and then runs flat has one direction that all words share.",
    table=table[["vectors", "second singular value, over the first"]],
    provenance="Points: made in this execution.",
)
narrow, wide = (
    table.dropna().sort_values("average cosine")["vectors"].iloc[place]
    for place in (-1, 0)
)
lm = table.set_index("vectors").loc["causal language model"]
display(
    Markdown(
        f"The causal model has an average cosine of {lm['average cosine']:.2f}, and {lm['share of positive cosines']:.0%} of its pairs are positive. "
        f"The narrowest of the five clouds of words is that of the *{narrow}*, the widest that of *{wide}*."
    )
)

# %% [markdown]
# Four things are worth a second look.
#
# **In the language models the cone is made of rare words.** The frequent ones, blue, stand around the origin or beyond it; the orange ones crowd on the
# other side. Keep that in mind: the next three chapters are about it.
#
# **Skip-grams crowd as well.** On a text as small as ours, vectors of the word2vec kind stand in a cone of their own, without any tied softmax. That has
# been seen before {cite}`mimno2017strange`: negative sampling pushes *all* words away from the *contexts'* vectors, and so to one side. A
# cone alone does not prove that a tied softmax made it.
#
# **MiniLM has next to no cone.** It was tuned to tell sentences apart by cosine, which pulls a cone apart. It is not a witness for or against a claim on BERT.
#
# **The classifier's rows repel.** Its average cosine is below zero. Ten rows whose sum a softmax leaves free end up around the origin: with every class seen often,
# nothing is pushed to one side. The next two chapters say why words that are seen rarely, or never, are pushed.
#
# ## Over seeds
#
# The same models from five seeds, recorded; the first of them is the one trained above.

# %% tags=["hide-input"]
MEASURES = {
    "average_cosine": "average cosine",
    "positive_cosine_share": "positive cosines",
    "mean_vector_share": "length of the mean",
    "isoscore": "IsoScore",
    "partition_ratio": "partition ratio",
}
real = findings.on_real_text(
    "language_models", NAMES, size=size, recompute=recompute
)
_, others = findings.in_worlds(
    "encoder_words",
    ENCODERS,
    size=size,
    live=None,
    recompute=recompute,
)
hub = findings.on_real_text(
    "encoder_words", ("e5", "glove"), size=size, recompute=recompute
)
for title, one in (
    ("Small language models, half a Bible", found),
    ("Larger ones, all English text that ships", real),
    ("Encoders of others, and GloVe", others),
    (
        "An encoder of the hub, and as many words of GloVe as the larger models have",
        hub,
    ),
):
    figures.show_table(
        clouds.levels(one, MEASURES), name=title, titled=True
    )
display(
    Markdown(
        f"{findings.behind(found)} {findings.behind(real)} For encoders by others the number is a mean over fifths of the words, which gives no interval."
    )
)

# %% [markdown]
# ## The outcome

# %% tags=["hide-input"]
verdict = claims.predictions(["2.7", "4a.1"])
figures.show_table(verdict, name="Claims 2.7 and 4a.1, by prediction")
display(Markdown(findings.in_short(verdict)))

# %% [markdown]
# Skip-gram vectors of the very same text crowd as well, as shown above. So "word2vec has no cone" depends on the text and on which words one looks at.
#
# Claim 4a.1 is about BERT, a masked model. MiniLM, the encoder that comes as a package, is not one of its kind and decides nothing. At `size="paper"` this
# chapter's experiment looks at BERT itself.
#
# ## Cautions
#
# - Our models are small and read a small text. Longer training moves a cone; the authors' models were trained far longer.
# - "Almost all" is our reading: nine pairs in ten.
# - Words that no text holds are left out here. They are the next chapter.
# - A picture along two singular directions shows the largest two of many. The histogram is the safer witness.
#
# ## Exercises
#
# ```{exercise} Without the table of pairs
# :label: the_cone.1
#
# Write the average cosine of all pairs of *different* rows of `x`, (n, width), without a table of n by n.
# ```


# %%
def mean_cosine(x):
    return ...


# solution
def mean_cosine(x):
    unit = x / x.norm(dim=1, keepdim=True)
    n = len(x)
    return ((unit.sum(0) ** 2).sum().item() - n) / (n * (n - 1))


# %%
exercises.check("the_cone.1", mean_cosine)

# %% [markdown] tags=["solution"]
# The square of the sum's length holds every pair twice and each row's product with itself once, and that is 1.

# %% [markdown]
# ```{exercise} Which one notices?
# :label: the_cone.2
#
# You add the same long vector to every word. Which measure does *not* change: "average cosine", "IsoScore" or "partition ratio"?
# ```

# %%
blind = ...  # one of the three names
# solution
blind = "IsoScore"

# %%
exercises.check("the_cone.2", blind)

# %% [markdown] tags=["solution"]
# Principal axes are taken about the mean, so a shift is gone before IsoScore looks.

# %% [markdown]
# ```{exercise} Build one
# :label: the_cone.3
#
# Make a cloud of at least 200 vectors, 16 wide, whose average cosine is above 0.8 and whose IsoScore is above 0.9.
# ```

# %%
cloud = ...  # a tensor (n, 16)
# solution
import torch

generator = torch.Generator().manual_seed(0)
cloud = torch.randn(2000, 16, generator=generator) + 5.0

# %%
exercises.check("the_cone.3", cloud)

# %% [markdown] tags=["solution"]
# A round ball, far from the origin. Subtract the mean and nothing of the cone is left: not every cone needs more than that.
