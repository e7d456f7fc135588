"""A picture that gets better as its bits arrive: group after group of the latents, stage after stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kelbo.bound import Batch, Latents
from kelbo.errors import ScoreError
from kelbo.latents.grouped import Staged
from kelbo.protocols import Model
from kelbo.seeds import seeded


class Progressive(NamedTuple):
    """B examples at S moments, from no group of latents to the last.

    groups          how many groups are known, (S,)
    pictures        the likelihood's mean, intensities (S, B, *event)
    rates           nats of the known groups, (S, B)
    squared_errors  of the pictures, summed over each example, (S, B)
    """

    groups: np.ndarray
    pictures: np.ndarray
    rates: np.ndarray
    squared_errors: np.ndarray


def moments(stages: Sequence[int], steps: int) -> list[int]:
    """Numbers of groups from 0 to all in so many steps, as even as they can be, the end of every stage among them.

    stages: groups of each stage. There are fewer steps if there are fewer groups.
    """
    ends = np.cumsum(stages).tolist()
    return sorted({round(ends[-1] * step / steps) for step in range(steps + 1)} | {*ends})


def progressive(model: Model, batch: Batch, counts: Sequence[int], *, seed: int = 0) -> Progressive:
    """Examples as their first groups arrive, as many as each of `counts`: what a receiver shows of them, and what they cost.

    The groups are one draw of the posterior, since that is what the rate pays for; those that are missing are the means of
    their priors, given the known ones. Of two stages, the picture is the first one's until its last group is known. ScoreError
    if codes have no rate.
    """
    if not model.has_rate:
        raise ScoreError(
            f"The codes of {type(model).__name__} are points without a rate, so their bits cannot be told."
        )
    with model.evaluating(), seeded(seed, "pictures"):
        reading = model.read(batch)
        made = [picture_after(model, reading.latents[:count], batch) for count in counts]
        errors = [(picture - batch.x).square().flatten(1).sum(1) for picture in made]
        summed = torch.nn.functional.pad(reading.bound.rate.cumsum(1), (1, 0))
    return Progressive(
        np.array(counts),
        torch.stack(made).cpu().numpy(),
        summed[:, list(counts)].T.cpu().numpy(),
        torch.stack(errors).cpu().numpy(),
    )


def picture_after(model: Model, latents: Latents, batch: Batch) -> Tensor:
    """What the first groups of latents say of examples, (B, *event): the likelihood's mean at the means of all other groups.

    Of two stages, the first one's picture while only its groups are known.
    """
    while isinstance(model, Staged) and len(latents) <= model.stages[0]:
        model = model.primary
    known = latents or model.sample(len(batch.x), batch.given, temperature=0.0)
    return model.mean(model.decode(known, batch.given, temperature=0.0))
