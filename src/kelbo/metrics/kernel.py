"""The kernel distance between two clouds of features (Bińkowski et al., 2018): KID, where they are Inception-2015's.

The squared maximum mean discrepancy with the kernel k(x, y) = (xᵀy / d + 1)³, estimated without bias. It is 0 in the mean
where both clouds are of one distribution, at any number of images, and may be negative; a Fréchet distance is neither.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats
from kelbo.metrics.clouds import two_clouds


class KernelDistance(NamedTuple):
    """The mean of MMD² over subsets, and how sure it is.

    deviation:      of the subsets' values, by their number less 1 (torch-fidelity divides by their number); it is what is
                    usually printed after "±"; of one subset, NaN
    standard_error: of the mean, over new images of both clouds and new subsets. NaN of one subset, and where a subset is a
                    whole cloud, of which nothing is left to tell by
    """

    distance: float
    deviation: float
    standard_error: float


def kernel_distance(
    features_p: np.ndarray, features_q: np.ndarray, *, subsets: int = 100, size: int = 1000, seed: int = 0
) -> KernelDistance:
    """The kernel distance between clouds (N, d) and (M, d): the mean of `squared_mmd` over random subsets.

    Each subset is `size` rows of each cloud, drawn without replacement; 100 of 1,000 are the defaults of torch-fidelity,
    whose tool prints the deviation alone. Subsets share rows, so that divided by √subsets is too small an error: to it
    comes what half of the delete-a-part jackknife knows of the data, deviation² · size / (n - size) with n the smaller of
    N and M (Shao and Wu, 1989). Between equal distributions MMD² shrinks faster, and the error is too large.
    ScoreError where a subset is larger than a cloud or has less than 2 rows, and as `kelbo.metrics.clouds`.
    """
    features_p, features_q = two_clouds(features_p, features_q, ("features_p", "features_q"))
    n = min(len(features_p), len(features_q))
    if not 2 <= size <= n:
        raise ScoreError(
            f"A subset must have 2 to {n:,} rows, those of the smaller cloud; got size = {size:,}. "
            "Encode more images, or take smaller subsets and say so beside the number."
        )
    if subsets < 1:
        raise ScoreError(f"There must be at least 1 subset; got {subsets}.")
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

    Memory is N² + NM + M² numbers, one term at a time. ScoreError as `kelbo.metrics.clouds`.
    """
    p, q = two_clouds(features_p, features_q, ("features_p", "features_q"))
    p, q = p.astype(np.float64), q.astype(np.float64)
    return _mean_of_pairs(p) + _mean_of_pairs(q) - 2 * float(_kernel(p, q).mean())


def _mean_of_pairs(x: Floats) -> float:
    """The mean kernel of two different rows."""
    kernel = _kernel(x, x)
    return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))


def _kernel(x: Floats, y: Floats) -> Floats:
    base = x @ y.T
    base /= x.shape[1]
    base += 1
    return base * base * base
