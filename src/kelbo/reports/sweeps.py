"""Pictures of data whose factors are known: one factor at a time moved, what the model makes of it, and where its codes go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kelbo import evaluation
from kelbo.data.factors import FactorImages, Factors
from kelbo.data.images import SubsetImages
from kelbo.evaluation.encode import encode
from kelbo.experiments import Experiment
from kelbo.reports.figures import Array, Theme, style, tick
from kelbo.reports.gallery import Labelled
from kelbo.reports.page_pictures import Picture, of_figure, of_images, spread
from kelbo.reports.score_figures import readable
from kelbo.seeds import generator
from kelbo.units import intensities

VALUES = 11
"""images of a sweep that are shown, evenly spread over a factor's values"""

ENCODED, DRAWS = 64, 8
"""values of a factor that are encoded, and draws from the posterior of each"""


class Plane(NamedTuple):
    """Codes of sweeps on the two axes of their means' largest variance.

    means   of each sweep's posteriors, one array (values, 2) a factor
    draws   from them, (values · draws, 2) a factor; none of a code that is a point
    base    the code of the base image, (2,)
    shares  of the means' variance along each axis, (2,)
    """

    means: list[Array]
    draws: list[Array]
    base: Array
    shares: Array


def base(factors: Factors) -> torch.Tensor:
    """The middle value of every factor, int64 (F,)."""
    return torch.tensor(factors.sizes) // 2


def sweep(factors: Factors, column: int, most: int) -> torch.Tensor:
    """The base with one factor at up to `most` of its values, evenly spread with the ends, in order: int64 (values, F)."""
    values = spread(range(factors.sizes[column]), most)
    rows = base(factors).repeat(len(values), 1)
    rows[:, column] = torch.tensor(values)
    return rows


def factor_sweeps(experiment: Experiment, whole: FactorImages) -> Labelled:
    """The base image with one factor at a time moved, each row above what the model makes of it (the decoder's mean)."""
    factors, columns = whole.factors, min(VALUES, max(whole.factors.sizes))
    sweeps = [sweep(factors, column, columns) for column in range(len(factors.sizes))]
    levels = whole.take(torch.cat(sweeps)).to(experiment.device)
    x = intensities(levels, whole.images.levels)
    real, made = x.cpu().numpy(), evaluation.reconstruct(experiment.model, x)
    sheet = np.full((2 * len(sweeps), columns, *real.shape[1:]), np.nan, np.float32)
    first = 0
    for row, rows in enumerate(sweeps):
        part = slice(first, first := first + len(rows))
        sheet[2 * row, : len(rows)], sheet[2 * row + 1, : len(rows)] = real[part], made[part]
    labels: list[tuple[str, str]] = []
    for name, size in zip(factors.names, factors.sizes, strict=True):
        told = f"{size} {'value' if size == 1 else 'values'}"
        labels += [(readable(name), told), ("", "recon\u00adstructed")]
    picture = of_images(
        "factor-sweeps",
        f"One image with each of {len(sweeps)} factors moved through its values, above its reconstructions",
        sheet.reshape(-1, *real.shape[1:]),
        columns,
    )
    return Labelled(picture, labels)


def codes_of_sweeps(experiment: Experiment, whole: FactorImages) -> Picture:
    """Where the codes go as one factor at a time moves away from the base image."""
    plane = on_a_plane(experiment, whole)
    return of_figure(
        "factor-codes",
        f"Codes of sweeps of {len(plane.means)} factors on their first two principal components",
        lambda theme: paths(plane, whole.factors.names, theme=theme),
    )


def on_a_plane(experiment: Experiment, whole: FactorImages) -> Plane:
    """Codes of each factor's sweep through the base, up to 64 values, on the plane of the largest variance of all means.

    Posterior means span the plane and 8 draws from each posterior are put on it: draws of latents that the model does not
    use are the prior's noise, as wide as the prior whatever the image, and would span it instead.
    """
    factors, has_rate = whole.factors, experiment.model.has_rate
    sweeps = [sweep(factors, column, ENCODED) for column in range(len(factors.sizes))]
    index = factors.index(torch.cat([base(factors)[None], *sweeps])).to(whole.images.device)
    means, scales = (part.astype(np.float64) for part in encode(experiment.model, SubsetImages(whole.images, index)))
    noise = torch.randn(DRAWS, *means.shape, generator=generator(0, "pictures"), dtype=torch.float64).numpy()
    middle = means[1:].mean(0)
    _, widths, axes = np.linalg.svd(means[1:] - middle, full_matrices=False)
    axes = np.vstack([axes, np.zeros_like(axes)])[:2]  # a code of one latent has no second axis
    axes *= np.where(axes.sum(1, keepdims=True) < 0, -1, 1)  # of the two directions always the same
    total = np.square(widths).sum()
    shares = np.zeros(2)
    shares[: min(2, len(widths))] = np.square(widths[:2]) / total if total > 0 else 0
    ends = np.cumsum([len(rows) for rows in sweeps])[:-1]
    flat = (means - middle) @ axes.T
    drawn = (means + scales * noise - middle) @ axes.T
    return Plane(
        np.split(flat[1:], ends),
        [part.reshape(-1, 2) for part in np.split(drawn[:, 1:], ends, axis=1)] if has_rate else [],
        flat[0],
        shares,
    )


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
