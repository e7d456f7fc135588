"""Classes of examples: from the folders that pictures lie in, or from values of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kelbo.data.layout import class_of

Labels = dict[str, np.ndarray]


class Classes(NamedTuple):
    """Each split's labels, int64 (N,), and what each is called; without labels, why there are none, if that needs saying."""

    labels: Labels
    names: tuple[str, ...] = ()
    why_none: str = ""


def of_values(values: Mapping[str, np.ndarray]) -> Classes:
    """Values (N,) of each split, integers, bools or words, as labels 0, 1, … in the values' own order."""
    if not values:
        return Classes({})
    every = np.unique(np.concatenate([*values.values()]))
    labels = {split: np.searchsorted(every, some).astype(np.int64) for split, some in values.items()}
    return Classes(labels, tuple(str(value) for value in every.tolist()))


def of_folders(paths: Mapping[str, np.ndarray]) -> Classes:
    """The innermost folder around each picture that is named as no split, by the pictures' paths within the set.

    There are no labels unless every picture lies in such a folder, and these are two or more.
    """
    known: dict[str, str] = {}  # classes by folder, since a set has few
    for some in paths.values():
        for folder in {path.rpartition("/")[0] for path in some.tolist()}:
            known[folder] = class_of(f"{folder}/x") if folder else ""
    classes = {
        split: np.array([known[path.rpartition("/")[0]] for path in some.tolist()], np.str_)
        for split, some in paths.items()
    }
    outside = [path for split, some in paths.items() for path in some[classes[split] == ""].tolist()]
    if len(outside) == sum(map(len, paths.values())):
        return Classes({}, why_none="its pictures lie in no folders that could be classes")
    if outside:
        return Classes({}, why_none=f"{len(outside):,} of its pictures lie in no class's folder, {outside[0]} first")
    found = of_values(classes)
    first, *others = found.names
    return (
        found if others else Classes({}, why_none=f"all its pictures lie in folders named {first}, which is one class")
    )
