"""Image data sets of the Hugging Face hub, or in its layouts on disk: parquet files, or a folder of pictures.

Needs the extra `hub`. From version 4 on, the library `datasets` runs no code of a data set; older versions are
refused. The pictures are decoded by kelbo, so that the same limits hold as for a folder of pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kelbo.data.decoding import Unread, check_unreadable, decode, note_of, paths_kept, plan_for, refused, require_two
from kelbo.data.encoded_pictures import (
    Crop,
    Deep,
    EncodedPicture,
    EncodedPictures,
    Filter,
    Mode,
    PictureStore,
    Refused,
    Sides,
    Stamp,
    check_options,
    stamp_of,
)
from kelbo.data.formats import is_picture
from kelbo.data.image_set import ImageSet, divided
from kelbo.data.layout import divide
from kelbo.data.opening import decoding_strictly
from kelbo.data.paths import Paths
from kelbo.data.splits import IF_NOT_SPLITS, Splits, check_splits, settled, sources_of, splits_among
from kelbo.errors import DataCorrupt, DataMissing
from kelbo.shortage import raise_shortage

ROWS = 1000
"""rows whose files are looked up at a time"""

if TYPE_CHECKING:
    from datasets import Dataset  # type: ignore[import-not-found]  # of an extra


def hub(
    dataset: str | Path,
    size: Sides = 64,
    *,
    config: str | None = None,
    revision: str | None = None,
    image: str | None = None,
    crop: Crop = "centre",
    resize: Filter | None = "lanczos",
    mode: Mode = "rgb",
    depth: Deep = "refuse",
    unreadable: Unread = "refuse",
    splits: Splits = "auto",
    held_out: float = 0.1,
    split_seed: int = 0,
    cache: Path | None = None,
) -> ImageSet:
    """The pictures of a data set as uint8 (N, 3 or 1, H, W), with labels if one column of it holds classes, and bool columns
    as attributes.

    dataset: a name on the hub ("ylecun/mnist"), or as a Path a parquet file or a folder of parquet files or pictures.
    Its splits that are named as such (train, validation or val, test, …) are the splits; the note names others, which
    are not read. Without a test split the validation split is "test". If it has only "train", or a single split of
    another name, a seeded draw of the fraction `held_out` is "test".

    config, revision: which of several configurations, and which version of it. image: the column of pictures; by default
    the only one. size, crop, resize, mode, depth, unreadable, cache: as of `kelbo.data.folder`. splits: "auto", or "ignore" to
    read all splits as one set.

    Raises DataMissing if the extra is not installed, or the data set is absent or cannot be reached; DataCorrupt
    if it cannot be read, holds no pictures or several columns of them, its splits cannot be taken as such, or a
    picture is refused as in a folder; ValueError if an option is impossible.
    """
    check_options(size, crop, resize, mode, depth)
    check_unreadable(unreadable)
    check_splits(splits)
    its_own = _loaded(dataset, config, revision)
    if isinstance(dataset, Path) and splits != "ignore":
        _require_its_own_splits(dataset, its_own)
    found, sources, not_read = _splits(its_own, str(dataset), splits)
    column = _image_column(next(iter(found.values())), image, str(dataset))
    classes = _class_column(next(iter(found.values())))
    pictures = {split: _Rows(part, column, dataset, split).pictures() for split, part in found.items()}
    with decoding_strictly():
        plan = plan_for(next(iter(pictures.values())), size, crop, resize, mode, depth)
        decoded = decode(pictures, plan, str(dataset), unreadable=unreadable, cache=cache if _on_disk(found) else None)
    require_two(decoded, str(dataset))
    labels = {split: _labels(part[classes][:]) for split, part in found.items()} if classes else {}
    attributes = _attributes(found)
    labels, attributes = (
        {split: values[decoded[split].kept(len(values))] for split, values in known.items()}
        for known in (labels, attributes)
    )
    names, reasons, rows = paths_kept(pictures, decoded), refused(decoded), sum(map(len, pictures.values()))
    used = f"{rows - len(reasons):,} of {rows:,} rows used" + (
        f", splits not read: {', '.join(not_read)}" if not_read else ""
    )
    note = f"{dataset}{f' {config}' if config else ''}, column {column!r}, {used}{note_of(reasons)}, {plan.note}"
    images = {split: part.images for split, part in decoded.items()}
    first = next(iter(found.values()))
    whole = ImageSet(
        Path(dataset).name,
        images,
        note,
        labels,
        attributes,
        attribute_names=tuple(_bool_columns(first)) if attributes else (),
        class_names=tuple(first.features[classes].names) if classes else (),
        names=names,
        left_out=reasons,
        used=used,
        sources=sources,
    )
    return divided(whole, held_out, split_seed)


def _library() -> Any:
    """The library, imported only here: that takes a second, and needs the extra."""
    try:
        import datasets  # type: ignore[import-not-found]
    except ImportError as error:
        raise DataMissing(
            "Data sets of the Hugging Face hub need the library `datasets`, which is not installed: "
            "pip install 'kelbo[hub]'"
        ) from error
    if int(datasets.__version__.split(".")[0]) < 4:
        raise DataMissing(
            f"The library `datasets` {datasets.__version__} may run code of data sets; version 4 or newer is needed: "
            "pip install -U 'kelbo[hub]'"
        )
    return datasets


def _loaded(dataset: str | Path, config: str | None, revision: str | None) -> Mapping[str, Dataset]:
    """The data set's own splits."""
    if isinstance(dataset, Path) and not dataset.exists():
        raise DataMissing(
            f"There is no {dataset}. Name a parquet file, or a folder of parquet files or pictures.",
            remedy=("data_root",),
        )
    datasets = _library()
    try:
        if isinstance(dataset, Path) and dataset.is_file():
            return datasets.load_dataset("parquet", data_files=str(dataset.resolve()))
        name = str(dataset.resolve()) if isinstance(dataset, Path) else dataset
        return datasets.load_dataset(name, config, revision=revision)
    except Exception as error:  # errors of many kinds: of the network, of the hub or of a file
        raise_shortage(error, f"reading {dataset}")
        why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        if isinstance(dataset, Path):
            raise DataCorrupt(f"{dataset} cannot be read as parquet files or a folder of pictures ({why}).") from error
        raise DataMissing(
            f"The data set {dataset!r} could not be loaded from the Hugging Face hub ({why}). Check its name and the network, "
            "or name a copy on disk (data.root).",
            remedy=("data_root",),
        ) from error


class _Found(NamedTuple):
    """The splits to use, or one as "all"; where each comes from; the names of those that are not read."""

    parts: dict[str, Dataset]
    sources: dict[str, str]
    not_read: list[str]


def _splits(found: Mapping[str, Dataset], name: str, splits: Splits) -> _Found:
    """By kelbo's names, or as "all"."""
    filled = {split: part for split, part in found.items() if len(part)}
    if not filled:
        raise DataMissing(f"{name} has no images; its splits: {', '.join(found) or 'none'}.")
    called = {} if splits == "ignore" else splits_among(found, name)
    if empty := [split for split in called if split not in filled]:
        raise DataMissing(f"{name} holds no images in its split {empty[0]}. {IF_NOT_SPLITS}")
    if called:
        chosen, not_read = settled(called, name), [split for split in filled if split not in called]
        parts = {split: filled[its] for split, its in chosen.items()}
        return _Found(parts, sources_of(chosen, called), not_read)
    if len(filled) > 1 and splits != "ignore":
        raise DataCorrupt(
            f"{name} has splits other than train, validation and test: {', '.join(filled)}. {IF_NOT_SPLITS}"
        )
    parts = [*filled.values()]
    return _Found({"all": parts[0] if len(parts) == 1 else _library().concatenate_datasets(parts)}, {}, [])


def _on_disk(found: Mapping[str, Dataset]) -> bool:
    """Whether the library keeps all rows in files, whose times tell versions apart; it can be told to keep them in memory."""
    return all(part.cache_files for part in found.values())


def _require_its_own_splits(folder: Path, found: Mapping[str, Dataset]) -> None:
    """DataCorrupt if the library read files named as splits as one split: it recognises only lower-case names."""
    if len(found) > 1 or not folder.is_dir():
        return
    parts = divide(Paths.of(_files_read(folder)), str(folder)).parts
    if "all" not in parts:
        raise DataCorrupt(
            f"{folder} holds the splits {', '.join(parts)} by its folders' names, but the library `datasets` reads them as "
            f"one. Write the names in lower case, or read pictures by the kind folder. {IF_NOT_SPLITS}"
        )


def _files_read(folder: Path) -> Iterator[str]:
    """Paths, parted by "/", of the pictures and parquet files in a folder."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        around = Path(place).relative_to(folder).as_posix()
        for name in sorted(names):
            if not name.startswith(".") and (is_picture(name) or name.lower().endswith(".parquet")):
                yield name if around == "." else f"{around}/{name}"


def _image_column(part: Dataset, image: str | None, name: str) -> str:
    datasets = _library()
    columns = [column for column, feature in part.features.items() if isinstance(feature, datasets.Image)]
    if image in columns or (image is None and len(columns) == 1):
        return image or columns[0]
    asked = f"holds no pictures in a column {image!r}" if image else "should hold one column of pictures"
    listed = ", ".join(columns) or f"none; its columns are {', '.join(part.features)}"
    raise DataCorrupt(f"{name} {asked}; columns of pictures: {listed}.")


def _class_column(part: Dataset) -> str | None:
    """The only column of classes; None if there are several."""
    datasets = _library()
    columns = [column for column, feature in part.features.items() if isinstance(feature, datasets.ClassLabel)]
    return columns[0] if len(columns) == 1 else None


def _labels(values: Sequence[int | None]) -> np.ndarray:
    """Classes, int64 (N,), where a missing one is -1, as sets of the hub write it."""
    return np.array([-1 if value is None else value for value in values], np.int64)


def _bool_columns(part: Dataset) -> list[str]:
    return [name for name, feature in part.features.items() if getattr(feature, "dtype", None) == "bool"]


def _attributes(found: Mapping[str, Dataset]) -> dict[str, np.ndarray]:
    """The columns of bools of each split, int8 (N, A); {} if there are none, or some value is missing."""
    columns = _bool_columns(next(iter(found.values())))
    values = {split: [part[column][:] for column in columns] for split, part in found.items()}
    if not columns or any(None in column for some in values.values() for column in some):
        return {}
    return {split: np.array(some, np.int8).T for split, some in values.items()}


class _Rows(PictureStore):
    """The pictures in a column of a data set's split."""

    def __init__(self, part: Dataset, column: str, dataset: str | Path, split: str) -> None:
        datasets = _library()
        self.encoded = part.select_columns([column]).cast_column(column, datasets.Image(decode=False))
        self.column, self.dataset, self.split = column, dataset, split
        config = datasets.config
        inside = [dataset] if isinstance(dataset, Path) else [config.HF_DATASETS_CACHE, config.HF_CACHE_HOME]
        self.roots = [Path(root).resolve() for root in inside]

    def picture(self, place: int, path: str) -> EncodedPicture:
        name = f"{self.dataset}, {self.split} row {place:,}"
        return EncodedPicture(name, lambda: _bytes(self.encoded[place][self.column], name, self.roots), path)

    def stamps(self, paths: Paths) -> Iterator[Stamp]:
        """The files in which the library keeps the rows, and those that rows name instead of holding a picture."""
        yield str(self.dataset), self.split, len(paths)
        for kept in self.encoded.cache_files:
            yield stamp_of(kept["filename"])
        for rows in self.encoded.with_format("arrow").iter(ROWS):
            pictures = rows.column(self.column).combine_chunks()
            if pictures.field("bytes").null_count:
                yield from (stamp_of(name) for name in pictures.field("path").to_pylist() if name)

    def pictures(self) -> EncodedPictures:
        return EncodedPictures(self, Paths.of(f"row {row}" for row in range(len(self.encoded))))


def _bytes(value: Any, name: str, roots: list[Path]) -> bytes:
    """A row's encoded picture: in the row, or in a file that it names, which must belong to the data set."""
    if value is None or (value["bytes"] is None and not value["path"]):
        raise Refused(f"{name} is empty. Remove or replace it.")
    if value["bytes"] is not None:
        return value["bytes"]
    path = Path(value["path"]).resolve()
    if not any(path.is_relative_to(root) for root in roots):
        raise Refused(f"{name} names the file {path}, which is not part of the data set; it was not read.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{name} cannot be read ({error}). Remove or replace it.") from error
