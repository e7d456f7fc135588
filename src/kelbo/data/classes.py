"""Classes of examples: from the folders that pictures lie in, or from values of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kelbo.data.layout import class_of
from kelbo.data.paths import Paths

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


def of_folders(paths: Mapping[str, Paths]) -> Classes:
    """The innermost folder around each picture that is named as no split, by the pictures' paths within the set.

    There are no labels unless every picture lies in such a folder, and these are two or more.
    """
    known = {split: _classes_of_folders(some) for split, some in paths.items()}
    outside = {split: (known[split] == "")[some.folder_of_each()] for split, some in paths.items()}
    lacking = sum(int(some.sum()) for some in outside.values())
    if lacking == sum(map(len, paths.values())):
        return Classes({}, why_none="its pictures lie in no folders that could be classes")
    if lacking:
        split = next(split for split, some in outside.items() if some.any())
        first = paths[split][int(outside[split].argmax())]
        return Classes({}, why_none=f"{lacking:,} of its pictures lie in no class's folder, {first} first")
    first, *others = every = np.setdiff1d(np.concatenate([*known.values()]), [""])
    if not others:
        return Classes({}, why_none=f"all its pictures lie in folders named {first}, which is one class")
    labels = {split: np.searchsorted(every, known[split])[some.folder_of_each()] for split, some in paths.items()}
    return Classes(labels, tuple(every.tolist()))


def _classes_of_folders(paths: Paths) -> np.ndarray:
    """The class of each of the folders, a set has few of them; "" of those that hold none of these pictures."""
    holds = np.zeros(len(paths.folders), bool)
    holds[paths.folder_of_each()] = True
    used = zip(paths.folders, holds.tolist(), strict=True)
    return np.array([class_of(f"{folder}/x") if folder and some else "" for folder, some in used], np.str_)
