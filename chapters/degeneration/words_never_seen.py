# %% [markdown]
# # Words never seen
#
# A language model gets its list of words before it reads a line. Some of them may never come up: a marker that is kept for later, a piece of a
# language that the text has not. Nothing ever asks for such a word. Yet its vector moves, and in one direction. This chapter asks where it goes,
# proves it, and then looks at a trained model to see whether that is what happened.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("2.1", "2.2", "2.3")

# %% [markdown]
# ## The claim
#
# Gao and colleagues {cite}`gao2019representation` gave a theory of why a language model's word vectors crowd into a narrow cone. They begin
# with the purest case, an {term}`absent word`. Three claims of theirs are tested here.
#
# - **Claim 2.1.** Let only that word's vector move. The directions that have a negative product with *every* hidden state form a convex set. If
#   there is one, the loss has no minimum at finite length: the vector runs off to infinity along such a direction.
# - **Claim 2.2.** There is such a direction exactly when the {term}`convex hull` of the hidden states does not contain the origin.
# - **Claim 2.3.** After a last {term}`layer normalisation` the hull can contain the origin only by a coincidence of its weights. So in general
#   such a direction exists.
#
# We know these theorems from notes by others. The proofs below are our own, and short.
#
# ## The method
#
# ### What pushes on a word that is never read
#
# A {term}`causal language model` turns what it has read into a {term}`hidden state` $h_i$, one at each position $i$. The probability
# of each word as the next one is a softmax of products with the word vectors,
#
# $$P(y \mid h_i) = \frac{e^{\langle h_i, w_y\rangle}}{\sum_l e^{\langle h_i, w_l\rangle}}.$$
#
# The word vectors are {term}`tied <tied embeddings>`: the same table serves as input and as softmax. The input half does nothing for a word that is
# never read. What is left is the softmax. There the word stands in every denominator and in no numerator. Call its vector $w$. Up to
# what does not depend on $w$, the mean loss over $M$ positions is
#
# $$L(w) = \frac1M \sum_{i=1}^{M} \log\bigl(e^{\langle h_i, w\rangle} + C_i\bigr),$$
#
# where $C_i$ sums the exponentials of all *other* words. Only one thing lowers it: smaller products $\langle h_i, w\rangle$. So every
# position pushes $w$ away from its own state, gently where the word is already improbable. If all states lie to one side of the
# origin, the pushes add up. If they surround it, they hold each other.
#
# Call $v$ a **uniformly negative direction** when $\langle v, h_i\rangle < 0$ for all $i$.
#
# :::{prf:theorem} Gao et al., theorem 1
# :label: absent-word
# :nonumber:
#
# (A) The uniformly negative directions form a convex set. (B) If there is one, $L$ has no minimum. Along any such $v$, $L(kv)$ falls to
# the infimum as $k$ grows, and every sequence of vectors whose losses tend to the infimum grows without bound.
# :::
#
# :::{prf:proof}
# (A) Let $v$ and $v'$ be two of them and $0 \le t \le 1$. The product of $tv + (1-t)v'$ with a state is
#
# $$t\langle v, h_i\rangle + (1-t)\langle v', h_i\rangle < 0.$$
#
# (B) The exponential is positive, so each term of $L$ is above $\log C_i$, and $L(w) > \frac1M \sum_i \log C_i$ for every $w$.
# Along $kv$ each product $k\langle v, h_i\rangle$ falls to $-\infty$, and each term to $\log C_i$. So that mean is the infimum, and no
# vector attains it. Suppose a sequence with losses tending to it stayed bounded. A part of it would converge to some vector, and since $L$ is
# continuous, that vector would attain the infimum. None does.
# :::
#
# :::{prf:theorem} Gao et al., theorem 2
# :label: hull-and-origin
# :nonumber:
#
# A uniformly negative direction exists if and only if the convex hull of the states does not contain the origin.
# :::
#
# :::{prf:proof}
# Suppose the hull contains the origin: $0 = \sum_i a_i h_i$ with $a_i \ge 0$ that sum to 1. For a uniformly negative $v$ we would have
# $0 = \langle v, 0\rangle = \sum_i a_i \langle v, h_i\rangle < 0$. So there is none.
#
# Suppose it does not. The hull of finitely many points is closed and bounded, so it has a point $p$ nearest to the origin, and $p \ne 0$.
# Let $h$ be any state. All points $p + t(h - p)$ with $0 < t \le 1$ are in the hull, and none is nearer:
#
# $$2t\langle p, h - p\rangle + t^2 |h - p|^2 \ge 0.$$
#
# Divide by $t$ and let it go to 0: $\langle p, h\rangle \ge |p|^2 > 0$. So $v = -p$ is uniformly negative.
# :::
#
# The proof gives more than it was asked for. Of a direction of length 1 call the smallest $-\langle v, h_i\rangle$ its **margin**. The direction
# $-p/|p|$ has margin $|p|$. None has a larger one: $p$ is a mixture of states, so for any $u$ of length 1 some state has
# $\langle u, h_i\rangle \le \langle u, p\rangle \le |p|$, and the margin of $-u$ is no more. Either side has a **certificate** that anyone can check without trusting the search: a direction, or weights that mix the states to zero.
#
# :::{prf:remark} The other side
# :label: other-side
# :nonumber:
#
# If the origin is *inside* the hull, with a ball around it, $L$ has a minimum. For then some $c > 0$ exists such that every $w$ has a
# state with $\langle h_i, w\rangle \ge c|w|$. So $L(w) \ge c|w|/M$ plus a constant, which grows with the length.
# :::
#
# :::{prf:theorem} Gao et al., the remark on layer normalisation
# :label: layer-norm
# :nonumber:
#
# Let $h_j = g_j z_j + b_j$, where $z$ is a normalised vector and no gain $g_j$ is 0. If $s = \sum_j b_j/g_j$ is not 0, then
# $v = -\mathrm{sign}(s)\,(1/g_1, \dots, 1/g_d)$ is uniformly negative, whatever the input.
# :::
#
# :::{prf:proof}
# A normalised vector has had its mean subtracted, so $\sum_j z_j = 0$. With $z_j = (h_j - b_j)/g_j$,
#
# $$\sum_j h_j/g_j = \sum_j b_j/g_j = s.$$
#
# All states lie on one plane, and $\langle v, h\rangle = -|s| < 0$ for each.
# :::

# %% tags=["hide-input"]
import pandas as pd
import torch
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.figures.hulls import hull_planes
from isomorph.findings import absent, language_models
from isomorph.measure.degeneration import hull

# %% [markdown]
# ## In the plane
#
# Forty states, five other words, and one word that never occurs. Its vector starts at the origin and follows the gradient of $L$ in
# small steps of equal length. Left and right have the same cloud at two places.

# %%
planes = absent.in_the_plane()

# %% tags=["hide-input"]
figures.show(
    hull_planes(
        {
            name: (plane.states, plane.path.vectors.numpy())
            for name, plane in planes.items()
        }
    ),
    caption="Hidden states in the plane, and the way of a vector that nothing ever asks for. The square is where it "
    "comes to rest.",
    alt="Two panels. On the left the cloud of states lies to one side of the origin; a sector opposite to it is shaded, and the "
    "path of the absent word enters the sector and leaves the panel. On the right the cloud surrounds the origin; there is no "
    "sector, and the path stops after a short way.",
    table=pd.DataFrame(
        [
            {"panel": name, "step": step, "x": x, "y": y}
            for name, plane in planes.items()
            for step, (x, y) in zip(
                plane.path.steps.tolist()[::6],
                plane.path.vectors.tolist()[::6],
                strict=True,
            )
        ]
    ),
    provenance="Made in this execution.",
)
rows = absent.lengths(planes)
figures.show(
    figures.learning_curve(
        rows, metric="length of the vector", x="steps", group="condition"
    ),
    caption="The length of the absent word's vector as it is trained.",
    alt="With the origin outside the hull the length grows in a straight line to the end; with the origin inside it levels off "
    "early.",
    table=rows.pivot(
        index="steps", columns="condition", values="value"
    ).reset_index(),
    provenance="Made in this execution.",
)

# %% [markdown]
# On the left a whole sector of directions is uniformly negative. It is convex, as (A) says, and the path runs into it and stays. On the right
# every direction meets some state on its positive side. The vector still moves, since the states are not centred, but it comes to rest.
# *A word that never occurs does not have to degenerate.* It depends on where the states are.

# %% tags=["hide-input"]
lines = []
for name, plane in planes.items():
    states = torch.from_numpy(plane.states)
    decided = hull(states, widest=True)
    inside = decided.contains_origin
    lines.append(
        {
            "cloud": name,
            "certificate": f"weights on {len(decided.rows)} states"
            if inside
            else "a direction",
            "checked": f"they mix to a vector of length {decided.margin(states):.0e}"
            if inside
            else f"every state is at least {decided.margin(states):.2f} beyond",
        }
    )
figures.show_table(
    pd.DataFrame(lines), name="What shows where the origin is"
)

# %% [markdown]
# ## In many planted cases
#
# A theorem needs no experiment. Our *code* does, and so does the reading of the theorem. So we plant clouds of which we know the answer, in up to
# eight dimensions: beside the origin, down to a thousandth from it, and around it. Three tests decide, each by itself. One is a linear
# programme that looks for a uniformly negative direction. Another looks for weights that mix the states to zero. The third is the
# method that the rest of the chapter uses. For theorem 1 we mix pairs of uniformly negative directions, many taken close to
# the edge of the set, and train an absent word's vector.

# %%
made, planted = findings.in_worlds(
    "theorems",
    ("absent_word", "point_clouds"),
    size=size,
    live="point_clouds",
    recompute=recompute,
)

# %% tags=["hide-input"]
run = findings.chosen("theorems", planted.size, ["point_clouds"])[0].run
table = pd.concat(
    [
        language_models.levels(
            planted,
            {"point_clouds": "measured"},
            {
                "hull_disagreements": "clouds on which two tests disagree, share",
                "planted_errors": "clouds on which a test misses what was planted, share",
            },
        ),
        language_models.levels(
            planted,
            {"absent_word": "measured"},
            {
                "convexity_violations": "mixtures of two uniformly negative directions that are none, share",
                "negative_product_share": "states with a negative product with the trained vector, share",
                "vector_norm": f"length of that vector after {run.steps} steps of 0.1",
                "direction_cosine": "its cosine with the direction of largest margin",
            },
        ),
    ]
)
figures.show_table(table, name="Planted cases of theorems 1 and 2")
display(
    Markdown(
        f"{findings.behind(planted)} Each has {run.cases} clouds or mixtures. The last line is not in the theorem: among all uniformly negative "
        "directions gradient descent ends up in *one*, that of the largest margin."
    )
)

# %% [markdown]
# ## In a trained model
#
# Now a model that was trained like any other: a causal language model of whole words on the English Bible that ships with
# this book. Its softmax is tied and has no bias, as the theory has it. It is small, and it is trained here and now. Two entries of its
# list, [PAD] and [MASK], are never read and never to be predicted. They are truly absent words.

# %%
NAMES = {
    "layer_norm_direction": "with a last normalisation",
    "no_last_norm": "without one",
}
made, trained_models = findings.in_worlds(
    "language_models",
    NAMES,
    size=size,
    live="layer_norm_direction",
    recompute=recompute,
)
condition, *_ = findings.chosen(
    "language_models", trained_models.size, ["layer_norm_direction"]
)
model = language_models.trained(condition)
states = model.states().hidden
decided = hull(states, widest=True)

# %% tags=["hide-input"]
encoder, training = model.run.encoder, model.run.training
longest = float(states.norm(dim=1).mean())
where = "inside" if decided.contains_origin else "outside"
display(
    Markdown(
        f"{encoder.layers} layers of width {encoder.width}, {model.vocabulary.size} words, {training.tokens:,} tokens read. We take its "
        f"{len(states):,} states on held-out verses. The origin is **{where}** their hull: the certificate, checked against each state anew, "
        f"has a margin of {decided.margin(states):.3g}, where a state has a mean length of {longest:.3g}."
    )
)

# %% [markdown]
# ### Which way out?
#
# There are many uniformly negative directions, or there may be none. Five candidates stand beside each other. One has the largest margin. One comes from
# the last normalisation's weights alone, without a look at any state. One is opposite to the mean state. And two are where the
# vectors of [PAD] and [MASK] have really gone in training.

# %%
ways = absent.directions(model, states)
figures.show_table(
    absent.beside_states(ways, states),
    name="Directions beside all states",
)

# %% [markdown]
# *Negative* is the share of states on the negative side, and the margin is over the mean length of a state. A margin below 0 means that some state is on the wrong side. The closed form works, to the last state: that is the remark on layer normalisation, and it
# costs one division. But look at its margin, and at the cosines. It is *a* way out, and not the one that the absent words took. They
# went near the direction of the largest margin, and nearly together.
#
# ### Let a vector go
#
# Next we put a fresh vector at the origin and move it by the loss of an absent word alone, on these very states. This is theorem 1 on
# real states, with all else fixed.

# %%
rows, path = absent.descent(states, model.log_rest(states, 0), ways)

# %% tags=["hide-input"]
figures.show(
    figures.learning_curve(
        rows,
        metric="cosine with the vector",
        x="steps",
        group="direction",
        log_x=True,
    ),
    caption="A free vector, moved by the loss of an absent word on the states of a trained model: how it turns.",
    alt="Lines over steps, on a logarithmic axis. The cosine with the direction opposite to the mean starts highest and falls; the "
    "cosine with the direction of largest margin rises towards one; the cosines with the vectors of PAD and MASK stay high, and that "
    "with the direction of the normalisation's weights stays low.",
    table=rows.pivot(
        index="steps", columns="direction", values="value"
    ).reset_index(),
    provenance="Made in this execution.",
)
first, last = path.vectors[1], path.vectors[-1]
gained = path.loss[0] - path.loss
reached = int((gained >= 0.99 * gained[-1]).nonzero()[0])
own = [model.vectors[word].double() for word in (0, 4)]
together = float(torch.cosine_similarity(*own, dim=0))
lengths = path.vectors.norm(dim=1)
alike = path.vectors[(lengths - own[0].norm()).abs().argmin()]
cosine = float(torch.cosine_similarity(alike, own[0], dim=0))
display(
    Markdown(
        f"After {int(path.steps[-1])} steps the vector is {float(last.norm()):.1f} long, and {float((states.double() @ last < 0).double().mean()):.1%} "
        f"of the states have a negative product with it. But 99% of all that can be gained was gained at a length of "
        f"{float(path.vectors[reached].norm()):.2f}, and that was {float(gained[-1]):.1e} nats of {float(path.loss[0]):.2f}. The vectors of [PAD] and [MASK] "
        f"are {float(own[0].norm()):.2f} and {float(own[1].norm()):.2f} long, and have a cosine of {together:.2f} with each other. Where the free vector is as long as that of [PAD], "
        f"the two have a cosine of {cosine:.2f}."
    )
)

# %% [markdown]
# Three things are to be read off.
#
# - The *first* push is opposite to a mean of the states. At the origin every position pushes with nearly the same strength, $h_i/(1+C_i)$.
# - The *last* direction is that of the largest margin. Far out, the states that are least beyond the origin push most, and they turn the vector.
# - *Infinity is a long way.* A word's probability falls exponentially with its length, so the pushes die out early: nearly all of the
#   little that can be gained is gained within the length of an ordinary vector. Plain gradient descent would take ages from there. We take steps of equal length, which the gradient's size does not slow down. The model's own optimiser, Adam,
#   rescales steps too. The theorem says where a vector goes *in the limit*. It does not say how far it gets. The
#   vectors of the real absent words are about as far as ours after its first few steps, and there they agree best.
#
# ### Over seeds, and without the last normalisation
#
# Is it the normalisation that puts the origin outside? The remark reads as if. So the same model is trained without it.

# %% tags=["hide-input"]
figures.show_table(
    language_models.levels(
        trained_models,
        NAMES,
        [
            "origin_outside",
            "hull_margin",
            "state_cosine",
            "unnormalised_origin_outside",
            "unnormalised_hull_margin",
            "absent_negative_share",
            "absent_norm",
            "offset_size",
            "negative_product_share",
            "absent_direction_cosine",
        ],
    ),
    name="Small models, over seeds",
)
own = trained_models.rows
without = own[own["condition"] == "no_last_norm"]
out = without[without["metric"] == "origin_outside"]["value"]
offsets = own[own["metric"] == "offset_size"]["value"]
cosines = own[own["metric"] == "absent_direction_cosine"]["value"]
said = (
    f"Without the last normalisation the origin is outside the hull in {int(out.sum())} of {len(out)} models."
    if len(out)
    else "No model without the last normalisation is recorded yet."
)
display(
    Markdown(
        f"{findings.behind(trained_models)} The negative products are those with the direction of g and b. {said} With the normalisation, "
        f"the sum of b/g lies between {offsets.min():.2g} and {offsets.max():.2g} in size, and the cosine of absent words with that direction is "
        f"{cosines.max():.2f} at most."
    )
)

# %% [markdown]
# The remark is true, and it is not the reason. Where the origin is outside with a wide margin also without the last normalisation, and before it in those
# models that have one, the normalisation's plane is not what keeps it there. The plane may pass close by the origin, and does in some seeds. Something
# else puts all states to one side: they share a common part, as the mean cosine of two states shows, and there is room for one, since a state has far more
# dimensions than it takes to say which word comes next.

# %% tags=["hide-input"]
larger = findings.on_real_text(
    "language_models", NAMES, size=size, recompute=recompute
)
if larger.runs:
    figures.show_table(
        language_models.levels(
            larger,
            NAMES,
            ["origin_outside", "hull_margin", "negative_product_share",
             "offset_size", "absent_negative_share", "absent_norm"],
        ),
        name="Larger models, more text"
    )  # fmt: skip
    display(Markdown(findings.behind(larger)))

# %% [markdown]
# ## The outcome

# %% tags=["hide-input"]
table = claims.predictions(["2.1", "2.2", "2.3"])
figures.show_table(table, name="Every check of our code")
display(Markdown(findings.in_short(table)))

# %% [markdown]
# ## Cautions
#
# - A theorem is not reproduced by an experiment; it is proved. What claims 2.1 and 2.2 test is our code, and that we read them as
#   they are meant.
# - Of claim 2.3 the second prediction can hardly fail: the size of a sum of real numbers is above 0 unless all cancel. The first is exact
#   for the same reason that the proof is. Neither says that the direction *matters*, and here it does not.
# - "All states" are the states of some held-out verses. Other text has other states, and one of them on the wrong side is enough to take a
#   direction's name away. The closed form alone covers every text.
# - The theorems fix all but one vector. In training everything moves: the states flee from the words that they should not predict, too.
# - Two absent words are few, and these start near the origin. A word that starts far out has further to turn.
# - A softmax with a bias would have another way to make a word improbable. Ours has none, like the theory's.
#
# ## Exercises
#
# ```{exercise} A direction for free
# :label: words_never_seen.1
#
# Write a function that takes the gain and the offset of a layer normalisation (two tensors of the same length) and returns a vector of length 1
# that has a negative product with everything it can give out.
# ```


# %%
def way_out(gain, offset):
    return ...


# solution
def way_out(gain, offset):
    level = (offset / gain).sum()
    direction = -torch.sign(level) / gain
    return direction / direction.norm()


# %%
exercises.check("words_never_seen.1", way_out)

# %% [markdown] tags=["solution"]
# Nothing about the states is needed. The sign is: without it, half of all normalisations would be served the opposite direction.

# %% [markdown]
# ```{exercise} How wide is the way out?
# :label: words_never_seen.2
#
# In the plane, the states lie at angles from 20 to 130 degrees, seen from the origin, and at every angle between. How many degrees wide is the
# sector of uniformly negative directions?
# ```

# %%
degrees = ...  # a number
# solution
degrees = 180 - (130 - 20)

# %%
exercises.check("words_never_seen.2", degrees)

# %% [markdown] tags=["solution"]
# Each state rules out the half-plane of directions within 90 degrees of it. What is left lies between 130 + 90 and 20 + 270 degrees. When the states
# span 180 degrees, nothing is left, and the origin is in the hull.

# %% [markdown]
# ```{exercise} A certificate for the other side
# :label: words_never_seen.3
#
# Three states are $(2, 0)$, $(-1, 1)$ and $(-1, -3)$. Give three weights that are not negative, sum to 1, and mix them to the origin.
# ```

# %%
weights = ...  # a list of three numbers
# solution
weights = [1 / 3, 1 / 2, 1 / 6]

# %%
exercises.check("words_never_seen.3", weights)

# %% [markdown] tags=["solution"]
# The second coordinate asks for three times as much of the second state as of the third, the first one for half as much of the first as of those two together.
# With such weights in hand nobody needs to search for a uniformly negative direction: there is none.

# %% [markdown]
# ```{exercise} One more state
# :label: words_never_seen.4
#
# A word's vector is running to infinity. Then one new state appears in the text, exactly opposite to the mean of the others, and far out. The word
# still never occurs. What can happen to its vector? One of "it must still run off", "it may come to rest", "it must return to the origin".
# ```

# %%
answer = ...  # one of the three
# solution
answer = "it may come to rest"

# %%
exercises.check("words_never_seen.4", answer)

# %% [markdown] tags=["solution"]
# The mean is in the hull of the others, so a point of the segment from it to the new state is the origin: now the hull contains it, and no direction is uniformly
# negative. If the origin is inside with a ball around it, the loss has a minimum, as on the right of the first figure. That is in general not at the origin.
