"""Errors and structural similarity of reconstructions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kelbo.metrics.checks import Floats

Array = NDArray[np.floating]
SSIM_WINDOW = 11
SSIM_DEFINITION = "mean over whole 11×11 windows"
"""Recorded with SSIM. Older records lack it: they included windows that reach over the border, with mirrored pixels."""

SIGMA, K1, K2 = 1.5, 0.01, 0.03


def squared_error(images: Array, reconstructions: Array) -> Array:
    """Mean squared error of each image, squared intensities, (N,), of intensities (N, *event)."""
    errors = np.square(np.asarray(images, np.float64) - reconstructions)
    return errors.mean(tuple(range(1, errors.ndim)))


def ssim(images: Array, reconstructions: Array) -> Floats:
    """Structural similarity of each image, (N,), of intensities (N, C, H, W) in [0, 1] (Wang et al., 2004, eq. 13).

    Means, variances and covariance are weighted by an 11×11 Gaussian of σ = 1.5 whose weights sum to 1 (eqs. 14–16: of the
    population, not of a sample); K = (0.01, 0.03), data range 1. Averaged over the windows that lie wholly within the image,
    as in the authors' code, and over channels, for which the paper has no rule. Images are not downscaled first.
    Raises ValueError if shapes differ, or if an image is smaller than the window.
    """
    if images.shape != reconstructions.shape or images.ndim != 4:
        raise ValueError(
            f"SSIM compares two arrays (N, C, H, W) of one shape; got {images.shape} and {reconstructions.shape}."
        )
    if min(images.shape[2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least {SSIM_WINDOW} pixels; these are {images.shape[2:]}.")
    down, across = (_windows(side) for side in images.shape[2:])

    def weighted(values: Floats) -> Floats:
        return down @ values @ across.T

    x, y = np.asarray(images, np.float64), np.asarray(reconstructions, np.float64)
    mean_x, mean_y = weighted(x), weighted(y)
    variances = weighted(x * x) - mean_x**2 + weighted(y * y) - mean_y**2
    covariance = weighted(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + K1**2) / (mean_x**2 + mean_y**2 + K1**2)
    return (luminance * (2 * covariance + K2**2) / (variances + K2**2)).mean((1, 2, 3))


def _windows(side: int) -> Floats:
    """The weights along one axis, (side - 10, side), a row for each window position; the 2-D Gaussian is a product of two."""
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    weights = np.exp(-0.5 * np.square(offsets / SIGMA))
    places = np.zeros((side - SSIM_WINDOW + 1, side))
    for row, place in enumerate(places):
        place[row : row + SSIM_WINDOW] = weights / weights.sum()
    return places
