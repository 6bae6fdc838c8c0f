# %% [markdown]
# # Few samples, many seeds
#
# Tune the same encoder on the same examples twice. Change nothing but the seed: the first weights of the classifier, and the order in which the examples come. The two scores differ. With few
# examples they can differ by more than two *methods* do, and some runs learn nothing at all. This chapter asks where the spread comes from, what makes it smaller, and how many seeds it takes
# before a comparison means something.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("6.1", "6.2", "6.3", "6.4", "6.5", "6.6", "6.7")

# %% [markdown]
# ## The claims
#
# Zhang and colleagues {cite}`zhang2021revisiting` tune BERT-large {cite}`devlin2019bert` on small sets, mostly with twenty seeds. We have read the paper in full, and its tables stand below.
#
# - **Claim 6.1**: the optimiser that is commonly used with BERT leaves out Adam's *bias correction*. Put back, the spread over seeds shrinks sharply, and fewer runs fail.
# - **Claim 6.2**: it matters only when training is short.
# - **Claim 6.3**: draw the top blocks and the pooler anew before tuning. The mean rises, and mostly the spread falls. The pooler alone already helps. Too many blocks hurt.
# - **Claim 6.4**: three epochs are often too few. Longer training helps, most with 1,000 examples, and narrows the gap to re-initialisation.
# - **Claim 6.5**: once Adam is corrected, other methods bring little: weight decay, decay towards the pretrained weights, mixout, a rate for each layer. Training first on a larger task of the same kind still helps.
# - **Claim 6.6**: with the corrected optimiser, five to ten seeds are enough for a stable result.
# - **Claim 6.7**: re-initialised, the top blocks end *closer* to where they started. With too many re-initialised, the bottom ones move further.
#
# ## The method
#
# **Adam** keeps running means of the gradient $g$ and of its square, both from 0:
#
# $$m_t=\beta_1 m_{t-1}+(1-\beta_1)\,g_t$$
#
# $$v_t=\beta_2 v_{t-1}+(1-\beta_2)\,g_t^2$$
#
# After $t$ steps they hold a share of only $1-\beta_1^t$ and $1-\beta_2^t$ of what they should. Adam divides by these shares; that is the bias correction. BERT's Adam does not. Its step is
# Adam's times
#
# $$r(t)=\frac{1-\beta_1^t}{\sqrt{1-\beta_2^t}},$$
#
# whatever the gradients were (and as long as the small constant beside $\sqrt{v_t}$ does not count). With the usual $\beta_1=0.9$ and $\beta_2=0.999$ the mean of the squares lags a hundred times
# longer than the mean of the gradients. So the denominator is too small, and *the steps are too long*.
#
# **The spread** is the standard deviation over seeds. It has an interval too (Bonett's {cite}`bonett2006approximate`), and not a narrow one: even of twenty seeds it reaches from three quarters of the spread to one and a half times it. Two spreads are compared by their *ratio*, which is 1 where they are alike, and only over runs that learnt. **A failed run** is no better than the most frequent answer.
#
# **A box** holds the middle half of the runs, its line is the median, its whiskers reach the ends. Every run is a dot as well: twenty are few enough to be seen.
#
# **The best of $n$ seeds.** People tune with several seeds and keep the run that is best on development examples. What can they expect? Put the $N$ scores in rising order,
# $s_1\le\dots\le s_N$. Of $n$ different runs, number $i$ is the best with the chance that the other $n-1$ stand below it:
#
# $$E_n=\sum_{i=n}^{N}\frac{\binom{i-1}{n-1}}{\binom{N}{n}}\,s_i .$$
#
# No resampling is needed. To learn what that run scores on *test*, put its test score in the place of $s_i$.

# %% tags=["hide-input"]
import math

import torch
from IPython.display import Markdown, display

from isomorph import effects, exercises, figures, findings
from isomorph.effects import Contrast
from isomorph.findings import (
    cured,
    few_samples,
    many_seeds,
    printed_spreads,
)
from isomorph.findings.words import condition_name
from isomorph.ledger.tables import few_sample
from isomorph.models.optimisers import BertAdam, overstep
from isomorph.presets import conditions

CLAIMS = [f"6.{number}" for number in range(1, 8)]
ONE_K = {
    name: f"{name}_1k"
    for name in (
        "intermediate_task",
        "layerwise_learning_rate",
        "mixout",
        "pretrained_weight_decay",
        "weight_decay",
        "reinit",
    )
}


def say(*lines):
    """Show some Markdown whose numbers come from rows."""
    display(Markdown(" ".join(lines)))


def change(found, plus, minus, metric="test_score"):
    """The change of a score in words, with its interval."""
    return few_samples.told(
        findings.combined(found.rows, [(metric, plus)], [(metric, minus)])
    )


def whole_numbers(figure):
    """The figure, with no fractions along its horizontal axis."""
    for axis in figure.axes:
        axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


def boxes(found, names, caption, alt, groups=None):
    """Boxes of those conditions that were run, each run a dot."""
    names = few_samples.there(found, names)
    table = few_samples.runs(found, names, groups=groups)
    if len(table):
        figures.show(
            figures.box_dots(
                table,
                quantity="test score, %",
                group="group" if groups else None,
                levels=few_samples.floor(found),
            ),
            caption=caption,
            alt=alt,
            table=table,
        )
    say(findings.behind(found, names))


# %% [markdown]
# ## By hand: the same gradients, two optimisers
#
# Two numbers, 0 at first, get the same random gradients. One is moved by Adam, the other by BERT's. How long is each step of the second, in steps of the first?

# %%
generator = torch.Generator().manual_seed(0)
gradients = 0.5 + torch.randn(100, 1, generator=generator)
numbers = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
optimisers = [
    torch.optim.Adam(numbers[:1], lr=1e-3),
    BertAdam(numbers[1:], lr=1e-3, eps=1e-8),
]
ratios = []
for gradient in gradients:
    before = [number.item() for number in numbers]
    for number, optimiser in zip(numbers, optimisers, strict=True):
        number.grad = gradient.clone()
        optimiser.step()
    adam, bert = (
        number.item() - old
        for number, old in zip(numbers, before, strict=True)
    )
    ratios.append(bert / adam)
for step in (1, 10, 12, 50, 100):
    told = f"{ratios[step - 1]:.2f}, and r is {overstep(step):.2f}"
    print(f"step {step}: {told}")

# %% [markdown]
# The gradients were random, and the ratio is not: it is $r(t)$. So leaving the correction out is the same as another *schedule of the learning rate*, one with a hump at the start.
#
# ## How long the hump lasts

# %% tags=["hide-input"]
import pandas as pd

MARKED = {
    "three epochs of 1,000 examples": 96,
    "RTE": 230,
    "MRPC": 340,
    "the longest that the paper tries": 3200,
}
at = sorted({round(10 ** (k / 16)) for k in range(61)} | {12})
curve = pd.DataFrame(
    {
        "metric": "a step, in steps of Adam",
        "step": at,
        "value": [overstep(step) for step in at],
        "group": "r",
    }
)
figure = figures.learning_curve(
    curve,
    metric="a step, in steps of Adam",
    x="step",
    group="group",
    log_x=True,
)
with figures.theme():
    (axis,) = figure.axes
    for steps in MARKED.values():
        axis.axvline(steps, color="#606060", linestyle="--", linewidth=1)
        axis.annotate(
            f"{steps}",
            (steps, 7.0),
            xytext=(2, 0),
            textcoords="offset points",
            fontsize="x-small",
        )
    axis.set_ylim(0.8, 7.2)
points = (1, 10, 12, 96, 230, 340, 539, 804, 1000, 3200, 5000)
figures.show(
    figure,
    caption="The factor r by which a step without bias correction is too long. Dashed: lengths of the paper's runs, 96 steps (three epochs of 1,000 examples), 230 (RTE), 340 (MRPC), and the longest that it tries.",
    alt="A curve over the steps on a logarithmic axis. It starts near 3, peaks above 6.5 at step 12, and falls back to 1 over some thousands of steps. "
    "Dashed lines at 96, 230, 340 and 3200 steps mark lengths of runs.",
    table=pd.DataFrame(
        {"step": points, "r": [overstep(step) for step in points]}
    ),
    provenance="Computed in this execution.",
)

# %% [markdown]
# A run of 96 steps ends before the factor is back to 3. But the learning rate is not the same all along: it rises over the first tenth of the steps and then falls to 0. What acts is the product of the two.

# %% tags=["hide-input"]
acting = few_samples.schedules(96)
wide = acting.pivot(
    index="step", columns="optimiser", values="value"
).reset_index()
figures.show(
    figures.learning_curve(
        acting.assign(metric="rate, as a share of its peak"),
        metric="rate, as a share of its peak",
        x="step",
        group="optimiser",
    ),
    caption="The learning rate of a run of 96 steps as it is set, and as it acts where Adam is not corrected.",
    alt="Two humps over 96 steps. The rate as it is set peaks at 1 after a tenth of the steps and falls in a line to 0. As it acts without the correction it peaks above 6 at about the same place, and stays above the other to the end.",
    table=wide,
    provenance="Computed in this execution.",
)
mnli = 3 * 392_000 // 32
ours = {
    f"ours: {condition_name(name)}": few_samples.steps(name)
    for name in ("standard", "standard_1k_longer", "standard_full_data")
}
lengths = MARKED | ours | {"all of MNLI, three epochs": mnli}
factors = few_samples.step_factors(
    dict(sorted(lengths.items(), key=lambda item: item[1]))
)
figures.show_table(
    factors.round(2),
    name="How many times too long the steps are, by length of the run",
)

# %% [markdown]
# The column *average* weighs each step by its rate. In a run of 96 steps an uncorrected Adam goes about five times too fast *all in all*. In a run over all of MNLI (its 392,000 examples are the paper's count) the
# correction changes a percent. So claim 6.2 can be worked out beforehand, for any optimiser setting: short runs are changed a lot, long ones hardly.
#
# Mind what follows. "Without the correction" means "at several times the learning rate, most of all early". Whether that makes runs *fail* depends on whether the rate was already near the edge.
#
# ## The experiment, and one run live
#
# **In a controlled world**: a masked model of six blocks of width 64, pretrained on one invented language. All seeds start from this same model. It is tuned on natural language inference with three answers: 1,000 examples, batches of 32,
# three epochs, ten checks on 200 development examples of which the best is kept. Some conditions have 2,500 examples, or 10,000 (*full data*), or more steps (*longer*). Our encoder has no pooler; its last layer normalisation stands between the blocks and the classifier, and takes the pooler's part.
#
# **On real text**: MiniLM, six blocks of width 384, on 1,000 examples of CoLA, which asks whether a sentence is good English. Its conditions are in a table below; how many seeds have run stands under it. MiniLM is *contrastively tuned* already and no plain masked model. The score is the Matthews correlation, times 100. These rows are recorded.

# %%
made, small = findings.in_worlds(
    "few_samples",
    few_samples.names(findings.small(size)),
    size=size,
    live="standard_1k",
    recompute=recompute,
)

# %% tags=["hide-input"]
large = findings.on_real_text(
    "few_samples",
    few_samples.names("reference"),
    size=size,
    recompute=recompute,
)
say(
    findings.live_again(
        "few_samples", made, ("test_score", "dev_score", "floor")
    )
)
losses = made[made["metric"] == "loss"].sort_values("layer")
say(
    "Its mean loss, epoch by epoch, in nats:",
    ", ".join(f"{value:.3f}" for value in losses["value"]) + ".",
    f"To guess among three answers costs {math.log(3):.3f}.",
)
figures.show_table(
    few_samples.settings(small.size),
    name="What is trained in the controlled world",
)
figures.show_table(
    few_samples.settings("reference"), name="What is trained on CoLA"
)
say("*Real text.*", findings.behind(large))

# %% [markdown]
# ## Adam, corrected and not
#
# *Standard* is with the correction. *Failed* is at or below the most frequent answer. The paper draws its line a little higher: on RTE it counts the runs below 55%, where the most frequent answer has 52.5%. *Failed or nearly* has that
# line, 2.5 points above the most frequent answer.

# %% tags=["hide-input"]
ADAM = {
    f"{optimiser}_{length}": told
    for length in ("1k", "1k_longer", "full_data")
    for optimiser, told in (
        ("standard", "corrected"),
        ("bert_adam", "not corrected"),
    )
}
PICTURE = "A line a condition: dots for single runs, and behind five or more a box. A dashed line marks the most frequent answer. The numbers are in the table below."
boxes(
    small,
    ADAM,
    "Controlled world: each dot is a run, filled if it was run here. The dashed line is the most frequent answer.",
    PICTURE,
    groups=ADAM,
)
figures.show_table(
    few_samples.spreads(small, ADAM),
    name="Controlled world: accuracy over seeds, in percent",
)
boxes(
    large,
    ADAM,
    "MiniLM on CoLA: each dot is a run. The dashed line is the most frequent answer.",
    PICTURE,
    groups=ADAM,
)
figures.show_table(
    few_samples.spreads(large, ADAM),
    name="MiniLM on CoLA: Matthews correlation over seeds, times 100",
)
for name, found in ((findings.WORLD, small), ("MiniLM", large)):
    gap = few_samples.spread_ratio(found, "bert_adam_1k", "standard_1k")
    say(
        f"*{name}.* Without the correction the mean score "
        f"{change(found, 'bert_adam_1k', 'standard_1k')}; the spread of the runs that "
        f"learnt {gap}; the share of failed runs "
        f"{change(found, 'bert_adam_1k', 'standard_1k', 'failed_run')}."
    )
for name, found in ((findings.WORLD, small), ("MiniLM", large)):
    ends = few_samples.spreads(found, ("standard_1k", "bert_adam_1k"))
    told = "; ".join(
        f"{line['condition']}: {line['from']} to {line['to']}"
        for _, line in ends.iterrows()
        if line["seeds"]
    )
    if told:
        say(f"*{name}*, lowest and highest run. {told}.")
(first,) = findings.claims_of(["6.1"])
say(f"What the paper prints: {cured.printed(first)}.")

# %% [markdown]
# A spread has two ends. Longer steps can throw a run off, and they can also carry one further in the few steps there are: look at where the *best* runs stand. And where
# nearly all runs fail, they stand close together: a small spread can be that of runs that have all learnt nothing. So read the spread beside the mean and the share of failed runs, never alone.
#
# The weights keep a record of the steps. If steps are five times too long, and go the same way, the weights end five times as far from where they started. If they go to and fro they end nearer than that.
# How far do they get, against what the formula alone foretells?

# %% tags=["hide-input"]
lines = []
for length in ("_1k", "_1k_longer", "_full_data"):
    steps = few_samples.steps(f"standard{length}")
    (foretold,) = few_samples.step_factors({"": steps})["average"]
    line = {"run": condition_name(f"standard{length}"), "steps": steps}
    line["average of r"] = f"{foretold:.2f}"
    for name, found in ((findings.WORLD, small), ("MiniLM", large)):
        ratio = few_samples.further(
            found, f"bert_adam{length}", f"standard{length}"
        )
        line[f"distance, {name}"] = (
            findings.NOT_RUN if math.isnan(ratio) else f"{ratio:.2f}"
        )
    lines.append(line)
figures.show_table(
    pd.DataFrame(lines),
    name="How many times as far the weights move without the correction",
)

# %% [markdown]
# ## Drawing the top anew
#
# The top blocks of a pretrained encoder serve the task of pretraining: to name a hidden word. For another task they may be a bad start. **Re-initialisation** draws them anew, as they were before pretraining. In our encoder it is one
# block of six (*too many* is four) with the last layer normalisation; *pooler* is this normalisation alone. Of MiniLM it is one block of six. Of BERT-large the paper draws one to six of twenty-four, chosen on development examples.

# %% tags=["hide-input"]
TOP = ("standard_1k", "reinit_pooler_1k", "reinit_1k", "reinit_too_many_1k")
boxes(
    small,
    TOP,
    "Controlled world: more and more of the top is drawn anew, from line to line. The dashed line is the most frequent answer.",
    PICTURE,
)
figures.show_table(
    few_samples.spreads(small, TOP),
    name="Controlled world: accuracy over seeds, in percent",
)
boxes(
    large,
    TOP,
    "MiniLM on CoLA: more and more of the top is drawn anew, from line to line. The dashed line is the most frequent answer.",
    PICTURE,
)
figures.show_table(
    few_samples.spreads(large, TOP),
    name="MiniLM on CoLA: Matthews correlation over seeds, times 100",
)
for name, found in ((findings.WORLD, small), ("MiniLM", large)):
    gap = few_samples.spread_ratio(found, "reinit_1k", "standard_1k")
    say(
        f"*{name}.* With the top drawn anew the mean score "
        f"{change(found, 'reinit_1k', 'standard_1k')}, and the spread of the runs that learnt {gap}."
    )
say(
    f"*{findings.WORLD}.* The normalisation alone: the mean score {change(small, 'reinit_pooler_1k', 'standard_1k')}. "
    f"Four blocks against one: it {change(small, 'reinit_too_many_1k', 'reinit_1k')}; "
    f"of MiniLM it {change(large, 'reinit_too_many_1k', 'reinit_1k')}."
)

# %% [markdown]
# A block that is drawn anew has to be learnt from 1,000 examples. Whether that pays depends on what the block held: a top that is specialised in hidden words is in the way, and one that the task can use is a loss. One of six is as large a part
# as four of twenty-four, within what the paper tries. Four of six is as much as sixteen.
#
# ## Longer
#
# Three epochs are a habit. With 1,000 examples they are 96 steps.

# %% tags=["hide-input"]
LONG = {
    f"{start}{length}": told
    for length in ("_1k", "_1k_longer", "", "_longer")
    for start, told in (
        ("standard", "standard"),
        ("reinit", "re-initialised"),
    )
}
boxes(
    small,
    LONG,
    "Controlled world: 1,000 examples (1k) and 2,500, three epochs and longer. The dashed line is the most frequent answer.",
    PICTURE,
    groups=LONG,
)
boxes(
    large,
    LONG,
    "MiniLM on CoLA: 1,000 examples, three epochs and longer. The dashed line is the most frequent answer.",
    PICTURE,
    groups=LONG,
)
tables = few_sample()
table_1 = tables[tables["table"] == "Table 1"]
table_2 = tables[tables["table"] == "Table 2"]
figures.show_table(
    printed_spreads.beside_paper(
        {findings.WORLD: small, "MiniLM, CoLA": large},
        table_1,
        LONG,
        ("mnli", "rte", "cola"),
    ),
    name="Mean and standard deviation over seeds (number of seeds), beside the paper's Table 1",
)
TEST = "test_score"
more = findings.combined(
    small.rows,
    [(TEST, "standard_1k_longer"), (TEST, "standard")],
    [(TEST, "standard_1k"), (TEST, "standard_longer")],
)
for name, found in ((findings.WORLD, small), ("MiniLM", large)):
    narrower = findings.combined(
        found.rows,
        [(TEST, "reinit_1k_longer"), (TEST, "standard_1k")],
        [(TEST, "standard_1k_longer"), (TEST, "reinit_1k")],
    )
    wider = few_samples.spread_ratio(
        found, "standard_1k_longer", "standard_1k"
    )
    say(
        f"*{name}.* With 1,000 examples, longer training: the score {change(found, 'standard_1k_longer', 'standard_1k')}, "
        f"and the spread of the runs that learnt {wider}. "
        f"With longer training, what re-initialisation adds {few_samples.told(narrower)}."
    )
say(
    f"*{findings.WORLD}.* With 2,500 examples, longer training: the score {change(small, 'standard_longer', 'standard')}. "
    f"The gain with 1,000 less this one, in points: {findings.written(more, sign=True)}."
)

# %% [markdown]
# Of the paper's sets MNLI is the one most like our task. Read its column against ours. Its jump from three epochs to longer says that three epochs of 1,000 examples had hardly begun to teach the task. Mind what that does to a spread: runs that have learnt little *cannot* lie far apart, runs that are
# taking off at different times can, and runs that have arrived no longer do. A spread says something about a method only together with the mean.
#
# ## Other methods
#
# Six ways to make few examples go further, each with the corrected Adam:
#
# | Method | What it does |
# |:--|:--|
# | another task first | tunes on a larger task before; the paper takes MNLI, we take the world's parsing, and for MiniLM the English part of XNLI |
# | layer-wise rates | a smaller learning rate the lower the block (0.95 from block to block) |
# | mixout | in each step, puts some of the weights (0.1) back to their pretrained values |
# | decay to the start | pulls the weights to their pretrained values |
# | weight decay | pulls the weights to 0 |
# | re-initialised | draws the top anew, as above |
#
# (The last column of the paper's Table 2, longer training, is the section above.)

# %% tags=["hide-input"]
asked = [
    Contrast(
        condition_name(name).removesuffix(", 1k"),
        TEST,
        name,
        "standard_1k",
        paper=(ours, "standard"),
    )
    for ours, name in ONE_K.items()
]
gains = findings.effects_of(small, asked, table_2)
real = findings.effects_of(large, asked).dropna(subset=["value"])
both = pd.concat(
    [
        gains.assign(source=findings.WORLD),
        real.assign(source="MiniLM, CoLA"),
    ]
).assign(metric="")
figures.show(
    figures.forest(
        both,
        paper_name="the paper, mean of its four sets",
        quantity="gain in test score, points",
    ),
    caption="Each method less standard fine-tuning, with its interval over seeds. Ours are on 1,000 examples. Crosses: the paper's Table 2, full sets, the mean of four.",
    alt="A line a method with a mark and a bar for the controlled world, for MiniLM where it was run, and a cross for the paper. A vertical line marks no change.",
    table=both[
        ["label", "source", "value", "low", "high", "seeds", "paper"]
    ],
)
methods = ["standard_1k", *ONE_K.values(), "standard_1k_longer"]
figures.show_table(
    few_samples.spreads(small, methods),
    name="Controlled world: accuracy over seeds, in percent",
)
figures.show_table(
    few_samples.spreads(large, methods),
    name="MiniLM on CoLA: Matthews correlation over seeds, times 100",
)
decays = few_samples.shrunk(96, rate=1e-3, decay=0.1)
paper = few_samples.shrunk(230, rate=2e-5, decay=1.0)
say(
    "**Why decay does so little.** A decay pulls at each step by its strength times the learning rate. "
    f"Over our 96 steps all pulls together come to {100 * decays:.1f}% of a weight. "
    f"In the paper's run on RTE (230 steps, peak rate 2e-5) a decay of even 1 would come to {100 * paper:.2f}%."
)

# %% [markdown]
# So "brings little" was settled before any run, for both kinds of decay: they *cannot* bring much in so few steps. The paper's own table has the very same numbers with weight decay as without.
#
# ## How many seeds?
#
# First, for one who keeps the best run.

# %% tags=["hide-input"]
SEEDS = (
    "standard_1k",
    "bert_adam_1k",
    "reinit_1k",
    "mixout_1k",
    "intermediate_task_1k",
)
for place, found in ((findings.WORLD, small), ("MiniLM, CoLA", large)):
    for told, what in (
        ("dev_score", "best development score of n seeds, %"),
        ("test_score", "test score of the run so chosen, %"),
    ):
        curves = many_seeds.best_curves(found, SEEDS, told=told)
        if curves.empty:
            continue
        figures.show(
            whole_numbers(
                figures.learning_curve(
                    curves.assign(metric=what),
                    metric=what,
                    x="seeds tried",
                )
            ),
            caption=f"{place}: {what[:-3]}, expected over all ways to draw n of the seeds.",
            alt="A line a condition over the number of seeds tried, from 1 to all of them. What it says is in the table below, at each number of seeds.",
            table=curves.pivot(
                index="seeds tried", columns="condition", values="value"
            ).reset_index(),
            provenance="From the runs above.",
        )

# %% [markdown]
# The development score must rise with $n$: it is a maximum. The test score need not. Where it stays flat, choosing by development found lucky runs, not good ones.
#
# Second, for one who reports a mean; third, for one who compares two methods.

# %% tags=["hide-input"]
for place, found in ((findings.WORLD, small), ("MiniLM, CoLA", large)):
    names = [n for n in SEEDS if n in found.names]
    figures.show_table(
        many_seeds.enough(found, names),
        name=f"{place}: how many seeds until the best run, or the mean, is known to one point; and what choosing the best of all gains, in points",
    )
    figures.show_table(
        many_seeds.disagreeing(
            found,
            [(name, "standard_1k") for name in names if name != SEEDS[0]],
        ),
        name=f"{place}: how often n seeds put the two conditions in the other order than all seeds do",
    )
(sixth,) = findings.claims_of(["6.6"])
low, high = next(iter(sixth.paper_value.values()))
say(f"The paper's answer: {low:.0f} to {high:.0f} seeds.")

# %% [markdown]
# *Stable* has these three meanings, and they ask for different numbers. The best run is settled soonest, because a maximum over a few seeds is already high. A mean is known to $s/\sqrt n$, with $s$ the spread: half the error costs four times the seeds. And an order of two
# methods depends on how far they are apart: a difference much smaller than the spread is not settled by twenty seeds.
#
# ## Where the weights move
#
# How far is each block from where it started, when tuning ends? For a block that was drawn anew, the start is the draw.

# %% tags=["hide-input"]
MOVED = ("standard_1k", "reinit_1k", "reinit_too_many_1k")
for place, found in ((findings.WORLD, small), ("MiniLM, CoLA", large)):
    own = found.rows[
        (found.rows["metric"] == "weight_distance")
        & found.rows["condition"].isin(MOVED)
    ]
    if own.empty:
        continue
    own = own.assign(
        condition=own["condition"].map(condition_name),
        block=own["layer"].astype(int),
        metric="distance of the block's weights from their start",
    )
    figures.show(
        whole_numbers(
            figures.learning_curve(
                own,
                metric="distance of the block's weights from their start",
                x="block",
            )
        ),
        caption=f"{place}: how far the weights of each block moved; 1 is the bottom block. A mark a run, filled if it was run here; the line is the mean.",
        alt="A line a condition over the blocks from bottom to top, with a mark for each seed around it. The means are in the table below.",
        table=own.groupby(["condition", "block"])["value"]
        .mean()
        .unstack("condition")
        .reset_index(),
    )
measures = {
    "bottom_weight_distance": "bottom third",
    "top_weight_distance": "top third",
}
for place, found in ((findings.WORLD, small), ("MiniLM, CoLA", large)):
    figures.show_table(
        few_samples.distances(
            found, [n for n in MOVED if n in found.names], measures
        ),
        name=f"{place}: distance of the weights from their start",
    )

# %% [markdown]
# Distances are of all the weights of a block together, so they compare conditions of one encoder, and not two encoders. And they are of the weights that were *kept*, those of the best check on development examples: a run that was
# best early has moved little, however far it went on afterwards.
#
# ## The paper's tables
#
# As printed, times 100, mean ± standard deviation over seeds.

# %% tags=["hide-input"]
for name, title in (
    ("Table 1", "training length and re-initialisation"),
    ("Table 2", "methods, all with the corrected Adam, full sets"),
    ("Table 3", "the most frequent answer, on test"),
):
    figures.show_table(
        printed_spreads.printed(tables[tables["table"] == name]),
        name=f"Zhang et al. (2021), {name}: {title}",
    )
apart = printed_spreads.disputed(tables)
told = "; ".join(
    f"{row['condition']}, {row['data set']}: {row['Table 1']} in Table 1, {row['Table 2']} in Table 2"
    for _, row in apart.iterrows()
)
say(
    f"The paper says that the last two columns of Table 2 are copied from Table 1. {len(apart)} cells are not the same: {told}. Both stand here as printed."
)

# %% [markdown]
# What do these spreads say of these differences? A difference of two means has the standard error $\sqrt{(s_1^2+s_2^2)/n}$. From how many seeds of each is it twice that? (This is derived here, from the printed numbers.)

# %% tags=["hide-input"]
figures.show_table(
    printed_spreads.settled(
        table_1,
        {
            "re-initialised, 1k": ("reinit_1k", "standard_1k"),
            "re-initialised, 1k, both longer": (
                "reinit_1k_longer",
                "standard_1k_longer",
            ),
            "re-initialised, full sets": ("reinit", "standard"),
            "longer, 1k": ("standard_1k_longer", "standard_1k"),
            "longer, full sets": ("standard_longer", "standard"),
        },
    ),
    name="Differences in Table 1, and from how many seeds each is twice its standard error",
)

# %% [markdown]
# Five to ten seeds settle the large differences, and twenty do not settle all that the table prints. *How many seeds are enough* has no answer without *for which difference*.
#
# ## The outcome

# %% tags=["hide-input"]
verdicts = claims.predictions(CLAIMS)
figures.show_table(
    claims.by_ground(CLAIMS), name="Claims 6.1 to 6.7, by ground"
)
figures.show_table(verdicts, name="The same, prediction by prediction")
say(findings.in_short(verdicts))
failed = small.rows.loc[small.rows["metric"] == "failed_run", "value"]
say(
    f"Of {len(failed)} runs in the controlled world, {failed.sum():.0f} failed. "
    "A part of a claim that counts failed runs can be decided only where some fail."
)

# %% [markdown]
# ## Cautions

# %% tags=["hide-input"]
rows = small.rows
(score,) = effects.levels(rows, TEST, ["standard_1k"])["value"]
task = conditions("few_samples", small.size)[0].run.downstream
ends = {
    metric: few_samples.chance_error(score / 100, examples)
    for metric, examples in (
        ("test", task.test),
        ("development", task.development),
    )
}
final = rows[
    (rows["metric"] == "loss") & (rows["condition"] == "standard_1k")
]
final = final[final["layer"] == final["layer"].max()]["value"].mean()
big = conditions("few_samples", "paper")
say(
    f"- **Our encoder is tiny, and three epochs are far from converged.** Standard fine-tuning ends at a loss of {final:.2f} nats, where guessing costs {math.log(3):.2f}. Its peak rate, 1e-3, is fifty times the paper's: small models bear that, "
    "but a rate five times as high is another matter for them than for BERT-large at 2e-5.\n"
    f"- **Scores are themselves uncertain.** An accuracy of {score:.0f}% on {task.test} test examples has a standard error of {ends['test']:.1f} points by the choice of examples, and on {task.development} development examples of {ends['development']:.1f}. "
    "All seeds are scored on the same ones, so it shifts them together; but what is *best* by development is in part luck with these examples.\n"
    "- **One encoder, one draw of the examples.** What varies is the head's first weights, the order of examples and the blocks that are drawn. Another 1,000 examples or another pretraining would add to the spread, and no interval here knows of it.\n"
    "- **Settings.** We use no dropout, where the paper has 0.1. Strengths of the methods were set once, before any run, and not tuned; the number of re-initialised blocks too, where the paper chooses on development examples. "
    "In the world the first task is parsing, where the paper's is MNLI, a larger set of the same kind as RTE.\n"
    "- **CoLA on MiniLM.** An encoder that was tuned to compare meanings has little reason to know whether a sentence is grammatical. Differences have to fit between its score and that of the most frequent answer, 0.\n"
    f"- **What would settle it.** The paper's own setting is configured: {len(big)} runs of BERT-large on four sets, in full and with 1,000 examples, {len({c.run.seed for c in big})} seeds each (`isomorph run few_samples --size paper`). It has not been run. "
    "With one claim at stake, the first to run would be RTE with and without the correction: that is where the paper saw runs fail."
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} Undo it
# :label: few_samples_many_seeds.1
#
# You are stuck with an Adam that is not corrected, but may set the learning rate of each step. By what must you multiply the rate of step `t` (from 1), so that the step is as long as Adam's? `b1` and `b2` are its two decays.
# ```


# %%
def share(t, b1, b2):
    return ...


# solution
def share(t, b1, b2):
    return (1 - b2**t) ** 0.5 / (1 - b1**t)


# %%
exercises.check("few_samples_many_seeds.1", share)

# %% [markdown] tags=["solution"]
# It is $1/r(t)$: small early, and 1 in the end. That is a *warm-up*, of some thousand steps. Warm-up and bias correction do the same job, which is why a short warm-up cannot make up for the missing correction in a short run.

# %% [markdown]
# ```{exercise} The best of n
# :label: few_samples_many_seeds.2
#
# Of the list `scores`, `n` different ones are drawn. Return the mean of the best one, over all ways to draw.
# ```


# %%
def best(scores, n):
    return ...


# solution
def best(scores, n):
    from itertools import combinations

    drawn = [max(chosen) for chosen in combinations(scores, n)]
    return sum(drawn) / len(drawn)


# %%
exercises.check("few_samples_many_seeds.2", best)

# %% [markdown] tags=["solution"]
# With twenty scores there are 184,756 ways to draw ten. The formula above needs twenty terms: sort, and ask how often each score is the best.

# %% [markdown]
# ```{exercise} How many seeds, then
# :label: few_samples_many_seeds.3
#
# Take the paper's spreads on MNLI with 1,000 examples and three epochs (Table 1), for standard and for re-initialised. How many seeds does it take, at the least, until the standard error of the mean is at most 1 point? Give both numbers, standard first.
# ```

# %%
seeds = ...  # [standard, re-initialised]
# solution
one = table_1[table_1["pair"] == "mnli"].set_index("condition")["std"]
seeds = [math.ceil(one[name] ** 2) for name in ("standard_1k", "reinit_1k")]

# %%
exercises.check("few_samples_many_seeds.3", seeds)

# %% [markdown] tags=["solution"]
# The standard error is $s/\sqrt n$, so $n\ge s^2$ with $s$ in points. A method that makes the spread seven times smaller saves a factor of fifty in seeds.
