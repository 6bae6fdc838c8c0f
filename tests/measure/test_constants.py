"""What does not vary has no correlation, no whitening, no IsoScore: one rule in all measures."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isomorph.measure import cures, isotropy, similarity
from isomorph.measure.correlation import pearson, spearman
from isomorph.measure.cures import fit_flow
from isomorph.measure.isotropy import of_words
from isomorph.measure.numerics import centred, cosines, unit_rows, varies
from isomorph.measure.retrieval import hubness
from isomorph.measure.structural_probe import spanning_edges, spearman_by_length
from isomorph.runs.before_after import shape

from .clouds import csls, gaussian

N, WIDTH = 50, 5
DTYPES = (torch.float64, torch.float32, torch.bfloat16)
quick = settings(max_examples=15, deadline=None)
rows = st.lists(
    st.floats(-1e6, 1e6, width=32, allow_subnormal=False), min_size=WIDTH, max_size=WIDTH
)


def constants(row, dtype):
    """Clouds (N, WIDTH) that do not vary, or only as rounding does."""
    one = torch.tensor(row, dtype=dtype).repeat(N, 1)
    last = one.clone()
    last[::2] *= 1 + torch.finfo(dtype).eps  # a unit in the last place
    far = 1e6 + 1e-12 * gaussian(N, WIDTH, 0)
    return {"equal": one, "last place": last, "far": far.to(dtype)}


OF_ONE = {
    "isoscore": isotropy.isoscore,
    "variance_evenness": isotropy.variance_evenness,
    "intrinsic_dimension": lambda x: isotropy.intrinsic_dimension(x.mean(0).expand_as(x)),
    "cls_correlation": lambda x: shape(x)["cls_correlation"],
    "cls_top_share": lambda x: shape(x)["cls_top_share"],
}
OF_TWO = {
    "linear_cka": similarity.linear_cka,
    "biased cka": lambda x, y: similarity.linear_cka(x, y, debiased=False),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@quick
@given(row=rows)
def test_measures_of_a_constant_are_nan(dtype, row):
    other = gaussian(N, 3, 1)
    for how, cloud in constants(row, dtype).items():
        assert not varies(cloud).any(), how
        assert {name: of(cloud) for name, of in OF_ONE.items()} == pytest.approx(
            dict.fromkeys(OF_ONE, math.nan), nan_ok=True
        ), how
        for first, second in ((cloud, other), (other, cloud)):
            found = {name: of(first, second) for name, of in OF_TWO.items()}
            assert found == pytest.approx(dict.fromkeys(OF_TWO, math.nan), nan_ok=True), how
        for correlation in (pearson, spearman):
            assert math.isnan(correlation(cloud[:, 0], other[:, 0]).value), how
            assert math.isnan(correlation(other[:, 0], cloud[:, 0]).value), how


@pytest.fixture(scope="module")
def short_flow():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cures, "EPOCHS", 1)
        patch.setattr(cures, "HIDDEN", ())
        yield


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@quick
@given(row=rows)
def test_cures_of_a_constant_are_refused_or_leave_nothing(short_flow, dtype, row):
    for how, cloud in constants(row, dtype).items():
        with pytest.raises(ValueError, match="0 vary"):
            cures.whitening(cloud)
        assert not cures.standardisation(cloud).matrix.any(), how
        fit_flow(cloud)(cloud)  # begins as one of deviation 1


@quick
@given(row=rows, at=st.integers(0, WIDTH - 1))
def test_a_column_that_does_not_vary_is_as_good_as_none(row, at):
    varied = gaussian(N, WIDTH - 1, 2)
    for cloud in constants(row, torch.float64).values():
        whole = torch.cat([varied[:, :at], cloud[:, :1], varied[:, at:]], dim=1)
        rest = torch.cat([varied[:, :at], torch.zeros(N, 1), varied[:, at:]], dim=1)
        assert (~varies(whole)).nonzero().flatten().tolist() == [at]
        assert torch.allclose(centred(whole, "x")[0], centred(rest, "x")[0], atol=1e-9)
        assert cures.whitening(whole).matrix.shape == (WIDTH, WIDTH - 1)
        still = cures.standardisation(whole)(whole)[:, at]
        assert torch.equal(still, torch.zeros_like(still))
        for of in (isotropy.isoscore, isotropy.variance_evenness):
            assert of(whole) == pytest.approx(of(rest), abs=1e-9)
        for of in OF_TWO.values():
            assert of(whole, varied) == pytest.approx(of(rest, varied), abs=1e-9)


def test_what_varies_a_little_does_vary():
    small = 1e3 + 1e-3 * gaussian(N, WIDTH, 3)
    assert varies(small).all() and not math.isnan(isotropy.isoscore(small))
    assert similarity.linear_cka(small, small) == pytest.approx(1)
    assert varies(torch.tensor([1.0, 1.000001])) and varies(torch.tensor([1e-30, 1.1e-30]))
    assert varies(torch.arange(5)) and varies(torch.tensor([True, False]).float())
    # A narrow cone: cosines that differ in the eighth digit still order the pairs.
    cone = torch.cat([torch.ones(N, 1).double(), 1e-4 * gaussian(N, 4, 4)], dim=1)
    assert similarity.rsa(cone, cone) == pytest.approx(1)


def test_equal_distances_have_no_correlation():
    turn = torch.linalg.qr(gaussian(8, 8, 5)).Q
    other = gaussian(8, 8, 6)
    for simplex in (torch.eye(8), turn, turn + 3 * turn.sum(0), torch.ones(8, 8)):
        for pair in ((simplex, other), (other, simplex)):
            assert math.isnan(similarity.rsa(*pair))


def test_ties_that_rounding_breaks_are_ties():
    values = [0.1 + 0.2, 0.3, 0.6, 0.3, 0.1 * 3]
    assert (
        spearman(values, [1, 2, 3, 4, 5]).value == spearman([1, 1, 2, 1, 1], [1, 2, 3, 4, 5]).value
    )
    assert math.isnan(spearman([0.1 + 0.2, 0.3, 0.1 * 3], [1, 2, 3]).value)
    assert math.isnan(pearson([0.1 + 0.2, 0.3, 0.1 * 3], [1, 2, 3]).value)
    heads = np.arange(6)
    flat = 1 + 1e-15 * np.arange(6.0)
    assert spearman_by_length([heads], [flat]) == 0, "what orders nothing counts as 0"
    square = np.ones((4, 4)) + 1e-15 * np.arange(16).reshape(4, 4)
    square = square + square.T
    assert spanning_edges(square) == {(0, 1), (0, 2), (0, 3)}, "earlier words first"


def test_copies_and_zeros():
    copies = gaussian(40, 30, 7).repeat_interleave(30, 0) + 100
    assert math.isnan(isotropy.intrinsic_dimension(copies))
    zeros = torch.zeros(30, 4)
    assert math.isnan(isotropy.average_cosine(zeros))
    assert isotropy.partition_ratio(zeros) == 1
    assert math.isnan(hubness(torch.eye(4), torch.eye(4))), "each is found as often"
    found = of_words(torch.full((30, 4), 0.1))
    assert found["average_cosine"] == pytest.approx(1) and math.isnan(found["isoscore"])
    assert math.isnan(found["rank_norm_spearman"]) and math.isnan(found["rank_cosine_spearman"])


def test_numbers_too_large_or_not_real_are_refused():
    for measure in (isotropy.isoscore, isotropy.partition_ratio, cures.whitening,
                    lambda vectors: similarity.linear_cka(vectors, vectors)):  # fmt: skip
        with pytest.raises(ValueError, match="allowed is 1e-70 to 1e"):
            measure(gaussian(20, 4, 0).double() * 1e200)
        with pytest.raises(ValueError, match="allowed is 1e-70 to 1e"):
            measure(gaussian(20, 4, 0).double() * 1e-200)
        with pytest.raises(ValueError, match="complex"):
            measure(gaussian(20, 4, 0).to(torch.complex64))
    faint = gaussian(20, 4, 0).float() * 1e-42
    assert math.isnan(similarity.linear_cka(faint, faint)), "its squares are zeros"


@pytest.mark.parametrize("size", [1e-300, 1e-40, 1e40, 1e300])
def test_a_cosine_does_not_depend_on_lengths(size):
    cloud, other = gaussian(20, 4, 0), gaussian(20, 4, 1)
    assert isotropy.average_cosine(size * cloud) == pytest.approx(isotropy.average_cosine(cloud))
    assert torch.allclose(csls(size * cloud, other / size), csls(cloud, other))
    assert torch.allclose(cosines(size * cloud, size * other), cosines(cloud, other))
    for center in (False, True):
        assert torch.allclose(unit_rows(size * cloud, "x", center), unit_rows(cloud, "x", center))
    mixed = cloud * torch.logspace(-300, 300, 20, dtype=torch.float64)[:, None]
    assert torch.allclose(unit_rows(mixed, "x"), unit_rows(cloud, "x"))
    single = cloud.float()
    plain = single / single.norm(dim=1, keepdim=True)
    assert torch.equal(unit_rows(single, "x", dtype=torch.float32), plain), "no digit changes"


@pytest.mark.parametrize("size", [0.0, 1e-3, 1.0, 1e3, 1e8, 1e30])
def test_a_conceptor_of_equal_rows_keeps_what_the_formula_keeps(size):
    row = size * torch.tensor([1.0, 0.3, -2, 0.7]).double()
    cure = cures.conceptor_negation(row.repeat(10, 1))
    kept = 0.25 / (0.25 + row @ row)
    direction = row / row.norm() if size else row
    wanted = torch.eye(4) - (1 - kept) * torch.outer(direction, direction)
    assert torch.allclose(cure.matrix, wanted, atol=1e-12)
    assert float(cure(row[None]).norm()) <= float(kept * row.norm()) * (1 + 1e-9) + 1e-12


def test_the_ridge_map_of_zeros_is_zero():
    assert not similarity.ridge(torch.zeros(5, 3), gaussian(5, 2, 0)).any()
    half = torch.cat([gaussian(5, 2, 1), torch.zeros(5, 1)], dim=1)
    assert not similarity.ridge(half, gaussian(5, 2, 0))[2].any()
