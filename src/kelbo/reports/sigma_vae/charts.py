"""Charts of the σ-VAE study: numbers in, a Matplotlib Figure out. One colour for a decoder in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from kelbo.reports.figure import Array, Theme, style, tick
from kelbo.reports.numbers import plain
from kelbo.reports.sigma_vae.looks import MARKERS, colour, named

WIDTH = 5.4  # inches: 420 px of a telephone still show its letters
DOTTED = (0, (1, 1.6))
DASHED = (0, (3, 2))
FOLD = 12.0
"""an axis of positive numbers is logarithmic where the largest is so many times the smallest"""

SETTLING = 0.02
"""of the steps: what is read before is off a linear axis where it would flatten the rest"""

ALTERNATING = {"shared_gaussian": (0, (3, 3)), "optimal_gaussian": (3, (3, 3))}
"""dashes that leave room for each other's: the two σ-VAEs' lines may lie on one another"""


WIDE = {"per_image_gaussian": 3.2}
"""a course that others lie on, as a ground for them"""

CROSS: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 5.5, "markeredgewidth": 1.4}


class Point(NamedTuple):
    """One run's quantity at its (effective) β, with the ends of its interval; NaN where there is none."""

    beta: float
    value: float
    low: float = np.nan
    high: float = np.nan


class Print(NamedTuple):
    """A number that the paper prints of the same quantity on the same set in the same unit; beta None where it tells none.

    decoder  of the grid "fixed_gaussian", of the β that the paper found best "beta"
    """

    decoder: str
    beta: float | None
    value: float


class Panel(NamedTuple):
    """One quantity over β.

    grid     runs of the β grid, every seed
    marked   runs that chose their β themselves, by decoder
    ceiling  a value that the measure cannot exceed, and its name
    zero     whether the axis begins at 0
    """

    title: str
    unit: str
    grid: Sequence[Point]
    marked: Mapping[str, Sequence[Point]]
    printed: Sequence[Print] = ()
    ceiling: tuple[float, str] | None = None
    zero: bool = False


class Course(NamedTuple):
    """One quantity of a decoder while training: steps (T,), every seed's values (S, T). dashed: its companion."""

    decoder: str
    steps: Array
    seeds: Array
    dashed: bool = False


def over_beta(panels: Sequence[Panel], *, theme: Theme) -> Figure:
    """Panels above one another over one axis of β: a line through the grid's means, a cross hair where the σ-VAE put itself.

    Small dots are seeds, whiskers their intervals. A band spans the σ-VAE's seeds across, a line marks its effective β.
    """
    with style(theme):
        figure = Figure(figsize=(WIDTH, 0.95 + 2.1 * len(panels)), layout="constrained")
        every = list(figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0])
        for axes, panel in zip(every, panels, strict=True):
            _grid(axes, panel.grid, theme)
            for decoder, points in panel.marked.items():
                _mark(axes, decoder, points, theme)
            _printed(axes, panel.printed, theme)
            if panel.ceiling:
                _ceiling(axes, *panel.ceiling, theme)
            _titled(axes, panel.title, panel.unit, theme)
            values = [p.value for p in [*panel.grid, *(p for some in panel.marked.values() for p in some)]]
            _scaled(axes.yaxis, [] if panel.zero else [*values, *(each.value for each in panel.printed)], FOLD)
            if panel.zero:
                top = 1.15 * max([*values, *(panel.ceiling or ())[:1]])
                axes.set_ylim(-0.05 * top, top)  # so that a mark at 0 is whole
        every[-1].set_xscale("log")
        every[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        every[-1].xaxis.set_minor_locator(NullLocator())
        every[-1].set_xlabel("β, or σ² where the decoder finds it itself")
        figure.legend(handles=_legend(panels, theme), loc="outside lower center", ncols=2)
    return figure


def over_steps(panels: Sequence[tuple[str, str, Sequence[Course]]], *, theme: Theme) -> Figure:
    """Panels above one another over steps, (title, unit, courses): means thick, each seed thin.

    Steps are on a logarithmic axis, and so are quantities that are positive and span much. On a linear one the first 2 %
    of the steps may lie outside, and the figure says how many readings do.
    """
    shown = list(dict.fromkeys(course.decoder for _, _, courses in panels for course in courses))
    with style(theme):
        figure = Figure(figsize=(WIDTH, 0.75 + 2.0 * len(panels)), layout="constrained")
        every = list(figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0])
        outside = 0
        for axes, (title, unit, courses) in zip(every, panels, strict=True):
            for course in courses:
                _course(axes, course, theme)
            _titled(axes, title, unit, theme)
            if not _scaled(axes.yaxis, [value for c in courses for value in c.seeds.ravel().tolist()], fold=3):
                outside += _settled(axes, courses)
        last = every[-1]
        last.set_xscale("log")
        last.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        last.xaxis.set_minor_locator(NullLocator())
        last.xaxis.set_major_formatter(EngFormatter(sep=""))
        told = f" · {outside} {'reading' if outside == 1 else 'readings'} off the scale" if outside else ""
        last.set_xlabel("step" + told)
        handles = [Line2D([], [], color=colour(key, theme), linewidth=2, label=named(key)) for key in shown]
        if any(course.dashed for _, _, courses in panels for course in courses):
            handles.append(Line2D([], [], color=theme.faint, linestyle=DASHED, label="RMSE of reconstructions"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def mean_by_beta(points: Sequence[Point]) -> list[tuple[float, float]]:
    """(β, mean of the seeds' values), β ascending."""
    betas = sorted({point.beta for point in points})
    return [(beta, float(np.mean([p.value for p in points if p.beta == beta]))) for beta in betas]


def centre(points: Sequence[Point]) -> tuple[float, float]:
    """Where a decoder's seeds are in the middle: geometric mean of β, mean of values."""
    return float(np.exp(np.mean(np.log([p.beta for p in points])))), float(np.mean([p.value for p in points]))


def _grid(axes: Axes, points: Sequence[Point], theme: Theme) -> None:
    hue = colour("fixed_gaussian", theme)
    if means := mean_by_beta(points):
        axes.plot(*zip(*means, strict=True), color=hue, linewidth=1.8, zorder=3)
    _seeds(axes, points, hue, "o", theme, size=13)


def _mark(axes: Axes, decoder: str, points: Sequence[Point], theme: Theme) -> None:
    hue, (beta, value) = colour(decoder, theme), centre(points)
    values = [point.value for point in points]
    if len(values) > 1:
        axes.axhspan(min(values), max(values), color=hue, alpha=0.14, linewidth=0, zorder=1)
    axes.axhline(value, color=hue, linewidth=1.1, linestyle=ALTERNATING[decoder], zorder=2)
    axes.axvline(beta, color=hue, linewidth=1.1, linestyle=ALTERNATING[decoder], zorder=2)
    _seeds(axes, points, hue, MARKERS[decoder], theme, size=9)
    axes.plot(beta, value, zorder=6, **_marker(decoder, theme))


def _seeds(axes: Axes, points: Sequence[Point], hue: str, marker: str, theme: Theme, size: float) -> None:
    for point in points:
        if np.isfinite([point.low, point.high]).all():
            axes.vlines(point.beta, point.low, point.high, color=hue, linewidth=1, alpha=0.7, zorder=3)
    where = [p.beta for p in points], [p.value for p in points]
    axes.scatter(*where, s=size, color=hue, marker=marker, edgecolors=theme.paper, linewidths=0.5, zorder=4)


def _marker(decoder: str, theme: Theme) -> dict[str, Any]:
    """The learned σ is a frame, the solved one what may stand in it."""
    hue, shape = colour(decoder, theme), MARKERS[decoder]
    if decoder == "shared_gaussian":
        return {"marker": shape, "markersize": 10, "color": hue, "markerfacecolor": "none", "markeredgewidth": 1.8}
    edge = {"markeredgecolor": theme.paper, "markeredgewidth": 0.8}
    return {"marker": shape, "markersize": 6.5, "color": hue, **edge}


def _printed(axes: Axes, printed: Sequence[Print], theme: Theme) -> None:
    for each in printed:
        hue = colour(each.decoder, theme)
        if each.beta is None:
            axes.axhline(each.value, color=hue, linewidth=1.2, linestyle=DOTTED, zorder=2)
        else:
            axes.plot(each.beta, each.value, color=hue, zorder=7, **CROSS)


def _ceiling(axes: Axes, value: float, name: str, theme: Theme) -> None:
    axes.axhline(value, color=theme.faint, linewidth=0.9, linestyle=DOTTED)
    near = {"color": theme.faint, "va": "bottom", "ha": "right", "fontsize": 7.5}
    axes.annotate(f"{name} {plain(value)}", (1, value), (0, 1), ("axes fraction", "data"), "offset points", **near)


def _titled(axes: Axes, title: str, unit: str, theme: Theme) -> None:
    """The unit beside the title, so that no label takes room from a narrow figure."""
    axes.set_title(title)
    axes.set_title(unit, loc="right", color=theme.faint, fontweight="normal", fontsize=8)


def _scaled(axis: Axis, values: Sequence[float], fold: float) -> bool:
    """Ticks as the project writes them; a logarithmic axis where the values span so many times the least, and whether."""
    known = [value for value in values if np.isfinite(value)]
    logarithmic = bool(known) and min(known) > 0 and max(known) > fold * min(known)
    if logarithmic:
        axis.axes.set_yscale("log")
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(tick))
    return logarithmic


def _settled(axes: Axes, courses: Sequence[Course]) -> int:
    """Set the limits by what comes after the first steps; returns how many readings are outside."""
    last = max(float(course.steps[-1]) for course in courses)
    late = np.concatenate([course.seeds[:, course.steps >= SETTLING * last].ravel() for course in courses])
    margin = 0.05 * float(np.ptp(late)) or 1.0
    low, high = late.min() - margin, late.max() + margin
    axes.set_ylim(low, high)
    return sum(int(((course.seeds < low) | (course.seeds > high)).sum()) for course in courses)


def _legend(panels: Sequence[Panel], theme: Theme) -> list[Line2D]:
    hue = colour("fixed_gaussian", theme)
    handles = [Line2D([], [], color=hue, marker="o", markersize=4, linewidth=1.8, label="Gaussian, σ = 1, β given")]
    points: dict[str, list[Point]] = {}
    for panel in panels:
        for decoder, some in panel.marked.items():
            points.setdefault(decoder, []).extend(some)
    for decoder, some in points.items():
        label = f"{named(decoder)}, σ² = {plain(centre(some)[0], 2)}"
        handles.append(Line2D([], [], label=label, linestyle="", **_marker(decoder, theme)))
    prints = [each for panel in panels for each in panel.printed]
    if any(each.beta is not None for each in prints):
        handles.append(Line2D([], [], color=theme.ink, label="printed, at σ² of its β", **CROSS))
    for each in prints:
        if each.beta is None:
            look = {"color": colour(each.decoder, theme), "linestyle": DOTTED, "linewidth": 1.2}
            handles.append(Line2D([], [], label=f"printed, {named(each.decoder)}", **look))
    return handles


def _course(axes: Axes, course: Course, theme: Theme) -> None:
    hue, line = colour(course.decoder, theme), DASHED if course.dashed else "-"
    marker = "o" if len(course.steps) == 1 else None
    look: dict[str, Any] = {"color": hue, "linestyle": line, "marker": marker, "markersize": 3}
    for seed in course.seeds if len(course.seeds) > 1 and not course.dashed else ():
        axes.plot(course.steps, seed, linewidth=0.6, alpha=0.5, **look)
    width = WIDE.get(course.decoder, 1.6)
    axes.plot(course.steps, course.seeds.mean(0), linewidth=0.7 * width if course.dashed else width, **look)
