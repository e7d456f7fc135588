"""PCA and ICA beside the study's models: fitted as they should be or as published, scored on the same images and pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch

from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages, Images, SubsetImages
from kelbo.evaluation.codes import drawn
from kelbo.experiments import open_run
from kelbo.experiments.scoring import factor_codes
from kelbo.recipes import build
from kelbo.recipes.data_specs import DataSpec, outside_fingerprint, split_seed_of
from kelbo.recipes.readers import image_data
from kelbo.runs import Run
from kelbo.seeds import generator
from kelbo.studies.beta_vae.as_published_baselines import baseline_as_published
from kelbo.studies.beta_vae.plan import BaselinePlan, Plan
from kelbo.studies.beta_vae.scoring import Table, Wanted, scores
from kelbo.studies.kept import Parts, fingerprint, keep, parts_in
from kelbo.sweeps.lane import Tell

Kind = Literal["pca", "ica"]
KINDS: tuple[Kind, ...] = ("pca", "ica")
HELD = 2**29
"""bytes of images that are rendered or read once and kept for the passes of a fit: 512 MiB"""


class Encoder(Protocol):
    """What `build.baseline` gives. fitted: how it was made."""

    @property
    def fitted(self) -> Mapping[str, Any]: ...

    def encode(self, images: Images) -> np.ndarray: ...


class BaselineWants(NamedTuple):
    """What is fitted and measured of PCA and ICA on one set with one seed.

    fitted  images of the training split that both are fitted to, unless as_published
    vae     the run whose codes the study's classifiers learned before theirs, of the same set and seed; as published only
    """

    data: DataSpec
    seed: int
    latents: int
    fitted: tuple[int, int]
    codes: int | None
    scores: tuple[Wanted, ...]
    as_published: bool
    vae: Path | None

    @property
    def of(self) -> str:
        """All that the codes depend on, and with them the scores."""
        before = fingerprint(Run(self.vae)) if self.vae else ""
        fitted = "as published" if self.as_published else f"fitted to {self.fitted}"
        data = self.data.model_dump_json(exclude=outside_fingerprint(self.data))
        return f"{data}, seed {self.seed}, {self.latents} latents, {fitted}, {self.codes or 'all'} codes, {before}"

    def keys(self) -> list[str]:
        return [f"{kind} {what}" for kind in KINDS for what in ("fitted", *(wanted.key for wanted in self.scores))]


def baseline_wants(plan: Plan, baseline: BaselinePlan, vae: Path | None) -> BaselineWants:
    """What the plan wants of one."""
    return BaselineWants(
        baseline.source.data,
        baseline.seed,
        baseline.latents,
        plan.budget.fitted,
        plan.budget.codes,
        plan.scores(baseline.role, baseline.measures),
        plan.as_published,
        vae if plan.as_published else None,
    )


def measure_baselines(place: Path, wants: BaselineWants, *, tell: Tell) -> None:
    """Fit both and score them, but for what is kept at `place` already. Raises as reading, fitting and scoring do."""
    of = wants.of
    parts = parts_in(place, of)
    if all(key in parts for key in wants.keys()):  # noqa: SIM118  a method, not a mapping's
        return
    data = image_data(wants.data, split_seed_of(wants.data, wants.seed))
    encoders = {kind: fit(kind, data, wants.latents, wants.seed, wants.fitted, wants.as_published) for kind in KINDS}
    images, table = images_of(data, wants.codes)
    codes = {kind: encoder.encode(images) for kind, encoder in encoders.items()}
    if wants.vae:
        codes = {"vae": factor_codes(open_run(wants.vae), wants.codes).means} | codes
    for number, wanted in enumerate(wants.scores):
        tell({"step": number, "steps": len(wants.scores)})
        if any(f"{kind} {wanted.key}" not in parts for kind in KINDS):
            found = scores(table, codes, wanted)
            parts |= {f"{kind} {wanted.key}": found[kind] for kind in KINDS}
            keep(place, of, parts)
    keep(place, of, parts | {f"{kind} fitted": encoders[kind].fitted["examples"] for kind in KINDS})


def baseline_entries(plan: Plan, baseline: BaselinePlan, wants: BaselineWants, parts: Parts) -> list[dict[str, Any]]:
    """What is known of both, as results.json has it."""
    return [
        {
            "set": baseline.source.data.kind,
            "role": baseline.role,
            "kind": kind,
            "seed": baseline.seed,
            "as_published": plan.as_published,
            "fitted_on": parts[f"{kind} fitted"],
            "scores": [parts[key] for wanted in wants.scores if (key := f"{kind} {wanted.key}") in parts],
        }
        for kind in KINDS
        if f"{kind} fitted" in parts
    ]


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
    """Those images, in memory where they are few enough: a fit passes over them many times."""
    if len(index) * images.dims > HELD:
        return SubsetImages(images, index.to(images.device))
    parts = [images.take(part.to(images.device)).cpu().numpy() for part in index.split(1024)]
    return ArrayImages(np.concatenate(parts), images.levels)
