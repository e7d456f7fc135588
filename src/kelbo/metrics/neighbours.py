"""Mutual information of a continuous variable and a class, by nearest neighbours."""

from __future__ import annotations

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints


def class_information(values: Floats, labels: Ints, neighbours: int = 10) -> float:
    """I(value; label) in nats, of values (N,) and labels (N,) 0 … S-1, not below 0 (Ross, 2014, PLoS ONE 9(2)).

    ψ(N) - mean ψ(N_label) + mean ψ(k) - mean ψ(m), where m counts the rows of any label that are no further than the k-th
    neighbour of the same label. It equals scikit-learn's mutual_info_classif if all values differ. Of equal values,
    scikit-learn breaks ties by noise, while here k counts all rows of the same label that are as near, as Gao et al. (2017) do
    for mixtures, which also suits quantised latents. A label with at most k rows takes all its other rows as neighbours; one
    with a single row is left out. Raises ScoreError if every label has a single row, or neighbours is below 1.
    """
    if neighbours < 1:
        raise ScoreError(f"neighbours must be at least 1; got {neighbours}.")
    counts = np.bincount(labels)
    kept = counts[labels] > 1
    if not kept.any():
        raise ScoreError(
            f"All {len(labels):,} rows have different labels, so no row has a neighbour. Encode more images."
        )
    from scipy.special import digamma  # here, since training needs none of SciPy

    values, labels = values[kept], labels[kept]
    ordered = np.sort(values)
    slack = 4 * np.finfo(np.float64).eps * np.abs(ordered[[0, -1]]).max()  # x + (y - x) need not be y
    information = digamma(len(values)) * len(values)
    for label in np.flatnonzero(counts > 1):
        own = np.sort(values[labels == label])
        radius = kth_distances(own, min(neighbours, len(own) - 1)) + slack
        near, every = within(own, own, radius), within(ordered, own, radius)
        information += (digamma(near) - digamma(every)).sum() - len(own) * digamma(len(own))
    return max(0.0, float(information / len(values)))


def kth_distances(ordered: Floats, k: int) -> Floats:
    """The distance of each of n > k sorted numbers (n,) to its k-th nearest other: the least over the k + 1 runs around it."""
    count, nearest = len(ordered), np.full(len(ordered), np.inf)
    padded = np.concatenate([np.full(k, -np.inf), ordered, np.full(k, np.inf)])
    for first in range(k + 1):  # the run of k + 1 numbers that starts `first` before this one
        low, high = padded[k - first :][:count], padded[2 * k - first :][:count]
        np.minimum(nearest, np.maximum(ordered - low, high - ordered), out=nearest)
    return nearest


def within(ordered: Floats, points: Floats, radius: Floats) -> Ints:
    """For each point, itself one of the sorted numbers, how many others are no further away than `radius`."""
    last, first = ordered.searchsorted(points + radius, "right"), ordered.searchsorted(points - radius, "left")
    return last - first - 1
