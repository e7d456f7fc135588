"""Runs that found the same latents agree, runs that mixed them do not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso
from sklearn.preprocessing import StandardScaler

from kelbo.errors import ScoreError
from kelbo.metrics.udr import lasso_weights, udr

RNG = np.random.default_rng(0)
TRUE = RNG.normal(size=(800, 4))
RATES = np.array([2.0, 1.0, 0.5, 0.1])


def turned(seed):
    return TRUE @ np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0]


def literal(codes, rates, similarity):
    """The reference's procedure, one pair and one latent at a time."""
    scaled = [StandardScaler().fit_transform(table)[:, rate > 0.01] for table, rate in zip(codes, rates, strict=True)]
    pairs = np.full((len(codes), len(codes)), np.nan)
    for i, one in enumerate(scaled):
        for j, other in enumerate(scaled):
            if i == j:
                continue
            if similarity == "lasso":
                alike = np.abs(np.stack([Lasso(alpha=0.1, tol=1e-10).fit(one, b).coef_ for b in other.T], 1))
            else:
                alike = np.abs([[spearmanr(a, b).statistic for b in other.T] for a in one.T])
            columns = [max(c) ** 2 / sum(c) if sum(c) else 0 for c in alike.T]
            rows = [max(r) ** 2 / sum(r) if sum(r) else 0 for r in alike]
            pairs[i, j] = (np.mean(columns) + np.mean(rows)) / 2
    return [np.median(np.delete(pairs[:, j], j)) for j in range(len(codes))], pairs


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
def test_it_is_the_references_procedure(similarity):
    noisy = [turned(seed) + 0.3 * RNG.normal(size=TRUE.shape) for seed in range(3)]
    codes = [*noisy, np.column_stack([np.round(TRUE), RNG.normal(size=800)])]
    rates = [RATES, RATES, np.array([1, 1, 0.01, 1]), np.array([1, 1, 1, 1, 0.005])]
    models, pairs = literal(codes, rates, similarity)
    result = udr(codes, rates, similarity=similarity)
    assert_allclose(result.pairs, pairs, atol=1e-6)
    assert_allclose(result.models, models, atol=1e-6)


def test_the_same_latents_in_another_order_and_sign_score_one():
    codes = [TRUE, -2 * TRUE[:, ::-1] + 3, np.exp(TRUE[:, [1, 0, 3, 2]])]
    assert_allclose(udr(codes, [RATES] * 3, similarity="spearman").models, 1, atol=0.1)
    assert_allclose(udr(codes[:2], [RATES] * 2).models, 0.9, atol=0.01)  # 1 - the penalty


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
def test_mixed_latents_score_less_and_unrelated_ones_least(similarity):
    same, mixed, unrelated = (
        udr([TRUE, other], [RATES] * 2, similarity=similarity).models[0]
        for other in (TRUE[:, ::-1], turned(5), RNG.normal(size=TRUE.shape))
    )
    assert same > mixed + 0.2
    assert mixed > unrelated + 0.1


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
def test_latents_without_rate_and_constant_ones_are_left_out(similarity):
    wider = np.column_stack([TRUE, RNG.normal(size=800), np.full(800, 0.1)])
    known = udr([TRUE, turned(1)], [RATES] * 2, similarity=similarity)
    result = udr([wider, turned(1)], [np.array([*RATES, 0.001, 1.0]), RATES], similarity=similarity)
    assert_allclose(result.models, known.models, atol=1e-8)


def test_a_collapsed_run_shares_nothing():
    result = udr([TRUE, TRUE, TRUE], [RATES, RATES, np.zeros(4)])
    assert result.models[2] == 0
    assert result.pairs[0, 1] == pytest.approx(0.9, abs=0.01)


def test_the_order_of_runs_and_images_does_not_matter():
    codes, rows = [turned(seed) for seed in range(3)], RNG.permutation(800)
    known = udr(codes, [RATES] * 3).models
    assert_allclose(udr([c[rows] for c in codes], [RATES] * 3).models, known, atol=1e-8)
    assert_allclose(udr(codes[::-1], [RATES] * 3).models[::-1], known, atol=1e-8)


def test_the_lasso_is_the_librarys_where_latents_are_correlated():
    mixed = StandardScaler().fit_transform(TRUE @ RNG.normal(size=(4, 4)))
    target = StandardScaler().fit_transform(turned(7))
    weights = lasso_weights(mixed.T @ mixed / 800, mixed.T @ target / 800, 0.1)
    assert_allclose(weights, Lasso(alpha=0.1, tol=1e-12).fit(mixed, target).coef_.T, atol=1e-8)


def test_latents_that_say_the_same_do_not_stop_it():
    doubled = np.column_stack([TRUE, TRUE])
    assert np.isfinite(udr([doubled, doubled], [np.ones(8)] * 2).models).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ScoreError, match="two runs; got 1"):
        udr([TRUE], [RATES])
    with pytest.raises(ScoreError, match="2 tables of codes and 1 of rates"):
        udr([TRUE, TRUE], [RATES])
    with pytest.raises(ScoreError, match=r"\[799, 800\] rows"):
        udr([TRUE, TRUE[1:]], [RATES] * 2)
    with pytest.raises(ScoreError, match="^rates of run 1 must be 4 "):
        udr([TRUE, TRUE], [RATES, RATES[:2]])
    with pytest.raises(ScoreError, match="got 'pearson'"):
        udr([TRUE, TRUE], [RATES] * 2, similarity="pearson")
    with pytest.raises(ScoreError, match="codes of run 1 has 800 values"):
        udr([TRUE, TRUE * [1, np.nan, 1, 1]], [RATES] * 2)
