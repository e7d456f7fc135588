"""What a queue works off, and what becomes of it."""

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
"""would come again the same way: such a job is not tried a second time"""

Watch = Callable[[str, dict[str, Any]], None]
"""Hears of a job by name: what it tells, and {"state": "begun" | "done" | "failed" | "again", …}."""


def unheard(name: str, told: dict[str, Any]) -> None:
    """A Watch that does not listen."""


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
    """A job's exception, told across processes. final: it would come again. fatal: and so it would for other jobs."""

    error: str
    kind: str
    final: bool
    fatal: bool
    remedy: tuple[Remedy, ...] = ()


def failure_of(error: Exception) -> Failure:
    """What is told of an exception."""
    fatal = isinstance(error, NotSaved) or (isinstance(error, OSError) and not isinstance(error, KelboError))
    return Failure(message(error), type(error).__name__, isinstance(error, FINAL), fatal, remedy(error))
