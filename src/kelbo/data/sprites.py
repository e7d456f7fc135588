"""Sprites (Li and Mandt, 2018): characters of a game, each in every pose of a few actions, with what they wear.

A file `sprites_video.npz` holds frames of C characters as places in one palette, so that a clip is
`palette[frames[c][sequence[p]]]`:

    frames       uint8 (C, F, 64, 64): the different frames of each character, places in the palette
    palette      uint8 (≤ 256, 3): RGB
    sequence     integers (P, T): which frames are a clip of each of P actions, in order of time
    attributes   integers (C, 4): body, bottom, top and hair of each character
    action       text (P,): walk, spellcard or slash
    direction    text (P,): where the character looks
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from kelbo.data.array_files import headers_of, load_array
from kelbo.data.factors import FactorImages, Factors
from kelbo.data.image_set import ImageSet, held_out_index
from kelbo.data.images import ArrayImages, Images, SubsetImages, average_squares
from kelbo.data.palette import PaletteImages
from kelbo.data.roots import located
from kelbo.errors import DataCorrupt

FILE = "sprites_video.npz"
PLACES = ("sprites", ".")
PAGE = "https://github.com/YingzhenLi/Sprites"
SIDE = 64
WORN = ("body", "bottom", "top", "hair")
ARRAYS = ("frames", "palette", "sequence", "attributes", "action", "direction")


class SpritesFile(NamedTuple):
    """What a file holds, checked: see above."""

    path: Path
    frames: np.ndarray
    palette: np.ndarray
    sequence: np.ndarray
    attributes: np.ndarray
    action: np.ndarray
    direction: np.ndarray


def sprites(root: Path | str, size: int = SIDE, *, held_out: float = 0.1, split_seed: int = 0) -> ImageSet:
    """Every frame of every clip as an image, uint8 (N, 3, size, size), with the factors body … hair, action, direction, frame.

    The images are in the file's order: by character, action and time. Its characters are drawn into the splits, so that
    nobody in "test" is in "train". size: pixels after squares of them are averaged. held_out: fraction of the characters.

    Raises DataMissing if the file is absent; DataCorrupt, naming it, if it is damaged or holds something else; ValueError if
    held_out is not in (0, 1), or size does not divide 64.
    """
    if size < 1 or SIDE % size:
        raise ValueError(f"size must divide {SIDE} pixels; got {size}.")
    file = read_sprites(root)
    images, poses = _images(file, size), file.sequence.size
    whole = FactorImages(images, *_factors(file))
    drawn = held_out_index(len(file.frames), held_out, split_seed, noun="character")
    splits = {
        split: SubsetImages(images, (characters[:, None] * poses + torch.arange(poses)).flatten())
        for split, characters in drawn.items()
    }
    sources = {
        "train": f"the other {len(drawn['train']):,} characters",
        "test": f"{len(drawn['test']):,} characters held out by seed {split_seed}",
    }
    there = "every combination" if whole.complete else f"{len(whole):,} of {len(whole.factors):,} combinations"
    note = f"Sprites' {len(file.frames):,} characters in {poses} poses, {there} of their factors"
    if size < SIDE:
        note += f", averaged down to {size}×{size}"
    return ImageSet("sprites", splits, f"{note}; {sources['test']}", whole=whole, sources=sources)


def read_sprites(root: Path | str) -> SpritesFile:
    """The file's arrays, for images and for clips. root: a folder that holds it in sprites/ or itself. Raises as `sprites`."""
    path = located("Sprites", root, PLACES, [FILE], PAGE)
    if absent := [name for name in ARRAYS if name not in headers_of(path)]:
        held = ", ".join(headers_of(path))
        raise DataCorrupt(f"{path} lacks {', '.join(absent)}; it holds {held or 'nothing'}. {_REMEDY}")
    file = SpritesFile(path, *(load_array(path, name)[0] for name in ARRAYS))
    _check_shapes(file)
    _check_values(file)
    return file


_REMEDY = "Write it anew as docs/sprites.md describes, or name another folder by data.root."


def _check_shapes(file: SpritesFile) -> None:
    """DataCorrupt unless every array has its type and shape."""
    kinds = {"frames": "u", "palette": "u", "sequence": "iu", "attributes": "iu", "action": "U", "direction": "U"}
    sizes: dict[str, int] = {}
    shapes: Mapping[str, tuple[str | int, ...]] = {
        "frames": ("C", "F", SIDE, SIDE),
        "palette": ("colours", 3),
        "sequence": ("P", "T"),
        "attributes": ("C", len(WORN)),
        "action": ("P",),
        "direction": ("P",),
    }
    for name, shape in shapes.items():
        array = getattr(file, name)
        fits = array.ndim == len(shape) and array.size > 0 and array.dtype.kind in kinds[name]
        if kinds[name] == "u":
            fits = fits and array.dtype == np.uint8
        for wanted, found in zip(shape, array.shape, strict=False):
            fits = fits and found == (sizes.setdefault(wanted, found) if isinstance(wanted, str) else wanted)
        if not fits:
            wanted = ", ".join(f"{axis}={sizes[axis]}" if axis in sizes else str(axis) for axis in shape)
            kind = {"u": "uint8", "iu": "integers", "U": "text"}[kinds[name]]
            raise DataCorrupt(
                f"{file.path}['{name}'] should be {kind} ({wanted}); found {array.dtype} {array.shape}. {_REMEDY}"
            )


def _check_values(file: SpritesFile) -> None:
    """DataCorrupt if a number names no colour, frame or attribute, or two characters or two actions are one."""
    for name, most, of in (
        ("frames", len(file.palette), f"of {len(file.palette)} colours"),
        ("sequence", file.frames.shape[1], f"of {file.frames.shape[1]} frames"),
        ("attributes", 256, "attributes"),
    ):
        array = getattr(file, name)
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= most:
            raise DataCorrupt(
                f"{file.path}['{name}'] should hold places {of}, 0 to {most - 1}; found {low} to {high}. {_REMEDY}"
            )
    poses = [*zip(file.action.tolist(), file.direction.tolist(), strict=True)]
    for name, rows in (("attributes", [*map(tuple, file.attributes.tolist())]), ("action", poses)):
        first = {row: place for place, row in reversed([*enumerate(rows)])}
        if twice := [(first[row], place) for place, row in enumerate(rows) if first[row] != place]:
            a, b = twice[0]
            raise DataCorrupt(
                f"{file.path}['{name}'] should differ from row to row; {a} and {b} are both {rows[a]}. {_REMEDY}"
            )


def _images(file: SpritesFile, size: int) -> Images:
    """Every character in every pose. Frames that clips share are held once, at full size as places in the palette."""
    characters, frames = file.frames.shape[:2]
    if size == SIDE:
        places = torch.from_numpy(np.array(file.frames)).flatten(0, 1)
        different: Images = PaletteImages(places, torch.from_numpy(np.array(file.palette)))
    else:
        pixels = np.empty((characters, frames, 3, size, size), np.uint8)
        for character, places in enumerate(file.frames):
            pixels[character] = average_squares(file.palette[places].transpose(0, 3, 1, 2), SIDE // size)
        different = ArrayImages(torch.from_numpy(pixels).flatten(0, 1))
    shown = torch.from_numpy(file.sequence.astype(np.int64)).flatten()
    return SubsetImages(different, (torch.arange(characters)[:, None] * frames + shown).flatten())


def _factors(file: SpritesFile) -> tuple[Factors, torch.Tensor]:
    """The factors, and which combination each image of the file's order shows."""
    actions, directions = [*dict.fromkeys(file.action.tolist())], [*dict.fromkeys(file.direction.tolist())]
    steps, sizes = file.sequence.shape[1], (int(file.attributes[:, place].max()) + 1 for place in range(len(WORN)))
    labels = (*(tuple(map(str, range(size))) for size in sizes), tuple(actions), tuple(directions))
    labels = (*labels, tuple(map(str, range(steps))))
    factors = Factors((*WORN, "action", "direction", "frame"), tuple(map(len, labels)), labels)
    moving = np.array(
        [
            (actions.index(action), directions.index(direction), step)
            for action, direction in zip(file.action.tolist(), file.direction.tolist(), strict=True)
            for step in range(steps)
        ]
    )
    worn = np.repeat(file.attributes.astype(np.int64), len(moving), axis=0)
    values = np.concatenate([worn, np.tile(moving, (len(file.attributes), 1))], axis=1)
    return factors, factors.index(torch.from_numpy(values))
