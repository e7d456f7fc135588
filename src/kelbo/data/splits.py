"""Which images are for training, validation and testing, by the names of folders, arrays or hub splits.

The words are those that Hugging Face's library `datasets` looks for in names of files and folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, get_args

from kelbo.errors import DataCorrupt

Splits = Literal["auto", "named", "ignore"]
_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
WORDS = {word: split for split, words in _WORDS.items() for word in words}
SPLITS = (*_WORDS,)
_AROUND = r"(?>(?:x|images?|imgs?|pictures?|photos?|dataset|data|set|split|\d++)[ ._-]?)*+"  # it never backtracks
_SPLIT = re.compile(rf"{_AROUND}({'|'.join(WORDS)})[ ._-]?{_AROUND}")
_UNCOUNTED = re.compile(r"[\W\d_]|(?<![a-z])of(?![a-z])")
_TOKEN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+|[^A-Za-z\d]+")
IF_NOT_SPLITS = (
    'If these are not splits, set splits to "ignore" (data.splits in a recipe), which draws test images from all.'
)


class Named(NamedTuple):
    """The split that a name stands for. rest: the name without that word; "" if there is nothing else."""

    split: str
    rest: str


def check_splits(splits: str) -> None:
    if splits not in get_args(Splits):
        raise ValueError(f"splits must be one of {', '.join(get_args(Splits))}; got {splits!r}.")


def named(name: str) -> Named | None:
    """The split that a name stands for in any case ("Train", "val2017", "x_test", "DIV2K_train_HR"); None if it is none."""
    if exact := _SPLIT.fullmatch(name.casefold().strip()):
        return Named(WORDS[exact[1]], "")
    tokens = _TOKEN.findall(name)
    places = [place for place, token in enumerate(tokens) if token.casefold() in WORDS]
    if len(places) != 1:
        return None
    split = WORDS[tokens[places[0]].casefold()]
    tokens[places[0]] = "*"
    return Named(split, "".join(tokens).casefold())


def splits_among(names: Iterable[str], place: str, otherwise: str = IF_NOT_SPLITS) -> dict[str, str]:
    """The names that stand for splits, each with its split.

    These are the names that contain nothing else ("train", "Test"); if there are none, those that differ only in the split
    ("a_train", "a_test"). DataCorrupt if several groups do ("trainA", "testA", "trainB", "testB"), or if names look like
    splits and differ in more ("train_v1", "test_v2"; "faces", "validation-faces").
    otherwise: what to do if they are no splits, for messages.
    """
    names = {*names}
    found = {name: said for name in sorted(names) if (said := named(name))}
    if exact := {name: said.split for name, said in found.items() if not said.rest}:
        return exact
    groups: dict[str, dict[str, str]] = {}
    for name, said in found.items():
        groups.setdefault(said.rest, {})[name] = said.split
    groups = {rest: group for rest, group in groups.items() if len({*group.values()}) > 1}
    if len(groups) > 1:
        listed = "; ".join(", ".join(group) for group in groups.values())
        raise DataCorrupt(f"{place} holds several groups of splits: {listed}. Keep one of them there. {otherwise}")
    if not groups and (alike := _alike(found, names - {""})):
        raise DataCorrupt(
            f"{place} looks like splits ({', '.join(alike)}), but cannot be taken as such, since the names differ in more "
            f"than the split. Rename them train and test. {otherwise}"
        )
    return next(iter(groups.values()), {})


def _alike(found: Mapping[str, Named], names: set[str]) -> list[str]:
    """The names that look like several splits, though they differ in more: all names, or those that agree except for numbers
    and punctuation; or, if there are only two, names of which one adds the split to the other."""
    if len({said.split for said in found.values()}) > 1:
        groups: dict[str, list[str]] = {}
        for name, said in found.items():
            groups.setdefault("" if found.keys() == names else _UNCOUNTED.sub("", said.rest), []).append(name)
        return next((group for group in groups.values() if len({found[name].split for name in group}) > 1), [])
    plain = {_UNCOUNTED.sub("", name.casefold()) for name in names - found.keys()}
    added = {_UNCOUNTED.sub("", said.rest) for said in found.values()}
    return sorted(names) if found and plain == added else []


def settled(called: Mapping[str, str], place: str, otherwise: str = IF_NOT_SPLITS) -> dict[str, str]:
    """Which of these places is which split; "all" if there is only "train". called: places, each with its split.

    A validation split without a test split becomes "test": evaluation needs images that were not trained on, and
    these are the only ones. DataCorrupt if two places are one split, or none is "train".
    """
    by_split: dict[str, str] = {}
    for name, split in called.items():
        if split in by_split:
            raise DataCorrupt(
                f"{place} holds both {by_split[split]} and {name} as the {split} split. Merge them, or move one away. "
                f"{otherwise}"
            )
        by_split[split] = name
    if "train" not in by_split:
        seen = " and ".join(f"{name} ({split})" for name, split in called.items())
        raise DataCorrupt(
            f"{place} holds {seen}, but no train split. Name a place that has one, or rename it. {otherwise}"
        )
    if len(by_split) == 1:
        return {"all": by_split["train"]}
    if "test" not in by_split:
        by_split["test"] = by_split.pop("validation")
    return {split: by_split[split] for split in SPLITS if split in by_split}


def sources_of(chosen: Mapping[str, str], called: Mapping[str, str]) -> dict[str, str]:
    """A description of where each split comes from. chosen: the result of `settled` for `called`."""
    no_test = {"test": ", since there is no test split"} if called.get(chosen.get("test", "")) == "validation" else {}
    return {split: f"{name}{no_test.get(split, '')}" for split, name in chosen.items()}


def sources_line(sources: Mapping[str, str]) -> str:
    """The splits' sources as a part of a set's note."""
    return ", ".join(f"{split} from {source}" for split, source in sources.items())
