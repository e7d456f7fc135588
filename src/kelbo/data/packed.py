"""Binary images held as bits: an eighth of the memory, unpacked one batch at a time."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from kelbo.data.images import Images, picture_shape
from kelbo.errors import DataCorrupt


class PackedImages(Images):
    """N images of levels 0 and 1, eight pixels to a byte.

    bits:  uint8 (N, ceil(C·H·W / 8)). A row holds one image's pixels in the order C, H, W, the first pixel in the
           highest bit of the first byte; bits after the last pixel are ignored.
    shape: (C, H, W)

    Raises DataCorrupt if `bits` has another type or width.
    """

    levels = 2

    def __init__(self, bits: Tensor, shape: tuple[int, int, int]) -> None:
        width = math.ceil(math.prod(shape) / 8)
        if bits.dtype != torch.uint8 or bits.ndim != 2 or len(bits) == 0 or bits.shape[1] != width:
            raise DataCorrupt(
                f"Packed images of shape {shape} must be non-empty uint8 (N, {width}); "
                f"got {bits.dtype} {tuple(bits.shape)}."
            )
        self.bits, self.shape = bits, shape

    @classmethod
    def pack(cls, pixels: np.ndarray | Tensor) -> PackedImages:
        """Pack uint8 pixels 0 or 1, shape (N, C, H, W); the packed images are on the CPU.

        Raises DataCorrupt for another type or rank, or for a level above 1.
        """
        array = pixels.cpu().numpy() if isinstance(pixels, Tensor) else pixels
        if array.dtype != np.uint8 or array.ndim != 4 or len(array) == 0:
            raise DataCorrupt(f"Pixels to pack must be non-empty uint8 (N, C, H, W); got {array.dtype} {array.shape}.")
        if array.max() > 1:
            raise DataCorrupt(f"Only levels 0 and 1 can be packed into bits; got level {array.max()}. Threshold first.")
        bits = np.packbits(array.reshape(len(array), -1), axis=1)
        return cls(torch.from_numpy(bits), (array.shape[1], array.shape[2], array.shape[3]))

    def __len__(self) -> int:
        return len(self.bits)

    def take(self, index: Tensor) -> Tensor:
        rows = self.bits[index]
        # numpy's unpacking is several times faster than shifts, but only on the CPU
        flat = unpack_by_shifts(rows, self.dims) if rows.device.type != "cpu" else _unpack(rows, self.dims)
        return flat.view(-1, *self.shape)

    def to(self, device: torch.device) -> PackedImages:
        return PackedImages(self.bits.to(device), picture_shape(self.shape))

    @property
    def device(self) -> torch.device:
        return self.bits.device

    @property
    def nbytes(self) -> int:
        return self.bits.nbytes


def _unpack(rows: Tensor, count: int) -> Tensor:
    return torch.from_numpy(np.unpackbits(rows.numpy(), axis=1, count=count))


def unpack_by_shifts(rows: Tensor, count: int) -> Tensor:
    """The first `count` bits of each row, uint8 (B, bytes) to uint8 0 or 1 (B, count), on any device."""
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=rows.device)
    return (rows[..., None] >> shifts & 1).flatten(1)[:, :count].contiguous()
