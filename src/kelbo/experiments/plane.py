"""Codes on a plane, as one factor of the images at a time changes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


class Plane(NamedTuple):
    """Codes of sweeps on the two axes of their means' largest variance.

    means   of each sweep's posteriors, one array (values, 2) a factor
    draws   from them, (values · draws, 2) a factor; none if a code is a point
    base    the code of the base image, (2,)
    shares  of the means' variance along each axis, (2,)
    """

    means: list[Array]
    draws: list[Array]
    base: Array
    shares: Array

    def arrays(self) -> dict[str, Array]:
        """The same without lists: rows of all sweeps one after the other."""
        drawn = {"draws": np.concatenate(self.draws)} if self.draws else {}
        return {"means": np.concatenate(self.means), "base": self.base, "shares": self.shares, **drawn}


def of_arrays(found: dict[str, Array], values: list[int]) -> Plane:
    """A plane from its `arrays`. values: of each sweep."""
    ends = np.cumsum(values)[:-1]
    draws = found.get("draws")
    per_value = 0 if draws is None else len(draws) // len(found["means"])
    drawn = [] if draws is None else np.split(draws, per_value * ends)
    return Plane(np.split(found["means"], ends), drawn, found["base"], found["shares"])


def plane_of(means: Array, scales: Array, noise: Array, values: list[int], *, has_rate: bool) -> Plane:
    """The plane of the largest variance of posteriors' means, of which the first row (of N) is the base's.

    means, scales: (N, K). noise: standard normal draws (D, N, K), of which each posterior's own are put on the plane if there
    is a rate: draws of latents that the model does not use are the prior's noise, as wide as the prior whatever the image, and
    would span it instead of the means.
    """
    middle = means[1:].mean(0)
    _, widths, axes = np.linalg.svd(means[1:] - middle, full_matrices=False)
    axes = np.vstack([axes, np.zeros_like(axes)])[:2]  # a code of one latent has no second axis
    axes *= np.where(axes.sum(1, keepdims=True) < 0, -1, 1)  # always the same of the two directions
    total = np.square(widths).sum()
    shares = np.zeros(2)
    shares[: min(2, len(widths))] = np.square(widths[:2]) / total if total > 0 else 0
    ends = np.cumsum(values)[:-1]
    flat = (means - middle) @ axes.T
    drawn = (means + scales * noise - middle) @ axes.T
    draws = [part.reshape(-1, 2) for part in np.split(drawn[:, 1:], ends, axis=1)] if has_rate else []
    return Plane(np.split(flat[1:], ends), draws, flat[0], shares)
