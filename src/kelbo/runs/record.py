"""A run is a folder. This is the only place that joins its paths.

recipe.toml          what was run, every default resolved
provenance.json      versions, hardware, seed, the data's fingerprint, when, what was taken of the run that it began from
journal.jsonl        scalars over time
warnings.json        the warnings of its training, if there were any
events/              the same for TensorBoard
checkpoints/STEP/    weights.safetensors, ema.safetensors, training.safetensors, state.json, generators-RANK.safetensors, and
                     sigma.json of a decoder that solves for its σ
pictures/            reconstructions and samples over time
measurements/        what was measured of it: see `measurements.py`
priors/              fitted to its codes after training: NAME.safetensors each, valid for the weights whose hash it has
frozen/NAME/         recipe and weights of another run whose model this one uses, a small run of its own
report.html, report/ the page and its pictures
.lock                held by the process that trains it, see `folder_lock.py`
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from kelbo.errors import Damaged, RunError
from kelbo.runs.folder_lock import LOCK, holding, require_free
from kelbo.runs.journal import Journal
from kelbo.runs.measurements import Measurements
from kelbo.runs.writing import read_json, require_new, write_atomic, write_json

WARNED = {"kind", "step", "text"}
TRAINED = "is being trained"


def _require_new(path: Path) -> None:
    # the recipe is written last, and makes the folder a run
    require_new(path, "run", {"provenance.json", "frozen", LOCK})


class Run:
    """Paths and small files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal(path / "journal.jsonl")
        self.measurements = Measurements(path)

    @classmethod
    def require_free(cls, path: Path) -> None:
        """RunError if no run can begin in `path`: it holds something, or cannot be created. Nothing is written.

        Locked if another process trains a run there.
        """
        require_free(path, f"{path} {TRAINED}")
        _require_new(path)

    @classmethod
    def create(cls, path: Path, recipe: str, provenance: dict[str, Any]) -> Run:
        """Begin a run in a new or empty folder. RunError if `path` holds anything: no run is ever overwritten."""
        _require_new(path)
        run = cls(path)
        write_json(path / "provenance.json", provenance)
        run.save_recipe(recipe)
        return run

    @classmethod
    def open(cls, path: Path) -> Run:
        """An existing run. RunError if `path` is not one."""
        run = cls(path)
        if not run.recipe_path.is_file():
            raise RunError(f"{path} is no run: it has no recipe.toml. Name the folder of a trained run.")
        return run

    def held(self) -> AbstractContextManager[None]:
        """Inside the block no other process trains this run. A folder that holds no run afterwards is as it was before.

        Locked if another process trains it, NotSaved if the folder cannot be written.
        """
        return holding(self.path / LOCK, f"{self.path} {TRAINED}", self.recipe_path.is_file)

    def warnings(self) -> list[dict[str, Any]]:
        """The warnings of its training, oldest first, each a {"kind", "step", "text"}. Damaged if they cannot be read."""
        path = self.path / "warnings.json"
        kept = read_json(path).get("warnings") if path.exists() else []
        if not isinstance(kept, list) or not all(isinstance(one, dict) and one.keys() >= WARNED for one in kept):
            raise Damaged(
                f"{path} should hold warnings, each with kind, step and text. Remove it: resuming writes it again."
            )
        return kept

    def save_warnings(self, warnings: Sequence[Mapping[str, Any]]) -> None:
        """Replace them; without any there is no file."""
        path = self.path / "warnings.json"
        if warnings:
            write_json(path, {"warnings": [dict(warning) for warning in warnings]})
        else:
            path.unlink(missing_ok=True)

    @property
    def recipe_path(self) -> Path:
        return self.path / "recipe.toml"

    def save_recipe(self, recipe: str) -> None:
        """Replace the resolved recipe (a resumed run may have been given more steps)."""
        write_atomic(self.recipe_path, recipe)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def companions(self) -> Path:
        """Copies of the runs whose models this one uses, each by its name."""
        return self.path / "frozen"

    def prior(self, name: str) -> Path:
        """The file of a fitted prior. RunError if the name is none: letters, digits, dots, dashes and underscores."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise RunError(f"A prior's name has letters, digits, dots, dashes and underscores; got {name!r}.")
        return self.path / "priors" / f"{name}.safetensors"

    def prior_names(self) -> list[str]:
        """Of the fitted priors, in order."""
        return sorted(path.stem for path in (self.path / "priors").glob("[!.]*.safetensors"))

    @property
    def events(self) -> Path:
        return self.path / "events"

    @property
    def report_page(self) -> Path:
        return self.path / "report.html"

    @property
    def report_pictures(self) -> Path:
        return self.path / "report"

    def picture(self, step: int, name: str) -> Path:
        return self.path / "pictures" / f"{step:08d}-{name}.png"

    def pictures(self, name: str) -> list[Path]:
        """The pictures of one kind, oldest first."""
        return sorted((self.path / "pictures").glob(f"*-{name}.png"))

    @property
    def provenance_path(self) -> Path:
        return self.path / "provenance.json"

    def provenance(self) -> dict[str, Any]:
        return read_json(self.provenance_path)

    @property
    def own_model(self) -> str | None:
        """The class of its model if it was trained with parts of the user's, else None."""
        told = self.provenance().get("model")
        return str(told.get("class")) if isinstance(told, dict) and told.get("own") else None

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"{step:08d}"

    def sigma(self, step: int) -> dict[str, Any]:
        """The σ that a decoder solves for, as kept with a checkpoint; {} if there is none."""
        with suppress(Damaged):  # or not there
            return read_json(self.checkpoint(step) / "sigma.json")
        return {}

    def save_sigma(self, step: int, found: Mapping[str, Any]) -> None:
        """Replace it. OSError if the disk refuses, or if the checkpoint was removed meanwhile."""
        content = json.dumps(found, indent=2, allow_nan=False) + "\n"
        write_atomic(self.checkpoint(step) / "sigma.json", content, make=False)  # nor is a removed one made again

    def checkpoint_steps(self) -> list[int]:
        """Steps of the complete checkpoints, oldest first."""
        folders = [path for path in self.checkpoints.glob("[0-9]*") if path.name.isdecimal()]
        return sorted(int(path.name) for path in folders if (path / "state.json").is_file())
