"""Charts that only the β-VAE study has: codes on planes of one scale, and its two forms of one objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator, NullLocator

from kelbo.experiments.plane import Plane
from kelbo.reports.figure import Array, Theme, style, tick
from kelbo.reports.sweeps import trace
from kelbo.studies.figures import DASHED, WIDTH


def planes(found: Mapping[str, Plane], names: Sequence[str], theme: Theme) -> Figure:
    """Planes by title side by side, on the same axes. names: of the factors."""
    everything = np.concatenate([part for plane in found.values() for part in [*plane.means, *plane.draws]])
    reach = 1.06 * float(np.abs(everything).max()) or 1.0
    with style(theme):
        figure = Figure(figsize=(5.6, 3.3), layout="constrained")
        for axes, (title, plane) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
            trace(axes, plane, names, theme=theme, size=2)
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), title=title)
            axes.set_aspect("equal", adjustable="box")
            for axis, which, share in zip((axes.xaxis, axes.yaxis), ("1st", "2nd"), plane.shares, strict=True):
                axis.set_label_text(f"{which} component, {100 * share:.0f} % of variance")
                axis.set_major_locator(MaxNLocator(5))
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def both_ways(found: Mapping[str, Any], theme: Theme) -> Figure:
    """How far the two forms' losses and gradients are apart by β, and how both train. found: see `identity.identity`."""
    with style(theme):
        figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
        gaps, course = figure.subplots(1, 2)
        _gaps(gaps, found, theme)
        drawn = {"beta": ("β-VAE", theme.first, "-", 3.4), "gaussian": ("VAE of σ² = β", theme.second, DASHED, 1.4)}
        for name, (label, hue, line, width) in drawn.items():
            points = np.array(found["curves"][name], np.float64)
            course.plot(points[:, 0], points[:, 1], color=hue, linestyle=line, linewidth=width, label=label)
        course.set(title=f"How both train, β = {found['pictured']:g}", xlabel="step", ylabel="loss, nats per image")
        course.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        course.xaxis.set_major_formatter(EngFormatter(sep=""))
        course.yaxis.set_major_locator(MaxNLocator(5))
        course.yaxis.set_major_formatter(FuncFormatter(tick))
        course.legend(loc="best")
        handles, labels = gaps.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, handlelength=0.8)
    return figure


def _gaps(axes: Axes, found: Mapping[str, Any], theme: Theme) -> None:
    """Relative gaps on a logarithmic axis, whose lowest tick stands for 0 if a gap is nothing at all."""
    series = {
        "loss_gap": "loss, at first",
        "gradient_gap": "gradient, at first",
        "trajectory_gap": "loss, while training",
    }
    values: Array = np.array([found[key] for key in series], np.float64)
    positive = values[values > 0]
    low, high = (np.log10(end) for end in (positive.min(), positive.max())) if len(positive) else (-8.0, -7.0)
    decades = 10.0 ** np.arange(np.floor(low) - 1, np.ceil(high) + 1)
    for gap, label, hue, marker in zip(values, series.values(), theme.hues, "oD^", strict=False):
        axes.plot(found["betas"], np.maximum(gap, decades[0]), marker, markersize=5, color=hue, label=label, zorder=3)
    axes.set(xscale="log", yscale="log", ylim=(decades[0] / 2.5, 1.6 * decades[-1]))
    ticks = decades[:: max(1, len(decades) // 6)]
    zero = (values == 0).any()
    axes.set_yticks(ticks, ["0" if zero and place == 0 else tick(value) for place, value in enumerate(ticks)])
    axes.set_xticks(found["betas"], [f"{b:g}" for b in found["betas"]])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set(title="How far apart they are", xlabel="β = σ²", ylabel="relative difference")
