"""A cloud of words in three dimensions, to turn and to cure: plain HTML and a few lines of script.

A list chooses the cure, a slider turns the cloud; both work by mouse and keyboard. Nothing is
loaded, so it works offline and in a downloaded notebook; without a script the picture shows the
first cloud.
"""

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .display import table_html
from .theme import FREQUENCY

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame
    from torch import Tensor

SIZE = 440  # of the picture, in pixels
STEPS = 48  # of a full turn
TILT = 0.35  # radians from which the cloud is seen


def show_space(
    clouds: "Mapping[str, Tensor]",
    words: Sequence[str],
    *,
    told: Mapping[str, str],
    caption: str,
    alt: str,
    table: "DataFrame | None" = None,
    provenance: str = "",
) -> None:
    """Display one set of words in several clouds, of which the reader chooses one and turns it.

    clouds: a name -> vectors (n, width) of the words, which are in the order of frequency. Each is
    drawn along its own three largest singular directions, not centred, over its own largest
    coordinate, with the origin as a cross. told: a sentence a cloud, shown beside it. table: the
    data behind it, folded under the figure.
    Raises ValueError when lengths do not fit, or the caption or alt is empty.
    """
    from IPython.display import display

    body = space_html(
        clouds, words, told=told, caption=caption, alt=alt, table=table, provenance=provenance
    )
    display({"text/html": body, "text/plain": alt}, raw=True)


def space_html(clouds, words, *, told, caption, alt, table=None, provenance="") -> str:
    """The HTML that `show_space` displays: one self-contained <figure>."""
    lengths = {name: len(vectors) for name, vectors in clouds.items()}
    fits = clouds and set(lengths.values()) == {len(words)} and set(told) == set(clouds)
    if not fits or not caption.strip() or not alt.strip():
        raise ValueError(
            f"clouds have {lengths} vectors for {len(words)} words and sentences for {list(told)}; "
            "each needs as many vectors as words and a sentence, and the figure a caption and alt"
        )
    at = {name: coordinates(vectors).tolist() for name, vectors in clouds.items()}
    names = list(at)
    data = {"at": [at[name] for name in names], "told": [told[name] for name in names]}
    packed = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    key = "s" + hashlib.sha256((caption + packed).encode()).hexdigest()[:8]
    dots = "".join(
        f'<circle r="3.2" fill="{FREQUENCY[place * len(FREQUENCY) // len(words)]}" '
        f'cx="{x:.1f}" cy="{y:.1f}"><title>{html.escape(word)}</title></circle>'
        for place, (word, (x, y)) in enumerate(zip(words, _flat(at[names[0]]), strict=True))
    )
    half = SIZE / 2
    cross = (
        f'<path d="M{half - 8} {half}h16M{half} {half - 8}v16" stroke="#c00000" stroke-width="3"/>'
    )
    choices = "".join(
        f'<option value="{i}">{html.escape(name)}</option>' for i, name in enumerate(names)
    )
    key_of = "".join(
        f'<span><span style="color:{colour}">●</span> {label} </span>'
        for colour, label in zip(
            FREQUENCY, ("most frequent fifth", "", "", "", "rarest fifth"), strict=True
        )
    )
    origin = f" <em>{html.escape(provenance)}</em>" if provenance else ""
    return (
        f'<figure class="isomorph-figure" id="{key}">'
        f'<p><label for="{key}-c">vectors</label> <select id="{key}-c">{choices}</select></p>'
        f'<div class="on-white" style="background:white;color:#202020;display:inline-block;'
        f'max-width:100%"><svg viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" '
        f'style="max-width:100%;height:auto" role="img" aria-label="{html.escape(alt)}">'
        f"{dots}{cross}</svg>"
        f'<p style="margin:0 1em">{key_of}<span style="color:#c00000">✚</span> origin</p></div>'
        f'<p><label for="{key}-s">turn</label> <input type="range" id="{key}-s" min="0" '
        f'max="{STEPS}" value="0" style="width:60%"></p>'
        f'<p><output for="{key}-c {key}-s">{html.escape(told[names[0]])}</output></p>'
        f"<figcaption>{html.escape(caption)}{origin}</figcaption>"
        f"{'' if table is None else table_html(table)}"
        f"<script>{_script(key, packed)}</script></figure>"
    )


def coordinates(vectors: "Tensor") -> "ndarray":
    """(n, 3), from -1 to 1: along the three largest singular directions, over the largest value.

    The mean lies on the positive side of each. Fewer than three dimensions are filled up with zeros.
    """
    import numpy as np
    import torch

    from isomorph.measure.numerics import principal_axes

    vectors = vectors.detach().double().cpu()
    directions = principal_axes(vectors.T @ vectors)[1][:, :3]
    along = vectors @ directions
    along = along * torch.where(along.mean(0) < 0, -1.0, 1.0)
    along = torch.nn.functional.pad(along, (0, 3 - along.shape[1]))
    return np.round((along / along.abs().max().clamp(min=1e-12)).numpy(), 3)


def _flat(points: list) -> list[tuple[float, float]]:
    """Where the points are in the picture before any turning; as the script does at 0."""
    from math import cos, sin

    half, scale = SIZE / 2, 0.46 * SIZE
    return [
        (half + scale * x, half - scale * (y * cos(TILT) - z * sin(TILT))) for x, y, z in points
    ]


def _script(key: str, packed: str) -> str:
    values = {"KEY": key, "DATA": packed, "SIZE": str(SIZE), "TILT": str(TILT), "STEPS": str(STEPS)}
    script = SCRIPT
    for name, value in values.items():
        script = script.replace(f"@{name}@", value)
    return script


SCRIPT = """(function () {
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
    output.textContent = data.told[+choice.value];
  }
  choice.addEventListener("change", draw);
  slider.addEventListener("input", draw);
})();"""
