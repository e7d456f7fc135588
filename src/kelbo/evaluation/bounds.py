"""Run a model over a whole split: every image once, every number per example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kelbo.data.batches import passes, share
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import place, together
from kelbo.metrics import SSIM_WINDOW, squared_error, ssim
from kelbo.protocols import Model
from kelbo.seeds import seeded
from kelbo.units import dequantize, intensities


@dataclass(frozen=True)
class PerExample:
    """N images through a model of K latents.

    distortion, rate    nats, (N,), with one draw of the latents
    rates               KL of each latent, nats, (N, K)
    means               posterior means, (N, K)
    log_weights         nats, (N, S); S = 0 where no importance-weighted bound was asked for
    squared_error       mean over pixels, of the reconstruction from the posterior's mean, (N,)
    ssim                the same reconstruction, (N,), or None where images are smaller than SSIM's window
    variance            mean over pixels of the variance that the decoder predicts, (N,)
    floored             share of the pixels whose σ lies on its floor, (N,), or None where it has none
    """

    distortion: np.ndarray
    rate: np.ndarray
    rates: np.ndarray
    means: np.ndarray
    log_weights: np.ndarray
    squared_error: np.ndarray
    ssim: np.ndarray | None
    variance: np.ndarray
    floored: np.ndarray | None


def per_example(
    model: Model,
    images: Images,
    *,
    batch_size: int,
    samples: int,
    dequantized: bool,
    seed: int,
    fabric: Fabric | None = None,
    advance: Callable[[int], None] | None = None,
) -> PerExample:
    """Evaluate `images` in their order, the short last batch included.

    samples: draws of the importance-weighted bound, 0 for none. dequantized: score levels plus uniform noise on the scale
    [0, L) instead of intensities (densities only, see `kelbo.units`); the encoder sees the clean image. fabric: where
    several processes share the images and each is given all numbers. Noise is seeded by a batch's number, so that the
    numbers are those of one process (to the last bit where each has as many threads). advance is called with the number of
    images after each batch of this process.
    """
    device = next(model.parameters()).device
    rank, world = place(fabric)

    def own_part() -> list[dict[str, np.ndarray]]:
        first = share(len(images), batch_size, rank, world).start // batch_size
        parts = []
        for number, batch in enumerate(passes(images, batch_size, device, rank, world), first):
            with seeded(seed, "evaluation", number):
                parts.append(_batch(model, batch, images.levels, samples, dequantized))
            if advance:
                advance(len(batch))
        return parts

    with model.evaluating():
        parts = [part for own in together(fabric, own_part) for part in own]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return PerExample(**{"ssim": None, "floored": None, **columns})


def _batch(model: Model, batch: Tensor, levels: int, samples: int, dequantized: bool) -> dict[str, np.ndarray]:
    x, target, constant = intensities(batch, levels), None, 0.0
    if dequantized:
        target, per_dim = dequantize(
            batch, torch.rand(batch.shape, device=batch.device), model.likelihood.support, levels
        )
        constant = per_dim * batch[0].numel()
    measured = model.measure(x, target)
    reconstructions, variance = model.likelihood.moments(measured.output)
    values: dict[str, Tensor] = {
        "distortion": measured.bound.distortion + constant,
        "rate": measured.bound.rate.sum(-1),
        "rates": measured.rates,
        "means": measured.means,
        "log_weights": model.log_weights(x, samples, target) - constant if samples else x.new_zeros(len(x), 0),
        "variance": variance.flatten(1).mean(1),
    }
    if (floored := model.likelihood.floored(measured.output)) is not None:
        values["floored"] = floored.flatten(1).cpu().double().mean(1)
    arrays = {name: value.cpu().double().numpy() for name, value in values.items()}
    pair = x.cpu().numpy(), reconstructions.cpu().numpy()
    arrays["squared_error"] = squared_error(*pair)
    if min(x.shape[2:]) >= SSIM_WINDOW:
        arrays["ssim"] = ssim(*pair)
    return arrays
