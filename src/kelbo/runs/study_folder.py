"""A study is a folder of sweeps and of what was measured of them. Only here, in `sweep` and in `record` are paths joined.

study.json              which study it is, at which budget and in which mode, what was asked for, where it was trained and how
                        long it took so far
SWEEP/                  a sweep's folder
measurements/           what was measured of several runs together, or of none; of one run, it is in the run's folder
features/SET.safetensors  a classifier whose features distances are taken through, if the study trained one
logs/                   what the processes that measure printed
results.json            all numbers: what tables, figures and claims are made of
report.html, report/    the page and its pictures
.lock                   held by the process that works on it, see `folder_lock.py`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kelbo.errors import RunError
from kelbo.runs.folder_lock import LOCK, holding
from kelbo.runs.writing import read_json, require_room, write_json

FORMAT, RESULTS = 2, 3
"""of study.json and of results.json"""
KEPT = ("begun", "seconds", "asked", "features", "machine")
"""what study.json holds beside the study's definition"""
LEFT = ("measures", "features", "logs", "results.json", "report.html", "report")
"""what lies beside the sweeps in a folder of an earlier version"""


class StudyFolder:
    """Paths and small files of one study."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def begin(cls, path: Path, definition: dict[str, Any], sweeps: Sequence[str], *, new: bool = True) -> StudyFolder:
        """A study's folder: made, or found as it was made. `sweeps` may lie there already, from before the study began.

        new: whether it may be made. RunError if the folder is another study's (budget, mode), holds anything else, or has
        no study and may not become one. Raises as `held` does.
        """
        study = cls(path)
        study.require(definition, sweeps)
        if not (new or study.definition_path.exists()):
            raise RunError(
                f"{path} holds no study yet. Name the folder that holds it, or train it.", remedy=("out", "training")
            )
        with study.held():
            study.require(definition, sweeps)  # another process may have begun one meanwhile
            if not study.definition_path.exists():
                begun = datetime.now(UTC).isoformat(timespec="seconds")
                write_json(study.definition_path, {"format": FORMAT, **definition, "begun": begun, "seconds": {}})
        return study

    def require(self, definition: dict[str, Any], sweeps: Sequence[str]) -> None:
        """RunError if the folder holds another study than this, or anything else but `sweeps`. Nothing is written."""
        if self.path.is_file():
            raise RunError(f"{self.path} is a file. Choose another folder.", remedy=("out",))
        require_room(self.path)
        if not self.definition_path.exists():
            foreign = [entry.name for entry in self._entries() if entry.name not in (*sweeps, *LEFT)]
            if foreign:
                raise RunError(
                    f"{self.path} holds {', '.join(sorted(foreign)[:4])}, but no study. Choose another folder.",
                    remedy=("out",),
                )
            return
        wanted = {"format": FORMAT, **definition}
        found = {key: value for key, value in self.record().items() if key not in KEPT}
        if found.get("format") == 1:
            raise RunError(
                f"{self.path} was begun by an earlier version. Its trained lanes can be kept: remove {self.definition_path} "
                "and run the same command again. Everything is then measured anew.",
                remedy=("out",),
            )
        if found != wanted:
            differences = "; ".join(
                f"{key} {found.get(key)!r} instead of {wanted.get(key)!r}"
                for key in sorted(found.keys() | wanted.keys())
                if found.get(key) != wanted.get(key)
            )
            raise RunError(
                f"{self.path} holds another study: {differences}. Continue that one, or choose another folder.",
                remedy=("out",),
            )

    @property
    def definition_path(self) -> Path:
        return self.path / "study.json"

    @property
    def results_path(self) -> Path:
        return self.path / "results.json"

    @property
    def report_page(self) -> Path:
        return self.path / "report.html"

    @property
    def report_pictures(self) -> Path:
        return self.path / "report"

    def sweep(self, name: str) -> Path:
        return self.path / name

    def features(self, name: str) -> Path:
        """The file of a classifier that the study trained for its distances."""
        return self.path / "features" / f"{name}.safetensors"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name.replace('/', '-')}.log"

    def record(self) -> dict[str, Any]:
        """The study's definition, when it was begun, and what was kept of it so far; nothing if it is not begun."""
        return read_json(self.definition_path) if self.definition_path.exists() else {}

    def spend(self, part: str, seconds: float) -> None:
        """Add to the time that one part took."""
        record = self.record()
        record["seconds"][part] = record["seconds"].get(part, 0.0) + seconds
        write_json(self.definition_path, record)

    def expect(self, seconds: float) -> None:
        """Keep how long the study was expected to take, as it was said first."""
        record = self.record()
        record["seconds"].setdefault("estimated", seconds)
        write_json(self.definition_path, record)

    def ask(self, asked: Sequence[Any] | None, features: str | None) -> None:
        """Keep which parts of the study were asked for so far, in the study's own terms, and through which features."""
        write_json(self.definition_path, self.record() | {"asked": asked, "features": features})

    def trained_on(self, machine: Mapping[str, Any], *, first: bool) -> None:
        """Keep on which machine its lanes were trained, the first if there are several; each lane knows its own.

        first: whether nothing was trained before.
        """
        record = self.record()
        write_json(self.definition_path, record | {"machine": machine if first else record.get("machine", machine)})

    def save_results(self, results: dict[str, Any]) -> None:
        """Replace results.json."""
        write_json(self.results_path, results)

    def held(self) -> AbstractContextManager[None]:
        """Inside the block no other process runs this study. Locked if one does, NotSaved if the folder cannot be written."""
        return holding(self.path / LOCK, f"{self.path} is being worked on", self.definition_path.is_file)

    def _entries(self) -> list[Path]:
        return [entry for entry in self.path.glob("*") if not entry.name.startswith(".")] if self.path.is_dir() else []
