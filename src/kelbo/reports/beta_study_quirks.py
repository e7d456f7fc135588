"""Figures of what the β-VAE study's code did unsaid, and of β seen as a variance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from kelbo.reports.beta_study_charts import percent
from kelbo.reports.beta_study_results import FACTORS, Entry
from kelbo.reports.figures import Array, Theme, style, tick
from kelbo.reports.numbers import fixed, plain
from kelbo.reports.pictures import Picture, of_figure
from kelbo.reports.score_figures import readable

ROW = 0.42  # inches


class Pair(NamedTuple):
    """One row of a quirk: (value, low, high) as published and corrected, None where it was not measured; NaN: no interval."""

    label: str
    published: tuple[float, float, float] | None
    corrected: tuple[float, float, float] | None


def quirk_picture(quirk: Entry) -> Picture | None:
    """A quirk's rows as dots, as published and corrected; None where nothing was measured."""
    units: dict[str, list[Pair]] = {}
    for row in quirk["rows"]:
        pair = Pair(row["label"], _measured(row["published"]), _measured(row["corrected"]))
        if pair.published or pair.corrected:
            units.setdefault(row["unit"], []).append(pair)
    if not units:
        return None
    chance = 1 / FACTORS[quirk["role"]] if quirk["role"] in ("3dshapes", "mpi3d") else None  # 2Dshapes has two
    told = "; ".join(_in_words(pair, unit) for unit, pairs in units.items() for pair in pairs)
    return of_figure(
        f"quirk-{quirk['name']}",
        f"{quirk['title']}, as published and corrected: {told}",
        lambda theme: paired(units, chance, theme=theme),
    )


def paired(units: dict[str, list[Pair]], chance: float | None, *, theme: Theme) -> Figure:
    """Rows of an open dot as published and a full one corrected, joined by a line; a panel a unit.

    chance: the accuracy of guessing, a dashed line in the panel of "accuracy", whose axis is 0 to 100 %.
    """
    rows = [len(pairs) for pairs in units.values()]
    with style(theme):
        figure = Figure(figsize=(4.9, 0.35 + sum(0.62 + ROW * count for count in rows)), layout="constrained")
        panels = figure.subplots(len(rows), squeeze=False, height_ratios=[0.6 + count for count in rows])[:, 0]
        for axes, (unit, pairs) in zip(panels, units.items(), strict=True):
            for place, pair in enumerate(pairs):
                _dots(axes, place, pair, theme)
            axes.set_yticks(range(len(pairs)), [readable(pair.label) for pair in pairs])
            axes.tick_params(axis="y", labelcolor=theme.ink)
            axes.set(ylim=(len(pairs) - 0.5, -0.5), xlabel=unit)
            axes.grid(visible=True, axis="x")
            axes.grid(visible=False, axis="y")
            _scaled(axes, unit, chance, theme)
        shapes: list[Any] = [
            Line2D(
                [],
                [],
                linestyle="",
                color=theme.second,
                marker="o",
                markerfacecolor="none",
                mew=1.5,
                label="as published",
            ),
            Line2D([], [], linestyle="", color=theme.first, marker="o", label="corrected"),
        ]
        figure.legend(handles=shapes, loc="outside lower center", ncols=2)
    return figure


def one_objective(identity: Entry, *, theme: Theme) -> Figure:
    """The β-VAE and the VAE of σ² = β: how far their losses and gradients are apart, and how both train."""
    curves = {name: np.array(points, np.float64) for name, points in identity["curves"].items() if len(points)}
    betas = np.array(identity["betas"], np.float64)
    with style(theme):
        figure = Figure(figsize=(5.4 if curves else 3.2, 2.9), layout="constrained")
        panels = figure.subplots(1, 2 if curves else 1, squeeze=False)[0]
        looks = (("loss", "loss_gap", theme.first, "o"), ("gradient", "gradient_gap", theme.second, "D"))
        for label, key, colour, marker in looks:
            _gaps(panels[0], betas, np.array(identity[key], np.float64), label, colour, marker)
        panels[0].set(title="How far apart they are", xlabel="β = σ²", ylabel="gap between the two")
        panels[0].set_xscale("log")
        panels[0].set_xticks(betas, [f"{beta:g}" for beta in betas])
        panels[0].xaxis.set_minor_locator(NullLocator())
        panels[0].legend(loc="best")
        if curves:
            _both(panels[1], curves, theme)
    return figure


def identity_picture(identity: Entry) -> Picture:
    """That figure in both themes."""
    worst = max(map(float, [*identity["loss_gap"], *identity["gradient_gap"]]))
    return of_figure(
        "identity",
        f"β-VAE and VAE of σ² = β at {len(identity['betas'])} values of β: losses and gradients differ by at most "
        f"{plain(worst, 2)}",
        lambda theme: one_objective(identity, theme=theme),
    )


def _gaps(axes: Axes, betas: Array, gaps: Array, label: str, colour: str, marker: str) -> None:
    """A gap of nothing at all has no place on a logarithmic axis: then the axis is linear."""
    axes.plot(betas, gaps, marker=marker, markersize=4.5, linestyle="", color=colour, label=label)
    values = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in axes.lines])
    if values.min() > 0:
        axes.set_yscale("log")
        axes.set_ylim(values.min() / 10, values.max() * 10)
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_yscale("linear")
        axes.autoscale(axis="y")
    axes.yaxis.set_major_formatter(FuncFormatter(tick))


def _both(axes: Axes, curves: Mapping[str, Array], theme: Theme) -> None:
    looks = {"beta": ("β-VAE", theme.first, "-", 3.2), "gaussian": ("σ² = β", theme.second, "--", 1.4)}
    for name, points in curves.items():
        label, colour, line, width = looks[name]
        axes.plot(points[:, 0], points[:, 1], line, color=colour, linewidth=width, label=label)
    axes.set(title="How both train", xlabel="step", ylabel="loss")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(tick))
    axes.legend(loc="best")


def _dots(axes: Axes, place: float, pair: Pair, theme: Theme) -> None:
    if pair.published and pair.corrected:
        ends = [pair.published[0], pair.corrected[0]]
        axes.plot(ends, [place, place], color=theme.faint, linewidth=1.2, zorder=1)
    for measured, colour, face, aside in (
        (pair.published, theme.second, theme.paper, -0.17),
        (pair.corrected, theme.first, theme.first, 0.17),
    ):
        if measured:
            value, low, high = measured
            axes.hlines(place + aside, low, high, color=colour, linewidth=1)
            axes.plot(
                [value], [place], "o", color=colour, markerfacecolor=face, markersize=6, markeredgewidth=1.5, zorder=2
            )


def _scaled(axes: Axes, unit: str, chance: float | None, theme: Theme) -> None:
    if unit == "accuracy":
        axes.set(xlim=(0, 1.02), xlabel="accuracy of the classifier")
        percent(axes.xaxis)
        if chance:
            axes.axvline(chance, color=theme.ink, linestyle=(0, (2, 2)), linewidth=1)
            axes.set_xlabel(f"accuracy of the classifier, chance 1/{round(1 / chance)}")
        return
    axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(tick))


def _measured(found: Entry | None) -> tuple[float, float, float] | None:
    if found is None or found.get("value") is None:
        return None
    value = float(found["value"])
    low, high = (np.nan if (end := found.get(key)) is None else float(end) for key in ("low", "high"))
    return value, low, high


def _in_words(pair: Pair, unit: str) -> str:
    def said(measured: tuple[float, float, float] | None) -> str:
        if measured is None:
            return "not measured"
        return f"{fixed(100 * measured[0], 1)} %" if unit == "accuracy" else plain(measured[0])

    return f"{readable(pair.label)} {said(pair.published)} → {said(pair.corrected)}"
