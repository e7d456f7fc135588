"""Codes of many images as one table, and which images of a set with factors are in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kelbo.data.factors import FactorImages
from kelbo.data.images import Images, SubsetImages
from kelbo.seeds import generator


@dataclass(frozen=True)
class Codes:
    """The codes of N images of K latents, and each image's values of F factors, if they are known.

    means, scales   of the posterior, float32 (N, K); scales are None if a code is a point
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
        """Whether every combination of the factors' values is there once, so that the rows are not a sample."""
        if self.factors is None:
            return False
        radix = 1 + self.factors.max(0) - self.factors.min(0)
        if float(np.prod(radix.astype(np.float64))) != len(self):
            return False
        index = np.ravel_multi_index(tuple((self.factors - self.factors.min(0)).T), tuple(radix))
        return len(np.unique(index)) == len(self)


def drawn(whole: FactorImages, count: int | None) -> tuple[Images, torch.Tensor]:
    """`count` images of a set (all by default) and their indices: the same draw for every model."""
    size = len(whole.images)
    if count is None or count >= size:
        return whole.images, torch.arange(size)
    index = torch.randperm(size, generator=generator(0, "evaluation"))[:count].sort().values
    return SubsetImages(whole.images, index.to(whole.images.device)), index
