"""Codes are encoded once, and looked up ever after for as long as they are the same."""

import numpy as np
import pytest
import torch

from kelbo.bound import Batch
from kelbo.data.factors import FactorImages, Factors
from kelbo.data.images import ArrayImages
from kelbo.evaluation.codes import codes_of_factors
from kelbo.likelihoods import FixedGaussian
from kelbo.models import VAE
from kelbo.networks import HigginsDecoder, HigginsEncoder

FACTORS = Factors(("hue", "size"), (4, 5))
SHAPE = (1, 8, 8)


@pytest.fixture
def whole():
    pixels = np.random.default_rng(0).integers(0, 256, (20, *SHAPE), dtype=np.uint8)
    return FactorImages(ArrayImages(pixels), FACTORS)


@pytest.fixture
def vae():
    torch.manual_seed(0)
    return VAE(HigginsEncoder(SHAPE, 3, 8), HigginsDecoder(SHAPE, 3, 1, 8), FixedGaussian(), SHAPE, 3)


def counted(model):
    """How many images its encoder has seen."""
    seen = []
    model.encoder.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    return seen


def test_the_table_is_the_encoders_answer_for_every_tuple_of_factors(whole, vae, tmp_path):
    codes = codes_of_factors(vae, whole, tmp_path / "all.safetensors", {})
    tuple_of_seven = codes.factors[7]
    assert tuple_of_seven.tolist() == [1, 2]
    x = whole.take(torch.tensor([[1, 2]])).float() / 255
    posterior = vae.posterior(Batch(x))
    np.testing.assert_allclose(codes.means[7], posterior.mean.detach()[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(codes.scales[7], posterior.scale.detach()[0], rtol=1e-5)
    assert codes.names == ("hue", "size")


def test_a_second_look_encodes_nothing(whole, vae, tmp_path):
    first = codes_of_factors(vae, whole, tmp_path / "all.safetensors", {"weights": "a"})
    seen = counted(vae)
    again = codes_of_factors(vae, whole, tmp_path / "all.safetensors", {"weights": "a"})
    assert seen == []
    np.testing.assert_array_equal(first.means, again.means)


@pytest.mark.parametrize("change", ["weights", "damage"])
def test_other_weights_or_a_damaged_table_are_encoded_anew(change, whole, vae, tmp_path):
    place = tmp_path / "all.safetensors"
    codes_of_factors(vae, whole, place, {"weights": "a"})
    if change == "damage":
        place.write_bytes(place.read_bytes()[:-5])
    seen = counted(vae)
    codes_of_factors(vae, whole, place, {"weights": "b" if change == "weights" else "a"})
    assert sum(seen) == 20


def test_other_images_in_the_same_number_are_encoded_anew(whole, vae, tmp_path):
    place = tmp_path / "all.safetensors"
    codes_of_factors(vae, whole, place, {"images": "fingerprint of one set"})
    seen = counted(vae)
    codes_of_factors(vae, whole, place, {"images": "fingerprint of another"})
    assert sum(seen) == 20


def test_a_draw_of_images_keeps_their_own_factors(whole, vae, tmp_path):
    everything = codes_of_factors(vae, whole, tmp_path / "all.safetensors", {})
    some = codes_of_factors(vae, whole, tmp_path / "8.safetensors", {}, count=8)
    rows = FACTORS.index(torch.as_tensor(some.factors)).numpy()
    assert len(set(rows.tolist())) == 8
    np.testing.assert_allclose(some.means, everything.means[rows], rtol=1e-5, atol=1e-6)


def test_progress_counts_images(whole, vae, tmp_path):
    counts = []
    codes_of_factors(vae, whole, tmp_path / "all.safetensors", {}, advance=counts.append)
    assert sum(counts) == 20
