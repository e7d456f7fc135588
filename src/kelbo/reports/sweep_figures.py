"""The rate–distortion plane over a sweep: each lane a point, each setting's mean over its seeds, lines of equal ELBO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kelbo.reports.figure import STYLE, Array, Theme, scaled_axis, style, tick

LABELLED = 16
"""With more settings in a line than these, only its ends are labelled."""
FOLD = 4.0
"""An axis of squared errors is logarithmic if the largest is so many times the smallest."""


class Spot(NamedTuple):
    """Lanes that differ in their seed alone: their rates and what is beside these, (S,) each."""

    label: str
    rates: Array
    others: Array


class RatePlane(NamedTuple):
    """One panel.

    unit    of the y axis
    along   what the spots' labels are values of, told once
    joined  whether these are in an order
    bound   whether rate + y is −ELBO
    """

    title: str
    unit: str
    lines: Mapping[str, Sequence[Spot]]
    along: str
    joined: bool
    bound: bool


def rate_planes(planes: Sequence[RatePlane], rate_unit: str, *, theme: Theme) -> Figure:
    """Panels beside one another, the rate across; a line has one colour in all of them."""
    with style(theme):
        figure = Figure(figsize=(9.9 if len(planes) > 1 else 6.4, 4.1), layout="constrained")
        colours = dict(
            zip(dict.fromkeys(line for plane in planes for line in plane.lines), cycle(theme.hues), strict=False)
        )
        for axes, plane in zip(figure.subplots(1, len(planes), squeeze=False)[0], planes, strict=True):
            _plane(axes, plane, colours, theme)
            axes.set_xlabel(f"rate, {rate_unit}")
        if len(colours) > 1:
            handles = [Line2D([], [], color=hue, marker="o", markersize=4, label=line) for line, hue in colours.items()]
            figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _plane(axes: Axes, plane: RatePlane, colours: Mapping[str, str], theme: Theme) -> None:
    last = [*plane.lines][-1]
    for line, spots in plane.lines.items():
        colour = colours[line]
        means = [(float(spot.rates.mean()), float(spot.others.mean())) for spot in spots]
        axes.plot(*zip(*means, strict=True), linestyle="-" if plane.joined else "none", color=colour, linewidth=1)
        for place, (spot, mean) in enumerate(zip(spots, means, strict=True)):
            if len(spot.rates) > 1:
                axes.plot(spot.rates, spot.others, "o", color=colour, markersize=4, alpha=0.45, markeredgewidth=0)
            axes.plot(*mean, "o", color=colour, markersize=6, markeredgecolor=theme.paper, markeredgewidth=0.8)
            if len(spots) <= LABELLED or place in (0, len(spots) - 1):
                label = f"{plane.along} {spot.label}" if place == 0 and line == last else spot.label
                beside = {"textcoords": "offset points", "color": theme.ink, "fontsize": 7}
                axes.annotate(label, mean, (5, 5 if place % 2 else -10), **beside)  # neighbours may be close
    axes.margins(0.12)
    axes.grid(visible=True, axis="both")
    axes.set_title(plane.title)
    axes.set_title(plane.unit, loc="right", color=theme.faint, fontweight="normal", fontsize=STYLE["font.size"])
    values = [float(value) for spots in plane.lines.values() for spot in spots for value in spot.others]
    scaled_axis(axes.yaxis, [] if plane.bound else values, FOLD)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(tick))
    if plane.bound:
        _bounds(axes, theme)


def _bounds(axes: Axes, theme: Theme) -> None:
    """Lines of equal rate + distortion across the panel as it is, each with its −ELBO."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    across, up = np.linspace(left, right, 60), np.linspace(low, high, 60)
    levels = MaxNLocator(7).tick_values(left + low, right + high)
    thin = {"colors": theme.faint, "linewidths": 0.6, "linestyles": "solid", "alpha": 0.6}
    lines = axes.contour(across, up, across + up[:, None], levels=levels, **thin)
    axes.clabel(lines, fmt=lambda level: f"−ELBO {tick(level)}", fontsize=6)
