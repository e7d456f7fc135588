"""Measures of a study's lanes as jobs: each is kept in the run's folder as soon as it is known, and never taken twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from kelbo.errors import KelboError, NotSaved
from kelbo.experiments import Experiment, open_run
from kelbo.experiments.measure import measure
from kelbo.runs import Measurement, Run
from kelbo.runs.measurements import Measurements
from kelbo.studies.arms import Extra, Measure
from kelbo.sweeps.lane import Tell
from kelbo.training import opened

EXTRA = "extra"
"""how the measurements of several runs begin, in the study's folder"""


def kept(run: Run, measures: Sequence[Measure]) -> dict[str, Measurement]:
    """Those of these measures that a run keeps of its newest weights, by key. Reads neither model nor data."""
    if not measures or not run.checkpoint_steps():
        return {}
    *_, weights = _digests(run)  # the moving average, if there is one: what `open_run` reads
    there = run.measurements.all()
    found = {}
    for one in measures:
        of = weights if one.of else ""  # a curve over training is of no one step's weights
        fits = [each for each in there if (each.name, each.weights) == (one.name, of) and _has(each, one)]
        if fits:
            found[one.key] = max(fits, key=lambda each: each.circumstances.get("measured", ""))
    return found


def _digests(run: Run) -> list[str]:
    """The hashes of the newest checkpoint's weights; computed once as long as the files stay as they are."""
    files = sorted(run.checkpoint(max(run.checkpoint_steps(), default=0)).glob("*.safetensors"))
    with suppress(FileNotFoundError):  # training has just replaced them
        if told := tuple((file, file.stat().st_ino, file.stat().st_mtime_ns) for file in files):
            return _hashed(run.path, told)
    return opened.digests(run)


@lru_cache(maxsize=4096)
def _hashed(run: Path, _files: tuple[Any, ...]) -> list[str]:
    return opened.digests(Run(run))


def _has(found: Measurement, one: Measure) -> bool:
    """Whether a kept measurement has a measure's settings; what is not set is False."""
    wanted: Mapping[str, Any] = json.loads(json.dumps(one.settings))  # as they are kept
    return all(found.settings.get(name, False if value is False else ...) == value for name, value in wanted.items())


def missing(run: Run, measures: Sequence[Measure]) -> list[Measure]:
    """Those of these measures that are still to be taken, but for those that are made while training."""
    there = kept(run, measures)
    return [one for one in measures if one.of is not None and one.key not in there]


def measure_lane(folder: Path, measures: Sequence[Measure], root: Path | None, *, tell: Tell) -> None:
    """Take what is missing of these measures of a run. Raises as `open_run` and the measures do; NotSaved on a full disk."""
    todo = missing(Run(folder), measures)
    if not todo:
        return
    experiment = open_run(folder, data_root=root)
    for number, one in enumerate(todo):
        tell({"step": number, "steps": len(todo)})
        with saving(folder):
            take(experiment, one)
            if refused := experiment.run.measurements.refused:
                raise refused


def take(experiment: Experiment, one: Measure) -> Measurement:
    """Take a measure of an opened run, and keep it in the run's folder unless it has done so itself.

    ValueError if it kept it under other settings, so that it would never be found.
    """
    assert one.of is not None
    made = one.of(experiment, **one.settings, **one.how)
    if not isinstance(made, Measurement):
        return measure(experiment, one.name, one.settings, lambda: made)
    if made.name != one.name or not _has(made, one):
        raise ValueError(f"{one.key} was kept as {made.name} of {made.settings}, not as {one.name} of {one.settings}.")
    return made


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Inside the block measurements are written; a disk that refuses is NotSaved."""
    try:
        yield
    except OSError as error:
        if isinstance(error, KelboError):
            raise
        raise NotSaved(f"Measured numbers could not be written in {folder}: {error}. Make room and retry.") from error


def find_extra(folder: Path, one: Extra) -> Measurement | None:
    """What the study's folder keeps of a measurement of several runs, of their newest weights; None if a run has none."""
    if not can_take(one):
        return None
    return Measurements(folder).find(f"{EXTRA}.{one.key}", one.settings, weights_of(one))


def can_take(one: Extra) -> bool:
    """Whether all its runs have weights."""
    return all(Run(path).checkpoint_steps() for path in one.runs)


def weights_of(one: Extra) -> str:
    """The hashes of all its runs' weights."""
    return " ".join(_digests(Run(path))[0] for path in one.runs)


def measure_extra(folder: Path, one: Extra, *, tell: Tell) -> None:  # noqa: ARG001  a job's face
    """Take a measurement of several runs and keep it in the study's folder. Raises as it does; NotSaved on a full disk."""
    weights = weights_of(one)
    value = one.of(one.runs, **one.settings, **one.how)
    with saving(folder):
        Measurements(folder).keep(Measurement(f"{EXTRA}.{one.key}", one.settings, weights, value))
