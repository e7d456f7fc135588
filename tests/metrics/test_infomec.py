"""Information by neighbours is what it is known to be, and the three ratios are the paper's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_classif
from sklearn.metrics import mutual_info_score

from kelbo.errors import ScoreError
from kelbo.metrics.infomec import infomec
from kelbo.metrics.neighbours import class_information

RNG = np.random.default_rng(0)
SIZES = (3, 4, 2)
FACTORS = np.stack([RNG.integers(0, size, 1000) for size in SIZES], 1)
NOISE = RNG.normal(size=(1000, 4))


def literal(values, labels, k):
    """Ross's estimator, neighbours and all, one row at a time."""
    terms = []
    for row, (value, label) in enumerate(zip(values, labels, strict=True)):
        others = np.delete(np.abs(values - value), row)
        same = np.delete(labels == label, row)
        nearest = np.sort(others[same])
        radius = nearest[min(k, len(nearest)) - 1] + 1e-12
        near, every, size = (nearest <= radius).sum(), (others <= radius).sum(), same.sum() + 1
        terms.append(digamma(len(values)) - digamma(size) + digamma(near) - digamma(every))
    return max(0.0, np.mean(terms))


@pytest.mark.parametrize("digits", [12, 1, 0], ids=["distinct", "some ties", "many ties"])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_the_sorted_estimate_is_that_of_every_pair(k, digits):
    labels = RNG.integers(0, 5, 200)
    labels[:3] = 5  # a label with fewer rows than neighbours
    values = np.round(RNG.normal(size=200) + labels, digits)
    assert class_information(values, labels, k) == pytest.approx(literal(values, labels, k))


@pytest.mark.parametrize("column", range(3))
def test_it_is_the_librarys_where_no_values_are_equal(column):
    values, labels = FACTORS[:, column] + NOISE[:, 0], FACTORS[:, column]
    theirs = mutual_info_classif(values[:, None], labels, discrete_features=False, n_neighbors=10, random_state=0)[0]
    assert class_information(values, labels) == pytest.approx(theirs, abs=1e-6)


def test_a_single_row_of_a_label_is_left_out():
    values, labels = NOISE[:, 0], FACTORS[:, 0].copy()
    labels[0] = 3
    assert class_information(values, labels) == pytest.approx(class_information(values[1:], labels[1:]))


def test_quantised_values_have_the_information_of_their_counts():
    values = (FACTORS[:, 1] + RNG.integers(0, 2, 1000)).astype(float)
    known = mutual_info_score(FACTORS[:, 1], values)
    assert class_information(values, FACTORS[:, 1]) == pytest.approx(known, abs=0.02)


def test_gaussians_apart_have_their_known_information():
    labels = RNG.integers(0, 2, 20_000)
    values = RNG.normal(size=20_000) + 2 * labels
    density = [np.exp(-0.5 * (values - mean) ** 2) for mean in (0, 2)]
    known = np.log(np.where(labels, density[1], density[0]) / (0.5 * (density[0] + density[1]))).mean()
    assert class_information(values, labels) == pytest.approx(known, abs=0.01)


def test_it_does_not_depend_on_scale_order_or_rows():
    values, labels, rows = FACTORS[:, 0] + NOISE[:, 0], FACTORS[:, 0], RNG.permutation(1000)
    known = class_information(values, labels)
    assert class_information(-3 * values + 5, labels) == pytest.approx(known, abs=1e-9)
    assert class_information(values[rows], labels[rows]) == pytest.approx(known, abs=1e-9)


def test_a_factor_each_scores_one():
    result = infomec(FACTORS * [1, -0.5, 2] + 0.001 * NOISE[:, :3], FACTORS)
    assert_allclose(result[:3], 1, atol=0.03)
    assert_allclose(np.diag(result.information), 1, atol=0.02)


def test_noise_is_not_explicit():
    assert infomec(NOISE, FACTORS).explicitness < 0.01


def test_a_factor_over_two_latents_is_modular_not_compact():
    codes = np.column_stack([FACTORS[:, 0], FACTORS[:, 0], FACTORS[:, 1], FACTORS[:, 1]]) + 0.01 * NOISE
    result = infomec(codes, FACTORS[:, :2])
    assert result.modularity == pytest.approx(1, abs=0.05)
    assert result.compactness == pytest.approx((1 / 2 - 1 / 4) / (1 - 1 / 4), abs=0.05)


def test_two_factors_in_one_latent_are_compact_not_modular():
    codes = np.column_stack([2 * FACTORS[:, 0] + FACTORS[:, 2], NOISE[:, 0]])
    result = infomec(codes + 0.01 * NOISE[:, :2], FACTORS[:, [0, 2]])
    assert result.information[0] == pytest.approx([1, 1], abs=0.02)
    assert result.compactness > 0.9
    assert result.modularity < 0.6


def test_the_ratios_are_those_of_the_definition():
    result = infomec(FACTORS @ RNG.normal(size=(3, 4)) + NOISE, FACTORS)
    table = result.information
    rows = np.mean([max(row) / sum(row) for row in table])
    columns = np.mean([max(column) / sum(column) for column in table.T])
    assert result.modularity == pytest.approx((rows - 1 / 3) / (2 / 3))
    assert result.compactness == pytest.approx((columns - 1 / 4) / (3 / 4))


def test_narrow_and_constant_latents_are_pruned():
    codes = np.column_stack([FACTORS + 0.01 * NOISE[:, :3], 0.01 * NOISE[:, 3], np.full(1000, 0.1)])
    result = infomec(codes, FACTORS)
    assert result.active.tolist() == [True, True, True, False, False]
    assert result.modularity == pytest.approx(infomec(codes[:, :3], FACTORS).modularity)
    assert (result.information[4] == 0).all()


def test_constant_codes_score_zero_and_one_latent_is_compact():
    assert infomec(np.full((1000, 2), 0.1), FACTORS)[:3] == (0, 0, 0)
    assert infomec(FACTORS[:, :1] + 0.01 * NOISE[:, :1], FACTORS).compactness == 1


@pytest.mark.parametrize("repeats", [1, 2, 4, 10])
def test_of_repeated_rows_informations_and_ratios_are_the_references(repeats):
    """Those of scikit-learn, which tells equal values apart by noise, as latent_quantization calls it."""
    factors = np.repeat(FACTORS[:300], repeats, 0)
    codes = np.repeat(FACTORS[:300] @ [[1, 0, 2], [0, 1, -1], [1, 1, 0]] + NOISE[:300, :3], repeats, 0)
    scaled = (codes - codes.mean(0)) / codes.std(0)
    informations = np.stack(
        [
            mutual_info_classif(scaled, column, discrete_features=False, n_neighbors=10, random_state=5)
            for column in factors.T
        ],
        1,
    )
    table = informations / [-sum(p * np.log(p) for p in np.bincount(column) / len(factors)) for column in factors.T]
    result = infomec(codes, factors)
    assert_allclose(result.information, table, atol=0.003)
    assert result.modularity == pytest.approx(((table.max(1) / table.sum(1)).mean() - 1 / 3) / (2 / 3), abs=0.005)
    assert result.compactness == pytest.approx(((table.max(0) / table.sum(0)).mean() - 1 / 3) / (2 / 3), abs=0.005)


def test_of_repeated_rows_the_same_seed_gives_the_same_score():
    codes, factors = np.repeat(NOISE[:200], 5, 0), np.repeat(FACTORS[:200], 5, 0)
    assert infomec(codes, factors)[:3] == infomec(codes, factors)[:3]


def test_what_has_no_answer_is_refused():
    with pytest.raises(ScoreError, match="two factors; got one"):
        infomec(NOISE, FACTORS[:, :1])
    with pytest.raises(ScoreError, match="no row has a neighbour"):
        class_information(NOISE[:, 0], np.arange(1000))
    with pytest.raises(ScoreError, match="at least 1; got 0"):
        infomec(NOISE, FACTORS, neighbours=0)
