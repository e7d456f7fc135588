import numpy as np
import pytest

from kelbo.metrics import squared_error, ssim
from kelbo.units import psnr


def images(seed=0, count=4, size=32):
    return np.random.default_rng(seed).random((count, 3, size, size)).astype(np.float32)


def test_a_perfect_reconstruction_has_no_error_and_full_similarity():
    x = images()
    assert (squared_error(x, x) == 0).all()
    np.testing.assert_allclose(ssim(x, x), 1.0, atol=1e-6)


def test_errors_are_per_image_means_over_pixels():
    x = images()
    y = x.copy()
    y[1] += 0.5
    np.testing.assert_allclose(squared_error(x, y), [0, 0.25, 0, 0], atol=1e-6)


def test_similarity_is_scored_per_image_and_falls_with_noise():
    x = images()
    noise = np.random.default_rng(9).normal(size=x.shape).astype(np.float32)
    mild, strong = ssim(x, x + 0.05 * noise), ssim(x, x + 0.5 * noise)
    assert mild.shape == (4,)
    assert (mild > strong).all()
    np.testing.assert_allclose(ssim(x[2:3], (x + 0.05 * noise)[2:3]), mild[2:3], atol=1e-5)


def test_images_smaller_than_the_window_are_refused():
    x = images(size=8)
    with pytest.raises(ValueError, match="at least 11 pixels"):
        ssim(x, x)


def test_psnr_of_a_tenth_is_twenty_decibels():
    assert psnr(0.01) == pytest.approx(20.0)
