"""results.json of a study: everything that is known of its lanes, put together from what their runs keep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kelbo.intervals import finite_or_none
from kelbo.machine import describe
from kelbo.runs import Measurement
from kelbo.runs.study_folder import RESULTS
from kelbo.studies.arms import Arm, Extra
from kelbo.studies.lanes import Course, StudyLane
from kelbo.studies.measuring import find_extra, kept
from kelbo.sweeps.frame import typed

BESIDE = ("value", "mean", "low", "high", "standard_error", "unit")
"""what stands beside a number in a measurement, or is it"""


def results_of(course: Course, faults: Mapping[str, str]) -> dict[str, Any]:
    """The study's numbers, as `Numbers` reads them. faults: by a lane's title, why not all of it was measured."""
    ask, told = course.ask, course.folder.record()
    seconds = told.get("seconds", {})
    units: dict[str, str] = {}
    return {
        "study": course.study.name,
        "format": RESULTS,
        "budget": ask.budget.name,
        "mode": ask.mode,
        "options": ask.options.model_dump(mode="json"),
        "changes": list(ask.changes),
        "features": ask.features,
        "asked": [one.selection for one in course.asks],
        "machine": told.get("machine") or describe(),
        "begun": told["begun"],
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": {
            "estimated": seconds.get("estimated"),
            "training": seconds.get("training", 0.0),
            "measuring": seconds.get("measuring", 0.0),
            "lanes": sum(lane.seconds for lane in course.lanes),
        },
        "facts": dict(course.plan.facts),
        "left_out": [{"what": what, "why": why} for what, why in course.plan.left_out],
        "arms": [_arm(course, arm, faults, units) for arm in course.arms],
        "extras": {one.key: found for one in course.extras() if (found := _extra(course, one, units))},
        "units": units,
    }


def _arm(course: Course, arm: Arm, faults: Mapping[str, str], units: dict[str, str]) -> dict[str, Any]:
    lanes = [lane for lane in course.lanes if lane.arm.name == arm.name]
    recipe = arm.recipe
    settings = typed([lane.lane.settings for lane in lanes])
    return {
        "name": arm.name,
        "of": arm.counts_with,
        "title": arm.title,
        "note": arm.note,
        "over": list(arm.over),
        "steps": recipe.training.steps,
        "paper_steps": arm.paper_steps,
        "batch_size": recipe.training.batch_size,
        "images": arm.images,
        "training": f"{recipe.optimizer.kind}, learning rate {recipe.optimizer.learning_rate:g}, "
        f"batches of {recipe.training.batch_size}, {recipe.training.precision}",
        "lanes": [
            _lane(course, lane, dict(own), faults.get(lane.title), units)
            for lane, own in zip(lanes, settings, strict=True)
        ],
    }


def _lane(
    course: Course, lane: StudyLane, settings: dict[str, Any], fault: str | None, units: dict[str, str]
) -> dict[str, Any]:
    state, error = lane.state
    found = kept(lane.run, lane.measures) if state == "done" else {}
    flat = _Flat(units)
    for key, measured in found.items():
        flat.add(_found(measured), key)
    for row in lane.run.journal.rows():
        for column in course.study.journal:
            if (value := finite_or_none(row.get(column))) is not None:
                flat.courses.setdefault(f"journal.{column}", []).append([int(row["step"] or 0), value])
    return {
        "settings": settings,
        "seed": lane.lane.seed,
        "run": lane.run.path.relative_to(course.folder.path).as_posix(),
        "state": state,
        "error": error or fault,
        "steps": lane.steps,
        "numbers": flat.numbers,
        "words": flat.words,
        "courses": flat.courses,
        "measured": {key: [one.name, one.place.stem if one.place else one.key] for key, one in found.items()},
    }


def _found(measured: Measurement) -> Any:
    """A measurement's value; of scores the only one, or each by its name."""
    scores = measured.value.get("scores", measured.value)
    return next(iter(scores.values())) if "scores" in measured.value and len(scores) == 1 else scores


def _extra(course: Course, one: Extra, units: dict[str, str]) -> dict[str, Any] | None:
    """A measurement of several runs: its value, and its lanes in the frame; None if it was not taken."""
    measured = find_extra(course.folder.path, one)
    if measured is None:
        return None
    parts = measured.value.get("lanes", [{"settings": {}, **measured.value}]) if one.arm else []
    lanes = []
    for part in parts:
        flat = _Flat(units)
        flat.add({name: value for name, value in part.items() if name != "settings"}, "")
        own = {"settings": part["settings"], "seed": one.seed, "run": None, "state": "done", "error": None, "steps": 0}
        lanes.append({**own, "numbers": flat.numbers, "words": flat.words, "courses": flat.courses})
    return {"arm": one.arm, "lanes": lanes, "value": dict(measured.value)}


class _Flat:
    """A measurement's value as numbers, words and courses by quantity: the keys on the way to them, joined by dots.

    A number is a JSON number, or an object with "value" or "mean" and perhaps its interval or standard error; a list of objects
    with "step" is a course. Other lists stay in the measurement.
    """

    def __init__(self, units: dict[str, str]) -> None:
        self.units = units
        self.numbers: dict[str, float | list[float | None]] = {}
        self.words: dict[str, str] = {}
        self.courses: dict[str, list[list[float]]] = {}

    def add(self, value: Any, name: str) -> None:
        match value:
            case bool() | int() | float():
                if math.isfinite(value):
                    self.numbers[name] = float(value)
            case str():
                self.words[name] = value
            case [{"step": _}, *_]:
                self._add_rows(value, name)
            case {"value": float() | int() | None} | {"mean": float() | int() | None}:
                if finite_or_none(value.get("value", value.get("mean"))) is None:
                    return
                self.numbers[name] = _with_interval(value)
                if value.get("unit"):
                    self.units[name] = value["unit"]
                self._add_parts(value, name, BESIDE)
            case Mapping():
                self._add_parts(value, name)

    def _add_parts(self, value: Mapping[str, Any], name: str, beside: tuple[str, ...] = ()) -> None:
        for key, inner in value.items():
            if key not in beside:
                self.add(inner, f"{name}.{key}" if name else key)

    def _add_rows(self, rows: Sequence[Mapping[str, Any]], name: str) -> None:
        for row in rows:
            for column, value in row.items():
                if column != "step" and (number := finite_or_none(value)) is not None:
                    self.courses.setdefault(f"{name}.{column}", []).append([int(row["step"]), number])


def _with_interval(found: Mapping[str, Any]) -> float | list[float | None]:
    value = found["value"] if "value" in found else found["mean"]
    low, high, error = (finite_or_none(found.get(key)) for key in ("low", "high", "standard_error"))
    if error is not None and low is None:
        low, high = value - 1.96 * error, value + 1.96 * error
    return [float(value), low, high] if low is not None and high is not None else float(value)
