"""What a model's latents carry, as a record."""

import numpy as np
import pytest
import torch

from kelbo.data.images import ArrayImages
from kelbo.errors import ScoreError
from kelbo.evaluation.encode import encode
from kelbo.evaluation.latent_scores import scores_of_latents
from kelbo.likelihoods import FixedGaussian
from kelbo.metrics.likelihood import active_units
from kelbo.models import VAE, Autoencoder
from kelbo.networks import HigginsDecoder, HigginsEncoder

SHAPE, LATENTS, COUNT = (1, 6, 6), 3, 40


def made(kind):
    torch.manual_seed(0)
    networks = HigginsEncoder(SHAPE, LATENTS, 8), HigginsDecoder(SHAPE, LATENTS, 1, 8)
    return kind(*networks, FixedGaussian(), SHAPE, LATENTS)


@pytest.fixture(scope="module")
def images():
    return ArrayImages(np.random.default_rng(0).integers(0, 256, (COUNT, *SHAPE), dtype=np.uint8))


def test_the_parts_add_up_to_the_rate_and_each_has_its_interval(images):
    model = made(VAE)
    found = scores_of_latents(model, images)
    names = ("index_code_mutual_information", "total_correlation", "dimension_wise_kl")
    for name in (*names, "marginal_kl"):
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]
    assert found["rate"]["value"] == pytest.approx(sum(found[name]["value"] for name in names), rel=1e-6)
    assert found["index_code_mutual_information"]["cap"] == pytest.approx(np.log(COUNT))
    means, scales = encode(model, images)
    assert found["active_units"] == {"value": int(active_units(means).sum()), "of": LATENTS}
    rates = ((means**2 + scales**2 - 1) / 2 - np.log(scales)).mean(0)
    np.testing.assert_allclose(found["details"]["rate_per_latent"], rates, rtol=1e-5)
    assert found["rate"]["value"] == pytest.approx(rates.sum(), rel=1e-5)
    assert (found["details"]["images"], found["details"]["examples"]) == (COUNT, COUNT)


def test_a_model_without_a_rate_has_none(images):
    with pytest.raises(ScoreError):
        scores_of_latents(made(Autoencoder), images)
