"""The `isomorph` command. Every body is a thin call, so that a chapter can do the same in Python.

Exit status: 0 when all went well, 1 when something failed, 2 when the request made no sense, 130
when it was interrupted.
"""

import gc
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from isomorph import processes
from isomorph.config import SIZES
from isomorph.text.shipped import DataCorrupted

app = typer.Typer(
    help="Isomorph: what happens inside language models, measured again and shown.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data = typer.Typer(help="The texts and tasks that ship with the book.", no_args_is_help=True)
app.add_typer(data, name="data")

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def plainly(*expected: type[Exception], resumes: bool = False) -> Iterator[None]:
    """Turn the `expected` exceptions into their sentence and status 1 (or the `status` that they
    have), and Ctrl-C into 130.

    Damaged data is always expected; SIGTERM and a terminal that closes are as good as Ctrl-C.
    resumes: whether the same command goes on where this one stopped.
    """
    try:
        with processes.signals_interrupt():
            yield
    except typer.Exit:  # a RuntimeError itself, and no failure
        raise
    except (*expected, DataCorrupted) as error:
        refuse(str(error), getattr(error, "status", 1))
    except KeyboardInterrupt:
        refuse(
            f"stopped; the same command {'goes on from here' if resumes else 'starts anew'}", 130
        )


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage: a short command makes none, and would spend a fifth of its time on it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    """One sentence that says what is allowed, and status 2, unless `value` is."""
    if value not in allowed:
        refuse(f"{option} is '{value}', but it must be one of {', '.join(allowed)}")


def among(*allowed: str, help: str):
    """An option with one of some values; None is none."""

    def check(option: typer.CallbackParam, value: str | None) -> str | None:
        if value is not None:
            one_of(option.opts[0], value, allowed)
        return value

    return typer.Option(callback=check, help=help)


def refuse(sentence: str, status: int = 2) -> NoReturn:
    typer.echo(f"isomorph: {sentence}", err=True)
    raise typer.Exit(status) from None


PROMPT = typer.Option(
    help="What is put before each sentence: a prompt that the model's files name, or the text itself."
)
OUT = typer.Option(help="A folder for the rows and the page, report.html.")
DEVICE = among("auto", "cpu", "cuda", "mps", help="auto, cpu, cuda or mps.")
SIZE = among(*SIZES, help="How large: smoke (seconds), laptop, reference (one GPU), hub or paper.")


def _version(asked: bool) -> None:
    if asked:
        from isomorph import __version__

        typer.echo(f"isomorph {__version__}")
        raise typer.Exit()


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Isomorph: what happens inside language models, measured again and shown."""


@app.command()
def book(
    size: Annotated[str, SIZE] = "laptop",
    chapter: Annotated[str | None, typer.Option(help="Execute only the chapter so named.")] = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Run everything of this size; read no recorded row.")
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option(
            envvar="ISOMORPH_CHAPTER_MINUTES",
            help="End a chapter that takes longer; 0: none. Usually 20 at smoke, 120 at laptop.",
        ),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(
            envvar="ISOMORPH_CHAPTER_GIB",
            help="End a chapter that takes more GiB; 0: none. Usually 8, or 3/4 of the machine's.",
        ),
    ] = None,
) -> None:
    """Execute the chapters that changed and render the site to _build/html."""
    in_checkout("book/build")
    from book import build as pipeline

    with plainly(pipeline.BookError, OSError, resumes=True):
        if not pipeline.build(size, chapter, recompute, minutes=minutes, gib=memory):
            raise typer.Exit(1)


@app.command()
def run(
    context: typer.Context,
    experiment: Annotated[
        str | None, typer.Argument(help="Its name, or all; --list shows them.")
    ] = None,
    size: Annotated[str, SIZE] = "laptop",
    cluster: Annotated[
        str,
        among("none", "local", "slurm", help="none (this process), local (processes) or slurm."),
    ] = "none",
    jobs: Annotated[int, typer.Option(min=1, help="How many runs at a time.")] = 1,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of each run, which its rows name; one unless told."),
    ] = None,
    micro_batch: Annotated[
        int | None,
        typer.Option(
            min=1, envvar=processes.MICRO_BATCH, help="Rows at a time in training; else what fits."
        ),
    ] = None,
    slurm: Annotated[
        list[str],
        typer.Option(metavar="KEY=VALUE", help="What a job asks of Slurm, such as partition=gpu."),
    ] = [],  # noqa: B006 - typer copies it
    list_only: Annotated[
        bool, typer.Option("--list", help="Show the runs and their state; run nothing.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Run also what is recorded but not finished here.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write the rows there: .parquet, .csv or .json.")
    ] = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Add each run's rows, as it ends, to those in data/results."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what it would fetch and take, and run nothing."),
    ] = False,
) -> None:
    """Run an experiment, resume it, list its runs, or export its rows."""
    import logging

    from isomorph import sweep

    context.with_resource(processes.told(processes.MICRO_BATCH, micro_batch))
    logging.basicConfig(format="%(message)s")
    logging.getLogger("isomorph").setLevel(logging.INFO)  # where a run goes on
    if experiment is None and not list_only:
        refuse("name an experiment, or all, or use --list to see them")
    every = experiment == "all"
    if slurm and cluster != "slurm":
        refuse(f"--slurm is '{slurm[0]}', but it goes with --cluster slurm only")
    try:
        sweep.slurm_settings(slurm)
    except ValueError as error:
        refuse(str(error))
    if export is not None:
        one_of("--export's ending", export.suffix, (".parquet", ".csv", ".json"))
    if experiment is not None:
        one_of("EXPERIMENT", experiment, (*sweep.EXPERIMENTS, "all"))
    if export is not None and every:
        refuse("--export goes with one experiment")
    with plainly(ValueError, RuntimeError, OSError, resumes=True), processes.with_threads(threads):
        if list_only:
            with uncollected():
                listed = sweep.listing(None if every else experiment, size=size)
                typer.echo(listed.to_string(index=False))
            return
        if every or dry_run:
            from isomorph.sweep import plan

            names = list(sweep.EXPERIMENTS) if every else [experiment]
            typer.echo(plan.as_text(plan.plan(names, size)))
        if dry_run:
            return
        failed = None
        try:
            (sweep.sweep_all if every else partial(sweep.sweep, experiment))(
                size=size, cluster=cluster, jobs=jobs, slurm=slurm, anew=anew, record=record,
                say=typer.echo,
            )  # fmt: skip
        except sweep.RunsFailed as error:
            failed = error  # the rows of the others are wanted all the same
        try:
            if export is not None:
                typer.echo(f"{sweep.export(experiment, export, size=size)} rows are in {export}")
        finally:
            if failed:
                raise failed


@app.command()
def compare(
    model_a: Annotated[
        str, typer.Argument(help="A hub's id or a folder; reads the first language.")
    ],
    model_b: Annotated[str, typer.Argument(help="The same; reads the second language.")],
    text: Annotated[
        list[str],
        typer.Option(
            help="Two languages that ship; or a file with a sentence a line, and once more for the file "
            "of its translations; or owner/name:config:split:column,column of the hub."
        ),
    ] = ["en-fr"],  # noqa: B006 - typer copies it
    languages: Annotated[
        str | None, typer.Option(help="Of files, where a model must know: for example en-fr.")
    ] = None,
    dictionary: Annotated[
        Path | None, typer.Option(help="Of files: word pairs, a word, a tab and its translation.")
    ] = None,
    domain: Annotated[str, typer.Option(help="bible, help or bible+help.")] = "bible+help",
    learn: Annotated[int, typer.Option(help="Parallel sentences to learn a rotation on.")] = 2000,
    test: Annotated[int, typer.Option(help="Held-out parallel sentences to score it on.")] = 500,
    device: Annotated[str, DEVICE] = "auto",
    prompt: Annotated[str | None, PROMPT] = None,
    out: Annotated[Path, OUT] = Path("comparison"),
) -> None:
    """Compare two encoders layer by layer: alignment, retrieval, CKA and isotropy.

    Reads weights from safetensors only, and runs no code of a model's own.
    """
    from isomorph import compare as comparing
    from isomorph.text.own import is_own

    with reported(out):
        # The name of two languages, or texts of one's own.
        chosen = text[0] if len(text) == 1 and not is_own(text[0]) else text
        rows = comparing.compare_models(
            model_a, model_b, text=chosen, dictionary=dictionary, languages=languages,
            domain=domain, learn=learn, test=test, prompt=prompt, device=device, progress=sys.stderr.isatty(),
        )  # fmt: skip
        tell(comparing.report_of(rows), out)


@app.command()
def isotropy(
    model: Annotated[str, typer.Argument(help="A hub's id or a folder.")],
    text: Annotated[
        str,
        typer.Option(
            help="A language that ships, a file with a sentence a line, or "
            "owner/name:config:split:column of the hub."
        ),
    ] = "en",
    language: Annotated[
        str | None, typer.Option(help="Of a file, where a model must know.")
    ] = None,
    sentences: Annotated[int, typer.Option(help="Whose words are met in context.")] = 300,
    device: Annotated[str, DEVICE] = "auto",
    out: Annotated[Path, OUT] = Path("isotropy"),
) -> None:
    """How evenly an encoder's words fill their space, by layer, and from frequent words to rare ones."""
    from isomorph import one_model

    with reported(out):
        tell(one_model.report_of(one_model.isotropy(
            model, text=text, language=language, sentences=sentences, device=device,
            progress=sys.stderr.isatty(),
        )), out)  # fmt: skip


@app.command()
def probe(
    model: Annotated[str, typer.Argument(help="A hub's id or a folder.")],
    text: Annotated[
        str | None,
        typer.Option(
            help="A file in CoNLL-U, or universal_dependencies of the hub; unless told, the interface "
            "terms that ship."
        ),
    ] = None,
    language: Annotated[str, typer.Option(help="Of the text.")] = "en",
    device: Annotated[str, DEVICE] = "auto",
    out: Annotated[Path, OUT] = Path("probe"),
) -> None:
    """What each layer of an encoder holds: kinds of spans, or parts of speech, relations and trees."""
    from isomorph import one_model

    with reported(out):
        tell(one_model.report_of(one_model.probe(
            model, text=text, language=language, device=device, progress=sys.stderr.isatty()
        )), out)  # fmt: skip


@contextmanager
def reported(out: Path) -> Iterator[None]:
    """Look at somebody's model: the folder is judged first, and each warning told once."""
    from isomorph.report import check_folder

    with plainly(ValueError, OSError, RuntimeError), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_folder(out)
        yield
        for note in dict.fromkeys(str(each.message) for each in said):
            typer.echo(f"isomorph: {note}", err=True)


def tell(told, out: Path) -> None:
    """Write a report; print its table by layer, what each figure says, and what was written."""
    from isomorph.report import write

    typer.echo(told.table.round(3).to_string(index=False))
    for part in told.sections:
        typer.echo(f"{part.title}: {part.found}")
    for path in write(told, out):
        typer.echo(f"wrote {path}")


def in_checkout(builder: str) -> None:
    """What builds the book and the data stands beside them, and not in the library."""
    if not (ROOT / builder).is_dir():
        refuse(f"{ROOT} is not a checkout of Isomorph: it has no {builder}")
    sys.path.append(str(ROOT))


@app.command()
def course(
    folder: Annotated[Path, typer.Argument(help="Where to write students/ and teachers/.")],
    chapter: Annotated[str | None, typer.Option(help="Write only the chapter so named.")] = None,
) -> None:
    """Write each chapter's notebook for students, without solutions, and for teachers."""
    in_checkout("book/build")
    from book import build as pipeline
    from book.build import notebook as notebooks

    with plainly(pipeline.BookError, OSError):
        written = notebooks.export(folder, notebooks.Layout(pipeline.ROOT), chapter)
        typer.echo(f"{len(written)} notebooks are in {folder}")


@app.command()
@uncollected()
def claims(
    format: Annotated[str, among("text", "json", help="text (a table) or json.")] = "text",
    size: Annotated[
        str | None, among(*SIZES, help="Judge by rows of this size only; otherwise the largest.")
    ] = None,
) -> None:
    """Print what each paper claims, what was measured here, the outcome and its ground."""
    from isomorph import claims as ledger
    from isomorph import outcomes

    with plainly(ValueError, OSError):
        if format == "json":
            typer.echo(json.dumps(ledger.as_json(size=size), indent=2, ensure_ascii=False))
        else:
            typer.echo(outcomes.as_text(size=size))


@data.command()
def verify() -> None:
    """Compare every shipped file with its checksum."""
    from isomorph.text import shipped

    with plainly(OSError):
        if problems := shipped.verify():
            refuse("\nisomorph: ".join(problems), 1)
        typer.echo(f"every file in {shipped.data_folder()} is as it was shipped")


@data.command()
def build() -> None:
    """Build the shipped texts, tasks and dictionaries again, from pinned packages."""
    in_checkout("data/build")
    from data.build import SourceUnavailable, everything

    with plainly(SourceUnavailable, ValueError, OSError, resumes=True):
        for note in everything.build():
            typer.echo(note)


@data.command()
def models() -> None:
    """Train the small encoders that ship, where they are not finished, and write them to data/."""
    in_checkout("data/build")
    from isomorph import release, sweep

    with plainly(ValueError, RuntimeError, OSError, resumes=True):
        sweep.sweep("encoders", size="reference", anew=True, say=typer.echo)
        for condition in sweep.conditions("encoders", "reference"):
            typer.echo(f"wrote {release.write(condition)}")


if __name__ == "__main__":
    app()
