"""DCI: the fast trees are the library's, the three numbers are the paper's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import GradientBoostingClassifier

from kelbo.errors import ScoreError
from kelbo.metrics.boosting import best_split, boost
from kelbo.metrics.dci import dci, one_sidedness

SIZES = (3, 4, 2)


def factors_of(rows, seed=0, sizes=SIZES):
    return np.stack([np.random.default_rng(seed + size).integers(0, size, rows) for size in sizes], 1)


def mixed(rows, noise=0.1, seed=1):
    """Codes (rows, 4): two of one factor each, one of two factors, one of noise."""
    factors, rng = factors_of(rows), np.random.default_rng(seed)
    clean = np.stack([factors[:, 0], factors[:, 1], factors[:, 1] + factors[:, 2], np.zeros(rows)], 1)
    return clean + noise * rng.normal(size=clean.shape), factors


def test_a_factor_each_scores_one():
    factors = factors_of(900)
    result = dci(
        factors[:, ::-1] + 0.01 * np.random.default_rng(0).normal(size=factors.shape), factors, train=600, test=300
    )
    assert_allclose(result[:3], 1, atol=0.02)
    assert result.importances.argmax(1).tolist() == [2, 1, 0]


@pytest.mark.parametrize("model", ["boosting", "forest", "lasso"])
def test_noise_scores_what_chance_does(model):
    factors = factors_of(900)
    result = dci(np.random.default_rng(0).normal(size=(900, 4)), factors, train=600, test=300, model=model)
    if model == "lasso":
        assert result.informativeness == pytest.approx(0, abs=0.03)
    else:
        assert result.disentanglement < 0.1
        assert result.completeness < 0.1
        assert_allclose(result.informativeness_by_factor, 1 / np.array(SIZES), atol=0.1)


@pytest.mark.parametrize("column", range(len(SIZES)))
def test_boosting_is_the_librarys_where_every_gap_is_a_bin(column):
    rng = np.random.default_rng(2)
    codes, factors = mixed(2000, noise=0.8)
    codes, labels = (
        np.round(codes, 1),
        factors[:, column],
    )  # tens of values each, so that the places to split at are the same
    codes += 1e-6 * rng.integers(0, 2, codes.shape)
    others = np.round(rng.normal(1, 2, (500, 4)), 1)
    theirs = GradientBoostingClassifier(n_estimators=15, random_state=0).fit(codes, labels)
    ours = boost(codes, labels, others, rounds=15)
    assert_allclose(ours.importances, theirs.feature_importances_, atol=2e-3)
    assert (ours.predicted == theirs.predict(others)).mean() > 0.99


def test_boosting_at_quantiles_agrees_with_boosting_at_every_gap():
    codes, factors = mixed(900, noise=0.5)
    fast, exact = (dci(codes, factors, train=600, test=300, model=m) for m in ("boosting", "exact_boosting"))
    assert np.corrcoef(fast.importances.ravel(), exact.importances.ravel())[0, 1] > 0.999
    assert_allclose(fast[:3], exact[:3], atol=0.03)


def test_the_best_split_is_that_of_trying_them_all():
    rng = np.random.default_rng(3)
    binned, residual = rng.integers(0, 5, (40, 3)), rng.normal(size=(40, 2))
    table = np.zeros((3, 5, 4))
    for row in range(40):
        for code in range(3):
            table[code, binned[row, code]] += [*residual[row], 1, 1]
    for column in range(2):
        saved = {}
        for code in range(3):
            for place in range(4):
                left = binned[:, code] <= place
                sides = residual[left, column], residual[~left, column]
                before = np.square(residual[:, column] - residual[:, column].mean()).sum()
                saved[code, place] = before - sum(np.square(side - side.mean()).sum() for side in sides)
        split = best_split(table)
        assert max(saved, key=saved.__getitem__) == (split.code[column], split.bin[column])
        assert split.gain[column] == pytest.approx(max(saved.values()))


def test_boosting_sees_only_the_order_of_a_latent():
    codes, factors = mixed(300)
    bent = np.stack([codes[:, 0], np.exp(codes[:, 1]), codes[:, 2] ** 3, 100 * codes[:, 3] - 7], 1)
    few = {"train": 200, "test": 100}
    assert_allclose(dci(bent, factors, **few).importances, dci(codes, factors, **few).importances, atol=1e-9)


def test_the_order_of_latents_and_factors_does_not_matter():
    codes, factors = mixed(600)
    few = {"train": 400, "test": 200}
    turned, straight = dci(codes[:, ::-1], factors[:, ::-1], **few), dci(codes, factors, **few)
    assert_allclose(turned[:3], straight[:3], atol=0.02)  # not less: of latents that save the same, the first is taken
    assert_allclose(turned.importances[::-1, ::-1], straight.importances, atol=0.02)


@pytest.mark.parametrize("model", ["boosting", "forest", "lasso"])
def test_a_constant_latent_has_no_importance(model):
    codes, factors = mixed(300)
    codes[:, 3] = 0.1
    result = dci(codes, factors, train=200, test=100, model=model)
    assert (result.importances[3] == 0).all()
    assert result.by_latent[3] == 0


def test_constant_codes_tell_nothing():
    result = dci(np.ones((300, 4)), factors_of(300), train=200, test=100)
    assert result.disentanglement == result.completeness == 0
    assert not result.importances.any()


def test_the_number_of_threads_does_not_matter():
    codes, factors = mixed(150)
    one, three = (dci(codes, factors, train=100, test=50, threads=threads) for threads in (1, 3))
    assert (one.importances == three.importances).all()
    assert (one.informativeness_by_factor == three.informativeness_by_factor).all()


def test_the_three_numbers_are_those_of_the_definition():
    codes, factors = mixed(900, noise=0.5)
    result = dci(codes, factors, train=600, test=300)
    table = result.importances
    latents = [1 + sum(p * np.log(p) for p in row / row.sum() if p > 0) / np.log(3) for row in table]
    columns = [1 + sum(p * np.log(p) for p in row / row.sum() if p > 0) / np.log(4) for row in table.T]
    assert result.disentanglement == pytest.approx(
        sum(d * row.sum() for d, row in zip(latents, table, strict=True)) / table.sum()
    )
    assert result.completeness == pytest.approx(np.mean(columns))
    assert result.informativeness == pytest.approx(result.informativeness_by_factor.mean())


def test_lasso_is_told_by_weights_on_standardised_codes():
    codes, factors = mixed(900)
    result = dci(codes * [1, 10, 0.1, 1] + 5, factors, train=600, test=300, model="lasso")
    assert_allclose(result.importances, dci(codes, factors, train=600, test=300, model="lasso").importances, atol=1e-6)
    assert (result.informativeness_by_factor > 0.6).all()


def test_one_sidedness_of_what_is_known():
    assert_allclose(one_sidedness(np.array([[0, 3.0], [2, 2], [0, 0]])), [1, 0, 0])
    assert_allclose(one_sidedness(np.array([[2.0], [0]])), [1, 0])


def test_what_cannot_be_told_apart_is_refused():
    codes, factors = mixed(300)
    with pytest.raises(ScoreError, match="two factors; got one"):
        dci(codes, factors[:, :1])
    with pytest.raises(ScoreError, match="the table has 300"):
        dci(codes, factors)
    with pytest.raises(ScoreError, match="got 'trees'"):
        dci(codes, factors, model="trees")
    with pytest.raises(ScoreError, match="^threads .* 1; got 0"):
        dci(codes, factors, threads=0)
    rare = np.zeros((300, 2), int)
    rare[:, 0], rare[-1, 1] = factors[:, 0], 1
    with pytest.raises(ScoreError, match="^Factor 1 is constant in the 100 training rows"):
        dci(codes, rare, train=100, test=100, seed=1)
