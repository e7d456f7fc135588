"""Every error that kelbo raises for a user's mistake or a failed run, as one family.

KelboError
├── RecipeError      a recipe's key, type or value is wrong
├── DataError        a data set's files
│   ├── DataMissing  are absent
│   ├── DataCorrupt  cannot be read, or hold something else than they should
│   └── DataUnknown  have no class, attribute, factor or column of the name that was asked for
├── UnitError        a number was requested in a unit that it does not have, or was given in a wrong one
├── ScoreError       a score does not exist for these arrays
├── RunError         a run's folder: exists already, is absent, is damaged, belongs to another recipe
│   ├── Locked       is being written by another process
│   ├── NotSaved     could not be written: a full disk
│   └── Damaged      has a file that cannot be read
├── SweepFailed      some lanes of a sweep did not finish
├── OutOfMemory      the machine or its device has too little memory
├── Divergence       training met a number that is not finite
└── Interrupted      a signal stopped training, which was saved

A message says what was wrong, the value that was met, and what to do, in the words of settings and arguments. `remedy` names
the arguments that would help, for a caller that offers them by other names: the command line adds its options. `exit_code` is
what the command line returns: 2 for a wrong command, 1 for work that failed, 130 after a signal.
"""

from __future__ import annotations

from typing import Literal

Remedy = Literal[
    "again",
    "checkpoint",
    "cpus",
    "data_root",
    "dequantize",
    "features",
    "given",
    "gpus",
    "group",
    "groups",
    "how",
    "on",
    "only",
    "out",
    "over",
    "prior",
    "resume",
    "retry_diverged",
    "seeds",
    "settings",
    "start",
    "training",
    "workers",
]
"""an argument whose other value may help"""


class KelboError(Exception):
    """remedy: the arguments that would help. It survives pickling, so errors may cross processes."""

    exit_code = 1

    def __init__(self, *args: object, remedy: tuple[Remedy, ...] = ()) -> None:
        super().__init__(*args)
        self.remedy = remedy


class RecipeError(KelboError, ValueError):
    exit_code = 2


class DataError(KelboError, ValueError):
    pass


class DataMissing(DataError):
    pass


class DataCorrupt(DataError):
    pass


class DataUnknown(DataError):
    exit_code = 2


class UnitError(KelboError, ValueError):
    exit_code = 2


class ScoreError(KelboError, ValueError):
    pass


class RunError(KelboError, ValueError):
    exit_code = 2


class Locked(RunError):
    exit_code = 1


class NotSaved(RunError):
    exit_code = 1


class Damaged(RunError):
    exit_code = 1


class SweepFailed(KelboError, RuntimeError):
    pass


class OutOfMemory(KelboError, MemoryError):
    """wanted: bytes that were asked for at once; None if they are not known."""

    def __init__(self, *args: object, wanted: int | None = None, remedy: tuple[Remedy, ...] = ()) -> None:
        super().__init__(*args, remedy=remedy)
        self.wanted = wanted


class Divergence(KelboError, RuntimeError):
    pass


class Interrupted(KelboError):
    exit_code = 130


def message(error: Exception) -> str:
    """An error in one line. An OSError names its file and reason; an unexpected error names its class too."""
    if isinstance(error, KelboError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return f"{type(error).__name__}: {error}"


def remedy(error: Exception) -> tuple[Remedy, ...]:
    """The arguments that would help; none for an error that is not kelbo's."""
    return error.remedy if isinstance(error, KelboError) else ()
