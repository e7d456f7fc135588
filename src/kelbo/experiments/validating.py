"""The bound on validation images while a run trains, under the weights that its checkpoints are opened with."""

from __future__ import annotations

import math

from kelbo.bound import Batch
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RunError
from kelbo.evaluation.over_batches import over_batches
from kelbo.evaluation.reference import evenly
from kelbo.evaluation.sigma import solve_sigma
from kelbo.protocols import Model
from kelbo.recipes.schema import Recipe
from kelbo.runs.journal import Row
from kelbo.training import TrainState
from kelbo.training.best import Validation

COUNT = 2_000
"""validation images, spread evenly over the split, always the same with the same noise, and training images on which a σ is
solved for. Measuring costs about 1 % of the training between two checkpoints (500 steps of 128 images), 2 % with such a σ"""
BATCH = 256
"""images of a batch, as in `kelbo evaluate`"""


def validation(recipe: Recipe, data: ImageSet, fabric: Fabric) -> Validation | None:
    """Finds a run's best checkpoint; None if the images have no validation split."""
    if "validation" not in data.splits:
        return None
    chosen = evenly(data.splits["validation"], COUNT)

    def measure(state: TrainState) -> Row:
        model = state.network
        with model.borrowed():
            if state.ema is not None:
                model.load_state_dict(state.ema.weights)
            if model.likelihood.sigma_from == "solved":
                try:
                    model.likelihood.settle(solve_sigma(model, data.train, count=COUNT, fabric=fabric).variance)
                except RunError:  # errors that are not finite: the checkpoint or the next step reports the weights
                    return {"validation_distortion": math.nan}
            return _numbers(model, chosen, fabric)

    return Validation(measure, recipe.training.checkpoint_every, recipe.training.steps)


def _numbers(model: Model, images: Images, fabric: Fabric) -> Row:
    """Mean distortion, and rate and ELBO if there is a rate, nats per image."""
    with model.evaluating():
        distortion, rate = _bound(model, images, fabric)
    if not model.has_rate:
        return {"validation_distortion": distortion}
    return {"validation_elbo": -(distortion + rate), "validation_rate": rate, "validation_distortion": distortion}


def _bound(model: Model, images: Images, fabric: Fabric) -> tuple[float, float]:
    """Mean distortion and rate with one draw of the latents, the same as `kelbo evaluate`'s with its first seed."""

    def of(batch: Batch) -> list[tuple[float, float]]:
        bound = model(batch.as_intensities(images.levels))
        return list(zip(bound.distortion.tolist(), bound.rate.sum(-1).tolist(), strict=True))

    parts = over_batches(of, images, BATCH, model.device, fabric=fabric)
    columns = zip(*(pair for part in parts for pair in part), strict=True)
    distortion, rate = (math.fsum(column) / len(column) for column in columns)
    return distortion, rate
