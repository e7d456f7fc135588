"""One self-contained HTML page about a sweep: where its lanes lie in rate and distortion, their table, their pages."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from kelbo.recipes.files import parse_text
from kelbo.reports.numbers import NONE, plain
from kelbo.reports.page_pictures import Picture, of_figure
from kelbo.reports.sweep_figures import RatePlane, Spot, rate_planes
from kelbo.reports.templates import template
from kelbo.runs import Sweep, write_atomic
from kelbo.sweeps.frame import LaneNumber, Setting, rows, summary
from kelbo.sweeps.measured import BATCHES
from kelbo.sweeps.table_files import as_texts
from kelbo.units import counted

USUAL = "evaluation test"
"""the source of the usual evaluation's numbers"""
PLANES = {"distortion": "Rate and distortion", "squared_error": "Rate and squared error"}
SLACKS = ("slack", "slack_psnr", "slack_bits_per_dim")
"""what is held less its target, numbers of the journals of runs that hold one: as it is held, and in the target's unit"""

HEADINGS = {"slack_psnr": "slack, dB", "slack_bits_per_dim": "slack, bits/dim"}


class LaneLine(NamedTuple):
    """A lane in words. page: the address of its run's page, "" if it has none; error: why it did not finish."""

    name: str
    page: str
    state: str
    error: str
    step: str
    numbers: list[str]


def write_page(sweep: Sweep, out: Path | None = None) -> Path:
    """Write a sweep's page, and its pictures as PNG files into a folder beside it; returns the page's path.

    It is a function of the sweep's folder alone, in which it lies by default. Damaged names a record that cannot be read.
    """
    place, table = out or sweep.report_page, rows(sweep)
    definition, states = sweep.definition(), {row.lane: row.state for row in table}
    source = _source(table)
    shown = [row for row in table if row.source == source]
    held = [row for row in table if row.quantity in SLACKS]
    columns = ["rate", *PLANES, *(name for name in SLACKS if name in {row.quantity for row in held})]
    picture = _picture(shown)
    text = template("sweep_page.html.j2").render(
        name=parse_text(definition["recipe"], sweep.definition_path, kept=True).name,
        folder=sweep.path.resolve().name,
        varied=_varied(table),
        seeds=definition["seeds"],
        states=Counter(states.values()),
        lanes=counted(len(states), "lane"),
        source=source,
        journal=source == BATCHES,
        lacking=sorted(
            {row.lane for row in shown if row.state == "done" and row.value is None and row.quantity == "rate"}
        ),
        plane=picture,
        summary=as_texts(summary(table)),
        columns=[HEADINGS.get(name, name.replace("_", " ")) for name in columns],
        lines=_lines(sweep, [*shown, *held], columns, states, place),
        recipe=definition["recipe"],
        written=datetime.now(UTC),
    )
    if picture:
        write_atomic(place.with_suffix("") / f"{picture.name}.png", picture.file)
    write_atomic(place, text)
    return place


def _picture(shown: Sequence[LaneNumber]) -> Picture | None:
    """Finished lanes by their rate and what it buys, of one source's rows; None if none has both."""
    planes = [rate_plane(shown, quantity) for quantity in PLANES]
    planes = [each for each in planes if each.lines]
    if not planes:
        return None
    unit = next(row.unit for row in shown if row.quantity == "rate" and row.value is not None)
    told = [
        f"{' '.join(filter(None, (line, planes[0].along, spot.label))) or 'all'}: {plain(spot.rates.mean())}"
        for line, spots in planes[0].lines.items()
        for spot in spots
    ]
    against = " and ".join(each.title.removeprefix("Rate and ") for each in planes)
    alt = f"Rate against {against}; rates of {', '.join(told)}"
    return of_figure("rate-distortion", alt, lambda theme: rate_planes(planes, unit, theme=theme))


def rate_plane(shown: Sequence[LaneNumber], quantity: str) -> RatePlane:
    """Finished lanes by rate and another quantity, from the rows of one source.

    The setting with the most values is told beside its spots, in their order; each combination of the others is a line.
    """
    finished = [row for row in shown if row.state == "done" and row.value is not None]
    rates, others = ({row.lane: row for row in finished if row.quantity == name} for name in ("rate", quantity))
    varied = _varied(shown)
    along = max(varied, key=lambda path: len(varied[path]), default="")
    joined = all(isinstance(value, int | float) and not isinstance(value, bool) for value in varied.get(along, [""]))
    lines: dict[str, dict[Setting, list[tuple[float | None, float | None]]]] = {}
    for lane in (lane for lane in rates if lane in others):
        settings = others[lane].settings
        line = ", ".join(f"{_last(path)} {settings[path]}" for path in varied if path != along)
        spots = lines.setdefault(line, {})
        spots.setdefault(settings.get(along, ""), []).append((rates[lane].value, others[lane].value))
    drawn = {
        line: [
            Spot(str(value), *np.array(spots[value], np.float64).T)
            for value in varied.get(along, [""])
            if value in spots
        ]
        for line, spots in lines.items()
    }
    unit = next((row.unit for row in others.values()), "")
    return RatePlane(PLANES[quantity], unit, drawn, _last(along), joined, bound=quantity == "distortion")


def _varied(table: Sequence[LaneNumber]) -> dict[str, list[Setting]]:
    """The settings of which lanes have several values, by path, with these, in order if they are numbers."""
    values: dict[str, dict[Setting, None]] = {}
    for row in table:
        for path, value in row.settings.items():
            values.setdefault(path, {})[value] = None
    return {path: _ordered(list(found)) for path, found in values.items() if len(found) > 1}


def _ordered(values: list[Setting]) -> list[Setting]:
    return values if any(isinstance(value, str) for value in values) else sorted(values)  # pyright: ignore


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _source(table: Sequence[LaneNumber]) -> str:
    """Whose rates are shown: the usual evaluation's if any lane keeps one, else another evaluation's, else the journal's."""
    known = dict.fromkeys(row.source for row in table if row.quantity == "rate" and row.value is not None)
    evaluated = [source for source in known if source.startswith("evaluation")]
    return USUAL if USUAL in known else next(iter(evaluated), BATCHES)


def _lines(
    sweep: Sweep, shown: Sequence[LaneNumber], columns: Sequence[str], states: Mapping[str, str], place: Path
) -> list[LaneLine]:
    numbers = {(row.lane, row.quantity): row for row in shown if row.value is not None}
    lines = []
    for lane, state in states.items():
        page, error = sweep.run(lane).report_page, (sweep.status(lane) or {}).get("error")
        found = [numbers.get((lane, quantity)) for quantity in columns]
        step = next((f"{row.step:,}" for row in found if row and row.step is not None), NONE)
        lines.append(
            LaneLine(
                lane,
                quote(Path(os.path.relpath(page, place.parent)).as_posix()) if page.exists() else "",
                state,
                error or "" if state != "done" else "",
                step,
                [NONE if row is None or row.value is None else plain(row.value, 4) for row in found],
            )
        )
    return lines
