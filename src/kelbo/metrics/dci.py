"""DCI: disentanglement, completeness and informativeness, from each latent's importance in predicting each factor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple, get_args

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.boosting import boost
from kelbo.metrics.checks import Floats, Ints, codes_and_factors
from kelbo.metrics.disjoint import disjoint_rows

ImportanceModel = Literal["boosting", "exact_boosting", "forest", "lasso"]
LASSO_PENALTY = 0.02  # the paper's, on standardised codes and factors


class Dci(NamedTuple):
    """All within 0 and 1 (a lasso's informativeness may be below 0, if it predicts worse than the mean does).

    disentanglement             Σ_i ρ_i D_i, ρ_i the share of latent i in all importance
    completeness                mean_j C_j
    informativeness             mean_j I_j
    by_latent                   D_i = 1 - H(R_i. / Σ R_i.) / log F, (K,); 0 for a latent without importance
    by_factor                   C_j = 1 - H(R_.j / Σ R_.j) / log K, (F,); 0 for a factor that no latent predicts
    informativeness_by_factor   I_j on test rows, (F,): accuracy of the trees; 1 - root mean squared error / deviation of lasso
    importances                 R, (K, F), not negative; each column sums to 1, or to 0 if no latent predicts the factor
                                (lasso: |weights|)
    """

    disentanglement: float
    completeness: float
    informativeness: float
    by_latent: Floats
    by_factor: Floats
    informativeness_by_factor: Floats
    importances: Floats


def dci(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    model: ImportanceModel = "boosting",
    train: int = 10_000,
    test: int = 5_000,
    seed: int = 0,
    threads: int = 2,
) -> Dci:
    """DCI (Eastwood and Williams, 2018) of codes (N, K) with factors (N, F), with one model for each factor.

    boosting         100 gradient-boosted trees of depth 3 a class, split at quantiles of the codes: see `boost`
    exact_boosting   scikit-learn's GradientBoostingClassifier, as the reference (disentanglement_lib) fits it, with 10,000
                     training and 5,000 test rows. It takes minutes if factors have tens of values
    forest           scikit-learn's RandomForestClassifier with its defaults
    lasso            the paper's: factors as numbers, codes and factors standardised, penalty 0.02. It finds linear relations

    The importances of trees are the shares of impurity that splits on each latent saved. The first three models do not depend
    on the scale of a latent, nor boosting on any strictly increasing transform of it; the order of latents matters only if two
    save the same. The reference weighs the completeness of factors by their column sums, which are all 1: the same mean.
    seed draws the disjoint `train` and `test` rows, and the forest. log K counts every latent, so a further constant latent
    raises the completeness of a spread factor. `threads` factors are fitted at a time; their number does not change the result.

    Raises ScoreError as `codes_and_factors` and `disjoint_rows` do, and if there are fewer than two factors, a factor has one
    value in the training rows, the model is unknown, or threads is below 1.
    """
    codes, ranks = codes_and_factors(codes, factors)
    if model not in get_args(ImportanceModel):
        raise ScoreError(f"model must be one of {', '.join(get_args(ImportanceModel))}; got {model!r}.")
    if threads < 1:
        raise ScoreError(f"threads must be at least 1; got {threads}.")
    if ranks.shape[1] < 2:
        raise ScoreError("DCI needs at least two factors; got one. Give more columns of factors.")
    learn, check = disjoint_rows(len(codes), train, test, seed)
    varying = (ranks[learn] != ranks[learn[0]]).any(0)
    if not varying.all():
        raise ScoreError(
            f"Factor {varying.argmin()} is constant in the {train:,} training rows. Raise train, or leave that column out."
        )
    x, x_test = codes[learn], codes[check]
    with ThreadPoolExecutor(threads) as pool:  # most classes first, so that no thread starts the longest fit last
        order = np.argsort(-ranks.max(0), kind="stable")
        fits = pool.map(lambda f: _fit(model, seed, x, ranks[learn, f], x_test, ranks[check, f]), order)
        columns = [column for _, column in sorted(zip(order, fits, strict=True), key=lambda pair: pair[0])]
    importances = np.stack([importance for importance, _ in columns], 1)
    return _scores(importances, np.array([informativeness for _, informativeness in columns]))


def _scores(importances: Floats, informativeness: Floats) -> Dci:
    by_latent, by_factor = one_sidedness(importances), one_sidedness(importances.T)
    total = importances.sum()
    share = importances.sum(1) / total if total > 0 else np.zeros(len(importances))
    return Dci(
        float(share @ by_latent),
        float(by_factor.mean()),
        float(informativeness.mean()),
        by_latent,
        by_factor,
        informativeness,
        importances,
    )


def one_sidedness(table: Floats) -> Floats:
    """1 - H(row / its sum) / log columns, of each row of a non-negative table: 1 if one entry has all, 0 if all the same.

    A row of zeros has 0. With a single column, every row that is not zero has 1.
    """
    total = table.sum(1, keepdims=True)
    shares = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    most = np.log(max(table.shape[1], 2))
    return np.where(total[:, 0] > 0, np.clip(1 + (shares * logs).sum(1) / most, 0, 1), 0.0)


def _fit(model: ImportanceModel, seed: int, x: Floats, y: Ints, x_test: Floats, y_test: Ints) -> tuple[Floats, float]:
    """One column of the importances, (K,), and the factor's informativeness on the test rows."""
    match model:
        case "boosting":
            values, labels = np.unique(
                y, return_inverse=True
            )  # a value that occurs in the test rows only is never predicted
            importance, predicted = boost(x, labels, x_test)
            return importance, float((values[predicted] == y_test).mean())
        case "lasso":
            return _lasso(x, y, x_test, y_test)
        case "forest":
            from sklearn.ensemble import RandomForestClassifier  # here, since scikit-learn takes a second to import

            fitted = RandomForestClassifier(random_state=seed).fit(x, y)
        case "exact_boosting":
            from sklearn.ensemble import GradientBoostingClassifier

            fitted = GradientBoostingClassifier(random_state=seed).fit(x, y)
    return np.abs(fitted.feature_importances_), float((fitted.predict(x_test) == y_test).mean())


def _lasso(x: Floats, y: Ints, x_test: Floats, y_test: Ints) -> tuple[Floats, float]:
    from sklearn.linear_model import Lasso

    mean, deviation = x.mean(0), x.std(0)
    scale = np.where(deviation > 1e-12 * np.abs(mean), deviation, np.inf)  # a constant's deviation is a rounding error
    fitted = Lasso(alpha=LASSO_PENALTY, tol=1e-10, max_iter=100_000).fit((x - mean) / scale, (y - y.mean()) / y.std())
    truth = (y_test - y.mean()) / y.std()
    error = np.sqrt(np.square(fitted.predict((x_test - mean) / scale) - truth).mean())
    return np.abs(fitted.coef_), float(1 - error / (truth.std() or 1.0))
