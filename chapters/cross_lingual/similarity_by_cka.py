# %% [markdown]
# # How alike are two models?
#
# A rotation that carries one model's sentences onto another's says that the two are alike. It does not say *how much*. For that we
# want one number, from 0 to 1, that needs no map at all and does not care in which directions a model puts things. Such numbers exist.
# They are also easy to get wrong: the most used one calls noise alike. This chapter measures, and shows the trap.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("1.11")

# %% [markdown]
# ## The claim
#
# Conneau, Wu and colleagues {cite}`conneau2020emerging` compared the sentence vectors of two encoders, layer by layer, by CKA. Their
# **claim 1.11** has five parts. Two languages are slightly more alike inside *one bilingual* model than across *two monolingual* ones. Both
# are far from a *random* encoder. The *first* layers are most alike. The gap between bilingual and monolingual *shrinks* for distant
# languages. And CKA *goes with sentence retrieval*: the two correlate above 0.9, over layers, in all four pairs. The values by layer
# are in plots only, so that correlation is the one number to set beside ours.
#
# ## The method
#
# Put the vectors of $n$ sentences in the rows of $X$, those of their translations, by the other model, in the rows of $Y$. Compare the
# sentences *within* each model first: $K = XX^\top$ holds the inner product of every two sentences for the one model,
# $L = YY^\top$ for the other. If the models are alike, sentences that are near for one are near for the other. **Centred kernel
# alignment** {cite}`kornblith2019similarity` says how far,
#
# $$\mathrm{CKA} = \frac{\mathrm{HSIC}(K, L)}{\sqrt{\mathrm{HSIC}(K, K)\,\mathrm{HSIC}(L, L)}},$$
#
# where HSIC is a covariance of the two tables. It is 1 for models that differ by a rotation and a scale. It needs no map, and the widths
# may differ.
#
# HSIC has two estimators. The *biased* one, $\mathrm{tr}(KHLH)/(n-1)^2$ with $H$ the centring matrix, is what most code computes. The *unbiased*
# one {cite}`nguyen2021wide` leaves out each sentence's product with itself; the CKA made of it is called **debiased**. They
# agree when there are far more sentences than dimensions, and then only.

# %% tags=["hide-input"]
import pandas as pd
import torch
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import aligned, aligned_models
from isomorph.measure.similarity import (
    cka_interval,
    cka_null,
    linear_cka,
)

NAMES = ("monolingual", "bilingual", "random", "same_language")
FAR = ("far_monolingual", "far_bilingual")

# %% [markdown]
# ## The trap, first
#
# Two clouds of pure noise have nothing in common. We draw both anew, 64 dimensions wide, for more and more examples.

# %%
generator = torch.Generator().manual_seed(0)
lines = []
for n in (16, 32, 64, 128, 256, 512, 1024, 2048):
    x, y = (torch.randn(n, 64, generator=generator) for _ in "xy")
    for name, debiased in (("debiased", True), ("biased", False)):
        value = linear_cka(x, y, debiased=debiased)
        lines.append({"examples": n, "estimator": name, "CKA": value})
noise = pd.DataFrame(lines)

# %% tags=["hide-input"]
figures.show(
    figures.learning_curve(
        noise.rename(columns={"CKA": "value"}).assign(metric="CKA"),
        metric="CKA",
        x="examples",
        group="estimator",
        chance=0,
        chance_name="nothing in common",
        log_x=True,
    ),
    caption="CKA of two independent Gaussian clouds of width 64, by the number of examples.",
    alt="The biased estimator starts near one and falls slowly towards zero as examples grow; the debiased one stays "
    "around zero throughout.",
    table=noise.pivot(
        index="examples", columns="estimator", values="CKA"
    ).reset_index(),
    provenance="Points: made in this execution.",
)
low = noise[noise["examples"] == 32].set_index("estimator")["CKA"]
display(
    Markdown(
        f"At 32 examples the biased estimator says {low['biased']:.2f} of two clouds of noise, and the debiased one "
        f"{low['debiased']:.2f}. So this book debiases, and prints the biased value where a reader should see what it would have said."
    )
)

# %% [markdown]
# ## In controlled worlds
#
# The models are those of the chapter on sentences: two of one language each, one of both, one pair of which the second side is
# untrained (the *floor*), and two of the same language from two seeds (the *ceiling*: no pair of languages should be more alike than a language
# and itself). One pair of monolingual models, that of the last chapters, is compared now.

# %%
made, world = findings.in_worlds(
    "alignment",
    (*NAMES, *FAR),
    size=size,
    live="monolingual",
    recompute=recompute,
)

# %% tags=["hide-input"]
figures.show(
    figures.learning_curve(
        aligned.curves(world, "cka", NAMES), metric="cka", x="layer"
    ),
    caption="Controlled world: debiased CKA of translated sentences, layer by layer.",
    alt="A line for each condition over the layers: one bilingual model, two models of one language, two monolingual models, "
    "and one side untrained.",
    table=aligned.by_layer(world, "cka", NAMES, percent=False),
    provenance=findings.behind(world, NAMES),
)
told = [
    aligned.apart(world, "cka", one, other, percent=False)
    for one, other in (
        ("bilingual", "monolingual"),
        ("monolingual", "random"),
        ("same_language", "monolingual"),
    )
]
display(Markdown(f"In CKA, {'; '.join(told)}."))

# %% [markdown]
# An untrained side is not at 0. Its sentence vectors are means of random word vectors, and sentences that share words are near for it
# as well as for any other model. That is likeness of the *input*. Subtract it in thought: a floor is there for that.
#
# ### Every layer against every layer
#
# Choose a pair of models, and hover over a cell for its layers and value.

# %% tags=["hide-input"]
figures.show_grids(
    aligned.cka_grids(world, NAMES),
    caption="Controlled world: CKA of each layer of the one model with each of the other, mean over seeds.",
    provenance=findings.behind(world, NAMES),
)

# %% [markdown]
# If models do the same things in the same order, the diagonal is brightest. A block of like values says that some layers
# change little.
#
# ### How sure is one value?
#
# Two doubts are possible. Would other sentences give another value? And could unrelated vectors give as much? The first is answered by
# leaving out groups of sentences in turn (a **jackknife**), the second by shuffling the sentences of one side (a **permutation
# null**). We take the models of the live run.

# %%
condition, *_ = findings.chosen("alignment", world.size, ["monolingual"])
test = condition.run.text.corpus().test
vectors = aligned_models.sentence_vectors(
    aligned_models.readers(condition),
    tuple(test[language] for language in condition.run.languages),
)

# %% tags=["hide-input"]
lines = []
for layer in vectors[0]:
    x, y = vectors[0][layer], vectors[1][layer]
    interval = cka_interval(x, y)
    null = cka_null(x, y, seed=0)
    few = slice(0, 40)
    lines.append(
        {
            "layer": layer,
            "CKA": f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]",
            "highest of 200 shuffles": f"{float(null.max()):.3f}",
            "of 40 sentences, debiased": f"{linear_cka(x[few], y[few]):.2f}",
            "of 40 sentences, biased": f"{linear_cka(x[few], y[few], debiased=False):.2f}",
            "shuffled, of 40, biased": f"{linear_cka(x[few], y[few].roll(1, 0), debiased=False):.2f}",
        }
    )
figures.show_table(
    pd.DataFrame(lines),
    name="One pair of monolingual models: CKA with its interval over sentences, and what chance gives",
)
display(
    Markdown(
        f"The interval is over {len(vectors[0][0])} sentences of one pair of models; the intervals elsewhere are over seeds. Sentences of a world "
        "are drawn one by one. Of a text with chapters leave out whole chapters (`groups`): the interval can be several times as wide. The last column is "
        "the trap again, on real vectors: sentences and translations that do *not* belong together."
    )
)

# %% [markdown]
# ### Does CKA go with retrieval?

# %% tags=["hide-input"]
both = aligned.together(world, "cka", "retrieval_p1", ("monolingual",))
figures.show_table(
    both, name="Correlation of CKA and retrieval over layers"
)

# %% [markdown]
# ## On real text
#
# The shipped Bibles, four pairs, a thousand held-out verses.

# %% tags=["hide-input"]
real = findings.on_real_text(
    "alignment",
    NAMES,
    size=size,
    recompute=recompute,
)
for pair in sorted(set(real.rows["pair"])):
    own = [
        name
        for name in NAMES
        if (
            (real.rows["pair"] == pair) & (real.rows["condition"] == name)
        ).any()
    ]
    figures.show_table(
        aligned.by_layer(real, "cka", own, pairs=[pair], percent=False),
        name=f"{pair}: CKA by layer",
    )
    figures.show_table(
        aligned.by_layer(
            real, "cka_biased", own, pairs=[pair], percent=False
        ),
        name=f"{pair}: what the biased estimator says",
    )
grids = aligned.cka_grids(real, NAMES[:3], "en-fr")
if grids:
    figures.show_grids(
        grids,
        caption="English and French: CKA of each layer with each.",
        provenance=findings.behind(real),
    )
display(Markdown(findings.behind(real)))

# %% [markdown]
# ## The outcome

# %% tags=["hide-input"]
table = claims.predictions(["1.11"])
figures.show_table(table, name="Claim 1.11, prediction by prediction")
display(Markdown(findings.in_short(table)))

# %% [markdown]
# Of worlds, the near one is the close pair and the far one the distant pair. The part on layers is a rank correlation of CKA with depth in the bilingual model: -1 falls all the way, and 0 knows no direction.
#
# ## Cautions
#
# - CKA of means of word vectors is mostly about which words a sentence has. An untrained model gets far by that alone.
# - It weighs directions by their variance. A few loud directions may decide it; canonical correlations, which any linear map leaves as they are, have
#   the opposite fault, and are at 1 whenever there are fewer sentences than dimensions.
# - The bilingual model reads as many tokens in all as each monolingual one, so half as many of each language. Where two monolingual models are
#   more alike than its two sides, that may be why.
# - Alike is not interchangeable. For that the chapters on alignment and transfer try to swap one for the other.
# - Five layers give five points to a correlation. It is easily above 0.9, and as easily below -0.9.
#
# ## Exercises
#
# ```{exercise} By hand
# :label: similarity_by_cka.1
#
# Write biased linear CKA in feature space: of `x` (n, p) and `y` (n, q), centre the columns, then
# $\lVert Y^\top X\rVert_F^2 / (\lVert X^\top X\rVert_F \lVert Y^\top Y\rVert_F)$.
# ```


# %%
def cka(x, y):
    return ...


# solution
def cka(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return (
        (y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())
    ).item()


# %%
exercises.check("similarity_by_cka.1", cka)

# %% [markdown] tags=["solution"]
# The same number as by $K$ and $L$, since $\mathrm{tr}(XX^\top YY^\top) = \lVert Y^\top X\rVert_F^2$. It costs $npq$ instead of $n^2(p+q)$: cheaper whenever
# there are more sentences than dimensions.

# %% [markdown]
# ```{exercise} What survives?
# :label: similarity_by_cka.2
#
# Which of these leave linear CKA as it is? List the names that do: "rotate x", "stretch one axis of x", "multiply y by 3",
# "add 5 to x", "shuffle the rows of y", "shuffle the rows of x and y alike".
# ```

# %%
unchanged = ...  # a list of names
# solution
unchanged = [
    "rotate x",
    "multiply y by 3",
    "add 5 to x",
    "shuffle the rows of x and y alike",
]

# %%
exercises.check("similarity_by_cka.2", unchanged)

# %% [markdown] tags=["solution"]
# Distances between sentences decide, up to scale. Rotations and shifts keep them, scale divides out, and a common order does not matter. Stretching an
# axis changes which sentences are near. Shuffling one side alone breaks the pairs, which is what the permutation null is made of.

# %% [markdown]
# ```{exercise} How much noise looks like a likeness?
# :label: similarity_by_cka.3
#
# Find a number of examples `n` for which *biased* CKA of two independent Gaussian clouds of width 64 is between 0.4 and 0.6.
# ```

# %%
examples = ...  # a whole number
# solution
examples = 80

# %%
exercises.check("similarity_by_cka.3", examples)

# %% [markdown] tags=["solution"]
# For width $d$ and $n$ examples the biased value of noise is near $d/(d+n)$: one half where there are about as many examples as dimensions.
