"""PCA and ICA beside the study's models: fitted as they should be or as published, scored on the same images and pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import TypeAdapter

from kelbo.data.images import ArrayImages, Images, SubsetImages
from kelbo.evaluation.codes import Codes, drawn
from kelbo.experiments import open_run
from kelbo.experiments.scoring import factor_codes
from kelbo.recipes import build
from kelbo.recipes.data_specs import DataSpec, split_seed_of
from kelbo.recipes.readers import image_data
from kelbo.seeds import generator
from kelbo.studies.beta_vae.as_published_baselines import baseline_as_published
from kelbo.studies.beta_vae.models import LINEAR
from kelbo.studies.beta_vae.scoring import Wanted, scores as scores_of

if TYPE_CHECKING:
    from kelbo.recipes.build import LinearEncoder

_DATA: TypeAdapter[DataSpec] = TypeAdapter(DataSpec)
HELD = 2**29
"""bytes of images that are rendered or read once and kept for the passes of a fit: 512 MiB"""


def baselines_of(
    runs: Sequence[Path],
    *,
    data: Mapping[str, Any],
    seed: int,
    latents: int,
    fitted: tuple[int, int],
    codes: int | None,
    scores: Sequence[Mapping[str, Any]],
    as_published: bool,
    root: Path | None,
) -> dict[str, Any]:
    """Fit both and score them, as a study's extra: a lane of each, with scores as lanes have them.

    runs    the one whose codes the study's classifiers learned before theirs, of the same set and seed; as published only
    data    the set's settings without its place, which root is
    fitted  images of the training split that both are fitted to, in grey and in colour, unless as_published
    """
    spec = _DATA.validate_python({**data, **({"root": root} if root else {})})
    images = image_data(spec, split_seed_of(spec, seed))
    assert images.whole is not None
    encoders = {
        kind: baseline_as_published(kind, images.train, latents, seed=seed)
        if as_published
        else fit(kind, images.train, latents, seed, fitted)
        for kind in LINEAR
    }
    shown, index = drawn(images.whole, codes)
    known = {kind: encoder.encode(shown) for kind, encoder in encoders.items()}
    factors = images.whole.factors
    table = Codes(known["pca"], factors=factors.of(index).numpy(), names=factors.names)
    for run in runs:
        known = {"vae": factor_codes(open_run(run), codes).means} | known
    every = [Wanted(**one) for one in scores]
    found = [scores_of(table, known, wanted) for wanted in every]
    return {
        "lanes": [
            {
                "settings": {"kind": kind},
                "fitted": encoders[kind].fitted["examples"],
                "score": _by_name(every, [one[kind] for one in found]),
            }
            for kind in LINEAR
        ]
    }


def _by_name(every: Sequence[Wanted], found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores by factors, classifier and pairs; those of the tables, which come first, under their factors alone as well."""
    named: dict[str, Any] = {}
    for wanted, score in zip(every, found, strict=True):
        by_classifier = named.setdefault(wanted.factors, dict(score))
        by_classifier.setdefault(wanted.classifier, {})[str(wanted.pairs)] = score
    return named


def fit(kind: str, train: Images, latents: int, seed: int, fitted: tuple[int | None, int | None]) -> LinearEncoder:
    """Fitted to a seeded draw of training images: of `fitted` (grey, colour) so many, all for None."""
    order = torch.randperm(len(train), generator=generator(seed, "linear", 3))
    index = order[: fitted[train.shape[0] > 1]].sort().values
    return build.baseline(kind, held(train, index), latents, seed=seed)


def held(images: Images, index: torch.Tensor) -> Images:
    """Those images, in memory if they are few enough: a fit passes over them many times."""
    if len(index) * images.dims > HELD:
        return SubsetImages(images, index.to(images.device))
    parts = [images.take(part.to(images.device)).cpu().numpy() for part in index.split(1024)]
    return ArrayImages(np.concatenate(parts), images.levels)
