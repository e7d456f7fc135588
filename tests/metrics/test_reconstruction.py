"""Errors of reconstructions, held to their definitions written out window by window and pixel by pixel."""

import math

import numpy as np
import pytest

from kelbo.metrics import squared_error, ssim
from kelbo.units import psnr


def images(seed=0, count=4, size=32, channels=3):
    return np.random.default_rng(seed).random((count, channels, size, size)).astype(np.float32)


def smooth(shape, seed=0):
    """Waves, as photographs have them rather than noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.meshgrid(*(np.linspace(0, 1, side) for side in shape[2:]), indexing="ij")
    turns, shifts = rng.uniform(0.5, 3, (2, *shape[:2], 1, 1)), rng.uniform(0, 6, (*shape[:2], 1, 1))
    return 0.5 + 0.5 * np.sin(2 * np.pi * (turns[0] * rows + turns[1] * columns) + shifts)


def window_by_window(x, y):
    """Wang et al. (2004), eqs. 13 to 16, of one channel: every whole window by itself."""
    weights = np.array([[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in range(-5, 6)] for i in range(-5, 6)])
    weights /= weights.sum()
    found = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a, b = (image[top : top + 11, left : left + 11].astype(np.float64) for image in (x, y))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            variance_a, variance_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
            covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
            above = (2 * mean_a * mean_b + 0.01**2) * (2 * covariance + 0.03**2)
            found.append(above / ((mean_a**2 + mean_b**2 + 0.01**2) * (variance_a + variance_b + 0.03**2)))
    return np.mean(found)


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
@pytest.mark.parametrize("size", [(11, 11), (28, 28), (64, 64), (11, 40)], ids=str)
def test_ssim_is_the_mean_over_whole_windows_and_not_what_a_library_makes_of_the_border(size, channels):
    x = smooth((2, channels, *size))
    y = x + 0.1 * np.random.default_rng(1).normal(size=x.shape)
    literal = [np.mean([window_by_window(*pair) for pair in zip(a, b, strict=True)]) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(ssim(x, y), literal, rtol=1e-11)


def test_ssim_is_as_exact_of_float32_images_and_of_flat_bright_ones():
    x = np.full((1, 1, 20, 20), 0.9, np.float32)
    y = x + np.float32(0.01) * images(3, 1, 20, 1)
    assert ssim(x, y)[0] == pytest.approx(window_by_window(x[0, 0], y[0, 0]), rel=1e-11)


def test_a_perfect_reconstruction_has_no_error_and_full_similarity():
    x = images()
    assert (squared_error(x, x) == 0).all()
    np.testing.assert_allclose(ssim(x, x), 1.0, rtol=1e-12)


def test_similarity_is_the_same_of_both_orders_and_negative_of_a_negative():
    x, y = images(0), images(1)
    np.testing.assert_allclose(ssim(x, y), ssim(y, x), rtol=1e-12)
    assert (ssim(x, 1 - x) < 0).all()


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
    np.testing.assert_allclose(ssim(x[2:3], (x + 0.05 * noise)[2:3]), mild[2:3], rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (images(size=8), images(size=8), "at least 11 pixels"),
        (images(size=12), images(size=13), "of one shape"),
        (images()[0], images()[0], "N, C, H, W"),
    ],
    ids=["smaller than a window", "of two shapes", "one image alone"],
)
def test_images_without_a_similarity_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        ssim(x, y)


def test_psnr_is_ten_times_the_logarithm_of_the_squared_range_over_the_squared_error():
    x, y = images(0, 1), images(1, 1)
    square = sum((float(a) - float(b)) ** 2 for a, b in zip(x.ravel(), y.ravel(), strict=True)) / x.size
    assert psnr(float(squared_error(x, y)[0])) == pytest.approx(10 * math.log10(1.0**2 / square), rel=1e-9)
    assert psnr(0.01) == pytest.approx(20.0)
    assert psnr(0.0) == math.inf
