"""Figures of a study: quantities over a setting, and what all its figures have in common.

Numbers in, a picture in both themes out. A model has one look in all figures of its study.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, PercentFormatter

from kelbo.reports.figure import DARK, Theme, scaled_axis, style
from kelbo.reports.numbers import plain
from kelbo.reports.page_pictures import Picture, of_figure
from kelbo.studies.arms import StudyModel
from kelbo.studies.frame import Numbers

WIDTH = 5.4  # inches: 420 px of a telephone still show its letters
DASHED, DOTTED = (0, (3, 2)), (0, (1, 1.6))
FOLD = 12.0
"""an axis of positive numbers is logarithmic if the largest is so many times the smallest"""


class Absent(Exception):
    """The reason why a figure cannot be drawn; it is shown in the figure's place."""


@dataclass(frozen=True)
class Look:
    """A model's colours, by theme, and its marker and line."""

    light: str
    dark: str
    marker: str = "o"
    line: Any = "-"

    def colour(self, theme: Theme) -> str:
        return self.dark if theme == DARK else self.light


Looks = Callable[[StudyModel], Look]


def ordered_looks(models: Sequence[StudyModel], others: Mapping[StudyModel, Look] | None = None) -> Looks:
    """Looks of models whose order is seen whatever colours the reader sees: viridis, its ends that the paper would swallow left
    out; `others` have looks of their own."""
    light, dark = (np.linspace(low, high, max(2, len(models))) for low, high in ((0.0, 0.86), (0.28, 1.0)))
    shades = mpl.colormaps["viridis"]
    known = {
        model: Look(to_hex(shades(a)), to_hex(shades(b))) for model, a, b in zip(models, light, dark, strict=False)
    }
    known |= others or {}
    return lambda model: known.get(model, Look("#6b7280", "#9aa1ab"))


class Point(NamedTuple):
    """One run: where it is on the axis, its quantity, and the ends of its interval; NaN if there is none."""

    x: float
    value: float
    low: float = np.nan
    high: float = np.nan


class Line(NamedTuple):
    """A model's runs over a setting, a dot a seed. joined: whether a line goes through their means; else one mark shows where
    the model put itself, with its span across."""

    model: StudyModel
    points: Sequence[Point]
    joined: bool = True

    @property
    def means(self) -> list[tuple[float, float]]:
        """(x, mean of the seeds' values), x ascending."""
        places = sorted({point.x for point in self.points})
        return [(x, float(np.mean([p.value for p in self.points if p.x == x]))) for x in places]

    @property
    def centre(self) -> tuple[float, float]:
        """Where seeds that chose their own place are in the middle: geometric mean of x, mean of values."""
        x = [point.x for point in self.points]
        return float(np.exp(np.mean(np.log(x)))), float(np.mean([p.value for p in self.points]))


class Print(NamedTuple):
    """A number that the paper prints; x is None if it tells no place."""

    model: StudyModel
    x: float | None
    value: float


class SettingPanel(NamedTuple):
    """One quantity. level: a value that is marked, such as chance or a ceiling, and its name. zero: whether the axis begins at
    0. share: whether values are shares, shown in percent."""

    title: str
    unit: str
    lines: Sequence[Line]
    printed: Sequence[Print] = ()
    level: tuple[float, str] | None = None
    zero: bool = False
    share: bool = False


# ── from numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def line_over(n: Numbers, quantity: str, models: Mapping[StudyModel, float], as_model: StudyModel) -> Line:
    """The runs of models at known places of a setting, as one line that looks like `as_model`."""
    found = [Point(x, v, low, high) for model, x in models.items() for _, v, low, high, _ in n.rows(quantity, model)]
    return Line(as_model, found)


def own_place(n: Numbers, quantity: str, model: StudyModel, place: str) -> Line:
    """A model's runs at the place that each chose itself, the quantity `place`; those without a positive one are left out."""
    x = {seed: value for seed, value in n.by_seed(place, model).items() if value > 0}
    rows = [row for row in n.rows(quantity, model) if row[0] in x]
    return Line(model, [Point(x[seed], value, low, high) for seed, value, low, high, _ in rows], joined=False)


# ── over a setting ────────────────────────────────────────────────────────────────────────────────────────────────────


def over_setting(name: str, panels: Sequence[SettingPanel], looks: Looks, xlabel: str) -> Picture:
    """Panels above one another over one logarithmic axis. Absent without any point."""
    shown = [panel for panel in panels if any(line.points for line in panel.lines)]
    if not shown:
        raise Absent("No run was finished and measured.")
    told = ". ".join(f"{panel.title}, {panel.unit}: {_told(panel)}" for panel in shown)
    return of_figure(name, told, lambda theme: _over_setting(shown, looks, xlabel, theme))


def _told(panel: SettingPanel) -> str:
    words = [f"{plain(y, 4)} of {line.model} at {x:g}" for line in panel.lines if line.joined for x, y in line.means]
    own = [line for line in panel.lines if not line.joined and line.points]
    return ", ".join(
        [*words, *(f"{plain(line.centre[1], 4)} of {line.model} at {plain(line.centre[0], 2)}" for line in own)]
    )


def _over_setting(panels: Sequence[SettingPanel], looks: Looks, xlabel: str, theme: Theme) -> Figure:
    with style(theme):
        figure = Figure(figsize=(WIDTH, 0.95 + 2.1 * len(panels)), layout="constrained")
        every = list(figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0])
        for axes, panel in zip(every, panels, strict=True):
            for number, line in enumerate(one for one in panel.lines if one.points):
                (_joined if line.joined else _marked)(axes, line, looks(line.model), number, theme)
            for one in panel.printed:
                look = {"color": looks(one.model).colour(theme), "linewidth": 1.2, "linestyle": DOTTED, "zorder": 2}
                if one.x is None:
                    axes.axhline(one.value, **look)
                else:
                    axes.plot(one.x, one.value, "x", color=looks(one.model).colour(theme), markersize=5.5, zorder=7)
            titled(axes, panel.title, panel.unit, theme)
            _level(axes, panel.level, theme)
            _scale(axes, panel)
        every[-1].set_xscale("log")
        places = sorted({point.x for panel in panels for line in panel.lines if line.joined for point in line.points})
        every[-1].set_xticks(places, [f"{place:g}" for place in places])
        every[-1].xaxis.set_minor_locator(NullLocator())
        every[-1].set_xlabel(xlabel)
        figure.legend(handles=_legend(panels, looks, theme), loc="outside lower center", ncols=2)
    return figure


def _joined(axes: Axes, line: Line, look: Look, _number: int, theme: Theme) -> None:
    hue = look.colour(theme)
    axes.plot(*zip(*line.means, strict=True), color=hue, linewidth=1.8, linestyle=look.line, zorder=3)
    _dots(axes, line.points, hue, look.marker, 13, theme)


def _marked(axes: Axes, line: Line, look: Look, number: int, theme: Theme) -> None:
    """A cross hair where a model put itself, its seeds' span across; dashes leave room for another's."""
    hue, (x, value), dash = look.colour(theme), line.centre, (3 * (number % 2), (3, 3))
    values = [point.value for point in line.points]
    if len(values) > 1:
        axes.axhspan(min(values), max(values), color=hue, alpha=0.14, linewidth=0, zorder=1)
    axes.axhline(value, color=hue, linewidth=1.1, linestyle=dash, zorder=2)
    axes.axvline(x, color=hue, linewidth=1.1, linestyle=dash, zorder=2)
    _dots(axes, line.points, hue, look.marker, 9, theme)
    axes.plot(x, value, zorder=6, **_mark(look, theme))


def _dots(axes: Axes, points: Sequence[Point], hue: str, marker: str, size: float, theme: Theme) -> None:
    for point in points:
        if np.isfinite([point.low, point.high]).all():
            axes.vlines(point.x, point.low, point.high, color=hue, linewidth=1, alpha=0.7, zorder=3)
    where = [p.x for p in points], [p.value for p in points]
    axes.scatter(*where, s=size, color=hue, marker=marker, edgecolors=theme.paper, linewidths=0.5, zorder=4)


def _mark(look: Look, theme: Theme) -> dict[str, Any]:
    """A square is a frame, in which another mark may stand."""
    hue = look.colour(theme)
    if look.marker == "s":
        return {"marker": "s", "markersize": 10, "color": hue, "markerfacecolor": "none", "markeredgewidth": 1.8}
    return {
        "marker": look.marker,
        "markersize": 6.5,
        "color": hue,
        "markeredgecolor": theme.paper,
        "markeredgewidth": 0.8,
    }


def _legend(panels: Sequence[SettingPanel], looks: Looks, theme: Theme) -> list[Line2D]:
    handles: dict[Any, Line2D] = {}
    for line in (line for panel in panels for line in panel.lines if line.points):
        look = looks(line.model)
        if line.joined:
            style_of = {"color": look.colour(theme), "marker": look.marker, "linestyle": look.line}
            handles[line.model] = Line2D([], [], markersize=4, linewidth=1.8, label=str(line.model), **style_of)
        else:
            label = f"{line.model}, at {plain(line.centre[0], 2)}"
            handles.setdefault(line.model, Line2D([], [], label=label, linestyle="", **_mark(look, theme)))
    for one in (one for panel in panels for one in panel.printed):
        if one.x is not None:
            cross = {"color": theme.ink, "linestyle": "", "marker": "x", "markersize": 5.5}
            handles["x"] = Line2D([], [], label="printed", **cross)
        else:
            look = {"color": looks(one.model).colour(theme), "linestyle": DOTTED, "linewidth": 1.2}
            handles["-", one.model] = Line2D([], [], label=f"printed, {one.model}", **look)
    return list(handles.values())


def percent_axis(axis: Axis) -> None:
    """Shares as percent."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def titled(axes: Axes, title: str, unit: str, theme: Theme) -> None:
    """The unit beside the title, so that no label takes room from a narrow figure."""
    axes.set_title(title)
    axes.set_title(unit, loc="right", color=theme.faint, fontweight="normal", fontsize=8)


def _level(axes: Axes, level: tuple[float, str] | None, theme: Theme) -> None:
    if level is not None:
        value, called = level
        axes.axhline(value, color=theme.faint, linewidth=0.9, linestyle=DOTTED)
        near = {"color": theme.faint, "va": "bottom", "ha": "right", "fontsize": 7.5}
        axes.annotate(called, (1, value), (0, 1), ("axes fraction", "data"), "offset points", **near)


def _scale(axes: Axes, panel: SettingPanel) -> None:
    values = [point.value for line in panel.lines for point in line.points]
    scaled_axis(axes.yaxis, [] if panel.zero or panel.share else [*values, *(one.value for one in panel.printed)], FOLD)
    if panel.share:
        percent_axis(axes.yaxis)
    if panel.zero:
        top = 1.15 * max([*values, *(panel.level or ())[:1]])
        axes.set_ylim(-0.05 * top, top)  # so that a mark at 0 is whole
