"""Figures of what the β-VAE study's code did unsaid, and of β seen as a variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator, NullLocator

from kelbo.reports.beta_vae.charts import DASHED, percent
from kelbo.reports.beta_vae.results import FACTORS, Entry
from kelbo.reports.figure import Array, Theme, style, tick
from kelbo.reports.numbers import decimals_of, fixed, plain
from kelbo.reports.page_pictures import Picture, of_figure
from kelbo.reports.score_figures import broken, readable

ROW = 0.48  # inches


class Pair(NamedTuple):
    """One row of a quirk: (value, low, high) as published and corrected, None where it was not measured; NaN: no interval."""

    label: str
    published: tuple[float, float, float] | None
    corrected: tuple[float, float, float] | None


def quirk_key(quirk: Entry) -> str:
    """The key of its figure: one quirk is measured on several sets. That of its images, where it has any, ends in "-seen"."""
    return "-".join(filter(None, ("quirk", quirk["name"], quirk["role"])))


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
        quirk_key(quirk),
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
                _dots(axes, place, pair, unit, theme)
            axes.set_yticks(range(len(pairs)), [broken(pair.label, 22, 2) for pair in pairs])
            axes.tick_params(axis="y", labelcolor=theme.ink)
            axes.set(ylim=(len(pairs) - 0.55, -0.75), xlabel=unit)
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
    series = [
        (label, np.array(identity[key], np.float64), colour, marker)
        for label, key, colour, marker in (
            ("loss, at first", "loss_gap", theme.hues[0], "o"),
            ("gradient, at first", "gradient_gap", theme.hues[1], "D"),
            ("loss, while training", "trajectory_gap", theme.hues[2], "^"),
        )
        if key in identity
    ]
    with style(theme):
        figure = Figure(figsize=(5.4 if curves else 3.2, 3.0), layout="constrained")
        panels = figure.subplots(1, 2 if curves else 1, squeeze=False)[0]
        _gaps(panels[0], betas, series)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3 if curves else 1, handlelength=0.8)
        if curves:
            pictured = identity.get("pictured")
            _both(panels[1], curves, "" if pictured is None else f", β = {pictured:g}", theme)
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


def _gaps(axes: Axes, betas: Array, series: Sequence[tuple[str, Array, str, str]]) -> None:
    """Relative gaps on a logarithmic axis, whose lowest tick stands for 0 where a gap is nothing at all."""
    values = np.concatenate([gaps for _, gaps, _, _ in series])
    positive = values[values > 0]
    low, high = (np.log10(end) for end in (positive.min(), positive.max())) if len(positive) else (-8.0, -7.0)
    decades = 10.0 ** np.arange(np.floor(low) - 1, np.ceil(high) + 1)
    for label, gaps, colour, marker in series:
        shown = np.maximum(gaps, decades[0])
        axes.plot(betas, shown, marker, markersize=5, color=colour, label=label, zorder=3)
    axes.set(xscale="log", yscale="log", ylim=(decades[0] / 2.5, 1.6 * decades[-1]))
    zero = (values == 0).any()
    ticks = decades[:: max(1, len(decades) // 6)]
    axes.set_yticks(ticks, ["0" if zero and place == 0 else tick(value) for place, value in enumerate(ticks)])
    axes.set_xticks(betas, [f"{beta:g}" for beta in betas])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set(title="How far apart they are", xlabel="β = σ²", ylabel="relative difference")


def _both(axes: Axes, curves: Mapping[str, Array], which: str, theme: Theme) -> None:
    looks = {"beta": ("β-VAE", theme.first, "-", 3.4), "gaussian": ("VAE of σ² = β", theme.second, "--", 1.4)}
    for name, points in curves.items():
        label, colour, line, width = looks[name]
        axes.plot(points[:, 0], points[:, 1], line, color=colour, linewidth=width, label=label)
    axes.set(title=f"How both train{which}", xlabel="step", ylabel="loss, nats per image")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(tick))
    axes.legend(loc="best")


def _dots(axes: Axes, place: float, pair: Pair, unit: str, theme: Theme) -> None:
    """Each dot over its interval, the published one's a little above; its number above it, away from the other's."""
    if pair.published and pair.corrected:
        ends = [pair.published[0], pair.corrected[0]]
        axes.plot(ends, [place, place], color=theme.faint, linewidth=1, zorder=1)
    for measured, other, colour, face, aside in (
        (pair.published, pair.corrected, theme.second, theme.paper, -0.07),
        (pair.corrected, pair.published, theme.first, theme.first, 0.07),
    ):
        if measured is None:
            continue
        value, low, high = measured
        axes.hlines(place + aside, low, high, color=colour, linewidth=1.6)
        dot = {"color": colour, "markerfacecolor": face, "markersize": 6, "markeredgewidth": 1.5, "clip_on": False}
        axes.plot([value], [place], "o", **dot, zorder=3)
        first = other is not None and (value < other[0] or (value == other[0] and measured is pair.published))
        at_the_edge = unit == "accuracy" and value < 0.1
        where: dict[str, Any] = {
            "ha": "right" if first and not at_the_edge else "left",
            "va": "bottom",
            "color": theme.ink,
        }
        where["bbox"] = {"facecolor": theme.paper, "edgecolor": "none", "pad": 0.6}  # above the line of chance
        axes.annotate(
            _said(measured, unit), (value, place), (-2 if first else 2, 6), textcoords="offset points", **where
        )


def _scaled(axes: Axes, unit: str, chance: float | None, theme: Theme) -> None:
    if unit == "accuracy":
        axes.set(xlim=(0, 1), xlabel="accuracy of the classifier")
        percent(axes.xaxis)
        if chance:
            axes.axvline(chance, color=theme.ink, linestyle=DASHED, linewidth=1, zorder=1)
            axes.set_xlabel(f"accuracy of the classifier, chance 1/{round(1 / chance)}")
        return
    axes.margins(x=0.25)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(tick))


def _measured(found: Entry | None) -> tuple[float, float, float] | None:
    if found is None or found.get("value") is None:
        return None
    value = float(found["value"])
    low, high = (np.nan if (end := found.get(key)) is None else float(end) for key in ("low", "high"))
    return value, low, high


def _in_words(pair: Pair, unit: str) -> str:
    published, corrected = (
        "not measured" if measured is None else _said(measured, unit) for measured in (pair.published, pair.corrected)
    )
    return f"{readable(pair.label, 80)} {published} → {corrected}"


def _said(measured: tuple[float, float, float], unit: str) -> str:
    """Its value to as many digits as its interval lets it have."""
    value, low, high = measured
    if unit == "accuracy":
        return f"{fixed(100 * value, 1)} %"
    return fixed(value, decimals_of((high - low) / 3.92)) if high > low else plain(value, 4)
