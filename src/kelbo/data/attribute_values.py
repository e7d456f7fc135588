"""What is known of each image as attributes, 0 or 1: those of the set, each of its classes, and each value of its factors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from kelbo.data.conditions import nearest
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Derived, Images, SubsetImages
from kelbo.errors import DataUnknown


def attributes_offered(image_set: ImageSet) -> tuple[str, ...]:
    """The names of all: "Smiling" of attributes, a class's own name, "shape=heart" of a factor's value; () without any."""
    labels = _class_names(image_set) if image_set.labels else ()
    return tuple(dict.fromkeys((*image_set.attribute_names, *_factor_values(image_set), *labels)))


def attribute_values(image_set: ImageSet, names: Sequence[str], split: str) -> np.ndarray:
    """Which images of a split have each of these attributes, int8 0 or 1 (N, A).

    DataUnknown if a name does not exist (with the nearest), if nothing is known of this split, or if one is named twice.
    """
    offered = attributes_offered(image_set)
    if not offered:
        raise DataUnknown(f"Of the images of {image_set.name} neither attributes nor classes nor factors are known.")
    for place, name in enumerate(names):
        if name not in offered:
            raise DataUnknown(f"There is no attribute {name!r}; {nearest(name, offered)}.")
        if name in names[:place]:
            raise DataUnknown(f"The attribute {name} is named twice.")
    return np.stack([_column(image_set, name, split) for name in names], 1).astype(np.int8)


def _column(image_set: ImageSet, name: str, split: str) -> np.ndarray:
    if name in image_set.attribute_names:
        return _of_split(image_set, "attributes", split)[:, image_set.attribute_names.index(name)]
    if place := _factor_values(image_set).get(name):
        assert image_set.whole is not None
        index = _index_in_whole(image_set.splits[split])
        return (image_set.whole.of(index)[:, place[0]] == place[1]).cpu().numpy()
    return _of_split(image_set, "labels", split) == _class_names(image_set).index(name)


def _of_split(image_set: ImageSet, what: str, split: str) -> np.ndarray:
    known = getattr(image_set, what)
    if split not in known:
        raise DataUnknown(f"{image_set.name} has no {what} in its split {split}; it has those of {', '.join(known)}.")
    return known[split]


def _class_names(image_set: ImageSet) -> tuple[str, ...]:
    most = max(int(found.max(initial=0)) for found in image_set.labels.values())
    return image_set.class_names or tuple(map(str, range(most + 1)))


def _factor_values(image_set: ImageSet) -> dict[str, tuple[int, int]]:
    """Each value of each factor by its name, with the factor's column and the value."""
    if image_set.whole is None:
        return {}
    factors = image_set.whole.factors
    labels = factors.values or tuple(tuple(map(str, range(size))) for size in factors.sizes)
    return {
        f"{name}={label}": (column, value)
        for column, name in enumerate(factors.names)
        for value, label in enumerate(labels[column])
    }


def _index_in_whole(images: Images) -> Tensor:
    """Which images of the set with factors a split has."""
    while isinstance(images, Derived) and not isinstance(images, SubsetImages):
        images = images.parent
    if not isinstance(images, SubsetImages):
        raise TypeError("The split is no subset of the images with factors.")
    return images.index
