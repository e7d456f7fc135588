"""PCA and ICA beside the study's models: fitted as they should be or as published, scored on the same images and pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from pydantic import TypeAdapter

from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages, Images, SubsetImages
from kelbo.evaluation.codes import drawn
from kelbo.experiments import open_run
from kelbo.experiments.scoring import factor_codes
from kelbo.recipes import build
from kelbo.recipes.data_specs import DataSpec, split_seed_of
from kelbo.recipes.readers import image_data
from kelbo.seeds import generator
from kelbo.studies.beta_vae.as_published_baselines import baseline_as_published
from kelbo.studies.beta_vae.scoring import Table, Wanted, scores as scores_of

Kind = Literal["pca", "ica"]
KINDS: tuple[Kind, ...] = ("pca", "ica")
_DATA: TypeAdapter[DataSpec] = TypeAdapter(DataSpec)
HELD = 2**29
"""bytes of images that are rendered or read once and kept for the passes of a fit: 512 MiB"""


class Encoder(Protocol):
    """What `build.baseline` gives. fitted: how it was made."""

    @property
    def fitted(self) -> Mapping[str, Any]: ...

    def encode(self, images: Images) -> np.ndarray: ...


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
    encoders = {kind: fit(kind, images, latents, seed, fitted, as_published) for kind in KINDS}
    shown, table = images_of(images, codes)
    known = {kind: encoder.encode(shown) for kind, encoder in encoders.items()}
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
            for kind in KINDS
        ]
    }


def _by_name(every: Sequence[Wanted], found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores by factors, classifier and pairs; those of the tables, which come first, under their factors alone as well."""
    named: dict[str, Any] = {}
    for wanted, score in zip(every, found, strict=True):
        by_classifier = named.setdefault(wanted.factors, dict(score))
        by_classifier.setdefault(wanted.classifier, {})[str(wanted.pairs)] = score
    return named


def fit(
    kind: Kind, data: ImageSet, latents: int, seed: int, fitted: tuple[int, int], as_published: bool = False
) -> Encoder:
    """Fitted to a seeded draw of training images: of `fitted` (grey, colour) so many; or as published."""
    if as_published:
        return baseline_as_published(kind, data.train, latents, seed=seed)
    count = min(fitted[data.shape[0] > 1], len(data.train))
    index = torch.randperm(len(data.train), generator=generator(seed, "linear", 3))[:count].sort().values
    return build.baseline(kind, held(data.train, index), latents, seed=seed)


def images_of(data: ImageSet, count: int | None) -> tuple[Images, Table]:
    """The images whose codes are scored, the same for every model, and their factors."""
    assert data.whole is not None
    images, index = drawn(data.whole, count)
    factors = data.whole.factors.of(index).numpy()
    return images, Table(factors, data.whole.factors.names, len(index) == len(data.whole))


def held(images: Images, index: torch.Tensor) -> Images:
    """Those images, in memory if they are few enough: a fit passes over them many times."""
    if len(index) * images.dims > HELD:
        return SubsetImages(images, index.to(images.device))
    parts = [images.take(part.to(images.device)).cpu().numpy() for part in index.split(1024)]
    return ArrayImages(np.concatenate(parts), images.levels)
