"""Attributes as directions in the latents: how codes with one differ from codes without, and images moved along it.

The plain direction of an attribute is the mean code with it less the mean code without it (Larsen et al., 2016), so it holds
all that goes along with the attribute in the data: glasses with age and sex. Balanced and matched directions weigh the images
so that the other attributes are alike on both sides; orthogonal ones leave out what they share with the other directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch

from kelbo.bound import Batch
from kelbo.errors import ScoreError
from kelbo.protocols import Model, flat
from kelbo.seeds import seeded

Method = Literal["difference", "balanced", "matched"]
"""How images are weighed on both sides of an attribute.

difference  all alike
balanced    so that half of the weight on each side has each of the other attributes, by iterative proportional fitting
matched     only combinations of the other attributes that both sides have, each with the same weight on both sides
"""

ROUNDS, EXACT = 2000, 1e-9
"""rounds of iterative proportional fitting, and how near its shares must come to one half"""
PARALLEL = 1e-6
"""part of a direction's length that must be its own to be made orthogonal to the others"""


class AttributeVectors(NamedTuple):
    """Directions of A attributes in K latents.

    names      of the attributes, (A,)
    vectors    float64 (A, K)
    counts     images with and without each, (A, 2)
    effective  as many images of equal weight would be as sure, (A, 2): (Σw)² / Σw²
    """

    names: tuple[str, ...]
    vectors: np.ndarray
    counts: np.ndarray
    effective: np.ndarray


def attribute_vectors(
    codes: np.ndarray,
    values: np.ndarray,
    names: Sequence[str],
    *,
    method: Method = "difference",
    orthogonal: bool = False,
) -> AttributeVectors:
    """The direction of each attribute from codes (N, K) of images with attributes 0 or 1 (N, A).

    The other attributes, where the method speaks of them, are the other columns. orthogonal: of each direction only what is at
    right angles to all the others. ScoreError if all images or none have an attribute, or if images cannot be weighed so, or if
    a direction has no part of its own.
    """
    present = values.astype(bool)
    _require_both(present, names)
    codes = codes.astype(np.float64)
    weights = [_sides(present, column, names, method) for column in range(len(names))]
    vectors = np.stack([weigh[0] @ codes - weigh[1] @ codes for weigh in weights])
    return AttributeVectors(
        tuple(names),
        _orthogonal(vectors, names) if orthogonal else vectors,
        np.stack([present.sum(0), (~present).sum(0)], 1),
        np.array([[1 / np.square(side).sum() for side in weigh] for weigh in weights]),
    )


def edited(
    model: Model,
    batch: Batch,
    vectors: np.ndarray,
    strengths: Sequence[float],
    *,
    sampled: bool = False,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Reconstructions of examples (B, *event), and the same with each of A directions (A, K) added at each of S strengths.

    The second is (A, S, B, *event); both are the likelihood's mean, intensities. sampled: codes are draws of the posterior, not
    its means. ScoreError if the model has no flat vector of latents.
    """
    encoder = flat(model)
    require_draws(model, sampled)
    with model.evaluating(), seeded(seed, "pictures"):
        posterior = encoder.posterior(batch)
        z = posterior.mean + posterior.scale * torch.randn_like(posterior.mean) if sampled else posterior.mean

        def shown(move: torch.Tensor | float) -> np.ndarray:
            return model.mean(model.decode((z + move,), batch.given)).cpu().numpy()

        rows = torch.as_tensor(vectors, dtype=z.dtype, device=z.device)
        made = [[shown(strength * row) for strength in strengths] for row in rows]
        return shown(0.0), np.array(made)


def require_draws(model: Model, sampled: bool) -> None:
    """ScoreError if codes are to be drawn and the model's are points."""
    if sampled and not model.has_rate:
        raise ScoreError(
            f"The codes of {type(model).__name__} are points, so there is nothing to draw. Use their means."
        )


def _require_both(present: np.ndarray, names: Sequence[str]) -> None:
    for name, share in zip(names, present.mean(0).tolist(), strict=True):
        if share in (0.0, 1.0):
            raise ScoreError(
                f"{'All' if share else 'None'} of the {len(present):,} images have {name}, so it has no direction. Name "
                "another attribute, or use more images."
            )


Sides = tuple[np.ndarray, np.ndarray]
"""Weights of all images on the side with an attribute and without it, (N,) each, that sum to 1."""


def _sides(present: np.ndarray, column: int, names: Sequence[str], method: Method) -> Sides:
    own, others = present[:, column], np.delete(present, column, 1)
    if method == "difference" or not others.shape[1]:
        return own / own.sum(), ~own / (~own).sum()
    if method == "matched":
        return _matched(own, others, names[column])
    beside = [*names[:column], *names[column + 1 :]]
    return _raked(own, others, names[column], beside), _raked(~own, others, f"no {names[column]}", beside)


def _raked(side: np.ndarray, others: np.ndarray, name: str, beside: Sequence[str]) -> np.ndarray:
    """Weights of the images of one side, half of which has each of the others."""
    of = others[side]
    for other, share in zip(beside, of.mean(0).tolist(), strict=True):
        if share in (0.0, 1.0):
            raise ScoreError(
                f"{'All' if share else 'None'} of the images with {name} have {other}, so they cannot be balanced. Leave one "
                "of the two out, or use the plain difference."
            )
    weights = np.full(len(of), 1 / len(of))
    for _ in range(ROUNDS):
        for present in of.T:
            share = weights[present].sum()
            weights = np.where(present, weights * 0.5 / share, weights * 0.5 / (1 - share))
        if np.abs(weights @ of - 0.5).max() < EXACT:
            found = np.zeros(len(side))
            found[side] = weights / weights.sum()
            return found
    raise ScoreError(
        f"The images with {name} cannot be weighed so that half of them have each of {', '.join(beside)}: too many "
        "combinations of these are absent. Name fewer attributes, or use the plain difference."
    )


def _matched(own: np.ndarray, others: np.ndarray, name: str) -> Sides:
    """Weights that are equal on both sides in each combination of the others: as n·m / (n + m) of n and m images."""
    _, cells = np.unique(others, axis=0, return_inverse=True)
    cells = cells.reshape(-1)
    having, lacking = (np.bincount(cells[side], minlength=int(cells.max()) + 1) for side in (own, ~own))
    both = having * lacking / np.maximum(having + lacking, 1)
    if not both.any():
        raise ScoreError(
            f"No image with {name} has the same other attributes as one without it, so none can be matched. Name "
            "fewer attributes."
        )
    weights = both / both.sum()
    return tuple(
        np.where(side, weights[cells] / np.maximum(counts, 1)[cells], 0.0)
        for side, counts in ((own, having), (~own, lacking))
    )  # pyright: ignore[reportReturnType]  two of them


def _orthogonal(vectors: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Of each direction what is at right angles to all the others."""
    found = []
    for row, name in enumerate(names):
        others = np.delete(vectors, row, 0)
        shared = np.linalg.lstsq(others.T, vectors[row], rcond=None)[0] @ others if len(others) else 0.0
        own = vectors[row] - shared
        if np.linalg.norm(own) <= PARALLEL * np.linalg.norm(vectors[row]):
            raise ScoreError(
                f"The direction of {name} is a sum of the other {len(others)}, so nothing of it is at right angles to "
                "them. Name fewer attributes."
            )
        found.append(own)
    return np.stack(found)
