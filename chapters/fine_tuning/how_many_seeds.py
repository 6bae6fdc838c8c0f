# %% [markdown]
# # How many seeds
#
# Two methods are compared by five runs each, and one mean is two points higher. Is it the better method? And who tunes with ten seeds and keeps the best run: what has been kept, a good run or a lucky one? This chapter asks how far scores of
# seeds lie apart, and how many it takes before a comparison means something.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import exercises
from isomorph.experiment import Experiment, answer, verdict

answer("6.6")

# %% [markdown]
# ## The claim
#
# Zhang and colleagues {cite}`zhang2021revisiting` tune BERT-large on small sets with twenty seeds. **Claim 6.6**: with the corrected optimiser, five to ten seeds are enough for a stable result.
#
# *Stable* can mean three things: that the best run is known, that the mean is known, or that the order of two methods is.
#
# ## One encoder, three seeds, live
#
# What varies is the head's first weights and the order of the examples. The encoder and the 1,000 examples are the same: a masked model of a {term}`controlled world` and natural language inference, as in the two chapters before.

# %%
from itertools import combinations
from math import ceil, comb

import numpy as np
import pandas as pd

from isomorph.figures import blank, show, show_table

experiment = Experiment("few_samples", size, recompute=recompute)
run = experiment.run("standard_1k", seed=0)
model = experiment.model(run)
tuning = run.task.tuning.model_copy(update={"checks": 0})
task = run.task.model_copy(update={"tuning": tuning})
live = {seed: model.finetune(task, seed=seed).score() for seed in range(3)}
print({seed: f"{score:.1%}" for seed, score in live.items()})

# %% [markdown]
# Nothing but the seed has changed. (Recorded runs keep the best of ten checks on development examples; these keep the last weights.)
#
# ## The spread
#
# **The spread** is the standard deviation over seeds, $s$. It has an interval too (Bonett's {cite}`bonett2006approximate`), and not a narrow one: even of twenty seeds it reaches from about three quarters of the spread to one and a half times it, and further where some runs lie far out.

# %%
BOTH = ("test", "dev")
bert, minilm = (
    experiment.rows(at="reference", of=[name], split=BOTH)
    for name in ("our small BERT", "MiniLM")
)
places = {
    "controlled world": experiment.rows(split=BOTH),
    "our small BERT, similarity": bert[bert["task"] == "stsb"],
    "our small BERT, reviews": bert[bert["task"] == "sst2"],
    "MiniLM, CoLA": minilm,
}
SEEDS = {
    "standard_1k": "standard",
    "bert_adam_1k": "uncorrected Adam",
    "reinit_1k": "re-initialised",
    "mixout_1k": "mixout",
    "intermediate_task_1k": "another task first",
}


def scores(rows, name, split="test"):
    """The score of each seed in percent, in the order of seeds."""
    own = rows[(rows["metric"] == "score") & (rows["condition"] == name)]
    own = own[own["split"] == split]
    return 100 * own.sort_values("seed")["value"].to_numpy(float)


def measured(rows):
    """The conditions of which there are several runs."""
    return {
        name: label
        for name, label in SEEDS.items()
        if len(scores(rows, name, "dev")) > 1
    }


figure, axes = blank(6, 11, rows=4)
for axis, (place, rows) in zip(axes, places.items(), strict=True):
    there = measured(rows)
    for line, name in enumerate(there):
        own = scores(rows, name)
        axis.plot(own, [line] * len(own), "o", alpha=0.5, color="C0")
        axis.errorbar(
            own.mean(),
            line + 0.25,
            xerr=own.std(ddof=1),
            fmt="|",
            color="C3",
        )
    axis.set_yticks(range(len(there)), there.values())
    axis.set(title=place, ylim=(max(1, len(there)) - 0.5, -0.5))
label = axes[-1].set_xlabel(
    "test score, times 100; each panel its own scale"
)

# %% tags=["hide-input"]
show(
    figure,
    caption="Every run of five conditions, 1,000 examples each, and under them the mean with one standard deviation to each side. But for the uncorrected Adam on English text, conditions differ by less than their seeds do.",
    alt="Four panels, a line a condition: dots for runs, and a bar for the standard deviation over seeds.",
    table=pd.DataFrame(
        [
            [
                place,
                label,
                scores(rows, name).mean(),
                scores(rows, name).std(ddof=1),
            ]
            for place, rows in places.items()
            for name, label in measured(rows).items()
        ],
        columns=["place", "condition", "mean", "spread"],
    ).round(1),
)

# %% [markdown]
# ## The best of $n$ seeds
#
# People tune with several seeds and keep the run that is best on development examples. What can they expect? Put the $N$ scores in rising order,
# $s_1\le\dots\le s_N$. Of $n$ different runs, number $i$ is the best with the chance that the other $n-1$ stand below it:
#
# $$E_n=\sum_{i=n}^{N}\frac{\binom{i-1}{n-1}}{\binom{N}{n}}\,s_i .$$
#
# No resampling is needed. To learn what that run scores on *test*, put its test score in the place of $s_i$. Runs that tie on development share their chances.


# %%
def expected_best(chosen_by, of=None):
    """What the best of n runs scores on average, for n from 1 to all."""
    chosen_by = np.asarray(chosen_by, float)
    values = chosen_by if of is None else np.asarray(of, float)
    order, count = np.argsort(chosen_by, kind="stable"), len(chosen_by)
    ranked, values = chosen_by[order], values[order]
    values = np.array([values[ranked == each].mean() for each in ranked])
    found = []
    for n in range(1, count + 1):
        ways = [comb(i, n - 1) for i in range(count)]
        found.append(np.dot(ways, values) / comb(count, n))
    return np.array(found)


# %% [markdown]
# **Seven runs that we made**, few enough to try every way to draw three of them: the formula gives what the drawing gives. On development the sixth is the best; on test the scores have nothing to do with that.

# %%
dev = np.array([40, 42, 42, 45, 47, 52, 50])
unrelated = np.array([44, 41, 46, 43, 45, 42, 44])
drawn = [max(dev[list(three)]) for three in combinations(range(7), 3)]
assert np.isclose(expected_best(dev)[2], np.mean(drawn))
print("best on development:", expected_best(dev).round(1))
print("its score on test:  ", expected_best(dev, unrelated).round(1))

# %% [markdown]
# The development score must rise with $n$: it is a maximum. The test score need not. Where it does not, choosing by development found lucky runs, not good ones.

# %%
figure, axes = blank(8, 12, rows=4, columns=2)
grid = zip(
    axes, [(p, m) for p in places for m in ("dev", "test")], strict=True
)
for axis, (place, metric) in grid:
    rows = places[place]
    for name, label in measured(rows).items():
        dev, test = scores(rows, name, "dev"), scores(rows, name)
        curve = expected_best(dev, dev if metric == "dev" else test)
        axis.plot(range(1, len(curve) + 1), curve, label=label)
    what = {"dev": "best development score", "test": "its test score"}
    axis.set_title(f"{place}: {what[metric]}", fontsize="small")
    axis.set_ylabel("times 100")
for axis in axes[-2:]:
    axis.set_xlabel("seeds tried")
names = axes[0].get_legend_handles_labels()
legend = axes[3].legend(*names, loc="lower right", fontsize="small")

# %% tags=["hide-input"]
show(
    figure,
    caption="The best of n seeds by its development score, and what that run scores on test. Where runs lie far apart, as those of the uncorrected Adam do in the world and in our small BERT, the test score rises with the development score. Elsewhere it rises little or not at all, and on CoLA far less than development does.",
    alt="Four rows of two panels, a place each: lines over the number of seeds tried, from 1 to twenty, a line a condition; development scores on the left and test scores on the right.",
    table=pd.DataFrame(
        {
            f"{place}, {label}": expected_best(
                scores(rows, name, "dev"), scores(rows, name)
            )
            for place, rows in places.items()
            for name, label in measured(rows).items()
            if len(scores(rows, name)) == 20
        },
        index=pd.RangeIndex(1, 21, name="seeds tried"),
    )
    .round(1)
    .reset_index(),
)

# %% [markdown]
# ## How many, by three meanings
#
# A mean of $n$ seeds is known to $s/\sqrt n$: half the error costs four times the seeds. From which $n$ is the best run within a point of the best of all, and from which is the mean known to one point? And what does choosing the best of all gain over an average run?


# %%
def enough(rows):
    lines = {}
    for name, label in measured(rows).items():
        dev, test = scores(rows, name, "dev"), scores(rows, name)
        best, chosen = expected_best(dev), expected_best(dev, test)
        lines[label] = {
            "best run within 1": np.argmax(best >= best[-1] - 1 - 1e-9) + 1,
            "mean known to 1": max(1, ceil(test.var(ddof=1) - 1e-9)),
            "gain of choosing, development": best[-1] - best[0],
            "the same on test": chosen[-1] - chosen[0],
        }
    return pd.DataFrame(lines).T.rename_axis("condition").round(1)


for place, rows in places.items():
    if measured(rows):
        title = f"{place}: seeds until the best run, or the mean, is known to one point; and what choosing the best of all gains, in points"
        show_table(enough(rows), title)

# %% [markdown]
# Whether the best run or the mean is settled sooner depends on the condition: the wider the runs lie apart, the more seeds the mean asks for. **A single run can decide it.** Of our small BERT's standard runs on similarity nineteen stand close together and one at 17.5: three seeds find the best run to within a point, and the mean would ask for some two hundred. Re-initialised, where none stays behind, one seed
# is enough. On CoLA the uncorrected Adam needs the fewest for its mean, since nearly all of its runs have learnt nothing, and score alike. Choosing the best of twenty gains several points on development. On test it gains as much for the uncorrected Adam in the world and in our small BERT, and for standard where a run stayed behind; otherwise little or nothing.
#
# **The order of two methods.** How often do $n$ seeds, drawn from all of them, put a method on the other side of standard fine-tuning than all seeds do? Both have the same seeds, and a tie counts half.


# %%
def wrong_way(rows, name, counts=(1, 3, 5, 10), draws=4000):
    own = rows[(rows["metric"] == "score") & (rows["split"] == "test")]
    wide = own.pivot_table(
        index="seed", columns="condition", values="value"
    )
    apart = (wide[name] - wide["standard_1k"]).dropna().to_numpy()
    generator = np.random.default_rng(0)
    line = {"difference": f"{100 * apart.mean():+.1f}"}
    for n in counts:
        order = generator.random((draws, len(apart))).argsort(1)[:, :n]
        mean = apart[order].mean(1).round(9) * np.sign(apart.mean())
        share = (mean < 0).mean() + (mean == 0).mean() / 2
        line[f"{n} seed{'s' * (n > 1)}"] = f"{share:.0%}"
    return line


for place, rows in places.items():
    others = [name for name in measured(rows) if name != "standard_1k"]
    if others:
        table = {SEEDS[name]: wrong_way(rows, name) for name in others}
        show_table(
            pd.DataFrame(table).T.rename_axis("against standard"),
            f"{place}: how often n seeds say the opposite of all twenty",
        )

# %% [markdown]
# Large differences, such as that of the uncorrected Adam on English text and of re-initialisation in the world, are settled by three seeds. That of re-initialisation on similarity is as large and is not, since most of it is one run: three seeds say the opposite in one draw of eight. Of differences of half a point ten seeds still say the opposite in many draws, and what all twenty say may be wrong as well.
#
# ## The paper's tables
#
# As printed, times 100, mean ± standard deviation over seeds.

# %%
from isomorph.ledger import few_sample

tables = few_sample()
cells = tables.assign(
    cell=[
        f"{mean:.1f}" + ("" if np.isnan(std) else f" ± {std:.1f}")
        for mean, std in zip(tables["value"], tables["std"], strict=True)
    ]
)
for name, title in {
    "Table 1": "training length and re-initialisation",
    "Table 2": "methods, all with the corrected Adam, full sets",
    "Table 3": "the most frequent answer, on test",
}.items():
    own = cells[cells["table"] == name]
    own = own.assign(column=own["task"] + ", " + own["score"])
    wide = own.pivot(index="name", columns="column", values="cell")
    wide = wide.loc[own["name"].unique(), own["column"].unique()].fillna("")
    show_table(
        wide.rename_axis(index="condition", columns=None),
        f"Zhang et al. (2021), {name}: {title}",
    )
both = cells[cells["table"] != "Table 3"].pivot_table(
    index=["condition", "task"],
    columns="table",
    values="cell",
    aggfunc="first",
)
apart = both.dropna().query("`Table 1` != `Table 2`")
show_table(apart, "Cells that differ between Tables 1 and 2")

# %% [markdown]
# The paper says that the last two columns of Table 2 are copied from Table 1. Two cells are not the same. All stand here as printed.
#
# What do these spreads say of these differences? A difference of two means has the standard error $\sqrt{(s_1^2+s_2^2)/n}$. From how many seeds of each is it twice that? (This is derived here, from the printed numbers.)

# %%
table_1 = tables[tables["table"] == "Table 1"]
at = table_1.set_index(["condition", "task"])[["value", "std"]]
CONTRASTS = {
    "re-initialised, 1k": ("reinit_1k", "standard_1k"),
    "re-initialised, 1k, both longer": (
        "reinit_1k_longer",
        "standard_1k_longer",
    ),
    "re-initialised, full sets": ("reinit", "standard"),
    "longer, 1k": ("standard_1k_longer", "standard_1k"),
    "longer, full sets": ("standard_longer", "standard"),
}


def asked(plus, minus, task):
    if (plus, task) not in at.index or (minus, task) not in at.index:
        return ""
    (one, wide), (other, narrow) = (
        at.loc[(plus, task)],
        at.loc[(minus, task)],
    )
    apart = round(one - other, 1)
    noise = wide**2 + narrow**2
    n = max(2, ceil(4 * noise / apart**2)) if apart else "never"
    return f"{apart:+.1f}: {n}"


show_table(
    pd.DataFrame(
        {
            task: {
                label: asked(*two, task) for label, two in CONTRASTS.items()
            }
            for task in table_1["task"].unique()
        }
    ).rename_axis("difference"),
    "Differences in Table 1, and from how many seeds each is twice its standard error",
)

# %% [markdown]
# Five to ten seeds settle the large differences, and twenty do not settle all that the table prints. *How many seeds are enough* has no answer without *for which difference*.
#
# ## The outcome
#
# The rule asks whether seeds spread by less than three points: then ten of them give a mean to within one.

# %%
verdict("6.6")

# %% [markdown]
# Our small BERT decides, on each of its sets, and these seeds *cannot tell*. On reviews its runs spread by 2.5 points, and the interval reaches past 3. On similarity they spread by far more than 3, for the one run that stayed behind; but the bound is ours, and a bound that no source gives contradicts nobody. In the world and on CoLA standard fine-tuning stands less than ten points above its floor.
#
# ## Cautions
#
# - **Scores are themselves uncertain.** An accuracy of 42% on 600 test examples has a standard error of 2.0 points by the choice of examples, and on 200 development examples of 3.5. All seeds are scored on the same ones, so it shifts them together; but what is *best* by development is in part luck with these examples.
# - **One encoder, one draw of the examples.** Another 1,000 examples or another pretraining would add to the spread, and no interval here knows of it.
# - **A small spread may be that of runs that have learnt nothing.** Read it with the mean.
#
# ## Exercises
#
# ```{exercise} The best of n
# :label: how_many_seeds.1
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
exercises.check("how_many_seeds.1", best)

# %% [markdown] tags=["solution"]
# With twenty scores there are 184,756 ways to draw ten. The formula above needs twenty terms: sort, and ask how often each score is the best.

# %% [markdown]
# ```{exercise} How many seeds, then
# :label: how_many_seeds.2
#
# Take the paper's spreads on MNLI with 1,000 examples and three epochs (Table 1), for standard and for re-initialised. How many seeds does it take, at the least, until the standard error of the mean is at most 1 point? Give both numbers, standard first.
# ```

# %%
seeds = ...  # [standard, re-initialised]
# solution
one = table_1[table_1["task"] == "mnli"].set_index("condition")["std"]
seeds = [ceil(one[name] ** 2) for name in ("standard_1k", "reinit_1k")]

# %%
exercises.check("how_many_seeds.2", seeds)

# %% [markdown] tags=["solution"]
# The standard error is $s/\sqrt n$, so $n\ge s^2$ with $s$ in points. A method that makes the spread seven times smaller saves a factor of fifty in seeds.
