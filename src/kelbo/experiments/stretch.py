"""The latest readings of a run in training, and whether they are of one kind."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class RowReading(Protocol):
    """What is read of one row of a journal. kind: what the row says, by itself."""

    @property
    def step(self) -> int: ...
    @property
    def kind(self) -> Hashable: ...


AReading = TypeVar("AReading", bound=RowReading)


class Stretch(Generic[AReading]):
    """The readings of the last `share` of a run's `steps`, but at least the last `least`, added by rising steps.

    Each is added once and dropped once, and none is looked at again in between, so that a row costs as much at the end of a
    run as at its beginning.
    """

    def __init__(self, steps: int, share: float, least: int) -> None:
        self.steps, self.length, self.least = steps, share * steps, least
        self.readings: deque[AReading] = deque()
        self.kind: Hashable = None
        self.alike = 0
        """how many readings in a row, up to the latest, are of its kind"""

    def __len__(self) -> int:
        return len(self.readings)

    def add(self, reading: AReading) -> None:
        readings, begins, kind = self.readings, reading.step - self.length, reading.kind
        self.alike = self.alike + 1 if kind == self.kind else 1
        self.kind = kind
        readings.append(reading)
        while len(readings) > self.least and readings[0].step <= begins:
            readings.popleft()

    @property
    def first(self) -> AReading:
        return self.readings[0]

    @property
    def now(self) -> AReading:
        return self.readings[-1]

    def latest(self, *, inside: bool = False) -> list[AReading]:
        """The last `least`, oldest first, or fewer if there are fewer. inside: only those of the stretch itself."""
        found = [self.readings[k] for k in range(-min(self.least, len(self)), 0)]
        return [one for one in found if one.step > self.now.step - self.length] if inside else found

    def all(self, kind: Hashable, *, inside: bool = False) -> bool:
        """Whether all are of one kind. inside: whether those of the stretch itself are."""
        count = len(self.latest(inside=True)) if inside and len(self) <= self.least else len(self)
        return self.kind == kind and self.alike >= count
