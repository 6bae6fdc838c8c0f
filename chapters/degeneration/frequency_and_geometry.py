# %% [markdown]
# # Frequency and geometry
#
# The last chapters said what happens to words that a text never holds, and to those it holds rarely. If that is right, a word's
# frequency should show in its vector: in its length, in how near its neighbours are, in how much it looks like everything else. Then you
# could tell a rare word from a common one *without knowing what either means*. That would be bad news for anyone who compares
# meanings by distance.

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %% tags=["hide-input"]
from isomorph import claims

claims.answer("3.1", "3.2", "4a.4")

# %% [markdown]
# ## The claims
#
# Li and colleagues {cite}`li2020sentence` ranked BERT's input embeddings by how often the words occur in Wikipedia. **Claim 3.1**: the
# length grows with the rank. Frequent words lie near the origin, rare words far from it. **Claim 3.2**: rare words are *sparser*. Their nearest neighbours
# are further away.
#
# Liang and colleagues {cite}`liang2021learning` published a table of BERT's words. **Claim 4a.4**: the average cosine of a word with all others is high in
# the mean, and negative for none.
#
# Why it matters: sentence vectors are means of such vectors, and are compared by cosine. If rare words lie alone in a sparse outer region, two sentences that differ by
# one rare word may look further apart than their meanings are.
#
# ## The method
#
# Take every English word that is *one* piece for a model, so that it has one vector. Rank the words by frequency. For an encoder that others
# trained, the ranking is that of GloVe's vocabulary {cite}`pennington2014glove`, which was counted on Wikipedia and newswire. For our own models it is
# that of the text they read.
#
# Then look bin by bin, as the paper does: the first hundred, up to five hundred, up to five thousand, and the rest. And in one number, the rank
# correlation of a word's place with its length, or with the mean distance to its three nearest neighbours *among all words*.

# %% tags=["hide-input"]
from IPython.display import Markdown, display

from isomorph import exercises, figures, findings
from isomorph.findings import clouds, frequency, language_models
from isomorph.presets.degeneration import MINILM

NAMES = ("mle", "masked", "cosreg")
ENCODERS = ("pretrained", "glove", "bible")
OTHERS = ("e5",)

# %% [markdown]
# ## Live: a causal model, MiniLM, GloVe
#
# The causal model is that of the last chapters.

# %%
made, found = findings.in_worlds(
    "language_models", NAMES, size=size, live="mle", recompute=recompute
)
first = findings.chosen("language_models", found.size, ["mle"])[0]
model = language_models.trained(first)
most = 1000 if size == "smoke" else 20_000
ours = clouds.words_of(model)
of_words = {
    "causal language model": ours,
    "masked, ships with the book": clouds.encoder("en", most),
    "MiniLM": clouds.encoder(MINILM, most),
    "GloVe": clouds.encoder("glove", most),
}
table = frequency.by_rank(of_words)

# %% tags=["hide-input"]
for quantity, claim in (
    ("length", "3.1"),
    ("distance to the 3 nearest", "3.2"),
):
    figures.show_table(
        frequency.beside_paper(table, quantity, claim),
        name=f"Mean {quantity} of a word's vector, by frequency rank",
    )
lines = frequency.over_mean(table, "length")
figures.show(
    figures.rank_lines(
        frequency.BINS, lines, quantity="length, over the mean of the bins"
    ),
    caption="Mean length of word vectors by frequency rank, each model over its own mean.",
    alt="A line a model over four bins of ranks, from frequent to rare. In the paper's BERT the line rises all the way; the table says "
    "which of these do.",
    table=table,
    provenance="Points: measured in this execution.",
)
distances = frequency.over_mean(table, "distance to the 3 nearest")
figures.show(
    figures.rank_lines(
        frequency.BINS,
        distances,
        quantity="distance to the 3 nearest, over the mean of the bins",
    ),
    caption="Mean distance to the three nearest neighbours by frequency rank, each model over its own mean.",
    alt="A line a model over four bins of ranks. A rising line says that rare words are sparser, a falling one that they are crowded.",
    table=table,
    provenance="Points: measured in this execution.",
)
figures.show(
    figures.rank_lines(
        frequency.BINS,
        {
            name: own["average cosine"].tolist()
            for name, own in table.groupby("vectors", sort=False)
        },
        quantity="average cosine with all other words",
    ),
    caption="Mean over words of the average cosine with all others, by frequency rank.",
    alt="A line a model over four bins of ranks. A rising line says that rare words look like everything else, a falling one that "
    "frequent words do.",
    table=table[["vectors", "ranks", "words", "average cosine"]],
    provenance="Points: measured in this execution.",
)
ends = frequency.extremes(ours)
display(
    Markdown(
        f"In our causal model the shortest vectors are those of *{', '.join(ends['shortest'])}*; the longest, of *{', '.join(ends['longest'])}*. Their ranks: "
        f"{frequency.ranks_of(ours, ends['shortest'])} and {frequency.ranks_of(ours, ends['longest'])}, of {len(ours.words)} words."
    )
)

# %% [markdown]
# Compare *directions* of lines, not heights: a model may have any scale. The paper's BERT goes up in the first two figures.
#
# Look at the causal model. Its line of lengths bends: it falls from the most frequent words to those of middling rank, and then rises again; the longest vectors, listed above,
# are nearly all of the rarest words. Its line of distances falls: rare words are not sparse but *crowded*. Put the two together. Rare words
# are long, alike, and close together. That is what the last two chapters predict. Every softmax that a rare word does not win pushes its vector along one
# direction, the same one for all of them, and little text pushes back.
#
# So our models side with claim 3.1 and against claim 3.2. BERT was trained for far longer; which of its differences makes its rare words sparse cannot be told
# from here. One difference that does is in the table further down: the cosine regulariser of Gao and colleagues, which pushes words apart.

# %%
tenths = {
    "most frequent tenth": ours.vectors[: len(ours.words) // 10],
    "rarest tenth": ours.vectors[-(len(ours.words) // 10) :],
}

# %% tags=["hide-input"]
from isomorph.measure.geometry import of_group

groups = {name: of_group(own) for name, own in tenths.items()}
display(
    Markdown(
        "In the causal model, "
        + "; ".join(
            f"of the {name}, two words have a cosine of {own['average_cosine']:.2f} on average and lie {own['pair_distance']:.2f} apart"
            for name, own in groups.items()
        )
        + "."
    )
)

# %% [markdown]
# ## Every model, over seeds
#
# Above 0 in the first column, and claim 3.1 holds of that model; above 0 in the second, and claim 3.2 does. The outcomes here are what
# the ledger's rule would say if the claim were about that model. For language models a seed is a training run; for encoders of others it is a fifth of the words, which gives no interval and decides nothing.

# %% tags=["hide-input"]
real = findings.on_real_text(
    "language_models", NAMES, size=size, recompute=recompute
)
_, encoders = findings.in_worlds(
    "encoder_words",
    ENCODERS,
    size=size,
    live=None,
    recompute=recompute,
)
large = findings.on_real_text(
    "encoder_words", OTHERS, size=size, recompute=recompute
)
figures.show_table(
    frequency.by_model(
        {
            "small, half a Bible": found,
            "larger, all English text that ships": real,
            "trained by others": encoders,
            "trained by others, from the hub": large,
        }
    ),
    name="Rank correlation of a word's frequency rank with its geometry",
)
display(Markdown(f"{findings.behind(found)} {findings.behind(real)}"))

# %% [markdown]
# ## The outcome

# %% tags=["hide-input"]
verdict = claims.predictions(["3.1", "3.2", "4a.4"])
figures.show_table(verdict, name="Claims 3.1, 3.2 and 4a.4, by prediction")
display(Markdown(findings.in_short(verdict)))
printed = {
    entry.id: entry.paper_value for entry in findings.claims_of(["4a.4"])
}["4a.4"]
display(
    Markdown(
        "The authors' numbers of claim 4a.4, of BERT: "
        + "; ".join(f"{name} {value}" for name, value in printed.items())
        + '. They need BERT\'s own weights: `size="paper"` measures them where the hub can be reached.'
    )
)

# %% [markdown]
# The claims are about masked models such as BERT. MiniLM was distilled, and then tuned to compare sentences by cosine, so what it does decides nothing
# about them. It stands beside, by name.
#
# ## Cautions
#
# - A rank is only as good as the text it was counted on. For MiniLM and GloVe it is the same list; for our models it is their own text.
# - Only words that are one piece have a vector. Few rare words are.
# - In the first bin are a hundred words, half of them marks and particles.
# - Length and neighbours are not independent: where vectors are short, distances are small. The rank correlation of the cosine does not have that fault.
#
# ## Exercises
#
# ```{exercise} Bin by bin
# :label: frequency_and_geometry.1
#
# Write the mean length of the vectors in bins of ranks. `x` is (n, width), the most frequent word first; `starts` is a list of the ranks at which the bins begin, the
# first of them 0. Return a list with a number for each bin that has a word.
# ```


# %%
def lengths_by_rank(x, starts):
    return ...


# solution
def lengths_by_rank(x, starts):
    lengths = x.norm(dim=1)
    ends = [*starts[1:], len(x)]
    return [
        lengths[a:b].mean().item()
        for a, b in zip(starts, ends, strict=True)
        if len(lengths[a:b])
    ]


# %%
exercises.check("frequency_and_geometry.1", lengths_by_rank)

# %% [markdown] tags=["solution"]
# The first and the last bin of a long list say most; those between should not jump.

# %% [markdown]
# ```{exercise} Which way?
# :label: frequency_and_geometry.2
#
# What is the rank correlation of frequency rank and length in the causal model, `ours`? Compute it from `ours.vectors`, whose first row is the most frequent word.
# ```

# %%
trend = ...  # a number from -1 to 1
# solution
from scipy import stats

lengths = ours.vectors.norm(dim=1).numpy()
trend = stats.spearmanr(range(len(lengths)), lengths).statistic

# %%
exercises.check("frequency_and_geometry.2", trend, vectors=ours.vectors)

# %% [markdown] tags=["solution"]
# A rank correlation does not ask for a straight line, only for order. It is the number in the table above, of this one seed.

# %% [markdown]
# ```{exercise} Make it longer
# :label: frequency_and_geometry.3
#
# Every vector of a cloud is divided by its own length. Which of these can still tell a rare word from a frequent one: "length", "average cosine", "neither"?
# ```

# %%
left = ...  # one of the three
# solution
left = "average cosine"

# %%
exercises.check("frequency_and_geometry.3", left)

# %% [markdown] tags=["solution"]
# Unit length hides the one sign of frequency and leaves the other. Cosine similarity is blind to length anyway, and yet rare words look alike to it. That is why the cures of the next
# chapter move or turn the cloud, and do not just rescale it.
