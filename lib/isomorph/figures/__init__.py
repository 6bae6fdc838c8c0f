"""Figures: one theme, the charts that several chapters share, and one way to show them."""

from .charts import along_a_dial, every_run, forest, layer_grid, layer_lines
from .display import blank, palette, show, show_table, theme
from .moving import show_space, show_turning

__all__ = [
    "along_a_dial", "blank", "every_run", "forest", "layer_grid", "layer_lines", "palette", "show",
    "show_space", "show_table", "show_turning", "theme",
]  # fmt: skip
