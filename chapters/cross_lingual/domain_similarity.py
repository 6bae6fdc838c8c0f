# %% [markdown]
# # Do the two languages have to speak of the same things?
#
# Train one encoder on an English and a French encyclopedia. Both speak of cities, wars and plants. Now
# keep the English one, and give the French side pages from all over the web. Words that
# mean the same now keep other company. Does the encoder still bring the two languages together?
#
# It is a practical question. For most languages there is some text, and seldom the text one would like.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("1.1")

# %% [markdown]
# ## The claim
#
# Conneau, Wu and colleagues {cite}`conneau2020emerging` pretrained encoders on English Wikipedia and
# the Wikipedia of a second language. Then they replaced the second one by web text (Common Crawl) of the same
# size. They tuned each encoder on a task in English and tested it in the second language. Here is what
# changed, in percent points, by their Table 1.

# %% tags=["hide-input"]
import statistics

import pandas as pd
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.effects import Contrast
from isomorph.findings import (
    FLOORS,
    PAPER,
    REAL,
    TASKS,
    WORLD,
    domains,
    ranking,
    score_name,
)
from isomorph.findings.domains import DIAL, TEXTS
from isomorph.ledger.tables import table_one
from isomorph.text import worlds

paper = table_one()
cells = paper.set_index(["condition", "metric", "pair"])["value"]
theirs = (cells["domain_mismatch"] - cells["default"]).unstack("pair")
theirs = theirs.loc[list(TASKS)]
theirs["mean"] = theirs.mean(axis=1)
figures.show_table(
    theirs.map("{:+.1f}".format)
    .rename(index=score_name)
    .rename_axis("task")
    .reset_index(),
    name="The paper: web text in the second language, less Wikipedia",
)

# %% [markdown]
# The paper reads this so. **Claim 1.1**: domain matters little for inference and parsing, and more
# for named entities. And it has a **nuance**. In French and Russian the entities are marked in *Wikipedia*
# (WikiANN): the very domain that the second language has lost. In Chinese they are marked in text that is
# no Wikipedia. There the loss is small. So perhaps it is not the task that matters. Perhaps we lose most
# *where the task's text is of the domain lost*.
#
# ## The method
#
# A **domain** is a kind of text: what it speaks of, and how. **Zero-shot transfer** is a score in the
# second language after tuning in the first alone. We use the paper's three tasks. *Inference*: does one sentence
# follow from another? (Accuracy, three labels.) *Entities*: which words name a person, an organisation, a place?
# (F1 over spans.) *Parsing*: which word depends on which, and how? (LAS, the share of words with the right head and
# relation.) Only the text of pretraining changes between conditions. Recipe, number of tokens and test stay.
#
# A score means little without its floors, so every table has three. *Majority* uses no encoder: the most frequent
# label, or for each word its most frequent tag. A *random* encoder was tuned and never pretrained. A
# *monolingual* one was pretrained on the first language only.
#
# An **effect** is a score under one condition less that under another. We take it seed by seed, since two models
# of one seed share their world and their start. Its 95% interval is Student's, of five
# seeds or more; fewer give none.
#
# ### A dial for domains
#
# In a controlled world we can turn the domain as one turns a dial. Every sentence has one of four topics. Each topic
# has its own nouns, verbs and adjectives; other words are common to all. With a **topic overlap** of 1 both languages
# speak of all four alike. With 0, language **a** has the first two and **b** the last two.

# %% tags=["hide-input"]
first = findings.chosen("factors", findings.small(size), ["default"])[0]
dial = domains.dial_table(first.run.pretraining.text.world)


def rounded(table):
    """The table with shares of words in percent."""
    shares = table["words shared"].map("{:.0%}".format)
    return table.assign(**{"words shared": shares})


figures.show_table(rounded(dial), name="The dial")

# %% [markdown]
# The last column says how far apart two texts are in words. Write both in one language (a world's can be, by its
# dictionary) and count words. If $p(w)$ and $q(w)$ are the relative frequencies of a word in the two,
#
# $$\text{words shared} = \sum_w \min\bigl(p(w),\, q(w)\bigr),$$
#
# which is 1 for texts of the same words and 0 for texts with none in common. The same can be done for real
# text. We have two domains that are parallel in six languages: the Bible, and the help of an office program.

# %% tags=["hide-input"]
texts = domains.shared_in_texts()
figures.show_table(
    rounded(texts),
    name="Words shared by two English texts without a sentence in common",
)
apart = texts.set_index("texts")["words shared"]["Bible / help"]
no_topic = dial["words shared"].iloc[-1]
farther = "larger" if apart < no_topic else "smaller"
display(
    Markdown(
        f"So Bible and help share {apart:.0%} of their words. A world without a common topic still shares "
        f"{no_topic:.0%}, because names, determiners and prepositions belong to no topic. By this measure the real "
        f"mismatch is the {farther} one. Keep that in mind below."
    )
)

# %% [markdown]
# ## In controlled worlds
#
# We now train the far end of the dial, with no topic in common, and tune and test it on the three tasks. The
# other settings were recorded earlier by the same configurations.

# %%
made, world = findings.in_worlds(
    "factors",
    (*DIAL, *FLOORS),
    size=size,
    live="domain_mismatch",
    recompute=recompute,
)

# %% tags=["hide-input"]
in_a = made.set_index("metric")["value"]
told = [f"{score_name(m)} {100 * in_a[f'{m}_source']:.1f}%" for m in TASKS]
display(
    Markdown(
        f"{findings.live_again('factors', made)} In the first language itself: {', '.join(told)}."
    )
)

# %% tags=["hide-input"]
figures.show(
    figures.dose_response(
        domains.along_the_dial(world.rows),
        x="topic_overlap",
        metrics=TASKS,
        baselines=findings.floors(world),
        falling=True,
    ),
    caption="Controlled world: zero-shot scores in the second language as the two languages' topics part, from all "
    "topics in common on the left to none on the right. Thin lines are single seeds.",
    alt="Three panels, inference, entities and parsing. In each a line runs from full topic overlap on the left to "
    "none on the right, with a band for its interval and dashed levels for majority, random and monolingual.",
    table=findings.scores(world),
    provenance=findings.behind(world),
)

# %% tags=["hide-input"]
contrasts = [
    Contrast(score_name(m), m, "domain_mismatch", "default")
    for m in (*TASKS, *(f"{m}_source" for m in TASKS))
]
ends = findings.effects_of(world, contrasts, paper)
moves = ends.set_index("metric").loc[list(TASKS)]
told = [f"{score_name(m)}: {findings.moved(moves.loc[m])}" for m in TASKS]
own = world.rows[world.rows["condition"] == "default"]
own = own[own["metric"].isin(TASKS)].groupby("metric")["value"]
apart = 100 * (own.max() - own.min())
most = moves["value"].abs()
most = score_name(most.idxmax()) if most.notna().any() else "not known"
display(
    Markdown(
        f"From all topics in common to none, each score of **b**. {'; '.join(told).capitalize()}. The task that changes most is **{most}**. The table "
        "adds the first language, where nothing has to be transferred. The paper's number is the mean of its three pairs. "
        f"Seeds differ, too: under the default alone their scores in {score_name(apart.idxmax())} lie {apart.max():.1f} "
        "points apart. An interval is as wide as the seeds make it."
    )
)
figures.show_table(
    findings.changes(ends).drop(columns="change"),
    name="No topic in common less all in common",
)

# %% [markdown]
# A score at its floor has nothing to lose, whatever the domain. So compare the better of the two ends of the dial with the
# highest floor that was measured.

# %% tags=["hide-input"]
world_floor = domains.above_floors(world.rows, ["a-b"], TASKS)
figures.show_table(
    domains.floors_to_read(world_floor), name="Worlds: scores and floors, %"
)
clear = world_floor[world_floor["informative"]]
display(
    Markdown(
        f"At least {domains.LEAST:g} points above every floor: {', '.join(clear['task']) or 'none'}. Only there can a lost "
        "domain show. The two languages share some strings, names among them. So even an encoder that was never pretrained "
        "may answer part of the questions, and its floor says how many."
    )
)

# %% [markdown]
# Look at the first language too. Its own text turns with the dial as well: at 0, **a** reads two topics only. Entities
# and parsing are also *tuned* on sentences of that text, while inference is tuned on pairs of all topics. All tests are
# of all topics. So part of a loss may have nothing to do with transfer. What is lost in **b** beyond what is lost in
# **a** is the part that has.
#
# ### Where the task's text is of the domain lost
#
# For the nuance we cut each test in two. Two of the four topics are *lost*: under the mismatch, **b** has never read of
# them, and **a** has. The other two are *kept*: **b** reads of nothing else. If the nuance holds, the drop is larger on
# lost topics. The drop on lost topics less the drop on kept ones answers that, seed by seed.

# %% tags=["hide-input"]
by_part = findings.effects_of(world, domains.by_topics())
figures.show(
    figures.forest(by_part.drop(columns="metric")),
    caption="Controlled world: change of each score on the topics that the second language lost, and on those it "
    "kept, from all topics in common to none.",
    alt="For inference, entities and parsing two lines each, lost and kept topics, with the change in percent points "
    "and its interval, against a line at no change.",
    table=findings.changes(by_part),
    provenance=findings.behind(world, ("default", "domain_mismatch")),
)
figures.show_table(
    domains.nuance_table(world.rows),
    name="Do lost topics fare worse than kept ones?",
)

# %% tags=["hide-input"]
told = {}
for task, found in domains.nuance(world.rows).items():
    told.setdefault(domains.reading(found), []).append(score_name(task))
told = "; ".join(f"{what}: {', '.join(t)}" for what, t in told.items())
display(
    Markdown(
        f"The two changes compared, task by task. {told.capitalize()}. Mind a force that pulls the other way. Kept topics are new to **a**, and to the tuning "
        "on entities and parsing: what **b** has read there, the task's head has not. A drop on kept topics counts what "
        "the *first* language lost, and a drop on lost ones what the *second* did. The difference weighs one against the "
        "other. Inference, tuned on all topics, has least of this."
    )
)

# %% [markdown]
# ## On real text
#
# English reads the Bible. The second language reads the Bible as well (*Bible / Bible*, the default), or it reads the help
# (*Bible / help*, the other domain). *Help / help*, with French, is a second pair of equal domains. The encyclopedic text of the paper
# is not among the texts that ship with this book. At the size `paper` the chapter fetches Wikipedia and web text (mC4).
#
# Our tests lie on both sides of the divide. *Passage relation* (does this passage follow that one?) and *sentence
# retrieval* are of the **Bible**: the domain that the second language loses. *Interface terms* (which words name a menu or a key?)
# are of the **help**: the domain that it gains. The paper's own sets, XNLI, WikiANN and Universal Dependencies, are
# of neither.

# %% tags=["hide-input"]
real = findings.on_real_text(
    "factors", (*TEXTS, *FLOORS), size=size, recompute=recompute
)
full, reason = findings.on_paper_text(
    "factors",
    ("default", "domain_mismatch"),
    size=size,
    recompute=recompute,
)
pairs = sorted(set(real.rows["pair"]))
measured = real.has(*(m for of in domains.TASKS_OF.values() for m in of))
named = {findings.condition_name(name): TEXTS[name] for name in TEXTS}
for pair in pairs:
    table = findings.scores(real, measured, pairs=[pair])
    table["condition"] = table["condition"].replace(named)
    figures.show_table(
        table, name=f"Real text, {pair}: scores in the second language, %"
    )
display(Markdown(f"{findings.behind(real)} {reason}"))

# %% [markdown]
# Two columns compare less than they seem to. Retrieval is among held-out sentences of the first language's domain: verses
# in the first two conditions, help paragraphs under *help / help*. And a random encoder was not measured on it.
#
# The changes against *Bible / Bible* follow, pair by pair. They are grouped by what the task's text is: of the domain that
# the second language lost, of the one it gained, or of neither. A cross is the paper's, where it has the same task.

# %% tags=["hide-input"]
moves = findings.effects_of(real, domains.by_text(pairs), paper)
if moves["value"].notna().any():
    figures.show(
        figures.forest(moves.drop(columns="metric")),
        caption="Real text: Bible / help less Bible / Bible, in percent points. Hollow marks are of too few seeds for "
        "an interval.",
        alt="Changes in percent points for each task and pair of languages, grouped by whether the task's text is of "
        "the domain lost, of the domain gained, or of neither, with crosses for the paper.",
        table=findings.changes(moves),
        provenance=findings.behind(real, ("default", "domain_mismatch")),
    )

# %% [markdown]
# Again we first see which tasks these small encoders carry over at all.

# %% tags=["hide-input"]
floor = domains.above_floors(real.rows, pairs)
figures.show_table(
    domains.floors_to_read(floor), name="Scores and floors, %"
)
display(
    Markdown(
        f"{domains.told_by_texts(moves, floor)} {domains.at_floor(floor)}"
    )
)

# %% [markdown]
# ## Beside the paper
#
# The two rows of the paper's Table 1, and ours. Ours are small models on little text. So compare the differences between
# rows, not the rows.

# %% tags=["hide-input"]
sources = {WORLD: world, REAL: real} | ({PAPER: full} if full else {})
for m in TASKS:
    figures.show_table(
        findings.beside(sources, paper, ("default", "domain_mismatch"), m),
        name=f"{score_name(m)}: ours and the paper's, %",
    )

# %% [markdown]
# ## The outcome
#
# The rule asks parsing first: whether it moves by less than 5 points. Then whether entities lose more than parsing does. Before it may
# speak, the default model has to parse better than an untrained encoder does.

# %% tags=["hide-input"]
table = claims.predictions(["1.1"])
figures.show_table(table, name="Claim 1.1, prediction by prediction")
low = " ".join(
    f"{where.capitalize()}. {told}"
    for where, told in (
        (WORLD, domains.at_floor(world_floor)),
        (REAL, domains.at_floor(floor)),
    )
    if told
)
display(
    Markdown(
        f"{findings.in_short(table)} A change that is small because there was nothing to lose is no evidence that "
        f"domains do not matter. {low}"
    )
)

# %% [markdown]
# The paper's nuance, that Chinese entities lose little where neither corpus is Wikipedia, has no prediction of its own: our Chinese entities are WikiANN's, and
# no domain of ours is Wikipedia. Lost and kept topics, and the Bible and the help, look at it from another side.
#
# ### Where world and real text disagree

# %% tags=["hide-input"]
in_pairs = findings.effects_of(real, contrasts[:3]).set_index("metric")
both = pd.DataFrame(
    {
        "worlds": ends.set_index("metric")["value"],
        "real text": in_pairs["value"],
    }
).loc[list(TASKS)]
same = (both["worlds"] * both["real text"]).map(
    lambda product: (
        "not run"
        if pd.isna(product)
        else "same sign"
        if product > 0
        else "other sign"
    )
)
figures.show_table(
    both.map("{:+.1f}".format)
    .replace("+nan", "not run")
    .assign(**{"the two have": same})
    .rename(index=score_name)
    .rename_axis("task")
    .reset_index(),
    name="World against real text: change of each score, points",
)

# %% [markdown]
# Where they differ, these are the differences to think of first.
#
# - *How far.* The tables of shared words above put the two kinds of mismatch on one scale.
# - *What changes.* In a world, both languages move away from each other. On real text only the second one moves, as in the
#   paper.
# - *How much text.* The help has fewer sentences than the Bible, and the number of tokens to read is the same. So each help
#   sentence is read more often. In the paper both domains are of equal size.
# - *The tests.* A world's tests are of its own topics. XNLI, WikiANN and UD are far from the Bible and from the help alike,
#   and from a low level there is little to lose.
#
# ## Cautions
#
# - *Words shared* counts words. Style, length of sentences and grammar may differ too, and in worlds they do not.
# - A topic of a world is a few dozen words, and sharp. Real domains are larger and fade into each other.
# - In worlds some strings are spelt alike in both languages, names among them. A tagger can lean on those, whatever the
#   domain; the majority's level shows how far.
# - The interval is over seeds: other worlds and other starts, of the same kind. It does not speak for other languages.
#
# ### What would settle the rest

# %% tags=["hide-input"]
seed_by_seed = ranking.by_seed(world.rows, contrasts[:3])
asked = {
    "do entities change as inference does?": ("ner_f1", "nli_accuracy"),
    "do entities change as parsing does?": ("ner_f1", "las"),
}
needed = []
for question, (one, other) in asked.items():
    values = seed_by_seed[score_name(one)] - seed_by_seed[score_name(other)]
    more = ranking.seeds_to_settle(values)
    needed.append(
        {
            "question, in worlds": question,
            "seeds so far": len(values),
            "seeds that would tell it from no difference": "cannot be said"
            if more is None
            else more,
        }
    )
figures.show_table(pd.DataFrame(needed), name="How many seeds it takes")

# %% [markdown]
# This takes mean and spread to stay as they are. On real text, only five seeds of each condition would give intervals at all. And the
# paper's own question needs its own text: `make book CHAPTER=domain_similarity SIZE=paper` reads Wikipedia and
# web text, on GPUs ([how to reproduce](../how_to_reproduce.md)).
#
# ## Exercises
#
# ```{exercise} Half-way
# :label: domain_similarity.1
#
# Four topics, topic overlap 0.5. Before you look at the dial's table again: what share of **a**'s sentences is on the first
# two topics, and what share of **b**'s?
# ```

# %%
shares = ...  # (of a, of b), each from 0 to 1
# solution
shares = tuple(
    worlds.World(topics=4, topic_overlap=0.5).topic_mixture(name)[:2].sum()
    for name in "ab"
)

# %%
exercises.check("domain_similarity.1", shares)

# %% [markdown] tags=["solution"]
# A half of the mixture is uniform, and half of that falls on the first two topics. The other half is all on the first
# two for **a**, and never for **b**. So an overlap of one half still leaves **b** a quarter of its text on **a**'s topics.

# %% [markdown]
# ```{exercise} Turn the dial
# :label: domain_similarity.2
#
# Find a `worlds.World()`, all else at its defaults, whose two texts share 90% of their words (within two points). Use
# `domains.shared_in_world(world)`. What kind of curve does the share follow along the dial?
# ```

# %%
nearer = ...  # worlds.World(topic_overlap=...)
# solution
low, high = (
    domains.shared_in_world(worlds.World(topic_overlap=t))
    for t in (0.0, 1.0)
)
nearer = worlds.World(topic_overlap=(0.9 - low) / (high - low))

# %%
exercises.check("domain_similarity.2", nearer)

# %% [markdown] tags=["solution"]
# A straight line. Each text's word frequencies are a mixture of two, with the dial as the weight, so the difference
# between the two texts shrinks in proportion to 1 less the overlap. At 1 the share is not quite 100%: two samples
# of one text differ by chance. If a *score* bends along the dial, that is therefore the encoder's doing.

# %% [markdown]
# ```{exercise} A drop of drops
# :label: domain_similarity.3
#
# Write the number of the nuance. `default` and `mismatch` each hold a list of scores under `"lost"` and one under
# `"kept"`. Return how much more is lost on lost topics than on kept ones, as a mean over the scores.
# ```


# %%
def drops(default, mismatch):
    return ...


# solution
def drops(default, mismatch):
    fell = {
        part: statistics.mean(default[part])
        - statistics.mean(mismatch[part])
        for part in default
    }
    return fell["lost"] - fell["kept"]


# %%
exercises.check("domain_similarity.3", drops)

# %% [markdown] tags=["solution"]
# Lost topics may simply be harder, for any model. Taking each drop against the default on the *same* topics removes that.

# %% [markdown]
# ```{exercise} Domain, or just the help?
# :label: domain_similarity.4
#
# Suppose French scores fall when French reads the help. It might be that the domains differ. Or the help may simply be a
# poor text to learn French from: short, and repetitive. In which comparison is the French text the same on both sides?
# The options: "Bible / help against Bible / Bible", "Bible / help against help / help",
# "help / help against Bible / Bible".
# ```

# %%
comparison = ...  # one of the three
# solution
comparison = "Bible / help against help / help"

# %%
exercises.check("domain_similarity.4", comparison)

# %% [markdown] tags=["solution"]
# Then only English changes, and with it whether the two agree. It is no free lunch: tuning is in English, and the English
# text is another one now. The three together tell more than any two.
