"""Reading a checkpoint as a whole: everything about a run's weights is from one folder, even while the run trains."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import from_first
from kelbo.protocols import Generator, State
from kelbo.runs.checkpoints import By, Which, best_of, header_of, of_one
from kelbo.runs.record import Run
from kelbo.training.checkpoint import load_into, read_tensors

LAST, AVERAGE = "last step", "moving average"
"""weights of a checkpoint"""


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint holds besides its weights.

    step      after which it was written
    which     whether it was opened as the last checkpoint or as the best
    by        what it was judged by, if it is the best
    averaged  whether the weights that were read are the moving average
    memory    the objective's, as the last step's loss used it
    saved     when it was written
    digest    SHA-256 of its file of weights (those of the last step)
    opened    SHA-256 of the file that the weights were read from: of the averaged ones if they are the moving average
    """

    step: int
    which: Which
    averaged: bool
    memory: State
    saved: datetime
    digest: str
    opened: str
    by: By = "bound"

    @property
    def weights(self) -> str:
        """Which weights these are, as records have it."""
        return AVERAGE if self.averaged else LAST


def load(
    run: Run,
    model: Generator,
    device: torch.device,
    average: bool = True,
    fabric: Fabric | None = None,
    which: Which = "last",
) -> CheckpointInfo:
    """Load a checkpoint's weights into `model` on `device`; the moving average if `average` and it has one.

    which: the newest checkpoint, or the best on validation images. fabric: of several processes the first reads, and all have
    the same checkpoint. RunError if there is none or it cannot be read, Damaged if its weights do not fit the model.
    """
    kept, weights, path = read(run, average, fabric, which)
    load_into(model.to(device), weights, path)
    return kept


def read(
    run: Run, average: bool = True, fabric: Fabric | None = None, which: Which = "last"
) -> tuple[CheckpointInfo, dict[str, Tensor], Path]:
    """A checkpoint's weights by name on the CPU, what else it holds, and their file. Arguments and errors as of `load`."""
    return from_first(fabric, lambda: of_one(run, which, lambda place: _read(run, place, which, average)))


def digest(run: Run) -> str:
    """SHA-256 of the newest checkpoint's file of weights. RunError if there is none."""
    return of_one(run, "last", _digest)


def digests(run: Run, which: Which = "last") -> list[str]:
    """SHA-256 of each file of weights in a checkpoint: of the last step's, and of their moving average if it has that."""
    return of_one(run, which, lambda place: [_sha256(path) for path in _weights(place)])


def _read(run: Run, place: Path, which: Which, average: bool) -> tuple[CheckpointInfo, dict[str, Tensor], Path]:
    header, averaged = header_of(place), place / "ema.safetensors"
    best = best_of(run, header)
    path = averaged if average and averaged.exists() else place / "weights.safetensors"
    training = read_tensors(place / "training.safetensors")
    # checkpoints of older versions have only the memory for the next step
    names = {key.partition(".")[0] for key in training}
    prefix = "used." if "used" in names else "objective."
    memory = {key.removeprefix(prefix): value for key, value in training.items() if key.startswith(prefix)}
    saved = datetime.fromtimestamp((place / "state.json").stat().st_mtime, UTC)
    of_last = _digest(place)
    own = _sha256(averaged) if path == averaged else of_last
    by = "bound" if best is None else best.by
    kept = CheckpointInfo(header["step"], which, path == averaged, memory, saved, of_last, own, by)
    return kept, read_tensors(path), path


def _weights(place: Path) -> list[Path]:
    averaged = place / "ema.safetensors"
    return [place / "weights.safetensors", *([averaged] if averaged.exists() else [])]


def _digest(place: Path) -> str:
    return _sha256(place / "weights.safetensors")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
