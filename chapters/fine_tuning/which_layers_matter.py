# %% [markdown]
# # Which layers matter?
#
# An encoder is tuned, and all its blocks move. Did all of them have to? One could have kept the lower ones still. One could have thrown the upper ones away. And one can,
# afterwards, put some back to what they were. All three sound like the same question: which layers matter? They are three questions, and one encoder can give three answers.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("5.5")

# %% [markdown]
# ## The claim
#
# Merchant and colleagues {cite}`merchant2020happens` asked what happens to BERT when it is tuned, by probes, by comparing states, and by taking layers away. We know
# their paper by its abstract. Of this part we know *one sentence, at second hand*:
#
# **Claim 5.5**: scores on inference and question answering do not drop notably when the first 8 of the 12 layers are frozen.
#
# One account by others says so, and we found no second one. There is no table or figure of theirs that we could read, so no number of theirs stands here. "Not notably" is our reading: at most
# two points. That bound was set before any run.
#
# Freezing is theirs, by that account. **Truncation and putting back, as done here, are our own design.** We think that they truncate too, but could not verify it.
#
# ## Three questions
#
# An encoder is a chain: embeddings $e$, then blocks $b_1$ to $b_L$, then a head $h$ for the task. Write $b^0$ for a block as it was pretrained, $b^*$ for one as it was tuned, and
# $\hat b$ for one that is being tuned now.
#
# **Frozen.** The embeddings and the lower $k$ blocks are held still while the rest is tuned:
#
# $$\hat h\,\hat b_L\cdots\hat b_{k+1}\;b^0_k\cdots b^0_1\,e^0 .$$
#
# It asks: *can the upper blocks do it alone*, from what pretraining left below?
#
# **Truncated.** The upper blocks are cut off *before* tuning, and the head stands on block $k$:
#
# $$\hat h\;\hat b_k\cdots\hat b_1\,\hat e .$$
#
# It asks: *are the upper blocks needed at all?*
#
# **Put back.** All blocks are tuned together. Then the lower $k$ (or the upper ones) get their old weights again. Nothing is trained any more:
#
# $$h^*\,b^*_L\cdots b^*_{k+1}\;b^0_k\cdots b^0_1\,e^* .$$
#
# It asks: *which blocks carry what was learnt*, in the encoder that we have?
#
# The first and the last formula differ in a star and a hat, and that is all the difference. A frozen block's neighbours *know* that it is frozen, and learn around it. The neighbours of a block that is put back
# have learnt to live with another one.

# %% tags=["hide-input"]
import math

from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import depth

# %% [markdown]
# ## By hand
#
# Take the smallest encoder for which the three part. Its input is a point on a circle. Each block turns the point by an angle, and after pretraining all angles are 0. The head is
# fixed: it says "yes" where the point lies to the right. The task wants "yes" where the point lay *above*. So a quarter turn has to be learnt, by all blocks together.


# %%
def tuned(blocks, frozen=0):
    """The angle of each block after gradient descent."""
    angles = [0.0] * blocks
    for _ in range(200):
        missing = math.pi / 2 - sum(angles)
        for own in range(frozen, blocks):  # the loss is -cos(missing)
            angles[own] += 0.1 * math.sin(missing)
    return angles


def right(angles):
    """The share of the circle that gets the right answer."""
    return 1 - abs(math.pi / 2 - sum(angles)) / math.pi


both = tuned(2)
by_hand = {
    "neither block tuned": right([0, 0]),
    "both tuned": right(both),
    "lower one frozen": right(tuned(2, frozen=1)),
    "upper one cut off": right(tuned(1)),
    "lower one put back": right([0, both[1]]),
    "upper one put back": right([both[0], 0]),
}

# %% tags=["hide-input"]
import pandas as pd

figures.show_table(
    pd.DataFrame(
        {"blocks": name, "right answers": f"{found:.0%}"}
        for name, found in by_hand.items()
    ),
    name="Two blocks that turn a point, and one task",
)

# %% [markdown]
# Descent shares the turn out: each block takes half, since both get the same gradient. So *both* carry what was learnt, and to put either back spoils it. Yet *neither is needed*. Freeze one
# or cut one off, and the other learns the whole turn.
#
# Whoever reads "frozen layers cost nothing" as "the lower layers do not change", or "putting them back costs a lot" as "they are needed", is wrong here both times.
#
# ## In a controlled world
#
# A small masked model of a world, with six blocks, is pretrained. One run is made now: tuned for inference, its lower two thirds frozen.

# %%
made, world = findings.in_worlds(
    "changes",
    depth.CONDITIONS,
    size=size,
    live="frozen_two_thirds",
    recompute=recompute,
)

# %% tags=["hide-input"]
display(
    Markdown(
        findings.live_again("changes", made, ("test_score", "dev_score"))
    )
)
figures.show_table(
    depth.by_task(world),
    name="The world: test scores in percent (inference: accuracy; parsing: LAS; questions: F1)",
)
display(Markdown(findings.behind(world)))

# %% [markdown]
# Each seed has a world, a pretraining and a tuning of its own. Questions were run at the one point that the claim is on. With *all* blocks frozen only the head learns (and the norm after the last
# block, which every head reads): that score says what pretraining had laid ready.
#
# The next figure has the number of blocks that are *tuned* on its horizontal axis. To the right all six are. Going left, the two lines part: on one the other blocks are still there, below, and frozen; on the other
# they are gone, from above.

# %% tags=["hide-input"]


def ladder(found, where, pairs):
    """Scores by how many blocks were tuned."""
    rows = depth.ladder(found, pairs)
    if rows.empty:
        display(Markdown(f"{where}: not run."))
        return
    figures.show(
        figures.dose_response(
            rows,
            x="blocks tuned",
            metrics=list(dict.fromkeys(rows["metric"])),
            group="way",
            baselines=depth.levels(found),
        ),
        caption=f"{where}: test score by the number of blocks that were tuned. The others were frozen (they are the lower ones) or cut off (the upper ones). "
        "Thin lines are single seeds; dashed is the score without an encoder.",
        alt="A panel a task. In each, two lines run from few blocks tuned on the left to all on the right, where they meet: one with the lower blocks frozen, one with the "
        "upper blocks cut off. Where a line stays level, the missing blocks were not missed.",
        table=depth.by_task(found),
        provenance=findings.behind(found),
    )


ladder(world, "Controlled world", ("nli", "parsing"))

# %% [markdown]
# How to read it. Look at the left end first: with no block tuned, how far is the head above the dashed line? Then ask where each line becomes level. A line of *frozen* blocks that is level from
# two tuned blocks on says that the top third can do the task alone. A line of *cut* blocks that is level from two on says that the task needs no more than two blocks in all.
#
# ### Put back after tuning
#
# Now the encoder in which all blocks were tuned. From the bottom up, or from the top down, one block after the other gets its pretrained weights again. Embeddings and head stay as they were tuned, so
# even with all blocks put back this is not the encoder that we began with.

# %% tags=["hide-input"]


def put_back(found, where):
    """Scores by how many blocks were put back."""
    rows = depth.put_back(found)
    if rows.empty:
        display(Markdown(f"{where}, blocks put back: not run."))
        return
    figures.show(
        figures.dose_response(
            rows,
            x="blocks put back",
            metrics=list(dict.fromkeys(rows["metric"])),
            group="way",
            baselines=depth.levels(found),
        ),
        caption=f"{where}: score of the tuned encoder, by how many of its blocks got their pretrained weights again. Thin lines are single seeds; dashed is the score "
        "without an encoder.",
        alt="A panel a task. Two lines begin together on the left, where nothing is put back, and meet again on the right, where all blocks are. One puts blocks back from the bottom, the "
        "other from the top. The line that falls first shows which end carries what was learnt.",
        table=depth.spared(found),
        provenance=findings.behind(found, ("tuned",)),
    )
    figures.show_table(
        depth.spared(found),
        name=f"{where}: how many blocks can be put back before the mean score falls by more than {depth.BOUND:g} points",
    )


put_back(world, "Controlled world")

# %% [markdown]
# ### Three questions, three answers
#
# Side by side, at the claim's two thirds. All changes are within a seed. Those of frozen and cut encoders are against the encoder with all blocks tuned; those of blocks put back, against that same encoder with
# nothing put back.

# %% tags=["hide-input"]


def three(found, where):
    """What each intervention costs, and what that says."""
    table = depth.questions(found)
    if table.empty:
        display(Markdown(f"{where}: nothing to compare is recorded yet."))
        return
    shown = table.assign(
        change=[
            findings.written(row, sign=True) for row in table.itertuples()
        ]
    )[["task", "question", "change", "seeds", "so"]]
    figures.show(
        figures.forest(
            table.rename(columns={"task": "heading", "question": "label"})
        ),
        caption=f"{where}: change of the score when blocks are frozen, cut off, or put back after tuning.",
        alt="For each task a line an intervention, with the change of the score in percent points and its interval, against a line at no change.",
        table=shown,
        provenance=findings.behind(found),
    )
    figures.show_table(
        shown, name=f"{where}: what each question is answered"
    )
    display(Markdown(depth.told(table)))


three(world, "Controlled world")

# %% [markdown]
# "Little" and "much" are told by the bound of two points and the interval: *little* is lost where the whole interval is above $-2$, *much* where all of it is below.
#
# Compare the first and the third line of a task. Both have the same blocks at their pretrained weights. Where freezing costs little and putting back costs much, that is the toy again: the lower blocks
# did take a share of the work, and did not have to. Where freezing costs much as well, the task needs something from below that pretraining had not put there.
#
# ## On real text
#
# MiniLM has six blocks as well. It is no plain masked model: it was distilled from a larger one and then tuned to compare sentences, so it comes to each task with more in its upper blocks than
# BERT would. Inference has the whole curve, questions and parsing the one point at two thirds. These rows are recorded.

# %% tags=["hide-input"]
real = findings.on_real_text(
    "changes", depth.CONDITIONS, size=size, recompute=recompute
)
figures.show_table(
    depth.by_task(real),
    name="MiniLM: test scores in percent (inference: accuracy; parsing: LAS; questions: F1)",
)
ladder(real, "MiniLM", ("nli",))
put_back(real, "MiniLM")
three(real, "MiniLM")

# %% [markdown]
# ## The outcome

# %% tags=["hide-input"]
verdict = claims.predictions(["5.5"])
figures.show_table(verdict, name="Claim 5.5, by prediction")
display(Markdown(findings.in_short(verdict)))
for where, found in (("In the world", world), ("On MiniLM", real)):
    noise = depth.sampling(found)
    if noise:
        display(
            Markdown(
                f"{where} the test of inference has {noise.examples} examples. At a score of {noise.score:.0f}% that alone puts {noise.error:.1f} points of standard error on one "
                "score, beside a bound of two."
            )
        )

# %% [markdown]
# The bound is about as small as what a test of this size can see. In the world each seed draws a test of its own, so its interval over seeds holds that error too. MiniLM's seeds share one test: their interval
# says how another *tuning* would come out, and not how another *test* would. A difference of two encoders on the same examples is less noisy than a score, since most examples are easy or hard
# for both.
#
# ## Cautions
#
# - **Six blocks are not twelve.** The top third is four blocks of BERT and two of ours. What two can do alone, four can; what two cannot, four may.
# - **The claim is at second hand**, and "notably" is ours. With another bound the outcome may be another one; the changes and intervals above are for the reader to judge by.
# - **Frozen includes the embeddings.** So does the reading of "the first 8 layers" that most libraries take, but the account does not say.
# - **Pretraining decides what a frozen block is worth.** Ours in the world took a minute. The less a pretraining has laid ready below, the more freezing must cost.
# - **One recipe for all.** The same rate and number of steps, whatever is frozen. With fewer blocks to tune, a higher rate may do better.
# - **Putting back is rough.** A block with its old weights gets inputs that it never saw. A low score says that the blocks have grown used to each other, and not that each of them holds knowledge.
# - **Single blocks are not ranked.** Blocks are put back in order, from one end. The middle ones are never put back by themselves.
# - What would settle it: BERT on all of MNLI and SQuAD, with 8 of 12 blocks frozen, over a few seeds. At `size="paper"` this experiment does that; nobody has run it here.
#
# ## Exercises
#
# ```{exercise} Three blocks that turn
# :label: which_layers_matter.1
#
# *Three* blocks of the toy are tuned together. Then two of them are put back. What share of the circle gets the right answer? Think first, then try `tuned` and `right`.
# ```

# %%
share = ...  # from 0 to 1
# solution
three_tuned = tuned(3)
share = right([0, 0, three_tuned[2]])

# %%
exercises.check("which_layers_matter.1", share)

# %% [markdown] tags=["solution"]
# Each block takes 30 of the 90 degrees. With one left, 60 are missing. A circle that is off by 180 degrees has every answer wrong, so one that is off by 60 has a third wrong.

# %% [markdown]
# ```{exercise} What freezing says
# :label: which_layers_matter.2
#
# With its lower two thirds frozen, an encoder scores as well as with all blocks tuned. What follows: "the lower blocks would not have moved", "the upper blocks can do it alone" or "the lower blocks of
# the tuned model can be put back"?
# ```

# %%
follows = ...  # one of the three
# solution
follows = "the upper blocks can do it alone"

# %%
exercises.check("which_layers_matter.2", follows)

# %% [markdown] tags=["solution"]
# The toy has all of it: the lower block does move when it may, and cannot be put back afterwards. Freezing says what is possible without it, and no more.

# %% [markdown]
# ```{exercise} Put back by name
# :label: which_layers_matter.3
#
# Weights come as dictionaries, name to weight. Names are like "block.3.weight", "embeddings.weight" or "head.bias". Return the tuned weights with those of some `blocks`, a list of numbers, as in the
# original.
# ```


# %%
def put_back_by_name(tuned, original, blocks):
    return ...


# solution
def put_back_by_name(tuned, original, blocks):
    wanted = tuple(f"block.{number}." for number in blocks)
    return {
        name: original[name] if name.startswith(wanted) else weight
        for name, weight in tuned.items()
    }


# %%
exercises.check("which_layers_matter.3", put_back_by_name)

# %% [markdown] tags=["solution"]
# The dot after the number matters: without it "block.1" is also the beginning of "block.10" and "block.11".
