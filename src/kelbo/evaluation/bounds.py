"""Run a model over a whole split: every image once, every number per example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kelbo.bound import Batch
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.evaluation.marginal import Alternatives, log_marginal
from kelbo.evaluation.over_batches import over_batches
from kelbo.metrics import SSIM_WINDOW, squared_error, ssim
from kelbo.protocols import FlatLatent, Model
from kelbo.units import dequantize


@dataclass(frozen=True)
class PerExample:
    """N examples through a model of G groups of latents.

    distortion          nats, (N,), with one draw of the latents
    rates               of each group, nats, (N, G), with the same draw
    dimension_rates     KL of each latent, nats, (N, K), if the model has one flat vector of K and its prior a KL in closed form
                        of each; else None
    means               posterior means, (N, K), if the model has one flat vector of K; else None
    log_weights         nats, (N, S); S = 0 if no importance-weighted bound was asked for
    squared_error       mean over dimensions, of the reconstruction from the posterior's mean, (N,); of a table, over its
                        columns of real numbers, in their standard deviations
    drawn_error         sum of squared errors at the draw of the latents, (N,), if it was asked for; else None
    column_errors       x less the same reconstruction of each column, in its own unit, (N, D), of vectors; else None
    ssim                the same reconstruction, (N,), a clip's mean over frames; None if examples are no images, or smaller
                        than SSIM's window
    variance            mean over dimensions of the variance that the decoder predicts, (N,)
    floored             share of the dimensions whose σ lies on its floor, (N,), or None if it has none
    marginal            bound on log p(x) by the sum over what could be given, nats, (N,), or None if it was not asked for
    """

    distortion: np.ndarray
    rates: np.ndarray
    dimension_rates: np.ndarray | None
    means: np.ndarray | None
    log_weights: np.ndarray
    squared_error: np.ndarray
    ssim: np.ndarray | None
    variance: np.ndarray
    floored: np.ndarray | None
    marginal: np.ndarray | None = None
    column_errors: np.ndarray | None = None
    drawn_error: np.ndarray | None = None

    @property
    def rate(self) -> np.ndarray:
        """The total rate, nats, (N,)."""
        return self.rates.sum(1)


OPTIONAL = ("dimension_rates", "means", "ssim", "floored", "marginal", "column_errors", "drawn_error")


def per_example(
    model: Model,
    images: Images,
    *,
    batch_size: int,
    samples: int,
    dequantized: bool,
    seed: int,
    errors: bool = False,
    over: Alternatives | None = None,
    fabric: Fabric | None = None,
    advance: Callable[[int], None] | None = None,
) -> PerExample:
    """Evaluate `images` in their order. fabric and advance: see `over_batches`.

    over: what a conditional model could be given, for the bound on log p(x), with as many draws under each (at least one).
    samples: draws of the importance-weighted bound, 0 for none. dequantized: score levels plus uniform noise on the scale
    [0, L) instead of intensities (densities only, see `kelbo.units`); the encoder sees the clean image. errors: whether the
    squared errors at the draw are wanted.
    """

    def of(batch: Batch) -> dict[str, np.ndarray]:
        return _batch(model, batch, images.levels, samples, dequantized, errors, over)

    with model.evaluating():
        parts = over_batches(of, images, batch_size, model.device, seed=seed, fabric=fabric, advance=advance)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return PerExample(**{**dict.fromkeys(OPTIONAL), **columns})


def _batch(
    model: Model,
    levels: Batch,
    count: int | None,
    samples: int,
    dequantized: bool,
    errors: bool,
    over: Alternatives | None,
) -> dict[str, np.ndarray]:
    """Of one batch of `count` levels, or of real numbers if None; each (B, …)."""
    batch, target, constant = levels.as_intensities(count), None, 0.0
    if dequantized and count is not None:
        noise = torch.rand(levels.x.shape, device=levels.x.device)
        target, per_dim = dequantize(levels.x, noise, model.likelihood.support, count)
        constant = per_dim * levels.x[0].numel()
    drawn, at_means = model.read_both(batch, target)
    reconstructions, variance = model.likelihood.moments(at_means.output)
    values: dict[str, Tensor] = {
        "distortion": drawn.bound.distortion + constant,
        "rates": drawn.bound.rate,
        "log_weights": model.log_weights(batch, samples, target) - constant
        if samples
        else batch.x.new_zeros(len(batch.x), 0),
        "variance": variance.flatten(1).mean(1),
    }
    if errors:
        values["drawn_error"] = model.with_error(batch, drawn).squared_error
    if isinstance(model, FlatLatent):
        values["means"] = at_means.latents[0]
    if at_means.rates is not None:
        values["dimension_rates"] = at_means.rates
    if (floored := model.likelihood.floored(at_means.output)) is not None:
        values["floored"] = floored.flatten(1).cpu().double().mean(1)
    if over is not None:
        values["marginal"] = log_marginal(model, batch, over, max(1, samples), target) - constant
    found = _likeness(batch.x.cpu().numpy(), reconstructions.cpu().numpy())
    if batch.x.ndim == 2:
        values["column_errors"] = batch.x - reconstructions
    if count is None:
        error, variance = model.likelihood.standardised(batch.x, at_means.output)
        values["variance"] = variance.mean(1)
        found = {"squared_error": error.cpu().double().square().mean(1).numpy()}
    return {name: value.cpu().double().numpy() for name, value in values.items()} | found


def _likeness(x: np.ndarray, reconstructions: np.ndarray) -> dict[str, np.ndarray]:
    """Squared error and, of images and clips that are large enough, SSIM; each (B,)."""
    found = {"squared_error": squared_error(x, reconstructions)}
    if x.ndim >= 4 and min(x.shape[-2:]) >= SSIM_WINDOW:
        frames = (part.reshape(-1, *part.shape[-3:]) for part in (x, reconstructions))
        found["ssim"] = ssim(*frames).reshape(len(x), -1).mean(1)
    return found
