"""Showing a figure: a caption, a description for those who do not see it, and its data.

One self-contained piece of HTML, so that a chapter's page, the notebook behind it and the
downloaded copy all show the same.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

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


def show(
    fig: Figure,
    *,
    caption: str,
    alt: str,
    table: DataFrame | None = None,
    provenance: str | None = None,
) -> None:
    """Display a figure with its caption, a description for those who do not see it, and its data.

    `caption` and `alt` are plain text; `alt` says what the figure shows, not that it is a figure.
    `table` is folded under the figure; when it has a column `provenance`, the caption counts the
    live and the recorded points. `provenance` says it in words instead.
    Raises ValueError when `caption` or `alt` is empty.
    """
    for name, text in (("caption", caption), ("alt", alt)):
        if not text.strip():
            raise ValueError(f"{name} is empty, but every figure needs one")
    origin = provenance or (provenance_note(table) if table is not None else "")
    display_html(figure_html(fig, caption, alt, table, origin), alt)


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
    return f'<figure class="isomorph-table">{caption}{region(_flat(table), name)}</figure>'


def _flat(table: DataFrame) -> DataFrame:
    """With an index that has a name as columns; one that has none only counts, and is left out."""
    named = [name for name in table.index.names if name is not None]
    return table.reset_index() if named else table


def provenance_note(table: DataFrame) -> str:
    """In words, how many rows of `table` were run live and how many are recorded."""
    counted = run_counts(table.get("provenance", ()))
    return f"Points: {counted}." if counted else ""


def run_counts(provenances: Iterable[str]) -> str:
    """In words, how many of live, cached and recorded runs (or rows of them) there are."""
    counts = Counter(provenances)
    return ", ".join(f"{counts[kind]} {text}" for kind, text in PROVENANCE.items() if counts[kind])


def figure_html(fig: Figure, caption: str, alt: str, table: DataFrame | None, origin: str) -> str:
    """The HTML that `show` displays: one self-contained <figure>."""
    import matplotlib

    stream = io.BytesIO()
    with matplotlib.rc_context(SVG):
        fig.savefig(stream, format="svg", metadata={"Date": None}, facecolor="white", dpi=200)
    picture = base64.b64encode(stream.getvalue()).decode()
    width = round(fig.get_figwidth() * 96)
    image = (
        f'<img class="dark-light" alt="{html.escape(alt)}" width="{width}"'
        ' style="max-width:100%;height:auto;background:white"'
        f' src="data:image/svg+xml;base64,{picture}">'
    )
    parts = [
        '<figure class="isomorph-figure">',
        image,
        f"<figcaption>{html.escape(caption)}",
        f" <em>{html.escape(origin)}</em>" if origin else "",
        "</figcaption>",
        table_html(table) if table is not None else "",
        "</figure>",
    ]
    return "\n".join(part for part in parts if part)


def table_html(table: DataFrame) -> str:
    """The data behind a figure, folded; numbers to four figures, at most TABLE_ROWS rows."""
    shown = table.head(TABLE_ROWS)
    more = f", the first {TABLE_ROWS} of {len(table)} rows" if len(table) > len(shown) else ""
    return (
        f"<details><summary>The data of this figure{more}</summary>\n"
        f"{region(shown, 'The data of this figure')}</details>"
    )


def region(table: DataFrame, name: str) -> str:
    """A table as HTML in a region of that name, which scrolls sideways where it must."""
    body = table.to_html(index=False, border=0, float_format="{:.4g}".format, na_rep="")
    body = re.sub(r"<th>(?=[^<])", '<th scope="col">', body)
    # A region that scrolls sideways must be reachable by keyboard, and so needs a name.
    return (
        f'<div role="region" aria-label="{html.escape(name)}" tabindex="0" '
        f'style="overflow-x:auto">{body}</div>'
    )
