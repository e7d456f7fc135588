"""The pictures of a run's page, kept as measurements, so that the page needs neither the model nor its data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kelbo import evaluation
from kelbo.eager import plain_autograd
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.factor_sweeps import DRAWS, ENCODED, VALUES, on_a_plane, sweeps, swept_images
from kelbo.experiments.measure import evaluation_of, measure
from kelbo.protocols import FlatLatent
from kelbo.runs import Measurement
from kelbo.runs.grids import as_pictures

RECONSTRUCTED, SAMPLES = 10, 60
TRAVERSED, SPAN, STEPS = 12, 2.5, 11
"""latents that are moved (those with the highest rate), how far (prior standard deviations), in how many steps"""


@plain_autograd()
def measure_page(experiment: Experiment, *, noise: bool = False) -> Measurement:
    """Measure all that a page shows of these weights; the measurement "page" tells which measurements these are.

    noise: samples are draws of the full model, not the decoder's mean.
    """
    test = evaluation_of(experiment)
    split = {"split": "test", "of": len(experiment.data.test)}
    fixed = {**split, "images": RECONSTRUCTED}
    pairs = measure(experiment, "reconstructions", fixed, lambda: reconstructed(experiment))
    parts = [test, pairs, _samples(experiment, noise)]
    if latents := test.value["latents"]:
        parts.append(_traversals(experiment, split, latents["rate_per_latent"]))
    parts += measure_factors(experiment)
    keys = {"parts": {part.name: part.key for part in parts}}
    return measure(experiment, "page", {"noise": noise}, lambda: keys, again=True)


def reconstructed(experiment: Experiment) -> dict[str, NDArray[np.uint8]]:
    """Fixed test examples as images and the decoder's means at their codes, 8-bit levels (N, C, H, W) each."""
    shown = experiment.pictured(RECONSTRUCTED)
    return {"images": _levels(shown.x.cpu().numpy()), "made": _levels(evaluation.reconstruct(experiment.model, shown))}


def _samples(experiment: Experiment, noise: bool) -> Measurement:
    """Draws of the prior, each under the conditions of a test example if the model is told any."""

    def compute() -> dict[str, Any]:
        given = experiment.conditions(SAMPLES)
        return {"images": _levels(evaluation.sample(experiment.model, SAMPLES, given=given, noise=noise))}

    return measure(experiment, "samples", {"images": SAMPLES, "noise": noise, "seed": 0}, compute)


def _traversals(experiment: Experiment, split: dict[str, Any], rates: list[float]) -> Measurement:
    """The first test image with one latent at a time moved; the latents of the most rate, the most used first."""
    latents = np.argsort(-np.array(rates), kind="stable")[:TRAVERSED].tolist()
    values = np.linspace(-SPAN, SPAN, STEPS).tolist()

    def compute() -> dict[str, Any]:
        made = evaluation.traverse(experiment.model, experiment.image(0), latents, values)
        pictures = _levels(made.reshape(-1, *made.shape[2:]))
        return {"images": pictures.reshape(*made.shape[:2], *pictures.shape[1:])}

    return measure(experiment, "traversals", {**split, "image": 0, "latents": latents, "values": values}, compute)


def measure_factors(experiment: Experiment, *, again: bool = False) -> list[Measurement]:
    """Sweeps of the set's factors as images and, if there is one vector of latents, as codes; [] if it has no factors."""
    whole = experiment.data.whole
    if whole is None:
        return []
    names, sizes = list(whole.factors.names), list(whole.factors.sizes)
    of = {"factors": names, "sizes": sizes}

    def images() -> dict[str, Any]:
        found = swept_images(experiment, whole)
        return found | {name: _levels(found[name]) for name in ("images", "made")}

    def codes() -> dict[str, Any]:
        values = [len(rows) for rows in sweeps(whole.factors, ENCODED)]
        return {"values": values, **on_a_plane(experiment, whole).arrays()}

    made = [measure(experiment, "factor-sweeps", {**of, "values": VALUES}, images, again=again)]
    if isinstance(experiment.model, FlatLatent):
        of |= {"values": ENCODED, "draws": DRAWS}
        made.append(measure(experiment, "factor-codes", of, codes, again=again))
    return made


def _levels(examples: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Intensities (N, *event) as images of 8-bit levels, as a PNG file holds them."""
    return as_pictures(np.round(np.clip(examples, 0, 1) * 255).astype(np.uint8))
