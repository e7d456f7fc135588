"""The examples of a set with what a model is given of each: its class, its attributes or its factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from kelbo.data.conditions import BINARY, Condition, Variable, nearest
from kelbo.data.factors import FactorImages
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Derived, Images, SubsetImages
from kelbo.errors import DataCorrupt, DataError


class ConditionedImages(Derived):
    """Another set's examples, each with its values of a condition; rows are made of these when examples are taken.

    values: integers (N, V). Raises DataCorrupt if N is another.
    """

    def __init__(self, parent: Images, condition: Condition, values: Tensor) -> None:
        if len(values) != len(parent):
            raise DataCorrupt(f"{condition.name} has {len(values):,} rows for {len(parent):,} examples.")
        super().__init__(parent)
        self.condition, self.values = condition, values

    def given_at(self, index: Tensor) -> dict[str, Tensor]:
        return self.parent.given_at(index) | {self.condition.name: self.condition.encode(self.values[index])}

    @property
    def nbytes(self) -> int:
        return self.parent.nbytes + self.values.nbytes

    def to(self, device: torch.device) -> ConditionedImages:
        return ConditionedImages(self.parent.to(device), self.condition, self.values.to(device))


def conditioned(image_set: ImageSet, asked: str) -> ImageSet:
    """The set whose examples come with what a model is given: "labels", "attributes:Smiling,Male", "factors:shape", …

    Without names, all attributes or factors. DataError if the set has none, or none of a name (with the nearest).
    """
    kind, _, names = asked.partition(":")
    chosen = [name.strip() for name in names.split(",")] if names else None
    if kind == "factors":
        if image_set.whole is None:
            raise DataError(f"{image_set.name} has no factors, so no model can be given them. {_has(image_set)}")
        return _factors(image_set, image_set.whole, chosen)
    condition, values = _labels(image_set) if kind == "labels" else _attributes(image_set, chosen)
    splits = {
        split: ConditionedImages(images, condition, torch.from_numpy(values[split]).to(images.device))
        for split, images in image_set.splits.items()
    }
    return replace(image_set, splits=splits, condition=condition)


Known = tuple[Condition, dict[str, np.ndarray]]
"""A condition, and each split's values, int16 (N, V)."""


def _labels(image_set: ImageSet) -> Known:
    _require(image_set, "labels", image_set.labels)
    highest = max(int(values.max()) for values in image_set.labels.values())
    names = image_set.class_names or tuple(map(str, range(highest + 1)))
    values = {split: found.astype(np.int16)[:, None] for split, found in image_set.labels.items()}
    return Condition("labels", (Variable("label", names),)), values


def _attributes(image_set: ImageSet, chosen: list[str] | None) -> Known:
    _require(image_set, "attributes", image_set.attributes)
    columns = [_position("attribute", name, image_set.attribute_names) for name in chosen or image_set.attribute_names]
    variables = tuple(Variable(image_set.attribute_names[column], BINARY) for column in columns)
    values = {split: found[:, columns].astype(np.int16) for split, found in image_set.attributes.items()}
    return Condition("attributes", variables), values


def _factors(image_set: ImageSet, whole: FactorImages, chosen: list[str] | None) -> ImageSet:
    factors = whole.factors
    columns = [_position("factor", name, factors.names) for name in chosen or factors.names]
    variables = []
    for column in columns:
        labels = factors.values[column] if factors.values else tuple(map(str, range(factors.sizes[column])))
        variables.append(Variable(factors.names[column], labels))
    condition = Condition("factors", tuple(variables))
    values = factors.of(torch.arange(len(whole)))[:, columns].short()
    every = ConditionedImages(whole.images, condition, values)
    splits = {split: SubsetImages(every, _index(image_set, split)) for split in image_set.splits}
    return replace(image_set, splits=splits, whole=replace(whole, images=every), condition=condition)


def _index(image_set: ImageSet, split: str) -> Tensor:
    """Which images of the whole set a split has."""
    images = image_set.splits[split]
    if not isinstance(images, SubsetImages):
        raise TypeError(f"The split {split} of {image_set.name} is no subset of the images with factors.")
    return images.index


def _require(image_set: ImageSet, what: str, known: Mapping[str, np.ndarray]) -> None:
    if lacking := [split for split in image_set.splits if split not in known]:
        where = "" if len(lacking) == len(image_set.splits) else f" in its split {', '.join(lacking)}"
        raise DataError(f"{image_set.name} has no {what}{where}, so no model can be given them. {_has(image_set)}")


def _has(image_set: ImageSet) -> str:
    """What could be given instead."""
    found = {
        "labels": image_set.labels,
        "attributes": image_set.attributes,
        "factors": image_set.whole,
    }
    names = [name for name, there in found.items() if there]
    return f"It has {' and '.join(names)}." if names else "Nothing is known of its examples: leave out model.given."


def _position(what: str, name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise DataError(f"There is no {what} {name!r}; {nearest(name, names)}.")
    return list(names).index(name)
