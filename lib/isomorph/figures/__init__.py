"""Figures: one theme, the charts that several chapters share, and one way to show them."""

from .charts import along_a_dial, every_run, forest, layer_grid, layer_lines, lexicon_scatter
from .display import show, show_table
from .moving import show_grids, show_space, show_turning
from .theme import blank, palette, theme

__all__ = [
    "along_a_dial", "blank", "every_run", "forest", "layer_grid", "layer_lines", "lexicon_scatter",
    "palette", "show", "show_grids", "show_space", "show_table", "show_turning", "theme",
]  # fmt: skip
