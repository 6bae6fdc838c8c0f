"""Controls of similarity in and out of a domain: lengths, random changes, a step of descent."""

import pytest
import torch

from isomorph.findings import domain_controls, out_of_domain


def test_lengths_are_alike_once_matched():
    lengths = domain_controls.matching(60, 240)
    bins = [sorted(words // 5 for words in own) for own in lengths.after.values()]
    assert bins[0] == bins[1]
    assert len(lengths.before["help"]) == 240 and len(lengths.table) == 4
    assert len(domain_controls.histograms(lengths).axes) == 2


def test_an_encoder_is_shaken_by_a_seed_and_left_alone():
    encoder = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.LayerNorm(8))
    before = encoder[0].weight.detach().clone()
    one, same, other = (domain_controls.shaken(encoder, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(encoder[0].weight, before)
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)
    assert torch.equal(one[1].weight, encoder[1].weight), "a norm is no matrix"
    assert torch.equal(domain_controls.shaken(encoder, share=0)[0].weight, before)
    with pytest.raises(ValueError, match="share is -1"):
        domain_controls.shaken(encoder, share=-1)


def test_controls_compare_a_shaken_encoder_with_itself():
    rows = domain_controls.by_length(texts=12, seeds=1, bins=(6, 12, 18))
    assert set(rows["text"]) == {"Bible", "help"} and set(rows["words in a text"]) == {9.0, 15.0}
    assert rows["value"].between(0.5, 1).all()
    for metric in out_of_domain.MEASURES.values():
        assert domain_controls.longer_less_shorter(rows, metric).seeds == 1
    table = domain_controls.blind({"ours": "en"}, texts=12, seeds=1)
    assert table["similarity"].tolist() == ["RSA", "CKA"]


def test_a_step_leaves_alone_what_it_has_nothing_in_common_with():
    moved = domain_controls.steps([1, 0.25, 0])["moved, against these"].str.rstrip("%").astype(int)
    assert moved[2] == 0 and moved[1] == pytest.approx(moved[0] / 2, abs=4)
