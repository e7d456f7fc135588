"""Images as integer levels, or rows of real numbers, wherever they are stored.

Pixels are read only by `take`, so an array in memory, a memory-mapped file, a GPU tensor and bit-packed frames are
interchangeable in a training loop.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from kelbo.errors import DataCorrupt, DataError
from kelbo.units import quantize


class Images(ABC):
    """N examples of one shape, (C, H, W) if they are images, with integer levels 0 … levels-1.

    levels is None of rows of a table, (D,): they are real numbers, float32, each column in its own unit.
    """

    shape: tuple[int, ...]
    levels: int | None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, index: Tensor) -> Tensor:
        """Examples at `index` (int64, (B,)) as uint8 (float32 without levels) (B, *shape), on the images' own device."""

    def given_at(self, index: Tensor) -> dict[str, Tensor]:
        """What a model is told of the examples at `index` beside their pixels, each (B, …); {} if nothing."""
        return {}

    @abstractmethod
    def to(self, device: torch.device) -> Images:
        """The same images held on `device`."""

    @property
    @abstractmethod
    def device(self) -> torch.device: ...

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes that the stored pixels and conditions occupy."""

    @property
    def dims(self) -> int:
        """The number of dimensions of one example, C·H·W of an image."""
        return int(np.prod(self.shape))

    @property
    def pixel_levels(self) -> int:
        """The levels of a pixel. DataError if the examples are rows of real numbers."""
        if self.levels is None:
            raise DataError(f"This needs images of integer levels; these are rows of real numbers, {self.shape}.")
        return self.levels

    def fingerprint(self, count: int = 4096, *, conditions: bool = True) -> str:
        """SHA-256 (first 16 hex digits) of the shape, the levels and up to `count` evenly spaced images.

        conditions: with what a model is told of them, if it is.
        """
        digest = hashlib.sha256(repr((len(self), self.shape, self.levels)).encode())
        for part in self.spread_index(count).split(256):
            index = part.to(self.device)
            digest.update(self.take(index).cpu().numpy().tobytes())
            for name, value in sorted(self.given_at(index).items()) if conditions else ():
                digest.update(repr((name, value.dtype, value.shape)).encode() + value.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def spread(self, count: int) -> Tensor:
        """`count` images (all, if there are fewer) spread evenly over the set, uint8 (B, C, H, W)."""
        return self.take(self.spread_index(count).to(self.device))

    def spread_index(self, count: int) -> Tensor:
        """Which they are, int64 on the CPU."""
        return torch.tensor(spread_places(len(self), count), dtype=torch.long)

    def middle_index(self, count: int) -> Tensor:
        """The middle of each of `count` equal parts (of one example each, if there are fewer), int64 on the CPU.

        In a set in the order of its factors several factors change from one of these to the next, unlike `spread_index`.
        """
        count = min(count, len(self))
        return ((torch.arange(count, dtype=torch.float64) + 0.5) * len(self) / count).long()


def spread_places(size: int, count: int) -> list[int]:
    """`count` places (all, if there are fewer) spread evenly over `size` of them, the first and the last among them."""
    return torch.linspace(0, size - 1, min(count, size), dtype=torch.float64).round().long().tolist()


def picture_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape (C, H, W) of examples that are images. DataError if they are of another kind."""
    if len(shape) != 3:
        raise DataError(f"This needs images (C, H, W); these examples have the shape {shape}.")
    return shape[0], shape[1], shape[2]


def average_squares(pixels: np.ndarray, side: int) -> np.ndarray:
    """(…, H, W) uint8 to (…, H/side, W/side): means of squares of pixels, halves rounded up. ValueError if they do not fit."""
    if side == 1:
        return pixels
    *rest, height, width = pixels.shape
    if side < 1 or height % side or width % side:
        raise ValueError(f"Squares of {side} pixels do not fill images of {height}×{width}.")
    sums = pixels.reshape(*rest, height // side, side, width // side, side).sum((-3, -1), dtype=np.uint32)
    return ((sums + side * side // 2) // (side * side)).astype(np.uint8)


class ArrayImages(Images):
    """Examples in one array (N, *shape), uint8, or float32 without levels: in memory, memory-mapped, or on a device."""

    def __init__(self, pixels: np.ndarray | Tensor, levels: int | None = 256) -> None:
        if pixels.ndim < 2 or len(pixels) == 0:
            raise DataCorrupt(
                f"Examples must be a non-empty array (N, C, H, W) or (N, *shape); got shape {tuple(pixels.shape)}."
            )
        if levels is None and pixels.dtype not in (np.float32, torch.float32):
            raise DataCorrupt(f"Examples without levels must be float32 numbers; got {pixels.dtype}.")
        if levels is not None and pixels.dtype not in (np.uint8, torch.uint8):
            raise DataCorrupt(f"Images must be uint8 levels; got {pixels.dtype}.")
        self.pixels = pixels
        self.shape = tuple(map(int, pixels.shape[1:]))
        self.levels = levels

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, index: Tensor) -> Tensor:
        if isinstance(self.pixels, np.ndarray):  # a read-only map stays mapped: torch would warn about its flags
            return torch.from_numpy(self.pixels[index.numpy()]).contiguous()  # channel-last files are transposed views
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
    """The array as a contiguous tensor on `device`, read chunk by chunk: a mapped file is never completely in memory."""
    out = torch.empty(pixels.shape, dtype=torch.from_numpy(pixels[:0].copy()).dtype, device=device)
    rows = max(1, chunk_bytes * len(pixels) // max(1, pixels.nbytes))
    for start in range(0, len(pixels), rows):
        # a copy, since torch warns about read-only arrays
        out[start : start + rows] = torch.from_numpy(np.array(pixels[start : start + rows], order="C"))
    return out


class Derived(Images):
    """Another set's examples, changed when they are taken; no pixel is copied."""

    def __init__(self, parent: Images) -> None:
        self.parent, self.shape, self.levels = parent, parent.shape, parent.levels

    def __len__(self) -> int:
        return len(self.parent)

    def take(self, index: Tensor) -> Tensor:
        return self.parent.take(index)

    def given_at(self, index: Tensor) -> dict[str, Tensor]:
        return self.parent.given_at(index)

    @property
    def device(self) -> torch.device:
        return self.parent.device

    @property
    def nbytes(self) -> int:
        return self.parent.nbytes


class TensorBeside(Derived):
    """Another set's examples, each with a tensor of values (N, …), on the examples' device, that is given by this name."""

    def __init__(self, parent: Images, name: str, values: Tensor) -> None:
        super().__init__(parent)
        self.name, self.values = name, values

    def given_at(self, index: Tensor) -> dict[str, Tensor]:
        return self.parent.given_at(index) | {self.name: self.values.index_select(0, index)}

    @property
    def nbytes(self) -> int:
        return self.parent.nbytes + self.values.nbytes

    def to(self, device: torch.device) -> TensorBeside:
        return TensorBeside(self.parent.to(device), self.name, self.values.to(device))


class SubsetImages(Derived):
    """Some images of another set, in a given order; no pixel is copied."""

    def __init__(self, parent: Images, index: Tensor) -> None:
        if len(index) == 0:
            raise DataCorrupt(f"A split of the data is empty: {len(parent)} examples are too few to hold any out.")
        super().__init__(parent)
        self.index = index

    def __len__(self) -> int:
        return len(self.index)

    def take(self, index: Tensor) -> Tensor:
        return self.parent.take(self.index[index])

    def given_at(self, index: Tensor) -> dict[str, Tensor]:
        return self.parent.given_at(self.index[index])

    def to(self, device: torch.device) -> SubsetImages:
        return SubsetImages(self.parent.to(device), self.index.to(device))


class QuantizedImages(Derived):
    """The `bits` most significant bits of 256-level images, shifted when they are taken; no pixel is copied."""

    def __init__(self, parent: Images, bits: int) -> None:
        if parent.levels != 256:
            raise ValueError(f"Only images of 256 levels can be quantised by bits; these have {parent.levels}.")
        if not 1 <= bits <= 8:
            raise ValueError(f"bits must be 1 to 8; got {bits}.")
        super().__init__(parent)
        self.bits, self.levels = bits, 2**bits

    def take(self, index: Tensor) -> Tensor:
        return quantize(self.parent.take(index), self.bits)

    def to(self, device: torch.device) -> QuantizedImages:
        return QuantizedImages(self.parent.to(device), self.bits)


class GivenImages(Derived):
    """Another set's examples, each with what a model is told beside its pixels; no pixel is copied.

    given: by name, tensors (N, …). Raises DataCorrupt if one has another N.
    """

    def __init__(self, parent: Images, given: Mapping[str, Tensor]) -> None:
        for name, value in given.items():
            if len(value) != len(parent):
                raise DataCorrupt(f"The condition {name!r} has {len(value):,} rows for {len(parent):,} examples.")
        super().__init__(parent)
        self.given = dict(given)

    def given_at(self, index: Tensor) -> dict[str, Tensor]:
        return {name: value.index_select(0, index) for name, value in self.given.items()}

    @property
    def nbytes(self) -> int:
        return self.parent.nbytes + sum(value.nbytes for value in self.given.values())

    def to(self, device: torch.device) -> GivenImages:
        return GivenImages(self.parent.to(device), {name: value.to(device) for name, value in self.given.items()})
