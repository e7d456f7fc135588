import math

import pytest
import torch

from kelbo import units


@pytest.mark.parametrize("count", [2, 17, 32, 256])
def test_intensities_and_levels_are_inverse(count):
    k = torch.arange(count, dtype=torch.uint8)
    x = units.intensities(k, count)
    assert x.min() == 0
    assert x.max() == 1
    assert torch.equal(units.levels(x, count), k.long())


def test_five_bits_keep_the_most_significant_ones():
    assert units.quantize(torch.tensor([0, 7, 8, 255], dtype=torch.uint8), 5).tolist() == [0, 0, 1, 31]


def test_impossible_bits_are_refused():
    with pytest.raises(ValueError, match="bits must be 1 to 8; got 9"):
        units.quantize(torch.zeros(1, dtype=torch.uint8), 9)


def test_the_middle_of_a_levels_bin_is_the_intensity_that_a_real_density_was_trained_on():
    k = torch.arange(256)
    values, _ = units.dequantize(k, torch.full(k.shape, 0.5), "real")
    torch.testing.assert_close(values, units.intensities(k))


@pytest.mark.parametrize("support", ["real", "unit"])
def test_a_uniform_density_costs_log_256_on_the_256_scale(support):
    """A density that is uniform over the dequantised values costs ln 256 nats a dimension, i.e. 8 bits/dim."""
    k = torch.arange(256).repeat(100)
    values, per_dim = units.dequantize(k, torch.rand(k.shape), support)
    low, high = values.min(), values.max()
    nats = torch.log(high - low) + per_dim
    assert float(nats) == pytest.approx(math.log(256), abs=1e-3)
    assert units.bits_per_dim(float(nats), 1) == pytest.approx(8.0, abs=1e-2)


def test_unit_support_stays_inside_the_unit_interval():
    k = torch.tensor([0, 255])
    values, _ = units.dequantize(k, torch.tensor([0.0, 0.999]), "unit")
    assert values.min() >= 0
    assert values.max() < 1


def test_a_mass_is_not_dequantised():
    with pytest.raises(ValueError, match="^support .* got 'levels'"):
        units.dequantize(torch.zeros(1), torch.zeros(1), "levels")
