"""Modularity is that of the informations, explicitness that of the classifiers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from kelbo.errors import ScoreError
from kelbo.metrics.disjoint import disjoint_rows
from kelbo.metrics.modularity import areas_under_curves, explicitness, modularity
from kelbo.metrics.mutual_information import mutual_information

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, [2, 3, 5], (900, 3))
CODES = FACTORS @ RNG.normal(size=(3, 4)) + RNG.normal(size=(900, 4))


def test_modularity_is_one_less_the_deviation_from_the_best_factor_alone():
    information, slow = mutual_information(CODES, FACTORS), []
    for row in information:
        best = row.argmax()
        template = np.where(np.arange(3) == best, row[best], 0.0)
        slow.append(1 - np.square(row - template).sum() / (row[best] ** 2 * 2))
    score = modularity(CODES, FACTORS)
    np.testing.assert_allclose(score.by_latent, slow)
    assert score.value == score.of_used == pytest.approx(np.mean(slow))


def test_a_collapsed_latent_counts_as_zero_but_not_among_the_used():
    score, less = modularity(np.hstack([CODES, np.full((900, 4), 0.1)]), FACTORS), modularity(CODES, FACTORS)
    assert score.value == pytest.approx(less.value / 2)
    assert score.of_used == pytest.approx(less.of_used)
    collapsed = modularity(np.zeros((900, 2)), FACTORS)
    assert collapsed.value == collapsed.of_used == 0


def test_a_latent_of_all_factors_alike_scores_zero():
    factors = np.stack(np.unravel_index(np.arange(80) % 8, (2, 2, 2)), 1)
    assert modularity(factors.sum(1, keepdims=True) * 1.0, factors).value == pytest.approx(0)


def test_one_factor_is_refused():
    with pytest.raises(ScoreError, match="two factors; got one"):
        modularity(CODES, FACTORS[:, :1])


@pytest.mark.parametrize("ties", [False, True])
def test_areas_are_those_of_the_curves(ties):
    truth = RNG.permutation(np.arange(300) % 4)
    scores = RNG.normal(size=(300, 4)) + np.eye(4)[truth]
    scores = np.round(scores) if ties else scores
    slow = [roc_auc_score(truth == value, scores[:, value]) for value in range(4)]
    np.testing.assert_allclose(areas_under_curves(scores, truth), slow, rtol=1e-12)


def test_explicitness_is_the_mean_area_of_one_regression_a_factor():
    score = explicitness(CODES, FACTORS, train=600, test=300, seed=3)
    train, test = disjoint_rows(900, 600, 300, seed=3)
    scaler, slow = StandardScaler().fit(CODES[train]), []
    for column in FACTORS.T:
        fitted = LogisticRegression(tol=1e-9, max_iter=1000).fit(scaler.transform(CODES[train]), column[train])
        wanted = column[test][:, None] == np.unique(column)
        slow.append(roc_auc_score(wanted, fitted.predict_proba(scaler.transform(CODES[test]))))
    np.testing.assert_allclose(score.by_factor, slow, atol=1e-12)
    assert score.value == pytest.approx(np.mean(slow))
    assert 0.6 < score.value < 0.99


def test_a_value_that_no_test_row_has_is_named():
    factors = FACTORS.copy()
    factors[disjoint_rows(900, 600, 300, seed=0)[0][0], 1] = 7
    with pytest.raises(ScoreError, match="^1 of the 4 values of factor 1 .* 300 test rows.* rank 3"):
        explicitness(CODES, factors, train=600, test=300)


def test_explicitness_needs_its_rows():
    with pytest.raises(ScoreError, match="need 15,000 rows; the table has 900"):
        explicitness(CODES, FACTORS)
