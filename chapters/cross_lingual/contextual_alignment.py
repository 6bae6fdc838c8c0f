# %% [markdown]
# # Can one model's layers finish what another's began?
#
# Words align, and sentences do. Here is a harder test of whether two monolingual models are alike. Cut both in the middle. Read a sentence
# of **b** with the lower half of **b**'s model, turn what comes out by a rotation, and hand it to layers that have learnt a task on top of
# **a**'s model. If the upper layers can work with that, the two models agree on more than which words are near: on what a
# vector *says* about its word's role in the sentence.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("1.9")

# %% [markdown]
# ## The claim
#
# Conneau, Wu and colleagues {cite}`conneau2020emerging` froze the first $i$ layers of an English model and trained four further layers and a head on
# top, for named entities and for parsing. Then they took $i$ layers of another language's model in their place, with a rotation
# that they had learnt on aligned words of parallel sentences, and compared that with the first $i$ layers of one bilingual model.
# **Claim 1.9**: the best layer is in the *middle*, not the last. The bilingual model does *better*, except for English-French parsing. And
# the gap is larger for *entities* than for parsing. They show it in a figure, without numbers.
#
# ## The method
#
# - *Which word is which?* A world knows: its gold alignment links every word of a held-out sentence with its counterpart. On real text we
#   link words that are each other's nearest within a pair of verses, by the vectors of the bilingual model (the "Argmax" method
#   of SimAlign {cite}`jalilisabet2020simalign`). The paper used fast_align.
# - *The rotation*, by layer, is Procrustes' map between the vectors of linked words, after iterative normalisation of both sides.
# - *On top*: two new layers, as half of four, where the paper has four on eight; then a tagger, or a biaffine parser. They
#   are trained on normalised states of **a**'s layer $i$. Everything below is frozen.
# - *The bilingual model* needs no rotation: its layer $i$ reads either language. Its states are normalised too, by means of both
#   languages together, so nothing about it depends on the language. In a first run they were left as they were, and the new layers
#   learnt less on them even in the *first* language. That compared scales and not models; those rows were thrown away.

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import aligned, aligned_models

NAMES = ("monolingual", "bilingual")
SCORES = {"ner_f1": "entities", "las": "parsing"}

# %% [markdown]
# ## One layer, now
#
# We take the two monolingual models of the last chapter (trained now, unless it has just been executed), learn both tasks on the second
# layer of the first, and swap the models under it. The rotation is the learnt one, a random one, or none.

# %%
small = findings.small(size)
condition, *_ = findings.chosen("layer_transfer", small, ["monolingual"])
live = aligned_models.swapped(condition, layer=2)

# %% tags=["hide-input"]
figures.show_table(
    live, name="Learnt on layer 2 of one model: main scores, %"
)
display(
    Markdown(
        "The first column reads the first language with the model that the task was learnt on. The others read the second language, which no upper "
        "layer has ever seen. What a random rotation leaves, and what no map at all leaves, is what the head can guess without understanding a word."
    )
)

# %% [markdown]
# ## Every layer, in controlled worlds
#
# The same at each layer, and with one bilingual model, recorded by the same configurations.

# %% tags=["hide-input"]
_, world = findings.in_worlds(
    "layer_transfer", NAMES, size=size, live=None, recompute=recompute
)
for metric, task in SCORES.items():
    if world.has(metric):
        figures.show(
            figures.learning_curve(
                aligned.curves(world, metric), metric=metric, x="layer"
            ),
            caption=f"Controlled world: {task} in the second language, by the layer at which the models are swapped.",
            alt="Two lines over the layers: two monolingual models with a rotation between, and one bilingual model.",
            table=aligned.by_layer(world, metric),
            provenance=findings.behind(world),
        )
        figures.show_table(
            aligned.by_layer(world, f"{metric}_source"),
            name=f"The same tasks in the first language, {task}: %",
        )
display(Markdown(findings.behind(world)))

# %% tags=["hide-input"]
told = [
    f"in {task}, {aligned.apart(world, metric, 'bilingual', 'monolingual')}"
    for metric, task in SCORES.items()
    if world.has(metric)
]
lines = [
    {
        "condition": aligned.NAMES[name],
        "task": task,
        "best layer of each seed": ", ".join(
            map(str, aligned.best_layers(world, metric, name))
        ),
    }
    for name in NAMES
    for metric, task in SCORES.items()
    if aligned.best_layers(world, metric, name)
]
if lines:
    display(Markdown(f"{'; '.join(told).capitalize()}."))
    figures.show_table(
        pd.DataFrame(lines), name="The best layer, seed by seed"
    )

# %% [markdown]
# Two forces pull in opposite directions. Higher up, a vector knows more of its sentence, and there is less for the new layers to work out.
# But higher up two models may also agree less; the chapters on sentences and on CKA measure how much. Where the two forces
# balance is the best place to swap. At layer 0 a vector knows its word and its position; the new layers do all the rest.
#
# Where the bilingual model falls behind two rotated ones, remember what is compared. The rotation was learnt on linked words, names
# among them; the bilingual model was shown no link. It may keep the two languages in one space and still put the names of **b** near
# words of another kind of **a**, as the chapter on shared parameters finds. A head that learnt names in **a** then looks in the wrong place.
#
# ## On real text

# %% tags=["hide-input"]
real = findings.on_real_text(
    "layer_transfer", NAMES, size=size, recompute=recompute
)
for pair in sorted(set(real.rows["pair"])):
    for metric, task in SCORES.items():
        figures.show_table(
            aligned.by_layer(real, metric, pairs=[pair]),
            name=f"{pair}, {task}: %, by layer",
        )
display(Markdown(findings.behind(real)))

# %% [markdown]
# Hold the two tasks apart. A name is often spelt alike in two languages that share a script, and one vocabulary for both has one row for it, which
# the bilingual model may lean on whatever else it has learnt. Two monolingual models have two rows, and a rotation between. Grammar has no such
# short cut, and there twice the text may count for more: the bilingual model reads as many tokens in all as each monolingual one.
#
# ## The outcome

# %% tags=["hide-input"]
table = claims.predictions(["1.9"])
figures.show_table(table, name="Claim 1.9, prediction by prediction")
display(Markdown(findings.in_short(table)))

# %% [markdown]
# The first prediction gives the depth of the best layer as a share of all layers; between 0.2 and 0.8 counts as the middle. With four layers that
# leaves layers 1, 2 and 3.
#
# ## Cautions
#
# - Two new layers on four are as large a share as the paper's four on eight, and still they may do much by themselves. Compare with layer 0.
# - The gold alignment of a world is better than any that text allows.
# - The rotation is learnt on parallel sentences. It is a test of likeness, not a method without supervision.
# - Both languages of a world share their grammar, save where a chapter says otherwise. Between languages with other orders of words a swap in
#   the middle has more to bridge.
#
# ## Exercises
#
# ```{exercise} Who may learn?
# :label: contextual_alignment.1
#
# Why are the lower layers frozen while the task is learnt? Options: "to save time", "because tuned states would not be where the
# rotation was learnt", "because the head would forget the first language".
# ```

# %%
reason = ...  # one of the three
# solution
reason = "because tuned states would not be where the rotation was learnt"

# %%
exercises.check("contextual_alignment.1", reason)

# %% [markdown] tags=["solution"]
# The rotation carries **b**'s states to where **a**'s *were*. Were **a**'s layers tuned along with the head, its states would move, and nothing would take
# **b**'s after them.

# %% [markdown]
# ```{exercise} Mutual choices
# :label: contextual_alignment.2
#
# Write the links of "Argmax": a function of `scores`, a table (n words of one sentence, m of its translation) of cosines, that
# returns the list of pairs (i, j) that choose each other, in the order of i.
# ```


# %%
def links(scores):
    return ...


# solution
def links(scores):
    there, back = scores.argmax(1).tolist(), scores.argmax(0).tolist()
    return [(i, j) for i, j in enumerate(there) if back[j] == i]


# %%
exercises.check("contextual_alignment.2", links)

# %% [markdown] tags=["solution"]
# Asking for both choices costs links and gains precision. A word that has no counterpart is chosen by no word that it would choose.

# %% [markdown]
# ```{exercise} The floor
# :label: contextual_alignment.3
#
# A parser in which every word takes the word before it as its head, and the first word is the root, gets what share of heads right in the world
# sentence with the heads `[2, 0, 2, 5, 2]` (counted from 1, 0 is the root)?
# ```

# %%
share = ...  # from 0 to 1
# solution
share = (
    sum(
        head == place - 1
        for place, head in enumerate([2, 0, 2, 5, 2], start=1)
    )
    / 5
)

# %%
exercises.check("contextual_alignment.3", share)

# %% [markdown] tags=["solution"]
# Word 3 alone has the word before it as its head; the first word is not the root here, and the second is. So a floor is not
# zero, and a score near it says that nothing was carried over.
