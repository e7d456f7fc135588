"""Pictures with words beside or below them, as PNG files, and as films."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kelbo.reports.figure import LIGHT
from kelbo.runs.grids import tile

SIDE, LINE, GAP = 112, 15, 8
"""Least pixels of an image's side, of a line of text, and between images"""
COLOURS = (LIGHT.first, LIGHT.second, LIGHT.hues[2], LIGHT.hues[3])
"""of the first stage, the second one, …"""

Format = Literal["gif", "png", "webp"]


class Captioned(NamedTuple):
    """A picture, intensities (C, H, W), with lines of words below it. stage: whose colour marks it; None marks nothing."""

    picture: np.ndarray
    lines: Sequence[str]
    stage: int | None = None


def strip(cells: Sequence[Captioned], columns: int) -> Image.Image:
    """Cells in rows of so many columns."""
    drawn = [_cell(cell) for cell in cells]
    width, height = max(one.width for one in drawn), max(one.height for one in drawn)
    rows = -(-len(drawn) // columns)
    columns = min(columns, len(drawn))
    sheet = _blank(columns * (width + GAP) + GAP, rows * (height + GAP) + GAP)
    for place, one in enumerate(drawn):
        row, column = divmod(place, columns)
        sheet.paste(one, (GAP + column * (width + GAP), GAP + row * (height + GAP)))
    return sheet


def rows_with_labels(rows: Sequence[np.ndarray], labels: Sequence[Sequence[str]]) -> Image.Image:
    """Rows of images, intensities (N, C, H, W) each, with lines of words to the left of each, the first of them bold."""
    wide = max(_width(line, bold=not place) for label in labels for place, line in enumerate(label))
    pictures = [_image(row, len(row)) for row in rows]
    height = max(pictures[0].height, max(map(len, labels)) * LINE)
    sheet = _blank(wide + pictures[0].width + 3 * GAP, len(rows) * (height + GAP) + GAP)
    draw = ImageDraw.Draw(sheet)
    for place, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        top = GAP + place * (height + GAP)
        sheet.paste(picture, (wide + 2 * GAP, top + (height - picture.height) // 2))
        _write(draw, label, GAP, top + (height - len(label) * LINE) // 2)
    return sheet


def with_headings(images: np.ndarray, headings: Sequence[str]) -> Image.Image:
    """Rows of images, intensities (R, C, channels, H, W), under a heading over each of the C columns, which may take lines."""
    picture = _image(images.reshape(-1, *images.shape[2:]), images.shape[1])
    step = (picture.width + GAP) / images.shape[1]
    lines = [_broken(heading, step - GAP) for heading in headings]
    top = max(map(len, lines)) * LINE
    sheet = _blank(picture.width + 2 * GAP, top + picture.height + 3 * GAP)
    sheet.paste(picture, (GAP, top + 2 * GAP))
    draw = ImageDraw.Draw(sheet)
    for place, some in enumerate(lines):
        _write(draw, some, round(GAP + place * step), GAP + top - len(some) * LINE, bold=False)
    return sheet


def film(cells: Sequence[Captioned], kind: Format, seconds: float) -> bytes:
    """Cells one after the other: see `film_of`."""
    drawn = [_cell(cell, 2 * SIDE) for cell in cells]
    width, height = max(one.width for one in drawn), max(one.height for one in drawn)
    frames = [_blank(width + 2 * GAP, height + 2 * GAP) for _ in drawn]
    for frame, one in zip(frames, drawn, strict=True):
        frame.paste(one, (GAP, GAP))
    return film_of(frames, kind, seconds)


def film_of(frames: Sequence[Image.Image], kind: Format, seconds: float) -> bytes:
    """Frames one after the other, endlessly, the last for four times as long. kind: png is an animated PNG.

    A GIF has 256 colours a frame; the others lose nothing.
    """
    if kind == "gif":
        frames = [frame.quantize(256, dither=Image.Dither.NONE) for frame in frames]
    times = [round(1000 * seconds)] * (len(frames) - 1) + [round(4000 * seconds)]
    how = {"lossless": True} if kind == "webp" else {}
    buffer = io.BytesIO()
    frames[0].save(buffer, kind.upper(), save_all=True, append_images=frames[1:], duration=times, loop=0, **how)
    return buffer.getvalue()


def as_png(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _cell(cell: Captioned, least: int = SIDE) -> Image.Image:
    picture = _image(cell.picture[None], 1, least)
    wide = max([picture.width, *(_width(line, bold=not place) for place, line in enumerate(cell.lines))])
    sheet = _blank(wide, picture.height + 6 + len(cell.lines) * LINE)
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    if cell.stage is not None:
        colour = COLOURS[cell.stage % len(COLOURS)]
        draw.rectangle((0, picture.height + 1, picture.width - 1, picture.height + 4), fill=colour)
    _write(draw, cell.lines, 0, picture.height + 6)
    return sheet


def _image(images: np.ndarray, columns: int, least: int = SIDE) -> Image.Image:
    """Intensities (N, C, H, W) in rows, about `least` pixels wide each: small ones are enlarged by repeating pixels."""
    scale = max(1, round(least / images.shape[-1]))
    found = Image.fromarray(tile(images, columns, max(1, GAP // scale)))
    return found.resize((found.width * scale, found.height * scale), Image.Resampling.NEAREST)


def _write(draw: ImageDraw.ImageDraw, lines: Sequence[str], left: int, top: int, bold: bool = True) -> None:
    """Lines below one another. bold: whether the first one is."""
    for place, line in enumerate(lines):
        draw.text((left, top + place * LINE), line, font=_font(bold=bold and not place), fill=LIGHT.ink)


def _broken(text: str, width: float) -> list[str]:
    """Words in lines that are no wider than this, as far as words allow."""
    lines: list[str] = []
    for word in text.split():
        if lines and _width(f"{lines[-1]} {word}", bold=False) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _width(line: str, bold: bool) -> int:
    return int(np.ceil(_font(bold).getlength(line)))


@cache
def _font(bold: bool) -> ImageFont.FreeTypeFont:
    """The font of all figures, which comes with Matplotlib."""
    return ImageFont.truetype(f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans{'-Bold' * bold}.ttf", 11)


def _blank(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), LIGHT.paper)
