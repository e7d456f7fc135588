"""Tables of a study: our mean ± standard deviation over seeds, the printed number joined to it, footnotes from the errata."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kelbo.reports.numbers import NONE, fixed, plain, with_error
from kelbo.studies.arms import StudyModel
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import percent, sentence
from kelbo.studies.paper import Printed


@dataclass(frozen=True)
class Cell:
    """error: a standard deviation over seeds, NONE for one seed, "" for a cell that can have none. notes: shown below, what the
    paper prints first. mark: of a footnote, or for something that is not as printed."""

    value: str = NONE
    error: str = ""
    notes: tuple[str, ...] = ()
    mark: str = ""


@dataclass(frozen=True)
class Row:
    title: str
    cells: list[Cell]
    about: str = ""


@dataclass(frozen=True)
class Group:
    """Rows under a heading; note: about all of them, or why they have no numbers."""

    title: str
    rows: list[Row]
    note: str = ""


@dataclass(frozen=True)
class StudyTable:
    """words: whether its cells hold words instead of numbers. footnotes: by mark."""

    title: str
    caption: str
    columns: list[str]
    groups: list[Group]
    words: bool = False
    footnotes: Mapping[str, str] = field(default_factory=dict)

    @property
    def wide(self) -> bool:
        """Whether it has so many columns that a deviation is written below its mean."""
        return len(self.columns) > 6


@dataclass(frozen=True)
class Column:
    """A quantity as a column.

    printed  the paper's quantity that stands below ours; place: where it prints it, if it does so several times
    alone    whether the column holds the printed number alone
    times    ours are shown times this; decimals: None for those that the deviation allows
    median   whether the median over seeds is shown, without a deviation
    notes    words of the lanes under this name, shown below
    """

    title: str
    quantity: str = ""
    printed: str = ""
    place: str = ""
    alone: bool = False
    times: float = 1.0
    decimals: int | None = None
    median: bool = False
    notes: str = ""


def by_model(
    n: Numbers,
    title: str,
    caption: str,
    columns: Sequence[Column],
    groups: Mapping[str, Sequence[StudyModel]],
    *,
    data: str | Callable[[StudyModel], str] | None = None,
) -> StudyTable:
    """A row a model, a column a quantity, and what the paper prints of them on the set `data`, by default the study's own.

    data: may tell the set of each model. groups: models under headings, "" for none; if none of a group's was trained, the note
    below the heading says why.
    """
    data = n.data if data is None else data
    set_of = data if callable(data) else lambda _model: str(data)
    marks: dict[str, str] = {}

    def row(model: StudyModel, note: str) -> Row:
        cells = [cell(n, model, one, set_of(model), marks) for one in columns]
        return Row(str(model), cells, "" if note else about(n, model))

    made = []
    for heading, models in groups.items():
        lacking = heading and not any(n.of(model) for model in models)
        note = sentence(n.absence(StudyModel(models[0].arm, name=heading))) if lacking and models else ""
        made += [Group(heading, [row(model, note) for model in models], note)] if models else []
    notes = {mark: n.paper.errata[erratum] for erratum, mark in marks.items()}
    return StudyTable(title, caption, [column.title for column in columns], made, footnotes=notes)


def cell(n: Numbers, model: StudyModel, column: Column, data: str, marks: dict[str, str]) -> Cell:
    """Our number of a model with the printed one below it. marks: of footnotes by erratum so far; a new one is added."""
    number = n.paper.find(model, column.printed, data, column.place) if column.printed else None
    if column.alone:
        return Cell("" if number is None else str(number), mark=_mark(number, marks))
    values = list(n.by_seed(column.quantity, model).values())
    return joined(values, number, column, marks, n.words(column.notes, [model]) if column.notes else ())


def joined(
    values: Sequence[float], number: Printed | None, column: Column, marks: dict[str, str], notes: Sequence[str] = ()
) -> Cell:
    """Values of ours in a column's form with the paper's number below."""
    scaled = [column.times * value for value in values]
    if column.median and scaled:
        scaled = [float(np.median(scaled))]
    value, error = with_deviation(scaled) if column.decimals is None else _rounded(scaled, column.decimals)
    printed = (f"printed {number}",) if number else ()
    return Cell(value, "" if column.median else error, (*printed, *notes), _mark(number, marks))


def _mark(number: Printed | None, marks: dict[str, str]) -> str:
    return marks.setdefault(number.erratum, "abcdefghijkl"[len(marks)]) if number and number.erratum else ""


def about(n: Numbers, model: StudyModel) -> str:
    """How many seeds, and what became of the others; why there are none."""
    done = len(n.seeds(model))
    if not done:
        return sentence(n.absence(model))
    return ", ".join(filter(None, [f"{done} {'seed' if done == 1 else 'seeds'}", n.lost(model)]))


def with_deviation(values: Sequence[float]) -> tuple[str, str]:
    """Mean and standard deviation as words; the deviation is NONE for one value, 0 if values differ only by rounding."""
    if not values:
        return NONE, ""
    mean = float(np.mean(values))
    if len(values) < 2:
        return with_error(mean, None)
    deviation = float(np.std(values, ddof=1))
    if deviation > 1e-9 * abs(mean):
        return with_error(mean, deviation)
    shown = plain(mean, 4)
    return shown.rstrip("0").rstrip(".") if "." in shown and "e" not in shown else shown, "0"


def _rounded(values: Sequence[float], decimals: int) -> tuple[str, str]:
    if not values:
        return NONE, ""
    deviation = fixed(float(np.std(values, ddof=1)), decimals) if len(values) > 1 else NONE
    return fixed(float(np.mean(values)), decimals), deviation


def trained(n: Numbers) -> StudyTable:
    """What was trained, on what and for how long, beside the paper's steps: a row an arm."""
    rows = [Row(arm["title"] or arm["name"], _trained(n, arm), arm["note"]) for arm in n.results["arms"]]
    columns = ["Varied", "Seeds", "Steps", "Epochs", "Training", "Runs"]
    return StudyTable("", "", columns, [Group("", rows)] if rows else [], words=True)


def _trained(n: Numbers, arm: Mapping[str, Any]) -> list[Cell]:
    lanes = arm["lanes"]
    done = sum(lane["state"] == "done" for lane in lanes)
    lost = n.lost(StudyModel(arm["of"])) if arm["of"] == arm["name"] else ""
    varied = [
        ", ".join(
            dict.fromkeys(n.study.names.get(path, {}).get(str(v), str(v)) for lane in lanes for v in _at(lane, path))
        )
        for path in arm["over"]
    ]
    epochs = [
        steps * arm["batch_size"] / arm["images"] for steps in (arm["steps"], arm["paper_steps"]) if arm["images"]
    ]
    return [
        Cell("; ".join(varied) or NONE),
        Cell(", ".join(map(str, dict.fromkeys(lane["seed"] for lane in lanes)))),
        Cell(f"{arm['steps']:,}", notes=(f"of {arm['paper_steps']:,}: {percent(arm['steps'] / arm['paper_steps'])}",)),
        Cell(plain(epochs[0], 2), notes=(f"of {plain(epochs[1], 2)}",)) if epochs else Cell(),
        Cell(arm["training"]),
        Cell(f"{done} of {len(lanes)}", notes=(lost,) if lost else ()),
    ]


def _at(lane: Mapping[str, Any], path: str) -> list[Any]:
    return [lane["settings"][path]] if path in lane["settings"] else []
