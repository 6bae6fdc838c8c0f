"""One split of a public data set: from a mirror, from the hub, or as the hub gave it earlier.

``$ISOMORPH_MIRROR`` may name a folder laid out as ``<owner>/<name>/<config>/<split>.parquet``.  What
is not there comes from the hub through ``datasets``.  Where the hub does not give it, what
``datasets`` has kept of it is read, with a warning.  Each call asks the hub anew, and waits seconds.
"""

import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

PATIENCE = 5.0  # seconds to wait for the hub before calling it unreachable
OTHER_NAMES = {"validation": "dev"}  # of splits
_read: ContextVar[set[str] | None] = ContextVar("read", default=None)


class DataUnavailable(RuntimeError):
    """Neither the mirror, nor the hub, nor its cache can provide a data set."""


class HubAway(DataUnavailable):
    """The hub may well have it, but gives it not now, or not to this user.

    Then nothing may stand in for it: the same run would be another one tomorrow.
    """


class Place(NamedTuple):
    """Where the hub has a data set."""

    id: str
    revision: str | None = None
    exported: bool = False
    """The hub's own conversion, which has no card: <config>/<split>/*.parquet."""


def load_hub(
    dataset_id: str,
    config: str,
    split: str,
    *,
    places: tuple[Place, ...] = (),
    streaming: bool = False,
) -> "Dataset | IterableDataset":
    """One split of a data set, from the mirror where it has it, else from the hub or its cache.

    dataset_id: "<owner>/<name>"; what owner "local" has is in mirrors alone.
    places: where the hub has it, the first that does; by default under its own id.
    streaming: rows one after another, without a download of all.
    Raises ValueError for a malformed name or file and DataUnavailable when it cannot be had: HubAway
    where no mirror is in use and the hub did not say that it has no such thing.
    """
    parts = dataset_id.split("/") if isinstance(dataset_id, str) else []
    if len(parts) != 2 or not all(map(_is_name, parts)):
        raise ValueError(f"dataset_id is {dataset_id!r}; allowed is '<owner>/<name>'.")
    for field, value in (("config", config), ("split", split)):
        if not _is_name(value):
            raise ValueError(
                f"{field} is {value!r}; allowed is a name of letters, digits, '_', '-' and '.'."
            )
    mirror, what = os.environ.get("ISOMORPH_MIRROR"), named(dataset_id, config, split)
    path = Path(mirror, dataset_id, config, f"{split}.parquet") if mirror else None
    if path and path.is_file():
        data = _table(path)
        note(dataset_id, config, split, hashlib.sha256(path.read_bytes()).hexdigest())
        return data.to_iterable_dataset() if streaming else data
    lacking = f"ISOMORPH_MIRROR ({mirror}) does not hold it" if mirror else ""
    if parts[0] == "local":
        raise DataUnavailable(
            f"{what} is not available: what owner 'local' has is in no hub but in a mirror, and "
            f"{lacking or 'ISOMORPH_MIRROR is not set'}."
        )
    return _from_hub(what, places or (Place(dataset_id),), config, split, streaming, lacking)


def named(dataset_id: str, config: str, split: str) -> str:
    """How messages name a split of a data set."""
    return f"{dataset_id} ({config}, {split})"


@contextmanager
def reading() -> Iterator[set[str]]:
    """The public data read within, each as "<id>/<config>/<split>@<version>", and encoders.

    The version is the commit on the hub, of 40 digits, or the SHA-256 of a mirror's file, of 64; an
    encoder that does not ship is "<name>@<fingerprint>", see `isomorph.models.pretrained`.
    """
    found: set[str] = set()
    token = _read.set(found)
    try:
        yield found
    finally:
        _read.reset(token)


def names_reads(measured: Callable[..., dict]) -> Callable[..., dict]:
    """A run's function whose outcome names, at the end of its "data", the public sets it read."""

    @wraps(measured)
    def measuring(run) -> dict:
        with reading() as found:
            outcome = measured(run)
        known = (outcome["data"], " ".join(sorted(found)))
        return outcome | {"data": "; ".join(filter(None, known))}

    return measuring


def _is_name(value) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"\w(\.?[\w+=-])*", value))


def note(*what: str) -> None:
    """Say that a version, the last of `what`, of something that does not ship has been read."""
    found = _read.get()
    if found is not None:
        found.add("/".join(what[:-1]) + f"@{what[-1]}")


def _table(*paths: Path) -> "Dataset":
    import pyarrow
    import pyarrow.parquet
    from datasets import Dataset

    try:
        return Dataset(pyarrow.concat_tables([pyarrow.parquet.read_table(p) for p in paths]))
    except (pyarrow.ArrowException, OSError, ValueError, TypeError) as problem:
        raise ValueError(f"{paths[0]} is no table in Parquet ({_first_line(problem)}).") from None


class _NotGiven(Exception):
    """Why a place does not give something.

    absent: the hub says that it has no such thing.  away: it answers nobody now.
    """

    def __init__(self, reason: str, *, absent: bool = False, away: bool = False):
        super().__init__(reason)
        self.absent, self.away = absent, away


def _from_hub(what: str, places, config: str, split: str, streaming: bool, lacking: str):
    reasons: list[_NotGiven] = []
    for place in places:
        try:
            if reasons and reasons[-1].away:  # what does not answer is not asked again
                raise reasons[-1]
            data, version = _given(place, config, split, streaming)
        except _NotGiven as reason:
            kept = _kept(place, config, split, streaming)
            if kept is None:
                reasons.append(reason)
                continue
            data, version = kept
            message = f"{what} is read from the cache, of commit {version}: {reason}."
            warnings.warn(message, stacklevel=4)
        note(place.id, config, split, version)
        return data
    away, absent = reasons[-1].away, all(reason.absent for reason in reasons)
    if away or len(places) == 1:
        because = str(reasons[-1])
    else:
        told = zip(places, reasons, strict=True)
        because = "; ".join(f"{own.id}, {own.revision or 'main'}: {why}" for own, why in told)
    if streaming and away:
        because += "; what is streamed is not kept"
    kind = DataUnavailable if absent or lacking else HubAway
    raise kind(f"{what} is not available: {because}{f'; {lacking}' if lacking else ''}.")


def _given(place: Place, config: str, split: str, streaming: bool):
    """The data and the commit it is of, from the hub as it is now. Raises _NotGiven."""
    commit, gated = _commit(place)
    try:
        if place.exported:
            return _exported(place, config, split, streaming)
        from datasets import load_dataset_builder

        builder = load_dataset_builder(place.id, config, revision=commit)
        data = _split_of(builder, split, streaming)
    # What goes wrong comes from several libraries and shares no class of its own.
    except Exception as problem:  # noqa: BLE001
        line = _first_line(problem)
        if line.startswith(("BuilderConfig", "Unknown split", "Bad split", "it has no ")):
            raise _NotGiven(line, absent=True) from None
        if gated:
            raise _NotGiven(_gated(place)) from None
        hidden = line.startswith("Couldn't find cache")  # so `datasets`, whatever the hub answered
        raise _NotGiven("the hub does not give its files" if hidden else line) from None
    if builder.hash != commit:  # `datasets` took what it had
        raise _NotGiven("the hub does not give its files")
    return data, commit


def _commit(place: Place) -> tuple[str, bool]:
    """The commit a place is at, and whether it is gated. Raises _NotGiven."""
    from huggingface_hub import HfApi, constants, errors

    if constants.HF_HUB_OFFLINE:
        reason = "HF_HUB_OFFLINE is set"
        raise _NotGiven(reason, away=True)
    login = "`hf auth login`, or HF_TOKEN"
    try:
        info = HfApi().dataset_info(place.id, revision=place.revision, timeout=PATIENCE)
    except errors.GatedRepoError:
        raise _NotGiven(_gated(place)) from None
    except errors.RepositoryNotFoundError:
        reason = f"the hub has no such data set, or one that needs a login ({login})"
        raise _NotGiven(reason, absent=True) from None
    except errors.RevisionNotFoundError:
        reason = f"the hub has no revision {place.revision!r} of it"
        raise _NotGiven(reason, absent=True) from None
    except errors.HfHubHTTPError as problem:
        status = problem.response.status_code
        if status in (401, 403):
            reason = f"the hub refuses the login ({status}); {login} gives another"
            raise _NotGiven(reason) from None
        reason = f"the hub fails ({status} {problem.response.reason_phrase})"
        raise _NotGiven(reason, away=True) from None
    # The classes of network errors differ between versions of the client.
    except Exception as problem:  # noqa: BLE001
        reason = f"the hub cannot be reached ({_first_line(problem)})"
        if "Timeout" in type(problem).__name__:
            reason = f"the hub has not answered within {PATIENCE:g} seconds"
        raise _NotGiven(reason, away=True) from None
    return info.sha, bool(info.gated)


def _gated(place: Place) -> str:
    from huggingface_hub import constants

    page = f"{constants.ENDPOINT}/datasets/{place.id}"
    return f"it is gated: ask for access at {page} and log in (`hf auth login`, or HF_TOKEN)"


def _exported(place: Place, config: str, split: str, streaming: bool, **options):
    from huggingface_hub import snapshot_download

    pattern = f"{config}/{split}/*.parquet"
    folder = snapshot_download(
        place.id, repo_type="dataset", revision=place.revision, allow_patterns=pattern, **options
    )
    files = sorted(Path(folder).glob(pattern))
    if not files:
        raise FileNotFoundError(f"it has no {pattern}")
    data = _table(*files)
    return data.to_iterable_dataset() if streaming else data, Path(folder).name


def _kept(place: Place, config: str, split: str, streaming: bool):
    """As `_given`, of what an earlier download left; None where there is none."""
    try:
        if place.exported:
            return _exported(place, config, split, streaming, local_files_only=True)
        from datasets.packaged_modules.cache.cache import Cache

        name = place.id.partition("/")[2]
        builder = Cache(
            dataset_name=name, repo_id=place.id, config_name=config, version="auto", hash="auto"
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
