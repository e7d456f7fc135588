"""Measured numbers, saved one by one, each with the weights that it is of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kelbo.errors import Damaged, NotSaved
from kelbo.evaluation.bounds import PerExample, per_example
from kelbo.evaluation.reference import evenly
from kelbo.experiments import Experiment
from kelbo.intervals import finite_or_none
from kelbo.metrics import mean_and_error
from kelbo.recipes.sets import split_of
from kelbo.runs import Run, write_json
from kelbo.runs.writing import read_json
from kelbo.sweeps.lane import Tell
from kelbo.training.opened import digest

FORMAT = 1
"""of these files; numbers in another format are measured again"""

Parts = dict[str, Any]
"""measured numbers by their keys, values of JSON"""


def fingerprint(run: Run) -> str:
    """SHA-256 of the file of a run's newest weights. RunError if it has none."""
    return digest(run)


def parts_in(place: Path, of: str) -> Parts:
    """The numbers in the file `place` of the weights (or the baseline) `of`; none if they are of others or unreadable."""
    try:
        kept = read_json(place)
    except Damaged:  # or not there at all
        return {}
    return kept.get("parts", {}) if (kept.get("format"), kept.get("of")) == (FORMAT, of) else {}


def keep(place: Path, of: str, parts: Parts) -> None:
    """Replace the file. NotSaved if it cannot be written."""
    try:
        write_json(place, {"format": FORMAT, "of": of, "parts": parts})
    except OSError as error:
        raise NotSaved(f"Measured numbers could not be written to {place}: {error}. Make room and retry.") from error


def measure_missing(
    place: Path, of: str, measures: Mapping[str, Callable[[], Any]], parts: Parts, *, tell: Tell
) -> None:
    """Measure what is missing from `parts`, and save each in `place` at once. Raises what the measures raise."""
    missing = [key for key in measures if key not in parts]
    for number, key in enumerate(missing):
        tell({"step": number, "steps": len(missing)})
        parts[key] = measures[key]()
        keep(place, of, parts)


def bound(experiment: Experiment, split: str, images: int | None) -> dict[str, Any]:
    """Distortion, rate and ELBO in nats per image with standard errors, and the reconstructions' RMSE as an intensity."""
    chosen = evenly(split_of(experiment.data, split), images)
    values = per_example(experiment.model, chosen, batch_size=256, samples=0, dequantized=False, seed=0)
    return {"bound": bound_record(values, split), "rmse": math.sqrt(values.squared_error.mean())}


def bound_record(values: PerExample, split: str) -> dict[str, Any]:
    """A bound as JSON, of the images of a split."""
    nats = {"distortion": values.distortion, "rate": values.rate, "elbo": -(values.distortion + values.rate)}
    return {"split": split, "images": len(values.rate)} | {name: with_error(each) for name, each in nats.items()}


def with_error(values: np.ndarray) -> dict[str, float | None]:
    """The mean of values and its standard error, as JSON; the error is None for a single value."""
    mean, error = mean_and_error(values)
    return {"mean": mean, "standard_error": finite_or_none(error)}
