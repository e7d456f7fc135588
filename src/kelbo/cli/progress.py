"""Show training while it runs: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.table import Table

from kelbo.cli.bars import BOLD_NAME, NUMBERS, LiveBar
from kelbo.cli.console import Console
from kelbo.cli.printing import command
from kelbo.data.image_set import ImageSet, describe_splits
from kelbo.experiments.starting import Taken
from kelbo.runs import Run
from kelbo.runs.checkpoints import CHOSEN, best
from kelbo.runs.journal import Row, followed
from kelbo.training import TrainState, Values
from kelbo.training.best import JUDGED_BY
from kelbo.units import counted, noun_of

SHOWN = ("elbo", "rate", "distortion", "gradient_norm")
OF_BOUNDS = ("elbo", "rate", "distortion", "sigma", "rmse", "equivalent_beta")
"""rows of a finished run's table that a model has which reads examples"""
USUAL = {
    *SHOWN,
    *("step", "loss", "learning_rate", "images_per_second"),
    *("sigma", "rmse", "floored", "beta", "equivalent_sigma", "equivalent_beta"),
}
"""columns of every run's journal"""
OF_TARGETS = {"squared_error", "target", "slack", "slack_psnr", "slack_bits_per_dim", "validation_slack"}
ACCURACY = "discriminator/accuracy"
FINE = {*OF_TARGETS, ACCURACY, "multiplier", "implied_sigma", "clamp_active", "skipped", "yielded"}
"""columns shown to four digits"""
NOT_IF_NONE = {"clamp_active", "skipped", "yielded"}
"""columns that are not shown where they are 0"""
HELD = {
    "squared_error": "of the decoder's mean, sum over the {}",
    "target": "what training held",
    "slack": "what was held less its target",
    "slack_psnr": "the same in dB: above 0 is better than the target",
    "slack_bits_per_dim": "the same in bits/dim",
    "multiplier": "weight of what was held; the other's is 1 less it",
}
"""what a finished run's table says of a target"""
PLAYERS = {
    "feature_distortion": "nats per {}, of features of the discriminator",
    "discriminator/real": "nats, its mean cost of training {}s",
    "discriminator/fake": "nats, its mean cost of made {}s",
    ACCURACY: "share of both that it tells right; 0.5 is guessing",
}
"""what it says of a discriminator"""


class Progress(LiveBar):
    """Call `advance` after every step and `show` with each row of scalars."""

    def __init__(self, name: str, steps: int, quiet: bool = False) -> None:
        columns = (BOLD_NAME, BarColumn(bar_width=24), MofNCompleteColumn(), NUMBERS, TimeRemainingColumn())
        super().__init__(Console(quiet=quiet), *columns)
        self.steps, self.begun, self.noun = steps, time.perf_counter(), "image"
        self.first: int | None = None
        self.task = self.bar.add_task(name, total=steps, numbers="")

    def __enter__(self) -> Progress:
        return self  # the bar starts with the first step, since reading the data may show another bar before

    def advance(self, state: TrainState, values: Values) -> None:
        if self.first is None:
            self.first = state.step - 1
            self.bar.start()
        self.bar.update(self.task, completed=state.step)

    def show(self, row: Row) -> None:
        units = {"elbo": " nats", "slack_psnr": " dB", "slack_bits_per_dim": " bits/dim"}
        judged = next((name for name in JUDGED_BY if name in row), None)
        names = [
            name for name in (*SHOWN, judged, *_own(row)) if name in row and (row[name] or name not in NOT_IF_NONE)
        ]
        parts = [f"{_words(name)} {_short(row[name], name in FINE)}{units.get(name, '')}" for name in names]
        numbers = " · ".join([*parts, f"{row['images_per_second'] or 0:.0f} {self.noun}s/s"])
        if self.live:
            self.bar.update(self.task, numbers=numbers)
        else:
            self.console.print(f"step {row['step']}/{self.steps} · {numbers} · {self._left(row)} left", soft_wrap=True)

    def see(self, data: ImageSet) -> None:
        """The first line: the splits, how many images each has, and where each comes from."""
        self.noun = noun_of(data.shape)
        self.says(describe_splits(data))

    def took(self, taken: Taken) -> None:
        """What was taken of another run's weights, and what was not."""
        for line in taken.lines():
            self.says(line)

    def warn(self, text: str) -> None:
        """One warning, as a separate paragraph; above the bar if there is one."""
        self.console.print(f"warning: {text}", style="yellow", soft_wrap=True)

    def _left(self, row: Row) -> str:
        step, first = int(row["step"] or 0), self.first or 0
        seconds = (time.perf_counter() - self.begun) / max(1, step - first) * (self.steps - step)
        minutes, seconds = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{seconds:02d}"

    def summary(self, run: Run) -> None:
        """The last row of a finished run as a table, and the next commands."""
        reads = run.provenance().get("model", {}).get("reads", True)
        if last := run.journal.last():
            data = run.provenance()["data"]
            probe, _ = followed(data["splits"])
            size = "standard deviations" if data.get("levels", 256) is None else "intensity"
            table = Table("of the training batches", "last mean", "unit", title=f"{run.path}, step {last['step']}")
            for name, unit in (
                *((name, f"nats per {self.noun}") for name in ("elbo", "rate", "distortion")),
                ("sigma", f"{size}, the decoder's expected error"),
                ("rmse", f"{size}, its actual error ({counted(probe, f'test {self.noun}')})"),
                *((name, what.format(self.noun)) for name, what in (HELD | PLAYERS).items() if name in last),
                ("equivalent_beta", "weight of the rate beside ½ squared error"),
            ):
                value = last.get(name)
                if not reads and name in OF_BOUNDS:
                    continue
                table.add_row(_words(name), "none" if value is None else f"{value:.4g}", unit)
            self.console.print(table)
        if found := best(run):
            chosen = f", {CHOSEN[found.by]}" if CHOSEN[found.by] else ""
            self.console.print(f"best on validation {self.noun}s{chosen}: step {found.step} (--checkpoint best)")
        first = command("evaluate" if reads else "sample", run.path)
        self.console.print(f"next: {first}   {command('report', run.path)}", soft_wrap=True)


def _own(row: Row) -> list[str]:
    """The scalars that the run's own update adds; of single groups and players, which may be many, the accuracy alone."""
    names = [name for name in row if name not in USUAL and "/" not in name and not name.startswith("validation")]
    return [*names, *([ACCURACY] if ACCURACY in row else [])]


def _words(name: str) -> str:
    return name.replace("_", " ").replace("/", " ")


def _short(value: float | int | None, fine: bool = False) -> str:
    return "none" if value is None else f"{value:.4g}" if fine else f"{value:.1f}"
