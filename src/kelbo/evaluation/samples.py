"""Pictures from a model as arrays of intensities (N, *event), float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kelbo.bound import Batch, Given, Latents, Temperature
from kelbo.errors import ScoreError
from kelbo.latents import StandardNormal
from kelbo.protocols import NOTHING, Generator, Model, flat
from kelbo.seeds import seeded
from kelbo.shortage import memory_for


class LatentPoint(NamedTuple):
    """A place in a model's latents, one example's of each group, and what is given there, (1, …) each."""

    latents: Latents
    given: Given = NOTHING


def drawn_point(model: Model, number: int, given: Given = NOTHING) -> LatentPoint:
    """A draw of the prior, the same for each number."""
    with model.evaluating(), seeded(number, "pictures"):
        return LatentPoint(model.sample(1, given), given)


def _flat_point(model: Model, one: Batch | LatentPoint) -> Tensor:
    """A point's one vector (1, K), or an example's posterior mean. ScoreError if the model has no flat vector of latents."""
    posterior = flat(model).posterior
    return one.latents[0] if isinstance(one, LatentPoint) else posterior(one).mean


def sample(
    model: Generator,
    count: int,
    *,
    given: Given = NOTHING,
    temperature: Temperature = 1.0,
    noise: bool = False,
    seed: int = 0,
) -> np.ndarray:
    """Draws of the prior decoded: what they look like, or with `noise` a draw of the full model p(x | z) p(z).

    given: conditions, each (count, …). ScoreError if one of the model's is missing, or they are for another count.
    """
    require_conditions(model, count, given)
    wanted = memory_for(f"{count:,} samples", "Draw fewer at a time, each time with another seed.")
    with wanted, model.evaluating(), seeded(seed, "pictures"):
        latents = model.sample(count, given, temperature=temperature)
        return _show(model, model.decode(latents, given, temperature=temperature), noise)


def reconstruct(
    model: Model, batch: Batch, *, under: Given | None = None, noise: bool = False, seed: int = 0
) -> np.ndarray:
    """Intensities (B, *event) encoded to the posterior's mean and decoded again.

    under: other conditions, each (B, …), to decode under; examples are encoded under their own.
    """
    with model.evaluating(), seeded(seed, "pictures"):
        reading = model.read(batch, draw=False)
        output = reading.output if under is None else model.decode(reading.latents, under)
        return _show(model, output, noise)


def sample_rows(
    model: Generator, rows: Sequence[Given], columns: int, *, noise: bool = False, seed: int = 0
) -> np.ndarray:
    """The same `columns` draws of the noise under each row's conditions: (R, columns, *event).

    rows: conditions, each (columns, …). If the prior is the same under every condition, each column is one z.
    """
    return np.stack([sample(model, columns, given=given, noise=noise, seed=seed) for given in rows])


def traverse(model: Model, one: Batch | LatentPoint, latents: list[int], values: list[float]) -> np.ndarray:
    """One example (1, *event), or a point, decoded with one latent at a time set to each value (standard deviations from the
    prior's mean).

    Returns (len(latents), len(values), *event): the likelihood's mean. ScoreError if the model has no flat vector of latents.
    """
    with model.evaluating():
        middle, scale = _spread(model, one.given)
        z = _flat_point(model, one).repeat(len(latents), len(values), 1)
        for row, latent in enumerate(latents):
            z[row, :, latent] = middle[latent] + scale[latent] * torch.tensor(values, device=z.device)
        found = _show(model, _decode(model, (z.flatten(0, 1),), one.given), noise=False)
    return found.reshape(len(latents), len(values), *found.shape[1:])


def _spread(model: Model, given: Given) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each latent, (K,) each, under the prior: of 1,000 draws if it is not N(0, I)."""
    prior = flat(model).prior
    if type(prior) is StandardNormal:
        return torch.zeros_like(prior.origin), torch.ones_like(prior.origin)
    with seeded(0, "pictures"):
        rows = {name: value.expand(1000, *value.shape[1:]) for name, value in given.items()}
        draws = prior.sample(1000, rows)
    return draws.mean(0), draws.std(0)


def interpolate(model: Model, first: Batch | LatentPoint, last: Batch | LatentPoint, steps: int) -> np.ndarray:
    """From one example (1, *event), or a point, to another through the straight line between their posterior means.

    Returns (steps, *event): the likelihood's mean; the ends are the two reconstructions. Conditions are the first's.
    ScoreError if the model has no flat vector of latents.
    """
    with model.evaluating():
        begin, end = (_flat_point(model, place) for place in (first, last))
        weights = torch.linspace(0, 1, steps, device=begin.device)[:, None]
        return _show(model, _decode(model, (torch.lerp(begin, end, weights),), first.given), noise=False)


def require_conditions(model: Generator, count: int, given: Given) -> None:
    """ScoreError unless each of a model's conditions is given, of so many examples."""
    if missing := [name for name in model.conditions if name not in given]:
        raise ScoreError(
            f"{type(model).__name__} draws under conditions, and these are not given: {', '.join(missing)}."
        )
    for name, value in given.items():
        if len(value) != count:
            raise ScoreError(f"{count} samples need as many conditions; {name!r} has {len(value)}.")


def _decode(model: Model, latents: Latents, given: Given) -> Tensor:
    """Many latents under the conditions of one example."""
    rows = {name: value.expand(len(latents[0]), *value.shape[1:]) for name, value in given.items()}
    return model.decode(latents, rows)


def _show(model: Generator, output: Tensor, noise: bool) -> np.ndarray:
    drawn = model.likelihood.sample(output) if noise and isinstance(model, Model) else model.mean(output)
    return drawn.cpu().numpy()
