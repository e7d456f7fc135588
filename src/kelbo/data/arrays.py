"""Any images in a NumPy file: `.npy`, mapped rather than read, or an array of an `.npz`."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from kelbo.data.axes import Layout, channels_first, check_layout, layout_of
from kelbo.data.images import ArrayImages, ImageSet, hold_out
from kelbo.data.mapped import mapped
from kelbo.errors import DataCorrupt, DataMissing

GRID = 1e-6
"""How far from a level's intensity a float may lie, in units of intensity."""
CHUNK_BYTES = 64 * 2**20


def arrays(
    path: Path | str,
    *,
    key: str | None = None,
    test_key: str | None = None,
    layout: Layout = "auto",
    levels: int | None = None,
    held_out: float = 0.1,
    split_seed: int = 0,
) -> ImageSet:
    """The images of a NumPy file, (N, H, W), (N, H, W, C), (N, C, H, W) or with N last.

    uint8 values are the levels themselves and bool ones are two levels; a `.npy` of these is mapped, never read whole.
    Floats must be intensities level / (levels-1), to 1e-6, and are read into memory as levels.

    key:      which array of an `.npz`; by default the only one that can be images
    test_key: the array of an `.npz` that is the split "test"; by default a seeded draw of the fraction `held_out` is
    layout:   "auto" takes the channels to be the one axis of length 1, 3 or 4, and asks where the shape can be read in
              several ways, (32, 32, 3) say as 32 grey images or as one colour picture
    levels:   how many levels a pixel has; by default 2 of bool, else 256

    Raises DataMissing where the file is absent; DataCorrupt where it is damaged, holds no images or several candidates,
    the layout is unclear, or values are not levels; ValueError where an option is impossible.
    """
    path = Path(path)
    check_layout(layout)
    if levels is not None and not 2 <= levels <= 256:
        raise ValueError(f"levels must be 2 to 256; got {levels}.")
    array, source = load_array(path, key)
    images, layout = _images(array, source, layout, levels)
    if test_key is None:
        splits, made = hold_out(images, held_out, split_seed), f"{held_out:g} held out by seed {split_seed}"
    else:
        test, _ = _images(*load_array(path, test_key), layout, levels)
        if (test.shape, test.levels) != (images.shape, images.levels):
            raise DataCorrupt(f"{source} holds images {images.shape}, but {test_key!r} holds images {test.shape}.")
        splits, made = {"train": images, "test": test}, f"{test_key!r} as the test split"
    return ImageSet(name=path.stem, splits=splits, note=f"{source}, layout {layout}, {images.levels} levels, {made}")


def load_array(path: Path, key: str | None) -> tuple[np.ndarray, str]:
    """The array of a `.npy` (mapped) or `.npz` (read), and its name for messages. Raises as `arrays` does."""
    if not path.is_file():
        raise DataMissing(f"There is no file {path}. Name a .npy or .npz file of images.")
    if path.suffix not in (".npy", ".npz"):
        raise DataCorrupt(f"{path} should be a NumPy file, .npy or .npz; its name ends in {path.suffix!r}.")
    if path.suffix == ".npz":
        return _member(path, key)
    if key is not None:
        raise ValueError(f"{path} is a single array; the key {key!r} is for .npz files.")
    try:
        return mapped(path), str(path)
    except Exception as error:  # NumPy's parsers raise whatever a damaged header makes them meet
        raise DataCorrupt(f"{path} cannot be read: {error}") from error


def _member(path: Path, key: str | None) -> tuple[np.ndarray, str]:
    try:
        headers = _headers(path)
    except Exception as error:  # as above
        raise DataCorrupt(f"{path} cannot be read: {error}") from error
    listed = ", ".join(f"{name} {dtype} {shape}" for name, (shape, dtype) in headers.items()) or "none"
    if key is None:
        likely = [name for name, (shape, dtype) in headers.items() if len(shape) in (3, 4) and _is_read(dtype)]
        if len(likely) != 1:
            raise DataCorrupt(f"{path} should hold one array of images, or name its key; its arrays: {listed}.")
        key = likely[0]
    elif key not in headers:
        raise DataCorrupt(f"{path} holds no array {key!r}; its arrays: {listed}.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive[key], f"{path}[{key!r}]"
    except Exception as error:  # as above
        raise DataCorrupt(f"{path}[{key!r}] cannot be read: {error}") from error


def _headers(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and type of every array of an `.npz`, read without its values."""
    headers = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as stream:
                first = np.lib.format.read_magic(stream) == (1, 0)
                read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(stream)
                headers[name.removesuffix(".npy")] = shape, dtype
    return headers


def _is_read(dtype: np.dtype) -> bool:
    return dtype in (np.uint8, np.bool_) or dtype.kind == "f"


def _images(array: np.ndarray, source: str, layout: Layout, levels: int | None) -> tuple[ArrayImages, Layout]:
    """The images, and the layout that "auto" was found to be."""
    if not _is_read(array.dtype):
        raise DataCorrupt(f"{source} should hold uint8, bool or float values; found {array.dtype}. Save it as uint8.")
    if 0 in array.shape:
        raise DataCorrupt(f"{source} holds no images: its shape is {array.shape}.")
    layout = layout_of(array.shape, source, layout)
    pixels = channels_first(array, layout)
    if array.dtype == np.bool_:
        if levels not in (None, 2):
            raise ValueError(f"{source} holds bool values, which are 2 levels; got levels {levels}.")
        return ArrayImages(pixels.view(np.uint8), 2), layout
    if levels is None:
        some = pixels[:: max(1, len(pixels) // 32)]  # the whole may be a map larger than memory
        if ((some == 0) | (some == 1)).all():
            raise DataCorrupt(
                f"{source} seems to hold only 0 and 1 as {array.dtype}. Name its levels: 2, or 256 if it has as many."
            )
    if array.dtype.kind == "f":
        return ArrayImages(_levels(pixels, source, levels or 256), levels or 256), layout
    _check_levels(pixels, source, levels)
    return ArrayImages(pixels, levels or 256), layout


def _check_levels(pixels: np.ndarray, source: str, levels: int | None) -> None:
    if levels is not None and levels < 256 and (highest := int(pixels.max())) >= levels:
        raise DataCorrupt(f"{source} should hold levels 0 to {levels - 1}; found {highest}.")


def _levels(pixels: np.ndarray, source: str, levels: int) -> np.ndarray:
    """Floats on the grid k / (levels-1) to uint8 levels k, chunk by chunk."""
    out = np.empty(pixels.shape, np.uint8)
    rows = max(1, CHUNK_BYTES * len(pixels) // pixels.nbytes)
    for start in range(0, len(pixels), rows):
        values = pixels[start : start + rows].astype(np.float64)
        if not np.isfinite(values).all():
            raise DataCorrupt(f"{source} holds NaN or infinite values. Remove these images and save it again.")
        with np.errstate(over="ignore"):  # values near the largest float are off the grid whatever they become
            nearest = np.rint(values * (levels - 1))
        away = np.abs(values - nearest / (levels - 1)).max()
        if away > GRID or nearest.min() < 0 or nearest.max() > levels - 1:
            raise DataCorrupt(
                f"{source} should hold intensities k/{levels - 1} in [0, 1]; found floats from {pixels.min():g} to "
                f"{pixels.max():g}, up to {away:.2g} off that grid. Save them as uint8 levels 0 to {levels - 1}."
            )
        out[start : start + rows] = nearest
    return out
