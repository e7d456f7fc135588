"""The examples of a set with what a model is given of each: its class, its attributes or its factors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from kelbo.data.conditions import BINARY, Condition, Variable, nearest
from kelbo.data.factors import FactorImages
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Derived, Images, SubsetImages
from kelbo.errors import DataCorrupt, DataError, DataUnknown
from kelbo.units import counted

TOLD = 5
"""conditions that a message names"""


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

    Without names, all attributes or factors. DataUnknown if the set has none, or none of a name (with the nearest); DataError
    if another split has values that training lacks.
    """
    kind, _, names = asked.partition(":")
    chosen = [name.strip() for name in names.split(",")] if names else None
    if kind == "factors":
        if image_set.whole is None:
            raise DataUnknown(f"{image_set.name} has no factors, so no model can be given them. {_has(image_set)}")
        return _factors(image_set, image_set.whole, chosen)
    condition, values = _labels(image_set) if kind == "labels" else _attributes(image_set, chosen)
    untested = _require_trained(image_set, condition, values)
    splits = {
        split: ConditionedImages(images, condition, torch.from_numpy(values[split]).to(images.device))
        for split, images in image_set.splits.items()
    }
    return replace(image_set, splits=splits, condition=condition, untested=untested)


def offered(image_set: ImageSet) -> list[Condition]:
    """All that a model could be given of this set's examples."""
    conditions = []
    if image_set.labels and not _without_class(image_set):
        conditions.append(_labels(image_set)[0])
    if image_set.attributes:
        conditions.append(_attributes(image_set, None)[0])
    if (whole := image_set.whole) is not None:
        conditions.append(_factor_condition(whole, range(len(whole.factors.names))))
    return conditions


Known = tuple[Condition, dict[str, np.ndarray]]
"""A condition, and each split's values, int16 (N, V)."""


def _labels(image_set: ImageSet) -> Known:
    """The classes that some example has."""
    _require(image_set, "labels", image_set.labels)
    if lacking := _without_class(image_set):
        raise DataError(
            f"{counted(lacking, 'image')} of {image_set.name} have no class (-1), so no model can be given it."
        )
    present = np.unique(np.concatenate([*image_set.labels.values()]))
    names = image_set.class_names or tuple(map(str, range(int(present.max()) + 1)))
    values = {
        split: np.searchsorted(present, found).astype(np.int16)[:, None] for split, found in image_set.labels.items()
    }
    return Condition("labels", (Variable("label", tuple(names[label] for label in present.tolist())),)), values


def _without_class(image_set: ImageSet) -> int:
    """How many images have the label -1, which sets of the hub use for none."""
    return sum(int((found < 0).sum()) for found in image_set.labels.values())


def _require_trained(image_set: ImageSet, condition: Condition, values: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """The values that training examples have and test examples do not, in words.

    DataError if another split has values that training lacks, which a model cannot learn, or training has only one.
    """
    untested: list[str] = []
    for column in range(len(condition.variables)):
        trained = {*np.unique(values["train"][:, column]).tolist()}
        if len(trained) == 1:
            only = condition.say({column: next(iter(trained))})
            raise DataError(
                f"Every training image of {image_set.name} has {only}, so a model learns nothing from being given it. Leave it "
                "out of model.given."
            )
        for split in values.keys() - {"train"}:
            found, counts = np.unique(values[split][:, column], return_counts=True)
            lacking = {
                value: count for value, count in zip(found.tolist(), counts, strict=True) if value not in trained
            }
            if lacking:
                raise _untrained(image_set, split, {condition.say({column: value}): n for value, n in lacking.items()})
            if split == "test":
                untested += [condition.say({column: value}) for value in sorted(trained - {*found.tolist()})]
    return tuple(untested)


def _untrained(image_set: ImageSet, split: str, lacking: Mapping[str, int]) -> DataError:
    named = ", ".join(f"{words} ({counted(int(count), 'image')})" for words, count in [*lacking.items()][:TOLD])
    more = f" and {len(lacking) - TOLD} more" if len(lacking) > TOLD else ""
    drawn = "held out" in image_set.sources.get(split, "")
    what = "Choose another data.split_seed or data.held_out, add" if drawn else "Add"
    return DataError(
        f"{image_set.name} has images in its split {split} under conditions that no training image has: {named}{more}. A model "
        f"cannot learn these. {what} training images of them, or remove these."
    )


def _attributes(image_set: ImageSet, chosen: list[str] | None) -> Known:
    _require(image_set, "attributes", image_set.attributes)
    columns = [_position("attribute", name, image_set.attribute_names) for name in chosen or image_set.attribute_names]
    variables = tuple(Variable(image_set.attribute_names[column], BINARY) for column in columns)
    values = {split: found[:, columns].astype(np.int16) for split, found in image_set.attributes.items()}
    return Condition("attributes", variables), values


def _factors(image_set: ImageSet, whole: FactorImages, chosen: list[str] | None) -> ImageSet:
    factors = whole.factors
    columns = [_position("factor", name, factors.names) for name in chosen or factors.names]
    condition = _factor_condition(whole, columns)
    values = whole.of(torch.arange(len(whole)))[:, columns].short()
    every = ConditionedImages(whole.images, condition, values)
    index = {split: _index(image_set, split) for split in image_set.splits}
    untested: tuple[str, ...] = ()
    if not whole.complete:  # of every combination a draw has all values
        untested = _require_trained(
            image_set, condition, {split: values[some].numpy() for split, some in index.items()}
        )
    splits = {split: SubsetImages(every, some) for split, some in index.items()}
    whole = replace(whole, images=every)
    return replace(image_set, splits=splits, whole=whole, condition=condition, untested=untested)


def _factor_condition(whole: FactorImages, columns: Iterable[int]) -> Condition:
    factors, variables = whole.factors, []
    for column in columns:
        labels = factors.values[column] if factors.values else tuple(map(str, range(factors.sizes[column])))
        variables.append(Variable(factors.names[column], labels))
    return Condition("factors", tuple(variables))


def _index(image_set: ImageSet, split: str) -> Tensor:
    """Which images of the whole set a split has."""
    images = image_set.splits[split]
    if not isinstance(images, SubsetImages):
        raise TypeError(f"The split {split} of {image_set.name} is no subset of the images with factors.")
    return images.index


def _require(image_set: ImageSet, what: str, known: Mapping[str, np.ndarray]) -> None:
    if lacking := [split for split in image_set.splits if split not in known]:
        where = "" if len(lacking) == len(image_set.splits) else f" in its split {', '.join(lacking)}"
        why = f" ({image_set.unlabelled})" if what == "labels" and image_set.unlabelled else ""
        raise DataUnknown(
            f"{image_set.name} has no {what}{where}{why}, so no model can be given them. {_has(image_set)}"
        )


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
        raise DataUnknown(f"There is no {what} {name!r}; {nearest(name, names)}.")
    return list(names).index(name)
