"""A slider that turns one cloud of points onto another: plain HTML and a few lines of script.

Nothing is loaded, so it works offline and in a downloaded notebook. The slider is moved by mouse or
keyboard; without a script the picture shows the clouds before any turning.
"""

import hashlib
import html
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

SIZE, MARGIN = 520, 14  # of the picture, in pixels
COLOURS = ("#0173b2", "#c44601")  # of what turns, and of what stays; both 4.5 to 1 on white


def show_turning(
    frames: "ndarray",
    still: "ndarray",
    names: Sequence[str],
    still_names: Sequence[str],
    nearest: Sequence[Sequence[str]],
    *,
    labels: tuple[str, str],
    caption: str,
    alt: str,
    told: Sequence[str] = (),
    pairs: Sequence[tuple[int, int]] = (),
    provenance: str = "",
) -> None:
    """Display points that move from frame to frame among points that stay.

    frames: (steps, n, 2), where the n moving points are at each step; still: (m, 2).
    nearest: (steps, n), the name of each moving point's nearest neighbours at each step, shown when a
        point is pointed at. told: a sentence a step, shown under the slider.
    pairs: (moving, staying) points that a line joins.
    labels: what the moving points and the others are.
    Raises ValueError when lengths do not fit, or the caption or alt is empty.
    """
    from IPython.display import display

    body = turning_html(
        frames, still, names, still_names, nearest,
        labels=labels, caption=caption, alt=alt, told=told, pairs=pairs, provenance=provenance,
    )  # fmt: skip
    display({"text/html": body, "text/plain": alt}, raw=True)


def turning_html(
    frames, still, names, still_names, nearest, *, labels, caption, alt, told=(), pairs=(),
    provenance="",
) -> str:  # fmt: skip
    """The HTML that `show_turning` displays: one self-contained <figure>."""
    import numpy as np

    frames, still = np.asarray(frames, float), np.asarray(still, float)
    steps = len(frames)
    fits = (
        frames.ndim == 3 and frames.shape[1:] == (len(names), 2)
        and still.shape == (len(still_names), 2) and len(nearest) == steps
        and all(len(step) == len(names) for step in nearest) and len(told) in (0, steps)
        and all(0 <= i < len(names) and 0 <= j < len(still_names) for i, j in pairs)
    )  # fmt: skip
    if not fits or not caption.strip() or not alt.strip():
        raise ValueError(
            f"frames is {frames.shape} and still {still.shape} for {len(names)} and "
            f"{len(still_names)} names; they must be (steps, names, 2) and (names, 2), with a line of "
            "nearest a step, pairs of their points, a caption and a description"
        )
    low = min(frames.min(), still.min())
    scale = (SIZE - 2 * MARGIN) / max(frames.max() - low, still.max() - low, 1e-9)
    moving = np.round(MARGIN + (frames - low) * scale, 1)
    fixed = np.round(MARGIN + (still - low) * scale, 1)
    key = "t" + hashlib.sha256(repr((caption, moving.tolist())).encode()).hexdigest()[:8]
    marks = [
        '<line x1="{:g}" y1="{:g}" x2="{:g}" y2="{:g}" stroke="#8c8c8c" stroke-width=".7"/>'.format(
            *moving[0, i], *fixed[j]
        )
        for i, j in pairs
    ]
    marks += [
        f'<rect x="{x - 3.5:g}" y="{y - 3.5:g}" width="7" height="7" fill="{COLOURS[1]}" opacity=".8">'
        f"<title>{html.escape(name)}</title></rect>"
        for (x, y), name in zip(fixed.tolist(), still_names, strict=True)
    ]
    marks += [
        f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{COLOURS[0]}"><title>{_told(name, near)}</title>'
        "</circle>"
        for (x, y), name, near in zip(moving[0].tolist(), names, nearest[0], strict=True)
    ]
    data = {
        "at": moving.tolist(), "names": list(names), "near": [list(step) for step in nearest],
        "told": list(told), "moving": [i for i, _ in pairs],
    }  # fmt: skip
    packed = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    key_of = "".join(
        f'<span style="color:{colour}">{mark} {html.escape(label)}</span> '
        for colour, mark, label in zip(COLOURS, "●■", labels, strict=True)
    )
    origin = f" <em>{html.escape(provenance)}</em>" if provenance else ""
    first = html.escape(told[0]) if told else ""
    return (
        f'<figure class="isomorph-figure" id="{key}">'
        f'<div class="on-white" style="background:white;display:inline-block;max-width:100%">'
        f'<svg viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" style="max-width:100%;height:auto" '
        f'role="img" aria-label="{html.escape(alt)}">{"".join(marks)}</svg>'
        f'<p style="margin:0 1em">{key_of}</p></div>'
        f'<p><label for="{key}-s">turned</label> <input type="range" id="{key}-s" min="0" '
        f'max="{steps - 1}" value="0" style="width:60%"> <output for="{key}-s">{first}</output></p>'
        f"<figcaption>{html.escape(caption)}{origin}</figcaption>"
        f"<script>{SCRIPT.replace('KEY', key).replace('DATA', packed)}</script></figure>"
    )


def _told(name: str, near: str) -> str:
    return html.escape(f"{name}: nearest {near}")


SCRIPT = """(function () {
  var figure = document.getElementById("KEY"), data = DATA;
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
    if (data.told.length) output.textContent = data.told[step];
  }
  slider.addEventListener("input", move);
})();"""
