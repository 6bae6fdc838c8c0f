"""The one theme of all figures, and how a figure or a table is shown.

A figure is drawn dark on white, which reads well in any notebook; the site's style sheet inverts
its lightness, hue kept, in dark mode. It is shown with a caption, a description for those who do not
see it, and its data: one self-contained piece of HTML, so that a chapter's page, the notebook behind
it and the downloaded copy all show the same.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 3)))
INK = "#202020"
WIDTH, HEIGHT = 7.0, 4.2  # inches; at the site's text width one inch is about one inch
STYLE = {
    "axes.grid": True,
    "grid.color": "#d9d9d9",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#404040",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    # Room between panels, or the words of one axis touch the next panel.
    "figure.constrained_layout.wspace": 0.06,
    "figure.constrained_layout.hspace": 0.06,
}
PROVENANCE = {
    "live": "run live in this execution",
    "cached": "kept from an earlier execution on this machine",
    "recorded": "recorded earlier and shipped",
}
TABLE_ROWS = 200
SVG = {
    "svg.fonttype": "path",  # the reader's machine may lack the font
    "svg.hashsalt": "isomorph",  # the same figure gives the same file
}


def palette(count: int) -> list:
    """`count` colours that readers with any colour vision tell apart; at most 8."""
    import seaborn

    if not 1 <= count <= len(MARKERS):
        raise ValueError(f"count is {count}, but a figure may hold 1 to {len(MARKERS)} groups")
    # The pale ones of the ten come last, where few figures get to.
    ordered = seaborn.color_palette("colorblind", 10)
    return [ordered[i] for i in (0, 3, 2, 4, 1, 5, 7, 9)][:count]


@contextmanager
def theme() -> Iterator[None]:
    """Seaborn's ticks style with this project's sizes, restored on leaving."""
    import matplotlib
    import seaborn

    style = seaborn.axes_style("ticks") | seaborn.plotting_context("notebook", font_scale=0.95)
    with matplotlib.rc_context(style | STYLE):
        yield


def blank(
    width: float = WIDTH, height: float = HEIGHT, columns: int = 1, rows: int = 1
) -> tuple[Figure, list]:
    """An empty themed figure and its axes, a list of rows times columns; sizes in inches.

    Not registered with pyplot, so a notebook never shows it a second time on its own.
    """
    from matplotlib.figure import Figure

    with theme():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.ravel())


def show(fig: Figure, *, caption: str, alt: str, table: DataFrame | None = None) -> None:
    """Display a figure with its caption, a description for those who do not see it, and its data.

    `caption` and `alt` are plain text; `alt` says what the figure shows, not that it is a figure.
    `table` is folded under the figure; when it has a column `provenance`, the caption counts the
    live and the recorded points. Raises ValueError when `caption` or `alt` is empty.
    """
    for name, text in (("caption", caption), ("alt", alt)):
        if not text.strip():
            raise ValueError(f"{name} is empty, but every figure needs one")
    display_html(figure_html(fig, caption, alt, table), alt)


def display_html(body: str, text: str) -> None:
    """Display HTML, with what stands for it where none can be shown."""
    from IPython.display import display

    display({"text/html": body, "text/plain": text}, raw=True)


def show_table(table: DataFrame, name: str) -> None:
    """Display a small table with its name as a caption, readable in light, in dark and in Jupyter.

    An index that has a name is shown as columns. Raises ValueError when `name` is empty.
    """
    if not name.strip():
        raise ValueError("name is empty, but every table needs one")
    display_html(table_figure(table, name), f"{name}\n{_flat(table).to_string(index=False)}")


def table_figure(table: DataFrame, name: str) -> str:
    """A table as HTML under its caption, which ends with the table's note where it has one."""
    said = ". ".join(filter(None, [name.rstrip("."), table.attrs.get("note", "")]))
    caption = f"<figcaption>{html.escape(said)}</figcaption>"
    return f'<figure class="isomorph-table">{caption}{_region(_flat(table), name)}</figure>'


def _flat(table: DataFrame) -> DataFrame:
    """With an index that has a name as columns; one that has none only counts, and is left out. So is
    the name of all columns together, which would be a column without content."""
    named = [name for name in table.index.names if name is not None]
    table = table.reset_index() if named else table
    return table.rename_axis(columns=[None] * table.columns.nlevels)


def run_counts(provenances: Iterable[str]) -> str:
    """In words, how many of live, cached and recorded runs (or rows of them) there are."""
    counts = Counter(provenances)
    return ", ".join(f"{counts[kind]} {text}" for kind, text in PROVENANCE.items() if counts[kind])


def figure_html(fig: Figure, caption: str, alt: str, table: DataFrame | None = None) -> str:
    """The HTML that `show` displays: one self-contained <figure>."""
    import matplotlib

    stream = io.BytesIO()
    with matplotlib.rc_context(SVG):
        fig.savefig(stream, format="svg", metadata={"Date": None}, facecolor="white", dpi=200)
    counted = "" if table is None else run_counts(table.get("provenance", ()))
    data = "" if table is None else f"{table_html(table)}\n"
    points = f" <em>Points: {counted}.</em>\n" if counted else ""
    picture = base64.b64encode(stream.getvalue()).decode()
    return (
        f'<figure class="isomorph-figure">\n<img class="dark-light" alt="{html.escape(alt)}" '
        f'width="{round(fig.get_figwidth() * 96)}" style="max-width:100%;height:auto;background:white"'
        f' src="data:image/svg+xml;base64,{picture}">\n<figcaption>{html.escape(caption)}\n{points}'
        f"</figcaption>\n{data}</figure>"
    )


def table_html(table: DataFrame) -> str:
    """The data behind a figure, folded; numbers to four figures, at most TABLE_ROWS rows."""
    shown = table.head(TABLE_ROWS)
    more = f", the first {TABLE_ROWS} of {len(table)} rows" if len(table) > len(shown) else ""
    return (
        f"<details><summary>The data of this figure{more}</summary>\n"
        f"{_region(shown, 'The data of this figure')}</details>"
    )


def _region(table: DataFrame, name: str) -> str:
    """A table as HTML in a region of that name, which scrolls sideways where it must."""
    body = table.to_html(
        index=False, border=0, float_format="{:.4g}".format, na_rep="", justify="left"
    )
    body = re.sub(r"<th>(?=[^<])", '<th scope="col">', body)
    # A region that scrolls sideways must be reachable by keyboard, and so needs a name.
    return (
        f'<div role="region" aria-label="{html.escape(name)}" tabindex="0" '
        f'style="overflow-x:auto">{body}</div>'
    )
