# %% [markdown]
# # What stays
#
# States move when an encoder is tuned; the last chapter says how far. But a state can move and still say what it said: turn a map, and all towns are still on it. So we
# now ask what the states *hold*. Does an encoder that has learnt to judge inference still know what the subject of a verb is? If tuning had erased that, one would
# speak of *catastrophic forgetting*.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("5.1")

# %% [markdown]
# ## The claim
#
# **Claim 5.1** of Merchant and colleagues {cite}`merchant2020happens`: fine-tuning changes the representations but does not erase what they hold about language. Probes find no
# catastrophic forgetting. We know the paper by its abstract only, so no score of theirs stands here. As our bound for forgetting we set, before any run, a loss of five points,
# averaged over layers.
#
# ## The method: probes
#
# A **probe** is a light classifier that reads frozen states. If it can tell the part of speech of a word from the word's state alone, the state holds it. The encoder learns nothing meanwhile.
#
# ### Edge probing
#
# Tenney and colleagues {cite}`tenney2019context` cast many questions in one form: here are one or two *spans* of words, what is the label? One word, and its part of speech. Two words, a word and the one it depends on, and
# the *relation* between them: subject, object, modifier. A name of some words, and whether it is that of a person, an organisation or a place. Each span is pooled to one vector, ours by the mean of its words' states, and a linear layer reads the label off
#
# $$p(y)=\mathrm{softmax}\big(W\,[\bar h_1;\bar h_2]+c\big).$$
#
# Which layer should it read? Either one at a time, which gives a curve. Or a **scalar mix** of all {cite}`tenney2019pipeline`:
#
# $$h=\sum_\ell s_\ell\,h_\ell,\qquad s=\mathrm{softmax}(a),$$
#
# with $a$ learnt along with the probe. The mean layer $\sum_\ell \ell\,s_\ell$, the *centre of the mix*, tells where the probe looks.
#
# ### Control tasks
#
# A probe has weights of its own. What if it learns the answers by heart, word by word, and the states only tell it which word it is? Hewitt and Liang {cite}`hewitt2019designing` give it a task to which
# *nothing but* learning by heart can help: each word type gets a random label, the same wherever the word stands. What a probe scores more on the true labels than on these is its **selectivity**:
#
# $$\text{selectivity}=A-A_\text{control},$$
#
# where $A$ is the accuracy on the task, and $A_\text{control}$ that on the control task.
#
# ### Structural probes
#
# A tree is more than its edges' labels. Hewitt and Manning {cite}`hewitt2019structural` ask whether all of it is there at once, as *geometry*: is there one linear map $B$ under which the squared distance of two words is
# the number of edges between them in the tree?
#
# $$d_B(h_i,h_j)^2=\lVert B(h_i-h_j)\rVert^2 .$$
#
# With $d_T$ the distance in the tree, $B$ minimises, summed over sentences $s$,
#
# $$\sum_{s}\frac1{|s|^2}\sum_{i,j}\big|\,d_T-d_B^2\,\big| .$$
#
# From the distances, a minimum spanning tree gives edges back. The share of true edges among them is **UUAS**; full stops do not count. A second probe does the same for depth: squared *lengths* are to be the number of edges above a word,
# and the word with the smallest should be the **root**.

# %% tags=["hide-input"]
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import probed_states, probed_trees

NAMES = ("untuned", "probed")

# %% [markdown]
# ## Live: one sentence, before and after
#
# We take the small masked model of a controlled world, as pretrained, tune a copy for inference, and fit a structural probe to the last layer of each. The last layer, since there a change is most likely: it is what the task's head reads.
# In a world every tree is known. The sentence is simply the first one in the test set that is 12 to 15 words long.

# %%
first = findings.chosen(
    "changes", findings.small(size), ["probed", "tuned"]
)[0]
pair = probed_trees.both(first)
seen = probed_trees.structure(pair)

# %% tags=["hide-input"]
figures.show(
    probed_trees.tree_figure(seen),
    caption="A sentence of the world: its tree, and the trees that a probe of the last layer draws before and after tuning. Dashed: edges that the tree has not.",
    alt="Three rows of arcs over the same words. The first row is the true tree; in the others full arcs are edges that it has and dashed ones are not. "
    "The table lists them.",
    table=probed_trees.edge_table(seen),
    provenance="Tuned and probed in this execution.",
)
figures.show_table(
    seen.scores.round(3), name="The same probes on all test sentences"
)

# %% [markdown]
# The last line is a tree that anyone could draw: join each word to the next. What a probe finds beyond that, it got from the states. One sentence proves nothing; the table is of all of them.
#
# ## Before and after, layer by layer
#
# Now everything, over seeds and tasks. The probes of the first untuned encoder run live; those after tuning for inference, questions and parsing are recorded.

# %%
made, world = findings.in_worlds(
    "changes", NAMES, size=size, live="untuned", recompute=recompute
)
real = findings.on_real_text(
    "changes", NAMES, size=size, recompute=recompute
)
PLACES = {"the world": world, "MiniLM": real}

# %% tags=["hide-input"]
CURVES = {
    "relation_accuracy": "relation to the head, accuracy",
    "pos_accuracy": "part of speech, accuracy",
    "entity_accuracy": "type of an entity, accuracy",
    "uuas": "edges of the tree, UUAS",
    "root_accuracy": "root of the tree, accuracy",
}
SCORES = (
    "relation_accuracy",
    "pos_accuracy",
    "entity_accuracy",
    "uuas",
    "distance_spearman",
    "root_accuracy",
    "depth_spearman",
)


def curves(found, where):
    """A figure a score, of those that were measured, or a sentence that none was."""
    if not found.has(*CURVES):
        display(Markdown(f"Probes, {where}: not run."))
    for metric in found.has(*CURVES):
        name = CURVES[metric]
        table = probed_states.curves(found, metric, name=name)
        figures.show(
            figures.learning_curve(
                table, metric=name, x="layer", group="encoder"
            ),
            caption=f"{name[:1].upper()}{name[1:]}, by layer, in {where}: a line before tuning and one after each task, a mark a seed.",
            alt="Lines over layers, one before tuning and one after each task. Where the lines lie on each other, a probe finds as much "
            "after tuning as before; where a later one lies lower, it finds less.",
            table=table,
        )


def tables(found, where):
    """What changed, as tables and sentences."""
    if found.rows.empty:
        return
    figures.show_table(
        probed_states.changed(found, SCORES),
        name=f"In {where}: before tuning, and what each task changed, over all layers, in percent points",
    )
    told = [
        probed_states.told(found, metric) for metric in found.has(*SCORES)
    ]
    display(Markdown(" ".join(filter(None, told))))


curves(world, "the world")

# %% tags=["hide-input"]
tables(world, "the world")
display(Markdown(findings.behind(world)))

# %% [markdown]
# Read this with two marks in mind.
#
# **Layer 0** is the embeddings: a word, and its place in the sentence, without any context. What a probe finds there already, no block has to hold. A probe that finds little more at layer 5 than at layer 0 says little of layer 5.
#
# **The ceiling.** In the world a word nearly gives its relation away, since the grammar is strict and words have one role each. The probes of relations and of entities have hardly any room to fall, so "no loss" is a weak
# finding there. The trees have room.
#
# ## On real text
#
# MiniLM, a small public encoder, before tuning and after it on public data. It is no plain masked model: it was distilled, and then tuned to compare sentences. Its "before" may have lost
# something already. The treebank has parts of speech too; entities are those of other sentences, of WikiANN. Recorded.

# %% tags=["hide-input"]
curves(real, "MiniLM")
tables(real, "MiniLM")
display(Markdown(findings.behind(real)))

# %% [markdown]
# ## What the probe knows by itself
#
# Selectivity at the last layer, and what the mix of all layers gives. All are as they are: accuracies and selectivity from 0 to 1, centres in layers.

# %% tags=["hide-input"]
for where, found in PLACES.items():
    table = probed_states.once(found)
    if len(table):
        figures.show_table(
            table, name=f"In {where}: the mix, and selectivity"
        )
    else:
        display(Markdown(f"The mix and selectivity, {where}: not run."))

# %% [markdown]
# A high accuracy with a low selectivity means that much could be had by knowing the word alone. Do not read a *change* of selectivity as a change of what is held, before looking at both of its parts: it also rises when states tell word
# types apart less well, since the control task then gets harder. And where few labels are frequent the control task is easy, so selectivity is low whatever the states hold.

# %% [markdown]
# ## The outcome

# %% tags=["hide-input"]
verdict = claims.predictions(["5.1"])
figures.show_table(verdict, name="Claim 5.1, by prediction")
display(Markdown(findings.in_short(verdict)))

# %% [markdown]
# The rule takes the mean over layers, task by task, and leaves parsing out, which trains what is probed. A mean can hide a layer. The sentences under the tables name, for each score, the layer where most was lost, in the mean over seeds; the live table
# above is of the last layer alone. If low layers keep what the top one gives up, nothing is *erased* from the encoder, and still a head on top no longer finds it.
#
# Where there are fewer than five units there is no interval, and nothing is decided.
#
# One task is no test of forgetting at all: tuning for parsing *trains* the encoder on trees. There a probe for trees should gain.
#
# ## Cautions
#
# - **Held is not used.** A probe that finds no loss shows that the information can be read off. It does not show that the tuned model uses it, nor that the pretrained one did. To find out one has to take it away and see what breaks.
# - **Not found is not gone.** Our probes are linear. What a linear probe loses, a stronger one may still find.
# - **Every probe is fitted anew**, after tuning as before. So it does not matter to it whether a direction was turned. It would matter to a head that was trained before and is used after.
# - **Labels are few and plain.** Parts of speech, relations and trees are what any reader of text picks up first. Rarer knowledge may go earlier.
# - What would settle it: BERT, the whole suite of edge probing, and full training sets. `size="paper"` tunes BERT on the papers' tasks and runs these same probes; nobody has run it here.
#
# ## Exercises
#
# ```{exercise} The distance of a structural probe
# :label: what_stays.1
#
# Given states `h`, (n, width), and a map `b`, (rank, width), return the (n, n) squared distances $\lVert B(h_i-h_j)\rVert^2$.
# ```


# %%
def squared_distances(h, b):
    return ...


# solution
def squared_distances(h, b):
    mapped = h @ b.T
    return (mapped[:, None] - mapped[None]).square().sum(2)


# %%
exercises.check("what_stays.1", squared_distances)

# %% [markdown] tags=["solution"]
# Map first, subtract afterwards: $n$ products with $B$ instead of $n^2$. Mind that $d_B$ is no distance for every $B$: two words that differ only where $B$ is 0 are at distance 0.

# %% [markdown]
# ```{exercise} UUAS by hand
# :label: what_stays.2
#
# "The old dog sleeps here": *the* and *old* depend on *dog*, *dog* and *here* on *sleeps*. A probe draws the chain the–old–dog–sleeps–here. What is its UUAS?
# ```

# %%
score = ...  # a share from 0 to 1
# solution
score = 3 / 4

# %%
exercises.check("what_stays.2", score)

# %% [markdown] tags=["solution"]
# Five words have four edges. The chain has old–dog, dog–sleeps and sleeps–here right. It has the–old, which is none, and misses the–dog. So a chain is not a poor guess, which is why it stands in the table above.

# %% [markdown]
# ```{exercise} What follows?
# :label: what_stays.3
#
# A linear probe names relations as well after tuning for inference as before. What follows: "the model uses relations to judge inference", "relations can still be read off the states" or "the states have not moved"?
# ```

# %%
follows = ...  # one of the three
# solution
follows = "relations can still be read off the states"

# %%
exercises.check("what_stays.3", follows)

# %% [markdown] tags=["solution"]
# The first needs an experiment that takes relations away. The last is wrong whenever states turn: the probe, fitted anew, turns with them.
