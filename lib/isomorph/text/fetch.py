"""One split of a public data set: from a mirror, from the hub, or as the hub gave it earlier; and its
rows judged.

``$ISOMORPH_MIRROR`` may name a folder laid out as ``<owner>/<name>/<config>/<split>.parquet``.  What
is not there comes from the hub through ``datasets``.  Where the hub does not give it, what
``datasets`` has kept of it is read, with a warning.  Each call asks the hub anew, and waits seconds.

Every check of a row names what is wrong and what is allowed; `examples_of` and `at_row` add the data
set and the row, counted from 0.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Literal

from isomorph.text.shipped import sha256_of

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

PATIENCE = 5.0  # seconds to wait for the hub before calling it unreachable
NAME = r"\w(\.?[\w+=-])*"
OTHER_NAMES = {"validation": "dev"}  # of splits
_read: ContextVar[set[str] | None] = ContextVar("read", default=None)


class DataUnavailable(RuntimeError):
    """Neither the mirror, nor the hub, nor its cache can provide a data set."""


class HubAway(DataUnavailable):
    """The hub may well have it, but gives it not now, or not to this user.

    Then nothing may stand in for it: the same run would be another one tomorrow.
    """


def load_hub(
    dataset_id: str,
    config: str,
    split: str,
    *,
    place: tuple[str, str | None] | None = None,
    streaming: bool = False,
) -> Dataset | IterableDataset:
    """One split of a data set, from the mirror where it has it, else from the hub or its cache.

    dataset_id: "<owner>/<name>"; what owner "local" has is in mirrors alone.
    place: (id, revision) under which the hub has it, where that is not its own id.
    streaming: rows one after another, without a download of all.
    Raises ValueError for a malformed name or file and DataUnavailable when it cannot be had: HubAway
    where no mirror is in use and the hub did not say that it has no such thing.
    """
    some = "a name of letters, digits, '_', '-' and '.'"
    for field, value, form, allowed in (
        ("dataset_id", dataset_id, rf"{NAME}/{NAME}", "'<owner>/<name>'"),
        ("config", config, NAME, some), ("split", split, NAME, some),
    ):  # fmt: skip
        if not isinstance(value, str) or not re.fullmatch(form, value):
            raise ValueError(f"{field} is {value!r}; allowed is {allowed}.")
    mirror, what = os.environ.get("ISOMORPH_MIRROR"), named(dataset_id, config, split)
    if path := mirrored(dataset_id, config, split):
        data = _table(path, streaming)
        note(dataset_id, config, split, sha256_of(path))
        return data
    lacking = f"ISOMORPH_MIRROR ({mirror}) does not hold it" if mirror else ""
    if dataset_id.startswith("local/"):
        raise DataUnavailable(
            f"{what} is not available: what owner 'local' has is in no hub but in a mirror, and "
            f"{lacking or 'ISOMORPH_MIRROR is not set'}."
        )
    hub_id, revision = place or (dataset_id, None)
    try:
        data, version = _given(hub_id, revision, config, split, streaming)
    except NotGiven as reason:
        kept = _kept(hub_id, config, split, streaming)
        if kept is None:
            because = [f"{hub_id}, {revision}: {reason}" if place else str(reason)]
            because += ["what is streamed is not kept"] * (streaming and reason.away)
            because += [lacking] * bool(lacking)
            kind = DataUnavailable if reason.absent or lacking else HubAway
            raise kind(f"{what} is not available: {'; '.join(because)}.") from None
        data, version = kept
        message = f"{what} is read from the cache, of commit {version}: {reason}."
        warnings.warn(message, stacklevel=3)
    note(hub_id, config, split, version)
    return data


def mirrored(dataset_id: str, config: str, split: str) -> Path | None:
    """The file of a mirror that has a split."""
    mirror = os.environ.get("ISOMORPH_MIRROR")
    path = Path(mirror, dataset_id, config, f"{split}.parquet") if mirror else None
    return path if path and path.is_file() else None


def named(dataset_id: str, config: str, split: str) -> str:
    """How messages name a split of a data set."""
    return f"{dataset_id} ({config}, {split})"


@contextmanager
def reading() -> Iterator[set[str]]:
    """The public data read within, each as "<id>/<config>/<split>@<version>", and encoders.

    The version is the commit on the hub, of 40 digits, or the SHA-256 of a mirror's file, of 64; an
    encoder that does not ship is "<name>@<version>", its commit on the hub or else its fingerprint, see
    `isomorph.models.pretrained`.
    """
    names: set[str] = set()
    token = _read.set(names)
    try:
        yield names
    finally:
        _read.reset(token)


def note(*what: str) -> None:
    """Say that a version, the last of `what`, of something that does not ship has been read."""
    names = _read.get()
    if names is not None:
        names.add("/".join(what[:-1]) + f"@{what[-1]}")


def _table(path: Path, streaming: bool) -> Dataset | IterableDataset:
    import pyarrow
    import pyarrow.parquet
    from datasets import Dataset, IterableDataset

    try:
        if streaming:
            pyarrow.parquet.read_metadata(path)
            return IterableDataset.from_parquet(str(path))
        return Dataset(pyarrow.parquet.read_table(path))
    except (pyarrow.ArrowException, OSError, ValueError, TypeError) as problem:
        raise ValueError(f"{path} is no table in Parquet ({_first_line(problem)}).") from None


class NotGiven(Exception):
    """Why the hub does not give something, in words that follow a colon.

    absent: it says that it has no such thing.  away: it answers nobody now.
    """

    def __init__(self, reason: str, *, absent: bool = False, away: bool = False):
        super().__init__(reason)
        self.absent, self.away = absent, away


def _given(hub_id: str, revision: str | None, config: str, split: str, streaming: bool):
    """The data and the commit it is of, from the hub as it is now. Raises NotGiven."""
    from datasets import load_dataset_builder

    commit = commit_of("dataset", hub_id, revision)
    try:
        builder = load_dataset_builder(hub_id, config, revision=commit)
        data = _split_of(builder, split, streaming)
    # What goes wrong comes from several libraries and shares no class of its own.
    except Exception as problem:  # noqa: BLE001
        line = _first_line(problem)
        if line.startswith(("BuilderConfig", "Unknown split", "Bad split")):
            raise NotGiven(line, absent=True) from None
        hidden = line.startswith("Couldn't find cache")  # so `datasets`, whatever the hub answered
        raise NotGiven("the hub does not give its files" if hidden else line) from None
    if builder.hash != commit:  # `datasets` took what it had
        raise NotGiven("the hub does not give its files")
    return data, commit


def commit_of(kind: Literal["dataset", "model"], hub_id: str, revision: str | None = None) -> str:
    """The commit that the hub has a data set or a model at now.

    Raises NotGiven within seconds, also where it is gated and this user may not read its files.
    """
    from huggingface_hub import HfApi, constants, errors

    if constants.HF_HUB_OFFLINE:
        raise NotGiven("HF_HUB_OFFLINE is set", away=True)
    login, how, api = "`hf auth login`, or HF_TOKEN", {}, HfApi()
    what = "data set" if kind == "dataset" else kind
    try:
        info = api.repo_info(hub_id, revision=revision, repo_type=kind, timeout=PATIENCE)
        if info.gated:  # to all it shows what there is, and to few the files
            api.auth_check(hub_id, repo_type=kind)
    # The classes of network errors differ between versions of the client.
    except Exception as problem:  # noqa: BLE001
        match problem:
            case errors.GatedRepoError():
                page = f"{constants.ENDPOINT}/{'datasets/' * (kind == 'dataset')}{hub_id}"
                reason = f"it is gated: ask for access at {page} and log in ({login})"
            case errors.RepositoryNotFoundError():
                reason = f"the hub has no such {what}, or one that needs a login ({login})"
                how = {"absent": True}
            case errors.RevisionNotFoundError():
                reason, how = f"the hub has no revision {revision!r} of it", {"absent": True}
            case errors.HfHubHTTPError(response=said) if said.status_code in (401, 403):
                reason = f"the hub refuses the login ({said.status_code}); {login} gives another"
            case errors.HfHubHTTPError(response=said):
                reason = f"the hub fails ({said.status_code} {said.reason_phrase})"
                how = {"away": True}
            case _:
                late = "Timeout" in type(problem).__name__
                reason = f"the hub cannot be reached ({_first_line(problem)})"
                reason = f"the hub has not answered within {PATIENCE:g} seconds" if late else reason
                how = {"away": True}
        raise NotGiven(reason, **how) from None
    return info.sha


def _kept(hub_id: str, config: str, split: str, streaming: bool):
    """As `_given`, of what an earlier download left; None where there is none."""
    from datasets.packaged_modules.cache.cache import Cache

    name = hub_id.partition("/")[2]
    try:
        builder = Cache(
            dataset_name=name, repo_id=hub_id, config_name=config, version="auto", hash="auto"
        )
        return _split_of(builder, split, streaming), builder.hash
    except (OSError, ValueError):
        return None


def _split_of(builder, split: str, streaming: bool):
    if not streaming:
        builder.download_and_prepare()
    there = builder.info.splits or ()
    if split not in there and OTHER_NAMES.get(split) in there:
        split = OTHER_NAMES[split]
    return (builder.as_streaming_dataset if streaming else builder.as_dataset)(split=split)


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return shorten(lines[0].rstrip("."), 200) if lines else type(problem).__name__


def examples_of(
    rows: Dataset,
    columns: Sequence[str],
    make: Callable[[dict], object],
    where: str,
    places: Sequence[int] | None = None,
) -> tuple:
    """What ``make`` makes of each row, or of those at some places, from these columns; `where` names
    the data set.

    Raises ValueError for a column that is not there, for no rows, and where ``make`` does, by the row.
    """
    for column in columns:
        if column not in rows.column_names:
            there = ", ".join(map(repr, rows.column_names))
            raise ValueError(f"{where} has no column {column!r}; it has {there}.")
    if not len(rows):
        raise ValueError(f"{where} has no rows; at least one is needed.")
    places = range(len(rows)) if places is None else places
    items = []
    chosen = rows.select_columns(list(columns)).select(places).to_list()
    for place, row in zip(places, chosen, strict=True):
        with at_row(where, place):
            items.append(make(row))
    return tuple(items)


@contextmanager
def at_row(where: str, place: int) -> Iterator[None]:
    try:
        yield
    except ValueError as problem:
        raise ValueError(f"{where}, row {place}: {problem}") from None


def text(row: dict, column: str, *, blank: bool = False) -> str:
    if column not in row:
        raise ValueError(f"it has no column {column!r}; it has {', '.join(map(repr, row))}.")
    value = row[column]
    if not isinstance(value, str) or not (blank or value.strip()):
        raise ValueError(f"{column} is {value!r}; allowed is {'a' if blank else 'some'} text.")
    return value


def texts(row: dict, column: str) -> tuple[str, ...]:
    """One text at least: the words of a sentence, for example."""
    value = row[column]
    if not isinstance(value, list) or not value:
        raise ValueError(f"{column} is {value!r}; allowed is a list of one text at least.")
    return tuple(text({f"{column}[{i}]": one}, f"{column}[{i}]") for i, one in enumerate(value))


def score(row: dict, column: str, low: float = -math.inf, high: float = math.inf) -> float:
    value = row[column]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:
        bounds = f" from {low:g} to {high:g}" if math.isfinite(high - low) else ""
        raise ValueError(f"{column} is {value!r}; allowed is a number{bounds}.")
    return float(value)


def label(row: dict, column: str, names: Sequence[str]) -> str:
    """A label by its number, as ``names`` has them, or by its name."""
    value = row[column]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, str) and value in names:
        return value
    unlabelled = ", which marks a row without a label" if value == -1 else ""
    listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
    raise ValueError(f"{column} is {value!r}{unlabelled}; allowed are {listed}.")


def labels(row: dict, column: str, names: Sequence[str], count: int) -> tuple[str, ...]:
    """The labels of so many words."""
    value = row[column]
    if not isinstance(value, list) or len(value) != count:
        raise ValueError(f"{column} is {value!r}; allowed is a list of {count}, one for each word.")
    return tuple(
        label({f"{column}[{i}]": one}, f"{column}[{i}]", names) for i, one in enumerate(value)
    )


def declared(rows: Dataset, column: str, names: Sequence[str], where: str) -> Sequence[str]:
    """The names of a column's labels in the order of the file, where it says one; else ``names``.

    Raises ValueError where the file's names are others.
    """
    feature = rows.features.get(column)
    own = getattr(getattr(feature, "feature", feature), "names", names)
    if set(own) != set(names):
        raise ValueError(
            f"{where}: {column} has the labels {', '.join(own)}; allowed are {', '.join(names)}."
        )
    return own
