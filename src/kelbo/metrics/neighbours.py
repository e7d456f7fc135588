"""Mutual information of a number with a class, by nearest neighbours."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints


def class_information(values: Floats, labels: Ints, neighbours: int = 10) -> float:
    """I(value; label) in nats, of values (N,) and labels (N,) 0 … S-1, not below 0 (Ross, 2014, PLoS ONE 9(2)).

    ψ(N) - mean ψ(N_label) + mean ψ(k) - mean ψ(m), where m counts the rows of any label no further than the k-th neighbour of
    the same label. scikit-learn's mutual_info_classif is the same where no two values are equal; where some are, it adds
    noise, and this counts them: k is then all of the same label that are as near, as Gao et al. (2017) have it for
    mixtures, so quantised latents are told as well. A label with k rows or fewer gives all its rows as neighbours, one with
    a single row is left out. ScoreError where every label has a single row, or neighbours are below 1.
    """
    if neighbours < 1:
        raise ScoreError(f"Nearest neighbours must be at least 1; got {neighbours}.")
    counts = np.bincount(labels)
    kept = counts[labels] > 1
    if not kept.any():
        raise ScoreError(
            f"All {len(labels):,} rows have a value of their own, so none has a neighbour. Encode more images."
        )
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
    """The distance of each of n > k sorted numbers (n,) to its k-th nearest other: the best of the k + 1 runs it is in."""
    count, nearest = len(ordered), np.full(len(ordered), np.inf)
    padded = np.concatenate([np.full(k, -np.inf), ordered, np.full(k, np.inf)])
    for first in range(k + 1):  # the run of k + 1 numbers that starts `first` before this one
        low, high = padded[k - first :][:count], padded[2 * k - first :][:count]
        np.minimum(nearest, np.maximum(ordered - low, high - ordered), out=nearest)
    return nearest


def within(ordered: Floats, points: Floats, radius: Floats) -> Ints:
    """How many others of the sorted numbers are no further than `radius` from each point, itself one of them."""
    last, first = ordered.searchsorted(points + radius, "right"), ordered.searchsorted(points - radius, "left")
    return last - first - 1
