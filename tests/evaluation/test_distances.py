"""Samples and reconstructions beside real images, apart from one another and under their right names."""

import json

import numpy as np
import pytest
import torch

from kelbo.data.images import ArrayImages
from kelbo.errors import ScoreError
from kelbo.evaluation.distances import image_distances, reconstructions, samples
from kelbo.evaluation.features import feature_network
from kelbo.likelihoods import FixedGaussian
from kelbo.metrics.frechet import frechet_of
from kelbo.models import VAE, Autoencoder
from kelbo.networks import HigginsDecoder, HigginsEncoder

SHAPE = (1, 12, 12)


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("KELBO_CACHE", "none")


@pytest.fixture
def images():
    return ArrayImages(np.random.default_rng(0).integers(0, 256, (300, *SHAPE), dtype=np.uint8))


def model(kind=VAE):
    torch.manual_seed(0)
    return kind(HigginsEncoder(SHAPE, 3, 16), HigginsDecoder(SHAPE, 3, 1, 16), FixedGaussian(0.1), SHAPE, 3)


def test_the_distance_is_that_of_the_two_clouds(images):
    network, vae = feature_network("random-0", SHAPE), model()
    found = image_distances(vae, network, images, replicates=3)
    real = network(images.spread(300)).numpy()
    drawn = np.concatenate([network(batch).numpy() for batch in samples(vae, images)])
    decoded = np.concatenate([network(batch).numpy() for batch in reconstructions(vae, images)])
    assert found["sample"]["frechet"]["value"] == pytest.approx(frechet_of(real, drawn).distance, rel=1e-6)
    assert found["reconstruction"]["frechet"]["value"] == pytest.approx(frechet_of(real, decoded).distance, rel=1e-6)
    assert found["sample"]["frechet"]["value"] != found["reconstruction"]["frechet"]["value"]


def test_only_the_official_network_gives_an_fid(images):
    found = image_distances(model(), feature_network("random-0", SHAPE), images, replicates=2)
    assert found["sample"]["frechet"]["called"] == "Fréchet distance (random-0)"
    assert found["sample"]["features"]["images"] == 300
    json.dumps(found, allow_nan=False)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_and_another_does_not(images):
    network = feature_network("random-0", SHAPE)
    first, again, other = (image_distances(model(), network, images, replicates=2, seed=s) for s in (0, 0, 1))
    assert first == again
    assert first["sample"]["frechet"]["value"] != other["sample"]["frechet"]["value"]


def test_an_autoencoder_has_reconstructions_but_no_samples(images):
    assert set(image_distances(model(Autoencoder), feature_network("random-0", SHAPE), images, replicates=2)) == {
        "reconstruction"
    }


def test_an_interval_that_halves_of_a_few_images_cannot_tell_is_null():
    few = ArrayImages(np.random.default_rng(0).integers(0, 256, (9, *SHAPE), dtype=np.uint8))
    found = image_distances(model(), feature_network("random-0", SHAPE), few, replicates=3)["sample"]
    for name in ("precision", "recall", "density", "coverage"):
        assert (found[name]["low"], found[name]["high"], found[name]["replicates"]) == (None, None, 1)
        assert found[name]["value"] is not None
    assert 0 <= found["frechet"]["low"] < found["frechet"]["high"]


def test_a_handful_of_images_is_refused():
    few = ArrayImages(np.zeros((7, *SHAPE), np.uint8))
    with pytest.raises(ScoreError, match=r"least 8\b.*has 7\b"):
        image_distances(model(), feature_network("random-0", SHAPE), few)
