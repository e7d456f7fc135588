"""Precision, recall, density and coverage: quality and variety of samples compared with data.

The support of each cloud is estimated by balls around its points with the distance to the k-th neighbour as radius
(Kynkäänniemi et al., 2019; Naeem et al., 2020).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats
from kelbo.metrics.clouds import two_clouds

CHUNK = 1024
"""Rows whose distances to all others are in memory at a time."""

ROUNDING = 1e-12
"""Squared distances count as equal if they differ by less than this share of their points' squared norms."""


class PRDC(NamedTuple):
    """precision  the share of samples inside a reference point's ball: quality (an outlier's huge ball inflates it)
    recall     the share of reference points inside a sample's ball: variety
    density    the mean number of reference balls that contain a sample, over k: quality, robust to outliers; may exceed 1
    coverage   the share of reference points whose ball contains a sample: variety
    """

    precision: float
    recall: float
    density: float
    coverage: float


def prdc_of(reference: np.ndarray, samples: np.ndarray, k: int = 5) -> PRDC:
    """Precision, recall, density and coverage of samples (M, d) against reference features (N, d).

    A point is inside a ball if it is strictly nearer to the centre than the centre's k-th neighbour in its own cloud. k = 5
    is that of the prdc package's example (Kynkäänniemi et al. use 3, torch-fidelity's default). Report k, N and M with the
    numbers: between two clouds of one distribution, the expected density is 1 and the expected coverage
    1 - (N-1)…(N-k) / ((N+M-1)…(N+M-k)), which is 0.969 at k = 5 and many points.

    Distances are computed from products in float64, in parts: besides the features, memory is a few tables of 1,024 rows.
    Distances equal within rounding count as equal, not nearer. Raises ScoreError as `two_clouds` does, and if k is below 1 or
    a cloud has at most k rows.
    """
    if k < 1:
        raise ScoreError(f"k must be at least 1; got {k}.")
    reference, samples = two_clouds(reference, samples, ("reference", "samples"), least=k + 1)
    middle = reference.mean(0, dtype=np.float64)
    p, q = reference - middle, samples - middle  # centred, since products of small numbers lose least precision
    norms_p, norms_q = np.square(p).sum(1), np.square(q).sum(1)
    radii_p, radii_q = _radii(p, norms_p, k), _radii(q, norms_q, k)
    balls_around, recalled, covered = np.zeros(len(q), np.int64), 0, 0
    for first in range(0, len(p), CHUNK):
        rows = slice(first, first + CHUNK)
        slack = ROUNDING * (norms_p[rows, None] + norms_q)
        squared = _squared(p[rows], norms_p[rows], q, norms_q) + slack
        inside = squared < radii_p[rows, None]
        balls_around += inside.sum(0)
        covered += int(inside.any(1).sum())
        recalled += int((squared < radii_q).any(1).sum())
    return PRDC(
        precision=float((balls_around > 0).mean()),
        recall=recalled / len(p),
        density=float(balls_around.mean() / k),
        coverage=covered / len(p),
    )


def _radii(points: Floats, norms: Floats, k: int) -> Floats:
    """The squared distance of each point to its k-th neighbour among the others."""
    radii = np.empty(len(points))
    for first in range(0, len(points), CHUNK):
        rows = slice(first, first + CHUNK)
        squared = _squared(points[rows], norms[rows], points, norms)
        own = np.arange(len(squared))
        squared[own, first + own] = np.inf
        radii[rows] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return radii


def _squared(x: Floats, norms_x: Floats, y: Floats, norms_y: Floats) -> Floats:
    """Squared distances of every x to every y, by ‖x‖² + ‖y‖² - 2 xᵀy."""
    product = x @ y.T
    product *= -2
    product += norms_x[:, None]
    product += norms_y
    return product
