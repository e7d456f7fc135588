"""Codes and pictures of models with many ordered groups of latents: the first groups from images, the rest from the prior."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from kelbo.bound import Batch
from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.evaluation.progressive import picture_after
from kelbo.evaluation.samples import LatentPoint
from kelbo.latents.grouped import Grouped, grouped
from kelbo.protocols import Model

Codes = list[tuple[np.ndarray, np.ndarray]]
"""Means and standard deviations of each group, float32, (N, Z, r, r) each"""


def encode_groups(
    model: Model, images: Images, groups: int, batch_size: int = 256, advance: Callable[[int], None] | None = None
) -> Codes:
    """Posteriors of the first `groups` groups for every image in order, each given the means of the groups before it.

    ScoreError if the model has no ordered groups, RecipeError if it has fewer. advance is called with the number of images
    after each batch.
    """
    encoder, parts = grouped(model, groups), list[Codes]()
    with model.evaluating():
        for batch in passes(images, batch_size, model.device):
            found = encoder.posteriors(batch.as_intensities(images.levels), groups)
            parts.append([(q.mean.cpu().numpy(), q.log_scale.exp().cpu().numpy()) for q in found])
            if advance:
                advance(len(batch.x))
    return [tuple(map(np.concatenate, zip(*group, strict=True))) for group in zip(*parts, strict=True)]  # pyright: ignore[reportReturnType]


def _means(encoder: Grouped, one: Batch | LatentPoint, groups: int) -> list[torch.Tensor]:
    """The first groups of a point, or their posterior means of an example."""
    if isinstance(one, LatentPoint):
        return [*one.latents[:groups]]
    return [q.mean for q in encoder.posteriors(one, groups)]


def interpolate_groups(
    model: Model, first: Batch | LatentPoint, last: Batch | LatentPoint, steps: int, groups: int
) -> np.ndarray:
    """From one example (1, *event), or a point, to another by the straight line between the means of their first groups.

    Groups after these are the means of their priors. Returns (steps, *event): the likelihood's mean. Conditions are the
    first's. Errors as of `encode_groups`.
    """
    encoder = grouped(model, groups)
    with model.evaluating():
        ends = [_means(encoder, one, groups) for one in (first, last)]
        weights = torch.linspace(0, 1, steps, device=ends[0][0].device)
        latents = tuple(
            torch.lerp(begin, end, weights.view(-1, *[1] * (begin.ndim - 1))) for begin, end in zip(*ends, strict=True)
        )
        given = {name: value.expand(steps, *value.shape[1:]) for name, value in first.given.items()}
        return model.mean(model.decode(latents, given, temperature=0.0)).cpu().numpy()


def decode_partly(model: Model, batch: Batch, counts: Sequence[int]) -> np.ndarray:
    """Examples (B, *event) decoded of their first groups only, as many as each of `counts`; 0 takes none.

    Groups are posterior means; those that are missing are the means of their priors, given those before. Of two stages, the
    first one's picture as long as there are no groups of the second. Returns (len(counts), B, *event): the likelihood's mean.
    Errors as of `encode_groups`.
    """
    encoder = grouped(model, max(1, *counts))
    with model.evaluating():
        latents = tuple(q.mean for q in encoder.posteriors(batch, max(1, *counts)))
        made = [picture_after(model, latents[:count], batch) for count in counts]
    return torch.stack(made).cpu().numpy()


def traverse_group(model: Model, one: Batch | LatentPoint, group: int, values: list[float]) -> np.ndarray:
    """One example (1, *event), or a point, with each channel of a group set to each value, in its prior's standard deviations
    from the mean.

    The groups before it, and its other channels, are the example's posterior means; those after it are the means of their
    priors, which follow it. group: from 1 on. Returns (Z, len(values), *event): the likelihood's mean. Errors as of
    `encode_groups`.
    """
    encoder = grouped(model, group)
    with model.evaluating():
        *before, moved = _means(encoder, one, group)
        prior = encoder.prior_after(tuple(before), 1, one.given)
        channels, count = moved.shape[1], moved.shape[1] * len(values)
        z = moved.repeat(count, *[1] * (moved.ndim - 1)).unflatten(0, (channels, len(values)))
        for row in range(channels):
            for column, value in enumerate(values):
                z[row, column, row] = prior.mean[0, row] + value * prior.log_scale[0, row].exp()
        latents = (*(part.expand(count, *part.shape[1:]) for part in before), z.flatten(0, 1))
        given = {name: value.expand(count, *value.shape[1:]) for name, value in one.given.items()}
        found = model.mean(model.decode(latents, given, temperature=0.0)).cpu().numpy()
    return found.reshape(channels, len(values), *found.shape[1:])
