"""What the quirks of the β-VAE study's code are measured on: one run of a set, and the baselines' codes of the same images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kelbo.data.images import Images
from kelbo.evaluation.codes import drawn
from kelbo.experiments import Experiment, open_run
from kelbo.experiments.diagnosis import COLLAPSED
from kelbo.experiments.measure import evaluation_of
from kelbo.experiments.scoring import factor_codes
from kelbo.studies.beta_vae.baselines import fit
from kelbo.studies.beta_vae.models import LINEAR
from kelbo.studies.beta_vae.scoring import chosen


@dataclass(frozen=True)
class Subject:
    """One set of images, and the codes that one lane and the baselines give N of them.

    set, role   the set that was looked at, and the study's for which it stands
    model       what the lane's rows are called, "VAE, β = 4" say
    codes       "vae", "pca", "ica": (N, K) each, of the same images; posterior means of the lane
    factors     (N, F)
    scales      the lane's posterior standard deviations, (N, K)
    held_out    (N,), True of images that the lane was not trained on
    images      those N images, for baselines that are fitted anew; train: what they are fitted on
    chosen      columns that the study drew in its mode without the shape; None: all
    experiment  the lane itself, for what its likelihood says of pixels
    distortion  {"train": …, "test": …}, each {"mean", "standard_error"} in nats
    """

    set: str
    role: str
    model: str
    codes: Mapping[str, np.ndarray]
    factors: np.ndarray
    scales: np.ndarray
    held_out: np.ndarray
    images: Images
    train: Images
    chosen: tuple[int, ...] | None
    experiment: Experiment
    distortion: Mapping[str, Mapping[str, float]]

    def called(self, code: str) -> str:
        return LINEAR.get(code, self.model)


def subject_of(
    run: Path, role: str, model: str, codes: int | None, images: int | None, fitted: tuple[int, int]
) -> Subject:
    """A run with all that the quirks ask of it: see `quirks_of`. Raises as `open_run` does."""
    experiment = open_run(run)
    data, table = experiment.data, factor_codes(experiment, codes)
    assert data.whole is not None  # only sets with factors have quirks
    assert table.factors is not None
    assert table.scales is not None
    shown, index = drawn(data.whole, codes)
    bounds = {split: evaluation_of(experiment, split, count=images).value for split in ("train", "test")}
    collapsed = bounds["test"]["rate"]["mean"] < COLLAPSED
    linear = {kind: fit(kind, data.train, table.means.shape[1], experiment.recipe.seed, fitted) for kind in LINEAR}
    held_out = data.test.index.cpu().numpy()  # pyright: ignore[reportAttributeAccessIssue]  a part of the whole set
    return Subject(
        set=data.name,
        role=role,
        model=model + " (collapsed)" * collapsed,
        codes={"vae": table.means} | {kind: encoder.encode(shown) for kind, encoder in linear.items()},
        factors=table.factors,
        scales=table.scales,
        held_out=np.isin(index.numpy(), held_out),
        images=shown,
        train=data.train,
        chosen=chosen(table.names, "four") if role == "dsprites" else None,
        experiment=experiment,
        distortion={split: found["distortion"] for split, found in bounds.items()},
    )
