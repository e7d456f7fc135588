"""Progress bars: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from kelbo.cli.console import Console

NAME = TextColumn("{task.description}", markup=False)
BOLD_NAME = TextColumn("{task.description}", style="bold", markup=False)
NUMBERS = TextColumn("{task.fields[numbers]}", markup=False)


class LiveBar:
    """A bar on a terminal; in a `with` block it is drawn until the end of the block."""

    def __init__(self, console: Console, *columns: ProgressColumn) -> None:
        self.console, self.live = console, console.is_terminal
        self.bar = Progress(*columns, console=console, disable=not self.live)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def says(self, line: str) -> None:
        """Print a line; above the bar if there is one."""
        self.console.print(line, soft_wrap=True)


class Downloads(LiveBar):
    """The watch of `fetch`: a bar for each file. It writes to standard error."""

    def __init__(self) -> None:
        columns = (NAME, BarColumn(bar_width=24), DownloadColumn(), TransferSpeedColumn())
        super().__init__(Console(stderr=True), *columns)
        self.tasks: dict[str, TaskID] = {}

    def moved(self, name: str, done: int, total: int | None) -> None:
        if name not in self.tasks:
            self.tasks[name] = self.bar.add_task(name, total=total)
            if not self.live:
                self.says(f"fetching {name}" + (f", {total:,} bytes" if total else ""))
        self.bar.update(self.tasks[name], completed=done, total=total)


@contextmanager
def counting(name: str, images: int | None, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """A bar on a terminal's standard error, advanced by numbers of images; None elsewhere, or if quiet.

    images: how many there will be, if that is known.
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    if images is None:
        columns = (TextColumn("{task.description} {task.completed:,} images", markup=False), TimeElapsedColumn())
    else:
        columns = (BOLD_NAME, BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=images is not None) as bar:
        task = bar.add_task(name, total=images)
        yield lambda count: bar.advance(task, count)
