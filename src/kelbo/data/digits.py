"""scikit-learn's handwritten digits: 1,797 real 8×8 images of 17 grey levels that need no download.

They are the test part of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak, 1998): 32×32
bitmaps whose 4×4 blocks were counted, so that a pixel is the number 0 … 16 of ink dots in its block.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from kelbo.data.image_set import ImageSet, drawn, hold_out
from kelbo.data.images import ArrayImages

SIDE, LEVELS = 8, 17


def digits(size: int = 16, held_out: float = 0.1, split_seed: int = 0) -> ImageSet:
    """The digits as levels 0 … 16, (N, 1, size, size), with labels 0 … 9 and a seeded test split.

    size: pixels of a side, a multiple of 8. Each pixel is repeated in both directions, so the levels stay exact; nats of
    different sizes are not comparable. The default 16 is the smallest size that convolutional networks take. held_out: fraction
    held out as the split "test". Raises ValueError if size is not a multiple of 8.
    """
    if size < SIDE or size % SIDE:
        raise ValueError(f"size must be a multiple of {SIDE} (pixels are repeated, never mixed); got {size}.")
    table = _table()
    levels, labels = table[:, :-1].astype(np.uint8).reshape(-1, 1, SIDE, SIDE), table[:, -1].astype(np.int64)
    times = size // SIDE
    pixels = levels.repeat(times, axis=2).repeat(times, axis=3)
    sources = drawn(held_out, split_seed)
    splits = hold_out(ArrayImages(pixels, LEVELS), held_out, split_seed)
    repeated = "" if times == 1 else f", each pixel repeated {times}×{times}"
    return ImageSet(
        name="digits",
        splits=splits,
        note=f"scikit-learn's digits, 8×8 at 17 levels{repeated}; {sources['test']}",
        labels={name: labels[split.index.numpy()] for name, split in splits.items()},
        sources=sources,
    )


def _table() -> np.ndarray:
    """The pixels and, last, the class of each image (N, 65), as `sklearn.datasets.load_digits` reads them.

    Read from the file itself, since scikit-learn's import takes a second and, with SciPy and pandas, 100 MB in every process.
    """
    (package,) = getattr(find_spec("sklearn"), "submodule_search_locations", None) or [""]
    return np.loadtxt(Path(package, "datasets", "data", "digits.csv.gz"), delimiter=",")
