"""Everything kelbo raises for a user's mistake or a failed run, as one family.

KelboError
├── RecipeError      a recipe's key, type or value is wrong
├── DataError        a data set's files
│   ├── DataMissing  are not there
│   └── DataCorrupt  cannot be read, or hold something else than they should
├── UnitError        a number was asked for in a unit that it does not have, or came in another than it should
├── ScoreError       a score does not exist for these arrays
├── RunError         a run's folder: exists already, is absent, is damaged, belongs to another recipe
│   ├── NotSaved     could not be written: a full disk
│   └── Damaged      has a file that cannot be read
├── SweepFailed      some lanes of a sweep did not reach their end
├── Divergence       training met a number that is not finite
└── Interrupted      a signal stopped training, which was saved

A message says what was wrong, the value that was met, and what to do. `exit_code` is what the command line
returns: 2 where the command was wrong, 1 where it was right and the work failed, 130 where it was stopped.
"""

from __future__ import annotations


class KelboError(Exception):
    exit_code = 1


class RecipeError(KelboError, ValueError):
    exit_code = 2


class DataError(KelboError, ValueError):
    pass


class DataMissing(DataError):
    pass


class DataCorrupt(DataError):
    pass


class UnitError(KelboError, ValueError):
    exit_code = 2


class ScoreError(KelboError, ValueError):
    pass


class RunError(KelboError, ValueError):
    exit_code = 2


class NotSaved(RunError):
    exit_code = 1


class Damaged(RunError):
    exit_code = 1


class SweepFailed(KelboError, RuntimeError):
    pass


class Divergence(KelboError, RuntimeError):
    pass


class Interrupted(KelboError):
    exit_code = 130


def message(error: Exception) -> str:
    """An error in one line: of the system, which file and why; of a mistake in a program, its kind too."""
    if isinstance(error, KelboError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return f"{type(error).__name__}: {error}"
