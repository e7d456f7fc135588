"""The small plot of a claim: each test's number and interval against its threshold, the claim's side shaded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from kelbo.studies.judge import Test

WIDTH, ROW, EDGE = 200.0, 13.0, 6.0
"""pixels"""
SHOWN = 8
"""tests that are drawn; of more, those farthest from their side"""


def claim_plot(tests: Sequence[Test]) -> Markup:
    """An inline SVG in the page's colours, a row a test, each on a scale of its own; "" without tests."""
    if not tests:
        return Markup("")
    order = {"against": 0, "open": 1, "for": 2}
    shown = [test for test in tests if test in sorted(tests, key=lambda test: order[test.side])[:SHOWN]]
    height = ROW * len(shown)
    told = "; ".join(f"{test.label} {test.value}, wanted {test.wanted}" for test in tests)
    rows = "".join(_row(test, place * ROW) for place, test in enumerate(shown))
    return Markup(
        f'<svg class="plot" viewBox="0 0 {WIDTH:g} {height:g}" width="{WIDTH:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(told)}">{rows}</svg>'
    )


def _row(test: Test, top: float) -> str:
    value, low, high, _ = test.known
    ends = [end for end in (low, high, value, test.above, test.below) if end is not None and math.isfinite(end)]
    least, most = min(ends), max(ends)
    span = (most - least) or abs(most) or 1.0
    least, most = least - 0.15 * span, most + 0.15 * span

    def x(place: float) -> float:
        share = (min(max(place, least), most) - least) / (most - least)
        return EDGE + share * (WIDTH - 2 * EDGE)

    left = x(test.above) if math.isfinite(test.above) else 0.0
    right = x(test.below) if math.isfinite(test.below) else WIDTH
    middle = top + ROW / 2
    parts = [f'<rect class="side" x="{left:.1f}" y="{top + 1:.1f}" width="{right - left:.1f}" height="{ROW - 2:g}"/>']
    parts += [
        f'<line class="edge" x1="{x(end):.1f}" x2="{x(end):.1f}" y1="{top:.1f}" y2="{top + ROW:.1f}"/>'
        for end in (test.above, test.below)
        if math.isfinite(end)
    ]
    if low is not None and high is not None:
        parts.append(
            f'<line class="{test.side}" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>'
        )
    parts.append(f'<circle class="{test.side}" cx="{x(value):.1f}" cy="{middle:.1f}" r="3"/>')
    return "".join(parts)
