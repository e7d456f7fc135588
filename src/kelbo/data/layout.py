"""Divide pictures into splits by the names of their folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NamedTuple

import numpy as np

from kelbo.data.formats import suffix_of
from kelbo.data.paths import CHUNK, Paths
from kelbo.data.splits import IF_NOT_SPLITS, Splits, check_splits, named, settled, sources_of, splits_among
from kelbo.errors import DataCorrupt, DataMissing

_LETTERS = re.compile(r"[A-Za-z]*")
_COUNT = re.compile(r"(?<=[^\d\s_.()-])[\d\s_.()-]+$")
Parents = tuple[str, ...]
"""Names of the folders around a picture, the outermost first."""


@dataclass(frozen=True)
class Division:
    """Places (int64) of the pictures by split, each in the given order, or of all as "all".

    sources: description of each split's place. left_out: number of pictures in no split.
    """

    parts: Mapping[str, np.ndarray]
    sources: Mapping[str, str] = field(default_factory=dict)
    left_out: int = 0


def class_of(path: str) -> str:
    """The class of an image by its path within a set: the innermost folder around it that is not named as a split."""
    for folder in reversed(PurePath(path).parts[:-1]):
        said = named(folder)
        if said is None or said.rest:
            return folder
    return ""


class _Level(NamedTuple):
    """depth: number of folders around the splits' folders. called: the names of these, each with its split."""

    depth: int
    called: Mapping[str, str]


def divide(paths: Sequence[str], place: str, *, folders: Iterable[str] = (), splits: Splits = "auto") -> Division:
    """Divide pictures by their folders' names.

    paths:   of the pictures below `place`, parted by "/"
    folders: all folders below `place`, so that a split without pictures is noticed
    splits:  "auto" takes folders that are named as splits, whether at the top, below folders around everything, or in
             each class's folder, and refuses layouts that only resemble splits; "named" leaves out pictures in none of
             them; "ignore" does not divide

    Raises DataCorrupt if the layout looks like splits but cannot be taken as such; DataMissing if a split holds no
    pictures; ValueError for another `splits`.
    """
    check_splits(splits)
    paths = paths if isinstance(paths, Paths) else Paths.of(paths)
    used, turn = _folders_in_turn(paths)
    parents = [tuple(folder.split("/")) if folder else () for folder in used]
    level = None if splits == "ignore" else _level(parents, place)
    if level is None:
        if splits == "named":
            raise DataCorrupt(
                f'{place} has no folders named as splits, such as train and test; splits="named" needs them.'
            )
        if splits == "auto":
            _require_no_split_in_file_names(paths, place)
        return Division({"all": np.arange(len(paths))})
    homes = [_home(parent, level) for parent in parents]
    number = turn[paths.folder_of_each()]
    outside = np.flatnonzero(np.array([home is None for home in homes])[number])
    if len(outside) and splits == "auto":
        raise _beside(place, level, paths[int(outside[0])], len(outside), len(paths))
    seen = {home for home in homes if home}
    _require_each_split_once(seen, level, place)
    _require_pictures(folders, seen, level, place)
    return _divided(homes, number, level, place, len(outside))


def _folders_in_turn(paths: Paths) -> tuple[list[str], np.ndarray]:
    """The folders around pictures in the order of their first picture; for each of `paths.folders`, int32, its place there."""
    each, first = paths.folder_of_each(), np.full(len(paths.folders), len(paths))
    for start in reversed(range(0, len(each), CHUNK)):
        some = each[start : start + CHUNK]
        first[some[::-1]] = np.arange(start, start + len(some))[::-1]  # what is assigned last stays
    order = first.argsort()[: np.count_nonzero(first < len(paths))]
    turn = np.zeros(len(first), np.int32)
    turn[order] = np.arange(len(order))
    return [paths.folders[place] for place in order.tolist()], turn


def _level(parents: Sequence[Parents], place: str) -> _Level | None:
    """The outermost level that looks like splits."""
    around, alone = _shared(parents), None
    for depth in range(max(map(len, parents), default=0)):
        names = {parent[depth] if len(parent) > depth else "" for parent in parents}
        called = splits_among(names, place)
        if len({*called.values()}) > 1:
            return _Level(depth, called)
        # deep below classes a folder called "test" may mean anything; around all, at the top or in each class, it is a split
        if called and alone is None and (depth <= around or called.keys() == names):
            alone = _Level(depth, called)
    return alone


def _shared(parents: Sequence[Parents]) -> int:
    """The number of folders around everything."""
    first, last = min(parents, default=()), max(parents, default=())
    return next(
        (depth for depth, (one, other) in enumerate(zip(first, last, strict=False)) if one != other),
        min(len(first), len(last)),
    )


def _home(parent: Parents, level: _Level) -> Parents | None:
    """The split's folder that contains a picture."""
    inside = len(parent) > level.depth and parent[level.depth] in level.called
    return parent[: level.depth + 1] if inside else None


def _divided(homes: Sequence[Parents | None], number: np.ndarray, level: _Level, place: str, left_out: int) -> Division:
    """homes: of the folders. number: int32 (N,), which of these holds each picture."""
    at: dict[str, set[Parents]] = {}
    for home in filter(None, homes):
        at.setdefault(level.called[home[-1]], set()).add(home)
    called = {_folder_names(some): split for split, some in at.items()}
    chosen = settled(called, place)
    its = np.array([level.called[home[-1]] if home else "" for home in homes])[number]
    parts = {split: np.flatnonzero(its == called[name]) for split, name in chosen.items()}
    return Division(parts, sources_of(chosen, called), left_out)


def _folder_names(some: set[Parents]) -> str:
    """Text that names folders: one by its path, several by their names."""
    names = sorted({home[-1] for home in some})
    path = "/".join(next(iter(some))) + "/"
    return path if len(some) == 1 else f"the {len(some)} folders {' and '.join(f'*/{name}/' for name in names)}"


def _beside(place: str, level: _Level, first: str, outside: int, count: int) -> DataCorrupt:
    split = ", ".join(f"{name}/" for name in level.called)
    return DataCorrupt(
        f"{place} looks like splits ({split}), but {outside:,} of its {count:,} pictures are in none of them, "
        f'{first} first. Move them away, or set splits to "named" (data.splits in a recipe) to leave them out. '
        f"{IF_NOT_SPLITS}"
    )


def _require_each_split_once(seen: set[Parents], level: _Level, place: str) -> None:
    """DataCorrupt if one folder holds two folders of the same split."""
    known: dict[tuple[Parents, str], str] = {}
    for home in sorted(seen):
        split = level.called[home[-1]]
        if (other := known.setdefault((home[:-1], split), home[-1])) != home[-1]:
            within = "/".join((place, *home[:-1]))
            raise DataCorrupt(
                f"{within} holds both {other}/ and {home[-1]}/ as the {split} split. Merge them, or move one away. "
                f"{IF_NOT_SPLITS}"
            )


def _require_pictures(folders: Iterable[str], seen: set[Parents], level: _Level, place: str) -> None:
    """DataMissing if the folder of one split holds no pictures."""
    around = {home[:-1] for home in seen}
    for folder in sorted(folders):
        parts = PurePath(folder).parts
        if len(parts) == level.depth + 1 and parts[:-1] in around and parts not in seen:
            said = named(parts[-1])
            if said and not said.rest:
                raise DataMissing(
                    f"{place}/{folder} is named as a split but holds no pictures. Fill it, or remove it. {IF_NOT_SPLITS}"
                )


def _require_no_split_in_file_names(paths: Paths, place: str) -> None:
    """DataCorrupt if the pictures' own names contain splits: train_0001.png beside test_0001.png, or img_train_1.png."""
    examples: dict[str, str] = {}
    seen: set[str] = set()
    for file in paths.file_names():
        if (name := _COUNT.sub("", file[: len(file) - len(suffix_of(file))])) in seen:
            continue
        seen.add(name)
        first = _LETTERS.match(name)[0]  # type: ignore[index]  # it matches all
        said, start = (alone, first) if (alone := named(first)) else (named(name), name)
        if said is None:
            return
        examples[said.split] = min(start, examples.get(said.split, start))
    if len(examples) > 1:
        raise DataCorrupt(
            f"The pictures in {place} are named like splits ({' and '.join(f'{name}…' for name in sorted(examples.values()))}) "
            f"but are in one folder. Move them into folders named train and test. {IF_NOT_SPLITS}"
        )
