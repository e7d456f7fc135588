"""Which axis of an array of images is which: number, channels, height, width."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from kelbo.errors import DataCorrupt

Layout = Literal["auto", "NHW", "HWN", "NHWC", "NCHW", "HWCN", "CHWN"]
LAYOUTS = get_args(Layout)
CHANNELS = (1, 3, 4)
STRIP = 4
"""If an array's last axis is this many times longer than the other two, it counts images rather than pixels."""


def check_layout(layout: str) -> None:
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}; got {layout!r}.")


def layout_of(shape: tuple[int, ...], source: str, layout: Layout = "auto") -> Layout:
    """The requested layout, or for "auto" the only one that the shape can have.

    Raises DataCorrupt if the axes do not fit the layout, or if several fit, or none.
    """
    if layout != "auto":
        if len(shape) != len(layout):
            raise DataCorrupt(f"{source} should be images in the layout {layout}; its shape is {shape}.")
        return layout
    if len(shape) not in (3, 4):
        raise DataCorrupt(f"{source} should be images, an array of 3 or 4 axes; its shape is {shape}.")
    fitting, alone = _fitting(shape), _one_picture(shape)
    if len(fitting) == 1 and not alone:
        return fitting[0]
    if not fitting:
        why = f"no axis of it can be {', '.join(map(str, CHANNELS[:-1]))} or {CHANNELS[-1]} channels"
        raise DataCorrupt(
            f"{source} has shape {shape}, and {why}. Name its layout (data.layout), such as NHWC or NCHW."
        )
    readings = [*(f"{name} ({_description(shape, name)})" for name in fitting), *alone]
    raise DataCorrupt(
        f"{source} has shape {shape}, which can be read in several ways: {', '.join(readings)}. Name its layout "
        "(data.layout); N counts the images."
    )


def channels_first(array: np.ndarray, layout: Layout) -> np.ndarray:
    """A view (N, C, H, W) of an array in this layout: no value is moved, so a mapped file stays mapped."""
    ordered = array.transpose([layout.index(axis) for axis in "NCHW" if axis in layout])
    return ordered if "C" in layout else ordered[:, None]


def _fitting(shape: tuple[int, ...]) -> list[Layout]:
    if len(shape) == 3:
        last_counts = shape[0] == shape[1] or shape[2] > STRIP * max(shape[:2])
        return ["NHW", "HWN"] if last_counts else ["NHW"]
    layouts: tuple[Layout, ...] = ("NHWC", "NCHW", "HWCN", "CHWN")
    return [layout for layout in layouts if shape[layout.index("C")] in CHANNELS]


def _one_picture(shape: tuple[int, ...]) -> list[str]:
    """The layouts in which three axes would be one colour picture instead of a set of images."""
    if len(shape) != 3:
        return []
    ways = [("HWC", shape[2], shape[:2]), ("CHW", shape[0], shape[1:])]
    return [
        f"{name} (one picture of {height}×{width}, {channels} channels, not a set of images)"
        for name, channels, (height, width) in ways
        if channels in CHANNELS
    ]


def _description(shape: tuple[int, ...], layout: Layout) -> str:
    count, height, width = (shape[layout.index(axis)] for axis in "NHW")
    channels = f", {shape[layout.index('C')]} channels" if "C" in layout else ", grey"
    return f"{count:,} images of {height}×{width}{channels}"
