"""Whether edits do what they should: a classifier of attributes looks at images before and after each is turned over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.evaluation.attributes import require_draws
from kelbo.intervals import finite_or_none
from kelbo.metrics.agreement import accuracies, cosines, f1_scores, squared_errors
from kelbo.protocols import Model, flat
from kelbo.seeds import seeded

Classify = Callable[[Tensor], Tensor]
"""Intensities (B, C, H, W) to chances of attributes (B, C)"""


class TurnedOver(NamedTuple):
    """Chances of a classifier's C attributes, of N images of which each of A attributes was turned over.

    originals        (N, C)
    reconstructions  (N, C)
    edited           (A, N, C)
    """

    originals: np.ndarray
    reconstructions: np.ndarray
    edited: np.ndarray


def turned_over(
    model: Model,
    images: Images,
    values: np.ndarray,
    vectors: np.ndarray,
    strength: float,
    classify: Classify,
    *,
    sampled: bool = False,
    seed: int = 0,
    batch_size: int = 256,
) -> TurnedOver:
    """What a classifier says of images, their reconstructions, and these with one attribute after the other turned over.

    values: which images have each attribute, (N, A): its direction (a row of vectors, (A, K)), times strength, is added to the
    codes of those without it and taken from the codes of those with it. sampled: see `edited`. ScoreError if the model has no
    flat vector of latents.
    """
    encoder = flat(model)
    require_draws(model, sampled)
    signs, found = torch.as_tensor(1 - 2.0 * values, dtype=torch.float32), []
    with model.evaluating():
        directions = torch.as_tensor(vectors, dtype=torch.float32, device=model.device)
        for number, levels in enumerate(passes(images, batch_size, model.device)):
            batch = levels.as_intensities(images.levels)
            posterior = encoder.posterior(batch)
            with seeded(seed, "evaluation", number):
                z = posterior.mean + posterior.scale * torch.randn_like(posterior.mean) if sampled else posterior.mean
            rows = slice(number * batch_size, number * batch_size + len(z))
            moves = strength * signs[rows].to(z.device).T[:, :, None] * directions[:, None]  # (A, B, K)
            moves = torch.cat([torch.zeros_like(moves[:1]), moves])
            shown = (model.mean(model.decode((z + move,), batch.given)) for move in moves)
            found.append(torch.stack([classify(batch.x), *map(classify, shown)]).cpu())
    chances = torch.cat(found, 1).numpy()
    return TurnedOver(chances[0], chances[1], chances[2:])


def edit_scores(seen: TurnedOver, values: np.ndarray, columns: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    """How well edits are seen, as JSON values. values: which images have each of the classifier's C attributes, (N, C).

    columns: which of these were turned over, in the order of the edits; names: of all C. Of each edit the attribute should be
    as it was not before: "f1" and "accuracy" say how far the classifier sees it so, "baseline_f1" and "baseline_accuracy" how
    far it does so in unedited reconstructions, "own_f1" how well it tells the attribute that reconstructions have; "given" and
    "taken" are the shares of edits seen where it was added or taken away, "kept" the share of its answers about other
    attributes that stay as they were for the reconstruction. "originals" and "reconstructions" say how well it tells all
    attributes; see `agreement`.
    """
    edits = {}
    for row, column in enumerate(columns):
        wanted = values.copy()
        wanted[:, column] = 1 - values[:, column]
        had = values[:, column] == 1
        edits[names[column]] = _edit(seen, row, column, wanted, had)
    return {
        "edits": edits,
        "originals": overall(values, seen.originals),
        "reconstructions": overall(values, seen.reconstructions),
    }


def overall(values: np.ndarray, chances: np.ndarray) -> dict[str, Any]:
    """Agreement over all attributes: accuracy, F1 (mean over those that have one), cosine and squared error, means."""
    f1 = f1_scores(values, chances)
    return {
        "accuracy": float(accuracies(values, chances).mean()),
        "f1": finite_or_none(float(np.nanmean(f1))) if np.isfinite(f1).any() else None,
        "cosine": float(cosines(values, chances).mean()),
        "squared_error": float(squared_errors(values, chances).mean()),
    }


def _edit(seen: TurnedOver, row: int, column: int, wanted: np.ndarray, had: np.ndarray) -> dict[str, float | None]:
    after, before, own = seen.edited[row], seen.reconstructions, 1 - wanted
    others = np.arange(wanted.shape[1]) != column
    there = after[:, column] > 0.5

    def of(
        score: Callable[[np.ndarray, np.ndarray], np.ndarray], values: np.ndarray, chances: np.ndarray
    ) -> float | None:
        return finite_or_none(float(score(values[:, [column]], chances[:, [column]])[0]))

    return {
        "f1": of(f1_scores, wanted, after),
        "baseline_f1": of(f1_scores, wanted, before),
        "own_f1": of(f1_scores, own, before),
        "accuracy": of(accuracies, wanted, after),
        "baseline_accuracy": of(accuracies, wanted, before),
        "given": float(there[~had].mean()) if (~had).any() else None,
        "taken": float((~there[had]).mean()) if had.any() else None,
        "kept": float(((after > 0.5) == (before > 0.5))[:, others].mean()) if others.any() else None,
        "cosine": float(cosines(wanted, after).mean()),
        "squared_error": float(squared_errors(wanted, after).mean()),
    }
