"""Correlations as shades: a panel a matrix, on one scale, as pixels."""

import pytest
import torch

from isomorph import figures


def test_a_panel_a_matrix_on_one_scale():
    matrices = {"one": torch.eye(40), "other": -torch.eye(3)}
    figure = figures.correlation_panels(matrices)
    shown = [axis.images[0] for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in figure.axes[:2]] == ["one", "other"]
    assert [tuple(image.get_array().shape) for image in shown[:2]] == [(40, 40), (3, 3)]
    assert {image.get_clim() for image in shown[:2]} == {(-1, 1)}


def test_nothing_to_draw_is_named():
    with pytest.raises(ValueError, match="matrices is empty"):
        figures.correlation_panels({})
