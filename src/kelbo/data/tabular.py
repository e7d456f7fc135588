"""Tables in files, as pandas frames: .npy, .npz, .csv, .tsv and .parquet."""

from __future__ import annotations

import csv
import importlib.util
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kelbo.data.array_files import headers_of, not_read_beside
from kelbo.data.mapped import npy_header
from kelbo.data.splits import settled, sources_of, splits_among
from kelbo.errors import DataCorrupt, DataMissing
from kelbo.shortage import raise_shortage

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {".csv": ",", ".tsv": "\t"}
ENDINGS = ".npy, .npz, .csv, .tsv or .parquet"
NAMES = ("columns", "feature_names")
"""arrays of an .npz that hold the columns' names"""
IF_NOT_SPLITS = "If these are not splits, name the arrays by key, validation_key and test_key (data.key … in a recipe)."


@dataclass(frozen=True)
class TableFile:
    """What a file holds: a frame a split, or one as "all".

    sources: where each is from; place: how a row is found there; unread: the part of a note on splits that are not read.
    """

    frames: Mapping[str, pd.DataFrame]
    sources: Mapping[str, str]
    place: Callable[[int], str] = "row {} (counted from 0)".format
    unread: str = ""


def read_table(path: Path, keys: Mapping[str, str | None], words: Sequence[str] = ()) -> TableFile:
    """The tables of a file. keys: names of an .npz's arrays by split, None where the names tell.

    words: columns of names or classes. In a text file every word of these is a value, "NA" too, which elsewhere is a missing
    number; in a parquet file they may be in its index.

    DataMissing if there is no file; DataCorrupt if it is damaged, or holds no table or several that are no splits;
    ValueError if a key is given for a file of one table.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataMissing(f"{path} {what}. Name a file of a table: {ENDINGS} (data.root).", remedy=("data_root",))
    if path.suffix not in (".npy", ".npz", ".parquet", *SEPARATORS):
        raise DataCorrupt(f"{path} should be a table, {ENDINGS}; its name ends in {path.suffix!r}.")
    try:
        if path.suffix == ".npz":
            return _npz(path, {split: key for split, key in keys.items() if key is not None})
        if named := [key for key in keys.values() if key is not None]:
            raise ValueError(f"{path} is a single table; the key {named[0]!r} is for .npz files.")
        if path.suffix == ".npy":
            return _npy(path)
        return _parquet(path, words) if path.suffix == ".parquet" else _csv(path, words)
    except (DataCorrupt, DataMissing):
        raise
    except ValueError as error:
        if "is for .npz files" in str(error):
            raise
        raise DataCorrupt(f"{path} cannot be read: {error}") from error
    except Exception as error:  # parsers raise errors of many kinds for damaged files
        raise_shortage(error, f"reading {path}")
        raise DataCorrupt(f"{path} cannot be read: {error}") from error


def _frame(array: np.ndarray, source: str, names: tuple[str, ...] | None = None) -> pd.DataFrame:
    import pandas as pd

    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise DataCorrupt(f"{source} should be a table (N, D) of numbers; it is {array.dtype} of shape {array.shape}.")
    if names is not None and len(names) != array.shape[1]:
        raise DataCorrupt(f"{source} has {array.shape[1]} columns, and {len(names)} names for them.")
    return pd.DataFrame(array, columns=list(names or (f"x{column}" for column in range(array.shape[1]))))


def _require_no_objects(source: str, dtype: np.dtype) -> None:
    if dtype.hasobject:
        raise DataCorrupt(
            f"{source} holds objects, which are not read. Save numbers or text: array.astype(float or str)."
        )


def _npy(path: Path) -> TableFile:
    with path.open("rb") as stream:
        _require_no_objects(str(path), npy_header(stream)[2])
    return TableFile({"all": _frame(np.load(path, allow_pickle=False), str(path))}, {})


def _npz(path: Path, keys: dict[str, str]) -> TableFile:
    for name, (_, dtype) in headers_of(path).items():
        _require_no_objects(f"{path}[{name!r}]", dtype)
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    tables = [name for name, array in arrays.items() if array.ndim == 2 and array.dtype.kind in "fiub"]
    listed = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in arrays.items()) or "none"
    for key in keys.values():
        if key not in arrays:
            raise DataCorrupt(f"{path} holds no array {key!r}; its arrays: {listed}.")
    called = {key: split for split, key in keys.items()}
    if "train" not in keys:
        likely = [name for name in tables if name not in called]
        found = splits_among(likely, str(path), IF_NOT_SPLITS) if not keys else {}
        if not found and len(likely) == 1:
            found = {likely[0]: "train"}
        if not found or len(found) < len(likely):
            raise DataCorrupt(f"{path} should hold one table (N, D), or name its key; its arrays: {listed}.")
        called |= found
    chosen = settled(called, str(path), IF_NOT_SPLITS)
    names = next((tuple(map(str, arrays[name])) for name in NAMES if name in arrays), None)
    frames = {split: _frame(arrays[key], f"{path}[{key!r}]", names) for split, key in chosen.items()}
    sources = sources_of(chosen, called) if "all" not in chosen else {}
    return TableFile(frames, sources, unread=not_read_beside(path, chosen))


def _csv(path: Path, words: Sequence[str]) -> TableFile:
    import pandas as pd

    text = utf8(path)
    header = check_separated(path, text)
    _check_header(path, header)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error", pd.errors.ParserWarning
        )  # pandas warns of rows that are longer than the header, and drops their ends
        how: Any = {
            "sep": SEPARATORS[path.suffix],
            "index_col": False,
            "skip_blank_lines": False,
            "low_memory": False,
        }
        try:
            frame = pd.read_csv(io.StringIO(text), **how)
        except (pd.errors.ParserError, pd.errors.ParserWarning):
            check_lengths(path, text)
            raise
        if there := [name for name in words if name in header]:
            how |= {"usecols": there, "keep_default_na": False, "na_values": [""]}
            frame[there] = pd.read_csv(io.StringIO(text), **how)[there]
    return TableFile({"all": frame}, {}, lambda row: f"line {row + 2}")


def utf8(path: Path) -> str:
    """The file's text, without blank lines at its end. DataCorrupt if it has another encoding."""
    try:
        return path.read_text(encoding="utf-8-sig").rstrip()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataCorrupt(f"{path} is not UTF-8 from line {line} on. Save it as UTF-8.") from error


def check_lengths(path: Path, text: str) -> None:
    """DataCorrupt if a line has more values than the first has names."""
    lines = csv.reader(io.StringIO(text), delimiter=SEPARATORS[path.suffix], skipinitialspace=True)
    columns = len(next(lines, []))
    if longer := next(((lines.line_num, len(line)) for line in lines if len(line) > columns), None):
        raise DataCorrupt(
            f"{path}: line {longer[0]} has {longer[1]} values, and the first line has {columns} names. Correct one of them."
        )


def check_separated(path: Path, text: str) -> list[str]:
    """The columns' names. DataCorrupt if there are none, or another mark separates them than the file's ending says."""
    header = next(csv.reader(io.StringIO(text), delimiter=SEPARATORS[path.suffix]), [])
    if not header:
        raise DataCorrupt(f"{path} is empty.")
    if len(header) == 1 and (other := next((mark for mark in ";\t|" if mark in header[0]), None)):
        raise DataCorrupt(
            f"{path} seems to be separated by {other!r}, not by {SEPARATORS[path.suffix]!r}: save it with commas (.csv) or "
            "tabs (.tsv)."
        )
    return header


def _check_header(path: Path, header: list[str]) -> None:
    if all(_is_number(name) for name in header):
        raise DataCorrupt(
            f"{path} has no header: its first line, {', '.join(header[:4])} …, holds numbers. Put the columns' names there."
        )
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise DataCorrupt(f"{path} has several columns called {', '.join(twice)}. Rename them.")
    if "" in (names := [name.strip() for name in header]):
        # as pandas writes an index
        raise DataCorrupt(f"{path} has no name for column {names.index('') + 1}. Give it one in the first line.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parquet(path: Path, words: Sequence[str]) -> TableFile:
    import pandas as pd

    if importlib.util.find_spec("pyarrow") is None:
        raise DataMissing(f"{path} needs pyarrow: pip install 'kelbo[parquet]', or save the table as .csv or .npz.")
    frame = pd.read_parquet(path)
    frame.columns = frame.columns.map(str)
    if asked := [name for name in frame.index.names if name in words and name not in frame]:
        frame = frame.reset_index(level=asked)
    return TableFile({"all": frame}, {})
