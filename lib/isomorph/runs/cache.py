"""The cache of finished runs, from which only what was written there is read."""

import hashlib
import json
import logging
import pickle
from pathlib import Path

import exca
import submitit

from isomorph import one_core
from isomorph.text.shipped import sha256_of

log = logging.getLogger(__name__)


class Cache(exca.TaskInfra):
    """Keeps a run's outcome, and judges it before it is used; a damaged one is as good as none.

    An outcome says how many threads made it, and has a SHA-256 of itself and of the files of the
    trained model beside it. One that was kept before there were any is taken as it is.
    """

    def _run_method(self, *args, **kwargs) -> dict:
        with one_core.limited() as threads:
            outcome = super()._run_method(*args, **kwargs)
        folder = self.uid_folder()
        outcome |= {"threads": threads, "files": {} if folder is None else _files(folder)}
        outcome.pop("sha256", None)  # of a run whose outcome it passes on
        return outcome | {"sha256": self._sha256(outcome)}

    def status(self) -> str:
        self._judge()
        return super().status()

    def job(self):
        self._judge()
        return super().job()

    def _judge(self) -> None:
        folder = self.uid_folder()
        if folder is None or not folder.exists():
            return
        try:
            self._check_configs(write=False)
            damaged = not self._sound(folder)
        except Exception:  # noqa: BLE001 - damage can make a pickle raise whatever there is
            damaged = True
        if damaged:
            log.warning("what is kept in %s is damaged, or of other defaults: the run is made anew.",
                        folder)  # fmt: skip
            self.clear_job()
            for name in ("uid.yaml", "full-uid.yaml"):
                (folder / name).unlink(missing_ok=True)

    def _sound(self, folder: Path) -> bool:
        path = folder / "job.pkl"
        if not path.exists():
            return True
        with path.open("rb") as file:
            job = pickle.load(file)
        # submitit would wait a while for what a job that was ended has not written.
        if isinstance(job, submitit.Job) and not job.paths.result_pickle.exists():
            return True
        if not job.done() or job.exception() is not None:
            return True
        outcome = dict(job.result())
        digest = outcome.pop("sha256", None)
        return digest is None or (
            digest == self._sha256(outcome) and outcome["files"] == _files(folder)
        )

    def _sha256(self, outcome: dict) -> str:
        said = json.dumps([self.uid(), outcome], sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()


def _files(folder: Path) -> dict[str, str]:
    """The SHA-256 of the files of a trained model."""
    paths = sorted(path for path in (folder / "model").rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths}
