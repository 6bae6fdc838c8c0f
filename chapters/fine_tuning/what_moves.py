# %% [markdown]
# # What moves
#
# An encoder is pretrained once, for days, and then tuned for a task in minutes. What do these minutes change? Perhaps everything: all weights are free
# to move. Perhaps next to nothing: a new direction here, a louder one there. This chapter looks at the states of every layer before and after, and asks how far they
# moved, in which layers, and whether that depends on the task.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("5.2", "5.3", "5.6")

# %% [markdown]
# ## The claims
#
# Merchant and colleagues {cite}`merchant2020happens` tuned BERT on three tasks: inference (MNLI), question answering (SQuAD) and dependency parsing.
#
# - **Claim 5.2**: the changes gather in the top layers, and fine-tuning is conservative on the whole.
# - **Claim 5.3**: depth depends on the task. Parsing changes most of the network; inference and questions change only its top.
#
# We know this paper by its abstract, and by a few remarks of others. We could read none of its tables or figures, so no number of theirs is printed here. Bounds
# are our own, and were set before any run.
#
# - **Claim 5.6**: later papers agree. After tuning for inference mainly the top layers differ, low layers change little, and even high ones stay close to what they
#   were. This is said of Fayyaz and others (2021), and of Zhou and Srikumar; we know it from notes by others.
#
# ## The method: tables of cosines
#
# The obvious way is to subtract: the state of a word after, less its state before. It misleads. Turn all states of a layer by one rotation and turn the
# weights above it back: the model computes the very same function, and every difference is large. Coordinates mean nothing by themselves. What means something is
# *which words are like which*.
#
# So take $n$ tokens. Let $a_i$ be the state of token $i$ before and $b_i$ after. Write down how alike any two of them are, on each side:
#
# $$S^A_{ij}=\cos(a_i,a_j),\quad S^B_{ij}=\cos(b_i,b_j).$$
#
# These two tables can be compared entry by entry, even when $a$ and $b$ have other widths. *Representational similarity analysis* correlates what stands
# above their diagonals:
#
# $$\mathrm{RSA}=\mathrm{corr}_{i<j}\big(S^A_{ij},\,S^B_{ij}\big).$$
#
# It is 1 when the tables agree up to a scale and a shift, and about 0 when they have nothing to do with each other. Why cosines, and not distances? A cosine
# does not see how long a vector is, and lengths of states vary for reasons that have little to do with meaning.

# %% tags=["hide-input"]
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import known_changes, tuned_states

TUNED = ("tuned",)

# %% [markdown]
# ### By hand
#
# Four words in the plane, and the table of their cosines. Then one of them, *dog*, is put somewhere else.

# %%
four = known_changes.pulled()

# %% tags=["hide-input"]
figures.show_table(four.before, name="Before")
figures.show_table(four.after, name="After dog has moved")
display(
    Markdown(
        "RSA with the points as they were: "
        + "; ".join(
            f"{name}, {value:.2f}" for name, value in four.rsa.items()
        )
        + "."
    )
)

# %% [markdown]
# A turn and a stretch change no cosine, and so nothing. One moved point changes its own row and column, and no other entry. With four points that is half of the six
# pairs; with two thousand it would be a thousandth.
#
# ### What CKA adds
#
# *Centred kernel alignment* {cite}`kornblith2019similarity` compares two tables as well, of inner products instead of cosines, and subtracts the mean vector first. The plain estimate is
# too high when vectors are wide and examples few; the **debiased** one {cite}`nguyen2021wide` is about 0 for unrelated vectors. Here is a cloud, changed in ways that we know:

# %%
known = known_changes.toy()

# %% tags=["hide-input"]
figures.show_table(
    known, name="A cloud of 300 vectors, changed in known ways"
)

# %% [markdown]
# Each is blind where the other sees. RSA of cosines sees a vector that was added to all states; CKA does not, since it centres. CKA sees each state change its length;
# RSA does not. Both see one coordinate that became loud. The last line is why we debias: the plain estimate finds likeness between vectors that have nothing in common.
#
# If both agree on a layer, it is safe to speak of it. If they part, ask which of the two happened.
#
# ## Live: tuned for inference
#
# A small masked model of a controlled world, with six blocks, was pretrained on the world's text. Now we tune it: does one sentence follow from another? All weights may move.
# Then both encoders read the same sentences, and two thousand tokens of them are compared at each layer.
#
# Beside it, one more encoder is pretrained from another seed and never tuned. How alike the two pretrainings are is the mark to measure "conservative" by. They read the
# same world, with the same words, and share not one weight. Do not expect 0: a state is first of all the state of its *word*, and both encoders know which words are used alike.

# %%
made, world = findings.in_worlds(
    "changes", TUNED, size=size, live="tuned", recompute=recompute
)

# %% tags=["hide-input"]
loss = tuned_states.losses(made)
figures.show(
    figures.learning_curve(loss, metric="training loss, nats", x="epoch"),
    caption="Mean training loss of each epoch of the run made now.",
    alt="A line of few points over epochs, one an epoch; it goes down as far as the task is learnt.",
    table=loss,
)
own = findings.Found(made, world.size, 1, TUNED)
display(Markdown(tuned_states.told(own, "In this run")))

# %% [markdown]
# ## Over layers, over tasks, over seeds
#
# The same for five seeds, each with its own pretraining, and for three tasks. Layer 0 is what the embeddings give; layer 6 is what the task's head reads.

# %% tags=["hide-input"]
real = findings.on_real_text(
    "changes", TUNED, size=size, recompute=recompute
)
PLACES = {"the world": world, "MiniLM": real}
SIMILARITIES = {
    "rsa": "RSA, before and after",
    "cka": "CKA (debiased), before and after",
}


def curve(found, where, metric):
    """The curves of one similarity, or a sentence that there are none."""
    name = SIMILARITIES[metric]
    table = tuned_states.curves(found, metric, name=name)
    if table.empty:
        display(Markdown(f"{name}, {where}: not run."))
        return
    figures.show(
        figures.learning_curve(
            table, metric=name, x="layer", group="tuned for"
        ),
        caption=f"{name} tuning, by layer, in {where}: a line a task, a mark a seed.",
        alt="Lines over layers, one a task that the encoder was tuned for. A layer where a line is near 1 kept its states; where it is "
        "low, states moved. In the world one more line shows two encoders that were pretrained apart.",
        table=table,
    )


for metric in SIMILARITIES:
    curve(world, "the world", metric)

# %% tags=["hide-input"]
figures.show_table(
    tuned_states.by_task(world),
    name="The world: similarity before and after, by task",
)
figures.show_table(
    tuned_states.settings(world),
    name="The world: how each task was tuned, and its score in percent",
)
display(
    Markdown(
        f"{tuned_states.told(world, 'In the world')} {findings.behind(world)}"
    )
)

# %% [markdown]
# Read the lines from left to right. The state of a layer is made by all blocks below it, so a change low down is carried upwards. A line that falls early and stays flat says that *low* blocks
# did it; a line that falls at the end, that the top ones did.
#
# ## On real text
#
# MiniLM, a public English encoder with six blocks, tuned for the same three tasks on public data: inference pairs, questions on passages, a treebank. Say it plainly: MiniLM is no
# plain masked model. It was distilled from a larger one and then tuned to compare sentences. So it has been *tuned already*, once, before our "before". These rows are recorded.

# %% tags=["hide-input"]
for metric in SIMILARITIES:
    curve(real, "MiniLM", metric)
figures.show_table(
    tuned_states.by_task(real),
    name="MiniLM: similarity before and after, by task",
)
figures.show_table(
    tuned_states.settings(real),
    name="MiniLM: how each task was tuned, and its score in percent",
)
display(
    Markdown(f"{tuned_states.told(real, 'MiniLM')} {findings.behind(real)}")
)

# %% [markdown]
# There is no second pretraining of MiniLM, so nothing to measure "conservative" by: that part of claim 5.2 stays open there.
#
# ## Do weights move where states move?
#
# The distance of the weights of block $\ell$ from where they started is
#
# $$d_\ell=\lVert\theta'_\ell-\theta_\ell\rVert_2 ,$$
#
# all weights of the block in one long vector. It needs no text at all. If it told the same as RSA, we could spare ourselves the reading.

# %% tags=["hide-input"]
for where, found in PLACES.items():
    name = "distance of the weights"
    table = tuned_states.curves(
        found, "weight_distance", name=name, other=False
    )
    if table.empty:
        display(Markdown(f"{name}, {where}: not run."))
        continue
    figures.show(
        figures.learning_curve(
            table.assign(block=table["layer"].astype(str)),
            metric=name,
            x="block",
            group="tuned for",
        ),
        caption=f"How far the weights of each block moved, in {where}: a line a task, a mark a seed. Block 1 is the lowest.",
        alt="Lines over blocks, one a task. Where a line is high, the weights of that block are far from where they started.",
        table=table,
    )
for where, found in PLACES.items():
    figures.show_table(
        tuned_states.weights_by_task(found),
        name=f"Over the blocks of {where}: correlations",
    )

# %% [markdown]
# The first column of numbers is the trend of the weights: above 0, higher blocks moved further. The second correlates, over blocks, the distance of the weights with $1-\mathrm{RSA}$ of the layer that the block gives. The third takes only what the block *adds* to that: its
# layer's $1-\mathrm{RSA}$ less that of the layer below. Near 1, weights and states tell one story; near 0 or below, two. They are free to: a long step in a direction that no input
# uses changes no state, a short one in a loud direction changes all of them, and a block whose weights stand still passes on what moved below.

# %% [markdown]
# ## The outcome

# %% tags=["hide-input"]
verdict = claims.predictions(["5.2", "5.3", "5.6"])
figures.show_table(verdict, name="Claims 5.2, 5.3 and 5.6, by prediction")
display(Markdown(findings.in_short(verdict)))
for where, found in PLACES.items():
    order = tuned_states.most_changed(found)
    if len(order) > 1:
        display(
            Markdown(
                f"In {where}, from the task that changed states most to the one that changed them least: {', '.join(order)}."
            )
        )

# %% [markdown]
# RSA runs from 0 to 1. A *trend* is a rank correlation with the layer: $-1$ where every layer is less like itself than the one below.
#
# Fewer than five units give no interval and decide nothing. Two things to keep in mind on the outcomes. A trend speaks of order and not of size: it is $-1$ even if RSA falls from 0.99 to 0.97. And claim 5.3, as our rule has it, compares *means over
# layers*. The curves say more on depth than a mean can.
#
# ## Cautions
#
# - **How much is a matter of how long.** More steps or a higher rate move any encoder further. Our tasks differ in both, as the tables above say, so "parsing moves more than questions" is about
#   these recipes. Within a task, *where* it moves is the safer reading.
# - **A small model has little room.** Ours is 64 wide with six blocks, and tuned at a rate that a large one would not bear. A large one can learn a task by moving less.
# - **RSA is about these tokens.** Directions that these texts do not use may have moved unseen. A later chapter asks about texts of another domain.
# - **Similar is not equal.** An RSA of 0.95 leaves room for one new direction that decides the task. Nor does unlike mean worse: see the next chapter, on what stays.
# - What would settle it: BERT, tuned on all of MNLI, SQuAD and a treebank. At `size="paper"` this experiment does that; nobody has run it here.
#
# ## Exercises
#
# ```{exercise} RSA in four lines
# :label: what_moves.1
#
# Write RSA of `x`, (n, p), and `y`, (n, q): the Pearson correlation of the cosines of all pairs of different rows, each pair once. It returns a number.
# ```


# %%
def my_rsa(x, y):
    return ...


# solution
def my_rsa(x, y):
    import torch

    upper = torch.triu_indices(len(x), len(x), 1)
    tables = []
    for states in (x, y):
        unit = states / states.norm(dim=1, keepdim=True)
        tables.append((unit @ unit.T)[upper[0], upper[1]])
    return torch.corrcoef(torch.stack(tables))[0, 1].item()


# %%
exercises.check("what_moves.1", my_rsa)

# %% [markdown] tags=["solution"]
# The diagonal is left out: it is 1 on both sides and would raise the correlation for nothing.

# %% [markdown]
# ```{exercise} Which block was it?
# :label: what_moves.2
#
# RSA of layers 0 to $L$ comes as a list. Each layer is made by the block of the same number from the layer below. Return the number of the block across which RSA falls the most.
# ```


# %%
def block_of_the_fall(rsa_by_layer):
    return ...


# solution
def block_of_the_fall(rsa_by_layer):
    from itertools import pairwise

    falls = [below - above for below, above in pairwise(rsa_by_layer)]
    return falls.index(max(falls)) + 1


# %%
exercises.check("what_moves.2", block_of_the_fall)

# %% [markdown] tags=["solution"]
# It need not be the layer with the *lowest* RSA. A block whose weights never moved has states that are as unlike as those below it, or nearly so.

# %% [markdown]
# ```{exercise} What only one of them sees
# :label: what_moves.3
#
# After tuning, each state has a length of its own and points where it did before. Who notices: "RSA", "CKA", "both" or "neither"?
# ```

# %%
notices = ...  # one of the four
# solution
notices = "CKA"

# %%
exercises.check("what_moves.3", notices)

# %% [markdown] tags=["solution"]
# A cosine divides by both lengths. CKA compares inner products, in which they are kept.
