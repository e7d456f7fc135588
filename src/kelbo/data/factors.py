"""Data in which every image is identified by a tuple of factor values: conversion between indices and tuples, and lookup.

The order of combinations is that of dSprites, 3D Shapes and MPI3D: an index is the mixed radix of the factors, the last one
fastest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kelbo.data.images import Images
from kelbo.errors import DataCorrupt, DataError


@dataclass(frozen=True)
class Factors:
    """F factors, each with a name and a size: its values are 0 … size-1, and every combination is one image.

    values, if given, names each value for people: one tuple of labels per factor.

    Raises DataError if the three do not match.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    values: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if not self.names or len(self.names) != len(self.sizes) or len(set(self.names)) < len(self.names):
            raise DataError(f"Factors need different names and a size for each; got {self.names} and {self.sizes}.")
        if min(self.sizes) < 1:
            raise DataError(f"Every factor needs at least one value; got the sizes {self.sizes}.")
        if self.values and tuple(map(len, self.values)) != self.sizes:
            raise DataError(f"Factors of sizes {self.sizes} got {tuple(map(len, self.values))} labels.")

    def __len__(self) -> int:
        """Number of images: every combination of the factors' values."""
        return math.prod(self.sizes)

    def of(self, index: Tensor) -> Tensor:
        """Indices (integers, (N,)) to factors (int64, (N, F)), on their device. Raises DataError if one is out of range."""
        _require_range("Image indices", index, len(self))
        columns, rest = [], index.long()
        for size in reversed(self.sizes):
            columns.append(rest % size)
            rest = rest // size
        return torch.stack(columns[::-1], dim=-1)

    def index(self, factors: Tensor) -> Tensor:
        """Factors (integers, (N, F)) to indices (int64, (N,)), the inverse of `of`, on their device. Raises DataError."""
        self.require(factors)
        index = torch.zeros(len(factors), dtype=torch.int64, device=factors.device)
        for column, size in enumerate(self.sizes):
            index = index * size + factors[:, column]
        return index

    def sample(self, count: int, generator: torch.Generator, **fixed: int) -> Tensor:
        """Draw factors uniformly and independently, with the named ones fixed: int64 (count, F), on the generator's device.

        `sample(100, generator, wall_hue=3)` draws as `sample(100, generator)` would and then sets one column: draws from
        one seed differ only in the fixed factors. Raises DataError for an unknown name or value.
        """
        for name, value in fixed.items():
            _require_range(f'Factor "{name}"', torch.as_tensor(value), self.sizes[self.column(name)])
        columns = [torch.randint(size, (count,), generator=generator, device=generator.device) for size in self.sizes]
        factors = torch.stack(columns, dim=1)
        for name, value in fixed.items():
            factors[:, self.column(name)] = value
        return factors

    def column(self, name: str) -> int:
        """The column of a factor. Raises DataError, which lists the names, if there is none of that name."""
        if name not in self.names:
            raise DataError(f"There is no factor {name!r}; there is {', '.join(self.names)}.")
        return self.names.index(name)

    def require(self, factors: Tensor) -> None:
        """Raises DataError if factors are not integers (N, F) within their sizes."""
        if factors.ndim != 2 or factors.shape[1] != len(self.sizes):
            raise DataError(
                f"Factors must have the shape (N, {len(self.sizes)}), one column of {self.names}; "
                f"got {tuple(factors.shape)}."
            )
        for column, (name, size) in enumerate(zip(self.names, self.sizes, strict=True)):
            _require_range(f'Factor "{name}"', factors[:, column], size)


@dataclass(frozen=True)
class FactorImages:
    """Images whose factors are known: one of every combination, in the order of their indices, or of some combinations.

    combinations: which one each image shows, different indices (int64, (N,), on the CPU); None if every one is there in order.

    Raises DataCorrupt if there are more or fewer images than combinations, or two of one.
    """

    images: Images
    factors: Factors
    combinations: Tensor | None = None

    def __post_init__(self) -> None:
        told = len(self.factors) if self.combinations is None else len(self.combinations)
        sizes = " × ".join(f"{name} {size}" for name, size in zip(self.factors.names, self.factors.sizes, strict=True))
        if len(self.images) != told:
            raise DataCorrupt(f"{sizes} need {told:,} images, one each; there are {len(self.images):,}.")
        if self.combinations is not None and len(self.combinations.unique()) < told:
            raise DataCorrupt(f"Several images show one combination of {sizes}.")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def complete(self) -> bool:
        """Whether there is an image of every combination."""
        return len(self) == len(self.factors)

    def of(self, index: Tensor) -> Tensor:
        """The factors (int64, (B, F)) of images (integers, (B,)), on the index' device. Raises DataError for no such image."""
        if self.combinations is None:
            return self.factors.of(index)
        _require_range("Image indices", index, len(self))
        return self.factors.of(self.combinations.to(index.device)[index])

    def index(self, factors: Tensor) -> Tensor:
        """The images of factors (integers, (B, F)), int64 (B,), on their device. Raises DataError for one without an image."""
        wanted = self.factors.index(factors)
        if self.combinations is None:
            return wanted
        ordered, images = self.combinations.to(wanted.device).sort()
        place = torch.searchsorted(ordered, wanted).clamp(max=len(ordered) - 1)
        lacking = torch.nonzero(ordered[place] != wanted).flatten()
        if len(lacking):
            values = zip(self.factors.names, factors[lacking[0]].tolist(), strict=True)
            raise DataError(
                f"There is no image of {', '.join(f'{name}={value}' for name, value in values)}: the set has "
                f"{len(self):,} of {len(self.factors):,} combinations."
            )
        return images[place]

    def take(self, factors: Tensor) -> Tensor:
        """The images of factors (integers, (B, F)) as uint8 (B, C, H, W), on the images' own device. Raises DataError."""
        return self.images.take(self.index(factors).to(self.images.device))

    def to(self, device: torch.device) -> FactorImages:
        """The same images held on `device`."""
        return replace(self, images=self.images.to(device))


def _require_range(name: str, values: Tensor, size: int) -> None:
    if values.is_floating_point() or values.dtype == torch.bool:
        raise DataError(f"{name} must be integers; got {values.dtype}.")
    if values.numel() and (values.min() < 0 or values.max() >= size):
        raise DataError(f"{name} must be 0 to {size - 1}; got {int(values.min())} to {int(values.max())}.")
