"""How close reconstructions come."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.floating]
SSIM_WINDOW = 11


def squared_error(images: Array, reconstructions: Array) -> Array:
    """Mean squared error of each image, squared intensities, (N,), of intensities (N, C, H, W)."""
    return np.square(np.asarray(images, np.float64) - reconstructions).mean((1, 2, 3))


def ssim(images: Array, reconstructions: Array) -> Array:
    """Structural similarity of each image, (N,), of intensities (N, C, H, W) (Wang et al., 2004).

    11×11 Gaussian window of σ = 1.5, K = (0.01, 0.03), data range 1, by torchmetrics. ValueError where an image is smaller
    than the window, for then no pixel has a whole one.
    """
    from torchmetrics.functional.image import (
        structural_similarity_index_measure,  # here, since it takes a second to import
    )

    if min(images.shape[2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least {SSIM_WINDOW} pixels; these are {images.shape[2:]}.")
    scores = structural_similarity_index_measure(
        torch.as_tensor(reconstructions), torch.as_tensor(images), data_range=1.0, reduction="none"
    )
    return torch.as_tensor(scores).double().reshape(-1).numpy()
