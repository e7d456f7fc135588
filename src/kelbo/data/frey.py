"""Frey faces: 1,965 frames of one face, 28×20 grey, in order of time (used by Roweis & Saul, 2000)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from kelbo.data.array_files import load_array
from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages, SubsetImages
from kelbo.data.matlab import read_mat
from kelbo.data.roots import located
from kelbo.errors import DataCorrupt

HEIGHT, WIDTH = 28, 20
FILES = ("frey_rawface.mat", "frey_faces.npz")
PLACES = ("frey", ".")


def frey(root: Path | str, held_out: float = 0.1) -> ImageSet:
    """The faces, (N, 1, 28, 20); the film's last fraction `held_out` is the split "test".

    Neighbouring frames are nearly equal, so a random draw would test on nearly the training images. The test frames are one
    block, so only the frames at its border have such neighbours in training.

    root: a folder holding `frey_rawface.mat` (`ff`, 560×N, a column a frame) or `frey_faces.npz` (`images`, N×28×20) in
    frey/ or itself. Raises DataMissing if neither exists; DataCorrupt, naming the file, if it is damaged, holds
    other shapes or types, or too few frames; ValueError if held_out is not in (0, 1).
    """
    if not 0 < held_out < 1:
        raise ValueError(f"The fraction to hold out must be above 0 and below 1; got {held_out}.")
    path = located("Frey faces", root, PLACES, FILES)
    images = ArrayImages(_columns(path) if path.suffix == ".mat" else _frames(path))
    held = max(1, round(held_out * len(images)))
    order = torch.arange(len(images))
    splits = {"train": SubsetImages(images, order[:-held]), "test": SubsetImages(images, order[-held:])}
    note = f"Frey faces in order of time; the last {held} of {len(images):,} frames held out, since neighbours are near copies"
    sources = {"train": "the film's beginning", "test": f"the film's last {held} frames"}
    return ImageSet("frey", splits, note, sources=sources)


def _columns(path: Path) -> np.ndarray:
    ff = read_mat(path, {"ff": (HEIGHT * WIDTH, None)})["ff"]
    if ff.dtype != np.uint8:
        raise DataCorrupt(f"{path}: 'ff' should be uint8; found {ff.dtype}.")
    return np.ascontiguousarray(ff.T).reshape(-1, 1, HEIGHT, WIDTH)


def _frames(path: Path) -> np.ndarray:
    frames, source = load_array(path, "images")
    if frames.dtype != np.uint8 or frames.shape[1:] != (HEIGHT, WIDTH) or len(frames) == 0:
        raise DataCorrupt(f"{source} should be uint8 N×{HEIGHT}×{WIDTH}; found {frames.dtype} {frames.shape}.")
    return frames[:, None]
