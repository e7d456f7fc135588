"""A table of what is known of pictures: a CSV or parquet file with a row a picture.

Its first column names the picture's file, by its path within the set ("cats/1.png") or by its bare name if no other picture has
that. Further columns are attributes, each 0 or 1 (or false and true, or -1 and 1); or one column of anything else is the class.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from kelbo.data.classes import of_values
from kelbo.data.image_set import ImageSet
from kelbo.data.images import SubsetImages
from kelbo.data.tabular import SEPARATORS, check_lengths, check_separated, utf8
from kelbo.errors import DataCorrupt, DataMissing
from kelbo.shortage import raise_shortage
from kelbo.units import counted

if TYPE_CHECKING:
    from pandas import DataFrame, Series

NO = (False, 0, -1, "0", "-1", "false", "False")
YES = (True, 1, "1", "true", "True")
TOLD = 3
"""files that a message names"""


def described(found: ImageSet, root: Path, table: Path, *, skip: bool = False) -> ImageSet:
    """A set of pictures with the attributes or classes of a table. root: the set's folder or archive.

    A table that is not at its own path is looked for in the folder and beside it. skip: pictures without a row are left out,
    each with its reason. Raises DataMissing if there is no table; DataCorrupt, naming the files, if it cannot be read, names a
    picture twice or (unless skip) not at all, lacks a value, or has a column of words beside others. Rows that name no picture
    are counted in the note.
    """
    path = _located(root, table)
    read = _read(path)
    _require_header(read, found, path)
    rows = _by_name(read, path)
    places, lacking = _places(
        {split: names.tolist() for split, names in found.names.items()}, rows.index.tolist(), path, skip=skip
    )
    found = _without(found, lacking, path) if lacking else found
    used = {place for some in places.values() for place in some}
    unknown = [name for place, name in enumerate(rows.index) if place not in used]
    beside = f" ({counted(len(unknown), 'row')} of {path.name} without a picture: {_some(unknown)})" if unknown else ""
    rows = rows.iloc[[place for some in places.values() for place in some]]
    _require_values(rows, path)
    bounds = itertools.pairwise(np.cumsum([0, *map(len, places.values())]).tolist())
    parts = {split: slice(*pair) for split, pair in zip(places, bounds, strict=True)}
    binary = {str(name): _binary(values) for name, values in rows.items()}
    if len(rows.columns) == 1 and all(values is None for values in binary.values()):
        found = _labelled(found, rows.iloc[:, 0], parts)
        what = f"classes from {path}"
    else:
        columns = _all_binary(rows, binary, path)
        values = np.stack(columns, 1).astype(np.int8)
        attributes = {split: values[part] for split, part in parts.items()}
        found = replace(found, attributes=attributes, attribute_names=tuple(binary))
        what = f"{len(binary)} attributes from {path}"
    return replace(found, note=f"{found.note}, {what}{beside}", used=f"{found.used}{beside}")


def _located(root: Path, table: Path) -> Path:
    places = [table] if table.is_absolute() else [table, root / table, root.parent / table]
    for path in places:
        if path.is_file():
            return path
    raise DataMissing(
        f"There is no table of attributes at {', '.join(map(str, places))} (data.attributes_file).",
        remedy=("settings", "data_root"),
    )


def _read(path: Path) -> DataFrame:
    import pandas  # here, since it takes half a second

    try:
        if path.suffix == ".parquet":
            return pandas.read_parquet(path)
        if path.suffix in SEPARATORS:
            text = utf8(path)
            check_separated(path, text)
            check_lengths(path, text)
            how = {"skipinitialspace": True, "converters": {0: str}, "keep_default_na": False, "na_values": [""]}
            return pandas.read_csv(io.StringIO(text), sep=SEPARATORS[path.suffix], **how)
    except DataCorrupt:
        raise
    except ImportError as error:
        raise DataMissing(f"{path} needs pyarrow: pip install 'kelbo[parquet]'") from error
    except Exception as error:  # errors of many kinds, of both parsers
        raise_shortage(error, f"reading {path}")
        raise DataCorrupt(f"{path} cannot be read as a table: {error}") from error
    raise DataCorrupt(f"{path} should be a table, .csv, .tsv or .parquet; its name ends in {path.suffix!r}.")


def _require_header(table: DataFrame, found: ImageSet, path: Path) -> None:
    first = str(table.columns[0]).strip()
    if any(first in names for names in found.names.values()):
        raise DataCorrupt(
            f"{path} has no header: its first line names the picture {first}. Put the columns' names there."
        )


def _by_name(table: DataFrame, path: Path) -> DataFrame:
    """The table's rows by the pictures' names, which are its first column, or its index in a parquet file that keeps one."""
    if table.index.name is not None:  # a RangeIndex has none
        table = table.reset_index()
    if len(table.columns) < 2 or not len(table):
        raise DataCorrupt(
            f"{path} should have a column of file names, further columns of attributes or one of classes, and a row a picture; "
            f"it has {counted(len(table), 'row')} of {', '.join(map(str, table.columns)) or 'no columns'}."
        )
    names = table.iloc[:, 0].astype(str).str.strip()
    if twice := names.loc[names.duplicated()].tolist():
        raise DataCorrupt(f"{path} has {counted(len(twice), 'row')} too many: {_some(twice)} named more than once.")
    return table.iloc[:, 1:].set_index(names)


def _places(
    paths: Mapping[str, Sequence[str]], rows: Sequence[str], path: Path, *, skip: bool
) -> tuple[dict[str, list[int]], set[str]]:
    """Which row is each picture's, by split, and the pictures that have none. skip: whether there may be such."""
    by_row = {name.removeprefix("./"): place for place, name in enumerate(rows)}
    bare: dict[str, list[str]] = {}
    every = [one for some in paths.values() for one in some]
    for one in every:
        bare.setdefault(one.rpartition("/")[2], []).append(one)
    found: dict[str, int] = {}
    for one in every:
        name = one.rpartition("/")[2]
        if one not in by_row and name in by_row and len(bare[name]) > 1:
            alike = _some(bare[name])
            raise DataCorrupt(f"{path} names {name}, which are {len(bare[name])} pictures: {alike}. Write their paths.")
        if (place := by_row.get(one, by_row.get(name))) is not None:
            found[one] = place
    lacking = [one for one in every if one not in found]
    if lacking and (not skip or not found):
        raise DataCorrupt(
            f"{path} has no row for {len(lacking):,} of {counted(len(every), 'picture')}: {_some(lacking)}. Add them, remove "
            "the pictures, or leave these out (data.unreadable=skip)."
        )
    return {split: [found[one] for one in some if one in found] for split, some in paths.items()}, set(lacking)


def _without(found: ImageSet, lacking: Container[str], path: Path) -> ImageSet:
    """The set without some pictures, which are counted in its note and named with the reason."""
    kept = {
        split: np.array([place for place, one in enumerate(names.tolist()) if one not in lacking], np.int64)
        for split, names in found.names.items()
    }
    gone = [one for names in found.names.values() for one in names.tolist() if one in lacking]
    told = f"{counted(len(gone), 'picture')} left out without a row in {path.name}: {_some(gone)}"
    return replace(
        found,
        splits={split: SubsetImages(images, torch.from_numpy(kept[split])) for split, images in found.splits.items()},
        names={split: names[kept[split]] for split, names in found.names.items()},
        labels={split: values[kept[split]] for split, values in found.labels.items()},
        left_out=(*found.left_out, *(f"{one} has no row in {path}" for one in gone)),
        note=f"{found.note}, {told}",
        used=f"{found.used}; {told}",
    )


def _require_values(rows: DataFrame, path: Path) -> None:
    for name, values in rows.items():
        if missing := [str(file) for file, absent in values.isna().items() if absent]:
            raise DataCorrupt(
                f"{path} has no value of {name} for {counted(len(missing), 'picture')}: {_some(missing)}."
            )


def _binary(column: Series) -> np.ndarray | None:
    """The column as 0 and 1, or None if it is no attribute."""
    values = [value.strip() if isinstance(value, str) else value for value in column.tolist()]
    if not all(value in NO or value in YES for value in values) or {0, -1} <= {*values} or {"0", "-1"} <= {*values}:
        return None
    return np.array([value in YES for value in values])


def _all_binary(rows: DataFrame, binary: Mapping[str, np.ndarray | None], path: Path) -> list[np.ndarray]:
    for number, (name, values) in enumerate(binary.items()):
        if values is None:
            items = [*rows.iloc[:, number].items()]
            odd = [item for item in items if item[1] not in YES and item[1] not in NO] or items
            raise DataCorrupt(
                f"{path}: the column {name} should be an attribute, 0 or 1; {odd[0][0]} has {odd[0][1]!r}. Leave it "
                "out, or keep it alone beside the names to give classes."
            )
    return [values for values in binary.values() if values is not None]


def _labelled(found: ImageSet, column: Series, parts: Mapping[str, slice]) -> ImageSet:
    values = column.to_numpy()
    values = values.astype(np.str_) if values.dtype == object else values
    if values.dtype.kind == "f" and (values == values.round()).all():
        values = values.astype(np.int64)
    classes = of_values({split: values[part] for split, part in parts.items()})
    return replace(found, labels=classes.labels, class_names=classes.names, unlabelled="")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:TOLD]) + (" …" if len(names) > TOLD else "")
