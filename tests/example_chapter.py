"""The source of a chapter with one exercise of each kind, those of `checks/example.py`."""

SOURCE = '''# %% [markdown]
# # A chapter with exercises

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %%
from isomorph import exercises
from isomorph.text.worlds import World

world = World(seed=0, lexemes=64, anchors=0.3)
pairs = world.lexicon().pairs()
print(len(pairs), "words")

# %% [markdown]
# ## Exercises
#
# ```{exercise} Which way?
# :label: example.1
#
# As more words are spelt alike, what does their share do: does it rise, fall, or stay? See
# {ref}`example.2` too.
# ```

# %%
answer = ...  # "rises", "falls" or "stays"
# solution
answer = "rises"

# %%
exercises.check("example.1", answer)

# %% [markdown] tags=["solution"]
# It is a *quokka* of an answer: the dial is that very share.

# %% [markdown]
# ```{exercise} How many?
# :label: example.2
#
# Which share of the words is spelt alike?
# ```

# %%
answer = ...
# solution
alike = [a for a, b in pairs if a == b]
answer = len(alike) / len(pairs)

# %% tags=["solution"]
print("a wombat of", len(alike), "words")

# %%
exercises.check("example.2", answer, anchors=world.anchors)

# %% [markdown]
# ```{exercise} As a function
# :label: example.3
#
# Write it as a function of the pairs.
# ```


# %%
def share(pairs):
    """The share of pairs that are spelt alike."""
    return ...


# solution
def share(pairs):
    """The share of pairs that are spelt alike."""
    return sum(a == b for a, b in pairs) / len(pairs)


# %%
exercises.check("example.3", share)

# %% [markdown]
# ```{exercise} Another world
# :label: example.4
#
# Make a world in which half of the words are spelt alike.
# ```

# %%
half = ...
# solution
half = World(anchors=0.5)

# %%
exercises.check("example.4", half)

# %% [markdown]
# :::{exercise} An order
# :label: example.5
#
# Order "some", "many" and "none", beginning with the world of most words alike.
# :::

# %%
order = [..., ..., ...]
# solution
order = ["many", "some", "none"]

# %%
exercises.check("example.5", order)

# %% [markdown]
# ## The end
#
# A chapter goes on after its exercises.

# %%
print("the last cell knows", len(pairs), "words")
'''
