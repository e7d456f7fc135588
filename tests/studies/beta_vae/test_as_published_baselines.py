"""PCA as the study's code fitted it: few images drawn with replacement, in another layout than they are encoded in."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from kelbo.data.images import ArrayImages
from kelbo.errors import DataError
from kelbo.models.linear import fit_linear
from kelbo.seeds import generator
from kelbo.studies.beta_vae import as_published_baselines
from kelbo.studies.beta_vae.as_published_baselines import baseline_as_published


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Components to the tolerance that scikit-learn's are compared at."""
    monkeypatch.setattr(as_published_baselines, "baseline", partial(fit_linear, tolerance=1e-6))


def colour_images(count=400, side=4, seed=0):
    """Images (N, 3, side, side) that vary most along a few directions, each less than the one before."""
    rng = np.random.default_rng(seed)
    dims = 3 * side * side
    x = rng.normal(size=(count, dims)) * 0.9 ** np.arange(dims) @ np.linalg.qr(rng.normal(size=(dims, dims)))[0]
    return ArrayImages(np.clip(128 + 25 * x, 0, 255).astype(np.uint8).reshape(count, 3, side, side))


def drawn(images, count, seed):
    index = torch.randint(len(images), (count,), generator=generator(seed, "linear", 1)).sort().values
    return images.pixels[index.numpy()]


def assert_same_up_to_signs(ours, theirs, atol):
    signs = np.sign((ours * theirs).sum(0))
    np.testing.assert_allclose(ours * signs, theirs, atol=atol)


def test_colour_images_are_fitted_in_another_layout_than_they_are_encoded():
    images = colour_images()
    encoder = baseline_as_published("pca", images, 4, seed=3)
    pixel_by_pixel = drawn(images, 3_500, 3).transpose(0, 2, 3, 1).reshape(3_500, -1)
    theirs = PCA(4, whiten=True, svd_solver="full").fit(pixel_by_pixel)
    channel_by_channel = images.pixels.reshape(400, -1) / 255
    assert encoder.fitted["examples"] == 3_500
    assert_same_up_to_signs(encoder.encode(images), theirs.transform(channel_by_channel), atol=2e-3)
    codes, corrected = encoder.encode(images), fit_linear("pca", images, 4).encode(images)
    assert np.abs(np.corrcoef(codes.T, corrected.T)[:4, 4:]).max() < 0.9


def test_binary_images_suffer_from_nothing_but_their_number(monkeypatch):
    monkeypatch.setitem(as_published_baselines.EXAMPLES, ("pca", 1), 2_500)
    pixels = (np.random.default_rng(0).random((60, 1, 5, 5)) < np.linspace(0.1, 0.9, 25).reshape(5, 5)).astype(np.uint8)
    images = ArrayImages(pixels, 2)
    encoder = baseline_as_published("pca", images, 2, seed=1)
    again = fit_linear("pca", ArrayImages(drawn(images, 2_500, 1), 2), 2, tolerance=1e-6)
    assert_same_up_to_signs(encoder.encode(images), again.encode(images), atol=1e-3)


@pytest.mark.parametrize(("kind", "channels"), [("random", 3), ("pca", 4)])
def test_what_the_study_did_not_fit_is_refused(kind, channels):
    with pytest.raises(DataError, match=f"{kind} to {channels}"):
        baseline_as_published(kind, ArrayImages(np.zeros((9, channels, 4, 4), np.uint8)), 3)
