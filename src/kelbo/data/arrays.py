"""Any images in NumPy files, whatever their layout, as levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from kelbo.data.array_files import chosen_arrays, is_read, label_arrays, load_array, not_read_beside
from kelbo.data.axes import Layout, channels_first, check_layout, layout_of
from kelbo.data.classes import Classes, of_values
from kelbo.data.image_set import ImageSet, divided, drawn
from kelbo.data.images import ArrayImages
from kelbo.data.splits import sources_line
from kelbo.errors import DataCorrupt

GRID = 1e-6
"""Largest allowed distance between a float and a level's intensity, in units of intensity."""
CHUNK_BYTES = 64 * 2**20


def arrays(
    path: Path | str,
    *,
    key: str | None = None,
    test_key: str | None = None,
    validation_key: str | None = None,
    labels_key: str | None = None,
    validation_labels_key: str | None = None,
    test_labels_key: str | None = None,
    layout: Layout = "auto",
    levels: int | None = None,
    held_out: float = 0.1,
    split_seed: int = 0,
) -> ImageSet:
    """The images of a NumPy file, (N, H, W), (N, H, W, C), (N, C, H, W) or with N last, or of a folder of `.npy` files.

    uint8 values are the levels themselves and bool ones are two levels; a `.npy` of these, and a large array of an
    `.npz` that is not compressed, are mapped, never held whole.
    Floats must be intensities level / (levels-1), to 1e-6, and are read into memory as levels. Several arrays of an
    `.npz`, or files of a folder, are splits if their names say so (x_train and x_test; train_images, val_images and
    test_images). A single array is the whole set: a seeded draw of the fraction `held_out` is the split "test".

    key:      which array of an `.npz`, or which file; by default the split "train", or the only one that can be images
    test_key, validation_key: those of the splits "test" and "validation", if the names do not tell
    labels_key, test_labels_key, validation_labels_key: arrays of the images' classes, one integer, bool or word an image; by
              default those whose names show it (y_train and y_test), or the only array that can be, if images share values
    layout:   "auto" takes the one axis of length 1, 3 or 4 for the channels, and raises DataCorrupt if the shape can be
              read in several ways: (32, 32, 3) may be 32 grey images or one colour picture
    levels:   how many levels a pixel has; by default 2 for bool, else 256

    Raises DataMissing if the file is absent; DataCorrupt if it is damaged, holds no images or several candidates,
    its names look like splits but cannot be taken as such, the layout is unclear, or values are not levels; ValueError
    if an option is impossible.
    """
    path = Path(path)
    check_layout(layout)
    if levels is not None and not 2 <= levels <= 256:
        raise ValueError(f"levels must be 2 to 256; got {levels}.")
    keys, sources = chosen_arrays(path, {"train": key, "validation": validation_key, "test": test_key})
    loaded = {split: load_array(path, name) for split, name in keys.items()}
    images, its_layout = {}, layout
    for split, (array, source) in loaded.items():  # the layout of the first, of the training images, holds for all
        images[split], its_layout = _images(array, source, its_layout, levels)
    first = next(iter(images.values()))
    for split, (_, source) in loaded.items():
        if (images[split].shape, images[split].levels) != (first.shape, first.levels):
            raise DataCorrupt(f"{path} holds images {first.shape}, but {source} holds images {images[split].shape}.")
    asked = {"train": labels_key, "validation": validation_labels_key, "test": test_labels_key}
    labelled = label_arrays(path, keys, {split: len(some) for split, some in images.items()}, asked)
    classes = _classes(path, labelled, labels_key is not None)
    known = {"labels": classes.labels, "class_names": classes.names, "unlabelled": classes.why_none}
    how = f"layout {its_layout}, {first.levels} levels"
    if "all" not in images:
        note = f"{path}, {how}, {sources_line(sources)}{not_read_beside(path, keys)}"
        return ImageSet(path.stem, images, note, sources=sources, **known)
    note = f"{loaded['all'][1]}, {how}, {drawn(held_out, split_seed, sources.get('all'))['test']}{not_read_beside(path, keys)}"
    found = divided(ImageSet(path.stem, images, note, sources=sources, **known), held_out, split_seed)
    return replace(found, note=note)


def _classes(path: Path, keys: Mapping[str, str], asked: bool) -> Classes:
    """The classes that these arrays hold, by split. If nobody asked for them, values that all differ are numbers of images."""
    values = {split: load_array(path, key)[0].reshape(-1) for split, key in keys.items()}
    first = next(iter(values), None)
    if first is None or asked or len(np.unique(values[first])) < len(values[first]):
        return of_values(values)
    return Classes(
        {}, why_none=f"each image has another value in {keys[first]}; data.labels_key={keys[first]} takes it"
    )


def _images(array: np.ndarray, source: str, layout: Layout, levels: int | None) -> tuple[ArrayImages, Layout]:
    """The images, and their layout if it was "auto"."""
    if not is_read(array.dtype):
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
        some = pixels[:: max(1, len(pixels) // 32)]  # the whole array may be mapped and larger than memory
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
    """Convert floats on the grid k / (levels-1) to uint8 levels k, chunk by chunk."""
    out = np.empty(pixels.shape, np.uint8)
    rows = max(1, CHUNK_BYTES * len(pixels) // pixels.nbytes)
    for start in range(0, len(pixels), rows):
        values = pixels[start : start + rows].astype(np.float64)
        if not np.isfinite(values).all():
            raise DataCorrupt(f"{source} holds NaN or infinite values. Remove these images and save it again.")
        with np.errstate(over="ignore"):  # values near the largest float are off the grid in any case
            nearest = np.rint(values * (levels - 1))
        away = np.abs(values - nearest / (levels - 1)).max()
        if away > GRID or nearest.min() < 0 or nearest.max() > levels - 1:
            raise DataCorrupt(
                f"{source} should hold intensities k/{levels - 1} in [0, 1]; found floats from {pixels.min():g} to "
                f"{pixels.max():g}, up to {away:.2g} off that grid. Save them as uint8 levels 0 to {levels - 1}."
            )
        out[start : start + rows] = nearest
    return out
