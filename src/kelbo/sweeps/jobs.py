"""The jobs of a queue, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from kelbo.errors import (
    DataError,
    Divergence,
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


def unheard(name: str, told: dict[str, Any]) -> None:
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


def failure_of(error: Exception) -> Failure:
    """The failure that describes an exception."""
    fatal = isinstance(error, NotSaved) or (isinstance(error, OSError) and not isinstance(error, KelboError))
    return Failure(message(error), type(error).__name__, isinstance(error, FINAL), fatal, remedy(error))
