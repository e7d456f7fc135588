"""Pictures of one primary, refined by several secondaries side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kelbo.bound import Batch, Given
from kelbo.evaluation.samples import require_conditions
from kelbo.latents.grouped import staged
from kelbo.protocols import NOTHING, Model
from kelbo.seeds import seeded
from kelbo.shortage import memory_for


class Refined(NamedTuple):
    """N pictures of a primary, and what each of M secondaries makes of them: the likelihoods' means, intensities.

    primary         (N, *event)
    refined         (M, N, *event)
    rates           nats of each picture in the primary's groups, then in those of each secondary, (1 + M, N); None of samples
    squared_errors  of each picture after the primary, then after each secondary, (1 + M, N); None of samples
    """

    primary: np.ndarray
    refined: np.ndarray
    rates: np.ndarray | None = None
    squared_errors: np.ndarray | None = None


def refine_samples(
    models: Sequence[Model], count: int, *, given: Given = NOTHING, temperature: float = 1.0, seed: int = 0
) -> Refined:
    """Draws of the prior of the models' one primary, refined by a draw of each secondary.

    All models must have the same primary. The primary's latents are drawn once, those that `sample` draws with this seed, and
    all secondaries draw with the same noise. temperature: of the groups of all stages. Errors as of `sample`.
    """
    stages = [staged(model) for model in models]
    for model in models:
        require_conditions(model, count, given)
    first = stages[0].primary
    with memory_for(f"{count:,} samples", "Draw fewer at a time, each time with another seed."), first.evaluating():
        with seeded(seed, "pictures"):
            latents = first.sample(count, given, temperature=temperature)
            picture = first.mean(first.decode(latents, given))
        made = []
        for model, whole in zip(models, stages, strict=True):
            with model.evaluating(), seeded(seed, "pictures", 1):
                made.append(model.mean(whole.refine(latents, given, temperature=temperature)))
    return Refined(picture.cpu().numpy(), torch.stack(made).cpu().numpy())


def refine_images(models: Sequence[Model], batch: Batch, *, seed: int = 0) -> Refined:
    """Examples at one draw of the primary's posterior, and of each secondary's given that draw.

    All models must have the same primary; all secondaries draw with the same noise.
    """
    stages = [staged(model) for model in models]
    first = stages[0].primary
    with memory_for(f"{len(batch.x):,} images", "Take fewer at a time."), first.evaluating():
        with seeded(seed, "pictures"):
            reading = first.read(batch)
        parts = [_told(batch, first.mean(reading.output), reading.bound.rate)]
        for model, whole in zip(models, stages, strict=True):
            with model.evaluating(), seeded(seed, "pictures", 1):
                found = whole.read_after(batch, reading)
                parts.append(_told(batch, model.mean(found.output), found.bound.rate[:, first.groups :]))
    pictures, rates, errors = (torch.stack(part).cpu().numpy() for part in zip(*parts, strict=True))
    return Refined(pictures[0], pictures[1:], rates, errors)


def _told(batch: Batch, picture: Tensor, rate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A picture of each example, its rate in nats and its squared error."""
    return picture, rate.sum(1), (picture - batch.x).square().flatten(1).sum(1)
