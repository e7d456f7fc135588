"""Writing so that a reader finds the old file or the new one, never half of either."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kelbo.errors import Damaged, KelboError, Remedy, RunError

READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
"""how a system says that a folder may not be written to"""


def write_atomic(path: Path, content: bytes | str, *, make: bool = True) -> None:
    """Replace `path` by `content`: written beside it, flushed to the disk, then renamed. An OSError names the path.

    Text is written as UTF-8; in it a name's byte that is no UTF-8 becomes an escape such as \\udcff.

    make: create its folder too, if there is none.
    """
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # a full disk, which an open file does not name
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def require_room(path: Path, advice: str = "Choose another path.", remedy: tuple[Remedy, ...] = ("out",)) -> None:
    """RunError if nothing can be created at `path`: the nearest thing above it is no folder, or cannot be written to.

    advice, remedy: what to do then.
    """
    above = next((folder for folder in path.absolute().parents if os.path.lexists(folder)), path.absolute())
    why = "is not a folder" if not above.is_dir() else "cannot be written to"
    if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        raise RunError(f"{path} cannot be made, since {above} {why}. {advice}", remedy=remedy)


def require_new(path: Path, kind: str, leftovers: Collection[str]) -> None:
    """RunError if no `kind` of folder can begin at `path`: it holds something, or cannot be created. Nothing is written.

    leftovers: files of a folder that was stopped before it began, which counts as empty.
    """
    names = [entry.name for entry in path.iterdir() if not entry.name.endswith(".partial")] if path.is_dir() else []
    if path.is_file() or not {*names} <= {*leftovers}:
        raise RunError(
            f"{path} exists already. Choose another folder, or resume that {kind}.", remedy=("out", "resume")
        )
    require_room(path)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically. NaN and infinities are refused (ValueError): JSON has none."""
    write_atomic(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Damaged if the file is absent, is not JSON or holds something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(f"{path} cannot be read: {error}.") from error
    if not isinstance(value, dict):
        raise Damaged(f"{path} should hold a JSON object; it holds {type(value).__name__}.")
    return value


@contextmanager
def understanding(place: Path | None, advice: str, remedy: tuple[Remedy, ...] = ()) -> Iterator[None]:
    """Inside the block the contents of a file are used; Damaged names it if they are not what this version writes."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, KelboError):
            raise
        what = f"{type(error).__name__}: {error}"
        raise Damaged(f"{place} is not as this version writes it ({what}). {advice}", remedy=remedy) from error


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename in it survives a power cut; Windows opens no folders and needs none of it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
