"""A sweep as a tidy table, a row a lane and quantity; and over its seeds, a row a setting and quantity."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kelbo.intervals import finite_or_none, of_replicates
from kelbo.recipes.files import load
from kelbo.runs import Run, Sweep
from kelbo.runs.settings import flat
from kelbo.runs.writing import understanding
from kelbo.sweeps.measured import LEFT_OUT, SHARE, Number, numbers

Setting = bool | int | float | str

IMAGES = "training or test images"
"""the condition that holds their fingerprints"""
UNKNOWN = "unknown"
"""a condition that is missing in an older record"""


class LaneNumber(NamedTuple):
    """One number of one lane; value and step are None if the lane lacks what another lane has.

    settings    what the sweep varies, by path, with its values' own types
    source      which record the number is from; records of other settings are other sources, or told by `conditions`
    state       of the lane: done, diverged, failed, stopped, unfinished, not begun
    """

    lane: str
    settings: dict[str, Setting]
    seed: int
    quantity: str
    value: float | None
    unit: str
    source: str
    step: int | None
    state: str
    conditions: dict[str, str]


class Summary(NamedTuple):
    """One quantity over the seeds of one setting.

    n           finished lanes that have it; the others are `excluded` from all numbers here
    sd          over seeds, by n - 1; None with one
    low, high   the central 95 % interval of the mean over seeds, by Student's t; None with one; of shares within 0 and 1
    step        of all n; None if they differ
    note        why lanes are excluded, and in what those differ that are not
    """

    settings: dict[str, Setting]
    quantity: str
    n: int
    excluded: int
    mean: float | None
    sd: float | None
    median: float | None
    low: float | None
    high: float | None
    unit: str
    source: str
    step: int | None
    note: str


def rows(sweep: Sweep) -> list[LaneNumber]:
    """Every lane's numbers, in the order of the lanes; each lane has a row for each quantity that any lane has.

    If no lane has any number yet, each has one row without a quantity. Damaged names a record that cannot be read.
    """
    lanes = sweep.definition()["lanes"]
    settings = typed([lane["settings"] for lane in lanes])
    # before their numbers: a lane that ends meanwhile has numbers of a run that was not done
    states = [state_of(sweep, lane["name"]) for lane in lanes]
    found = [_numbers_of(sweep.run(lane["name"])) for lane in lanes]
    columns = {(number.quantity, number.source): number.unit for of_lane in found for number in of_lane}
    table = []
    for lane, varied, state, of_lane in zip(lanes, settings, states, found, strict=True):
        has = {(number.quantity, number.source): number for number in of_lane}
        for (quantity, source), unit in (columns or {("", ""): ""}).items():
            number = has.get((quantity, source), Number(quantity, None, unit, source, None, {}))
            table.append(LaneNumber(lane["name"], varied, lane["seed"], state=state, **number._asdict()))
    return table


def state_of(sweep: Sweep, lane: str) -> str:
    """Whether the lane is done; else how it ended last, or that it has not."""
    run, status = sweep.run(lane), (sweep.status(lane) or {}).get("state")
    if not run.recipe_path.exists():
        return status or "not begun"
    if status == "done" or load(run.recipe_path, kept=True).training.steps in run.checkpoint_steps():
        return "done"
    return status or "unfinished"


def summary(table: Iterable[LaneNumber]) -> list[Summary]:
    """Each quantity's mean, spread and interval over the seeds of each setting; a section a quantity and source.

    A note tells each condition in which numbers of one mean differ, or in which they differ from the other means of their
    section, which stand in one table with them.
    """
    groups: dict[tuple[str, str], dict[str, list[LaneNumber]]] = {}
    for row in table:
        if row.quantity:
            section = groups.setdefault((row.quantity, row.source), {})
            section.setdefault(json.dumps(row.settings), []).append(row)
    return [found for section in groups.values() for found in _section(list(section.values()))]


def _section(groups: list[list[LaneNumber]]) -> list[Summary]:
    kept = [[row for row in group if row.state == "done" and row.value is not None] for group in groups]
    known = _known([row for own in kept for row in own])
    return [_summary(group, own, known) for group, own in zip(groups, kept, strict=True)]


def _summary(group: list[LaneNumber], kept: list[LaneNumber], known: Mapping[str, Iterable[str]]) -> Summary:
    """Of one setting's rows; kept: those that count. known: the conditions of the whole section."""
    values = np.array([row.value for row in kept], np.float64)
    units, steps = {row.unit for row in kept} or {group[0].unit}, {row.step for row in kept}
    mean = sd = median = low = high = None
    if len(values):
        score = of_replicates(values)
        mean, median = score.value, float(np.median(values))
        if len(values) > 1:
            sd, (low, high) = float(values.std(ddof=1)), (score.low, score.high)
            low, high = np.clip((low, high), 0, 1).tolist() if units == {SHARE} else (low, high)
            low, high = finite_or_none(low), finite_or_none(high)
    return Summary(
        group[0].settings,
        group[0].quantity,
        len(values),
        len(group) - len(values),
        mean,
        sd,
        median,
        low,
        high,
        " / ".join(sorted(units)),
        group[0].source,
        next(iter(steps)) if len(steps) == 1 else None,
        "; ".join([*_excluded(group), *_differences(kept, known)]),
    )


def _excluded(group: list[LaneNumber]) -> list[str]:
    why = Counter(
        row.state if row.state != "done" else row.conditions.get(LEFT_OUT, "not measured")
        for row in group
        if row.state != "done" or row.value is None
    )
    return [f"{count} {state}" for state, count in why.items()]


def _known(kept: Iterable[LaneNumber]) -> dict[str, dict[str, None]]:
    """Each condition of some rows with all of its values there, in the order of the rows."""
    of_rows = [_conditions(row) for row in kept]
    names = dict.fromkeys(name for of_row in of_rows for name in of_row)
    return {name: dict.fromkeys(of_row.get(name, UNKNOWN) for of_row in of_rows) for name in names}


def _differences(kept: list[LaneNumber], known: Mapping[str, Iterable[str]]) -> list[str]:
    """In what the numbers of one mean differ besides their seed, or all of them from those of the other means."""
    of_rows, notes = [_conditions(row) for row in kept], []
    for name in dict.fromkeys([*(name for of_row in of_rows for name in of_row), *known]) if kept else ():
        own = dict.fromkeys(of_row.get(name, UNKNOWN) for of_row in of_rows)
        others = [value for value in known[name] if value not in own]
        if len(own) > 1:
            notes.append(f"{name} differ" if name == IMAGES else f"{name} differs: {', '.join(own)}")
        elif others:
            (value,) = own
            notes.append(
                f"other {name} than elsewhere" if name == IMAGES else f"{name}: {value}, elsewhere {', '.join(others)}"
            )
    return notes


def _conditions(row: LaneNumber) -> dict[str, str]:
    return {"unit": row.unit, "step": str(row.step), **row.conditions}


def _numbers_of(run: Run) -> list[Number]:
    """A run's numbers, each under the conditions of its training too; none of one not begun."""
    if not run.recipe_path.exists():
        return []
    trained = _training(run)
    return [number._replace(conditions={**trained, **number.conditions}) for number in numbers(run)]


def _training(run: Run) -> dict[str, str]:
    """What a run's numbers depend on beside its recipe: its very images, and the machine and versions that trained it."""
    known = run.provenance()
    return {IMAGES: _images(run, known), **flat(known.get("machine", {}), "training's ")}


def _images(run: Run, known: Mapping[str, Any]) -> str:
    """The fingerprints of a run's images. Damaged if its provenance has none: it would be unknown what a mean is over."""
    advice = "Restore the file from a copy, or move the lane's folder away and resume the sweep."
    with understanding(run.provenance_path, f"It must tell the run's images (data.splits). {advice}", ("resume",)):
        return " ".join(f"{name} {split['fingerprint']}" for name, split in known["data"]["splits"].items())


def typed(settings: Sequence[dict[str, str]]) -> list[dict[str, Setting]]:
    """Settings as numbers and truth values if they are such; one type per setting, text if its values have several types."""
    kinds: dict[str, set[type]] = {}
    for of_lane in settings:
        for path, text in of_lane.items():
            kinds.setdefault(path, set()).add(type(_value(text)))
    return [{path: _as(kinds[path], text) for path, text in of_lane.items()} for of_lane in settings]


def _as(kinds: set[type], text: str) -> Setting:
    value = _value(text)
    if kinds == {int, float}:
        return float(value)
    return value if len(kinds) == 1 else text


def _value(text: str) -> Setting:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, bool | int | float | str) else text
