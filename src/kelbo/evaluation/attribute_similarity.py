"""Whether samples of a conditional model show what the model was given, as VAE/GAN's table of attribute similarity has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.evaluation.edit_scores import Classify, overall
from kelbo.metrics.agreement import cosines, squared_errors
from kelbo.protocols import Generator
from kelbo.seeds import seeded

DRAWS, BEST_OF = 25, 10
"""samples for each vector of attributes, and of how many of them the best cosine counts"""


def attribute_similarity(
    model: Generator,
    images: Images,
    values: np.ndarray,
    columns: list[int],
    classify: Classify,
    *,
    draws: int = DRAWS,
    best_of: int = BEST_OF,
    seed: int = 0,
    batch_size: int = 256,
) -> dict[str, Any]:
    """How near a classifier finds samples to the attributes under which they were drawn, as JSON values.

    images: give the model its conditions, one after the other; values: the attributes of these that count, (N, A), which the
    classifier has at `columns`. Each image's conditions get `draws` samples. "cosine" is of the best of the first `best_of`,
    mean over images; "squared_error" is the mean over images of one sample each, and mean and standard deviation of that over
    all draws. "images" has both of the images themselves. See `kelbo.metrics.agreement`.
    """
    with model.evaluating():
        real = _chances(model, images, classify, columns, batch_size, None)
        seen = [_chances(model, images, classify, columns, batch_size, (seed, draw)) for draw in range(draws)]
    best = np.max([cosines(values, chances) for chances in seen[:best_of]], 0)
    errors = np.array([squared_errors(values, chances).mean() for chances in seen])
    spread = float(errors.std(ddof=1)) if draws > 1 else None
    means = [overall(values, chances) for chances in seen]
    return {
        "cosine": {
            "value": float(best.mean()),
            "standard_error": _standard_error(best),
            "best_of": min(best_of, draws),
        },
        "squared_error": {"value": float(errors.mean()), "standard_deviation": spread, "draws": draws},
        "accuracy": float(np.mean([one["accuracy"] for one in means])),
        "f1": _mean([one["f1"] for one in means]),
        "images": overall(values, real),
    }


def _chances(
    model: Generator,
    images: Images,
    classify: Classify,
    columns: list[int],
    batch_size: int,
    drawn: tuple[int, int] | None,
) -> np.ndarray:
    """Of the images themselves, or of one sample under the conditions of each."""
    parts = []
    for number, levels in enumerate(passes(images, batch_size, model.device)):
        batch = levels.as_intensities(images.levels)
        x = batch.x
        if drawn is not None:
            with seeded(drawn[0], "evaluation", drawn[1], number):
                latents = model.sample(len(x), batch.given)
                x = model.mean(model.decode(latents, batch.given))
        parts.append(classify(x)[:, columns].cpu())
    return torch.cat(parts).numpy()


def _standard_error(values: np.ndarray) -> float | None:
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
