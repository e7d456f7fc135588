"""Informations are those of the counted shares."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from kelbo.errors import ScoreError
from kelbo.metrics.checks import codes_and_factors
from kelbo.metrics.mutual_information import equal_bins, factor_entropies, mutual_information

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, [2, 5, 9], (700, 3))
CODES = np.hstack([RNG.normal(size=(700, 2)), FACTORS[:, 1:] + 0.3 * RNG.normal(size=(700, 2)), FACTORS[:, :1] * 1.0])


@pytest.mark.parametrize("bins", [2, 20, 33])
def test_informations_are_those_of_a_histogram_one_pair_at_a_time(bins):
    slow = np.empty((5, 3))
    for latent in range(5):
        edges = np.histogram(CODES[:, latent], bins)[1]
        binned = np.digitize(CODES[:, latent], edges[:-1])
        for factor in range(3):
            slow[latent, factor] = mutual_info_score(binned, FACTORS[:, factor])
    np.testing.assert_allclose(mutual_information(CODES, FACTORS, bins=bins), slow, atol=1e-12)


def test_a_copy_of_a_factor_tells_its_entropy():
    copied = mutual_information(FACTORS * 2.5, FACTORS)
    np.testing.assert_allclose(np.diag(copied), factor_entropies(codes_and_factors(CODES, FACTORS)[1]), atol=1e-12)


def test_entropy_of_equal_shares_is_the_logarithm_of_their_number():
    np.testing.assert_allclose(factor_entropies(np.stack([np.arange(12) % 3, np.arange(12) % 4], 1)), np.log([3, 4]))


def test_bins_are_closed_below_and_the_last_above():
    assert equal_bins(np.array([[0.0], [0.5], [1.0], [0.999]]), 2).ravel().tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 1e-300])
def test_a_constant_latent_tells_nothing(value):
    barely = np.where(np.arange(700) % 2 == 0, value, np.nextafter(value, np.inf))
    informations = mutual_information(np.stack([np.full(700, value), barely], 1), FACTORS)
    assert (informations[0] == 0).all()
    assert np.isfinite(informations).all()


def test_one_bin_is_refused():
    with pytest.raises(ScoreError, match="^bins .* 2; got 1"):
        mutual_information(CODES, FACTORS, bins=1)
