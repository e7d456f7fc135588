"""Tables of numbers: each row an example, each column in its own unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kelbo.data.columns import LARGEST, Binary, Columns, learned, leave_out
from kelbo.data.conditions import nearest
from kelbo.data.image_set import ImageSet, drawn, hold_out
from kelbo.data.images import ArrayImages, Images
from kelbo.data.splits import sources_line
from kelbo.data.tabular import TableFile, read_table
from kelbo.errors import DataCorrupt
from kelbo.units import counted

if TYPE_CHECKING:
    import pandas as pd

CLASSES = 1000
"""the most classes that a column of labels may have"""


def table(
    path: Path | str,
    *,
    key: str | None = None,
    validation_key: str | None = None,
    test_key: str | None = None,
    columns: Sequence[str] | None = None,
    without: Sequence[str] = (),
    index: str | None = None,
    label_column: str | None = None,
    binary: Binary = "auto",
    held_out: float = 0.1,
    validation: float = 0.0,
    split_seed: int = 0,
) -> ImageSet:
    """The rows of a table (N, D) of numbers: .npy, .npz, .csv and .tsv with a header, or .parquet.

    Values stay in their own units, as float32. Several arrays of an `.npz` are splits if their names say so (x_train and
    x_test), or by the keys; of all else a seeded draw of the fraction `held_out` is the split "test". A draw of the fraction
    `validation`, of the training rows if the file has splits, is that of its name. An array has the columns x0, x1, …, unless
    the `.npz` holds their names as "columns".

    columns:      which are read, in this order; by default all but `without`, `index` and `label_column`
    index:        the column that names the rows; by default rows have their numbers
    label_column: the column of classes, integers or words; it is no part of the examples
    binary:       "auto" takes a column with exactly 0 and 1 in training as binary, "ignore" all as real numbers
    A table of binary columns alone holds 2 levels, as a black-and-white image does.

    DataMissing if there is no file (or no pyarrow for .parquet); DataCorrupt, naming column and row, if a value is missing, not
    finite or no number, if a column does not exist, is constant in training or too fine for float32; ValueError if an option
    is impossible.
    """
    path = Path(path)
    words = [name for name in dict.fromkeys((index, label_column)) if name is not None]
    file = read_table(path, {"train": key, "validation": validation_key, "test": test_key}, words)
    names = _chosen(path, file, columns, [*without, *words])
    labelled = {split: _index(path, file, frame, index) for split, frame in file.frames.items()}
    values = {split: _values(path, file, frame, names, labelled[split]) for split, frame in file.frames.items()}
    labels, classes = _labels(path, file, label_column, labelled)
    rows, sources = _drawn(file, held_out, validation, split_seed)
    values, labelled, labels = (
        {split: known[whole][part] for split, (whole, part) in rows.items()} if known else {}
        for known in (values, labelled, labels)
    )
    described = learned(names, values["train"], binary, str(path))
    _require_binary(path, values, described, labelled)
    _require_near(path, values, described, labelled)
    note = f"{path}, {counted(len(names), 'column')}{_told(described)}, {sources_line(sources)}{file.unread}"
    return ImageSet(
        path.stem,
        {split: _rows(array, described) for split, array in values.items()},
        note,
        labels=labels,
        class_names=classes,
        sources=sources,
        columns=described,
        index=labelled,
    )


def _drawn(
    file: TableFile, held_out: float, validation: float, seed: int
) -> tuple[dict[str, tuple[str, np.ndarray]], dict[str, str]]:
    """The frame and the rows that each split has, and where each is from. A split that the file has is not drawn."""
    counts = {split: len(frame) for split, frame in file.frames.items()}
    if "all" in counts:
        parts = _held_out(counts["all"], held_out, seed, validation)
        return {split: ("all", part) for split, part in parts.items()}, drawn(held_out, seed, validation=validation)
    rows, sources = {split: (split, np.arange(count)) for split, count in counts.items()}, dict(file.sources)
    if not validation or "validation" in rows:
        return rows, sources
    kept, held = _held_out(counts["train"], validation, seed).values()
    said = drawn(validation, seed, sources["train"])
    ours = {"train": ("train", kept), "validation": ("train", held)}
    return ours | {"test": rows["test"]}, {
        "train": said["train"],
        "validation": said["test"],
        "test": sources["test"],
    }


def _held_out(count: int, fraction: float, seed: int, validation: float = 0.0) -> dict[str, np.ndarray]:
    """Positions of a seeded draw of `count` rows, by split (see `hold_out`)."""
    numbered = ArrayImages(np.arange(count, dtype=np.float32)[:, None], None)
    return {split: part.index.numpy() for split, part in hold_out(numbered, fraction, seed, validation).items()}


def _rows(values: np.ndarray, columns: Columns) -> Images:
    """As float32, or as levels 0 and 1 if all columns are binary."""
    if columns.real:
        return ArrayImages(values.astype(np.float32), None)
    return ArrayImages(values.astype(np.uint8), 2)


def _told(columns: Columns) -> str:
    return f" ({count} binary)" if (count := sum(columns.binary)) else ""


def _chosen(path: Path, file: TableFile, asked: Sequence[str] | None, without: Sequence[str]) -> list[str]:
    """The columns that are examples. DataCorrupt if one does not exist, or a name is there twice."""
    first, *others = (list(map(str, frame.columns)) for frame in file.frames.values())
    if twice := sorted({name for name in first if first.count(name) > 1}):
        raise DataCorrupt(f"{path} has several columns called {', '.join(twice)}. Rename them.")
    if any(names != first for names in others):
        counts = ", ".join(f"{split} has {len(frame.columns)}" for split, frame in file.frames.items())
        raise DataCorrupt(f"The splits of {path} should have the same columns; {counts}.")
    for name in (*(asked or ()), *without):
        if name not in first:
            raise DataCorrupt(f"{path} has no column {name!r}; {nearest(name, first)}.")
    names = [name for name in (first if asked is None else asked) if name not in without]
    if len(names) < len(set(first if asked is None else asked) - {*without}) or len({*names}) < len(names):
        raise DataCorrupt(f"A column of {path} is asked for twice: {', '.join(asked or ())}.")
    if not names:
        raise DataCorrupt(f"{path} has no columns besides {', '.join(without)}.")
    return names


def _values(path: Path, file: TableFile, frame: pd.DataFrame, names: Sequence[str], index: np.ndarray) -> np.ndarray:
    """The numbers (N, D), float64. DataCorrupt names the first column and row that has none."""
    if not len(frame):
        raise DataCorrupt(f"{path} has no rows.")
    values = np.empty((len(frame), len(names)))
    for column, name in enumerate(names):
        values[:, column] = _numbers(path, file, frame[name], name, index)
    large = np.isfinite(values) & (np.abs(values) > LARGEST)
    if large.any():
        row, column = (int(place) for place in np.argwhere(large)[0])
        raise DataCorrupt(
            f"{path}: the value of the column {names[column]} is {values[row, column]:g} in {_row(file, row, index)}, whose "
            "square single precision does not hold. Correct it, or give the column in another unit."
        )
    bad = ~np.isfinite(values)
    if bad.any():
        column = int(bad.any(0).argmax())
        row = int(bad[:, column].argmax())
        what = "is missing" if np.isnan(values[row, column]) else f"is {values[row, column]}"
        others = f" In all, {counted(int(bad.sum()), 'value')} of {counted(int(bad.any(1).sum()), 'row')} are not finite, in "
        others += ", ".join(names[int(k)] for k in np.flatnonzero(bad.any(0))[:8]) + "." if bad.sum() > 1 else ""
        raise DataCorrupt(
            f"{path}: the value of the column {names[column]} {what} in {_row(file, row, index)}."
            f"{others if bad.sum() > 1 else ''} Fill it in, leave out the row, or leave out the column: "
            f"{leave_out([names[column]])}."
        )
    return values


def _row(file: TableFile, row: int, index: np.ndarray) -> str:
    """Where a row is in the file, with its name if it has one."""
    named = "" if index.dtype.kind in "iu" and index[row] == row else f", index {index[row]}"
    return f"{file.place(row)}{named}"


def _numbers(path: Path, file: TableFile, series: Any, name: str, index: np.ndarray) -> np.ndarray:
    import pandas as pd
    from pandas.api import types

    if types.is_bool_dtype(series) or (types.is_numeric_dtype(series) and not types.is_complex_dtype(series)):
        return series.to_numpy(np.float64, na_value=np.nan)
    if not (types.is_object_dtype(series) or types.is_string_dtype(series)):
        raise DataCorrupt(
            f"{path}: the column {name} holds {series.dtype}, not numbers. Convert it, or leave it out: {leave_out([name])}."
        )
    numbers: Any = pd.to_numeric(series, errors="coerce")
    wrong = (numbers.isna() & series.notna()).to_numpy()
    if not wrong.any():
        return numbers.to_numpy(np.float64, na_value=np.nan)
    row = int(wrong.argmax())
    found = f"{str(series.iloc[row])!r} in {_row(file, row, index)}"
    if wrong.mean() > 0.5:
        raise DataCorrupt(
            f"{path}: the column {name} is a column of text: {found}. Name it as the rows' classes "
            f'(data.label_column="{name}") or names (data.index="{name}"), or leave it out: {leave_out([name])}.'
        )
    raise DataCorrupt(
        f"{path}: the column {name} should hold numbers, but {counted(int(wrong.sum()), 'row')} of it do not: {found}. Correct "
        f"the rows, or leave out the column: {leave_out([name])}."
    )


def _index(path: Path, file: TableFile, frame: pd.DataFrame, name: str | None) -> np.ndarray:
    """The rows' names (N,), integers or text: a column, or the frame's own index, which counts from 0 if none was saved."""
    import pandas as pd

    series: Any = frame.index.to_series() if name is None else frame[name]
    if (missing := series.isna().to_numpy()).any():
        which = "index" if name is None else f"index column {name}"
        raise DataCorrupt(f"{path}: the {which} is empty in {file.place(int(missing.argmax()))}.")
    if pd.api.types.is_integer_dtype(series) and (series <= np.iinfo(np.int64).max).all():  # larger ones are words
        return series.to_numpy(np.int64)
    return series.astype(str).to_numpy(np.str_)


def _labels(
    path: Path, file: TableFile, name: str | None, index: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Each split's classes, int64 (N,), and what they are called; ({}, ()) without a column of them."""
    import pandas as pd

    if name is None:
        return {}, ()
    whole: Any = pd.concat([frame[name] for frame in file.frames.values()], ignore_index=True)
    for split, frame in file.frames.items():
        if (missing := frame[name].isna().to_numpy()).any():
            where = _row(file, int(missing.argmax()), index[split])
            raise DataCorrupt(f"{path}: the column of classes {name} is empty in {where}.")
    if pd.api.types.is_float_dtype(whole) and (whole != whole.round()).any():
        example = whole[whole != whole.round()].iloc[0]
        raise DataCorrupt(
            f"{path}: the column {name} holds numbers such as {example:g}, so it is no column of classes."
        )
    whole = whole.astype("int64") if pd.api.types.is_float_dtype(whole) else whole
    codes, classes = pd.factorize(whole, sort=True)
    if len(classes) > CLASSES:
        raise DataCorrupt(
            f"{path}: the column {name} has {len(classes):,} different values, so it is no column of classes."
        )
    ends = np.cumsum([len(frame) for frame in file.frames.values()])[:-1]
    parts = np.split(codes.astype(np.int64), ends)
    return dict(zip(file.frames, parts, strict=True)), tuple(str(one) for one in classes)


def _require_near(
    path: Path, values: Mapping[str, np.ndarray], columns: Columns, index: Mapping[str, np.ndarray]
) -> None:
    """DataCorrupt if a row that is not trained on is further from the training rows than single precision can square."""
    for split, array in values.items():
        far = np.abs(array - columns.mean) > LARGEST * np.asarray(columns.scale)
        if far.any():
            row, column = (int(place) for place in np.argwhere(far)[0])
            name, away = columns.names[column], abs(array[row, column] - columns.mean[column]) / columns.scale[column]
            raise DataCorrupt(
                f"{path}: the column {name} is {array[row, column]:g} in the {split} row of index {index[split][row]}, "
                f"{away:.3g} standard deviations of the training rows from their mean, whose square single precision does not "
                f"hold. Correct it, leave out the row, or leave out the column: {leave_out([name])}."
            )


def _require_binary(
    path: Path, values: Mapping[str, np.ndarray], columns: Columns, index: Mapping[str, np.ndarray]
) -> None:
    """DataCorrupt if a column that is binary in training holds another number elsewhere."""
    for split, array in values.items():
        for column in np.flatnonzero(columns.binary):
            wrong = (array[:, column] != 0) & (array[:, column] != 1)
            if wrong.any():
                row = int(wrong.argmax())
                raise DataCorrupt(
                    f"{path}: the column {columns.names[column]} is binary in training, but {array[row, column]:g} in the "
                    f"{split} row of index {index[split][row]}. Take it as a real number: data.binary=ignore."
                )
