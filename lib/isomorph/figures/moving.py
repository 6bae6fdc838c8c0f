"""Figures that a reader moves: a cloud to turn, one cloud turned onto another.

Plain HTML and a few lines of script. Nothing is loaded, so they work offline, in a downloaded notebook,
by mouse and by keyboard. Without a script a picture shows its first state.
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

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor

SPACE, STEPS = 440, 48  # pixels of the picture of a cloud, and steps of a full turn
TILT = 0.35  # radians from which the cloud is seen
PLANE, MARGIN = 520, 14  # pixels of the picture of two clouds
COLOURS = ("#0173b2", "#c44601")  # of what turns, and of what stays; both 4.5 to 1 on white
# Of words, from frequent to rare: blue to orange, told apart in any colour vision and on a dark page.
FREQUENCY = ("#08306b", "#2171b5", "#6baed6", "#fdae6b", "#e6550d")


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
    lengths = {name: len(vectors) for name, vectors in clouds.items()}
    fits = clouds and set(lengths.values()) == {len(words)} and set(notes) == set(clouds)
    if not fits or not caption.strip() or not alt.strip():
        raise ValueError(
            f"clouds have {lengths} vectors for {len(words)} words and sentences for {list(notes)}; "
            "each needs as many vectors as words and a sentence, and the figure a caption and alt"
        )
    at = [coordinates(vectors).tolist() for vectors in clouds.values()]
    half, scale = SPACE / 2, 0.46 * SPACE
    flat = [  # before any turning, as the script draws it at 0
        (half + scale * x, half - scale * (y * math.cos(TILT) - z * math.sin(TILT)))
        for x, y, z in at[0]
    ]
    colours = [FREQUENCY[place * len(FREQUENCY) // len(words)] for place in range(len(words))]
    cross = (
        f'<path d="M{half - 8} {half}h16M{half} {half - 8}v16" stroke="#c00000" stroke-width="3"/>'
    )
    ends = ("most frequent fifth", "", "", "", "rarest fifth")
    legend = [*zip(FREQUENCY, "●" * len(FREQUENCY), ends, strict=True), ("#c00000", "✚", "origin")]
    _show(
        SPACE, _dots(flat, words, colours, 3.2) + cross, legend,
        {"at": at, "notes": [notes[name] for name in clouds]},
        ("turn", STEPS), choices=tuple(clouds), caption=caption, alt=alt, after=table_html(table),
    )  # fmt: skip


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
    line = '<line x1="{:g}" y1="{:g}" x2="{:g}" y2="{:g}" stroke="#8c8c8c" stroke-width=".7"/>'
    marks = [line.format(*moving[0, i], *fixed[j]) for i, j in pairs]
    marks += [
        f'<rect x="{x - 3.5:g}" y="{y - 3.5:g}" width="7" height="7" fill="{COLOURS[1]}" opacity=".8">'
        f"<title>{html.escape(name)}</title></rect>"
        for (x, y), name in zip(fixed.tolist(), still_names, strict=True)
    ]
    titles = [f"{name}: nearest {near}" for name, near in zip(names, nearest[0], strict=True)]
    marks.append(_dots(moving[0].tolist(), titles, [COLOURS[0]] * len(names), 4))
    _show(
        PLANE, "".join(marks), [*zip(COLOURS, "●■", labels, strict=True)],
        {"at": moving.tolist(), "notes": list(notes), "names": list(names),
         "near": [list(step) for step in nearest], "moving": [i for i, _ in pairs]},
        ("turned", steps - 1), caption=caption, alt=alt,
    )  # fmt: skip


def _dots(points, titles: Sequence[str], colours: Sequence[str], radius: float) -> str:
    return "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}">'
        f"<title>{html.escape(title)}</title></circle>"
        for (x, y), title, colour in zip(points, titles, colours, strict=True)
    )


def _show(
    size: int,
    marks: str,
    legend: Sequence[tuple[str, str, str]],
    data: dict,
    slider: tuple[str, int],
    *,
    caption: str,
    alt: str,
    choices: Sequence[str] = (),
    after: str = "",
) -> None:
    """Display a picture, its legend (colour, mark, text), a slider by its label and last step, and
    perhaps a choice, as one self-contained <figure>.

    data: `at`, where the dots are, in the plane for each step or in space for each choice; `notes` of
    these states; and perhaps `names` and `near`, of which titles are, and `moving`, the dots in which
    lines begin.
    """
    packed = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")  # nothing ends the script
    key = "m" + sha256((caption + packed).encode()).hexdigest()[:8]
    options = "".join(
        f'<option value="{i}">{html.escape(name)}</option>' for i, name in enumerate(choices)
    )
    choice = f'<p><label for="{key}-c">vectors</label> <select id="{key}-c">{options}</select></p>'
    colours = "".join(
        f'<span><span style="color:{colour}">{mark}</span> {html.escape(text)} </span>'
        for colour, mark, text in legend
    )
    label, last = slider
    script = SCRIPT
    for name, value in {
        "KEY": key,
        "SIZE": size,
        "TILT": TILT,
        "STEPS": STEPS,
        "DATA": packed,
    }.items():
        script = script.replace(f"@{name}@", str(value))
    body = (
        f'<figure class="isomorph-figure" id="{key}">{choice if choices else ""}<div class="on-white" '
        'style="background:white;color:#202020;display:inline-block;max-width:100%">'
        f'<svg viewBox="0 0 {size} {size}" width="{size}" style="max-width:100%;height:auto" '
        f'role="img" aria-label="{html.escape(alt)}">{marks}</svg>'
        f'<p style="margin:0 1em">{colours}</p></div>'
        f'<p><label for="{key}-s">{label}</label> <input type="range" id="{key}-s" min="0" '
        f'max="{last}" value="0" style="width:60%"> '
        f'<output for="{key}-s">{html.escape(data["notes"][0])}</output></p>'
        f"<figcaption>{html.escape(caption)}</figcaption>{after}<script>{script}</script></figure>"
    )
    display_html(body, alt)


SCRIPT = """(function () {
  var figure = document.getElementById("@KEY@"), data = @DATA@;
  var choice = figure.querySelector("select"), slider = figure.querySelector("input");
  var output = figure.querySelector("output"), lines = figure.querySelectorAll("line");
  var half = @SIZE@ / 2, scale = 0.46 * @SIZE@, tilt = @TILT@;
  function seen(p) {
    if (p.length === 2) return p;
    var angle = 2 * Math.PI * slider.value / @STEPS@, c = Math.cos(angle), s = Math.sin(angle);
    var y = p[1] * Math.cos(tilt) - (c * p[2] - s * p[0]) * Math.sin(tilt);
    return [half + scale * (c * p[0] + s * p[2]), half - scale * y];
  }
  function draw() {
    var state = +(choice || slider).value, at = data.at[state].map(seen);
    figure.querySelectorAll("circle").forEach(function (dot, i) {
      dot.setAttribute("cx", at[i][0]);
      dot.setAttribute("cy", at[i][1]);
      if (data.near)
        dot.querySelector("title").textContent = data.names[i] + ": nearest " + data.near[state][i];
    });
    lines.forEach(function (line, i) {
      line.setAttribute("x1", at[data.moving[i]][0]);
      line.setAttribute("y1", at[data.moving[i]][1]);
    });
    output.textContent = data.notes[state];
  }
  figure.addEventListener("input", draw);
  figure.addEventListener("change", draw);
})();"""
