"""The kernel distance between two clouds of features (Bińkowski et al., 2018): KID, if they are Inception-2015's.

The squared maximum mean discrepancy with the kernel k(x, y) = (xᵀy / d + 1)³, by its unbiased estimator. Its expectation is 0
if both clouds have the same distribution, for any number of images, and it may be negative; neither holds for a Fréchet
distance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats
from kelbo.metrics.clouds import two_clouds


class KernelDistance(NamedTuple):
    """The mean of MMD² over subsets, and its spread.

    deviation:      standard deviation over subsets, divided by their number less 1 (torch-fidelity divides by their number);
                    usually what papers print after "±"; NaN for a single subset
    standard_error: of the mean, over new images of both clouds and new subsets. NaN for a single subset, and if a subset is a
                    whole cloud, since no other images are left to estimate it from
    """

    distance: float
    deviation: float
    standard_error: float


def kernel_distance(
    features_p: np.ndarray, features_q: np.ndarray, *, subsets: int = 100, size: int = 1000, seed: int = 0
) -> KernelDistance:
    """The kernel distance between clouds (N, d) and (M, d): the mean of `squared_mmd` over random subsets.

    Each subset is `size` rows of each cloud, drawn without replacement; 100 subsets of 1,000 are the defaults of
    torch-fidelity, which reports the deviation alone. Subsets share rows, so deviation / √subsets is too small an error; the
    variance of the data by the delete-d jackknife is added, deviation² · size / (n - size) with n the smaller of N and M
    (Shao and Wu, 1989). Between equal distributions MMD² shrinks faster, and the error is too large.
    Raises ScoreError as `two_clouds` does, and if size is below 2 or above n, or subsets below 1.
    """
    features_p, features_q = two_clouds(features_p, features_q, ("features_p", "features_q"))
    n = min(len(features_p), len(features_q))
    if not 2 <= size <= n:
        raise ScoreError(
            f"size must be 2 to {n:,}, the rows of the smaller cloud; got {size:,}. "
            "Encode more images, or take smaller subsets and report their size."
        )
    if subsets < 1:
        raise ScoreError(f"subsets must be at least 1; got {subsets}.")
    rng = np.random.default_rng(seed)
    values = np.array(
        [
            squared_mmd(*(cloud[rng.permutation(len(cloud))[:size]] for cloud in (features_p, features_q)))
            for _ in range(subsets)
        ]
    )
    deviation = float(values.std(ddof=1)) if subsets > 1 else float("nan")
    error = deviation * np.sqrt(size / (n - size) + 1 / subsets) if n > size else float("nan")
    return KernelDistance(float(values.mean()), deviation, float(error))


def squared_mmd(features_p: np.ndarray, features_q: np.ndarray) -> float:
    """The unbiased estimate of MMD² from all rows of (N, d) and (M, d), in float64 (Gretton et al., 2012, lemma 6).

    Memory is the largest of N², NM and M² numbers. Raises ScoreError as `two_clouds` does.
    """
    p, q = two_clouds(features_p, features_q, ("features_p", "features_q"))
    p, q = p.astype(np.float64), q.astype(np.float64)
    return _mean_of_pairs(p) + _mean_of_pairs(q) - 2 * float(_kernel(p, q).mean())


def _mean_of_pairs(x: Floats) -> float:
    """The mean of the kernel over pairs of different rows."""
    kernel = _kernel(x, x)
    return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))


def _kernel(x: Floats, y: Floats) -> Floats:
    base = x @ y.T
    base /= x.shape[1]
    base += 1
    return base * base * base
