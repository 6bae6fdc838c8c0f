# %% [markdown]
# # Words rarely seen
#
# A word that never occurs is a curiosity. A word that occurs twice is not: most words of any text are rare. What a text says about such a
# word, it says in two places. What it says *against* it, it says everywhere else. So the vector of a rare word should end up close to
# where it would be if the word did not exist, and the vectors of two rare words close to each other. How close? That can be proved, measured, and doubted.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("2.4")

# %% [markdown]
# ## The claim
#
# Gao and colleagues {cite}`gao2019representation` make this exact. Their **claim 2.4**: mixing a small share of a second loss into a
# *strongly convex* one moves the minimiser by a bounded distance. The first loss is that of the sentences without the word, the second
# that of the sentences with it, and the share is the probability that a sentence has it. So two rare words, which share nearly all
# text without them, end close together.
#
# ## The method
#
# ### The theorem
#
# A loss $f$ is {term}`strongly convex` with constant $\alpha$ if it curves upwards by at least $\alpha$ in every direction, everywhere:
# $f - \frac\alpha2|x|^2$ is still convex. It then has one minimiser. The second loss $g$ may bend downwards, but by less than $\beta$,
# and is bounded by $B$. We mix in a share $\epsilon$ of it:
#
# $$F = (1-\epsilon)f + \epsilon g.$$
#
# :::{prf:theorem} Gao et al., theorem 3
# :label: rare-words
# :nonumber:
#
# Let $f$ be $\alpha$-strongly convex, let the Hessian of $g$ be above $-\beta I$, let $|g| < B$ and $\epsilon < \alpha/(\alpha+\beta)$. Then the
# minimisers $x^*$ of $f$ and $x_\epsilon$ of $F$ satisfy
#
# $$|x^* - x_\epsilon|^2 \le \frac{4\epsilon B}{\alpha - \epsilon(\alpha+\beta)}.$$
# :::
#
# :::{prf:proof}
# Call the distance $D$. The curvature of $F$ is at least $(1-\epsilon)\alpha - \epsilon\beta = m$, and $m = \alpha - \epsilon(\alpha+\beta)$
# is above 0. At its minimiser $F$ has no slope, so at distance $D$ it has risen:
#
# $$F(x^*) - F(x_\epsilon) \ge \tfrac m2 D^2.$$
#
# On the other hand $f(x^*) \le f(x_\epsilon)$, as $x^*$ is the minimiser of $f$. So of the difference of $F$ only the part of $g$ can be positive:
#
# $$F(x^*) - F(x_\epsilon) \le \epsilon g(x^*) - \epsilon g(x_\epsilon),$$
#
# and that is at most $2\epsilon B$. Together, $\frac m2 D^2 \le 2\epsilon B$, which is the claim.
# :::
#
# The proof gives something away. It uses that $f$ is no higher at $x^*$ than at $x_\epsilon$. But $f$ is strongly convex, so it is lower by $\frac\alpha2 D^2$ at least.
#
# :::{prf:remark} Both curvatures (ours)
# :label: both-curvatures
# :nonumber:
#
# With $f(x^*) \le f(x_\epsilon) - \frac\alpha2 D^2$ in the second line, $\frac m2 D^2 \le 2\epsilon B - (1-\epsilon)\frac\alpha2 D^2$, and so
#
# $$D^2 \le \frac{4\epsilon B}{m + (1-\epsilon)\alpha}.$$
#
# That is at most half of the theorem's bound. Nothing better can be said from these constants if they hold between the two minimisers only: for
# $f = \frac\alpha2x^2$ and $g = sx - \frac\beta2x^2$ both sides are equal, with $B$ half of what $g$ falls.
# :::
#
# :::{prf:remark} A word that never occurs
# :label: not-strongly-convex
# :nonumber:
#
# The loss of an absent word, the mean of $\log(e^{\langle h_i, x\rangle} + C_i)$, is convex. It is *not* strongly convex on the whole space. Along
# a uniformly negative direction it falls for ever and flattens out, and its curvature goes to 0. So $\alpha = 0$, and the theorem says
# nothing. It needs a bounded region, or a term such as {term}`weight decay`, $\frac\lambda2|x|^2$, which adds $\lambda$ to every curvature.
# :::

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from scipy import stats

from isomorph import exercises, figures, findings
from isomorph.findings import language_models, rare
from isomorph.measure.geometry import of_group

# %% [markdown]
# ## Where all constants are known
#
# First planted losses. For $f$ we draw states beside the origin and take the loss of an absent word with weight decay, so $\alpha$ is the
# decay. For $g$ we take a sum of a few sine waves of random direction: bounded, not convex, with a known $\beta$. Shares go up to 99% of what the
# theorem allows. Both minimisers are found by Newton's method, and what they may be off by is added to the distance.

# %%
made, planted = findings.in_worlds(
    "theorems",
    ("strongly_convex",),
    size=size,
    live="strongly_convex",
    recompute=recompute,
)

# %% tags=["hide-input"]
figures.show_table(
    language_models.levels(
        planted,
        {"strongly_convex": "measured"},
        {
            "distance_over_bound": "largest squared distance over its bound",
            "mean_distance_over_bound": "mean squared distance over its bound",
        },
    ),
    name="Planted cases of theorem 3",
)
lines = []
for beta, share in ((0, 0.1), (1, 0.1), (1, 0.4)):
    measured, bound, sharper = rare.half_way(1.0, beta, 1.0, share)
    lines.append(
        {
            "beta": beta,
            "share": share,
            "over the theorem's bound": measured / bound,
            "over the bound with both curvatures": measured / sharper,
        }
    )
figures.show_table(
    pd.DataFrame(lines),
    name="Two parabolas: squared distance over each bound",
)
display(
    Markdown(
        f"{findings.behind(planted)} No case is beyond the bound, and none comes near it. The parabolas show that half of the gap is the "
        "theorem's; the rest is that a wave rarely falls by all it could on the way from one minimiser to the other."
    )
)

# %% [markdown]
# ## One word's vector in a real model
#
# Now the loss of one word's vector in a trained model, everything else fixed: the small model of the last chapter, on its own training text. Let $x$ be
# the vector. The positions whose next word is another one make up $f$, those whose next word is this one make up $g$, each with weight
# decay $\lambda$:
#
# $$f(x) = \mathrm{mean}\,\log\bigl(1 + e^{\langle h, x\rangle}/C\bigr),$$
#
# $$g(x) = \mathrm{mean}\,\log\bigl(1 + C e^{-\langle h, x\rangle}\bigr),$$
#
# each with $\frac\lambda2|x|^2$ added to it.
#
# Both data terms are convex: $\alpha = \lambda$ and $\beta = 0$ will do. $B$ takes care. On the whole space $g$ has no bound. But the mixed loss at
# its minimiser is no larger than at the origin, and nowhere smaller than $\frac\lambda2|x|^2$. So both minimisers lie in a ball of known radius, and on
# that ball $g$ lies between 0 and a number that we can compute. Half of that is $B$. All constants are known *before* anything is minimised.

# %%
NAMES = {
    "frequent_words": "most frequent fifth",
    "rare_words": "rarest fifth",
}
made, words = findings.in_worlds(
    "language_models",
    NAMES,
    size=size,
    live="rare_words",
    recompute=recompute,
)
condition, *_ = findings.chosen(
    "language_models", words.size, ["rare_words"]
)
model = language_models.trained(condition)
read = model.states(model.corpus.train[model.language])
occur = np.bincount(read.following.numpy(), minlength=model.vocabulary.size)
ids, counts = model.by_frequency

# %%
DECAY = 0.1
word = model.vocabulary.ids[model.language]["house"]
loss = rare.word_loss(model, read, word, DECAY)
rows = rare.by_share(loss)

# %% tags=["hide-input"]
figure = figures.learning_curve(
    rows.rename(columns={"share": "share of positions with the word"}),
    metric="squared distance",
    x="share of positions with the word",
    group="line",
    log_x=True,
)
figure.axes[0].set_yscale("log")
figures.show(
    figure,
    caption=f"How far the best vector of “{model.words[word]}” moves from where it would be without the word, as the share of "
    "positions with it is turned up. Both axes are logarithmic.",
    alt="Four rising lines on logarithmic axes. The bound is highest, the bound with both curvatures runs below it at half its "
    "height, both with slope one at small shares. The measured squared distance is far below with slope two, and the bound with the true "
    "fall of g lies just above it until shares become large.",
    table=rows.pivot(
        index="share", columns="line", values="value"
    ).reset_index(),
    provenance="Made in this execution.",
)
table = rows.pivot(index="share", columns="line", values="value")
ratio = table[rare.MEASURED] / table[rare.BOUND]
small = table.index <= 1e-3
slopes = {
    line: np.polyfit(
        np.log(table.index[small]), np.log(table[line][small]), 1
    )[0]
    for line in (rare.MEASURED, rare.BOUND)
}
near = table[rare.MEASURED][small] / table[rare.FALL][small]
start, error = loss.minimiser(0.0)
display(
    Markdown(
        f"The word stands at {int(loss.present.sum())} of {len(loss.present):,} positions. The measured squared distance is {ratio.min():.1e} to {ratio.max():.2g} of the bound. "
        f"At small shares it grows with the share to the power {slopes[rare.MEASURED]:.2f}, and the bound to the power {slopes[rare.BOUND]:.2f}. "
        f"With the true fall of g in place of 2B, the bound with both curvatures is reached to {near.min():.0%} or more. "
        f"At the minimiser of f the text itself adds a curvature of {loss.curvature(start):.1e} in the flattest direction, beside a decay of {DECAY}."
    )
)

# %% [markdown]
# Two lessons are in this figure.
#
# - *The bound has the wrong power.* Theorem 3 lets $g$ fall by $2B$ on the way from one minimiser to the other. If the way is short, $g$ cannot fall
#   that much. For small shares $D$ itself shrinks with $\epsilon$, and $D^2$ with $\epsilon^2$. The bound promises less than is true, the more so the
#   rarer the word.
# - *All strong convexity is the decay's.* What the text adds in the flattest direction is next to nothing, as the remark on absent words says.
#   Without the decay the constant would be that small, and the bound void.
#
# ### Word by word
#
# Each word of the text at its own share, with the same decay. Then the minimisers themselves: do those of two rare words lie closer together than those of
# two frequent ones?

# %%
found = [int(i) for i in ids if occur[i]]
picked = np.unique(np.geomspace(1, len(found), 60).astype(int) - 1)
each, minimisers = rare.by_word(
    model, read, DECAY, [found[k] for k in picked]
)

# %% tags=["hide-input"]
rows = each.melt(
    ["word", "share"],
    [rare.BOUND, rare.MEASURED],
    var_name="line",
).assign(metric="squared distance")
figure = figures.learning_curve(
    rows.rename(columns={"share": "share of positions with the word"}),
    metric="squared distance",
    x="share of positions with the word",
    group="line",
    log_x=True,
)
figure.axes[0].set_yscale("log")
figures.show(
    figure,
    caption="Words of the training text, each at its own share: squared distance of its best vector from where it would be without "
    "the word, and the bound. Both axes are logarithmic.",
    alt="Two bands of points that rise with the share of positions. The bound lies above the measured distances everywhere, by a "
    "factor that grows towards rare words.",
    table=each.drop(columns="error"),
    provenance="Made in this execution.",
)
half = len(each) // 2
frequent, rarest = (
    of_group(part) for part in (minimisers[:half], minimisers[half:])
)
display(
    Markdown(
        f"The largest ratio to the bound is {(each[rare.MEASURED] / each[rare.BOUND]).max():.2g}. Two best vectors of the more frequent half lie "
        f"{frequent['pair_distance']:.2f} apart in the mean, two of the rarer half {rarest['pair_distance']:.2f}."
    )
)

# %% [markdown]
# Here the argument of the paper works, from its premise to its end. There is decay, there is one convex problem a word, and it is solved. In
# training there is none of that.
#
# ## In real training
#
# The word vectors of our models get *no* weight decay; many codes spare embeddings from it. All vectors move at a time, with the states.
# Adam rescales every step, so that a rare word's few pushes count for more. And training stops long before anything has converged. So the theorem does
# not apply, and its conclusion may hold or not.

# %% tags=["hide-input"]
figures.show_table(
    language_models.levels(
        words,
        NAMES,
        ["pair_distance", "pair_distance_scaled", "average_cosine", "norm"],
    ),
    name="Small models: pairs of words, over seeds",
)
display(Markdown(findings.behind(words)))
larger = findings.on_real_text(
    "language_models",
    NAMES,
    size=size,
    recompute=recompute,
)
if larger.runs:
    figures.show_table(
        language_models.levels(
            larger,
            NAMES,
            ["pair_distance", "pair_distance_scaled", "average_cosine", "norm"],
        ),
        name="Larger models, more text"
    )  # fmt: skip
    display(Markdown(findings.behind(larger)))

# %% [markdown]
# A shorter distance can have dull reasons. Shorter vectors lie closer together; so look at their lengths, and at the distance over the mean length. And
# a word that training hardly touched lies where it was drawn, close to the origin; so look at where the vectors were before training, which can be drawn
# again from the seed, and at how they *moved*. Fifth by fifth, in the live model:

# %% tags=["hide-input"]
fifths = rare.by_fifth(model)
figures.show_table(
    fifths, name="Pairs of words of each fifth of the vocabulary, one model"
)
grows = fifths["length"].iloc[-1] > fifths["length"].iloc[0]
beyond = fifths["distance"].iloc[-1] / fifths["distance before"].iloc[-1]
display(
    Markdown(
        f"The rarest words are {'longer' if grows else 'shorter'} than the most frequent ones, so length {'does not explain' if grows else 'may explain'} why they are closer. "
        f"They lie {beyond:.1f} times as far apart as before training. What they share is the way they went: the cosine of two moves is "
        f"{fifths['cosine of moves'].iloc[0]:.2f} among the most frequent and {fifths['cosine of moves'].iloc[-1]:.2f} among the rarest."
    )
)

# %% [markdown]
# ### Towards the absent words
#
# If rare words are nearly absent ones, they should lie near those that are absent: [PAD] and [MASK] of the last chapter. In the theorem's terms, these two
# vectors are the $x^*$ that training has really found. So take each word's distance from them.

# %% tags=["hide-input"]
table = rare.from_absent(model)
bins = table.assign(
    seen=pd.cut(
        np.log2(table["count"]), np.arange(0, np.log2(table["count"].max()) + 1),
        include_lowest=True,
    )
)  # fmt: skip
means = bins.groupby("seen", observed=True).agg(
    seen_about=("count", "median"),
    words=("word", "count"),
    distance=("distance", "mean"),
    low=("distance", lambda d: d.quantile(0.1)),
    high=("distance", lambda d: d.quantile(0.9)),
)
rows = means.melt("seen_about", ["distance", "low", "high"], "line").assign(
    metric="distance from absent words"
)
rows["line"] = rows["line"].map(
    {
        "distance": "mean",
        "low": "a tenth of the words is nearer",
        "high": "a tenth is further",
    }
)
figures.show(
    figures.learning_curve(
        rows.rename(columns={"seen_about": "times seen in the text"}),
        metric="distance from absent words",
        x="times seen in the text",
        group="line",
        log_x=True,
    ),
    caption="Distance of words from the mean vector of [PAD] and [MASK], which never occur, by how often a word occurs.",
    alt="Three lines that rise with the frequency of the words: the mean distance from the absent words, and the distances that a "
    "tenth of the words stays below and above.",
    table=means.reset_index(drop=True),
    provenance="From the model trained above.",
)
rank = stats.spearmanr(table["count"], table["distance"]).statistic
once = table[table["count"] <= 3]["distance"].mean()
top = table["distance"].head(100).mean()
display(
    Markdown(
        f"{(table['share'] < 1e-4).mean():.0%} of these words make up less than a ten-thousandth of the text each. The rank correlation of frequency and distance is {rank:.2f} over {len(table):,} words. Words seen at most three times are {once:.2f} away, "
        f"the hundred most frequent {top:.2f}."
    )
)

# %% [markdown]
# A correlation near 1 is the theorem's picture without its premises: the rarer a word, the nearer to where it would be without it. And nearly all words are
# rare. Of the vocabulary of their English-German translation data the authors are reported to say that over 90% has a frequency below $10^{-4}$.
#
# ## The outcome

# %% tags=["hide-input"]
table = claims.predictions(("2.4",))
figures.show_table(table, name="Every prediction of the rule")
display(Markdown(findings.in_short(table)))

# %% [markdown]
# What trained models do decides. The bound itself is proved above, and planted losses check our code against it.
#
# ## Cautions
#
# - **The theorem is not the cause that the experiment shows.** It needs strong convexity, which here is weight decay, and our training has none on word
#   vectors. That rare words end close together without it says that something of the argument survives. It does not say what.
# - **Adam.** It divides each step by the size of recent gradients. A rare word's vector is pushed at every step, by all positions where it is not the next word, and
#   these small pushes agree. Under plain gradient descent they would move it far less. The direction is the theorem's; the distance
#   travelled is the optimiser's.
# - **Length.** The rarest words are compared by distance, which lengths enter. Cosines and scaled distances are in the tables for that.
# - **Initialisation.** All vectors start close to the origin, so all are close to each other at first. The moves tell that apart. A model
#   with vectors drawn far out would need longer to bring rare words together.
# - **Rare words are also of other kinds.** Names and numbers are rare, and function words are not. Some closeness may be that of meaning.
# - In the study of one word the states and all other words are held fixed as training left them. They were shaped by that word, too.
#
# ## Exercises
#
# ```{exercise} How small is small?
# :label: words_rarely_seen.1
#
# A loss is strongly convex with constant 2, the other bends downwards by at most 6. Up to which share does theorem 3 say anything?
# ```

# %%
share = ...  # a number
# solution
share = 2 / (2 + 6)

# %%
exercises.check("words_rarely_seen.1", share)

# %% [markdown] tags=["solution"]
# The mixture must still curve upwards: $(1-\epsilon)\alpha > \epsilon\beta$, which is $\epsilon < \alpha/(\alpha+\beta)$.

# %% [markdown]
# ```{exercise} The bound with both curvatures
# :label: words_rarely_seen.2
#
# Write the bound of the remark as a function of $\alpha$, $\beta$, $B$ and the share.
# ```


# %%
def bound(alpha, beta, largest, share):
    return ...


# solution
def bound(alpha, beta, largest, share):
    convexity = alpha - share * (alpha + beta)
    return 4 * share * largest / (convexity + (1 - share) * alpha)


# %%
exercises.check("words_rarely_seen.2", bound)

# %% [markdown] tags=["solution"]
# For a small share both curvatures are near $\alpha$, and the bound is near $2\epsilon B/\alpha$: half of the theorem's. It even says something a little beyond the
# share at which the theorem falls silent. There $F$ need not be convex, but at its lowest point the argument still holds.

# %% [markdown]
# ```{exercise} Half as often
# :label: words_rarely_seen.3
#
# A word becomes half as frequent, and it was rare before. By the figure, what happens to the *measured* squared distance of its best vector from where it
# would be without the word? One of "it stays", "it halves", "it falls to a quarter".
# ```

# %%
answer = ...  # one of the three
# solution
answer = "it falls to a quarter"

# %%
exercises.check("words_rarely_seen.3", answer)

# %% [markdown] tags=["solution"]
# The slope is two, so half of the share gives a quarter of the squared distance. The bound would only halve. The minimiser moves by about
# $\epsilon|\nabla g(x^*)|/\alpha$: the distance itself, not its square, goes with the share.

# %% [markdown]
# ```{exercise} Which of them curves?
# :label: words_rarely_seen.4
#
# Which of these losses of one number $x$ are strongly convex on the whole line? List the names that are: "square" ($x^2$), "softplus"
# ($\log(1+e^x)$), "softplus with decay" ($\log(1+e^x) + 0.05x^2$), "fourth power" ($x^4$), "length" ($|x|$).
# ```

# %%
curved = ...  # a list of names
# solution
curved = ["square", "softplus with decay"]

# %%
exercises.check("words_rarely_seen.4", curved)

# %% [markdown] tags=["solution"]
# Strong convexity asks for one constant that serves everywhere. The softplus flattens out at both ends. The fourth power has no curvature at 0, though it is
# steep far out. The length has a kink and is straight otherwise. The softplus is the loss of an absent word in one dimension, with $h = C = 1$.
