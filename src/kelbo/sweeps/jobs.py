"""The jobs of a queue, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kelbo.distributed.signals import Signals
from kelbo.errors import (
    DataError,
    Divergence,
    Interrupted,
    KelboError,
    NotSaved,
    RecipeError,
    Remedy,
    RunError,
    ScoreError,
    message,
    remedy,
)

FINAL = (RecipeError, DataError, RunError, Divergence, ScoreError)
"""errors that would happen again: such a job is not retried"""

Watch = Callable[[str, dict[str, Any]], None]
"""Receives a job's name and a report: the job's own, or {"state": "begun" | "done" | "failed" | "again", …}."""


def ignore_reports(name: str, report: dict[str, Any]) -> None:
    """A Watch that ignores its reports."""


@dataclass(frozen=True)
class Job:
    """call(*arguments, tell=…), a function that other processes can import."""

    name: str
    call: Callable[..., object]
    arguments: tuple[Any, ...] = ()


class Outcome(NamedTuple):
    """How a job ended. error and kind (the exception's class) are None if it was done; remedy: see `kelbo.errors`."""

    name: str
    value: Any
    error: str | None
    kind: str | None
    attempts: int
    seconds: float
    remedy: tuple[Remedy, ...] = ()


class Failure(NamedTuple):
    """A job's exception, to be sent between processes. final: it would happen again. fatal: other jobs would fail too."""

    error: str
    kind: str
    final: bool
    fatal: bool
    remedy: tuple[Remedy, ...] = ()


@dataclass
class Task:
    """A job under way. seconds: that its attempts took; begun: when the last one started, 0 before."""

    job: Job
    attempts: int = 0
    seconds: float = 0.0
    begun: float = 0.0
    outcome: Outcome | None = None


class Ledger:
    """How the jobs of a queue end, whoever runs them: which are tried again, when to stop, and their outcomes.

    halted: the failure because of which no more jobs are started, if there is one.
    """

    def __init__(self, tasks: Sequence[Task], watch: Watch, retries: int, signals: Signals) -> None:
        self.tasks, self.watch, self.retries, self.signals = tasks, watch, retries, signals
        self.halted: Failure | None = None
        self.forwarded = 0
        """signals that the running jobs have been sent"""

    def end(self, task: Task, value: object, failure: Failure | None) -> bool:
        """Note how an attempt ended. Returns whether the job must be started again."""
        name, attempts, seconds = task.job.name, task.attempts, task.seconds
        if failure is None:
            task.outcome = Outcome(name, value, None, None, attempts, seconds)
            self.watch(name, {"state": "done", "seconds": seconds})
            return False
        self.halted = self.halted or (failure if failure.fatal else None)
        again = not (failure.final or self.signals.caught or self.halted) and attempts <= self.retries
        if failure.kind != "NotBegun":
            self.watch(name, {"state": "again" if again else "failed", **failure._asdict()})
        if not again:
            task.outcome = Outcome(name, None, failure.error, failure.kind, attempts, seconds, failure.remedy)
        return again

    def not_begun(self) -> Failure:
        """The failure of a job that was not started."""
        why = f", since another could not write: {self.halted.error}" if self.halted else ""
        return Failure(f"not begun{why}", "NotBegun", final=True, fatal=False)

    def outcomes(self) -> list[Outcome]:
        """Every job's outcome. Interrupted after a signal."""
        outcomes = [task.outcome for task in self.tasks if task.outcome]
        if self.signals.caught:
            raise stopped(self.signals, sum(outcome.error is None for outcome in outcomes), len(self.tasks))
        return outcomes


def stopped(signals: Signals, done: int, jobs: int) -> Interrupted:
    """The error to raise once all jobs have stopped. After a second signal, steps since the last save are lost."""
    left = "running jobs are saved" if signals.count == 1 else "running jobs are as they were last saved"
    return Interrupted(f"Stopped by {signals.caught}: {done} of {jobs} done, {left}.")


def failure_of(error: Exception) -> Failure:
    """The failure that describes an exception."""
    fatal = isinstance(error, NotSaved) or (isinstance(error, OSError) and not isinstance(error, KelboError))
    return Failure(message(error), type(error).__name__, isinstance(error, FINAL), fatal, remedy(error))
