"""Figures: arrays in, a Matplotlib Figure out. Two themes, one style, nothing global and no pyplot."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from kelbo.units import nats_of

Array = NDArray[np.floating]

LABELLED_BARS = 32
"""With more latents than these, bars carry no index."""

PARTS = 500
"""into which a long curve is cut, a few pixels each; of each part its least and its largest value are drawn"""

SYSTEM_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with Matplotlib: texts are as wide on every machine
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.borderpad": 0,
    "legend.handlelength": 1.4,
    "text.parse_math": False,  # a user's name may contain dollar signs
    "svg.fonttype": "none",  # text stays text, in the reader's own font
    "svg.hashsalt": "kelbo",  # the same figure is the same file
}


@dataclass(frozen=True)
class Theme:
    """Colours of one figure, distinct for colour-blind readers too (Okabe & Ito, 2008). hues: for more than two lines."""

    ink: str
    faint: str
    grid: str
    paper: str
    first: str
    second: str
    hues: tuple[str, ...]


LIGHT = Theme(
    ink="#1f2328",
    faint="#6b7280",
    grid="#e5e7eb",
    paper="#ffffff",
    first="#0072b2",
    second="#d55e00",
    hues=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b7280"),
)
DARK = Theme(
    ink="#e6e8eb",
    faint="#9aa1ab",
    grid="#30353c",
    paper="#15181c",
    first="#56b4e9",
    second="#e69f00",
    hues=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#9aa1ab"),
)


@contextmanager
def style(theme: Theme) -> Iterator[None]:
    """Inside the block Matplotlib draws in the project's style; outside it is as it was."""
    colours: dict[Any, Any] = {
        "text.color": theme.ink,
        "axes.titlecolor": theme.ink,
        "axes.edgecolor": theme.grid,
        "axes.labelcolor": theme.faint,
        "axes.facecolor": "none",
        "xtick.labelcolor": theme.faint,
        "ytick.labelcolor": theme.faint,
        "grid.color": theme.grid,
        "figure.facecolor": "none",
    }
    with mpl.rc_context({**STYLE, **colours}):
        yield


def curves(
    steps: Array, lines: Mapping[str, Array], *, title: str, unit: str, theme: Theme, floor: float | None = None
) -> Figure:
    """A few quantities over training steps, no more than a theme has hues.

    steps: (T,); lines: by label, each (T,), NaN if a row has no value. unit: of the y axis. floor: where the axis
    begins; by default with the values, the first steps' transient left out (`robust_limits`), and the figure says how
    many values lie outside.
    """
    with style(theme):
        figure = Figure(figsize=(3.4, 2.2))
        axes = figure.add_axes((0.14, 0.18, 0.83, 0.66))  # the same in every figure, so that a grid of them lines up
        colours = (theme.first, theme.second) if len(lines) <= 2 else theme.hues
        for (label, values), colour in zip(lines.items(), colours, strict=False):
            there = np.isfinite(values)  # one quantity may be read less often than the other
            marker = "o" if there.sum() == 1 else None
            drawn = np.flatnonzero(there)[thinned(values[there])]
            axes.plot(steps[drawn], values[drawn], label=label, color=colour, marker=marker)
        low, high = robust_limits(*lines.values())
        axes.set_ylim(low if floor is None else floor, high)
        axes.set_title(title)
        axes.set_title(unit, loc="right", color=theme.faint, fontweight="normal", fontsize=STYLE["font.size"])
        axes.set_xlabel("step" + _outside(axes, lines))
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(tick))
        if len(lines) > 1:
            axes.legend(loc="best")
    return figure


def thinned(values: Array) -> NDArray[np.intp]:
    """Places, rising, of the values (T,) that a curve of them needs: of many neighbours the least and the largest."""
    if len(values) <= 4 * PARTS:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), PARTS + 1).astype(int)
    parts = [(begin, values[begin:end]) for begin, end in itertools.pairwise(edges)]
    ends = {0, len(values) - 1, *(begin + k for begin, part in parts for k in (part.argmin(), part.argmax()))}
    return np.array(sorted(ends), np.intp)


def rate_bars(rates: Array, active: NDArray[np.bool_] | None, *, theme: Theme) -> Figure:
    """Mean KL of each latent, the largest first, active ones coloured; all alike if it is not known which are active.

    rates: nats, (K,); active: (K,).
    """
    order = np.argsort(-rates, kind="stable")
    colours = [theme.first if active is None or active[k] else theme.faint for k in order]
    with style(theme):
        figure, axes = _bars(0, rates[order], colours, "KL, nats")
        axes.set_xlim(-0.7, len(order) - 0.3)
        if len(order) <= LABELLED_BARS:
            axes.set_xticks(range(len(order)), [str(k) for k in order])
            axes.set_xlabel("latent")
        else:
            axes.set_xticks([])
            axes.set_xlabel(f"{len(order)} latents, the most used first")
        if active is None:
            return figure
        counts = {"active": (theme.first, int(active.sum())), "inactive": (theme.faint, int((~active).sum()))}
        axes.legend(
            handles=[Patch(color=colour, label=f"{name} ({n})") for name, (colour, n) in counts.items() if n],
            loc="upper right",
        )
    return figure


def group_bars(rates: Array, sides: Sequence[int] = (), *, theme: Theme) -> Figure:
    """Mean rate of each group of latents, nats, (G,), in the order of the groups.

    sides: of each group, in pixels: groups of one resolution have one of two colours in turn, and their resolution above.
    """
    blocks = [
        [group for group, _ in block] for _, block in itertools.groupby(enumerate(sides, 1), key=lambda pair: pair[1])
    ]
    turns = [theme.hues[turn % 2] for turn, block in enumerate(blocks) for _ in block]
    with style(theme):
        figure, axes = _bars(1, rates, turns or theme.first, "rate, nats")
        bit = nats_of(1.0, 1)
        bits = axes.secondary_yaxis(
            "right", functions=(lambda nats: np.divide(nats, bit), lambda x: np.multiply(x, bit))
        )
        bits.set_ylabel("bits")
        bits.yaxis.set_major_locator(MaxNLocator(5))
        for turn, block in enumerate(blocks):
            side, middle = sides[block[0] - 1], (block[0] + block[-1]) / 2
            at, colour = axes.get_xaxis_transform(), theme.hues[turn % 2]
            axes.text(
                middle, 1.02, f"{side}×{side}", transform=at, color=colour, ha="center", va="bottom", size="small"
            )
        axes.set_xlabel("group")
        axes.set_xlim(0.4, len(rates) + 0.6)
        axes.xaxis.set_major_locator(MaxNLocator(min(LABELLED_BARS, len(rates)), integer=True))
    return figure


def _bars(first: int, heights: Array, colours: str | list[str], label: str) -> tuple[Figure, Axes]:
    """Bars at first, first + 1, … of a figure as wide as they need."""
    figure = Figure(figsize=(min(9.9, max(3.4, 0.8 + 0.42 * len(heights))), 2.6), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(first, first + len(heights)), heights, width=0.72, color=colours)
    axes.set_ylabel(label)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    return figure, axes


def robust_limits(*lines: Array) -> tuple[float, float]:
    """Limits of an axis that the first steps of training do not flatten.

    Each line is (T,), its NaNs left out. The settled range is that of every line's second half but for 5 % at either end.
    If it is an eighth of all values' range or more, all are inside; else it is widened by three times itself on the
    sides that have values there.
    """
    known = [line[np.isfinite(line)] for line in lines]
    known = [line for line in known if len(line)]
    if not known:
        return 0.0, 1.0
    everything = np.concatenate(known)
    low, high = everything.min(), everything.max()
    late = np.concatenate([line[len(line) // 2 :] for line in known])
    least, most = np.quantile(late, [0.05, 0.95], method="nearest")  # a value, so that no outlier pulls it
    span = most - least
    if 0 < span < (high - low) / 8:
        low, high = max(low, least - 3 * span), min(high, most + 3 * span)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return float(low - margin), float(high + margin)


def scaled_axis(axis: Axis, values: Sequence[float], fold: float) -> bool:
    """Ticks as the project writes them; a logarithmic axis if the values span so many times the least, and whether."""
    known = [value for value in values if np.isfinite(value)]
    logarithmic = bool(known) and min(known) > 0 and max(known) > fold * min(known)
    if logarithmic:
        axis.axes.set_yscale("log")
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(tick))
    return logarithmic


def as_svg(figure: Figure, theme: Theme) -> bytes:
    """The figure on a transparent ground, its text in the reader's system font."""
    buffer = io.BytesIO()
    with style(theme):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue().replace(b"'DejaVu Sans'", SYSTEM_FONTS.encode())


def as_png(figure: Figure, theme: Theme) -> bytes:
    """The figure at twice a screen's resolution on the theme's paper, for slides."""
    buffer = io.BytesIO()
    with style(theme):
        figure.savefig(buffer, format="png", dpi=192, facecolor=theme.paper)
    return buffer.getvalue()


def tick(value: float, _: int | None = None) -> str:
    """A label of an axis: short for tiny numbers too (7.5e−4), so that it fits beside it."""
    if 0 < abs(value) < 0.01:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}".replace("-", "−")
    return f"{value:,.6g}".replace("-", "−")


def _outside(axes: Axes, lines: Mapping[str, Array]) -> str:
    low, high = axes.get_ylim()
    count = sum(int(((values < low) | (values > high)).sum()) for values in lines.values())
    return f" · {count} {'point' if count == 1 else 'points'} off the scale" if count else ""
