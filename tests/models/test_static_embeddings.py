"""GloVe from its package: the order is that of frequency, and alike words are near."""

import pytest
from torch.nn.functional import cosine_similarity

from isomorph.measure.static import glove


def test_frequent_words_come_first_and_alike_words_are_near():
    words, vectors = glove(5000)
    assert words[0] == "the" and len(words) == 5000 and vectors.shape == (5000, 50)
    row = {word: i for i, word in enumerate(words)}
    assert row["of"] < row["woman"] < row["technique" if "technique" in row else "senator"]

    def alike(a, b):
        return float(cosine_similarity(vectors[row[a]], vectors[row[b]], dim=0))

    assert alike("man", "woman") > alike("man", "percent") + 0.3


def test_a_number_below_one_is_refused():
    with pytest.raises(ValueError, match="most is 0"):
        glove(0)
