"""What the study's quirks are measured on: one run of a set, and the baselines' codes of the same images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kelbo.evaluation.codes import drawn
from kelbo.experiments import open_run
from kelbo.experiments.diagnosis import COLLAPSED
from kelbo.experiments.measure import evaluation_of
from kelbo.experiments.scoring import factor_codes
from kelbo.studies.beta_vae.baselines import KINDS, fit
from kelbo.studies.beta_vae.quirks_entries import Subject
from kelbo.studies.beta_vae.scoring import chosen


def subject_of(
    run: Path, role: str, model: str, codes: int | None, images: int | None, fitted: tuple[int, int]
) -> Subject:
    """A run with all that the quirks ask of it: see `quirks_of`. Raises as `open_run` does."""
    experiment = open_run(run)
    data = experiment.data
    assert data.whole is not None  # only sets with factors have quirks
    table = factor_codes(experiment, codes)
    shown, index = drawn(data.whole, codes)
    bounds = {split: evaluation_of(experiment, split, count=images).value for split in ("train", "test")}
    collapsed = bounds["test"]["rate"]["mean"] < COLLAPSED
    linear = {kind: fit(kind, data, table.means.shape[1], experiment.recipe.seed, fitted) for kind in KINDS}
    held_out = data.test.index.cpu().numpy()  # pyright: ignore[reportAttributeAccessIssue]  a part of the whole set
    return Subject(
        set=data.name,
        role=role,
        model=model + " (collapsed)" * collapsed,
        codes={"vae": table.means} | {kind: encoder.encode(shown) for kind, encoder in linear.items()},
        factors=table.factors,
        names=table.names,
        chosen=chosen(table.names, "four") if role == "dsprites" else None,
        scales=table.scales,
        held_out=np.isin(index.numpy(), held_out),
        images=shown,
        train=data.train,
        experiment=experiment,
        distortion={split: found["distortion"] for split, found in bounds.items()},
    )
