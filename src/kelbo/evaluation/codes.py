"""Encode a data set once, look codes up ever after: the table of all codes is kept on disk with the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kelbo.data.factors import FactorImages
from kelbo.data.images import Images, SubsetImages
from kelbo.errors import Damaged
from kelbo.evaluation.encode import encode
from kelbo.protocols import Model
from kelbo.runs.tensors import read_tensors, write_tensors
from kelbo.seeds import generator

KIND = "table of codes"


@dataclass(frozen=True)
class Codes:
    """The codes of N images of K latents, and which of F factors' values each image has, where that is known.

    means, scales   of the posterior, float32 (N, K); scales are None of a code that is a point
    factors         int64 (N, F), or None
    names           of the factors
    """

    means: np.ndarray
    scales: np.ndarray | None = None
    factors: np.ndarray | None = None
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.means)

    @property
    def complete(self) -> bool:
        """Whether every combination of the factors' values is there once: the rows are then no sample of anything."""
        if self.factors is None:
            return False
        radix = 1 + self.factors.max(0) - self.factors.min(0)
        if float(np.prod(radix.astype(np.float64))) != len(self):
            return False
        index = np.ravel_multi_index(tuple((self.factors - self.factors.min(0)).T), tuple(radix))
        return len(np.unique(index)) == len(self)


def codes_of_factors(
    model: Model,
    whole: FactorImages,
    place: Path,
    key: Mapping[str, Any],
    *,
    count: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Codes:
    """The codes of every image of a set with factors, or of a seeded draw of `count` of them.

    Read from `place` where a table made under the same `key` lies there (what the weights and the data were), else encoded
    in one pass and written there. advance is called with the number of images encoded at a time.
    """
    chosen, index = drawn(whole, count)
    key = {"key": dict(key), "rows": len(chosen), "of": len(whole.images)}
    tensors = _found(place, key)
    if tensors is None:
        means, scales = encode(model, chosen, advance=advance)
        tensors = {"means": torch.from_numpy(means), "scales": torch.from_numpy(scales)}
        write_tensors(place, KIND, tensors, {"key": key})
    factors = whole.factors.of(index).numpy()
    means, scales = tensors["means"].numpy(), tensors["scales"].numpy()
    return Codes(means, scales if model.has_rate else None, factors, whole.factors.names)


def drawn(whole: FactorImages, count: int | None) -> tuple[Images, torch.Tensor]:
    """The images of every table of `count` codes of a set, and their indices: the same draw for every model."""
    size = len(whole.images)
    if count is None or count >= size:
        return whole.images, torch.arange(size)
    index = torch.randperm(size, generator=generator(0, "evaluation"))[:count].sort().values
    return SubsetImages(whole.images, index.to(whole.images.device)), index


def _found(place: Path, key: dict[str, Any]) -> dict[str, torch.Tensor] | None:
    try:
        tensors, header = read_tensors(place, KIND)
    except Damaged:  # or not there at all
        return None
    return tensors if header.get("key") == key else None
