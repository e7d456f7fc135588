"""Codes of images: means and standard deviations of their posteriors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.protocols import Model, flat


def encode(
    model: Model, images: Images, batch_size: int = 1024, advance: Callable[[int], None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and standard deviations of every image in order, float32 (N, K) each.

    ScoreError if the model has no flat vector of latents. advance is called with the number of images after each batch.
    """
    encoder = flat(model)
    shape = len(images), encoder.latent_dims
    means, scales, done = np.empty(shape, np.float32), np.empty(shape, np.float32), 0
    with model.evaluating():
        for batch in passes(images, batch_size, model.device):
            posterior = encoder.posterior(batch.as_intensities(images.levels))
            rows = slice(done, done + len(batch.x))
            means[rows] = posterior.mean.float().cpu().numpy()
            scales[rows] = posterior.scale.float().cpu().numpy()
            done = rows.stop
            if advance:
                advance(len(batch.x))
    return means, scales
