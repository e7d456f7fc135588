"""The separated attribute predictability: how much better the best single latent predicts a factor than the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, codes_and_factors, finite_table
from kelbo.metrics.disjoint import disjoint_rows


class Sap(NamedTuple):
    """The mean gap over factors, and what it comes from.

    gaps   told by the best latent less told by the next, (F,)
    told   how well each latent alone tells each factor: accuracy on test rows, or R² where factors are continuous, (K, F)
    """

    value: float
    gaps: Floats
    told: Floats


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

    For each factor, the gap between the two latents that best predict it alone; the score is the mean. A latent's prediction
    is a linear support vector machine's accuracy on test rows, or, where factors are continuous, the squared correlation over
    all rows. As in the reference (disentanglement_lib): C = 0.01 (`penalty`), classes balanced, 10,000 rows to learn from and
    5,000 others for the test. The machine is fitted to its optimum, which the reference's tolerance leaves short. A line on one
    latent tells few of many values apart, so even a perfect code scores below 1 then; and the score depends on the scale of
    the codes. A constant latent tells what a constant guess does.

    factors: integers, any numbers where continuous. ScoreError: see `codes_and_factors`; a single latent, which has no next;
    fewer rows than train + test, unless continuous, where those and seed are not asked for; penalty not above 0.
    """
    told = (
        _squared_correlations(codes, factors) if continuous else _accuracies(codes, factors, train, test, penalty, seed)
    )
    if len(told) < 2:
        raise ScoreError("The SAP score compares two latents; the codes have one.")
    ordered = np.sort(told, 0)
    gaps = ordered[-1] - ordered[-2]
    return Sap(float(gaps.mean()), gaps, told)


def _squared_correlations(codes: np.ndarray, factors: np.ndarray) -> Floats:
    """R² of each factor on each latent alone, (K, F); 0 for a constant latent."""
    codes, factors = finite_table("codes", codes), finite_table("factors", factors)
    if len(codes) != len(factors):
        raise ScoreError(
            f"codes and factors must tell of the same images; got {len(codes):,} and {len(factors):,} rows."
        )
    latents, attributes = _standardised(codes), _standardised(factors)
    if (still := ~attributes.any(0)).any():
        raise ScoreError(
            f"Factor {still.argmax()} does not vary: no score can tell whether a code knows it. Leave it out."
        )
    return np.square(latents.T @ attributes / len(codes))


def _standardised(table: Floats) -> Floats:
    """Columns of mean 0 and variance 1; of zeros where a column is constant but for rounding."""
    mean, deviation = table.mean(0), table.std(0)
    return (table - mean) / np.where(deviation > 1e-12 * np.abs(mean), deviation, np.inf)


def _accuracies(codes: np.ndarray, factors: np.ndarray, train: int, test: int, penalty: float, seed: int) -> Floats:
    """Accuracy on test rows of each factor from each latent alone, (K, F)."""
    from sklearn.svm import LinearSVC  # here, since scikit-learn takes a second to import

    codes, ranks = codes_and_factors(codes, factors)
    if penalty <= 0:
        raise ScoreError(f"penalty is the C of a support vector machine, above 0; got {penalty}.")
    learned, tested = disjoint_rows(len(codes), train, test, seed)
    told = np.empty((codes.shape[1], ranks.shape[1]))
    for factor, column in enumerate(ranks.T):
        if (column[learned] == column[learned[0]]).all():
            raise ScoreError(f"Factor {factor} has one value in all {train:,} rows to learn from. Take more rows.")
        for latent, code in enumerate(codes.T[:, :, None]):
            # the primal of two unknowns a class; at the default tolerance answers may be a tenth off for codes of 10⁴
            machine = LinearSVC(C=penalty, class_weight="balanced", dual="auto", tol=1e-8, max_iter=10_000)
            told[latent, factor] = machine.fit(code[learned], column[learned]).score(code[tested], column[tested])
    return told
