"""Charts of a study: curves over steps, bars, rate against distortion. Numbers in, a picture in both themes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from kelbo.reports.figure import Array, Theme, robust_limits, scaled_axis, style, tick
from kelbo.reports.page_pictures import Picture, of_figure
from kelbo.studies.arms import StudyModel
from kelbo.studies.figures import DASHED, WIDTH, Absent, Look, Looks, percent_axis, titled
from kelbo.studies.frame import Numbers


class Curve(NamedTuple):
    """One quantity of a model while training: steps (T,), every seed's values (S, T). dashed: a companion, and its name."""

    model: StudyModel
    steps: Array
    seeds: Array
    dashed: str = ""


class Bars(NamedTuple):
    """A group of bars: each model's seeds. level: a value that is marked, such as chance."""

    title: str
    values: Mapping[StudyModel, Sequence[float]]
    level: float | None = None


class Cloud(NamedTuple):
    """One panel of runs: model, (rate, half its interval), (distortion, half its interval), marker."""

    title: str
    runs: Sequence[tuple[StudyModel, tuple[float, float], tuple[float, float], str]]


def curve(n: Numbers, quantity: str, model: StudyModel, *, sign: float = 1.0, dashed: str = "") -> list[Curve]:
    """A model's course over steps, [] if it has none."""
    steps, seeds = n.course(quantity, model)
    return [Curve(model, steps, sign * seeds, dashed)] if len(steps) else []


# ── over steps ────────────────────────────────────────────────────────────────────────────────────────────────────────


def curves(name: str, panels: Sequence[tuple[str, str, Sequence[Curve]]], looks: Looks) -> Picture:
    """Panels above one another over steps, (title, unit, curves): means thick, each seed thin. Absent without any curve."""
    shown = [panel for panel in panels if panel[2]]
    if not shown:
        raise Absent("No run was finished with its curve.")
    ends = ", ".join(f"{one.model} {one.seeds[:, -1].mean():,.4g}" for one in shown[0][2])
    return of_figure(name, f"{shown[0][0]} while training, at the end {ends}", lambda t: _curves(shown, looks, t))


def _curves(panels: Sequence[tuple[str, str, Sequence[Curve]]], looks: Looks, theme: Theme) -> Figure:
    with style(theme):
        figure = Figure(figsize=(WIDTH, 0.75 + 2.0 * len(panels)), layout="constrained")
        every = list(figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0])
        outside = 0
        for axes, (title, unit, some) in zip(every, panels, strict=True):
            for one in some:
                _curve(axes, one, looks(one.model), theme)
            titled(axes, title, unit, theme)
            values = [value for one in some for value in one.seeds.ravel().tolist()]
            if not scaled_axis(axes.yaxis, values, fold=3):
                low, high = robust_limits(*(seed for one in some for seed in one.seeds))
                axes.set_ylim(low, high)
                outside += sum(not low <= value <= high for value in values)
        last = every[-1]
        last.set_xscale("log")
        last.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        last.xaxis.set_minor_locator(NullLocator())
        last.xaxis.set_major_formatter(EngFormatter(sep=""))
        last.set_xlabel("step" + (f" · {outside} off the scale" if outside else ""))
        known = {one.model: looks(one.model) for _, _, some in panels for one in some}
        handles = [
            Line2D([], [], color=look.colour(theme), linewidth=2, label=str(model)) for model, look in known.items()
        ]
        dashed = dict.fromkeys(one.dashed for _, _, some in panels for one in some if one.dashed)
        handles += [Line2D([], [], color=theme.faint, linestyle=DASHED, label=called) for called in dashed]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))
    return figure


def _curve(axes: Axes, one: Curve, look: Look, theme: Theme) -> None:
    drawn: dict[str, Any] = {
        "color": look.colour(theme),
        "linestyle": DASHED if one.dashed else "-",
        "marker": "o" if len(one.steps) == 1 else None,
        "markersize": 3,
    }
    for seed in one.seeds if len(one.seeds) > 1 and not one.dashed else ():
        axes.plot(one.steps, seed, linewidth=0.6, alpha=0.5, **drawn)
    axes.plot(one.steps, one.seeds.mean(0), linewidth=1.1 if one.dashed else 1.6, **drawn)


# ── bars, rate and distortion, pictures ───────────────────────────────────────────────────────────────────────────────


def bars(name: str, groups: Sequence[Bars], looks: Looks, label: str, *, level: str = "") -> Picture:
    """Medians of shares as bars, the seeds as dots over them; level: what the groups' levels are called. Absent if empty."""
    shown = [group for group in groups if any(len(values) for values in group.values.values())]
    if not shown:
        raise Absent("No run was finished and measured.")
    told = "; ".join(
        f"{group.title}: "
        + ", ".join(f"{model} {100 * np.median(v):.1f} %" for model, v in group.values.items() if len(v))
        for group in shown
    )
    return of_figure(name, f"Bars, {label}. {told}", lambda theme: _bars(shown, looks, label, level, theme))


def _bars(groups: Sequence[Bars], looks: Looks, label: str, level: str, theme: Theme) -> Figure:
    models = list(dict.fromkeys(model for group in groups for model, values in group.values.items() if len(values)))
    width = 0.84 / len(models)
    with style(theme):
        figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
        axes = figure.subplots()
        for place, group in enumerate(groups):
            for column, model in enumerate(models):
                seeds, x = group.values.get(model, ()), place + (column - (len(models) - 1) / 2) * width
                if len(seeds):
                    axes.bar(x, float(np.median(seeds)), width=0.88 * width, color=looks(model).colour(theme))
                    beside = x + 0.16 * width * (np.arange(len(seeds)) - (len(seeds) - 1) / 2)
                    dots = {"color": theme.paper, "edgecolors": theme.ink, "linewidths": 0.8, "zorder": 4}
                    axes.scatter(beside, seeds, s=9, clip_on=False, **dots)
            if group.level is not None:
                across = (group.level, place - 0.46, place + 0.46)
                axes.hlines(*across, colors=theme.paper, linewidth=2.4)  # so that it is seen on the darkest bars too
                axes.hlines(*across, colors=theme.ink, linestyles=DASHED, linewidth=1)
        axes.set_xticks(range(len(groups)), [group.title for group in groups])
        axes.tick_params(axis="x", labelcolor=theme.ink)
        axes.set(xlim=(-0.55, len(groups) - 0.45), ylim=(0, 1), ylabel=label)
        percent_axis(axes.yaxis)
        handles: list[Any] = [Patch(color=looks(model).colour(theme), label=str(model)) for model in models]
        dot = {"linestyle": "", "markersize": 3.2, "color": theme.paper, "markeredgecolor": theme.ink}
        handles.append(Line2D([], [], marker="o", label="one seed", **dot))
        if level:
            handles.append(Line2D([], [], color=theme.ink, linestyle=DASHED, linewidth=1, label=level))
        figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))
    return figure


def rate_distortion(
    name: str, clouds: Sequence[Cloud], looks: Looks, markers: Mapping[str, str] | None = None
) -> Picture:
    """Every run a point, a panel a cloud: colour is the model, bars are intervals over images. markers: their names."""
    shown = [cloud for cloud in clouds if cloud.runs]
    if not shown:
        raise Absent("No run was finished and measured.")
    told = "Rate against distortion of " + ", ".join(f"{len(cloud.runs)} runs on {cloud.title}" for cloud in shown)
    return of_figure(name, told, lambda theme: _rate_distortion(shown, looks, markers or {}, theme))


def _rate_distortion(clouds: Sequence[Cloud], looks: Looks, markers: Mapping[str, str], theme: Theme) -> Figure:
    columns = min(2, len(clouds))
    rows = -(-len(clouds) // columns)
    with style(theme):
        figure = Figure(figsize=(WIDTH if columns > 1 else 3.9, 0.5 + 2.25 * rows), layout="constrained")
        for place, cloud in enumerate(clouds):
            axes = figure.add_subplot(rows, columns, place + 1)
            for model, rate, distortion, marker in cloud.runs:
                dot = {"color": looks(model).colour(theme), "markersize": 5, "mec": theme.paper, "mew": 0.5}
                axes.errorbar(rate[0], distortion[0], distortion[1], rate[1], elinewidth=0.8, fmt=marker, **dot)
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
        models = dict.fromkeys(model for cloud in clouds for model, *_ in cloud.runs)
        handles: list[Any] = [Patch(color=looks(model).colour(theme), label=str(model)) for model in models]
        for marker, called in markers.items():
            handles.append(Line2D([], [], marker=marker, linestyle="", color=theme.faint, markersize=5, label=called))
        figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)))
    return figure
