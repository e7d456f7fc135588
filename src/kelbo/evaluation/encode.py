"""Codes of images: means and standard deviations of their posteriors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.protocols import Model
from kelbo.units import intensities


def encode(
    model: Model, images: Images, batch_size: int = 1024, advance: Callable[[int], None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and standard deviations of every image in order, float32 (N, K) each.

    advance is called with the number of images after each batch.
    """
    device = next(model.parameters()).device
    shape = len(images), model.latent_dims
    means, scales, done = np.empty(shape, np.float32), np.empty(shape, np.float32), 0
    with model.evaluating():
        for batch in passes(images, batch_size, device):
            mean, scale = model.posterior_moments(intensities(batch, images.levels))
            rows = slice(done, done + len(batch))
            means[rows], scales[rows] = mean.float().cpu().numpy(), scale.float().cpu().numpy()
            done += len(batch)
            if advance:
                advance(len(batch))
    return means, scales
