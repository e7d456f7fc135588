"""The small plot of a claim: each test's number and interval against its threshold, the claim's side shaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from kelbo.studies.judge import Test

WIDTH, TALL, ROW = 150.0, 36.0, 12.0
"""pixels: of a plot, of the tallest plot, of a row of a plot with few"""
SHOWN = 9
"""tests that are drawn; of more, those that decide: against the claim first, then open ones"""


def claim_plot(tests: Sequence[Test]) -> Markup:
    """An inline SVG, a row a test, coloured by the page's style; a dash without tests.

    Each row has a scale of its own, with the threshold (or the middle of two) in the middle of the plot.
    """
    if not tests:
        return Markup('<span class="plot none">–</span>')
    deciding = sorted(tests, key=lambda test: ("against", "open", "for").index(test.side))[:SHOWN]
    shown = [test for test in tests if test in deciding]
    row = min(ROW, TALL / len(shown))
    told = "; ".join(f"{test.label} {test.value}, wanted {test.wanted}" for test in tests)
    rows = "".join(_row(test, place * row, row) for place, test in enumerate(shown))
    size = f'viewBox="0 0 {WIDTH:g} {row * len(shown):g}" width="{WIDTH:g}" height="{row * len(shown):g}"'
    return Markup(f'<svg class="plot" {size} role="img" aria-label="{escape(told)}">{rows}</svg>')


def _row(test: Test, top: float, height: float) -> str:
    value, low, high, _ = test.known
    x, middle = _scale(test), top + height / 2
    left, right = max(0.0, x(test.above)), min(WIDTH, x(test.below))
    parts = [f'<rect x="{left:.1f}" y="{top:.2f}" width="{right - left:.1f}" height="{height:.2f}"/>']
    parts += [_line("edge", x(end), x(end), top, top + height) for end in _ends(test)]
    if low is not None and high is not None:
        parts.append(_line(test.side, x(low), x(high), middle, middle))
    return "".join(
        [*parts, f'<circle class="{test.side}" cx="{x(value):.1f}" cy="{middle:.2f}" r="{height / 4:.2g}"/>']
    )


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.2f}" y2="{y2:.2f}"/>'


def _scale(test: Test) -> Callable[[float], float]:
    """Where a value of a test lies, in pixels from the left."""
    value, low, high, _ = test.known
    ends = _ends(test) or [value]
    middle = sum(ends) / len(ends)
    reach = 1.5 * (ends[-1] - middle)
    reach = max([reach, *(abs(end - middle) for end in (value, low, high) if end is not None)]) or 1.0
    return lambda place: WIDTH * (0.5 + 0.46 * (place - middle) / reach)


def _ends(test: Test) -> list[float]:
    return [end for end in (test.above, test.below) if math.isfinite(end)]
