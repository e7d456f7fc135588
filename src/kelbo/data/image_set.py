"""A data set of images: its splits, what is known of each image, and how splits are drawn.

`ImageSet` is what every reader returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch

from kelbo.data.columns import Columns
from kelbo.data.conditions import Condition
from kelbo.data.factors import FactorImages
from kelbo.data.images import ArrayImages, Images, QuantizedImages, SubsetImages, average_squares, picture_shape
from kelbo.data.paths import Paths
from kelbo.data.splits import sources_line
from kelbo.errors import DataCorrupt
from kelbo.seeds import generator
from kelbo.units import counted, noun_of


@dataclass(frozen=True)
class ImageSet:
    """A data set: its splits by name ("train", "test", …), and what is known of each image.

    labels holds, per split, int64 classes (N,) if the set has them, which class_names names; unlabelled says why it has none,
    if that needs saying. attributes holds, per split, int8 0 or 1 (N, A), whose A columns are named by attribute_names.
    condition says what a model is given of these (see `kelbo.data.conditions`), and untested which values of it training images
    have and test images do not. whole, for a set with factors, is every image in the order of their indices; the splits are
    subsets of it and share its pixels. sources says where each split comes from: a folder, a file, a draw. names holds, per
    split, each image's path within the set ("cats/1.png"), for sets of encoded pictures. columns describes the columns of a
    table, and index names, per split, its rows (N,). frame is the width and height that all encoded pictures have before they
    are cropped, if that is one size. used says how many of its files were used and left out, and left_out names each picture
    that was skipped and why. note is one line on where the pixels come from and how the splits were made; reports print it.
    """

    name: str
    splits: Mapping[str, Images]
    note: str
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    attribute_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    unlabelled: str = ""
    condition: Condition | None = None
    untested: tuple[str, ...] = ()
    whole: FactorImages | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Paths | np.ndarray] = field(default_factory=dict)
    columns: Columns | None = None
    index: Mapping[str, np.ndarray] = field(default_factory=dict)
    frame: tuple[int, int] | None = None
    left_out: tuple[str, ...] = ()
    used: str = ""

    @property
    def train(self) -> Images:
        return self.splits["train"]

    @property
    def test(self) -> Images:
        return self.splits["test"]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.train.shape

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W). DataError if the examples are no images."""
        return picture_shape(self.shape)

    @property
    def levels(self) -> int | None:
        return self.train.levels

    @property
    def given(self) -> dict[str, tuple[int, ...]]:
        """The shape of each condition of an example, by name; {} if a model is told nothing beside the examples."""
        first = self.train.given_at(torch.zeros(1, dtype=torch.long, device=self.train.device))
        return {name: tuple(value.shape[1:]) for name, value in first.items()}


def hold_out(images: Images, fraction: float, seed: int, validation: float = 0.0) -> dict[str, SubsetImages]:
    """Splits "train" and "test" of a set without splits: a seeded draw of `fraction` is held out.

    validation: another fraction, of a split of that name; the test images are the same with and without it. At least one
    image is held out for each; each split keeps the images' own order. Raises ValueError if the fractions leave nothing
    and DataCorrupt if too few images do.
    """
    index = held_out_index(len(images), fraction, seed, validation, noun_of(images.shape))
    return {split: SubsetImages(images, part) for split, part in index.items()}


def held_out_index(
    count: int, fraction: float, seed: int, validation: float = 0.0, noun: str = "image"
) -> dict[str, torch.Tensor]:
    """Which of `count` things the splits of `hold_out` have, int64, in ascending order. noun: what they are, for messages."""
    if not (fraction > 0 and validation >= 0 and fraction + validation < 1):
        raise ValueError(
            f"The fraction to hold out must be above 0 and below 1{', both together' if validation else ''}; "
            f"got {fraction}{f' and {validation} for validation' if validation else ''}."
        )
    if count < 2:
        raise DataCorrupt(f"There is 1 {noun}; 2 or more are needed to hold one out.")
    order = torch.randperm(count, generator=generator(seed, "split"))
    held = max(1, round(fraction * count))
    kept = held + (max(1, round(validation * count)) if validation else 0)
    parts = {"train": order[kept:], "validation": order[held:kept], "test": order[:held]}
    return {split: index.sort().values for split, index in parts.items() if validation or split != "validation"}


def divided(whole: ImageSet, fraction: float, seed: int) -> ImageSet:
    """The set with splits drawn by `hold_out` if its only split is "all", else with its own splits.

    Its note ends with the sources of the splits.
    """
    if "all" not in whole.splits:
        return replace(whole, note=f"{whole.note}, {sources_line(whole.sources)}")
    sources = drawn(fraction, seed, whole.sources.get("all"))
    parts = hold_out(whole.splits["all"], fraction, seed)

    def taken(known: Mapping[str, Any]) -> dict[str, Any]:
        return {split: known["all"][part.index.numpy()] for split, part in parts.items()} if known else {}

    note = f"{whole.note}, {sources['test']}"
    known = {name: taken(getattr(whole, name)) for name in ("labels", "attributes", "names")}
    return replace(whole, splits=parts, note=note, sources=sources, **known)


def describe_splits(image_set: ImageSet) -> str:
    """One line with the splits, how many images each has, where each comes from, and how many files were left out."""

    def told(split: str, images: Images) -> str:
        source = image_set.sources.get(split)
        return counted(len(images), f"{split} {noun_of(images.shape)}") + (f" ({source})" if source else "")

    parts = [told(split, images) for split, images in image_set.splits.items()]
    return f"{image_set.name}: {', '.join(parts)}" + (f"; {image_set.used}" if image_set.used else "")


def drawn(fraction: float, seed: int, of: str | None = None, validation: float = 0.0) -> dict[str, str]:
    """The sources of the splits that `hold_out` makes. of: what they are drawn from, if not from everything."""
    whence = f" of {of}" if of else ""
    parts = {"validation": validation, "test": fraction} if validation else {"test": fraction}
    held = {split: f"{part:g}{whence} held out by seed {seed}" for split, part in parts.items()}
    return {"train": f"the rest{whence}", **held}


def quantized(image_set: ImageSet, bits: int) -> ImageSet:
    """The same set at 2**bits levels: the `bits` most significant bits of each pixel (Kingma & Dhariwal, 2018, use 5).

    Raises ValueError if bits is not 1 to 8 or the set does not have 256 levels.
    """
    splits = {name: QuantizedImages(images, bits) for name, images in image_set.splits.items()}
    whole = image_set.whole and replace(image_set.whole, images=QuantizedImages(image_set.whole.images, bits))
    note = f"{image_set.note}; the {bits} most significant bits of each pixel"
    return replace(image_set, name=f"{image_set.name}-{bits}bit", splits=splits, whole=whole, note=note)


def averaged(image_set: ImageSet, size: int | None) -> ImageSet:
    """The same set at size × size pixels, each the mean of a square of pixels; the set itself if size is None.

    Its splits are square arrays (ArrayImages). ValueError if size does not divide their side.
    """
    if size is None:
        return image_set
    splits = {}
    for name, images in image_set.splits.items():
        pixels = np.asarray(cast(ArrayImages, images).pixels)
        splits[name] = ArrayImages(average_squares(pixels, pixels.shape[-1] // size))
    return replace(image_set, splits=splits, note=f"{image_set.note}, averaged down to {size}×{size}")
