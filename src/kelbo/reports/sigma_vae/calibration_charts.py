"""Charts of whether the decoders of the σ-VAE study are as sure as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from kelbo.intervals import margin
from kelbo.reports.figure import Array, Theme, style, tick
from kelbo.reports.numbers import plain
from kelbo.reports.score_figures import SPAN
from kelbo.reports.sigma_vae.charts import DASHED, WIDTH
from kelbo.reports.sigma_vae.looks import MARKERS, colour, named

COLUMNS = 3
TALLEST = 3.0
"""densities of a histogram that are drawn: what is above is told in figures"""

FARTHEST = 0.32
"""of coverage from its level: what is farther off is seen beside it"""


class Calibrated(NamedTuple):
    """One decoder's calibration, means over its seeds.

    area    between coverage and level, in [0, ½]
    shares  of transforms in equal bins, (bins,)
    images  that they are of
    levels  of central intervals; inside: the share of pixels in them; errors: standard errors of it, NaN unknown; each (L,)
    """

    decoder: str
    area: float
    shares: Array
    images: int
    levels: Array
    inside: Array
    errors: Array


class Bins(NamedTuple):
    """Squared errors in bins of predicted variance, each (bins,): predicted, observed, standard errors of their ratio."""

    predicted: Array
    observed: Array
    errors: Array


def transforms(found: Sequence[Calibrated], *, theme: Theme) -> Figure:
    """A histogram of probability integral transforms for each decoder, in the order given, on one scale.

    The shade holds 95 % of what chance does to each bar of a perfect decoder at the worst, that all pixels of an image
    fall into one bin: ±1.96 standard errors of a share of so many images.
    """
    columns = min(COLUMNS, len(found))
    rows = -(-len(found) // columns)
    tallest = max(float(len(each.shares) * each.shares.max()) for each in found)
    most = max(1.5, 1.06 * tallest) if tallest < 1.15 * TALLEST else TALLEST
    with style(theme):
        size = (WIDTH * max(2, columns) / COLUMNS, 0.35 + 1.25 * rows)
        figure = Figure(figsize=size, layout="constrained")
        for place, each in enumerate(found):
            axes = figure.add_subplot(rows, columns, place + 1)
            _histogram(axes, each, most, theme)
            axes.tick_params(labelleft=place % columns == 0, labelbottom=place + columns >= len(found))
        figure.supxlabel("share of the distribution below the pixel", color=theme.faint, fontsize=8)
        figure.supylabel("density", color=theme.faint, fontsize=8)
    return figure


def coverages(found: Sequence[Calibrated], *, theme: Theme) -> Figure:
    """How many pixels central intervals hold against how many they should, and by how much that is off, a line a decoder.

    Lines are told by the histograms of transforms, whose middle bins are central intervals; points carry 95 % intervals.
    """
    with style(theme):
        figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color=theme.ink, linewidth=0.9, linestyle=DASHED)
        right.axhline(0, color=theme.ink, linewidth=0.9, linestyle=DASHED)
        for each in found:
            levels, inside = _whole(each)
            hue, margins = colour(each.decoder, theme), [margin(error, each.images) for error in each.errors]
            look = {"fmt": MARKERS.get(each.decoder, "o"), "markersize": 3, "color": hue, "elinewidth": 0.9}
            left.plot(levels, inside, color=hue, linewidth=1.4)
            right.plot(levels, inside - levels, color=hue, linewidth=1.4)
            left.errorbar(each.levels, each.inside, margins, **look)
            right.errorbar(each.levels, each.inside - each.levels, margins, **look)
        for axes, title in ((left, "Pixels inside, %"), (right, "Too many +, too few −")):
            axes.set_title(title)
            axes.set_xlabel("should be inside, %")
            axes.set_xlim(0, 1.01)
            axes.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
        left.set_ylim(0, 1.02)
        left.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
        right.set_title("points", loc="right", color=theme.faint, fontweight="normal", fontsize=8)
        right.margins(y=0.06)
        low, high = right.get_ylim()
        right.set_ylim(max(low, -FARTHEST), min(high, FARTHEST))
        right.yaxis.set_major_locator(MaxNLocator(7))
        right.yaxis.set_major_formatter(FuncFormatter(_points))
        handles = [_handle(each.decoder, theme) for each in found]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(3, len(handles)))
    return figure


def _handle(decoder: str, theme: Theme) -> Line2D:
    look = {"color": colour(decoder, theme), "marker": MARKERS.get(decoder, "o"), "markersize": 3.5}
    return Line2D([], [], label=named(decoder), **look)


def by_variance(axes: Axes, decoder: str, bins: Bins, shared: Bins | None, *, theme: Theme) -> None:
    """Observed squared error against the variance predicted, both above 0, with what a decoder of one σ predicts of all.

    The axes span at most five decades.
    """
    everything = np.concatenate([*bins[:2], *(shared[:2] if shared else ())])
    most = 1.8 * float(everything.max())
    least = max(float(everything.min()) / 1.8, most * SPAN)
    hue, margins = colour(decoder, theme), 1.96 * bins.errors * bins.predicted
    # an error bar that reaches to 0 has no end on a logarithmic axis
    bars = np.stack([np.minimum(margins, 0.999 * bins.observed), margins])
    axes.plot([least, most], [least, most], color=theme.ink, linewidth=0.9, linestyle=DASHED, label="as it should be")
    axes.errorbar(bins.predicted, bins.observed, bars, color=hue, marker="o", markersize=3.5, elinewidth=0.9)
    if shared:
        hue = colour("shared_gaussian", theme)
        axes.axvline(float(shared.predicted.mean()), color=hue, linewidth=1.1)
        axes.plot(shared.predicted, shared.observed, MARKERS["shared_gaussian"], color=hue, markersize=5)
    axes.set(xscale="log", yscale="log", xlim=(least, most), ylim=(least, most))
    axes.set(xlabel="predicted variance", ylabel="observed squared error")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if most < 30 * least else (1.0,), numticks=6))
        axis.set_major_formatter(FuncFormatter(tick))
        axis.set_minor_locator(NullLocator())


def central(shares: Array) -> tuple[Array, Array]:
    """Levels of the central intervals that a histogram of an even number of bins has, and the shares inside; with both ends."""
    half = len(shares) // 2
    inside = np.cumsum(shares[half:] + shares[:half][::-1])
    return np.arange(half + 1) / half, np.array([0.0, *inside])


def _whole(each: Calibrated) -> tuple[Array, Array]:
    """Coverage at the levels that the histogram has and at those that were measured, ascending, without 1: all are inside."""
    known, inside = central(each.shares)
    levels, where = np.unique(np.concatenate([each.levels, known[:-1]]).round(9), return_index=True)
    return levels, np.concatenate([each.inside, inside])[where]


def _histogram(axes: Axes, each: Calibrated, most: float, theme: Theme) -> None:
    bins = len(each.shares)
    density, band = bins * each.shares, 1.96 * np.sqrt((bins - 1) / each.images)
    axes.axhspan(max(0, 1 - band), 1 + band, color=theme.ink, alpha=0.10, linewidth=0, zorder=3)
    axes.bar((np.arange(bins) + 0.5) / bins, density, width=0.9 / bins, color=colour(each.decoder, theme))
    axes.axhline(1, color=theme.ink, linewidth=0.9, zorder=4)
    axes.set(xlim=(0, 1), ylim=(0, most))
    axes.set_title(named(each.decoder), pad=14, fontsize=8.5)
    told = f"miscalibration area {plain(each.area, 2)}"
    axes.annotate(told, (0, 1), (0, 3), "axes fraction", "offset points", color=theme.faint, fontsize=7.5)
    if density.max() > most:
        tall = f"up to {plain(float(density.max()), 2)}"
        ground = {"facecolor": theme.paper, "alpha": 0.75, "edgecolor": "none", "pad": 1}
        near = {"color": theme.faint, "fontsize": 7.5, "ha": "right", "bbox": ground, "zorder": 5}
        axes.annotate(tall, (1, 1), (-1, -8), "axes fraction", "offset points", **near)
    axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    for label, side in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(side)  # so that neighbours' ends stay apart
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))


def _points(value: float, _: int | None = None) -> str:
    return f"{100 * value:+.3g}".replace("-", "−") if value else "0"
