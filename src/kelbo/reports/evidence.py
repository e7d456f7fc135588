"""A number with its interval, and the side of a claim on which it lies."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from kelbo.reports.numbers import NONE, decimals_of, fixed, plain

Unit = Literal["percent", "points", "distance", "intensity", "nats", "correlation", "ratio", "gap", "relative"]


class Estimate(NamedTuple):
    """A number with its central 95 % interval, None where there is none. how: what the interval is of."""

    value: float
    low: float | None
    high: float | None
    how: str


class Evidence(NamedTuple):
    """One number of a test. The claim puts it above `above` and below `below`, both in the number's own unit.

    models: that it is made of, as the study names them. held: why it decides nothing either way, a phrase; "" where it may.
    """

    label: str
    estimate: Estimate
    unit: Unit
    above: float = -math.inf
    below: float = math.inf
    models: tuple[Hashable, ...] = ()
    held: str = ""

    @property
    def side(self) -> Literal["for", "against", "open"]:
        """Where the interval lies; "open" where it has both sides in it, there is none, or the number is held."""
        _, low, high, _ = self.estimate
        if self.held or low is None or high is None:
            return "open"
        if low > self.above and high < self.below:
            return "for"
        return "against" if high < self.above or low > self.below else "open"

    @property
    def leans(self) -> bool:
        """Whether the number itself is on the claim's side."""
        return self.above < self.estimate.value < self.below

    @property
    def value(self) -> str:
        """The number with its unit."""
        word = {"percent": " %", "points": " points", "nats": " nats", "ratio": " times"}.get(self.unit, "")
        shown = self._written(self.estimate.value)
        return ("+" if self.unit == "points" and self.estimate.value >= 0.0005 else "") + shown + word

    @property
    def interval(self) -> str:
        """Its interval's ends in the same unit; NONE if there is none, "" if it has no width."""
        _, low, high, _ = self.estimate
        if low is None or high is None:
            return NONE
        if not self._width:
            return ""
        if self.unit == "percent":  # Student's interval knows nothing of a share's ends
            low, high = max(0.0, low), min(1.0, high)
        return f"{self._written(low)} to {self._written(high)}"

    def _written(self, value: float) -> str:
        if self.unit in ("percent", "points"):
            return fixed(round(100 * value, 1) + 0.0, 1)  # no −0.0
        if self.unit == "ratio" or not self._width:
            return plain(value)
        return fixed(value, decimals_of(self._width / 2))

    @property
    def _width(self) -> float:
        """Of the interval; 0 where there is none, or rounding alone has made it."""
        value, low, high, _ = self.estimate
        width = 0.0 if low is None or high is None else high - low
        return width if width > 1e-9 * abs(value) else 0.0


@dataclass
class Gathered:
    """The numbers of one test as they are found, and the labels of those that are not there."""

    evidence: list[Evidence] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def add(
        self,
        label: str,
        found: Estimate | None,
        unit: Unit,
        above: float = -math.inf,
        below: float = math.inf,
        *,
        models: tuple[Hashable, ...] = (),
    ) -> None:
        """One number, None where it is not there; the side on which the claim puts it; and the models it is made of."""
        if found is None:
            self.absent.append(label)
        else:
            self.evidence.append(Evidence(label, found, unit, above, below, models))
