"""Grids of images as PNG files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kelbo.runs.writing import write_atomic


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """Lay out intensities (N, C, H, W), row by row, as one uint8 picture (H', W', 3) on white."""
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    levels = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
    colour = levels[:, :3] if channels >= 3 else np.repeat(levels[:, :1], 3, axis=1)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for i, image in enumerate(colour.transpose(0, 2, 3, 1)):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def as_pictures(examples: np.ndarray) -> np.ndarray:
    """Examples (N, *event) as images (N, C, H, W): a vector as one row of pixels, a clip as its frames side by side."""
    match examples.ndim:
        case 2:
            return examples[:, None, None]
        case 5:
            beside = np.moveaxis(examples, 1, 3)
            return beside.reshape(*beside.shape[:3], beside.shape[3] * beside.shape[4])
        case _:
            return examples


def side_of(event: Sequence[int]) -> tuple[int, int]:
    """Height and width of the images that `as_pictures` makes."""
    _, _, height, width = as_pictures(np.empty((0, *event))).shape
    return height, width


def png(picture: np.ndarray, scale: int = 1) -> bytes:
    """A uint8 picture (H, W, 3) as PNG, each pixel drawn as scale × scale."""
    image = Image.fromarray(picture)
    if scale > 1:
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")  # optimising takes four times as long for a twentieth of the size
    return buffer.getvalue()


def save_grid(path: Path, images: np.ndarray, columns: int) -> None:
    """Write intensities (N, *event) as a grid of images (see `as_pictures`), enlarged so that small ones can be seen."""
    images = as_pictures(images)
    write_atomic(path, png(tile(images, columns), scale=max(1, 64 // images.shape[-1])))
