"""Numbers that a library computes are those of the definition that is cited, and not of the library's own defaults.

Each is held to the definition written out: an objective at whose optimum it must be, or a count.
"""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.ensemble import RandomForestClassifier

from kelbo.data.images import ArrayImages
from kelbo.metrics import dci, explicitness, infomec, irs, kernel_distance, squared_mmd
from kelbo.metrics.beta_score import beta_score_of, pair_differences
from kelbo.metrics.dci import LASSO_PENALTY
from kelbo.metrics.disjoint import disjoint_rows
from kelbo.models.linear import fit_linear

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, [2, 3, 5], (900, 3))
CODES = np.column_stack([FACTORS @ RNG.normal(size=(3, 3)), np.zeros(900)]) + RNG.normal(size=(900, 4))


def logistic(x, labels, strength):
    """Weights (C, K) and intercepts (C,) at the least Σ cross-entropy + strength ‖W‖² / 2, by a general minimiser.

    Of two classes the first has weights of 0.
    """
    wanted, shape = np.eye(labels.max() + 1)[labels], (labels.max() + 1, x.shape[1] + 1)
    with_ones = np.column_stack([x, np.ones(len(x))])

    def objective(flat):
        weights = flat.reshape(shape)
        scores = with_ones @ weights.T
        scores -= scores.max(1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        penalised = weights * (np.arange(shape[1]) < x.shape[1])
        gradient = (np.exp(logs) - wanted).T @ with_ones + strength * penalised
        if len(gradient) == 2:
            gradient[0] = 0
        return -(logs * wanted).sum() + strength * (penalised**2).sum() / 2, gradient.ravel()

    options = {"gtol": 1e-7, "ftol": 1e-16, "maxiter": 10_000, "maxfun": 100_000}
    return minimize(objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(shape)


def shares(weights, x):
    scores = x @ weights[:, :-1].T + weights[:, -1]
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_the_beta_vae_scores_regression_is_at_its_optimum_and_not_where_a_tolerance_left_it(scale):
    points = pair_differences(CODES * scale, FACTORS, points=3000, pairs=4, seed=1)
    x, labels = points.differences, points.labels
    told = shares(logistic(x[:2000], labels[:2000], 1.0), x[2000:]).argmax(1)
    expected = np.bincount(labels[2000:] * 3 + told, minlength=9).reshape(3, 3)
    found = beta_score_of(points, train=2000).confusion
    assert np.abs(found - expected).sum() <= 2  # a point that lies on a boundary to rounding


def test_explicitness_is_the_area_under_the_curve_of_that_regression_on_standardised_codes():
    score = explicitness(CODES, FACTORS, train=600, test=300, seed=3)
    train, test = disjoint_rows(900, 600, 300, seed=3)
    scaled = (CODES - CODES[train].mean(0)) / np.sqrt(np.mean((CODES[train] - CODES[train].mean(0)) ** 2, 0))
    for column, found in zip(FACTORS.T, score.by_factor, strict=True):
        told = shares(logistic(scaled[train], column[train], 1.0), scaled[test])
        areas = []
        for value in range(column.max() + 1):
            own, others = told[column[test] == value, value], told[column[test] != value, value]
            areas.append(np.mean([(a > b) + (a == b) / 2 for a, b in itertools.product(own, others)]))
        assert found == pytest.approx(np.mean(areas), abs=2e-5)


def test_infomecs_explicitness_is_the_log_loss_of_a_regression_without_a_penalty():
    result = infomec(CODES, FACTORS)
    scaled = (CODES - CODES.mean(0)) / np.sqrt(np.mean((CODES - CODES.mean(0)) ** 2, 0))
    for column, found in zip(FACTORS.T, result.by_factor, strict=True):
        told = shares(logistic(scaled, column, 0.0), scaled)
        entropy = -sum(p * np.log(p) for p in np.bincount(column) / 900)
        assert found == pytest.approx((entropy + np.log(told[np.arange(900), column]).mean()) / entropy, abs=1e-6)


def lasso(x, y, penalty):
    """The weights at the least ‖y - x w‖² / 2N + penalty |w|₁, a coordinate at a time."""
    weights = np.zeros(x.shape[1])
    for _ in range(2000):
        for k in range(x.shape[1]):
            rest = y - x @ weights + x[:, k] * weights[k]
            pull = x[:, k] @ rest / len(x)
            weights[k] = np.sign(pull) * max(abs(pull) - penalty, 0) / (x[:, k] @ x[:, k] / len(x))
    return weights


def test_dcis_lasso_is_at_the_optimum_of_its_objective_on_standardised_codes_and_factors():
    codes = CODES @ [[1, 0.9, 0, 0], [0, 1, 0.9, 0], [0, 0, 1, 0.9], [0, 0, 0, 1]]  # which hang together
    result = dci(codes, FACTORS, model="lasso", train=600, test=300, seed=2)
    train, test = disjoint_rows(900, 600, 300, seed=2)
    mean, spread = codes[train].mean(0), np.sqrt(np.mean((codes[train] - codes[train].mean(0)) ** 2, 0))
    x, x_test = (codes[train] - mean) / spread, (codes[test] - mean) / spread
    for factor, column in enumerate(FACTORS.T):
        middle, width = column[train].mean(), np.sqrt(np.mean((column[train] - column[train].mean()) ** 2))
        weights = lasso(x, (column[train] - middle) / width, LASSO_PENALTY)
        np.testing.assert_allclose(result.importances[:, factor], np.abs(weights), atol=1e-7)
        truth = (column[test] - middle) / width
        error = np.sqrt(np.mean((x_test @ weights - truth) ** 2))
        assert result.informativeness_by_factor[factor] == pytest.approx(
            1 - error / np.sqrt(np.mean((truth - truth.mean()) ** 2)), abs=1e-7
        )


def gini(labels):
    return 1 - sum(np.square(np.bincount(labels) / len(labels)))


def test_dcis_forest_tells_importance_by_the_gini_impurity_that_splits_save():
    result = dci(CODES, FACTORS, model="forest", train=600, test=300, seed=2)
    train, _ = disjoint_rows(900, 600, 300, seed=2)
    column = FACTORS[train, 1]
    forest = RandomForestClassifier(random_state=2).fit(CODES[train], column)
    assert len(forest.estimators_) == 100
    by_tree = []
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        x, labels, saved = CODES[train][drawn].astype(np.float32), column[drawn], np.zeros(4)
        inside = tree.decision_path(x).toarray().astype(bool)
        parts = tree.tree_
        for node in np.flatnonzero(parts.children_left >= 0):
            here, left, right = (
                labels[inside[:, n]] for n in (node, parts.children_left[node], parts.children_right[node])
            )
            saved[parts.feature[node]] += len(here) * gini(here) - len(left) * gini(left) - len(right) * gini(right)
        by_tree.append(saved / saved.sum())
    np.testing.assert_allclose(result.importances[:, 1], np.mean(by_tree, 0), atol=1e-9)


def test_independent_components_are_at_a_fixed_point_of_fastica():
    """Hyvärinen and Oja (2000), eqs. 40 and 45, with g = tanh: w ∝ E[x g(wᵀx)] - E[g'(wᵀx)] w, made orthonormal together."""
    rng = np.random.default_rng(5)
    sources = np.stack([rng.laplace(size=2000), rng.uniform(-2, 2, 2000), rng.exponential(size=2000)], 1)
    pixels = (128 + 12 * (sources - sources.mean(0)) @ rng.normal(size=(3, 16))).clip(0, 255)
    images = ArrayImages(pixels.round().astype(np.uint8).reshape(-1, 1, 4, 4))
    white, turned = (fit_linear(kind, images, 3) for kind in ("pca", "ica"))
    x = white.encode(images).astype(np.float64)
    assert turned.fitted["settled"]
    rotation = turned.weights.double().numpy() @ np.linalg.pinv(white.weights.double().numpy())
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
    codes = x @ rotation.T
    step = np.tanh(codes).T @ x / len(x) - (1 - np.tanh(codes) ** 2).mean(0)[:, None] * rotation
    left, _, right = np.linalg.svd(step)  # (W Wᵀ)^-½ W
    turn = np.abs(np.diag(left @ right @ rotation.T))
    np.testing.assert_allclose(turn, 1, atol=1e-4)  # the tolerance of the algorithm as it is published in scikit-learn
    assert torch.isfinite(turned.weights).all()


def test_irs_takes_the_quantile_between_the_two_nearest_deviations():
    """At rank (n - 1) q of the sorted deviations, in a straight line between its neighbours."""
    codes, factors, q = CODES[:, :2], FACTORS[:, :2], 0.99
    result = irs(codes, factors, quantile=q)
    for latent, factor in itertools.product(range(2), range(2)):
        code, moved = codes[:, latent], []
        for value in range(factors[:, factor].max() + 1):
            group = code[factors[:, factor] == value]
            ordered = sorted(abs(z - sum(group) / len(group)) for z in group)
            low, part = divmod((len(ordered) - 1) * q, 1)
            moved.append(ordered[int(low)] + part * (ordered[int(low) + 1] - ordered[int(low)]))
        largest = max(abs(z - code.mean()) for z in code)
        assert result.robustness[latent, factor] == pytest.approx(1 - np.mean(moved) / largest, abs=1e-12)


def test_the_deviation_of_a_kernel_distance_is_over_subsets_less_one():
    p, q = RNG.normal(size=(60, 3)), RNG.normal(0.5, 1, size=(60, 3))
    rng = np.random.default_rng(4)
    values = [squared_mmd(*(cloud[rng.permutation(60)[:20]] for cloud in (p, q))) for _ in range(7)]
    mean = sum(values) / 7
    found = kernel_distance(p, q, subsets=7, size=20, seed=4)
    assert found.distance == pytest.approx(mean, rel=1e-12)
    assert found.deviation == pytest.approx(np.sqrt(sum((v - mean) ** 2 for v in values) / 6), rel=1e-12)
