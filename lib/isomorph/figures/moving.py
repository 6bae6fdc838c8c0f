"""Figures that a reader moves: grids to switch between, a cloud to turn, one cloud turned onto another.

Plain HTML and a few lines of script. Nothing is loaded, so they work offline, in a downloaded notebook,
by mouse and by keyboard. Without a script a picture shows its first state, and without styles all grids
stand below each other.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from .display import display_html, table_html
from .theme import FREQUENCY

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor

SPACE, STEPS = 440, 48  # pixels of the picture of a cloud, and steps of a full turn
TILT = 0.35  # radians from which the cloud is seen
PLANE, MARGIN = 520, 14  # pixels of the picture of two clouds
COLOURS = ("#0173b2", "#c44601")  # of what turns, and of what stays; both 4.5 to 1 on white


def show_grids(tables: Mapping[str, DataFrame], *, caption: str) -> None:
    """Display values for pairs of layers, one grid a name, to switch between.

    tables: name -> values, rows the layers of the first model and columns those of the second, in
    order; shades run from 0 to 1. Hovering over a cell tells its layers and the value to three digits.
    Raises ValueError when there is no table, one is empty, or the caption is.
    """
    text = "\n\n".join(f"{name}\n{table.round(3).to_string()}" for name, table in tables.items())
    display_html(grids_html(tables, caption), text)


def grids_html(tables: Mapping[str, DataFrame], caption: str) -> str:
    """The HTML that `show_grids` displays: one self-contained <figure>."""
    if not tables or any(table.empty for table in tables.values()) or not caption.strip():
        raise ValueError("a grid needs a caption, and a table with values for every name")
    key = sha256(repr((caption, list(tables))).encode()).hexdigest()[:8]
    choose, shown, grids = [], [], []
    for number, (name, table) in enumerate(tables.items()):
        label, grid = html.escape(name), f"g{key}-{number}"
        checked = " checked" if number == 0 else ""
        # One a line, since a button may part from its name where a line is broken, and the two
        # cannot be held together by an element around them: grids are found as siblings of a button.
        button = f'<input type="radio" name="g{key}" id="{grid}"{checked}>'
        choose.append(f'{button} <label for="{grid}">{label}</label><br>')
        shown.append(f"#{grid}:checked ~ .{grid} {{ display: block; }}")
        grids.append(
            f'<div class="grid {grid}" role="region" aria-label="{label}" tabindex="0">'
            f"{_grid(table, label)}</div>"
        )
    style = (
        f"<style>.k{key} .grid {{ display: none; overflow-x: auto; }} {' '.join(shown)} "
        f".k{key} td {{ text-align: center; padding: .35em .6em; }} "
        f".k{key} label {{ margin: 0; white-space: nowrap; }}</style>"
    )
    return (
        f'<figure class="isomorph-figure k{key}">{style}{"".join(choose)}{"".join(grids)}'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _grid(table: DataFrame, name: str) -> str:
    """Rows from the deepest layer down to the embeddings, as layers are stacked."""
    rows, columns = "layer of the first model", "layer of the second model"
    head = "".join(f'<th scope="col">{column}</th>' for column in table.columns)
    lines = []
    for layer, values in reversed(list(table.iterrows())):
        cells = "".join(
            _cell(value, f"{rows} {layer}, {columns} {column}: {value:.3f}")
            for column, value in values.items()
        )
        lines.append(f'<tr><th scope="row">{layer}</th>{cells}</tr>')
    return (
        f"<table><caption>{name}: rows are the {rows}, columns the "
        f'{columns}</caption><thead><tr><th scope="col">layer</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _cell(value: float, title: str) -> str:
    if math.isnan(value):
        return "<td>–</td>"
    shade, ink = _shade(value)
    return f'<td title="{title}" style="background:{shade};color:{ink}">{value:.2f}</td>'


def _shade(value: float) -> tuple[str, str]:
    """A colour of the map cividis, and black or white ink, whichever stands out from it more."""
    import matplotlib
    from matplotlib.colors import to_hex

    colour = matplotlib.colormaps["cividis"](min(max(value, 0.0), 1.0))[:3]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    black, white = (luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05)
    return to_hex(colour), "#000000" if black > white else "#ffffff"


def show_space(
    clouds: Mapping[str, Tensor],
    words: Sequence[str],
    *,
    notes: Mapping[str, str],
    caption: str,
    alt: str,
    table: DataFrame,
) -> None:
    """Display one set of words in several clouds, of which the reader chooses one and turns it.

    clouds: a name -> vectors (n, width) of the words, which are in the order of frequency. Each is
    drawn along its own three largest singular directions, not centred, over its own largest
    coordinate, with the origin as a cross. notes: a sentence a cloud, shown beside it. table: the
    data behind it, folded under the figure.
    Raises ValueError when lengths do not fit, or the caption or alt is empty.
    """
    display_html(space_html(clouds, words, notes=notes, caption=caption, alt=alt, table=table), alt)


def space_html(clouds, words, *, notes, caption, alt, table) -> str:
    """The HTML that `show_space` displays: one self-contained <figure>."""
    lengths = {name: len(vectors) for name, vectors in clouds.items()}
    fits = clouds and set(lengths.values()) == {len(words)} and set(notes) == set(clouds)
    if not fits or not caption.strip() or not alt.strip():
        raise ValueError(
            f"clouds have {lengths} vectors for {len(words)} words and sentences for {list(notes)}; "
            "each needs as many vectors as words and a sentence, and the figure a caption and alt"
        )
    names, at = list(clouds), [coordinates(vectors).tolist() for vectors in clouds.values()]
    packed = _packed({"at": at, "notes": [notes[name] for name in names]})
    key = "s" + sha256((caption + packed).encode()).hexdigest()[:8]
    half, scale = SPACE / 2, 0.46 * SPACE
    flat = [  # before any turning, as the script draws it at 0
        (half + scale * x, half - scale * (y * math.cos(TILT) - z * math.sin(TILT)))
        for x, y, z in at[0]
    ]
    dots = "".join(
        f'<circle r="3.2" fill="{FREQUENCY[place * len(FREQUENCY) // len(words)]}" '
        f'cx="{x:.1f}" cy="{y:.1f}"><title>{html.escape(word)}</title></circle>'
        for place, (word, (x, y)) in enumerate(zip(words, flat, strict=True))
    )
    cross = (
        f'<path d="M{half - 8} {half}h16M{half} {half - 8}v16" stroke="#c00000" stroke-width="3"/>'
    )
    choices = "".join(
        f'<option value="{i}">{html.escape(name)}</option>' for i, name in enumerate(names)
    )
    ends = ("most frequent fifth", "", "", "", "rarest fifth")
    key_of = "".join(
        f'<span><span style="color:{colour}">●</span> {label} </span>'
        for colour, label in zip(FREQUENCY, ends, strict=True)
    )
    script = _script(TURNED, KEY=key, DATA=packed, SIZE=SPACE, TILT=TILT, STEPS=STEPS)
    return (
        f'<figure class="isomorph-figure" id="{key}">'
        f'<p><label for="{key}-c">vectors</label> <select id="{key}-c">{choices}</select></p>'
        f'<div class="on-white" style="background:white;color:#202020;display:inline-block;'
        f'max-width:100%">{_svg(SPACE, alt, dots + cross)}'
        f'<p style="margin:0 1em">{key_of}<span style="color:#c00000">✚</span> origin</p></div>'
        f'<p><label for="{key}-s">turn</label> <input type="range" id="{key}-s" min="0" '
        f'max="{STEPS}" value="0" style="width:60%"></p>'
        f'<p><output for="{key}-c {key}-s">{html.escape(notes[names[0]])}</output></p>'
        f"<figcaption>{html.escape(caption)}</figcaption>{table_html(table)}{script}</figure>"
    )


def coordinates(vectors: Tensor) -> np.ndarray:
    """(n, 3), from -1 to 1: along the three largest singular directions, over the largest value.

    The mean lies on the positive side of each. Fewer than three dimensions are filled up with zeros.
    """
    import torch

    from isomorph.measure.numerics import principal_axes

    vectors = vectors.detach().double().cpu()
    along = vectors @ principal_axes(vectors.T @ vectors)[1][:, :3]
    along = along * torch.where(along.mean(0) < 0, -1.0, 1.0)
    along = torch.nn.functional.pad(along, (0, 3 - along.shape[1]))
    return np.round((along / along.abs().max().clamp(min=1e-12)).numpy(), 3)


def show_turning(
    frames: np.ndarray,
    still: np.ndarray,
    names: Sequence[str],
    still_names: Sequence[str],
    nearest: Sequence[Sequence[str]],
    *,
    labels: tuple[str, str],
    caption: str,
    alt: str,
    notes: Sequence[str],
    pairs: Sequence[tuple[int, int]] = (),
) -> None:
    """Display points that move from frame to frame among points that stay.

    frames: (steps, n, 2), where the n moving points are at each step; still: (m, 2).
    nearest: (steps, n), the name of each moving point's nearest neighbours at each step, shown when a
        point is pointed at. notes: a sentence a step, shown under the slider.
    pairs: (moving, staying) points that a line joins.
    labels: what the moving points and the others are.
    Raises ValueError when lengths do not fit, or the caption or alt is empty.
    """
    body = turning_html(
        frames, still, names, still_names, nearest,
        labels=labels, caption=caption, alt=alt, notes=notes, pairs=pairs,
    )  # fmt: skip
    display_html(body, alt)


def turning_html(
    frames, still, names, still_names, nearest, *, labels, caption, alt, notes, pairs=()
) -> str:
    """The HTML that `show_turning` displays: one self-contained <figure>."""
    frames, still = np.asarray(frames, float), np.asarray(still, float)
    steps = len(frames)
    fits = (
        frames.ndim == 3 and frames.shape[1:] == (len(names), 2)
        and still.shape == (len(still_names), 2) and len(nearest) == steps
        and all(len(step) == len(names) for step in nearest) and len(notes) == steps
        and all(0 <= i < len(names) and 0 <= j < len(still_names) for i, j in pairs)
    )  # fmt: skip
    if not fits or not caption.strip() or not alt.strip():
        raise ValueError(
            f"frames is {frames.shape} and still {still.shape} for {len(names)} and "
            f"{len(still_names)} names; they must be (steps, names, 2) and (names, 2), with a line of "
            "nearest and a note a step, pairs of their points, a caption and a description"
        )
    low = min(frames.min(), still.min())
    scale = (PLANE - 2 * MARGIN) / max(frames.max() - low, still.max() - low, 1e-9)
    moving, fixed = (np.round(MARGIN + (at - low) * scale, 1) for at in (frames, still))
    key = "t" + sha256(repr((caption, moving.tolist())).encode()).hexdigest()[:8]
    line = '<line x1="{:g}" y1="{:g}" x2="{:g}" y2="{:g}" stroke="#8c8c8c" stroke-width=".7"/>'
    marks = [line.format(*moving[0, i], *fixed[j]) for i, j in pairs]
    marks += [
        f'<rect x="{x - 3.5:g}" y="{y - 3.5:g}" width="7" height="7" fill="{COLOURS[1]}" opacity=".8">'
        f"<title>{html.escape(name)}</title></rect>"
        for (x, y), name in zip(fixed.tolist(), still_names, strict=True)
    ]
    marks += [
        f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{COLOURS[0]}">'
        f"<title>{html.escape(f'{name}: nearest {near}')}</title></circle>"
        for (x, y), name, near in zip(moving[0].tolist(), names, nearest[0], strict=True)
    ]
    packed = _packed(
        {"at": moving.tolist(), "names": list(names), "near": [list(step) for step in nearest],
         "notes": list(notes), "moving": [i for i, _ in pairs]}
    )  # fmt: skip
    key_of = "".join(
        f'<span style="color:{colour}">{mark} {html.escape(label)}</span> '
        for colour, mark, label in zip(COLOURS, "●■", labels, strict=True)
    )
    return (
        f'<figure class="isomorph-figure" id="{key}">'
        f'<div class="on-white" style="background:white;display:inline-block;max-width:100%">'
        f'{_svg(PLANE, alt, "".join(marks))}<p style="margin:0 1em">{key_of}</p></div>'
        f'<p><label for="{key}-s">turned</label> <input type="range" id="{key}-s" min="0" '
        f'max="{steps - 1}" value="0" style="width:60%"> '
        f'<output for="{key}-s">{html.escape(notes[0])}</output></p>'
        f"<figcaption>{html.escape(caption)}</figcaption>"
        f"{_script(MOVED, KEY=key, DATA=packed)}</figure>"
    )


def _svg(size: int, alt: str, marks: str) -> str:
    return (
        f'<svg viewBox="0 0 {size} {size}" width="{size}" style="max-width:100%;height:auto" '
        f'role="img" aria-label="{html.escape(alt)}">{marks}</svg>'
    )


def _packed(data: dict) -> str:
    """Data as JSON in which nothing ends a script."""
    return json.dumps(data, ensure_ascii=False).replace("</", "<\\/")


def _script(script: str, **values: object) -> str:
    for name, value in values.items():
        script = script.replace(f"@{name}@", str(value))
    return f"<script>{script}</script>"


TURNED = """(function () {
  var figure = document.getElementById("@KEY@"), data = @DATA@;
  var choice = figure.querySelector("select"), slider = figure.querySelector("input");
  var output = figure.querySelector("output"), dots = figure.querySelectorAll("circle");
  var half = @SIZE@ / 2, scale = 0.46 * @SIZE@, tilt = @TILT@;
  function draw() {
    var points = data.at[+choice.value], angle = 2 * Math.PI * slider.value / @STEPS@;
    var c = Math.cos(angle), s = Math.sin(angle);
    dots.forEach(function (dot, i) {
      var p = points[i], x = c * p[0] + s * p[2], z = c * p[2] - s * p[0];
      dot.setAttribute("cx", half + scale * x);
      dot.setAttribute("cy", half - scale * (p[1] * Math.cos(tilt) - z * Math.sin(tilt)));
    });
    output.textContent = data.notes[+choice.value];
  }
  choice.addEventListener("change", draw);
  slider.addEventListener("input", draw);
})();"""

MOVED = """(function () {
  var figure = document.getElementById("@KEY@"), data = @DATA@;
  var slider = figure.querySelector("input"), output = figure.querySelector("output");
  var circles = figure.querySelectorAll("circle"), lines = figure.querySelectorAll("line");
  function move() {
    var step = +slider.value;
    circles.forEach(function (circle, i) {
      circle.setAttribute("cx", data.at[step][i][0]);
      circle.setAttribute("cy", data.at[step][i][1]);
      circle.querySelector("title").textContent =
        data.names[i] + ": nearest " + data.near[step][i];
    });
    lines.forEach(function (line, i) {
      line.setAttribute("x1", data.at[step][data.moving[i]][0]);
      line.setAttribute("y1", data.at[step][data.moving[i]][1]);
    });
    output.textContent = data.notes[step];
  }
  slider.addEventListener("input", move);
})();"""
