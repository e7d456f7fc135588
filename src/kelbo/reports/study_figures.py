"""What the figures of every study need: its runs, opened one after another, and the reasons why some cannot be drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kelbo.errors import DataError, RunError
from kelbo.experiments import Experiment, open_run
from kelbo.reports.gallery import Labelled
from kelbo.reports.page_pictures import Picture

Shown = Picture | Labelled


class Absent(Exception):
    """The reason why a figure cannot be drawn; it is shown after the figure's key."""


@dataclass
class Lanes:
    """The runs of a study's folder. The last one opened is kept: a set can take seconds to read, and much memory.

    root: the folder of the data now; None to use the runs' own.
    """

    folder: Path
    root: Path | None = None
    last: dict[str, Experiment] = field(default_factory=dict)

    def any_of(self, lanes: Sequence[Mapping[str, Any]]) -> Experiment:
        """The one of these runs that is open already, else the first."""
        return self.open(next((lane for lane in lanes if lane["run"] in self.last), lanes[0]))

    def open(self, lane: Mapping[str, Any]) -> Experiment:
        """The lane's run. Absent if it is gone or cannot be read."""
        if lane["run"] not in self.last:
            self.last.clear()
            try:
                self.last[lane["run"]] = open_run(self.folder / lane["run"], data_root=self.root)
            except (RunError, DataError) as error:
                raise Absent(str(error)) from error
        return self.last[lane["run"]]


def draw_all(drawn: Mapping[str, Callable[[], Shown]], missing: dict[str, str] | None) -> dict[str, Shown | None]:
    """Every figure by its key, None if it is Absent; the reason is then put into `missing`."""
    shown: dict[str, Shown | None] = {}
    for key, draw in drawn.items():
        try:
            shown[key] = draw()
        except Absent as reason:
            shown[key] = None
            if missing is not None:
                missing[key] = str(reason)
    return shown
