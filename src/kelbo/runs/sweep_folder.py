"""A sweep is a folder of runs. Only here and in `record` are paths joined.

sweep.json           what was asked for: the recipe, what is varied, the seeds, the lanes that follow from them
lanes/NAME/          a run's folder, as `kelbo train` writes it
states/NAME.json     how the lane ended: done, diverged, failed or stopped, and why
logs/NAME.log        what the lane's process printed
table.csv            all lanes' numbers, tidy
report.html          the sweep's page, its pictures in report/
.lock                held by the process that runs it, see `folder_lock.py`
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from kelbo.errors import Damaged, RunError
from kelbo.names import plain
from kelbo.runs.folder_lock import LOCK, holding, require_free
from kelbo.runs.record import Run
from kelbo.runs.writing import read_json, require_new, write_json

FORMAT = 1
KEYS = {"recipe", "over", "seeds", "lanes"}
RUN = "is being run"


def _require_new(path: Path) -> None:
    require_new(path, "sweep", {LOCK, "sweep.json"})  # one without any lane counts as none


class Sweep:
    """Paths and small files of one sweep."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def require_free(cls, path: Path) -> None:
        """RunError if no sweep can begin in `path`: it holds something, or cannot be created. Nothing is written.

        Locked if another process runs a sweep there.
        """
        require_free(path, f"{path} {RUN}")
        _require_new(path)

    @classmethod
    def create(cls, path: Path, definition: dict[str, Any]) -> Sweep:
        """Begin a sweep in a new or empty folder. RunError if `path` holds anything else, or is being run."""
        cls.require_free(path)
        sweep = cls(path)
        with sweep.held():
            _require_new(path)  # another process may have begun one meanwhile
            write_json(sweep.definition_path, {"format": FORMAT, **definition})
        return sweep

    @classmethod
    def open(cls, path: Path) -> Sweep:
        """An existing sweep. RunError if `path` is not one, Damaged if its sweep.json lacks something."""
        sweep = cls(path)
        if not sweep.definition_path.is_file():
            raise RunError(f"{path} is no sweep: it has no sweep.json. Name the folder of a trained sweep.")
        definition = sweep.definition()
        if (found := definition.get("format")) != FORMAT:
            raise RunError(f"{path} has sweep format {found}; this kelbo reads {FORMAT}.")
        if missing := KEYS - definition.keys():
            raise Damaged(
                f"{sweep.definition_path} lacks {', '.join(sorted(missing))}. Begin the sweep again elsewhere."
            )
        try:
            _ = [plain(lane["name"]) for lane in definition["lanes"]]
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise Damaged(
                f"{sweep.definition_path} should name its lanes, by names that are folders of it: {error}. Restore the file."
            ) from error
        return sweep

    @property
    def definition_path(self) -> Path:
        return self.path / "sweep.json"

    def definition(self) -> dict[str, Any]:
        return read_json(self.definition_path)

    @property
    def lanes(self) -> list[str]:
        """The lanes' names, in the order in which they are trained."""
        return [lane["name"] for lane in self.definition()["lanes"]]

    def run(self, lane: str) -> Run:
        """A lane's run, which may not have begun yet."""
        return Run(self.path / "lanes" / lane)

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def log(self, lane: str) -> Path:
        return self.logs / f"{lane}.log"

    def table(self, ending: str = ".csv") -> Path:
        return self.path / f"table{ending}"

    @property
    def report_page(self) -> Path:
        return self.path / "report.html"

    def status(self, lane: str) -> dict[str, Any] | None:
        """How the lane ended last time; None if it never did."""
        path = self._state(lane)
        return read_json(path) if path.exists() else None

    def save_status(self, lane: str, status: dict[str, Any]) -> None:
        write_json(self._state(lane), status)

    def held(self) -> AbstractContextManager[None]:
        """Inside the block no other process runs this sweep. A folder that holds no sweep afterwards is as it was before.

        Locked if another process runs it, NotSaved if the folder cannot be written.
        """
        return holding(self.path / LOCK, f"{self.path} {RUN}", self.definition_path.is_file)

    def _state(self, lane: str) -> Path:
        return self.path / "states" / f"{lane}.json"
