"""What the commands that look at somebody's model leave behind: rows with intervals beside a floor, and one
page that opens alone.

The floor is an encoder of the same shape and tokeniser whose weights are fresh. Intervals are over the
items of one model, sentences or words, by `isomorph.measure.correlation`; what a measure has above its
floor is paired, item by item.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from isomorph import figures, metrics
from isomorph.figures.display import figure_html, table_figure
from isomorph.rows import among_in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from isomorph.measure.words import Reader

WIDTH = 5.6  # inches: a wider figure is too small to read on a phone
SEED = 0  # of the fresh weights; of a second model the next one
# Of every row beside metric, layer and value: the 95% interval; the floor; and value - floor, paired.
ESTIMATED = ("low", "high", "floor", "gain_low", "gain_high")
NAMES = ("rows.csv", "report.html")  # what is written
ASIDE = ".report-"  # begins the name of the folder in which files are made
METHOD = (
    "Bands, and what stands in brackets, are 95% intervals over the {items} of this text, for these models as they are; "
    "they say nothing of other trainings or texts. Dotted lines are the floor: encoders of the same shape "
    "and tokeniser with fresh weights, on the same text. A layer is called the highest after looking at "
    "all, which flatters it a little. Layer 0 is what the embeddings give."
)


def reader(name: str, language: str | None, place, prompt: str | None = None) -> tuple[Reader, str]:
    """A model that reads a language, sentences as its files ask, and how in words. language: may be left
    out of models that read but one, or any. Raises ModelRefused, and ValueError for a language."""
    from isomorph.measure.words import Reader
    from isomorph.models.pretrained import load_encoder
    from isomorph.models.sentences import asked

    model, tokenizer = load_encoder(name)
    if isinstance(tokenizer, dict) and language not in tokenizer:
        if language or len(tokenizer) > 1:
            raise ValueError(f"{name} reads {', '.join(tokenizer)}; the language is {language!r}.")
        (language,) = tokenizer
    pooling, before, longest, words = asked(name, prompt)
    return Reader(model.to(place), tokenizer, language, pooling, before, longest), words


class Drawing(NamedTuple):
    """What a figure shows: the metrics by the names of their lines, and what the vertical axis is; and
    what is said of which of them, {metric: its name in a sentence}."""

    title: str
    caption: str
    axis: str
    lines: dict[str, str]
    said: dict[str, str]
    chance: str | None = None  # the metric that has it; "" where unrelated vectors give 0
    lowest: bool = False  # whether the sentence is of the lowest layer


class Section(NamedTuple):
    """A heading, what the numbers say, and the HTML of a figure with its data."""

    title: str
    found: str
    figure: str


class Report(NamedTuple):
    """What a page holds. items: what the intervals are over. table: by layer."""

    rows: DataFrame
    title: str
    facts: Mapping[str, str]
    items: str
    sections: Sequence[Section]
    table: DataFrame


def with_floor(records: Sequence[dict], floor: Sequence[dict]) -> DataFrame:
    """Records with a "score" as rows beside those of the fresh weights: metric, layer, value, and
    ESTIMATED, nan where nothing is estimated."""
    import pandas as pd

    from isomorph.measure.correlation import intervals

    def key(record: dict) -> tuple:
        return record["metric"], record.get("layer")

    below, rows = {key(record): record for record in floor}, []
    for record in records:
        row = {name: value for name, value in record.items() if name != "score"}
        other = below.get(key(record), {})
        row["floor"] = other.get("value")
        if (score := record.get("score")) and len(score.influence) > 1:
            of = {"": score, "floor": other.get("score")}
            if of["floor"] is None or len(of["floor"].influence) != len(score.influence):
                del of["floor"]
            bounds = intervals(of, range(len(score.influence)), reference="floor")[""]
            row |= {name: bounds[name] for name in ESTIMATED if name in bounds}
        rows.append(row)
    numbers = dict.fromkeys(("value", *ESTIMATED), float)
    return pd.DataFrame(rows).reindex(columns=["metric", "layer", *numbers]).astype(
        {"layer": "Int64"} | numbers
    )  # fmt: skip


def lines(
    rows: DataFrame, named: Mapping[str, str], axis: str, level: tuple[str, float] | None = None
) -> tuple[Figure, DataFrame]:
    """Metrics by layer, by the names of their lines, and the table behind the figure."""
    chosen = rows[rows["metric"].isin(named.values())].dropna(subset=["layer", "value"])
    by_metric = {metric: line for line, metric in named.items()}
    chosen = chosen.assign(line=chosen["metric"].map(by_metric), metric=axis)
    order = chosen["line"].map(list(named).index)
    chosen = chosen.iloc[order.argsort(kind="stable")].astype({"layer": int})
    table = chosen[["line", "layer", "value", *ESTIMATED[:3]]]
    return figures.layer_lines(chosen, axis, level=level), table


def section(
    title: str, found: str, drawn: tuple[Figure, DataFrame], caption: str, alt: str
) -> Section:
    figure, table = drawn
    figure.set_size_inches(min(figure.get_figwidth(), WIDTH), figure.get_figheight())
    return Section(title, found, figure_html(figure, caption, f"{alt} {found}", table))


def sections(rows: DataFrame, drawings: Sequence[Drawing]) -> list[Section]:
    """Each figure with what it says; those without a row are left out."""
    made = []
    for title, caption, axis, named, said, chance, lowest in drawings:
        if not rows.loc[rows["layer"].notna(), "metric"].isin(named.values()).any():
            continue
        level = None if chance is None else ("unrelated vectors", 0.0)
        if chance:
            answer = "the most frequent answer" if chance.endswith("majority") else "chance"
            level = answer, rows.loc[rows["metric"] == chance, "value"].iloc[0]
        many = among_in_words(rows, [next(iter(named.values()))])
        found = (
            says(rows, metric, what, level=level, lowest=lowest) for metric, what in said.items()
        )
        made.append(section(
            title, " ".join(filter(None, found)), lines(rows, named, axis, level),
            f"{caption} {many[:1].upper()}{many[1:]}".strip(),
            f"Lines over layers: {', '.join(named)}; dotted, fresh weights.",
        ))  # fmt: skip
    return made


def by_layer(rows: DataFrame, named: Mapping[str, str]) -> DataFrame:
    """A line a layer, of metrics by the names of the columns; what was not measured is nan."""
    table = rows.dropna(subset=["layer"]).pivot(index="layer", columns="metric", values="value")
    return table.reindex(columns=list(named.values())).set_axis(list(named), axis=1).reset_index()


def says(
    rows: DataFrame,
    metric: str,
    what: str,
    *,
    level: tuple[str, float] | None = None,
    lowest: bool = False,
) -> str:
    """In words, from the numbers: where a metric is highest, or lowest, and whether that layer, and how
    many others, can be told from the floor. Empty where it was not measured."""
    by_layer = rows[(rows["metric"] == metric)].dropna(subset=["layer", "value"])
    if by_layer.empty:
        return ""
    best = by_layer.loc[by_layer["value"].idxmin() if lowest else by_layer["value"].idxmax()]
    percent = metrics.metric(metric).scale == 100

    def number(value: float, unit: str = "%") -> str:
        return f"{100 * value:.1f}{unit}" if percent else f"{value:.3f}"

    def between(low: float, high: float) -> str:
        low, high = (min(max(end, 0.0), 1.0) if percent else end for end in (low, high))
        return f" (95% interval {number(low)} to {number(high)})"

    count, extreme = by_layer["layer"].nunique(), "lowest" if lowest else "highest"
    said = f"{what} is {extreme} at layer {best['layer']}, {number(best['value'])}"
    if best["low"] < best["high"]:
        said += between(best["low"], best["high"])
    if level is not None:
        said += f"; {level[0]} {'gives ' + number(level[1]) if level[1] else 'give 0'}"
    if best["floor"] != best["floor"]:
        return f"{said}."
    said += f"; with fresh weights it is {number(best['floor'])} there"
    if best["gain_low"] != best["gain_low"]:
        return f"{said}."
    points = " points" if percent else ""
    apart = ((by_layer["gain_low"] > 0) | (by_layer["gain_high"] < 0)).sum()
    if best["gain_low"] > 0 or best["gain_high"] < 0:
        side = "above" if best["gain_low"] > 0 else "below"
        ends = sorted(abs(best[["gain_low", "gain_high"]]))
        said += f", so it is {side} the floor by {number(ends[0], '')} to {number(ends[1], points)}"
    else:
        ends = f"{number(best['gain_low'], '')} to {number(best['gain_high'], points)}"
        said += f". The interval of the difference, {ends}, reaches 0: this is not told apart from what "
        said += "the shape and the subwords alone give"
    return f"{said}. Of {count} layers {apart} can be told from the floor."


def page(told: Report) -> str:
    """A report as HTML that needs no other file: what was read, each section, and the table."""
    from jinja2 import Environment
    from markupsafe import Markup

    source = (resources.files(__package__) / "report.html").read_text("utf-8")
    # What is a figure or a table here is HTML already, and escaped where it was made.
    template = Environment(autoescape=True).from_string(source)
    return template.render(
        title=told.title, facts=told.facts, method=METHOD.format(items=told.items),
        sections=[each._replace(figure=Markup(each.figure)) for each in told.sections],
        table=Markup(table_figure(told.table, "By layer; nothing where it was not measured")),
    )  # fmt: skip


def check_folder(folder: Path) -> None:
    """Raise ValueError, in one sentence, unless a report can be written to a folder.

    Allowed is a new or an empty one, or one that holds an earlier report and nothing else.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"out is '{folder}', which is a file; allowed is a folder.")
    held, rows = sorted(folder.iterdir()) if folder.exists() else [], folder / "rows.csv"
    made_aside = [path for path in held if path.name.startswith(ASIDE)]
    earlier = bool(made_aside)
    if rows.is_file():
        with rows.open(encoding="utf-8", errors="replace") as file:
            earlier = {"metric", "layer", *ESTIMATED} <= set(file.readline().strip().split(","))
    ours = [path for path in held if path.name in NAMES] + made_aside if earlier else []
    if foreign := [path.name for path in held if path not in ours]:
        raise ValueError(
            f"out is '{folder}', which holds {foreign[0]!r}"
            f"{f' and {len(foreign) - 1} more' if len(foreign) > 1 else ''}; allowed is a new folder, "
            "an empty one, or one of an earlier report."
        )
    near = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=ASIDE, dir=near):
            pass
    except OSError as problem:
        raise ValueError(
            f"out is '{folder}', which cannot be written ({problem.strerror})."
        ) from None


def write(told: Report, folder: Path) -> list[Path]:
    """Write rows.csv and report.html; the files, in order. They are made aside, and an earlier report
    stays until both are there. Raises ValueError for a folder that `check_folder` refuses."""
    check_folder(folder)
    whole = page(told)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=ASIDE, dir=folder) as aside:
        made = [Path(aside) / name for name in NAMES]
        told.rows.to_csv(made[0], index=False)
        made[1].write_text(whole, encoding="utf-8")
        return [path.rename(folder / path.name) for path in made]
