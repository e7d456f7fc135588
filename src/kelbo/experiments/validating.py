"""The bound on validation images while a run trains, under the weights that its checkpoints are opened with."""

from __future__ import annotations

import math

import torch

from kelbo.bound import Batch, ErrorBound
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RunError
from kelbo.evaluation.over_batches import over_batches
from kelbo.evaluation.reference import evenly
from kelbo.evaluation.sigma import solve_sigma
from kelbo.experiments.diagnosis import holds
from kelbo.objectives import Standing
from kelbo.protocols import Generator, Model, Objective, reads
from kelbo.recipes.schema import Recipe
from kelbo.runs.journal import Row
from kelbo.training import TrainState
from kelbo.training.best import Judged, Validation, by_bound

COUNT = 2_000
"""validation images, spread evenly over the split, always the same with the same noise, and training images on which a σ is
solved for. Measuring costs about 1 % of the training between two checkpoints (500 steps of 128 images), 2 % with such a σ"""
BATCH = 256
"""images of a batch, as in `kelbo evaluate`"""


def validation(
    recipe: Recipe, data: ImageSet, fabric: Fabric, objective: Objective | None, model: Generator
) -> Validation | None:
    """Finds a run's best checkpoint; None if the images have no validation split, or the model reads no examples."""
    held, errors = getattr(objective, "standing", None), getattr(objective, "errors", False)
    if "validation" not in data.splits or not isinstance(model, Model):
        return None
    chosen = evenly(data.splits["validation"], COUNT)

    def measure(state: TrainState) -> Row:
        model = reads(state.network)
        with model.borrowed():
            if state.ema is not None:
                model.load_state_dict(state.ema.weights)
            if model.likelihood.sigma_from == "solved":
                try:
                    model.likelihood.settle(solve_sigma(model, data.train, count=COUNT, fabric=fabric).variance)
                except RunError:  # errors that are not finite: the checkpoint or the next step reports the weights
                    return {"validation_distortion": math.nan}
            row = _numbers(model, chosen, fabric, errors)
            return row if held is None else row | {"validation_slack": held(_bound_of(row)).slack}

    def judged(row: Row) -> Judged:
        return by_bound(row) if held is None else by_target(row, held(_bound_of(row)))

    return Validation(measure, recipe.training.checkpoint_every, recipe.training.steps, judged)


def by_target(row: Row, standing: Standing) -> Judged:
    """How far weights are from their target; once it is held, what is minimised beside it."""
    if not holds(standing.held, standing.value, standing.target):
        return Judged("distance", abs(standing.slack))
    by = "distortion" if standing.held == "rate" else "rate"
    return Judged(by, float(row.get(f"validation_{by}") or 0.0))


def _bound_of(row: Row) -> ErrorBound:
    """The numbers of a row as the bound of one example; NaN for those that it lacks."""
    rate, distortion, error = (
        torch.tensor([row.get(f"validation_{name}", math.nan)], dtype=torch.float64)
        for name in ("rate", "distortion", "squared_error")
    )
    return ErrorBound(rate[:, None], distortion, error)


def _numbers(model: Model, images: Images, fabric: Fabric, errors: bool) -> Row:
    """Mean distortion, and rate and ELBO if there is a rate, nats per image; and the squared error, if it is asked for."""
    with model.evaluating():
        distortion, rate, *error = _bound(model, images, fabric, errors)
    if not model.has_rate:
        return {"validation_distortion": distortion}
    row: Row = {"validation_elbo": -(distortion + rate), "validation_rate": rate, "validation_distortion": distortion}
    return row | {"validation_squared_error": error[0]} if error else row


def _bound(model: Model, images: Images, fabric: Fabric, errors: bool) -> list[float]:
    """Mean distortion and rate with one draw of the latents, the same as `kelbo evaluate`'s with its first seed; and with
    `errors` the mean squared error.
    """
    asks = {"errors": True} if errors else {}

    def of(batch: Batch) -> list[tuple[float, ...]]:
        bound = model(batch.as_intensities(images.levels), **asks)
        columns = [bound.distortion, bound.rate.sum(-1), *bound[2:]]
        return list(zip(*(column.tolist() for column in columns), strict=True))

    parts = over_batches(of, images, BATCH, model.device, fabric=fabric)
    columns = zip(*(numbers for part in parts for numbers in part), strict=True)
    return [math.fsum(column) / len(column) for column in columns]
