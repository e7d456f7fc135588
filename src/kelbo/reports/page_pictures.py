"""Every picture of a page: bytes for a file of its own, and the same inside the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from kelbo.errors import RunError
from kelbo.reports.figure import DARK, LIGHT, Theme, as_png, as_svg
from kelbo.runs import png, tile

T = TypeVar("T")

SHARP = 192
"""Pixels of an image's side in a file, about twice a screen's: small images are enlarged by repeating pixels."""

LARGEST = 110
"""CSS pixels of an image's side on the page."""


@dataclass(frozen=True)
class Picture:
    """name: of the PNG file, without its ending. light, dark: data URIs; dark is None if one serves both themes.

    width: CSS pixels that it takes if there is room.
    """

    name: str
    alt: str
    file: bytes
    light: str
    dark: str | None
    width: int


def of_images(name: str, alt: str, images: np.ndarray, columns: int) -> Picture:
    """Intensities (N, C, H, W) as a sheet of rows of `columns` images; the page holds the very file. NaN: no image there."""
    return of_sheets(name, alt, [images], columns)


def of_sheets(name: str, alt: str, sheets: Sequence[np.ndarray], columns: int) -> Picture:
    """As `of_images`, several sheets of as many rows side by side, half an image apart."""
    side = sheets[0].shape[-1]
    parts = [sheet(images, columns) for images in sheets]
    between = np.zeros((len(parts[0]), side // 2, 4), np.uint8)
    pixels = np.hstack([each for part in parts for each in (between, part)][1:])
    file = png(pixels, scale=max(1, SHARP // side))
    width = len(sheets) * columns * LARGEST
    return Picture(name, alt, file, light=data_uri(file, "image/png"), dark=None, width=width)


def of_figure(name: str, alt: str, draw: Callable[[Theme], Figure]) -> Picture:
    """A figure in both themes; the file is the light one."""
    light, dark = draw(LIGHT), draw(DARK)
    return Picture(
        name,
        alt,
        file=as_png(light, LIGHT),
        light=data_uri(as_svg(light, LIGHT), "image/svg+xml"),
        dark=data_uri(as_svg(dark, DARK), "image/svg+xml"),
        width=round(96 * light.get_figwidth()),
    )


def intensities(levels: np.ndarray) -> np.ndarray:
    """8-bit levels as intensities in [0, 1], float32."""
    return levels.astype(np.float32) / 255


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """Intensities (N, C, H, W), row by row, as uint8 (H', W', 4): what lies between images is transparent, and so is NaN."""
    gap = max(1, images.shape[-1] // 16)
    absent = np.isnan(images)
    holes = tile(absent.astype(np.float32), columns, gap)[..., :1]
    return np.dstack([tile(np.where(absent, 1, images), columns, gap), 255 - holes])


def cut(path: Path, side: tuple[int, int], rows: int) -> np.ndarray:
    """A grid that `kelbo.runs.save_grid` wrote, back to its rows: intensities (rows, columns, 3, H, W).

    side: (H, W) of an image. RunError if the file is no grid of so many rows of such images.
    """
    pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
    height, width = side
    scale = pixels.shape[0] // (rows * (height + 1) - 1)
    columns = (pixels.shape[1] // max(1, scale) + 1) // (width + 1)
    whole = scale * (rows * (height + 1) - 1), scale * (columns * (width + 1) - 1), 3
    if scale == 0 or columns == 0 or pixels.shape != whole:
        raise RunError(
            f"{path} should be {rows} rows of {height}×{width} images, but has {pixels.shape[0]}×{pixels.shape[1]} pixels. "
            "Training did not write it so: move it out of the run's pictures and write the report again."
        )
    small = np.pad(pixels[::scale, ::scale], ((0, 1), (0, 1), (0, 0)))
    cells = small.reshape(rows, height + 1, columns, width + 1, 3)[:, :height, :, :width]
    return cells.transpose(0, 2, 4, 1, 3)


def spread(things: Sequence[T], count: int) -> list[T]:
    """Up to `count` of `things`, evenly spread, the first and the last among them."""
    chosen = np.linspace(0, len(things) - 1, min(count, len(things))).round().astype(int)
    return [things[i] for i in chosen]


def data_uri(content: bytes, media_type: str) -> str:
    """Bytes as the address of themselves."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
