"""Sheets of pictures in a study's figures: rows of images with their names, one sheet or several beside one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kelbo.reports.figure import Array, Theme, style
from kelbo.reports.gallery import Labelled
from kelbo.reports.page_pictures import Picture, of_figure, of_images, sheet
from kelbo.studies.figures import Absent

SHEET, LEFT, TOP, BOTTOM = 2.458, 0.46, 0.45, 0.42
"""inches of a sheet's width and of what is around it; seven 64-pixel images then fill whole pixels of the PNG file"""


class Sheet(NamedTuple):
    """Images, intensities (R, K, C, H, W), with R names of rows and K of columns ("" for none). about: below the title."""

    title: str
    about: str
    rows: Sequence[str]
    columns: Sequence[str]
    images: Array


def sheet_of(name: str, alt: str, rows: Sequence[tuple[str, str, Array]]) -> Labelled:
    """Rows of images, (label, what is said of it, intensities (N, C, H, W)); a shorter row ends early.

    NaN: no image. Smaller images are enlarged by whole numbers to about the size of the largest. Absent without rows.
    """
    if not rows:
        raise Absent("No run that shows it was finished.")
    most, channels, height, width = (max(images.shape[axis] for *_, images in rows) for axis in range(4))
    whole = np.full((len(rows), most, channels, height, width), np.nan, np.float32)
    for place, (*_, images) in enumerate(rows):
        whole[place, : len(images)] = _centred(images, height, width)
    picture = of_images(name, alt, whole.reshape(-1, channels, height, width), most)
    return Labelled(picture, [(label, about) for label, about, _ in rows])


def _centred(images: Array, height: int, width: int) -> Array:
    """Images enlarged by a whole number as far as (height, width) allows, NaN around them."""
    times = min(height // images.shape[2], width // images.shape[3])
    large = images.repeat(times, 2).repeat(times, 3)
    down, right = height - large.shape[2], width - large.shape[3]
    around = ((0, 0), (0, 0), (down // 2, down - down // 2), (right // 2, right - right // 2))
    return np.pad(large, around, constant_values=np.nan)


def beside(name: str, alt: str, sheets: Sequence[Sheet], foot: str) -> Picture:
    """Sheets beside one another, each with its own names of rows; foot: what is said of all."""
    return of_figure(name, alt, lambda theme: _beside(sheets, foot, theme))


def _beside(sheets: Sequence[Sheet], foot: str, theme: Theme) -> Figure:
    pixels = [sheet(one.images.reshape(-1, *one.images.shape[2:]), one.images.shape[1]) for one in sheets]
    heights = [SHEET * each.shape[0] / each.shape[1] for each in pixels]
    width, height = len(sheets) * (LEFT + SHEET) + 0.05, TOP + max(heights) + BOTTOM
    with style(theme):
        figure = Figure(figsize=(width, height))
        for place, (one, each, own) in enumerate(zip(sheets, pixels, heights, strict=True)):
            left, low = (place * (LEFT + SHEET) + LEFT) / width, (BOTTOM + max(heights) - own) / height
            axes = figure.add_axes((left, low, SHEET / width, own / height))
            axes.imshow(each, interpolation="none", aspect="auto")
            _name(axes, one)
            axes.set_title(one.title, pad=16)
            axes.annotate(one.about, (0, 1), (0, 5), "axes fraction", "offset points", color=theme.faint)
        figure.text(0.5, 0.02, foot, ha="center", va="bottom", color=theme.faint)
    return figure


def _name(axes: Axes, one: Sheet) -> None:
    height, width = one.images.shape[-2:]
    gap = max(1, width // 16)  # as `page_pictures.sheet` has it
    axes.set_yticks(
        np.arange(len(one.rows)) * (height + gap) + height / 2 - 0.5, one.rows, fontsize=7.5, linespacing=1.1
    )
    named = [place for place, column in enumerate(one.columns) if column]
    axes.set_xticks(np.array(named) * (width + gap) + width / 2 - 0.5, [one.columns[place] for place in named])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
