"""Pictures of data with factors: one factor at a time moved, its reconstructions, and how the codes move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kelbo.experiments.plane import Plane, of_arrays
from kelbo.reports.figure import Theme, style, tick
from kelbo.reports.gallery import Labelled
from kelbo.reports.page_pictures import Picture, intensities, of_figure, of_images
from kelbo.reports.score_figures import readable
from kelbo.runs import Measurement
from kelbo.units import counted


def factor_sweeps(measured: Measurement) -> Labelled:
    """The base image with one factor at a time moved, each row above what the model makes of it (the decoder's mean)."""
    names, sizes, shown = measured.settings["factors"], measured.settings["sizes"], measured.value["values"]
    real, made = (intensities(measured.arrays()[name]) for name in ("images", "made"))
    sheet = np.full((2 * len(shown), max(shown), *real.shape[1:]), np.nan, np.float32)
    first = 0
    for row, count in enumerate(shown):
        part = slice(first, first := first + count)
        sheet[2 * row, :count], sheet[2 * row + 1, :count] = real[part], made[part]
    labels: list[tuple[str, str]] = []
    for name, size in zip(names, sizes, strict=True):
        labels += [(readable(name), counted(size, "value")), ("", "recon\u00adstructed")]
    alt = f"One image with each of {len(shown)} factors moved through its values, above its reconstructions"
    return Labelled(of_images("factor-sweeps", alt, sheet.reshape(-1, *real.shape[1:]), max(shown)), labels)


def codes_of_sweeps(measured: Measurement) -> Picture:
    """How the codes move while one factor at a time moves away from the base image."""
    plane, names = of_arrays(measured.arrays(), measured.value["values"]), measured.settings["factors"]
    alt = f"Codes of sweeps of {len(names)} factors on their first two principal components"
    return of_figure("factor-codes", alt, lambda theme: paths(plane, names, theme=theme))


def paths(plane: Plane, names: Sequence[str], *, theme: Theme) -> Figure:
    """One coloured curve of posterior means a factor, its draws as faint points, the base image as a cross."""
    with style(theme):
        figure = Figure(figsize=(7.4, 4.6), layout="constrained")
        trace(figure.subplots(), plane, names, theme=theme)
        figure.legend(loc="outside right upper")
    return figure


def trace(axes: Axes, plane: Plane, names: Sequence[str], *, theme: Theme, size: float = 3.5) -> None:
    """Draw a plane's curves, draws and base image, labelled for a legend. size: of the means' dots, points."""
    for number, (name, curve) in enumerate(zip(names, plane.means, strict=True)):
        colour = theme.hues[number % len(theme.hues)]
        if plane.draws:
            axes.scatter(*plane.draws[number].T, s=4, color=colour, alpha=0.22, linewidths=0)
        line = "-" if number < len(theme.hues) else "--"
        axes.plot(*curve.T, line, color=colour, marker="o", markersize=size, linewidth=1.2, label=readable(name))
    axes.plot(*plane.base, "+", color=theme.ink, markersize=11, markeredgewidth=1.8, linestyle="", label="base image")
    axes.set_aspect("equal", adjustable="datalim")
    for axis, which, share in zip((axes.xaxis, axes.yaxis), ("First", "Second"), plane.shares, strict=True):
        axis.set_label_text(f"{which} principal component, {100 * share:.0f} % of the variance")
        axis.set_major_locator(MaxNLocator(6))
        axis.set_major_formatter(FuncFormatter(tick))
    axes.grid(visible=True, axis="both")
