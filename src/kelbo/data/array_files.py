"""Arrays in NumPy files: a `.npy`, an array of an `.npz`, or a folder of `.npy` files; mapped rather than read where that is
possible."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kelbo.data.mapped import mapped, npy_header
from kelbo.data.members import Member
from kelbo.data.splits import named, settled, sources_of, splits_among
from kelbo.errors import DataCorrupt, DataMissing
from kelbo.shortage import raise_shortage

NPY, NPZ = ".npy", ".npz"
IF_NOT_SPLITS = "If these are not splits, name the arrays by key, validation_key and test_key (data.key … in a recipe)."
MAPPED_FROM, BLOCK = 2**24, 2**20
"""bytes of an array in an `.npz` from which it is mapped; and those that are read at a time for its checksum"""
Header = tuple[tuple[int, ...], np.dtype]


def is_read(dtype: np.dtype) -> bool:
    """Whether an array of this type can be images."""
    return dtype in (np.uint8, np.bool_) or dtype.kind == "f"


def load_array(path: Path, key: str | None) -> tuple[np.ndarray, str]:
    """One array, and its name for messages, from a `.npy`, an `.npz` or a folder; mapped, unless it is compressed or small.

    DataMissing if there is none; DataCorrupt if it cannot be read; ValueError if a key is given for a single array.
    """
    if path.is_dir():
        return load_array(path / f"{key}{NPY}", None)
    _require_file(path)
    if path.suffix == NPZ:
        return _member(path, key)
    if key is not None:
        raise ValueError(f"{path} is a single array; the key {key!r} is for .npz files and folders.")
    return _mapped(path), str(path)


def chosen_arrays(path: Path, asked: Mapping[str, str | None]) -> tuple[dict[str, str | None], dict[str, str]]:
    """The key of each split's array, or of all images as "all", and a description of where each comes from.

    asked: keys by split; None to derive them from the names. Raises as `load_array` does; DataCorrupt if the names are
    ambiguous.
    """
    keys = {split: key for split, key in asked.items() if key is not None}
    if not path.is_dir():
        _require_file(path)
        if path.suffix == NPY:
            return {"all": None, **keys}, {}
    headers = headers_of(path)
    for key in keys.values():
        _require_key(path, key, headers)
    if "train" not in keys:
        likely = [name for name, header in headers.items() if _is_likely(header) and name not in keys.values()]
        _require_every_split_read(path, headers, likely, keys)
        called = {} if keys else splits_among(likely, str(path), IF_NOT_SPLITS)
        if called and len(called) == len(likely):
            chosen = settled(called, str(path), IF_NOT_SPLITS)
            return {**chosen}, sources_of(chosen, called)
        if len(likely) != 1:
            raise DataCorrupt(
                f"{path} should hold one array of images, or name its key; its arrays: {_listed(headers)}."
            )
        keys["train"] = likely[0]
    if len(keys) == 1:
        return {"all": keys["train"]}, {}
    if len({*keys.values()}) < len(keys):
        raise ValueError(
            f"{path}: one array cannot be two splits; got {', '.join(f'{s} {k!r}' for s, k in keys.items())}."
        )
    called = {key: split for split, key in keys.items()}
    chosen = settled(called, str(path), IF_NOT_SPLITS)
    return {**chosen}, sources_of(chosen, called)


def not_read_beside(path: Path, keys: Mapping[str, str | None]) -> str:
    """The part of a set's note on splits beside the training images that are not read; "" if there are none.

    keys: those that are read, by split. The others are files beside a single `.npy`, or arrays of the same `.npz` or folder.
    """
    if path.suffix == NPY and not path.is_dir():
        files = {file.stem: file.name for file in sorted(path.parent.glob(f"*{NPY}"))}
        one, others, what_to_do = path.stem, files, "name the folder to read all"
    else:
        one, others = str(next(iter(keys.values()))), {name: name for name in headers_of(path)}
        what_to_do = "name it by validation_key or test_key to read it"
    if (first := named(one)) is None:
        return ""
    splits = {first.split} | ({*keys} - {"all"})
    unread = [
        told
        for name, told in others.items()
        if (said := named(name)) and said.rest == first.rest and said.split not in splits
    ]
    return f"; {', '.join(unread)} beside it not read ({what_to_do})" if unread else ""


def label_arrays(
    path: Path, keys: Mapping[str, str | None], counts: Mapping[str, int], asked: Mapping[str, str | None]
) -> dict[str, str]:
    """The key of the array with each split's classes; {} if names do not show one for each split.

    keys, counts: of the images, by split. asked: keys of classes that the user names. An array of classes has one integer, bool
    or word an image; it is the only such array, or, of several splits, the only one whose name stands for that of the images.
    DataCorrupt if one that is asked for is no such array; ValueError if one is asked for of a single array.
    """
    if path.suffix == NPY and not path.is_dir():
        if told := [key for key in asked.values() if key is not None]:
            raise ValueError(f"{path} is a single array; the key {told[0]!r} is for .npz files and folders.")
        return {}
    headers, found = headers_of(path), {}
    for split, key in keys.items():
        shapes = (counts[split],), (counts[split], 1)
        fitting = [name for name, (shape, dtype) in headers.items() if shape in shapes and dtype.kind in "iubU"]
        one = asked.get("train" if split == "all" else split)
        if one is not None:
            _require_key(path, one, headers)
            if one not in fitting:
                what = f"it is {headers[one][1]} {headers[one][0]}"
                raise DataCorrupt(f"{path}[{one!r}] should hold a class for each of {counts[split]:,} images; {what}.")
            fitting = [one]
        elif len(keys) > 1:
            fitting = [name for name in fitting if (said := named(name)) and said.split == _split_of(str(key), split)]
        if len(fitting) == 1:
            found[split] = fitting[0]
    return found if found.keys() == keys.keys() else {}


def _split_of(key: str, split: str) -> str:
    """The split that an array's own name stands for: the test images of a set may be in one that is named validation."""
    said = named(key)
    return said.split if said else split


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise DataMissing(
            f"There is no file {path}. Name a .npy or .npz file of images, or a folder of .npy files.",
            remedy=("data_root",),
        )
    if path.suffix not in (NPY, NPZ):
        raise DataCorrupt(f"{path} should be a NumPy file, .npy or .npz; its name ends in {path.suffix!r}.")


def _require_key(path: Path, key: str, headers: Mapping[str, Header]) -> None:
    if key not in headers:
        raise DataCorrupt(f"{path} holds no array {key!r}; its arrays: {_listed(headers)}.")


def _require_every_split_read(
    path: Path, headers: Mapping[str, Header], likely: Sequence[str], keys: Mapping[str, str]
) -> None:
    """DataCorrupt if an array that is named as a split of the images cannot be images, and no other array is that split.

    Labels (y_test, test_labels) have other names than the images, and are not taken for splits of them.
    """
    known = {said.split for name in (*likely, *keys.values()) if (said := named(name))} | {*keys}
    rests = {said.rest for name in likely if (said := named(name))}
    for name, (shape, dtype) in headers.items():
        said = None if name in likely or name in keys.values() else named(name)
        if said is None or said.split in known:
            continue
        if said.rest in rests or (not said.rest and len(shape) in (3, 4)):
            raise DataCorrupt(
                f"{path}: the array {name} is named as the {said.split} split, but {dtype} {shape} cannot be read as "
                f"images. Save it as uint8 with the shape of the other images. {IF_NOT_SPLITS}"
            )


def _member(path: Path, key: str | None) -> tuple[np.ndarray, str]:
    """An array of an `.npz`: mapped if it is large and not compressed, as `numpy.savez` writes it, else read."""
    key = chosen_arrays(path, {"train": key})[0]["all"] if key is None else key
    _require_key(path, str(key), headers_of(path))
    try:
        array = _stored(path, f"{key}{NPY}")
        if array is None:
            with np.load(path, allow_pickle=False) as archive:
                array = archive[str(key)]
        return array, f"{path}[{key!r}]"
    except Exception as error:  # NumPy's parsers raise errors of many kinds for a damaged header
        raise_shortage(error, f"reading {path}")
        raise DataCorrupt(f"{path}[{key!r}] cannot be read: {error}") from error


def _stored(path: Path, name: str) -> np.ndarray | None:
    """A large array that is not compressed, mapped, so that processes share it; its checksum is verified. None of others."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size < MAPPED_FROM:
            return None
        with archive.open(info) as stream:
            shape, by_columns, dtype = npy_header(stream)
            header = stream.tell()
            if by_columns or dtype.hasobject or header + math.prod(shape) * dtype.itemsize != info.file_size:
                return None
            while stream.read(BLOCK):
                pass  # at its end the checksum is compared
    return Member(path, f"{path}[{name.removesuffix(NPY)!r}]", info, shape, dtype, header).mapped()


def _mapped(path: Path) -> np.ndarray:
    try:
        return mapped(path)
    except Exception as error:  # as above
        raise_shortage(error, f"reading {path}")
        raise DataCorrupt(f"{path} cannot be read: {error}") from error


def headers_of(path: Path) -> dict[str, Header]:
    """Shape and type of every array, without reading its values."""
    if not path.is_dir():
        try:
            return _headers_within(path)
        except Exception as error:  # as above
            raise_shortage(error, f"reading {path}")
            raise DataCorrupt(f"{path} cannot be read: {error}") from error
    files = [file for file in sorted(path.glob(f"*{NPY}")) if not file.name.startswith(".")]
    if not files:
        raise DataMissing(
            f"The folder {path} holds no .npy files. Name one that does, or a .npy or .npz file.", remedy=("data_root",)
        )
    arrays = {file.stem: _mapped(file) for file in files}
    return {name: (array.shape, array.dtype) for name, array in arrays.items()}


def _headers_within(path: Path) -> dict[str, Header]:
    headers = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as stream:
                shape, _, dtype = npy_header(stream)
                headers[name.removesuffix(NPY)] = shape, dtype
    return headers


def _is_likely(header: Header) -> bool:
    shape, dtype = header
    return len(shape) in (3, 4) and is_read(dtype)


def _listed(headers: Mapping[str, Header]) -> str:
    return ", ".join(f"{name} {dtype} {shape}" for name, (shape, dtype) in headers.items()) or "none"
