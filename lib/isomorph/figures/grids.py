"""Grids over the layers of two models, of which the reader chooses one: plain HTML and CSS.

Nothing is loaded and no script is run, so it works offline, in a downloaded notebook and by keyboard:
the choice is a group of radio buttons. Where styles are stripped, all grids stand below each other.
"""

import hashlib
import html
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


def show_grids(
    tables: Mapping[str, "DataFrame"],
    *,
    caption: str,
    rows: str = "layer of the first model",
    columns: str = "layer of the second model",
    provenance: str = "",
) -> None:
    """Display values for pairs of layers, one grid a name, to switch between.

    tables: name -> values, rows and columns layers in order; shades run from 0 to 1. Hovering over a
    cell tells its layers and the value to three digits.
    Raises ValueError when there is no table, one is empty, or the caption is.
    """
    from IPython.display import display

    text = "\n\n".join(f"{name}\n{table.round(3).to_string()}" for name, table in tables.items())
    body = grids_html(tables, caption=caption, rows=rows, columns=columns, provenance=provenance)
    display({"text/html": body, "text/plain": text}, raw=True)


def grids_html(
    tables: Mapping[str, "DataFrame"], *, caption: str, rows: str, columns: str, provenance: str
) -> str:
    """The HTML that `show_grids` displays: one self-contained <figure>."""
    if not tables or any(table.empty for table in tables.values()) or not caption.strip():
        raise ValueError("a grid needs a caption, and a table with values for every name")
    key = hashlib.sha256(repr((caption, list(tables))).encode()).hexdigest()[:8]
    names = list(tables)
    choose, shown, grids = [], [], []
    for number, name in enumerate(names):
        label, own = html.escape(name), f"g{key}-{number}"
        checked = " checked" if number == 0 else ""
        # One a line, since a button may part from its name where a line is broken, and the two
        # cannot be held together by an element around them: grids are found as siblings of a button.
        button = f'<input type="radio" name="g{key}" id="{own}"{checked}>'
        choose.append(f'{button} <label for="{own}">{label}</label><br>')
        shown.append(f"#{own}:checked ~ .{own} {{ display: block; }}")
        grids.append(
            f'<div class="grid {own}" role="region" aria-label="{label}" tabindex="0">'
            f"{_grid(tables[name], name, rows, columns)}</div>"
        )
    style = (
        f"<style>.k{key} .grid {{ display: none; overflow-x: auto; }} {' '.join(shown)} "
        f".k{key} td {{ text-align: center; padding: .35em .6em; }} "
        f".k{key} label {{ margin: 0; white-space: nowrap; }}</style>"
    )
    origin = f" <em>{html.escape(provenance)}</em>" if provenance else ""
    return (
        f'<figure class="isomorph-figure k{key}">{style}{"".join(choose)}{"".join(grids)}'
        f"<figcaption>{html.escape(caption)}{origin}</figcaption></figure>"
    )


def _grid(table: "DataFrame", name: str, rows: str, columns: str) -> str:
    """Rows from the deepest layer down to the embeddings, as layers are stacked."""
    head = "".join(f'<th scope="col">{column}</th>' for column in table.columns)
    lines = []
    for layer, values in reversed(list(table.iterrows())):
        cells = "".join(
            _cell(value, f"{rows} {layer}, {columns} {column}: {value:.3f}")
            for column, value in values.items()
        )
        lines.append(f'<tr><th scope="row">{layer}</th>{cells}</tr>')
    return (
        f"<table><caption>{html.escape(name)}: rows are the {html.escape(rows)}, columns the "
        f'{html.escape(columns)}</caption><thead><tr><th scope="col">layer</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _cell(value: float, told: str) -> str:
    if math.isnan(value):
        return "<td>–</td>"
    shade, ink = _shade(value)
    return (
        f'<td title="{html.escape(told)}" style="background:{shade};color:{ink}">{value:.2f}</td>'
    )


def _shade(value: float) -> tuple[str, str]:
    """A colour of the map cividis, and black or white ink, whichever stands out from it more."""
    import matplotlib
    from matplotlib.colors import to_hex

    red, green, blue, _ = matplotlib.colormaps["cividis"](min(max(value, 0.0), 1.0))
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    black, white = (luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05)
    return to_hex((red, green, blue)), "#000000" if black > white else "#ffffff"
