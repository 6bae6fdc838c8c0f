# %% [markdown]
# # Sentences in order
#
# Shuffle the sentences of a text and ask for the order they had. It takes no labels: any text is its own answer. It takes some sense of what leads to what: a heading before its paragraph, a name before the pronoun, a question
# before its answer. This chapter tunes encoders on it in the manner of BERT4SO, takes its two ideas away one at a time, and looks at which places are mistaken for which.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("10.1", "10.2")

# %% [markdown]
# ## The claims
#
# Zhu and colleagues {cite}`zhu2021bert4so` give BERT all sentences of a text as *one* input, mark them with several special tokens and with segments, and tune it with a listwise loss that has a margin.
#
# - **Claim 10.1**: so tuned, an encoder puts shuffled sentences in order. The authors say so of five sets of texts.
# - **Claim 10.2**: that the sentences see each other helps, and so does the margin.
#
# We could read the abstract alone. We know none of the paper's numbers, and not the form of its margin; ours is our own.
#
# ## The method
#
# **Several special tokens.** BERT's input begins with one token [CLS], whose vector stands for all. Here every sentence gets a [CLS] of its own, and a [SEP] at its end:
#
# $$\text{[CLS]}\,A\,\text{[SEP]}\,\text{[CLS]}\,B\,\text{[SEP]}\,\dots$$
#
# So there is one input, and every token may attend to every other: the sentences see each other.
#
# **Interval segments.** BERT adds one of two vectors to each token, to tell a first text from a second one. Here the two take turns: 0 for the first sentence, 1 for the second, 0 for the third. Neighbours can be told apart. (The encoder
# that ships was pretrained without segments; it learns one vector for every second sentence while it is tuned.)
#
# **A score a sentence.** A linear layer gives sentence $i$ a score $s_i$; the highest comes first. The layer may read the sentence's [CLS]. We let it read the mean of the sentence's own tokens, since our encoders were not
# pretrained to gather a sentence in its [CLS].
#
# **ListMLE** reads scores as a lottery. Draw the sentences one after another without putting any back, each with a chance in proportion to $e^{s}$. How likely is the true order $\pi$? With $\pi(1)$ the sentence that comes first, the loss is
#
# $$-\log\prod_{i=1}^{n}\frac{e^{s_{\pi(i)}}}{\sum_{k\ge i}e^{s_{\pi(k)}}} .$$
#
# **A margin.** Our addition to it is a hinge on each pair, where $i$ comes before $j$:
#
# $$\sum_{i\text{ before }j}\max\big(0,\;1-(s_i-s_j)\big) .$$
#
# It asks that the earlier sentence be ahead by 1.
#
# **Three scores.** *Accuracy* is the share of sentences at the right place. *PMR*, the perfect match ratio, is the share of texts in which all are. *Kendall's tau* counts pairs. With $m$ of them in the wrong order,
#
# $$\tau=1-\frac{2m}{\binom n2} .$$

# %% tags=["hide-input"]
import torch
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import ordered
from isomorph.models.ordering import (
    list_mle,
    margin_loss,
    order_scores,
    ordering_head,
)
from isomorph.models.pretrained import load_encoder
from isomorph.text.ordering import shipped_orders

NAMES = ordered.names(findings.small(size))
HELP, STORIES = "shipped encoder, help pages", "MiniLM, stories"


def say(*lines):
    """Show some Markdown whose numbers come from rows."""
    display(Markdown(" ".join(lines)))


def in_percent(table, *columns):
    """A table with some shares in percent."""
    told = {name: table[name].map("{:.1%}".format) for name in columns}
    return table.assign(**told)


# %% [markdown]
# ## The loss by hand
#
# Three sentences in their true order, with these scores. The second and the third stand the wrong way round.

# %%
scores = {"A": 2.0, "B": 0.5, "C": 1.0}
drawn = ordered.draws(scores)
hinges = ordered.hinges(scores)

# %% tags=["hide-input"]
figures.show_table(drawn.round(3), name="ListMLE: three draws")
figures.show_table(hinges.round(3), name="The margin: three pairs")
row, places = (
    torch.tensor([list(scores.values())]),
    torch.arange(len(scores))[None],
)
say(
    f"The costs of the draws sum to {drawn['cost'].sum():.3f}, and `list_mle` gives {list_mle(row, places):.3f}. With the hinges it is {drawn['cost'].sum() + hinges['cost'].sum():.3f}, and `margin_loss` gives "
    f"{margin_loss(row, places):.3f}. Equal scores would cost {list_mle(0 * row, places):.3f}, the logarithm of the six orders of three sentences."
)

# %% [markdown]
# The last draw costs nothing: one sentence is left. ListMLE is never quite content, for a chance is never 1; it goes on to push scores apart. A hinge stops at its margin, and what it costs grows only in proportion to how far a pair is wrong.
#
# ## What chance gives
#
# Five sentences have 120 orders, few enough to score them all.

# %%
chance = ordered.by_chance(5)
spread = ordered.orders_by_tau(5)

# %% tags=["hide-input"]
figures.show_table(
    in_percent(spread, "share").round(2),
    name="All orders of five sentences, by Kendall's tau",
)
some = order_scores([tuple(range(5))], [(1, 2, 3, 4, 0)])
say(
    f"Whoever guesses has an accuracy of {chance['accuracy']:.1%}, a PMR of {chance['pmr']:.2%}, and a tau of {abs(chance['tau']):.2f}. The three scores see different things. Move the last sentence to the front, and leave the rest: "
    f"the accuracy is {some['accuracy']:.0%}, and tau is {some['tau']:.1f}, since the other four still stand in the right order."
)

# %% [markdown]
# ## What is read
#
# The first place is close to hand: help pages that ship with this book, five lines that follow each other, shuffled. The encoder that ships has read half of the English Bible and *nothing of this kind*. It also reads 64 tokens and no more.
# Five sentences share them, with ten special tokens. So long sentences are cut to a common length; short ones stay whole.

# %%
test = shipped_orders("help", "en", "test")
encoder, tokenizers = load_encoder("en")
tokenizer = tokenizers["en"]
head = ordering_head(encoder, seed=0, pooling="mean")
page = ordered.as_read(test.items[0], head, tokenizer)

# %% tags=["hide-input"]
figures.show_table(page, name="One page as it is read")
share = ordered.share_read(test, head, tokenizer)
say(
    f"Of all tokens of the {len(test.items)} test pages the encoder reads {share:.0%}. It puts in order the *beginnings* of sentences. Its subwords are those of a Bible, so that technical words fall to pieces and are cut all the sooner."
)

# %% [markdown]
# Some orders need no encoder at all. Headings are short, and end without a mark. Does that help?

# %% tags=["hide-input"]
rules = ordered.rules(test)
figures.show_table(
    in_percent(rules, "accuracy", "pmr").round(3),
    name="Three orders without an encoder, on the test pages",
)
error = ordered.chance_error(len(test.items))
say(
    f"The first line is chance itself: the sentences stay as they were shuffled. Guessing has a tau of 0 on average. On {len(test.items)} pages of five lines it may well have up to {2 * error:.2f} more or less, by luck. A tau has to be clear of that before it means anything."
)

# %% [markdown]
# ## Four conditions
#
# Two ideas, each there or not, make four conditions. **Interaction**: with it, sentences see each other; without it each is read alone, from position 0, by the same encoder and with the same tokens. **Margin**: with it the loss has the hinge; without it it is ListMLE alone.
# One run with both is made now. The second place is recorded: **MiniLM** on ROCStories, everyday stories of five sentences each, read up to 96 tokens. (It is trained on a part of the validation stories, so its scores may not be set beside those of others, who train on all that there are.) MiniLM was tuned by contrast before; it is no plain masked model.

# %%
made, small = findings.in_worlds(
    "orders", NAMES, size=size, live="full", recompute=recompute
)

# %% tags=["hide-input"]
large = findings.on_real_text(
    "orders", ordered.names("reference"), size=size, recompute=recompute
)
where = {HELP: small, STORIES: large}
say(
    findings.live_again("orders", made, ("accuracy", "pmr")),
    ordered.live_tau(made),
)
taus = ordered.levels(where)
if len(taus):
    figures.show(
        figures.condition_bars(
            taus,
            label="label",
            quantity="Kendall's tau, times 100",
            baselines={"guessing": {"": 0.0}},
        ),
        caption="Kendall's tau on test, times 100, with intervals over seeds. A hollow mark has no interval.",
        alt="A line for each of the four conditions, a mark for each place. How far the marks stand to the right of zero says how well sentences are ordered; the table has the numbers.",
        table=taus,
    )
for name, found in where.items():
    table = ordered.all_scores(found)
    if len(table):
        figures.show_table(table, name=name)
    say(findings.behind(found))

# %% [markdown]
# An interval over seeds says how much *training* varies. All seeds are scored on the same test texts, so it does not hold the luck of these texts. For few pages, remember the number above.
#
# ## What each idea adds
#
# Each idea can be taken away in two ways: from the whole, or from what is left without the other. If the two work apart from each other, both ways say the same.

# %% tags=["hide-input"]
apart = ordered.ablations(where)
if len(apart):
    figures.show(
        figures.forest(apart, quantity="change of 100 tau, points"),
        caption="What each idea adds to Kendall's tau, seed by seed, with intervals over seeds.",
        alt="Two groups of two lines, a mark for each place: right of the line at zero where the idea helps, left of it where it does harm.",
        table=apart[["heading", "label", "source", "value", "low", "high"]],
    )
say(ordered.told(apart))

# %% [markdown]
# ## Which places are confused
#
# A score is one number. We tune once more, with another seed, keep the encoder, and look at its answers: of the sentences that truly stand at a place, which share was put where?

# %%
again = findings.chosen("orders", small.size, ["full"])[-1]
answered = ordered.tuned(again)
confusion = ordered.places(answered)

# %% tags=["hide-input"]
figures.show(
    figures.layer_grid(
        confusion,
        quantity="share of sentences",
        rows="true place",
        columns="predicted place",
    ),
    caption="Where the live encoder puts the sentences of each true place, on test pages. Each row sums to 1; guessing has the same everywhere.",
    alt="A square grid of shares. The diagonal, from the lower left to the upper right, is what is right; the sentence below says how high it is at the first and the last place.",
    table=confusion.reset_index(names="true place"),
    provenance="One encoder, tuned in this execution.",
)
say(
    ordered.right_places(confusion, len(answered.test.items)),
    f"In all, this encoder has a tau of {answered.scores()['tau']:.2f}.",
)

# %% [markdown]
# Read the corners first. A text often begins in its own way: with a heading, or with a name. It is rarer that a sentence shows, from its first words, that it is the third.
#
# ## The outcome

# %% tags=["hide-input"]
table = claims.predictions(["10.1", "10.2"])
figures.show_table(table, name="Claims 10.1 and 10.2, by prediction")
say(
    findings.in_short(table),
    "Scores are tau, here times 100. The paper's own numbers are unknown to us, so none stands beside ours.",
)

# %% [markdown]
# Any trained scorer beats guessing. So claim 10.1 asks the encoder to beat one that scores each sentence by itself.
#
# ## Cautions
#
# - **The margin is ours.** An outcome on it is one on a hinge of 1, summed over pairs. The paper's margin may be another, and weigh more or less beside ListMLE.
# - **Few and cut.** The pages have five lines each, most of them cut to their beginnings, for an encoder that has read Bible verses only. That any order is found there shows little of what a large model would find.
# - **Help pages are no stories.** Steps and explanations can often change places without harm. No model can then know which order the page had.
# - **Sentences alone.** Without interaction a sentence still has a score of its own. That is enough to say what beginnings look like, so the condition is no straw man.
# - **A new kind of input, and little time to learn it.** Read alone, a sentence looks like what the encoder was pretrained on. Read together, five of them come with five first tokens and alternating segments, which it never saw. Ours are tuned for minutes; what sentences gain by seeing each other
#   may come later than what the new input costs. Longer training on all stories would tell.
# - **No paper numbers.** What would settle it is the paper's size, BERT on whole texts: at `size="paper"` the same experiment takes ROCStories and SIND in full. Which five sets the paper has, its abstract does not say.
#
# ## Exercises
#
# ```{exercise} ListMLE
# :label: sentence_ordering.1
#
# Write ListMLE of one text. `scores` is a tensor of (sentences,), in their true order. Return one number, in nats.
# ```


# %%
def listwise(scores):
    return ...


# solution
def listwise(scores):
    left = [scores[i:].logsumexp(0) for i in range(len(scores))]
    return (torch.stack(left) - scores).sum()


# %%
exercises.check("sentence_ordering.1", listwise)

# %% [markdown] tags=["solution"]
# The logarithm of a product is a sum, and the sum over what is still there shrinks from place to place.

# %% [markdown]
# ```{exercise} The worst two
# :label: sentence_ordering.2
#
# Of five sentences the first and the last have changed places, and the other three are right. What is Kendall's tau?
# ```

# %%
tau = ...  # a number
# solution
tau = 1 - 2 * 7 / 10

# %%
exercises.check("sentence_ordering.2", tau)

# %% [markdown] tags=["solution"]
# The two are inverted with each other and with each of the three between: seven pairs of ten. Three sentences in five are at their place, and tau is below 0.

# %% [markdown]
# ```{exercise} All wrong, and good
# :label: sentence_ordering.3
#
# Give the places of five sentences, a list of 0 to 4, such that *no* sentence is at its place (sentence 0 belongs to place 0, and so on) and tau is as high as it can then be.
# ```

# %%
order = ...  # a list such as [4, 3, 2, 1, 0]
# solution
order = [1, 0, 3, 4, 2]

# %%
exercises.check("sentence_ordering.3", order)

# %% [markdown] tags=["solution"]
# Two neighbours change places, and three move round: three pairs of ten are inverted, and with fewer some sentence would stay. The accuracy is 0. So report more than one score.
