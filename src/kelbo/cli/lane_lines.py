"""Show many running jobs: one live line per job on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

from kelbo.cli.bars import NAME, NUMBERS, LiveBar
from kelbo.cli.console import Console

SHOWN = 24
"""with up to this many jobs, finished ones stay visible on a terminal; with more, only running ones are shown"""


class JobLines(LiveBar):
    """Call `watch` with every event of a queue's jobs."""

    def __init__(self, jobs: int, console: Console | None = None) -> None:
        columns = (NAME, BarColumn(bar_width=20), MofNCompleteColumn(), NUMBERS, TimeElapsedColumn())
        super().__init__(console or Console(), *columns)
        self.jobs, self.ended = jobs, 0
        self.tasks: dict[str, Any] = {}
        self.printed: dict[str, int] = {}

    def watch(self, name: str, report: dict[str, Any]) -> None:
        """Show one event of one job."""
        state = report.get("state")
        if state in ("done", "failed"):
            self._end(name, report)
        elif self.live:
            self._move(name, report)
        elif state == "again":
            self.says(f"{name} · failed, tried again: {report['error']}")
        elif "elbo" in report:
            self._quarter(name, report)

    def _move(self, name: str, report: dict[str, Any]) -> None:
        if name not in self.tasks:
            self.tasks[name] = self.bar.add_task(name, total=report.get("steps"), numbers="")
        changed: dict[str, Any] = {"total": report["steps"]} if "steps" in report else {}
        if "step" in report:
            changed["completed"] = report["step"]
        if numbers := _numbers(report):
            changed["numbers"] = numbers
        if report.get("state") == "again":
            changed["numbers"] = f"again: {report['error']}"
        self.bar.update(self.tasks[name], **changed)

    def _quarter(self, name: str, report: dict[str, Any]) -> None:
        """Without a terminal, print a line for a lane at each quarter of its steps."""
        quarter = 4 * int(report["step"]) // max(1, int(report["steps"]))
        if quarter > self.printed.get(name, 0) and quarter < 4:
            self.printed[name] = quarter
            self.console.print(f"{name} · step {report['step']}/{report['steps']} · {_numbers(report)}", soft_wrap=True)

    def _end(self, name: str, report: dict[str, Any]) -> None:
        self.ended += 1
        if name in self.tasks:
            self.bar.update(self.tasks[name], visible=self.jobs <= SHOWN)
            self.bar.stop_task(self.tasks[name])
        count = f"[{self.ended}/{self.jobs}]"
        if report["state"] == "failed":
            self.says(f"{count} {name} · {report['kind']}: {report['error']}")
        elif not self.live:
            self.says(f"{count} {name} · done in {report['seconds']:.0f} s")


def _numbers(report: dict[str, Any]) -> str:
    names = [name for name in ("elbo", "rate", "distortion") if report.get(name) is not None]
    return " · ".join(f"{name} {report[name]:.1f}" for name in names)
