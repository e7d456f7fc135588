"""The bound on validation images while a run trains, under the weights that its checkpoints are opened with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from kelbo.data.batches import passes, share
from kelbo.data.images import Images, ImageSet
from kelbo.evaluation.reference import evenly
from kelbo.fabric import Fabric
from kelbo.processes import place, together
from kelbo.protocols import Model
from kelbo.recipes.schema import Recipe
from kelbo.runs.journal import Row
from kelbo.seeds import seeded
from kelbo.training import TrainState
from kelbo.training.best import Validation
from kelbo.units import intensities

COUNT = 2_000
"""validation images, spread evenly over the split, always the same with the same noise. A reading costs about 1 % of the
training between two checkpoints (500 steps of 128 images)"""
BATCH = 256
"""images of a batch, as in `kelbo evaluate`"""


def validation(recipe: Recipe, data: ImageSet, fabric: Fabric) -> Validation | None:
    """What finds a run's best checkpoint; None where the images have no validation split."""
    if "validation" not in data.splits:
        return None
    chosen = evenly(data.splits["validation"], COUNT)

    def measure(state: TrainState) -> Row:
        with _average(state):
            return _numbers(state.network, chosen, fabric)

    return Validation(measure, recipe.training.checkpoint_every, recipe.training.steps)


@contextmanager
def _average(state: TrainState) -> Iterator[None]:
    """Inside the block the model has the weights that evaluation uses; afterwards its own, bit for bit."""
    if state.ema is None:
        yield
        return
    model = state.network
    own = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state.ema.weights)
    try:
        yield
    finally:
        model.load_state_dict(own)


def _numbers(model: Model, images: Images, fabric: Fabric) -> Row:
    """Mean distortion, and rate and ELBO where there is a rate, nats per image."""
    with model.evaluating():
        distortion, rate = _bound(model, images, fabric)
    if not model.has_rate:
        return {"validation_distortion": distortion}
    return {"validation_elbo": -(distortion + rate), "validation_rate": rate, "validation_distortion": distortion}


def _bound(model: Model, images: Images, fabric: Fabric) -> tuple[float, float]:
    """Mean distortion and rate with one draw of the latents, which is the one of `kelbo evaluate`'s first seed."""
    device, (rank, world) = next(model.parameters()).device, place(fabric)

    def own_part() -> list[tuple[float, float]]:
        first, found = share(len(images), BATCH, rank, world).start // BATCH, []
        for number, batch in enumerate(passes(images, BATCH, device, rank, world), first):
            with seeded(0, "evaluation", number):
                bound = model(intensities(batch, images.levels))
            found += zip(bound.distortion.tolist(), bound.rate.sum(-1).tolist(), strict=True)
        return found

    columns = zip(*(pair for own in together(fabric, own_part) for pair in own), strict=True)
    distortion, rate = (math.fsum(column) / len(column) for column in columns)
    return distortion, rate
