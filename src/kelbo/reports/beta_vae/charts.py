"""Charts of the β-VAE study: numbers in, a Matplotlib Figure out. One palette for β in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator, NullLocator, PercentFormatter

from kelbo.reports.beta_vae.results import Kind, Line, named
from kelbo.reports.figure import DARK, Theme, robust_limits, style, tick

WIDTH = 5.4  # inches: 420 px of a telephone still show its letters
DASHED = (0, (2, 2))
NETWORKS = {"conv": ("o", "convolutional"), "mlp": ("s", "MLP")}


class Bars(NamedTuple):
    """One set's bars: the scores of each model's seeds, and what guessing would score."""

    title: str
    scores: dict[Kind, list[float]]
    chance: float


class Cloud(NamedTuple):
    """One set's runs: their β, network, and rate and distortion, each with its standard error, (N,) and (N, 2)."""

    title: str
    betas: list[float]
    networks: list[str]
    rates: np.ndarray
    distortions: np.ndarray


def palette(kinds: Sequence[Kind], theme: Theme) -> dict[Kind, str]:
    """A colour for each model: β in its order from dark to light, PCA and ICA grey.

    viridis grows evenly in lightness, so that the order is seen whatever colours the reader sees; its ends that the paper
    would swallow are left out.
    """
    betas = sorted(kind for kind in kinds if not isinstance(kind, str))
    low, high = (0.28, 1.0) if theme == DARK else (0.0, 0.86)
    places = np.linspace(low, high, len(betas)) if len(betas) > 1 else [low]
    colours: dict[Kind, str] = {b: to_hex(mpl.colormaps["viridis"](p)) for b, p in zip(betas, places, strict=True)}
    greys = {"PCA": theme.faint, "ICA": "#5c636d" if theme == DARK else "#b3b8c0"}
    return colours | {kind: greys[kind] for kind in kinds if isinstance(kind, str)}


def score_bars(groups: Sequence[Bars], kinds: Sequence[Kind], *, theme: Theme) -> Figure:
    """Median scores as bars, the seeds as dots over them, a dashed line where guessing would be."""
    colours = palette(kinds, theme)
    shown = [kind for kind in kinds if any(group.scores.get(kind) for group in groups)]
    width = 0.84 / len(shown)
    with style(theme):
        figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
        axes = figure.subplots()
        for place, group in enumerate(groups):
            for column, kind in enumerate(shown):
                x = place + (column - (len(shown) - 1) / 2) * width
                if seeds := group.scores.get(kind):
                    axes.bar(x, float(np.median(seeds)), width=0.88 * width, color=colours[kind])
                    dots = {"color": theme.paper, "edgecolors": theme.ink, "linewidths": 0.8, "zorder": 4}
                    beside = x + 0.16 * width * (np.arange(len(seeds)) - (len(seeds) - 1) / 2)
                    axes.scatter(beside, seeds, s=9, clip_on=False, **dots)
            across = (group.chance, place - 0.46, place + 0.46)
            axes.hlines(*across, colors=theme.paper, linewidth=2.4)  # so that it is seen on the darkest bars too
            axes.hlines(*across, colors=theme.ink, linestyles=DASHED, linewidth=1)
        axes.set_xticks(range(len(groups)), [group.title for group in groups])
        axes.tick_params(axis="x", labelcolor=theme.ink)
        axes.set(xlim=(-0.55, len(groups) - 0.45), ylim=(0, 1), ylabel="median accuracy of the classifier")
        percent(axes.yaxis)
        handles: list[Any] = [Patch(color=colours[kind], label=named(kind)) for kind in shown]
        handles += [
            Line2D([], [], marker="o", linestyle="", markersize=3.2, color=theme.paper, markeredgecolor=theme.ink),
            Line2D([], [], color=theme.ink, linestyle=DASHED, linewidth=1),
        ]
        labels = [*map(named, shown), "one seed", "chance, 1/F"]
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(handles)))
    return figure


def scores_over_pairs(
    panels: Sequence[tuple[str, float, Sequence[Line]]], kinds: Sequence[Kind], *, theme: Theme
) -> Figure:
    """Mean scores over L, a panel for each (title, chance, lines); whiskers reach from the lowest to the highest seed."""
    colours = palette(kinds, theme)
    shown = [kind for kind in kinds if any(line.kind == kind for _, _, lines in panels for line in lines)]
    with style(theme):
        figure = Figure(figsize=(WIDTH if len(panels) > 1 else 3.9, 3.1), layout="constrained")
        for axes, (title, chance, lines) in zip(_row(figure, len(panels), sharey=True), panels, strict=True):
            for line in lines:
                aside = 2 ** (0.09 * (shown.index(line.kind) - (len(shown) - 1) / 2))  # no whisker hides another
                whiskers = np.stack([line.mean - line.seeds.min(0), line.seeds.max(0) - line.mean])
                look = _look(line.kind)
                axes.errorbar(
                    aside * line.at,
                    line.mean,
                    whiskers,
                    color=colours[line.kind],
                    elinewidth=1,
                    label=named(line.kind),
                    **look,
                )
            axes.axhline(chance, color=theme.ink, linestyle=DASHED, linewidth=1)
            near = {"color": theme.ink, "va": "bottom", "fontsize": 7.5}
            axes.annotate(
                f"chance, 1/{round(1 / chance)}",
                (0, chance),
                (4, 2),
                ("axes fraction", "data"),
                "offset points",
                **near,
            )
            axes.set_xscale("log", base=2)
            known = sorted({at for line in lines for at in line.at.tolist()})
            axes.set_xticks(known, [f"{at:.0f}" for at in known])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_title(title)
            axes.set_xlabel("L, pairs in one training point")
            percent(axes.yaxis)
        figure.axes[0].set_ylabel("accuracy, mean and range of seeds")
        handles = [Line2D([], [], color=colours[kind], **_look(kind)) for kind in shown]
        figure.legend(handles, list(map(named, shown)), loc="outside lower center", ncols=min(6, len(shown)))
    return figure


def over_training(panels: Sequence[tuple[str, str, Sequence[Line]]], kinds: Sequence[Kind], *, theme: Theme) -> Figure:
    """Means over seeds while training, a panel for each (title, label of the y axis, lines); each seed as a thin line."""
    colours = palette(kinds, theme)
    shown = [kind for kind in kinds if any(line.kind == kind for _, _, lines in panels for line in lines)]
    with style(theme):
        figure = Figure(figsize=(WIDTH if len(panels) > 1 else 3.9, 2.9), layout="constrained")
        for axes, (title, label, lines) in zip(_row(figure, len(panels)), panels, strict=True):
            for line in lines:
                marker = "o" if len(line.at) == 1 else None
                for seed in line.seeds if len(line.seeds) > 1 else ():
                    axes.plot(
                        line.at, seed, color=colours[line.kind], linewidth=0.7, alpha=0.55, marker=marker, markersize=2
                    )
                axes.plot(
                    line.at, line.mean, color=colours[line.kind], linewidth=2, marker=marker, label=named(line.kind)
                )
            limits = robust_limits(*(seed for line in lines for seed in line.seeds))
            axes.set_ylim(limits)
            outside = sum(int(((seed < limits[0]) | (seed > limits[1])).sum()) for line in lines for seed in line.seeds)
            axes.set_xlabel("step" + (f" · {outside} off the scale" if outside else ""))
            axes.set_title(title)
            axes.set_ylabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.yaxis.set_major_locator(MaxNLocator(5))
            axes.yaxis.set_major_formatter(FuncFormatter(tick))
        handles = [Line2D([], [], color=colours[kind], linewidth=2) for kind in shown]
        figure.legend(handles, list(map(named, shown)), loc="outside lower center", ncols=min(4, len(shown)))
    return figure


def rate_against_distortion(clouds: Sequence[Cloud], kinds: Sequence[Kind], *, theme: Theme) -> Figure:
    """Every run a point, a panel a set: colour is β, shape the network, bars are ±1.96 standard errors over test images."""
    colours = palette(kinds, theme)
    columns = min(2, len(clouds))
    rows = -(-len(clouds) // columns)
    with style(theme):
        figure = Figure(figsize=(WIDTH if columns > 1 else 3.9, 0.5 + 2.25 * rows), layout="constrained")
        for place, cloud in enumerate(clouds):
            axes = figure.add_subplot(rows, columns, place + 1)
            for beta, network, rate, distortion in zip(*cloud[1:], strict=True):
                bars = {"xerr": 1.96 * rate[1], "yerr": 1.96 * distortion[1], "elinewidth": 0.8}
                dot = {"color": colours[beta], "markersize": 5, "mec": theme.paper, "mew": 0.5}
                axes.errorbar(rate[0], distortion[0], **bars, **dot, fmt=NETWORKS[network][0])
            axes.set_title(cloud.title)
            axes.margins(0.12)
            axes.grid(visible=True, axis="both")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(4))
                axis.set_major_formatter(FuncFormatter(tick))
            if place + columns >= len(clouds):
                axes.set_xlabel("rate, nats per image")
            if place % columns == 0:
                axes.set_ylabel("distortion, nats per image")
        present = {beta for cloud in clouds for beta in cloud.betas}
        shown = [kind for kind in kinds if kind in present]
        handles: list[Any] = [Patch(color=colours[kind], label=named(kind)) for kind in shown]
        used = [network for network in NETWORKS if any(network in cloud.networks for cloud in clouds)]
        for network in used:
            marker, name = NETWORKS[network]
            handles.append(Line2D([], [], marker=marker, linestyle="", color=theme.faint, markersize=5, label=name))
        figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)))
    return figure


def percent(axis: Axis) -> None:
    """Shares as percent."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def _row(figure: Figure, count: int, sharey: bool = False) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False, sharey=sharey)[0])


def _look(kind: Kind) -> dict[str, Any]:
    """Baselines are told from β by lines and markers too."""
    lines = {"PCA": ("--", "D"), "ICA": (":", "^")}
    line, marker = lines.get(kind, ("-", "o")) if isinstance(kind, str) else ("-", "o")
    return {"linestyle": line, "marker": marker, "markersize": 4}
