# %% [markdown]
# # What stays
#
# States move when an encoder is tuned; the last chapter says how far. But a state can move and still say what it said: turn a map, and all towns are still on it. So we
# now ask what the states *hold*. Does an encoder that has learnt to judge inference still know what the subject of a verb is? If tuning had erased that, we would
# speak of *catastrophic forgetting*.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import exercises
from isomorph.experiment import Experiment, answer, change, summary, verdict

answer("5.1")

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
# Tenney and colleagues {cite}`tenney2019context` cast many questions in one form: here are one or two *spans* of words, what is the label? One word, and its part of speech. A name of some words, and whether it is that of a person, an organisation or a place.
# Two words, a word and the one it depends on, and the *relation* between them: subject, object, modifier. Each span is pooled to one vector, ours by the mean of its words' states, and a linear layer reads the label off
#
# $$p(y)=\mathrm{softmax}\big(W\,[\bar h_1;\bar h_2]+c\big).$$
#
# For relations both spans are single words. So the probe is a logistic regression on the two states side by side. `sentences` holds sentences with their trees, and their states:

# %%
import numpy as np
import pandas as pd
import torch
from scipy.sparse.csgraph import minimum_spanning_tree
from sklearn.linear_model import LogisticRegression

from isomorph.figures import blank, show, show_table


def edges(sentences):
    """Of each word that has a head: both states, the relation, the word."""
    x, relations, words = [], [], []
    for item, h in sentences:  # h (words, width)
        for i, above in enumerate(item.heads):
            if above:  # 0 marks the root; others count from 1
                x.append(torch.cat([h[i], h[above - 1]]))
                relations.append(item.relations[i])
                words.append(item.words[i])
    return torch.stack(x).numpy(), relations, words


def accuracy(x, labels, x_test, labels_test):
    probe = LogisticRegression(max_iter=1000, tol=1e-3)
    return probe.fit(x / x.std(), labels).score(
        x_test / x.std(), labels_test
    )


# %% [markdown]
# Which layer should it read? Either one at a time, which gives a curve. Or a **scalar mix** of all {cite}`tenney2019pipeline`:
#
# $$h=\sum_\ell s_\ell\,h_\ell,\qquad s=\mathrm{softmax}(a),$$
#
# with $a$ learnt along with the probe. The mean layer $\sum_\ell \ell\,s_\ell$, the *centre of the mix*, says where the probe looks.
#
# ### Control tasks
#
# A probe has weights of its own. What if it learns the answers by heart, word by word, and the states only show it which word it is? Hewitt and Liang {cite}`hewitt2019designing` give it a task to which
# *nothing but* learning by heart can help: each word type gets a random label, the same wherever the word stands. What a probe scores more on the true labels than on these is its **selectivity**:
#
# $$\text{selectivity}=A-A_\text{control},$$
#
# where $A$ is the accuracy on the task, and $A_\text{control}$ that on the control task. Random labels are as frequent as the true ones.


# %%
def probed(train, test):
    (x, y, words), (x_test, y_test, words_test) = map(edges, (train, test))
    types = sorted({*words, *words_test})
    labels = np.random.default_rng(0).choice(y, len(types))
    drawn = dict(zip(types, labels, strict=True))
    true = accuracy(x, y, x_test, y_test)
    control = accuracy(
        x, [drawn[w] for w in words], x_test, [drawn[w] for w in words_test]
    )
    return {
        "accuracy": true,
        "control": control,
        "selectivity": true - control,
    }


# %% [markdown]
# ### Structural probes
#
# A tree is more than its edges' labels. Hewitt and Manning {cite}`hewitt2019structural` ask whether all of it is there at once, as *geometry*: is there one linear map $B$ under which the squared distance of two words is
# the number of edges between them in the tree?
#
# $$d_B(h_i,h_j)^2=\lVert B(h_i-h_j)\rVert^2 .$$


# %%
def squared_distances(h, b):  # (words, width), (rank, width)
    mapped = h @ b.T
    squares = mapped.square().sum(1)
    return squares[:, None] + squares - 2 * mapped @ mapped.T


# %% [markdown]
# That such a map can exist at all is easy to see. Give word $i$ a vector $a_i$ with a 1 for itself and for each word above it. Two words differ in as many coordinates as there are edges between them, so $d_T(i,j)=\lVert a_i-a_j\rVert^2$ with $B=I$:


# %%
def tree_vectors(heads):  # (words, words)
    table = torch.eye(len(heads))
    for word, above in enumerate(heads):
        while above:
            table[word, above - 1] = 1
            above = heads[above - 1]
    return table


def tree_distances(heads):
    return squared_distances(tree_vectors(heads), torch.eye(len(heads)))


heads = [2, 3, 0, 5, 3]  # the dog chased the cat
print(tree_distances(heads).int())

# %% [markdown]
# Given the distances in the trees, $B$ minimises, summed over sentences $s$,
#
# $$\sum_{s}\frac1{|s|^2}\sum_{i,j}\big|\,d_T-d_B^2\,\big| .$$
#
# It begins as a multiple of $I$ that gets the mean distance right, and goes downhill from there.


# %%
def loss(b, sentences):
    off = [
        squared_distances(h, b) - tree_distances(item.heads)
        for item, h in sentences
    ]
    return torch.stack([each.abs().mean() for each in off]).mean()


def fit(sentences, epochs=10):
    unit = torch.eye(sentences[0][1].shape[1])
    found = sum(squared_distances(h, unit).sum() for _, h in sentences)
    true = sum(tree_distances(item.heads).sum() for item, _ in sentences)
    b = (unit * (true / found).sqrt()).requires_grad_()
    optimiser = torch.optim.Adam([b], lr=0.01)
    generator = torch.Generator().manual_seed(0)
    for epoch in range(epochs):
        optimiser.param_groups[0]["lr"] = 0.01 * (1 - epoch / epochs)
        order = torch.randperm(len(sentences), generator=generator)
        for chosen in order.split(20):
            optimiser.zero_grad()
            loss(b, [sentences[i] for i in chosen]).backward()
            optimiser.step()
    return b.detach()


# %% [markdown]
# From the distances, a minimum spanning tree gives edges back. The share of true edges among them is **UUAS**; full stops do not count. A second probe does the same for depth: squared *lengths* are to be the number of edges above a word,
# and the word with the smallest should be the **root**.


# %%
def spanning_tree(distances, item):
    words = [i for i, name in enumerate(item.relations) if name != "punct"]
    tree = minimum_spanning_tree(distances[words][:, words].numpy())
    pairs = zip(*tree.nonzero(), strict=True)
    return {frozenset((words[i], words[j])) for i, j in pairs}


def uuas(distances, sentences):
    right = total = 0
    for d, (item, _) in zip(distances, sentences, strict=True):
        gold = spanning_tree(tree_distances(item.heads), item)
        right += len(gold & spanning_tree(d, item))
        total += len(gold)
    return right / total


# %% [markdown]
# ## Live: an encoder before and after
#
# We take the small masked model of a controlled world, as pretrained, and tune a copy for inference. Both read sentences of the world, in which every tree is known. We look at the last layer of each, since there a change is most likely: it is what the task's head reads.

# %%
from isomorph.text import tasks

experiment = Experiment("changes", size, recompute=recompute)
run = experiment.run("tuned")
# For example: run = run.model_copy(update={"seed": 7})
before = experiment.model(run)
after = before.finetune(run.task, seed=run.seed)
print(f"{after.score():.1%} of the test pairs of inference right")

# %%
many = {"train": 800, "dev": 200, "test": 400}
if size == "smoke":
    many = {"train": 100, "dev": 50, "test": 50}
world, last = before.run.text.world, len(before.encoder.layers)
trees = {
    split: tasks.examples(
        "world_parsing", before.language, split, count, world=world
    )
    for split, count in many.items()
}


def read(model, split):
    """Sentences with the states of all their words, (words, width) each."""
    items = trees[split].items
    found = model.represent(
        [item.words for item in items], level="word", layers=[last]
    )
    states = [found[last][found.texts == i] for i in range(len(items))]
    pairs = zip(items, states, strict=True)
    return [(item, h) for item, h in pairs if len(h) == len(item.words)]


encoders = {"before tuning": before, "after inference": after}
sentences = {
    name: {split: read(model, split) for split in trees}
    for name, model in encoders.items()
}

# %% [markdown]
# **A planted case first.** These vectors are drawn at random, one for each word type, and know nothing of a sentence. Still a probe names relations well, since in this world a word nearly gives its relation away. The control task shows it up:
# random labels, for which the word is all there is to know, come out better still, and selectivity is below 0.

# %%
generator = torch.Generator().manual_seed(0)
vocabulary = sorted(
    {w for own in trees.values() for i in own.items for w in i.words}
)
table = torch.randn(len(vocabulary), 64, generator=generator)
by_word = dict(zip(vocabulary, table, strict=True))
sentences["no encoder: a random vector a word"] = {
    split: [
        (item, torch.stack([by_word[word] for word in item.words]))
        for item in own.items
    ]
    for split, own in trees.items()
}
relations = pd.DataFrame(
    {
        name: probed(own["train"], own["test"])
        for name, own in sentences.items()
    }
).T.rename_axis("states")
show_table(
    (100 * relations).round(1),
    "Relation to the head, read off the last layer, in percent",
)

# %% [markdown]
# Now the trees. The two encoders are compared with a tree that anyone could draw, which joins each word to the next, and with the planted vectors $a_i$ from above.

# %%
maps, found = {}, {}
test = sentences["before tuning"]["test"]
for name in encoders:
    own = sentences[name]
    maps[name] = fit(own["train"])
    found[name] = [squared_distances(h, maps[name]) for _, h in own["test"]]
places = [torch.arange(len(item.heads)).double() for item, _ in test]
found["no encoder: a chain"] = [(p[:, None] - p).abs() for p in places]
found["planted: the tree itself"] = [
    tree_distances(item.heads) for item, _ in test
]
scores = pd.Series(
    {name: 100 * uuas(each, test) for name, each in found.items()}
)
show_table(
    scores.round(1).rename("UUAS").rename_axis("states").to_frame(),
    "Edges of the tree found in the last layer, in percent",
)

# %% [markdown]
# What a probe finds beyond the chain, it got from the states. In this seed the last layer has given up a part of the tree. The library's probe, which the recorded rows are of, stops when its loss on other sentences no longer falls. Its loss and its UUAS are those written out above:

# %%
from isomorph.measure.probe_data import tree_sentences
from isomorph.measure.structural_probe import fit_structural_probe

theirs = {
    split: tree_sentences(
        before.represent(
            [item.words for item in own.items], level="word", layers=[last]
        ),
        own,
    )
    for split, own in trees.items()
}
probe = fit_structural_probe(
    "distance",
    theirs["train"],
    theirs["dev"],
    layer=last,
    rank=64,
    seed=run.seed,
)
off = loss(probe.matrix, sentences["before tuning"]["dev"]) - probe.dev_loss
assert abs(off) < 1e-3
ours = uuas(
    [squared_distances(h.double(), probe.matrix.double()) for _, h in test],
    test,
)
assert abs(ours - probe.uuas(theirs["test"])) < 1e-6
print(f"library's probe before tuning: UUAS {ours:.1%}")

# %% [markdown]
# One sentence, the first of the test set that is 12 to 15 words long:

# %%
which = next(
    (i for i, (item, _) in enumerate(test) if 13 <= len(item.words) <= 16),
    0,
)
item = test[which][0]
gold = spanning_tree(tree_distances(item.heads), item)
drawn = {"the tree": gold} | {
    name: spanning_tree(found[name][which], item) for name in encoders
}
figure, axes = blank(7, 6, rows=3)
for axis, (name, tree) in zip(axes, drawn.items(), strict=True):
    for i, j in map(sorted, tree):
        turn = np.linspace(0, np.pi, 40)
        axis.plot(
            (i + j) / 2 + (j - i) / 2 * np.cos(turn),
            (j - i) ** 0.7 * np.sin(turn),
            color="C0" if {i, j} in gold else "C3",
            linestyle="-" if {i, j} in gold else "--",
        )
    axis.set_title(f"{name}: {len(tree & gold)} of {len(gold)} edges")
    axis.set_xticks(
        range(len(item.words) - 1), item.words[:-1], rotation=30
    )
    axis.set(yticks=[], ylim=(0, None))
    axis.grid(False)

# %% tags=["hide-input"]
show(
    figure,
    caption="A sentence of the world: its tree, and the trees that the probes of the last layer draw before and after tuning; neither is the true one. Dashed: edges that the tree has not.",
    alt="Three rows of arcs over the same words. The first row is the true tree; in the others full arcs are edges that it has and dashed ones are not.",
)

# %% [markdown]
# One sentence proves nothing; the table is of all of them.
#
# ## Before and after, over layers and seeds
#
# Now everything, recorded: five seeds, each with its own pretraining, probed before tuning and after tuning for inference, questions and parsing. Then two English encoders, tuned on public data. **Our small BERT**, which ships as
# `bert-en`, is of the paper's kind: eight blocks, pretrained by masked words and by whether one part of a text follows another, and nothing else. **MiniLM** is a small public one, and no plain masked model: it was distilled, and then tuned to compare sentences. Its "before" may have lost something already.
# Their treebank has parts of speech too; entities are those of other sentences, of WikiANN.

# %%
TASKS = {"nli": "inference", "questions": "questions", "parsing": "parsing"}
BEFORE = "before tuning"
AFTER = [f"after {task}" for task in TASKS.values()]
PLACES = {
    "the world": experiment.rows("untuned", "probed"),
    **{
        name: experiment.rows(
            "untuned", "probed", at="reference", of=[name]
        )
        for name in ("our small BERT", "MiniLM")
    },
}
for rows in PLACES.values():
    after_task = "after " + rows["task"].map(TASKS)
    rows["condition"] = after_task.where(rows["task"].isin(TASKS), BEFORE)
    rows["task"] = "all"  # so that before and after can be compared

PANELS = {
    "relation_accuracy": "relation to the head",
    "entity_accuracy": "type of an entity",
    "uuas": "edges of the tree, UUAS",
    "root_accuracy": "root of the tree",
}
figure, axes = blank(8, 11, columns=3, rows=4)
for axis, (metric, place) in zip(
    axes, [(m, place) for m in PANELS for place in PLACES], strict=True
):
    own = PLACES[place][PLACES[place]["metric"] == metric]
    for i, name in enumerate([BEFORE, *AFTER]):
        curves = own[own["condition"] == name].pivot_table(
            index="layer", columns="seed", values="value"
        )
        mean = 100 * curves.mean(axis=1)
        axis.plot(
            mean.index.astype(int),
            mean,
            color="black" if i == 0 else f"C{i - 1}",
            linestyle=("-", "--", "-.", ":")[i],
            label=name,
        )
    axis.set_title(f"{PANELS[metric]}\n{place}", fontsize="medium")
    axis.set(xlabel="layer (0: embeddings)", ylabel="%")
    axis.locator_params("x", nbins=6, integer=True)
legend = axes[1].legend(fontsize="small")

# %% tags=["hide-input"]
show(
    figure,
    caption="What probes read off each layer before tuning and after each task, the mean over five seeds. Most lines lie close together. After parsing, which trains on trees, probes for relations and trees find more. In the world inference costs some of the tree at the top.",
    alt="Twelve panels: relation, entity, tree and root, each in the world, in our small BERT and in MiniLM, with a line before tuning and one after each of three tasks over the layers. The tables below have the numbers.",
)

# %%
SCORES = [
    "relation_accuracy",
    "pos_accuracy",
    "entity_accuracy",
    "uuas",
    "distance_spearman",
    "root_accuracy",
    "depth_spearman",
]
for place, rows in PLACES.items():
    had = [metric for metric in SCORES if metric in set(rows["metric"])]
    if had:
        table = summary(rows, had, "metric", "condition", names=had)
        table = table[[BEFORE]].rename_axis("score")
        for name in AFTER:
            table[name] = [change(rows, m, name, BEFORE) for m in had]
        show_table(
            table,
            f"In {place}: before tuning, and what each task changed, over all layers",
        )
        last = int(rows["layer"].max())
        by_layer = {
            f"layer {layer}": [
                change(rows, m, "after inference", BEFORE, layer=layer)
                for m in had
            ]
            for layer in (1, 3, last - 1, last)
        }
        show_table(
            pd.DataFrame(by_layer, index=table.index),
            f"In {place}: what tuning for inference changed, at some layers",
        )

# %% [markdown]
# Two marks help to read these tables.
#
# **Layer 0** is the embeddings: a word, and its place in the sentence, without any context. What a probe finds there already, no block has to hold. A probe that finds little more at layer 5 than at layer 0 says little of layer 5.
#
# **The ceiling.** In the world a word nearly gives its relation away, since the grammar is strict and words have one role each. The probes of relations and of entities have hardly any room to fall, so "no loss" is a weak
# finding there. The trees have room.
#
# **On average nothing is erased.** In the world, tuning for inference costs a little of relations and of edges over all layers, and tuning for questions costs neither. In our small BERT inference costs half a point of relations and adds as little to edges, and questions change neither. On MiniLM inference makes no clear difference to either, and questions add to both. All of it is far within our bound of five points.
#
# **Near the top some is given up.** In the world the cost of inference gathers at the last layer, in edges, roots and relations, with little lost below. In our small BERT parts of speech give up a point or so near the top, relations less, and edges and roots gain at the last layer. On MiniLM relations and distances fall at layer 5 and not at the last, which compared sentences before and now even gains, most of all in roots.
#
# **Parsing adds.** It trains on trees, and probes for trees find more edges and roots afterwards in all three places, most of all on MiniLM.
#
# ## What the probe knows by itself
#
# Selectivity at the last layer, and what the mix of all layers gives; the centre of the mix is in layers.

# %%
ONCE = [
    f"{what}_{score}"
    for what in ("relation", "entity", "pos")
    for score in ("accuracy_mix", "selectivity", "centre")
]
for place, rows in PLACES.items():
    had = [metric for metric in ONCE if metric in set(rows["metric"])]
    if had:
        table = summary(rows, had, "metric", "condition", names=had)
        show_table(
            table[[BEFORE, *AFTER]].rename_axis("score"),
            f"In {place}: the mix, and selectivity",
        )

# %% [markdown]
# A high accuracy with a low selectivity means that much could be had by knowing the word alone. In the world selectivity is low, in the English encoders it is at least twice as high, before tuning as after. Do not read a *change* of selectivity as a change of what is held, before looking at both of its parts: it also rises when states tell word
# types apart less well, since the control task then gets harder. And where few labels are frequent the control task is easy, so selectivity is low whatever the states hold.
#
# ## The outcome

# %%
verdict("5.1")

# %% [markdown]
# The rule takes the mean over layers, task by task, and leaves parsing out, which trains what is probed. A mean can hide a layer; the tables of single layers above show it. If low layers keep what the top one gives up, nothing is *erased* from the encoder, and still a head on top no longer finds it.
#
# Our small BERT, which is of the paper's kind, decides: every part of the claim holds there, and in the mean none of the four numbers changes by a point. In worlds and on MiniLM every part holds too.
#
# One task is no test of forgetting at all: tuning for parsing *trains* the encoder on trees. There a probe for trees should gain, and it does.
#
# ## Cautions
#
# - **Held is not used.** A probe that finds no loss shows that the information can be read off. It does not show that the tuned model uses it, nor that the pretrained one did. To find out one has to take it away and see what breaks.
# - **Not found is not gone.** Our probes are linear. What a linear probe loses, a stronger one may still find.
# - **Every probe is fitted anew**, after tuning as before. So it does not matter to it whether a direction was turned. It would matter to a head that was trained before and is used after.
# - **Labels are few and plain.** Parts of speech, relations and trees are what any reader of text picks up first. Rarer knowledge may go earlier.
# - What would settle it: BERT, the whole suite of edge probing, and full training sets. `isomorph run changes --size paper` tunes BERT on the papers' tasks and runs these same probes; nobody has run it here.
#
# ## Exercises
#
# ```{exercise} The root that a probe finds
# :label: what_stays.1
#
# The second probe reads depth off squared lengths. Given states `h`, (n, width), and its map `b`, (rank, width), return the place of the word that it takes for the root, from 0.
# ```


# %%
def root_of(h, b):
    return ...


# solution
def root_of(h, b):
    return int((h @ b.T).square().sum(1).argmin())


# %%
exercises.check("what_stays.1", root_of)

# %% [markdown] tags=["solution"]
# The root has no edge above it, so its squared length is to be 0. Lengths are not distances: they depend on where the origin is, so this probe also has to find a point from which depths can be read.

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
