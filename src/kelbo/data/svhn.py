"""Street View House Numbers, cropped digits (Netzer et al., 2011), from the official MATLAB files.

Each file holds `X`, uint8 (32, 32, 3, N), and `y`, (N, 1) labels 1 … 10, where 10 means the digit 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.data.matlab import read_mat
from kelbo.data.roots import missing
from kelbo.errors import DataCorrupt

SIDE, CHANNELS, CLASSES = 32, 3, 10
PLACES = ("svhn", "SVHN", ".")
CHUNK = 4096
"""images transposed to the new layout at a time: 12 MiB"""


def svhn(root: Path | str, size: Literal[28, 32] = 32, extra: bool = False) -> ImageSet:
    """SVHN's cropped training and test images, (N, 3, size, size), with labels 0 … 9.

    root: a folder holding `train_32x32.mat` and `test_32x32.mat` in svhn/, SVHN/ or itself. size: 28 resizes by Pillow's
    antialiased bilinear filter, as the σ-VAE's release does for its 28×28 network. extra: `extra_32x32.mat`, 531,131
    easier images, follows the training images.

    Raises DataMissing if a file is absent; DataCorrupt (naming it) if one is damaged, of MATLAB's version 7.3,
    or holds other shapes, types or labels; ValueError if size is neither 28 nor 32.
    """
    if size not in (28, SIDE):
        raise ValueError(f"size must be 28 or 32; got {size}.")
    parts = {"train": ["train", "extra"] if extra else ["train"], "test": ["test"]}
    files = _located(Path(root), [part for names in parts.values() for part in names])
    splits, labels = {}, {}
    for split, names in parts.items():
        read = [_read(files[name], size) for name in names]
        splits[split] = ArrayImages(read[0][0] if len(read) == 1 else np.concatenate([pixels for pixels, _ in read]))
        labels[split] = np.concatenate([classes for _, classes in read])
    resized = "" if size == SIDE else f", resized to {size}×{size} by Pillow's antialiased bilinear filter"
    added = " and its extra images to train on" if extra else ""
    sources = {split: ", ".join(str(files[name]) for name in names) for split, names in parts.items()}
    note = f"SVHN's official cropped digits and splits{added}{resized}"
    return ImageSet("svhn", splits, note, labels, sources=sources)


def _located(root: Path, parts: list[str]) -> dict[str, Path]:
    folders, lacking = [root / place for place in PLACES], []
    for folder in folders:
        files = {part: folder / f"{part}_32x32.mat" for part in parts}
        absent = [str(file) for file in files.values() if not file.is_file()]
        if not absent:
            return files
        lacking += absent if len(absent) < len(files) else []
    only_extra = bool(lacking) and all(path.endswith("extra_32x32.mat") for path in lacking)
    title = "SVHN's extra images" if only_extra else "SVHN"  # they are downloaded separately
    raise missing(title, ", ".join(f"{part}_32x32.mat" for part in parts), folders, lacking)


def _read(path: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A file's images, uint8 (N, 3, size, size), and labels, int64 (N,)."""
    values = read_mat(path, {"X": (SIDE, SIDE, CHANNELS, None), "y": (None, 1)})
    x, y = values["X"], values["y"][:, 0]
    if x.dtype != np.uint8:
        raise DataCorrupt(f"{path}: 'X' should be uint8; found {x.dtype}.")
    if x.shape[-1] != len(y) or len(y) == 0:
        raise DataCorrupt(
            f"{path} should hold as many labels as images, and at least one; found {len(y)} and {x.shape[-1]}."
        )
    wrong = y[~np.isin(y, np.arange(1, CLASSES + 1))]
    if len(wrong):
        raise DataCorrupt(f"{path}: 'y' should be labels 1 to {CLASSES}, {CLASSES} for the digit 0; found {wrong[0]}.")
    return _images_first(x, size), y.astype(np.int64) % CLASSES


def _images_first(x: np.ndarray, size: int) -> np.ndarray:
    """(32, 32, 3, N) to contiguous (N, 3, size, size), a chunk at a time, without a second copy of the whole array."""
    pixels = np.empty((x.shape[-1], CHANNELS, size, size), np.uint8)
    for start in range(0, len(pixels), CHUNK):
        chunk = np.ascontiguousarray(x[..., start : start + CHUNK].transpose(3, 0, 1, 2))
        if size != SIDE:
            chunk = np.stack([_resized(image, size) for image in chunk])
        pixels[start : start + CHUNK] = chunk.transpose(0, 3, 1, 2)
    return pixels


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
