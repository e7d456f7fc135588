"""Modularity: each latent informs on one factor only. Explicitness: a linear classifier can read the factors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints, codes_and_factors
from kelbo.metrics.disjoint import disjoint_rows
from kelbo.metrics.mutual_information import mutual_information


class Modularity(NamedTuple):
    """The mean over latents, and its parts.

    value         mean of by_latent; a latent without information counts as 0, as in the reference
    of_used       mean over the latents with information, 0 if there are none: collapsed latents do not lower it
    by_latent     1 - Σ_{f ≠ best} I_kf² / (I_k,best² (F - 1)), (K,); 0 if I_k is 0
    information   mutual information of each latent and factor, nats, (K, F)
    """

    value: float
    of_used: float
    by_latent: Floats
    information: Floats


class Explicitness(NamedTuple):
    """The mean over factors, and each factor's mean over its values, (F,): areas under ROC curves, 0.5 by chance, at best 1."""

    value: float
    by_factor: Floats


def modularity(codes: np.ndarray, factors: np.ndarray, *, bins: int = 20) -> Modularity:
    """The modularity of binned codes (N, K) with factors (N, F) (Ridgeway and Mozer, 2018, section 3).

    A latent scores 1 if it informs on one factor only, 0 if on all equally. The reference (disentanglement_lib) takes 10,000
    rows and 20 bins. A latent of noise does not score 0, since its informations, however small, differ: read the score
    together with `information`. Raises ScoreError as `mutual_information` does, and if there is a single factor.
    """
    information = mutual_information(codes, factors, bins=bins)
    if information.shape[1] < 2:
        raise ScoreError("Modularity needs at least two factors; got one. Give more columns of factors.")
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

    For each factor a logistic regression predicts its value from the codes; for each value, its probability on the test rows
    gives an area under the ROC curve against all other values; the score is the mean over values, then over factors. As in
    the reference (disentanglement_lib): codes are standardised by the training rows, one default regression of scikit-learn
    (C = 1; of two values only the second has weights) fits all values, at its optimum, and areas are not rescaled: 0.5 by
    chance. Training and test rows are disjoint.

    Raises ScoreError as `codes_and_factors` does, and if there are fewer rows than train + test, or a value is missing from
    either.
    """
    codes, ranks = codes_and_factors(codes, factors)
    learned, tested = disjoint_rows(len(codes), train, test, seed)
    mean, deviation = codes[learned].mean(0), codes[learned].std(0)
    # a constant's deviation is a rounding error
    codes = (codes - mean) / np.where(deviation > 1e-12 * np.abs(mean), deviation, np.inf)
    areas = np.empty(ranks.shape[1])
    for factor, column in enumerate(ranks.T):
        _require_all_values(factor, column, learned, tested)
        areas[factor] = _area(codes[learned], column[learned], codes[tested], column[tested])
    return Explicitness(float(areas.mean()), areas)


def _area(train: Floats, labels: Ints, test: Floats, truth: Ints) -> float:
    """Of one factor, the mean over values of the area under the ROC curve of that value against the rest."""
    from sklearn.linear_model import LogisticRegression  # here, since scikit-learn takes a second to import

    probabilities = LogisticRegression(tol=1e-9, max_iter=10_000).fit(train, labels).predict_proba(test)
    return float(areas_under_curves(probabilities, truth).mean())


def areas_under_curves(scores: Floats, truth: Ints) -> Floats:
    """Area under the ROC curve of each class against the rest, (S,), from scores (M, S) and classes 0 … S - 1, (M,).

    It is the probability that a row of the class scores above another row, ties counting half: a sum of ranks (Mann and
    Whitney).
    """
    from scipy.stats import rankdata  # here, since its import takes 40 MB

    counts = np.bincount(truth, minlength=scores.shape[1])
    ranks = np.asarray(rankdata(scores, axis=0))
    own = np.bincount(truth, ranks[np.arange(len(truth)), truth], minlength=scores.shape[1])
    return (own - counts * (counts + 1) / 2) / (counts * (len(truth) - counts))


def _require_all_values(factor: int, column: Ints, learned: Ints, tested: Ints) -> None:
    for name, rows in (("training", learned), ("test", tested)):
        missing = np.flatnonzero(np.bincount(column[rows], minlength=column.max() + 1) == 0)
        if len(missing):
            raise ScoreError(
                f"{len(missing)} of the {column.max() + 1} values of factor {factor} are missing from the {len(rows):,} {name} "
                f"rows, the first being that of rank {missing[0]}. Take more rows, or merge rare values."
            )
