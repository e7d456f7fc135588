"""The separated attribute predictability: how much better the best latent predicts a factor than the second best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, codes_and_factors, finite_table
from kelbo.metrics.disjoint import disjoint_rows


class Sap(NamedTuple):
    """The mean gap over factors, and its parts.

    gaps            predictability by the best latent less that by the second best, (F,)
    predictability  of each factor from each latent alone, (K, F): accuracy on test rows, or R² if factors are continuous
    """

    value: float
    gaps: Floats
    predictability: Floats


def sap(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    continuous: bool = False,
    train: int = 10_000,
    test: int = 5_000,
    penalty: float = 0.01,
    seed: int = 0,
) -> Sap:
    """The SAP score of codes (N, K) with factors (N, F) (Kumar et al., 2018, section 3).

    For each factor, the gap between the two latents that best predict it alone; the score is the mean. A latent's
    predictability is a linear support vector machine's accuracy on test rows or, if factors are continuous, the squared
    correlation over all rows. As in the reference (disentanglement_lib): C = 0.01 (`penalty`), balanced classes, 10,000
    training and 5,000 other test rows. The machine is fitted to its optimum, which the reference's tolerance does not reach. A
    linear classifier on one latent separates few of many values, so even perfect codes may score below 1; the score depends on
    the scale of the codes. A constant latent scores as a constant guess does.

    factors: integers, or any numbers if continuous. train, test and seed are ignored if continuous. Raises ScoreError as
    `codes_and_factors` does, and if there is a single latent, fewer rows than train + test, or penalty is not above 0.
    """
    predictability = (
        _squared_correlations(codes, factors) if continuous else _accuracies(codes, factors, train, test, penalty, seed)
    )
    if len(predictability) < 2:
        raise ScoreError("SAP needs at least two latents; the codes have one.")
    ordered = np.sort(predictability, 0)
    gaps = ordered[-1] - ordered[-2]
    return Sap(float(gaps.mean()), gaps, predictability)


def _squared_correlations(codes: np.ndarray, factors: np.ndarray) -> Floats:
    """R² of each factor on each latent alone, (K, F); 0 for a constant latent."""
    codes, factors = finite_table("codes", codes), finite_table("factors", factors)
    if len(codes) != len(factors):
        raise ScoreError(
            f"codes and factors must belong to the same images; got {len(codes):,} and {len(factors):,} rows."
        )
    latents, attributes = _standardised(codes), _standardised(factors)
    if (still := ~attributes.any(0)).any():
        raise ScoreError(
            f"Factor {still.argmax()} is constant, and no score exists for a constant factor. Leave it out."
        )
    return np.square(latents.T @ attributes / len(codes))


def _standardised(table: Floats) -> Floats:
    """Columns of mean 0 and variance 1; zeros if a column is constant up to rounding."""
    mean, deviation = table.mean(0), table.std(0)
    return (table - mean) / np.where(deviation > 1e-12 * np.abs(mean), deviation, np.inf)


def _accuracies(codes: np.ndarray, factors: np.ndarray, train: int, test: int, penalty: float, seed: int) -> Floats:
    """Accuracy on test rows of each factor from each latent alone, (K, F)."""
    from sklearn.svm import LinearSVC  # here, since scikit-learn takes a second to import

    codes, ranks = codes_and_factors(codes, factors)
    if penalty <= 0:
        raise ScoreError(f"penalty, the C of a support vector machine, must be above 0; got {penalty}.")
    learned, tested = disjoint_rows(len(codes), train, test, seed)
    accuracies = np.empty((codes.shape[1], ranks.shape[1]))
    for factor, column in enumerate(ranks.T):
        if (column[learned] == column[learned[0]]).all():
            raise ScoreError(f"Factor {factor} is constant in the {train:,} training rows. Take more rows.")
        for latent, code in enumerate(codes.T[:, :, None]):
            # two unknowns a class; at the default tolerance accuracies may be wrong by a tenth for codes of 10⁴
            machine = LinearSVC(C=penalty, class_weight="balanced", dual="auto", tol=1e-8, max_iter=10_000)
            accuracies[latent, factor] = machine.fit(code[learned], column[learned]).score(code[tested], column[tested])
    return accuracies
