"""Images as integer levels, wherever they lie, and a data set of them.

`take` is the only way to pixels, so an array in memory, a memory-mapped file, a GPU tensor and bit-packed frames look the
same to a training loop.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kelbo.data.splits import told
from kelbo.errors import DataCorrupt
from kelbo.seeds import generator
from kelbo.units import quantize

if TYPE_CHECKING:
    from kelbo.data.factors import FactorImages


class Images(ABC):
    """N images of one shape (C, H, W) with integer levels 0 … levels-1."""

    shape: tuple[int, int, int]
    levels: int

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, index: Tensor) -> Tensor:
        """Images at `index` (int64, (B,)) as uint8 (B, C, H, W), on the images' own device."""

    @abstractmethod
    def to(self, device: torch.device) -> Images:
        """The same images held on `device`."""

    @property
    @abstractmethod
    def device(self) -> torch.device: ...

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes that the pixels take where they are held."""

    @property
    def dims(self) -> int:
        """C·H·W, the number of dimensions of one image."""
        return int(np.prod(self.shape))

    def fingerprint(self, count: int = 4096) -> str:
        """SHA-256 (first 16 hex digits) of the shape, the levels and up to `count` evenly spaced images."""
        digest = hashlib.sha256(repr((len(self), self.shape, self.levels)).encode())
        for part in self._spread(count).split(256):
            digest.update(self.take(part.to(self.device)).cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def spread(self, count: int) -> Tensor:
        """`count` images (all, where there are fewer) spread evenly over the set, uint8 (B, C, H, W)."""
        return self.take(self._spread(count).to(self.device))

    def _spread(self, count: int) -> Tensor:
        return torch.linspace(0, len(self) - 1, min(count, len(self)), dtype=torch.float64).round().long()


class ArrayImages(Images):
    """Images in one uint8 array (N, C, H, W): in memory, memory-mapped, or on a device."""

    def __init__(self, pixels: np.ndarray | Tensor, levels: int = 256) -> None:
        if pixels.ndim != 4 or len(pixels) == 0:
            raise DataCorrupt(f"Images must be a non-empty array (N, C, H, W); got shape {tuple(pixels.shape)}.")
        if pixels.dtype not in (np.uint8, torch.uint8):
            raise DataCorrupt(f"Images must be uint8 levels; got {pixels.dtype}.")
        self.pixels = pixels
        self.shape = (int(pixels.shape[1]), int(pixels.shape[2]), int(pixels.shape[3]))
        self.levels = levels

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, index: Tensor) -> Tensor:
        if isinstance(self.pixels, np.ndarray):  # a read-only map stays one: torch would warn about its flags
            return torch.from_numpy(self.pixels[index.numpy()]).contiguous()  # channel-last files are seen transposed
        return self.pixels.index_select(0, index)

    def to(self, device: torch.device) -> ArrayImages:
        if isinstance(self.pixels, np.ndarray) and device.type == "cpu":
            return self
        if isinstance(self.pixels, np.ndarray):
            return ArrayImages(_copied(self.pixels, device), self.levels)
        return ArrayImages(self.pixels.to(device), self.levels)

    @property
    def device(self) -> torch.device:
        return torch.device("cpu") if isinstance(self.pixels, np.ndarray) else self.pixels.device

    @property
    def nbytes(self) -> int:
        return int(self.pixels.nbytes)


def _copied(pixels: np.ndarray, device: torch.device, chunk_bytes: int = 64 * 2**20) -> Tensor:
    """The array as a contiguous tensor on `device`, read chunk by chunk: a mapped file never lies in memory whole."""
    out = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    rows = max(1, chunk_bytes * len(pixels) // max(1, pixels.nbytes))
    for start in range(0, len(pixels), rows):
        # a copy, since torch warns about arrays that it may not write to
        out[start : start + rows] = torch.from_numpy(np.array(pixels[start : start + rows], order="C"))
    return out


class SubsetImages(Images):
    """Some images of another set, in a given order; no pixel is copied."""

    def __init__(self, parent: Images, index: Tensor) -> None:
        if len(index) == 0:
            raise DataCorrupt("A split of the data is empty: there are too few images to hold any out.")
        self.parent, self.index = parent, index
        self.shape, self.levels = parent.shape, parent.levels

    def __len__(self) -> int:
        return len(self.index)

    def take(self, index: Tensor) -> Tensor:
        return self.parent.take(self.index[index])

    def to(self, device: torch.device) -> SubsetImages:
        return SubsetImages(self.parent.to(device), self.index.to(device))

    @property
    def device(self) -> torch.device:
        return self.parent.device

    @property
    def nbytes(self) -> int:
        return self.parent.nbytes


class QuantizedImages(Images):
    """The `bits` most significant bits of 256-level images, shifted where they are taken; no pixel is copied."""

    def __init__(self, parent: Images, bits: int) -> None:
        if parent.levels != 256:
            raise ValueError(f"Only images of 256 levels can be quantised by bits; these have {parent.levels}.")
        if not 1 <= bits <= 8:
            raise ValueError(f"bits must be 1 to 8; got {bits}.")
        self.parent, self.bits = parent, bits
        self.shape, self.levels = parent.shape, 2**bits

    def __len__(self) -> int:
        return len(self.parent)

    def take(self, index: Tensor) -> Tensor:
        return quantize(self.parent.take(index), self.bits)

    def to(self, device: torch.device) -> QuantizedImages:
        return QuantizedImages(self.parent.to(device), self.bits)

    @property
    def device(self) -> torch.device:
        return self.parent.device

    @property
    def nbytes(self) -> int:
        return self.parent.nbytes


@dataclass(frozen=True)
class ImageSet:
    """A data set: its splits by name ("train", "test", …), and what is known of each image.

    labels holds, per split, int64 classes (N,) where the set has them; attributes int8 0 or 1 (N, A), whose A columns
    attribute_names tells. whole, of a set with factors, is every image in the order of their indices; the splits are
    subsets of it and share its pixels. sources says of each split where it is from: a folder, a file, a draw. names holds, per
    split, each image's path within the set ("cats/1.png"), of sets of encoded pictures; used says how many of its files were
    used and how many were left out, and left_out names each picture that was skipped and why. note says in one line where the
    pixels come from and how the splits were made; a report prints it.
    """

    name: str
    splits: Mapping[str, Images]
    note: str
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    attribute_names: tuple[str, ...] = ()
    whole: FactorImages | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, np.ndarray] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    used: str = ""

    @property
    def train(self) -> Images:
        return self.splits["train"]

    @property
    def test(self) -> Images:
        return self.splits["test"]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.train.shape

    @property
    def levels(self) -> int:
        return self.train.levels


def hold_out(images: Images, fraction: float, seed: int) -> dict[str, SubsetImages]:
    """Splits "train" and "test" of a set that comes with none: a seeded draw of `fraction` is held out.

    At least one image is held out; each split keeps the images' own order. Raises ValueError where fraction is not in
    (0, 1) and DataCorrupt where nothing is left to train on.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"The fraction to hold out must be above 0 and below 1; got {fraction}.")
    if len(images) < 2:
        raise DataCorrupt("There is 1 image; 2 or more are needed to hold one out.")
    order = torch.randperm(len(images), generator=generator(seed, "split"))
    held = max(1, round(fraction * len(images)))
    return {
        "train": SubsetImages(images, order[held:].sort().values),
        "test": SubsetImages(images, order[:held].sort().values),
    }


def divided(whole: ImageSet, fraction: float, seed: int) -> ImageSet:
    """The set with splits drawn by `hold_out`, where its only split is "all"; with its own splits as they are.

    Its note ends with where the splits are from.
    """
    if "all" not in whole.splits:
        return replace(whole, note=f"{whole.note}, {told(whole.sources)}")
    sources = drawn(fraction, seed, whole.sources.get("all"))
    parts = hold_out(whole.splits["all"], fraction, seed)

    def taken(known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {split: known["all"][part.index.numpy()] for split, part in parts.items()} if known else {}

    note, labels, names = f"{whole.note}, {sources['test']}", taken(whole.labels), taken(whole.names)
    return replace(whole, splits=parts, note=note, labels=labels, names=names, sources=sources)


def splits_told(image_set: ImageSet) -> str:
    """In one line the splits, how many images each has, and where each is from; and what was left out."""
    parts = [
        f"{len(images):,} {split} images" + (f" ({source})" if (source := image_set.sources.get(split)) else "")
        for split, images in image_set.splits.items()
    ]
    return f"{image_set.name}: {', '.join(parts)}" + (f"; {image_set.used}" if image_set.used else "")


def drawn(fraction: float, seed: int, of: str | None = None) -> dict[str, str]:
    """The sources of the splits that `hold_out` makes. of: what they are drawn from, where that is not everything."""
    whence = f" of {of}" if of else ""
    return {"train": f"the rest{whence}", "test": f"{fraction:g}{whence} held out by seed {seed}"}


def quantized(image_set: ImageSet, bits: int) -> ImageSet:
    """The same set at 2**bits levels: the `bits` most significant bits of each pixel (Kingma & Dhariwal, 2018, use 5).

    Raises ValueError where bits is not 1 to 8 or the set has not 256 levels.
    """
    splits = {name: QuantizedImages(images, bits) for name, images in image_set.splits.items()}
    whole = image_set.whole and replace(image_set.whole, images=QuantizedImages(image_set.whole.images, bits))
    note = f"{image_set.note}; the {bits} most significant bits of each pixel"
    return replace(image_set, name=f"{image_set.name}-{bits}bit", splits=splits, whole=whole, note=note)
