"""Figures of scores: which latent tells which factor, and whether a decoder is calibrated."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from kelbo.reports.figure import STYLE, Array, Theme, style, tick

CELL, WIDTH = 0.27, 4.9  # inches
SPAN = 1e-5  # of the largest squared error: half a grey level of 256, if the largest error is 1
DARKEST = 0.55  # of the colour map: beyond it a number is drawn in the colour of the paper


def heat_map(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    under: Sequence[str],
    title: str,
    unit: str,
    theme: Theme,
) -> Figure:
    """A table of numbers that are not negative, each in its cell and the cell shaded by it.

    values: (len(rows), len(columns)); the shade runs from 0 to the largest. Long names of columns are broken into lines,
    and each has a word `under` it.
    """
    names = [f"{broken(name)}\n{word}" for name, word in zip(columns, under, strict=True)]
    margin = 0.55 + 0.14 * max(name.count("\n") + 1 for name in names)
    most = float(values.max()) or 1.0
    with style(theme):
        figure = Figure(
            figsize=(max(WIDTH, 0.6 + 0.62 * len(columns)), margin + CELL * len(rows)), layout="constrained"
        )
        axes = figure.subplots()
        shades = LinearSegmentedColormap.from_list("shades", [theme.paper, theme.first])
        axes.pcolormesh(values, cmap=shades, vmin=0, vmax=most, edgecolors=theme.paper, linewidth=1.5)
        for (row, column), value in np.ndenumerate(values):
            colour = theme.paper if value > DARKEST * most else theme.ink if value > 0.05 * most else theme.faint
            axes.text(column + 0.5, row + 0.5, f"{value:.2f}", color=colour, ha="center", va="center")
        axes.set_xticks(np.arange(len(columns)) + 0.5, names)
        axes.set_yticks(np.arange(len(rows)) + 0.5, [readable(name) for name in rows])
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        _titled(axes, title, unit, theme)
    return figure


def pit_histogram(shares: Array, images: int, *, theme: Theme) -> Figure:
    """Probability integral transforms beside the uniform line. shares: of equal bins over [0, 1], (bins,).

    The dashed lines are ±1.96 standard errors of a share of so many `images`: 95 % of a perfect decoder's bars are between
    them even in the worst case, that all pixels of an image fall into one bin.
    """
    bins = len(shares)
    band = 1.96 * np.sqrt((bins - 1) / images)
    with style(theme):
        figure, axes = _small("PIT histogram", "density", theme)
        axes.bar((np.arange(bins) + 0.5) / bins, bins * shares, width=0.86 / bins, color=theme.first)
        axes.axhline(1, color=theme.second, linewidth=1.2)
        axes.hlines([max(0, 1 - band), 1 + band], 0, 1, color=theme.second, linestyles="dashed", linewidth=0.9)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of the distribution below the value")
        axes.yaxis.set_major_locator(MaxNLocator(5))
    return figure


def coverage(levels: Array, shares: Array, margins: Array, histogram: Array, *, theme: Theme) -> Figure:
    """How many pixels central intervals hold against how many they should. levels, shares, margins: (L,).

    The line follows from the histogram of transforms, whose middle bins are central intervals; points have error bars of
    ± their margin, half a 95 % interval.
    """
    half = len(histogram) // 2
    inside = np.cumsum((histogram[half:] + histogram[:half][::-1]) if len(histogram) == 2 * half else np.zeros(0))
    with style(theme):
        figure, axes = _small("Central intervals", "values inside", theme)
        axes.plot([0, 1], [0, 1], color=theme.second, linewidth=1.2)
        axes.plot(np.arange(len(inside) + 1) / max(half, 1), [0, *inside], color=theme.first)
        axes.errorbar(levels, shares, margins, fmt="o", markersize=4, color=theme.first, capsize=2, elinewidth=1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))
            axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="should be inside")
    return figure


def errors_by_variance(predicted: Array, observed: Array, margins: Array, *, theme: Theme) -> Figure:
    """Mean squared error as it is against the variance predicted, both above 0, in bins.

    margins: half the 95 % interval of their ratio, (bins,).
    The axes span at most five decades: bins below are off the scale, and counted.
    """
    margins = margins * predicted
    # an error bar that reaches to 0 has no end on a logarithmic axis
    margins = np.stack([np.minimum(margins, 0.999 * observed), margins])
    most = 1.6 * max(predicted.max(), observed.max())
    least = max(min(predicted.min(), observed.min()) / 1.6, most * SPAN)
    outside = int((np.minimum(predicted, observed) < least).sum())
    note = f" · {outside} {'bin' if outside == 1 else 'bins'} off the scale" if outside else ""
    with style(theme):
        figure, axes = _small("Squared error", "observed", theme)
        axes.plot([least, most], [least, most], color=theme.second, linewidth=1.2)
        axes.errorbar(predicted, observed, margins, fmt="o", markersize=4, color=theme.first, capsize=2, elinewidth=1)
        axes.set(xscale="log", yscale="log", xlim=(least, most), ylim=(least, most), xlabel=f"predicted{note}")
        fine = most / least < 100
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if fine else (1.0,), numticks=6))
            axis.set_major_formatter(FuncFormatter(tick))
            axis.set_minor_locator(NullLocator())
    return figure


def readable(name: str, longest: int = 24) -> str:
    """A user's name as a label: words on one line, printable, and at most `longest` letters."""
    name = " ".join("".join(letter if letter.isprintable() and letter != "_" else " " for letter in name).split())
    return name if len(name) <= longest else name[: longest - 1] + "…"


def broken(name: str, width: int = 11, lines: int = 3) -> str:
    """A readable name as short lines, broken between its words."""
    return "\n".join(textwrap.wrap(readable(name, width * lines), width, max_lines=lines, placeholder="…"))


def _small(title: str, unit: str, theme: Theme) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(3.4, 2.5))
    axes = figure.add_axes((0.15, 0.17, 0.79, 0.70))  # the same in every figure, so that a grid of them lines up
    _titled(axes, title, unit, theme)
    return figure, axes


def _titled(axes: Axes, title: str, unit: str, theme: Theme) -> None:
    axes.set_title(title)
    axes.set_title(unit, loc="right", color=theme.faint, fontweight="normal", fontsize=STYLE["font.size"])
