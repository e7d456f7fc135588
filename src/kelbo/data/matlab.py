"""Arrays of numbers in MATLAB files up to version 7, which are data only: nothing in them is ever run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kelbo.errors import DataCorrupt

HDF5 = b"\x89HDF\r\n\x1a\n"
VERSION_7_3 = b"MATLAB 7.3 MAT-file"
NUMBERS = ("double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
DEFLATE = 1032
"""How many bytes one byte of a zlib stream can become at most."""


def read_mat(path: Path, wanted: Mapping[str, tuple[int | None, ...]]) -> dict[str, np.ndarray]:
    """Some variables of a `.mat` file of version 5 to 7, none else of it being read.

    wanted: each variable's shape, None where an axis may have any length. Raises DataCorrupt, naming the file, where it
    is damaged, has version 7.3 (which is HDF5), lacks a variable, or holds another shape or something else than numbers.
    """
    from scipy.io import loadmat, whosmat  # here, since it takes half a second to import

    with path.open("rb") as stream:
        head = stream.read(len(VERSION_7_3))
    if head == VERSION_7_3 or head.startswith(HDF5):
        raise DataCorrupt(f"{path} is a MATLAB file of version 7.3, which is not read. Save it with `save -v7`.")
    try:
        with warnings.catch_warnings(action="ignore"):  # of a name met twice; the last one counts
            listed = {name: (shape, kind) for name, shape, kind in whosmat(path, appendmat=False)}
            _check(path, listed, wanted)
            loaded = loadmat(path, appendmat=False, variable_names=[*wanted])
            return {name: np.asarray(loaded[name]) for name in wanted}
    except DataCorrupt:
        raise
    except Exception as error:  # a damaged file may fail in any way
        why = f"{type(error).__name__}: {error}"
        raise DataCorrupt(f"{path} cannot be read as a MATLAB file ({why}): it is cut off or damaged.") from error


def _check(
    path: Path, listed: Mapping[str, tuple[tuple[int, ...], str]], wanted: Mapping[str, tuple[int | None, ...]]
) -> None:
    """Before any value is read, so that a header that lies about its size takes no memory."""
    for name, shape in wanted.items():
        if name not in listed:
            found = ", ".join(map(repr, sorted(listed))) or "nothing"
            raise DataCorrupt(f"{path} should hold {name!r}; found {found}. It is another file, or cut off.")
        has, kind = listed[name]
        fits = len(has) == len(shape) and all(want in (None, have) for have, want in zip(has, shape, strict=True))
        if not fits or kind not in NUMBERS:
            expected = "×".join("N" if size is None else str(size) for size in shape)
            raise DataCorrupt(
                f"{path}: {name!r} should be {expected} numbers; found {'×'.join(map(str, has))} of type {kind}."
            )
        if np.prod([float(size) for size in has]) > DEFLATE * path.stat().st_size:
            raise DataCorrupt(
                f"{path}: {name!r} claims {'×'.join(map(str, has))} values, more than its bytes can hold."
            )
