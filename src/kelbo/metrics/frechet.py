"""The Fréchet distance between the Gaussians of two clouds of features (Dowson and Landau, 1982; Heusel et al., 2017).

    d² = ‖μ_p - μ_q‖² + tr Σ_p + tr Σ_q - 2 tr (Σ_p Σ_q)^½

With Σ_p = L Lᵀ the last trace is the sum of the square roots of the eigenvalues of Lᵀ Σ_q L. That matrix is symmetric, so
there is no imaginary part, and the square root of Σ_p Σ_q is never formed. Over Inception-2015 features d² is called FID; over
others it is the Fréchet distance over those.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, finite_table
from kelbo.metrics.clouds import two_clouds

BATCH = 4096
"""Rows converted to float64 at a time."""

ASYMMETRY, NEGATIVITY = 1e-6, 1e-5
"""Tolerances for covariances computed in float32: asymmetry relative to the largest entry, and negative eigenvalues relative to
the largest eigenvalue."""


class Frechet(NamedTuple):
    """The squared Fréchet distance, which is what papers report, and its two parts.

    rank_deficient: a covariance is singular to float64's precision, so a Gaussian is flat in some directions. The distance
                    exists, but depends on N as much as on the distributions: compare it at equal N only.
    method:         how the trace was computed: "cholesky"; "eigen" if both covariances are singular; "low-rank" if there are
                    fewer features than dimensions.
    """

    distance: float
    mean_term: float
    covariance_term: float
    rank_deficient: bool
    method: Literal["cholesky", "eigen", "low-rank"]


class FeatureMoments:
    """Mean and covariance of features, accumulated over batches, in float64.

    Parts are merged by the formula of Chan, Golub and LeVeque (1983), which is exact for large means: in any order and any
    division into batches the result is that of np.cov up to rounding. Memory is d² numbers for any N.
    """

    def __init__(self, dims: int) -> None:
        self.count = 0
        self.mean: Floats = np.zeros(dims)
        self.scatter: Floats = np.zeros((dims, dims))
        """Σ (x - mean)(x - mean)ᵀ"""

    @classmethod
    def of(cls, features: np.ndarray) -> FeatureMoments:
        """The moments of a table (N, d), converted in parts. Raises ScoreError as `update` does."""
        moments = cls(np.shape(features)[-1])
        for first in range(0, len(features), BATCH):
            moments.update(features[first : first + BATCH])
        return moments

    def update(self, features: np.ndarray) -> None:
        """Add a batch (B, d). Raises ScoreError if it is not a table of d columns, or has NaN or ∞."""
        features = finite_table("features", features, least=1)
        if features.shape[1] != len(self.mean):
            raise ScoreError(f"features must have {len(self.mean):,} columns; got {features.shape[1]:,}.")
        mean = features.mean(0)
        centred = features - mean
        self._add(len(features), mean, centred.T @ centred)

    def merge(self, other: FeatureMoments) -> None:
        """Add the moments of another part of the data, which are not changed. Raises ScoreError if d differs."""
        if len(other.mean) != len(self.mean):
            raise ScoreError(f"Moments of {len(self.mean):,} and of {len(other.mean):,} features cannot be merged.")
        if other.count:
            self._add(other.count, other.mean, other.scatter)

    def covariance(self) -> Floats:
        """The unbiased covariance (d, d), divided by N - 1. Raises ScoreError if there are fewer than 2 rows."""
        if self.count < 2:
            raise ScoreError(f"A covariance needs at least 2 rows; got {self.count}. Encode more images.")
        return self.scatter / (self.count - 1)

    def _add(self, count: int, mean: Floats, scatter: Floats) -> None:
        total, step = self.count + count, mean - self.mean
        self.scatter += scatter
        self.scatter += np.outer(step, step * (self.count * count / total))
        self.mean = self.mean + step * (count / total)
        self.count = total


def frechet_distance(mean_p: np.ndarray, cov_p: np.ndarray, mean_q: np.ndarray, cov_q: np.ndarray) -> Frechet:
    """The Fréchet distance between N(mean_p, cov_p) and N(mean_q, cov_q), of means (d,) and covariances (d, d).

    One Cholesky factor is enough; if both covariances are singular, a root from eigenvectors replaces it. The reference
    implementation (pytorch-fid) adds 1e-6 to the diagonals in that case; here nothing is added. Raises ScoreError if shapes
    differ, a number is not finite, or a matrix is not a covariance: not symmetric, or with a negative eigenvalue.
    """
    (mean_p, cov_p), (mean_q, cov_q) = _gaussian("p", mean_p, cov_p), _gaussian("q", mean_q, cov_q)
    if len(mean_p) != len(mean_q):
        raise ScoreError(f"Both Gaussians must have the same dimensions; got {len(mean_p):,} and {len(mean_q):,}.")
    factor_p, factor_q = _cholesky(cov_p), _cholesky(cov_q)
    if factor_p is not None:
        product = _congruence(factor_p, cov_q)
    elif factor_q is not None:
        product = _congruence(factor_q, cov_p)
    else:
        root = _eigen_root(cov_p)
        product = root.T @ cov_q @ root
    trace_p, trace_q = np.trace(cov_p), np.trace(cov_q)
    eigenvalues = _eigenvalues(product) if product.size else np.zeros(0)
    noise = len(mean_p) * np.finfo(np.float64).eps * trace_p * trace_q
    return _result(
        mean_p - mean_q,
        trace_p + trace_q - 2 * np.sqrt(_nonnegative(eigenvalues, noise)).sum(),
        rank_deficient=factor_p is None or factor_q is None,
        method="eigen" if factor_p is None and factor_q is None else "cholesky",
    )


def frechet_of(features_p: np.ndarray, features_q: np.ndarray) -> Frechet:
    """The Fréchet distance between the Gaussians of features (N, d) and (M, d), with unbiased covariances.

    If N or M is at most d, that covariance is singular, and the trace is computed from the centred features X instead: the
    eigenvalues of (Σ_p Σ_q)^½ are the singular values of X_p X_qᵀ / √((N - 1)(M - 1)). Raises ScoreError if a table has
    fewer than 2 rows, NaN or ∞, or the numbers of columns differ.
    """
    features_p, features_q = two_clouds(features_p, features_q, ("features_p", "features_q"))
    dims = features_p.shape[1]
    if len(features_p) > len(features_q):
        features_p, features_q = features_q, features_p
    if len(features_p) > dims:
        p, q = FeatureMoments.of(features_p), FeatureMoments.of(features_q)
        return frechet_distance(p.mean, p.covariance(), q.mean, q.covariance())
    mean_p, few = _centred(features_p)
    if len(features_q) <= dims:
        mean_q, others = _centred(features_q)
        singular, trace_q = np.linalg.svd(few @ others.T, compute_uv=False), np.square(others).sum()
    else:
        q = FeatureMoments.of(features_q)
        mean_q, cov_q = q.mean, q.covariance()
        singular, trace_q = np.sqrt(np.linalg.eigvalsh(few @ cov_q @ few.T).clip(min=0)), np.trace(cov_q)
    spread = np.square(few).sum() + trace_q - 2 * singular.sum()
    return _result(mean_p - mean_q, spread, rank_deficient=True, method="low-rank")


def _result(
    step: Floats, spread: float, rank_deficient: bool, method: Literal["cholesky", "eigen", "low-rank"]
) -> Frechet:
    """Assemble the result; rounding may put the covariance term of equal covariances below 0, so it is clipped."""
    mean_term, covariance_term = float(step @ step), max(0.0, float(spread))
    return Frechet(mean_term + covariance_term, mean_term, covariance_term, rank_deficient, method)


def _gaussian(name: str, mean: np.ndarray, cov: np.ndarray) -> tuple[Floats, Floats]:
    """Mean and covariance as float64, checked."""
    mean, cov = np.asarray(mean, np.float64), np.asarray(cov, np.float64)
    if mean.ndim != 1 or cov.shape != (len(mean), len(mean)) or len(mean) == 0:
        raise ScoreError(f"mean_{name} and cov_{name} must be (d,) and (d, d); got {mean.shape} and {cov.shape}.")
    if not (np.isfinite(mean).all() and np.isfinite(cov).all()):
        raise ScoreError(
            f"mean_{name} or cov_{name} has NaN or ∞. A covariance needs at least 2 rows and finite features."
        )
    asymmetry = np.abs(cov - cov.T).max()
    if asymmetry > ASYMMETRY * np.abs(cov).max():
        raise ScoreError(f"cov_{name} must be symmetric; it differs from its transpose by up to {asymmetry:.3g}.")
    return mean, cov


@cache
def _lapack(name: str) -> Any:
    """A routine in float64."""
    from scipy.linalg import get_lapack_funcs  # here and below, since training needs none of SciPy

    return get_lapack_funcs((name,), dtype=np.float64)[0]


def _eigenvalues(symmetric: Floats) -> Floats:
    from scipy.linalg import eigvalsh

    return eigvalsh(symmetric, check_finite=False, driver="evd")


def _cholesky(cov: Floats) -> Floats | None:
    """Lower L with cov = L Lᵀ; None if cov is singular up to rounding."""
    factor, failed = _lapack("potrf")(cov.T, lower=1, clean=1)
    least = np.diag(factor).min() ** 2
    return None if failed or least <= len(cov) * np.finfo(np.float64).eps * np.diag(cov).max() else factor


def _congruence(factor: Floats, cov: Floats) -> Floats:
    """Lᵀ cov L, of which only the lower triangle is filled, by LAPACK's sygst in a quarter of the time of two products."""
    return _lapack("sygst")(cov.T, factor, itype=2, lower=1)[0]


def _eigen_root(cov: Floats) -> Floats:
    """R (d, rank) with cov = R Rᵀ."""
    eigenvalues, vectors = np.linalg.eigh(cov)
    eigenvalues = _nonnegative(eigenvalues, noise=0.0)
    kept = eigenvalues > len(cov) * np.finfo(np.float64).eps * eigenvalues[-1]
    return vectors[:, kept] * np.sqrt(eigenvalues[kept])


def _nonnegative(eigenvalues: Floats, noise: float) -> Floats:
    """Ascending eigenvalues, clipped at 0. Raises ScoreError if one is more negative than rounding explains."""
    if len(eigenvalues) and eigenvalues[0] < -max(NEGATIVITY * eigenvalues[-1], noise):
        raise ScoreError(
            "A matrix given as a covariance has a negative eigenvalue. Estimate it in float64 from the features "
            "(kelbo.metrics.frechet.FeatureMoments)."
        )
    return eigenvalues.clip(min=0)


def _centred(features: np.ndarray) -> tuple[Floats, Floats]:
    """The mean (d,), and X (N, d) such that XᵀX is the covariance."""
    features = features.astype(np.float64)
    mean = features.mean(0)
    return mean, (features - mean) / np.sqrt(len(features) - 1)
