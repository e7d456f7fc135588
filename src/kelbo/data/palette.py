"""Colour images held as places in one palette: a third of the memory, coloured one batch at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from kelbo.data.images import Images
from kelbo.errors import DataCorrupt


class PaletteImages(Images):
    """N images of 256 levels whose pixels are rows of a palette.

    places: uint8 (N, H, W). palette: uint8 (P, C) with P ≤ 256. Raises DataCorrupt if a pixel names no colour of it.
    """

    levels = 256

    def __init__(self, places: Tensor, palette: Tensor) -> None:
        if places.dtype != torch.uint8 or places.ndim != 3 or len(places) == 0:
            raise DataCorrupt(
                f"Pixels of a palette must be non-empty uint8 (N, H, W); got {places.dtype} {tuple(places.shape)}."
            )
        if palette.dtype != torch.uint8 or palette.ndim != 2 or int(places.max()) >= len(palette):
            raise DataCorrupt(
                f"A palette must be uint8 (P, C) with a colour for the largest pixel, {int(places.max())}; got "
                f"{palette.dtype} {tuple(palette.shape)}."
            )
        self.places, self.palette = places, palette
        self.shape = (palette.shape[1], *map(int, places.shape[1:]))

    def __len__(self) -> int:
        return len(self.places)

    def take(self, index: Tensor) -> Tensor:
        return self.palette[self.places[index].int()].permute(0, 3, 1, 2).contiguous()

    def to(self, device: torch.device) -> PaletteImages:
        return PaletteImages(self.places.to(device), self.palette.to(device))

    @property
    def device(self) -> torch.device:
        return self.places.device

    @property
    def nbytes(self) -> int:
        return self.places.nbytes + self.palette.nbytes
