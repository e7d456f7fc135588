"""Show many running jobs: one live line per job on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

SHOWN = 24
"""with up to this many jobs, finished ones stay visible on a terminal; with more, only running ones are shown"""


class JobLines:
    """Call `watch` with every event of a queue's jobs."""

    def __init__(self, jobs: int, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.live, self.jobs, self.ended = self.console.is_terminal, jobs, 0
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.live,
        )
        self.tasks: dict[str, Any] = {}
        self.printed: dict[str, int] = {}

    def __enter__(self) -> JobLines:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def watch(self, name: str, told: dict[str, Any]) -> None:
        """Show one event of one job."""
        state = told.get("state")
        if state in ("done", "failed"):
            self._end(name, told)
        elif self.live:
            self._move(name, told)
        elif state == "again":
            self.console.print(f"{name} · failed, tried again: {told['error']}", soft_wrap=True, markup=False)
        elif "elbo" in told:
            self._quarter(name, told)

    def _move(self, name: str, told: dict[str, Any]) -> None:
        if name not in self.tasks:
            self.tasks[name] = self.bar.add_task(name, total=told.get("steps"), numbers="")
        changed: dict[str, Any] = {"total": told["steps"]} if "steps" in told else {}
        if "step" in told:
            changed["completed"] = told["step"]
        if numbers := _numbers(told):
            changed["numbers"] = numbers
        if told.get("state") == "again":
            changed["numbers"] = f"again: {told['error']}"
        self.bar.update(self.tasks[name], **changed)

    def _quarter(self, name: str, told: dict[str, Any]) -> None:
        """Without a terminal, print a line for a lane at each quarter of its steps."""
        quarter = 4 * int(told["step"]) // max(1, int(told["steps"]))
        if quarter > self.printed.get(name, 0) and quarter < 4:
            self.printed[name] = quarter
            self.console.print(f"{name} · step {told['step']}/{told['steps']} · {_numbers(told)}", soft_wrap=True)

    def _end(self, name: str, told: dict[str, Any]) -> None:
        self.ended += 1
        if name in self.tasks:
            self.bar.update(self.tasks[name], visible=self.jobs <= SHOWN)
            self.bar.stop_task(self.tasks[name])
        count = f"[{self.ended}/{self.jobs}]"
        if told["state"] == "failed":
            self.console.print(f"{count} {name} · {told['kind']}: {told['error']}", soft_wrap=True, markup=False)
        elif not self.live:
            self.console.print(f"{count} {name} · done in {told['seconds']:.0f} s", soft_wrap=True, markup=False)


def _numbers(told: dict[str, Any]) -> str:
    names = [name for name in ("elbo", "rate", "distortion") if told.get(name) is not None]
    return " · ".join(f"{name} {told[name]:.1f}" for name in names)
