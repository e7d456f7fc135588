"""σ of a decoder that solves for it, estimated from training images under the present weights.

While such a model trains, its σ² is the error of the present batch (Rybkin et al., 2021, §4). Its running average is over the
latest batches, so over earlier weights: after a short training it is far too large. A model is therefore measured and sampled
with the mean squared error of training images under the weights that are kept.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from kelbo.bound import Batch
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RunError
from kelbo.evaluation.over_batches import over_batches
from kelbo.evaluation.reference import evenly
from kelbo.protocols import Model

COUNT = 5_000
"""training images. Their mean is known to about 1 % of σ²; an error of this size costs 0.02 nats of an image of 784 pixels"""


class SolvedSigma(NamedTuple):
    """σ² (squared intensities), and how many images it is from."""

    variance: float
    images: int


def solve_sigma(
    model: Model,
    images: Images,
    *,
    count: int = COUNT,
    batch_size: int = 256,
    seed: int = 0,
    fabric: Fabric | None = None,
) -> SolvedSigma:
    """σ² = the mean squared error of `count` images (all of a smaller set), spread evenly over the set.

    In evaluation mode, with one draw of the latents for each image; neither the model nor torch's generators change. fabric:
    see `over_batches`. RunError if the error is not finite.
    """

    def squared_errors(batch: Batch) -> list[float]:
        return model.squared_errors(batch.as_intensities(images.levels)).cpu().tolist()

    chosen = evenly(images, count)
    with model.evaluating():
        parts = over_batches(squared_errors, chosen, batch_size, model.device, seed=seed, fabric=fabric)
    errors = [error for part in parts for error in part]
    variance = math.fsum(errors) / len(errors)
    if not math.isfinite(variance):
        raise RunError(
            f"The mean squared error on {len(errors):,} training images is {variance}, so these weights have no σ."
        )
    return SolvedSigma(variance, len(errors))
