"""All numbers of a study's lanes as one tidy frame, and what tables, figures and claims ask of it.

The frame has a row for each lane and quantity: study, arm, settings, seed, quantity, value, low, high, unit, step, state. It is
made from results.json alone, so reading it needs neither models nor data.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from kelbo.errors import RunError
from kelbo.reports.numbers import plain
from kelbo.runs import Measurement, Run
from kelbo.studies.arms import Budget, StudyModel
from kelbo.studies.paper import Paper

COLUMNS = ["study", "arm", "settings", "seed", "quantity", "value", "low", "high", "unit", "step", "state"]
LaneRecord = Mapping[str, Any]
"""A lane as results.json has it."""


class Described(Protocol):
    """What numbers need of the study that they are of."""

    @property
    def name(self) -> str: ...
    @property
    def paper(self) -> Paper: ...
    @property
    def budgets(self) -> Mapping[str, Budget]: ...
    @property
    def derived(self) -> Mapping[str, Callable[[Mapping[str, Any]], float | None]]: ...
    @property
    def names(self) -> Mapping[str, Mapping[str, str]]: ...


class Numbers:
    """A study's results. results: as results.json holds them. folder: of the study, whose runs hold pictures; None without."""

    def __init__(self, study: Described, results: Mapping[str, Any], folder: Path | None = None) -> None:
        self.study, self.results, self.folder = study, results, folder

    # ── what was done ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the study tells of itself: the set and how it was measured."""
        return self.results["facts"]

    @property
    def data(self) -> str:
        """The set as paper.toml calls it; "" if it has no one such set."""
        return self.facts.get("data") or ""

    @property
    def paper(self) -> Paper:
        return self.study.paper

    @property
    def budget(self) -> Budget | None:
        """None of a budget that the study does not have, such as a test's."""
        return self.study.budgets.get(self.results["budget"])

    @property
    def scale(self) -> str:
        return self.budget.scale if self.budget else ""

    @property
    def as_published(self) -> bool:
        return self.results["mode"] == "as-published"

    @cached_property
    def arms(self) -> dict[str, Mapping[str, Any]]:
        """Arms by name, as results.json has them."""
        return {arm["name"]: arm for arm in self.results["arms"]}

    @cached_property
    def lanes(self) -> list[tuple[str, tuple[tuple[str, Any], ...], LaneRecord]]:
        """Every lane with the arm that it counts with and its settings, also such as are measured without being trained."""
        trained = [(arm["of"], lane) for arm in self.results["arms"] for lane in arm["lanes"]]
        others = [(extra["arm"], lane) for extra in self.results["extras"].values() for lane in extra["lanes"]]
        return [(arm, tuple(lane["settings"].items()), lane) for arm, lane in (*trained, *others) if arm]

    def of(self, model: StudyModel) -> list[LaneRecord]:
        """A model's lanes, whatever became of them."""
        return [lane for arm, settings, lane in self.lanes if model.has(arm, settings)]

    def done(self, model: StudyModel) -> list[LaneRecord]:
        """Those of them that came to their end."""
        return [lane for lane in self.of(model) if lane["state"] == "done"]

    def seeds(self, model: StudyModel) -> list[int]:
        """Of its finished lanes."""
        return list(dict.fromkeys(lane["seed"] for lane in self.done(model)))

    def lost(self, model: StudyModel) -> str:
        """How many of a model's lanes did not finish, "" if all did: "1 diverged of 3"."""
        states = [lane["state"] for lane in self.of(model)]
        counted = ", ".join(f"{count} {state}" for state, count in sorted(Counter(states).items()) if state != "done")
        return f"{counted} of {len(states)}" if counted else ""

    def absence(self, model: StudyModel) -> str:
        """Why a model has no numbers: a phrase."""
        for left in self.results["left_out"]:
            if left["what"] in (str(model), model.arm, *(str(value) for _, value in model.settings)):
                return f"{model} was left out: {left['why'].rstrip('.')}"
        if lost := self.lost(model):
            return f"no run of {model} finished ({lost})"
        return f"{model} was not run"

    def share(self, models: Sequence[StudyModel]) -> float | None:
        """The least share of the paper's steps that a finished lane of these models had; None if none was trained."""
        found = [
            lane["steps"] / arm["paper_steps"]
            for arm in self.results["arms"]
            for lane in arm["lanes"]
            if lane["state"] == "done"
            and any(model.has(arm["of"], tuple(lane["settings"].items())) for model in models)
        ]
        return min(found, default=None)

    def too_brief(self, models: Sequence[StudyModel], enough: float) -> str:
        """Why these models were trained too briefly to decide a claim, "" if they were not."""
        if self.budget and self.budget.enough:
            return self.budget.enough(self, models)
        share = self.share(models)
        if share is None or share >= enough:
            return ""
        told, least = (f"{plain(100 * part, 2)} %" for part in (share, enough))
        return f"Trained for {told} of the steps; below {least} nothing is decided"

    # ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The tidy frame; settings are tuples of (path, value). Journals and other courses have a row a step."""
        units = self.results.get("units", {})
        rows = [
            (self.study.name, arm, settings, lane["seed"], name, *numbers, units.get(name, ""), step, lane["state"])
            for arm, settings, lane in self.lanes
            for name, numbers, step in self._numbers_of(lane)
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _numbers_of(self, lane: LaneRecord) -> Iterator[tuple[str, tuple[float, float, float], int]]:
        last = lane.get("steps") or 0
        known: dict[str, Any] = defaultdict(lambda: None, lane["settings"], steps=last)
        for quantity, found in lane["numbers"].items():
            value, low, high = found if isinstance(found, list) else (found, None, None)
            known[quantity] = value
            yield quantity, _triple(value, low, high), last
        for quantity, course in lane.get("courses", {}).items():
            known[f"{quantity}.steps"] = course
            yield from ((quantity, _triple(value), step) for step, value in course)
        for quantity, derive in self.study.derived.items():
            if (value := derive(known)) is not None:
                known[quantity] = value
                yield quantity, _triple(value), last

    @cached_property
    def _by_quantity(self) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
        """Finished lanes' finite numbers by arm and quantity: (settings, seed, value, low, high, step)."""
        kept = self.frame[(self.frame.state == "done") & np.isfinite(self.frame.value.astype(float))]
        columns = ("arm", "quantity", "settings", "seed", "value", "low", "high", "step")
        found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        for arm, quantity, *numbers in zip(*(kept[column].tolist() for column in columns), strict=True):
            found.setdefault((arm, quantity), []).append(tuple(numbers))
        return found

    def rows(self, quantity: str, model: StudyModel) -> list[tuple[int, float, float, float, int]]:
        """(seed, value, low, high, step) of every finished lane of a model that has the quantity; NaN: no interval."""
        there = self._by_quantity.get((model.arm, quantity), ())
        return [row[1:] for row in there if set(model.settings) <= set(row[0])]

    def by_seed(self, quantity: str, model: StudyModel) -> dict[int, float]:
        """A number of every finished lane of a model by seed, of the last step."""
        return {seed: value for seed, value, *_ in self.rows(quantity, model)}

    def mean(self, quantity: str, model: StudyModel) -> float | None:
        """Its mean over seeds."""
        values = list(self.by_seed(quantity, model).values())
        return float(np.mean(values)) if values else None

    def gap(self, quantity: str, first: StudyModel, second: StudyModel) -> dict[int, float]:
        """first − second of the seeds that both have."""
        a, b = self.by_seed(quantity, first), self.by_seed(quantity, second)
        return {seed: a[seed] - b[seed] for seed in a if seed in b}

    def best(self, quantity: str, among: Sequence[StudyModel], *, most: bool = False) -> StudyModel | None:
        """The model of the smallest (with `most`, largest) mean over seeds; None if none has a number."""
        means = {model: mean for model in among if (mean := self.mean(quantity, model)) is not None}
        return (max if most else min)(means, key=lambda model: means[model], default=None)

    def course(self, quantity: str, model: StudyModel) -> tuple[np.ndarray, np.ndarray]:
        """Steps (T,) that all seeds have in common, and the values there (S, T); both empty if there are none."""
        seeds: dict[int, dict[int, float]] = {}
        for seed, value, _, _, step in self.rows(quantity, model):
            seeds.setdefault(seed, {})[step] = value
        steps = sorted(set.intersection(*map(set, seeds.values()))) if seeds else []
        return np.array(steps, np.float64), np.array([[known[step] for step in steps] for known in seeds.values()])

    def words(self, quantity: str, models: Sequence[StudyModel]) -> list[str]:
        """The texts that finished lanes have under a name, such as what a distance is called: each once, sorted."""
        found = {lane.get("words", {}).get(quantity) for model in models for lane in self.done(model)}
        return sorted(word for word in found if word)

    def models(self, arm: str, path: str, make: Callable[[Any], StudyModel]) -> list[StudyModel]:
        """The models of an arm over one setting's values, in the order of the grid, planned or there; make: from a value."""
        values = [dict(settings)[path] for name, settings, _ in self.lanes if name == arm and path in dict(settings)]
        return [make(value) for value in dict.fromkeys(values)]

    # ── what is kept in the runs ──────────────────────────────────────────────────────────────────────────────────────

    def measured(self, lane: LaneRecord, key: str) -> Measurement | None:
        """A lane's measurement, with its lists and arrays, from the run's folder; None if it has none or the run is gone."""
        if self.folder is None or key not in lane.get("measured", {}):
            return None
        name, kept = lane["measured"][key]
        try:
            return Run(self.folder / lane["run"]).measurements.get(name, kept)
        except RunError:
            return None

    def kept(self, key: str, model: StudyModel) -> Measurement | None:
        """The same of the first finished lane of a model that has it."""
        return next((found for lane in self.done(model) if (found := self.measured(lane, key))), None)

    def extra(self, key: str) -> Mapping[str, Any] | None:
        """The value of a measurement of several runs or none."""
        found = self.results["extras"].get(key)
        return found["value"] if found else None


def _triple(value: Any, low: Any = None, high: Any = None) -> tuple[float, float, float]:
    value, low, high = (math.nan if x is None else float(x) for x in (value, low, high))
    return value, low, high
