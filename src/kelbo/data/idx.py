"""MNIST and Fashion-MNIST from their official IDX files (LeCun et al., 1998; Xiao et al., 2017), gzipped or not.

An IDX file is two zero bytes, a byte naming the type (0x08: unsigned bytes), a byte counting the dimensions, each
dimension as a big-endian 32-bit number, and the values in C order.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.data.roots import missing
from kelbo.errors import DataCorrupt

CLASSES = 10
PREFIXES = {"train": "train", "test": "t10k"}
IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
UNSIGNED_BYTE = 0x08
CHUNK = 2**24


def mnist(root: Path | str, pad: int | None = None) -> ImageSet:
    """MNIST's 60,000 training and 10,000 test images, (N, 1, 28, 28), with labels.

    root: a folder holding the four official files in mnist/, MNIST/raw/ or itself. pad: side of the square to which
    images are padded with zeros on all sides (such as 32). Raises DataMissing and DataCorrupt, naming the file; ValueError
    if pad is smaller than the images.
    """
    return _image_set("mnist", "MNIST", Path(root), ("mnist", "MNIST/raw", "."), pad)


def fashion_mnist(root: Path | str, pad: int | None = None) -> ImageSet:
    """Fashion-MNIST as `mnist` returns MNIST; its files are looked for in fashion-mnist/, FashionMNIST/raw/ or root."""
    found = _image_set("fashion-mnist", "Fashion-MNIST", Path(root), ("fashion-mnist", "FashionMNIST/raw", "."), pad)
    return replace(found, class_names=FASHION)


def _image_set(name: str, title: str, root: Path, places: tuple[str, ...], pad: int | None) -> ImageSet:
    folders = [root / place for place in places]
    files = _located(title, folders)
    splits, labels, sources, padded = {}, {}, {}, ""
    for split, prefix in PREFIXES.items():
        pixels, classes = _pair(files[f"{prefix}-{IMAGES}"], files[f"{prefix}-{LABELS}"])
        if pad is not None and pixels.shape[1:] != (pad, pad):
            pixels, padded = pad_with_zeros(pixels, pad), f", padded with zeros to {pad}×{pad}"
        splits[split] = ArrayImages(pixels[:, None])
        labels[split], sources[split] = classes, str(files[f"{prefix}-{IMAGES}"])
    note = f"{title}'s official IDX files and splits{padded}"
    return ImageSet(name=name, splits=splits, note=note, labels=labels, sources=sources)


def _located(title: str, folders: list[Path]) -> dict[str, Path]:
    """The four files, each plain or gzipped, from the first folder that has all of them."""
    wanted = [f"{prefix}-{kind}" for prefix in PREFIXES.values() for kind in (IMAGES, LABELS)]
    lacking: list[str] = []
    for folder in folders:
        found = {name: path for name in wanted for path in (folder / name, folder / f"{name}.gz") if path.is_file()}
        if len(found) == len(wanted):
            return found
        if found:
            lacking += [str(folder / name) for name in wanted if name not in found]
    raise missing(title, f"{', '.join(wanted)} (each plain or .gz)", folders, lacking)


def _pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    pixels, classes = read_idx(images, dimensions=3), read_idx(labels, dimensions=1)
    if len(pixels) != len(classes):
        raise DataCorrupt(f"{images} holds {len(pixels)} images, but {labels} holds {len(classes)} labels.")
    if classes.max(initial=0) >= CLASSES:
        raise DataCorrupt(f"{labels} should hold classes 0 to {CLASSES - 1}; found {classes.max()}.")
    return pixels, classes.astype(np.int64)


def pad_with_zeros(pixels: np.ndarray, side: int) -> np.ndarray:
    """(N, H, W) to (N, side, side); an odd remainder is added below and to the right."""
    rests = [side - have for have in pixels.shape[1:]]
    if min(rests) < 0:
        raise ValueError(f"pad must be at least the images' side, {max(pixels.shape[1:])}; got {side}.")
    return np.pad(pixels, [(0, 0), *((rest // 2, rest - rest // 2) for rest in rests)])


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The unsigned bytes of an IDX file (gzipped if its name ends in .gz) as a uint8 array with this number of dimensions.

    Raises DataCorrupt if the magic number, the type, the dimensions or the length are wrong.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return _values(stream, path, dimensions)  # type: ignore[arg-type]  # GzipFile reads as a BinaryIO does
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataCorrupt(f"{path} cannot be unzipped ({error}): it is cut off or damaged; fetch it again.") from error


def _values(stream: BinaryIO, path: Path, dimensions: int) -> np.ndarray:
    magic, expected = stream.read(4), bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if magic != expected:
        raise DataCorrupt(
            f"{path} should begin with the magic number 0x{expected.hex()} (unsigned bytes, {dimensions} dimensions); "
            f"found 0x{magic.hex()}."
        )
    header = stream.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise DataCorrupt(f"{path} ends within its header of {4 + 4 * dimensions} bytes, at byte {4 + len(header)}.")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
    length = math.prod(shape)
    values = bytearray()  # grown step by step, since a damaged header may claim more than fits into memory
    while len(values) <= length and (chunk := stream.read(min(CHUNK, length + 1 - len(values)))):
        values += chunk
    if len(values) < length:
        raise DataCorrupt(f"{path} should hold {length} values of shape {shape}; it ends after {len(values)}.")
    if len(values) > length:
        raise DataCorrupt(f"{path} should hold {length} values of shape {shape}; more bytes follow.")
    return np.frombuffer(values, np.uint8).reshape(shape)
