"""Modularity, that a latent tells of one factor only, and explicitness, that a linear classifier reads the factors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints, codes_and_factors
from kelbo.metrics.disjoint import disjoint_rows
from kelbo.metrics.mutual_information import mutual_information


class Modularity(NamedTuple):
    """The mean over latents, and what it comes from.

    value         mean of by_latent, where a latent that tells nothing counts as 0, as in the reference
    of_used       mean over the latents that tell something, 0 where none does: collapsed latents do not lower it
    by_latent     1 - Σ_{f ≠ best} I_kf² / (I_k,best² (F - 1)), (K,); 0 where I_k is 0
    information   mutual information of each latent and factor, nats, (K, F)
    """

    value: float
    of_used: float
    by_latent: Floats
    information: Floats


class Explicitness(NamedTuple):
    """The mean over factors, and each factor's mean over its values, (F,): areas under the curve, 0.5 by chance, at best 1."""

    value: float
    by_factor: Floats


def modularity(codes: np.ndarray, factors: np.ndarray, *, bins: int = 20) -> Modularity:
    """The modularity of codes (N, K) with factors (N, F), from informations in bins (Ridgeway and Mozer, 2018, section 3).

    A latent scores 1 where it tells of one factor only, 0 where of all alike. The reference (disentanglement_lib) counts 10,000
    rows in 20 bins. A latent of noise does not score 0, since its informations, however small, are not alike: look at
    `information` beside the score. ScoreError: see `mutual_information`; a single factor, which has no other.
    """
    information = mutual_information(codes, factors, bins=bins)
    if information.shape[1] < 2:
        raise ScoreError(
            "Modularity compares what a latent tells of several factors; got one. Give two columns or more."
        )
    squares = np.square(information)
    best = squares.max(1)
    used = best > 0
    rest = (squares.sum(1) - best) / (information.shape[1] - 1)
    by_latent = np.where(used, 1 - np.divide(rest, best, out=np.ones_like(best), where=used), 0.0)
    of_used = float(by_latent[used].mean()) if used.any() else 0.0
    return Modularity(float(by_latent.mean()), of_used, by_latent, information)


def explicitness(
    codes: np.ndarray, factors: np.ndarray, *, train: int = 10_000, test: int = 5_000, seed: int = 0
) -> Explicitness:
    """The explicitness of codes (N, K) with factors (N, F): areas under ROC curves (Ridgeway and Mozer, 2018, section 3).

    For each factor a logistic regression learns its value from the codes; for each value, the area under the curve of its
    probability against all other values in the test rows; the mean over values, then over factors. As in the reference
    (disentanglement_lib): codes standardised by the train rows, scikit-learn's default regression (C = 1; of two values,
    the second alone has weights), one of all values together, at its optimum, and areas as they are, 0.5 by chance. Train
    and test rows are disjoint.

    ScoreError: see `codes_and_factors`; fewer rows than train + test; a value that is missing among either.
    """
    codes, ranks = codes_and_factors(codes, factors)
    learned, tested = disjoint_rows(len(codes), train, test, seed)
    mean, deviation = codes[learned].mean(0), codes[learned].std(0)
    codes = (codes - mean) / np.where(deviation > 1e-12 * np.abs(mean), deviation, np.inf)  # a constant's is rounding
    areas = np.empty(ranks.shape[1])
    for factor, column in enumerate(ranks.T):
        _require_all_values(factor, column, learned, tested)
        areas[factor] = _area(codes[learned], column[learned], codes[tested], column[tested])
    return Explicitness(float(areas.mean()), areas)


def _area(train: Floats, labels: Ints, test: Floats, truth: Ints) -> float:
    """Mean over values of the area under the ROC curve, one against the rest, of one factor."""
    from sklearn.linear_model import LogisticRegression  # here, since scikit-learn takes a second to import

    probabilities = LogisticRegression(tol=1e-9, max_iter=10_000).fit(train, labels).predict_proba(test)
    return float(areas_under_curves(probabilities, truth).mean())


def areas_under_curves(scores: Floats, truth: Ints) -> Floats:
    """Area under the ROC curve of each class against the rest, (S,), of scores (M, S) and classes 0 … S - 1, (M,).

    The chance that a row of the class scores above another row, ties counting half: a sum of ranks (Mann and Whitney).
    """
    from scipy.stats import rankdata  # here, since it takes 40 MB that no other room needs

    counts = np.bincount(truth, minlength=scores.shape[1])
    ranks = np.asarray(rankdata(scores, axis=0))
    own = np.bincount(truth, ranks[np.arange(len(truth)), truth], minlength=scores.shape[1])
    return (own - counts * (counts + 1) / 2) / (counts * (len(truth) - counts))


def _require_all_values(factor: int, column: Ints, learned: Ints, tested: Ints) -> None:
    for name, rows in (("learn from", learned), ("test", tested)):
        missing = np.flatnonzero(np.bincount(column[rows], minlength=column.max() + 1) == 0)
        if len(missing):
            raise ScoreError(
                f"{len(missing)} of the {column.max() + 1} values of factor {factor} are in none of the {len(rows):,} rows to "
                f"{name}, the first that of rank {missing[0]}. Take more rows, or merge rare values."
            )
