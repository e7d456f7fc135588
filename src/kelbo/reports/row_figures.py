"""Figures of a table's rows: the data beside what a model makes, column by column and in pairs of columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kelbo.reports.figure import Array, Theme, style, tick

ACROSS = 4
"""small figures in a row"""
BINS, FEW = 24, 10
"""bars of a histogram; values of a column of which so few are different are drawn apart"""


def reconstructed_columns(
    rows: Array, made: Array, names: Sequence[str], notes: Sequence[str], *, theme: Theme
) -> Figure:
    """Each column's reconstruction over its original. rows, made: (N, D); notes: what is said beside each name."""
    with style(theme):
        figure, panels = _panels(len(names), 2.35)
        for axes, x, y, name, note in zip(panels, rows.T, made.T, names, notes, strict=True):
            low, high = _limits(x, y)
            axes.plot([low, high], [low, high], color=theme.faint, linewidth=0.8)
            axes.scatter(_apart(x), y, s=9, color=theme.first, alpha=0.55, linewidths=0)
            axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
            _name(axes, name, note, theme)
    return figure


def marginals(
    rows: Array, made: Array, names: Sequence[str], binary: Sequence[bool], labels: tuple[str, str], *, theme: Theme
) -> Figure:
    """Histograms of each column: of the data, filled, and of the model's draws, as a line. rows: (N, D); made: (M, D)."""
    with style(theme):
        figure, panels = _panels(len(names), 1.75)
        for axes, x, y, name, two in zip(panels, rows.T, made.T, names, binary, strict=True):
            _histograms(axes, x, y, two, labels, theme)
            _name(axes, name, "", theme)
            axes.set_yticks([])
            axes.grid(visible=False)
        _legend(figure, panels[0])
    return figure


def _histograms(axes: Axes, x: Array, y: Array, binary: bool, labels: tuple[str, str], theme: Theme) -> None:
    if binary:
        shares = [[1 - values.mean(), values.mean()] for values in (x, y)]
        axes.bar([-0.18, 0.82], shares[0], width=0.34, color=theme.faint, alpha=0.55, label=labels[0])
        axes.bar([0.18, 1.18], shares[1], width=0.34, color=theme.first, label=labels[1])
        return
    both = np.concatenate([x, y])
    low, high = np.quantile(both, [0.002, 0.998])  # a heavy tail would flatten all else
    edges = np.linspace(low, high, BINS + 1)
    axes.hist(x, edges, density=True, color=theme.faint, alpha=0.45, label=labels[0])
    axes.hist(y, edges, density=True, histtype="step", color=theme.first, linewidth=1.6, label=labels[1])


def pairs(rows: Array, made: Array, names: Sequence[str], labels: tuple[str, str], *, theme: Theme) -> Figure:
    """Every pair of columns as points: of the data and of the model's draws, each in a half of the square."""
    count = len(names)
    with style(theme):
        figure = Figure(figsize=(9.6, 9.6), layout="constrained")
        grid = figure.subplots(count, count, sharex="col", squeeze=False)
        spans = [_limits(x, y) for x, y in zip(rows.T, made.T, strict=True)]
        for down in range(count):
            for across in range(count):
                axes: Axes = grid[down, across]
                axes.grid(visible=False)
                axes.set_xlim(*spans[across])
                if down == across:
                    axes.set_yticks([])
                    axes.text(0.5, 0.5, _short(names[down], 22), transform=axes.transAxes, ha="center", va="center")
                    continue
                values, colour = (rows, theme.faint) if down > across else (made, theme.first)
                axes.scatter(
                    _apart(values[:, across]), _apart(values[:, down]), s=5, color=colour, alpha=0.5, linewidths=0
                )
                axes.set_ylim(*spans[down])
                _ticks(axes)
                if across:
                    axes.set_yticklabels([])
        for colour, label in ((theme.faint, labels[0]), (theme.first, labels[1])):
            grid[0, 0].scatter([], [], s=20, color=colour, label=label)
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def column_traversals(
    values: Array, made: Array, names: Sequence[str], titles: Sequence[str], *, theme: Theme, most: int = 4
) -> Figure:
    """What moves with each latent: standardised columns over the latent's value, those that move most drawn and named.

    values: (V,), prior standard deviations; made: (latents, V, D), standard deviations of the columns. titles: of the latents.
    """
    with style(theme):
        figure, panels = _panels(len(titles), 2.6, across=3)
        for axes, lines, title in zip(panels, made, titles, strict=True):
            moved = lines.max(0) - lines.min(0)
            chosen = np.argsort(-moved, kind="stable")[:most]
            for column, colour in zip(chosen, theme.hues, strict=False):
                axes.plot(values, lines[:, column], color=colour, label=_short(names[int(column)], 20))
            axes.plot(values, np.delete(lines, chosen, 1), color=theme.faint, linewidth=0.6, alpha=0.5, zorder=0)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=7)
            _name(axes, title, "", theme)
    return figure


def _panels(count: int, height: float, across: int = ACROSS) -> tuple[Figure, list[Axes]]:
    across = min(across, count) if count > 2 else across
    down = -(-count // across)
    figure = Figure(figsize=(9.6, height * down), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel().tolist()
    for axes in grid[count:]:
        axes.remove()
    return figure, grid[:count]


def _name(axes: Axes, name: str, note: str, theme: Theme) -> None:
    axes.set_title(_short(name, 28 - 2 * len(note)))
    if note:
        axes.set_title(note, loc="right", color=theme.faint, fontweight="normal", fontsize=8)
    _ticks(axes)


def _ticks(axes: Axes) -> None:
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        axis.set_major_locator(MaxNLocator(3, integer=-1 < low < high < 2 and high - low > 1))
        axis.set_major_formatter(FuncFormatter(tick))


def _legend(figure: Figure, axes: Axes) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)


def _limits(x: Array, y: Array) -> tuple[float, float]:
    """Of an axis that both are on; a draw far outside the data does not flatten them."""
    span = x.max() - x.min()
    low, high = max(y.min(), x.min() - 0.25 * span), min(y.max(), x.max() + 0.25 * span)
    low, high = min(low, x.min()), max(high, x.max())
    margin = (0.2 if len(np.unique(x)) <= FEW else 0.05) * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def _apart(values: Array) -> Array:
    """Values of which most repeat, moved apart by fixed noise, so that points do not hide one another."""
    different = np.unique(values)
    if not 2 <= len(different) <= FEW:
        return values
    return values + np.random.default_rng(0).uniform(-0.12, 0.12, len(values)) * np.diff(different).min()


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
