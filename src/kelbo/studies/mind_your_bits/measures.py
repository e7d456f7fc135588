"""Measures of the study's own: errors at draws by frequency, early and late; and one primary draw under each secondary."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from kelbo.bound import Batch
from kelbo.data.images import Images
from kelbo.evaluation.over_batches import over_batches
from kelbo.evaluation.reference import evenly
from kelbo.experiments import Experiment
from kelbo.experiments.pictures import measure_samples
from kelbo.intervals import finite_or_none
from kelbo.metrics import mean_and_error
from kelbo.protocols import Model, reads
from kelbo.recipes import build
from kelbo.recipes.schema import DistortionTargetSpec, Recipe
from kelbo.recipes.sets import split_of
from kelbo.runs import Measurement, Run
from kelbo.runs.journal import Row
from kelbo.seeds import seeded
from kelbo.studies.arms import Measure
from kelbo.sweeps.lane import Tell, train_lane
from kelbo.training import TrainState, Values

BATCH, SHOWN, REFINED = 128, 8, 32
LOW = 4
"""frequencies below 1/LOW of the highest, in both directions, count as low"""
LAST = 5
"""steps whose mean error tells when a target is reached"""

Floats = NDArray[np.float64]


def held(split: str, size: int, count: int | None) -> Measure:
    """Rate and squared error at draws of the latents, and the share of the error at low frequencies; some pictures."""
    images = min(size, count or size)
    return Measure("held", "held", {"split": split, "images": images, "low": LOW}, _held, images=2 * images)


def _held(experiment: Experiment, split: str, images: int, low: int) -> dict[str, Any]:
    return at_draws(experiment.model, evenly(split_of(experiment.data, split), images), low)


def at_draws(model: Model, images: Images, low: int = LOW) -> dict[str, Any]:
    """Rate and squared error of each image with one draw of its latents, and how much of it lies at low frequencies.

    low_share: of the squared error, summed over images. x, made: the first images and their reconstructions, (N, C, H, W).
    """

    def of(levels: Batch) -> dict[str, Floats]:
        batch = levels.as_intensities(images.levels)
        reading = model.read(batch)
        made = model.mean(reading.output)
        error = (batch.x - made).cpu().double().numpy()
        coefficients = np.square(np.asarray(dctn(error, axes=(-2, -1), norm="ortho")))
        height, width = error.shape[-2:]
        return {
            "squared_error": np.square(error).sum((1, 2, 3)),
            "low": coefficients[..., : height // low, : width // low].sum((1, 2, 3)),
            "rate": reading.bound.rate.sum(-1).cpu().double().numpy(),
            "x": batch.x[:SHOWN].cpu().numpy(),
            "made": made[:SHOWN].cpu().numpy(),
        }

    with model.evaluating():
        parts = over_batches(of, images, BATCH, model.device)
    whole = {name: np.concatenate([part[name] for part in parts]) for name in ("squared_error", "low", "rate")}
    return {
        "squared_error": _mean(whole["squared_error"]),
        "rate": _mean(whole["rate"]),
        "low_share": float(whole["low"].sum() / whole["squared_error"].sum()),
        "x": parts[0]["x"],
        "made": parts[0]["made"],
    }


def _mean(values: Floats) -> dict[str, float | None]:
    mean, error = mean_and_error(values)
    return {"mean": mean, "standard_error": finite_or_none(error)}


# ── while training ────────────────────────────────────────────────────────────────────────────────────────────────────


def early(size: int, count: int | None) -> Measure:
    """As `held`, at the first step whose last errors were at the target on average; made while training."""
    return Measure("early", "early", _early_settings(size, count), None)


def _early_settings(size: int, count: int | None) -> dict[str, Any]:
    return {"split": "test", "images": min(size, count or size), "low": LOW}


class Reached:
    """A hook that measures a run once, at the first step after which its last `LAST` errors are at the target on average."""

    def __init__(self, recipe: Recipe, run: Run, count: int | None) -> None:
        self.recipe, self.run, self.count = recipe, run, count
        self.errors: deque[float] = deque(maxlen=LAST)
        self.done = bool(run.measurements.all("early"))

    def __call__(self, state: TrainState, values: Values) -> None:
        objective = self.recipe.objective
        assert isinstance(objective, DistortionTargetSpec)
        assert objective.target is not None
        if self.done:
            return
        self.errors.append(float(values["squared_error"]))
        if len(self.errors) == LAST and np.mean(self.errors) <= objective.target:
            self._measure(state)
            self.done = True

    def _measure(self, state: TrainState) -> None:
        images = build.data(self.recipe).test
        settings = _early_settings(len(images), self.count)
        found = at_draws(reads(state.network), evenly(images, settings["images"]))
        arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
        value = {name: part for name, part in found.items() if name not in arrays} | {"at": state.step}
        self.run.measurements.keep(Measurement("early", settings, "", value), arrays)


def train_watched(recipe: Recipe, folder: Path, count: int | None, *, tell: Tell) -> None:
    """`train_lane`, and measure the run when it first reaches its target. count: of test images, None: all."""
    train_lane(recipe, folder, tell=tell, hooks=[Reached(recipe, Run(folder), count)])


def final_error(run: Run) -> str:
    """The squared error that a run of a learned σ came to, as text: that of its last rows' nats under their σ."""
    shape = run.provenance()["data"]["shape"]
    rows = [row for row in run.journal.rows() if row.get("distortion") is not None][-5:]
    return f"{np.mean([_error_of(row, math.prod(shape)) for row in rows]):.3g}"


def _error_of(row: Row, dims: int) -> float:
    """The squared error of a Gaussian's nats, D = error/(2σ²) + dims/2·ln(2πσ²). It does not depend on σ to first order where σ
    is its error, so that σ at the row's end will do."""
    variance, nats = (row["sigma"] or 0.0) ** 2, row["distortion"] or 0.0
    return 2 * variance * (nats - dims / 2 * math.log(2 * math.pi * variance))


def noisy() -> Measure:
    """Draws of the whole model, noise and all, at the same latents as the study's other samples."""
    return Measure("noisy", "samples", {"noise": True, "seed": 0}, _noisy, images=60)


def _noisy(experiment: Experiment, noise: bool, seed: int) -> Measurement:  # noqa: ARG001
    return measure_samples(experiment, noise)


# ── two stages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def refined() -> Measure:
    """Draws of the primary, and their refinement by the secondary; equal draws for all secondaries of one primary."""
    return Measure("refined", "refined", {"images": REFINED, "seed": 0}, _refined, images=4 * REFINED)


def _refined(experiment: Experiment, images: int, seed: int) -> Mapping[str, Any]:
    stages: Any = experiment.model  # of a secondary's run, so both of them
    with stages.evaluating(), seeded(seed, "pictures"):
        latents = stages.primary.sample(images)
        first = stages.primary.mean(stages.primary.decode(latents))
        second = stages.mean(stages.refine(latents))
    moved = (second - first).cpu().double().square().flatten(1).sum(1).numpy()
    return {"moved": _mean(moved), "first": first.cpu().numpy(), "second": second.cpu().numpy()}
