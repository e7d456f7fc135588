"""Codes of images: means and standard deviations of their posteriors."""

from __future__ import annotations

import numpy as np

from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.protocols import Model
from kelbo.units import intensities


def encode(model: Model, images: Images, batch_size: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and standard deviations of every image in order, float32 (N, K) each."""
    device = next(model.parameters()).device
    means, scales = [], []
    with model.evaluating():
        for batch in passes(images, batch_size, device):
            mean, scale = model.posterior_moments(intensities(batch, images.levels))
            means.append(mean.float().cpu().numpy())
            scales.append(scale.float().cpu().numpy())
    return np.concatenate(means), np.concatenate(scales)
