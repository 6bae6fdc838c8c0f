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
from isomorph import exercises
from isomorph.experiment import Experiment, answer, summary, verdict

answer("2.4")

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

# %%
import numpy as np
import pandas as pd
import torch
from scipy import optimize, stats
from scipy.special import expit

from isomorph.figures import blank, show, show_table


def theorem_bound(alpha, beta, largest, share):  # of the squared distance
    return 4 * share * largest / (alpha - share * (alpha + beta))


# %% [markdown]
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


# %%
def sharper_bound(alpha, beta, largest, share):
    m = alpha - share * (alpha + beta)
    return theorem_bound(alpha, beta, largest, share) * (
        m / (m + (1 - share) * alpha)
    )


# %% [markdown]
# :::{prf:remark} A word that never occurs
# :label: not-strongly-convex
# :nonumber:
#
# The loss of an absent word, the mean of $\log(e^{\langle h_i, x\rangle} + C_i)$, is convex. It is *not* strongly convex on the whole space. Along
# a uniformly negative direction it falls for ever and flattens out, and its curvature goes to 0. So $\alpha = 0$, and the theorem says
# nothing. It needs a bounded region, or a term such as {term}`weight decay`, $\frac\lambda2|x|^2$, which adds $\lambda$ to every curvature.
# :::

# %% [markdown]
# ## Where all constants are known
#
# First the two parabolas of the remark. Both minimisers can be written down, and so can what $g$ falls between them.

# %%
lines = []
for beta, share in ((0, 0.1), (1, 0.1), (1, 0.4)):
    alpha, s = 1.0, 1.0
    x = -share * s / (alpha - share * (alpha + beta))  # f is least at 0
    largest = -(s * x - beta / 2 * x**2) / 2  # half of what g falls
    constants = (alpha, beta, largest, share)
    lines.append(
        {
            "beta": beta,
            "share": share,
            "over the theorem's bound": x**2 / theorem_bound(*constants),
            "over both curvatures'": x**2 / sharper_bound(*constants),
        }
    )
show_table(
    pd.DataFrame(lines).round(3),
    "Two parabolas: squared distance over each bound",
)

# %% [markdown]
# The bound with both curvatures is reached, and the theorem's is at least twice as high.
#
# Then planted losses that are less simple. For $f$ the library draws states next to the origin and takes the loss of an absent word with weight decay, so $\alpha$ is the
# decay. For $g$ it takes a sum of a few sine waves of random direction: bounded, not convex, with a known $\beta$. Shares go up to 99% of what the
# theorem allows. Both minimisers are found by Newton's method, and what they may be off by is added to the distance.

# %%
theorems = Experiment("theorems", size, recompute=recompute)
rows = theorems.rows("strongly_convex")
show_table(
    summary(rows, "distance_over_bound"),
    "Planted cases of theorem 3: the largest of each draw",
)

# %% [markdown]
# No case is beyond the bound, and none comes near it. The parabolas show that half of the gap is the
# theorem's; the rest is that a wave rarely falls by all it could on the way from one minimiser to the other.
#
# ## One word's vector in a real model
#
# Now the loss of one word's vector in a trained model, everything else fixed. The model is that of the last chapter.

# %%
experiment = Experiment("language_models", size, recompute=recompute)
run = experiment.run("rare_words", seed=0)
# For example: run.pretraining.model_copy(update={"seed": 7})
model = experiment.model(run)
read = model.states(model.corpus.train[model.language])
states, following = read.hidden.double().numpy(), read.following.numpy()
total = model.log_total(read.hidden)
print(run.pretraining.encoder, run.pretraining.training, sep="\n")

# %% [markdown]
# Let $x$ be the vector and $C$ the summed exponentials of all other words. The positions of the training text whose next word is another one make up $f$, those whose next word is this
# one make up $g$, each with weight decay $\lambda$. A bar is the mean over positions:
#
# $$f(x) = \overline{\log\bigl(1 + e^{\langle h, x\rangle}/C\bigr)} + \tfrac\lambda2|x|^2,$$
#
# $$g(x) = \overline{\log\bigl(1 + C e^{-\langle h, x\rangle}\bigr)} + \tfrac\lambda2|x|^2.$$
#
# The first is the loss minus $\log C$, which no $x$ changes. Each function returns its value and its gradient.

# %%
DECAY = 0.1


def loss_without(x, states, log_rest):  # f
    excess = states @ x - log_rest
    value = np.logaddexp(0, excess).mean() + DECAY / 2 * x @ x
    return value, expit(excess) @ states / len(states) + DECAY * x


def loss_with(x, states, log_rest):  # g
    excess = states @ x - log_rest
    value = np.logaddexp(0, -excess).mean() + DECAY / 2 * x @ x
    return value, -expit(-excess) @ states / len(states) + DECAY * x


def minimiser(losses, share, start):
    def mixed(x):
        (f, slope), (g, other) = losses[0](x), losses[1](x)
        return (1 - share) * f + share * g, (
            1 - share
        ) * slope + share * other

    options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9}
    return optimize.minimize(
        mixed, start, jac=True, method="L-BFGS-B", options=options
    ).x


# %% [markdown]
# Both data terms are convex: $\alpha = \lambda$ and $\beta = 0$ will do. $B$ takes care. On the whole space $g$ has no bound. But the mixed loss at
# its minimiser is no larger than at the origin, and nowhere smaller than $\frac\lambda2|x|^2$. So both minimisers lie in a ball of radius
#
# $$R = \sqrt{2\max\bigl(F(0), f(0)\bigr)/\lambda},$$
#
# and on that ball $g$ lies between 0 and a number that we can compute: $\mathrm{mean}\,\log(1 + Ce^{R|h|}) + \frac\lambda2R^2$. Half of that is $B$. All constants are known *before* anything is minimised.


# %%
def word_losses(word):  # f and g of a word, and the states of g
    log_rest = model.log_rest(read.hidden, word, total).numpy()
    has = following == word
    without = (states[~has], log_rest[~has])
    with_it = (states[has], log_rest[has])
    losses = (
        lambda x: loss_without(x, *without),
        lambda x: loss_with(x, *with_it),
    )
    return losses, without, with_it


def half_range(losses, with_it, share):  # B
    origin = np.zeros(states.shape[1])
    f, g = (loss(origin)[0] for loss in losses)
    radius = np.sqrt(2 * max((1 - share) * f + share * g, f) / DECAY)
    lengths, log_rest = np.linalg.norm(with_it[0], axis=1), with_it[1]
    most = np.logaddexp(0, log_rest + radius * lengths).mean()
    return (most + DECAY / 2 * radius**2) / 2


def moved(losses, with_it, share, start):
    x = minimiser(losses, share, start)
    largest = half_range(losses, with_it, share)
    fall = losses[1](start)[0] - losses[1](x)[0]
    sharper = sharper_bound(DECAY, 0, largest, share)
    return x, {
        "bound of the theorem": theorem_bound(DECAY, 0, largest, share),
        "bound with both curvatures": sharper,
        "the same, with the true fall of g": sharper * fall / (2 * largest),
        "measured": (x - start) @ (x - start),
    }


# %% [markdown]
# Two checks: the bound is the library's, and the gradients are those of the losses.

# %%
from isomorph.measure.degeneration import rare_word_bound

word = model.vocabulary.ids[model.language]["house"]
losses, without, with_it = word_losses(word)
ours, theirs = theorem_bound(1, 2, 3, 0.1), rare_word_bound(1, 2, 3, 0.1)
assert abs(ours - theirs) < 1e-6
point = np.random.default_rng(0).standard_normal(states.shape[1]) / 4
for loss in losses:
    numeric = optimize.approx_fprime(point, lambda x, f=loss: f(x)[0], 1e-6)
    assert abs(numeric - loss(point)[1]).max() < 1e-4

# %% [markdown]
# ### Turning the share up
#
# How far does the best vector of "house" move from where it would be without the word, as the share of positions with it is turned up?

# %%
start = minimiser(losses, 0.0, np.zeros(states.shape[1]))
shares = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 0.5)
distances = pd.DataFrame(
    {share: moved(losses, with_it, share, start)[1] for share in shares}
).T.rename_axis("share")
figure, (axis,) = blank(7, 4.5)
for name, line in distances.items():
    axis.loglog(line, "o-", label=name)
axis.set(
    xlabel="share of positions with the word", ylabel="squared distance"
)
legend = axis.legend(fontsize="small")

# %% tags=["hide-input"]
show(
    figure,
    caption="The measured squared distance falls with the square of the share, the bound with the share itself: the rarer a word, the looser the "
    "bound.",
    alt="Four rising lines on logarithmic axes. The bound is highest, the bound with both curvatures runs below it at half its "
    "height, both with slope one at small shares. The measured squared distance is far below with slope two, and the bound with the true "
    "fall of g lies just above it until shares become large.",
    table=distances.reset_index(),
)

# %%
measured = distances["measured"]
over = measured / distances["bound of the theorem"]
near = measured / distances["the same, with the true fall of g"]
slopes = {
    name: np.polyfit(np.log(shares[:3]), np.log(line[:3]), 1)[0]
    for name, line in distances.items()
}
weight = expit(without[0] @ start - without[1])
bent = without[0].T * (weight * (1 - weight)) @ without[0] / len(weight)

print(f"positions with the word: {len(with_it[0])} of {len(states):,}")
print(f"measured over the bound: {over.min():.1e} to {over.max():.2g}")
print(f"power of the share, measured: {slopes['measured']:.2f}")
print(f"power of the share, bound: {slopes['bound of the theorem']:.2f}")
print(f"measured, over the bound with g's true fall: {near[:3].min():.0%}")
print(f"curvature that text adds: {np.linalg.eigvalsh(bent)[0]:.1e}")

# %% [markdown]
# Two lessons are in this figure.
#
# - *The bound has the wrong power.* Theorem 3 lets $g$ fall by $2B$ on the way from one minimiser to the other. If the way is short, $g$ cannot fall
#   that much. For small shares $D$ itself shrinks with $\epsilon$, and $D^2$ with $\epsilon^2$. With the true fall of $g$ in place of $2B$ the bound with both curvatures is nearly reached.
# - *All strong convexity is the decay's.* What the text adds in the flattest direction is next to nothing against a decay of 0.1, as the remark on absent words says.
#   Without the decay the constant would be that small, and the bound void.
#
# ### Word by word
#
# Each word of the text at its own share, with the same decay. Then the minimisers themselves: do those of two rare words lie closer together than those of
# two frequent ones?

# %%
ids, counts = model.by_frequency
occurring = [i for i in ids if (following == i).any()]
several = 10 if size == "smoke" else 60
picked = np.geomspace(1, len(occurring), several).astype(int) - 1
lines, best = [], []
for word in [occurring[place] for place in np.unique(picked)]:
    losses, _, with_it = word_losses(word)
    share = len(with_it[0]) / len(states)
    start = minimiser(losses, 0.0, np.zeros(states.shape[1]))
    x, squared = moved(losses, with_it, share, start)
    lines.append({"word": model.words[word], "share": share} | squared)
    best.append(torch.from_numpy(x))
each, best = pd.DataFrame(lines), torch.stack(best)

# %%
figure, (axis,) = blank(7, 4.5)
for name in ("bound of the theorem", "measured"):
    axis.loglog(each["share"], each[name], "o", label=name)
axis.set(
    xlabel="share of positions with the word", ylabel="squared distance"
)
legend = axis.legend()

# %% tags=["hide-input"]
show(
    figure,
    caption="Words of the training text, each at its own share: every best vector is nearer to where it would be without the word than the bound allows, the more so the "
    "rarer the word.",
    alt="Two bands of points on logarithmic axes that rise with the share of positions. The bound lies above the measured distances everywhere, by a "
    "factor that grows towards rare words.",
    table=each,
)

# %%
ratio = (each["measured"] / each["bound of the theorem"]).max()
half = len(best) // 2
print(f"largest ratio to the bound: {ratio:.2g}")
for name, w in {"more frequent": best[:half], "rarer": best[half:]}.items():
    print(f"two of the {name} half: {torch.pdist(w).mean():.2f} apart")

# %% [markdown]
# No word moves further than the bound, and the best vectors of two rare words lie several times closer together than those of two frequent ones. Here the argument of the paper works, from its
# premise to its end. There is decay, there is one convex problem a word, and it is solved. In training there is none of that.
#
# ## In real training
#
# The word vectors of our models get *no* weight decay; many codes spare embeddings from it. All vectors move at a time, with the states.
# Adam rescales every step, so that a rare word's few pushes count for more. And training stops long before anything has converged. So the theorem does
# not apply, and its conclusion may hold or not.

# %%
NAMES = ("frequent_words", "rare_words")
PAIRS = ["pair_distance", "pair_distance_scaled", "average_cosine", "norm"]
for title, rows in {
    "Small models: two words of a fifth": experiment.rows(*NAMES),
    "Larger models, more text": experiment.rows(*NAMES, at="reference"),
}.items():
    if len(rows):
        show_table(summary(rows, PAIRS), title)

# %% [markdown]
# It holds: in every table two rare words lie closer together than two frequent ones, and point more nearly the same way.
#
# A shorter distance can have simple reasons. Shorter vectors lie closer together; so look at their lengths, and at the distance over the mean length. And
# a word that training hardly touched lies where it was drawn, close to the origin; so look at where the vectors were before training, which can be drawn
# again from the seed, and at how they *moved*. Fifth by fifth, in the live model:

# %%
from isomorph.models.pretrain import initialise


def two_words(w):  # mean distance and mean cosine of two of them
    unit, n = w / w.norm(dim=1, keepdim=True), len(w)
    cosine = (unit.sum(0).square().sum() - n) / (n * (n - 1))
    return float(torch.pdist(w).mean()), float(cosine)


pretraining = run.pretraining
shape = pretraining.encoder.shaped(
    model.vocabulary.size,
    pretraining.languages,
    pretraining.training.length,
)
drawn = initialise(shape, run.seed).get_input_embeddings().weight.detach()
lines = []
for part in np.array_split(np.arange(len(ids)), 5):
    w, before = model.vectors[ids[part]], drawn[ids[part]]
    distance, cosine = two_words(w)
    length = float(w.norm(dim=1).mean())
    lines.append(
        {
            "seen": f"{counts[part[0]]} to {counts[part[-1]]} times",
            "distance": distance,
            "over length": distance / length,
            "cosine": cosine,
            "length": length,
            "cosine of moves": two_words(w - before)[1],
            "distance before": two_words(before)[0],
        }
    )
show_table(
    pd.DataFrame(lines).round(2),
    "Two words of each fifth of the vocabulary, one model",
)

# %% [markdown]
# The rarest words are longer than the most frequent ones, so length does not explain why they are closer. They lie further apart than before training, so they
# have not just stayed where they were. What they share is the way they went: two moves of the rarest words are nearly parallel, two of the most frequent nearly at a right angle.
#
# ### Towards the absent words
#
# If rare words are nearly absent ones, they should lie near those that are absent: [PAD] and [MASK] of the last chapter. In the theorem's terms, these two
# vectors are the $x^*$ that training has really found. So take each word's distance from them.

# %%
from isomorph.text.vocab import MASK, PAD

absent = model.vectors[[PAD, MASK]].mean(0)
words = pd.DataFrame(
    {
        "times seen": counts,
        "distance": (model.vectors[ids] - absent).norm(dim=1).numpy(),
    }
)
doubling = np.ceil(np.log2(words["times seen"]).clip(lower=1))
groups = words.groupby(doubling)
seen, far = groups["times seen"].median(), groups["distance"]
figure, (axis,) = blank(7, 4)
axis.semilogx(seen, far.mean(), "o-", label="mean")
axis.fill_between(
    seen,
    far.quantile(0.1),
    far.quantile(0.9),
    alpha=0.2,
    label="eight words in ten",
)
axis.set(xlabel="times seen in the text", ylabel="distance")
legend = axis.legend()

# %% tags=["hide-input"]
show(
    figure,
    caption="The rarer a word, the nearer it lies to the mean vector of [PAD] and [MASK], which never occur.",
    alt="A line and a band that rise with the frequency of the words: their distance from the absent words.",
    table=pd.DataFrame(
        {"times seen": seen, "words": groups.size(), "distance": far.mean()}
    ),
)

# %%
trend = stats.spearmanr(words["times seen"], words["distance"]).statistic
rare = words[words["times seen"] <= 3]["distance"].mean()
tiny = (words["times seen"] < 1e-4 * words["times seen"].sum()).mean()
print(f"rank correlation of frequency and distance: {trend:.2f}")
print(f"distance of words seen at most three times: {rare:.2f}")
print(f"of the most frequent hundred: {words['distance'][:100].mean():.2f}")
print(f"words below a ten-thousandth of the text: {tiny:.0%}")

# %% [markdown]
# A correlation near 1 is the theorem's picture without its premises: the rarer a word, the nearer to where it would be without it. And nearly all words are
# rare. Of the vocabulary of their English-German translation data the authors are reported to say that over 90% has a frequency below $10^{-4}$.
#
# ## The outcome

# %%
verdict("2.4")

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
# ```{exercise} How rare must it be?
# :label: words_rarely_seen.2
#
# Up to which share does *theorem 3* promise that the minimiser moves by a squared distance of at most `most`? A function of $\alpha$, $\beta$, $B$ (`largest`) and `most`.
# ```


# %%
def largest_share(alpha, beta, largest, most):
    return ...


# solution
def largest_share(alpha, beta, largest, most):
    return alpha * most / (4 * largest + (alpha + beta) * most)


# %%
exercises.check("words_rarely_seen.2", largest_share)

# %% [markdown] tags=["solution"]
# Set the bound equal to `most` and solve for the share. As `most` grows the answer tends to $\alpha/(\alpha+\beta)$, beyond which the theorem says nothing at all. With both curvatures the share may be about twice as large.

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
