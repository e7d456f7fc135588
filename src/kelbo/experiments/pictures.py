"""The pictures of a run's page, kept as measurements, so that the page needs neither the model nor its data."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kelbo import evaluation
from kelbo.data.conditions import Chosen
from kelbo.eager import plain_autograd
from kelbo.errors import DataMissing
from kelbo.experiments.conditional import Conditional, conditional
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.factor_sweeps import DRAWS, ENCODED, VALUES, on_a_plane, sweeps, swept_images
from kelbo.experiments.guards import outline_of
from kelbo.experiments.latent_order import ordered
from kelbo.experiments.measure import evaluation_of, kept_evaluation, measure
from kelbo.experiments.moved_latents import measure_shares
from kelbo.experiments.row_pictures import measure_rows
from kelbo.latents.grouped import Grouped
from kelbo.protocols import FlatLatent, Model
from kelbo.runs import Measurement
from kelbo.runs.grids import as_pictures

RECONSTRUCTED, SAMPLES = 8, 60
DRAWN, TRANSFERRED, CHANGES = 10, 8, 12
"""draws in each row of samples of a conditional model; examples that are decoded under others' conditions, and how many"""
DECODINGS = 8
"""steps from no group of latents to all, in which examples are decoded"""
TRAVERSED, SPAN, STEPS = 12, 2.5, 11
"""latents that are moved (those with the highest rate), how far (prior standard deviations), in how many steps"""


@plain_autograd()
def measure_page(experiment: Experiment, *, noise: bool = False) -> Measurement:
    """Measure all that a page shows of these weights; the measurement "page" tells which measurements these are.

    noise: samples are draws of the full model, not the decoder's mean, as those of a table's rows always are.
    """
    if not isinstance(experiment.generator, Model):
        return _page(experiment, {"noise": noise}, [measure_samples(experiment, noise)])
    test = evaluation_of(experiment)
    latents = test.value["latents"]
    rates = latents and (latents["rate_per_latent"] or latents["spread_per_latent"])
    parts = measure_rows(experiment, rates) if experiment.data.columns else _pictures(experiment, noise, rates)
    parts = [test, *parts]
    keys = {"parts": {part.name: part.key for part in parts}}
    return measure(experiment, "page", {"noise": noise}, lambda: keys, again=True)


def _page(experiment: Experiment, settings: dict[str, Any], parts: Sequence[Measurement]) -> Measurement:
    """The measurement "page" of these parts, without an evaluation that would tell what the model is."""
    model = experiment.generator
    reads = isinstance(model, Model)
    value = {"parts": {part.name: part.key for part in parts}, "has_rate": reads and model.has_rate}
    return measure(experiment, "page", settings, lambda: value | ({} if reads else {"reads": False}), again=True)


def kept_page(experiment: Experiment, *, noise: bool = False) -> Measurement | None:
    """What `measure_page` has kept of these weights; None if it was never called. Needs no data."""
    settings = {"noise": noise, **experiment.settings}
    return experiment.run.measurements.find("page", settings, experiment.checkpoint.opened)


def measure_without_data(experiment: Experiment, *, noise: bool = False) -> Measurement:
    """As `measure_page`, of what needs no data: samples, unless they are drawn under the conditions of test examples, and the
    evaluation of the test split that the run keeps."""
    parts = [kept] if (kept := kept_evaluation(experiment)) else []
    told = outline_of(experiment.run)
    if told is None or told.columns is None:  # of a table, samples are shown beside its rows
        with suppress(DataMissing):
            parts.append(measure_samples(experiment, noise))
    return _page(experiment, {"noise": noise, "data": False}, parts)


def _pictures(experiment: Experiment, noise: bool, rates: list[float] | None) -> list[Measurement]:
    split = {"split": "test", "of": len(experiment.data.test)}
    parts = [measure_reconstructions(experiment), measure_samples(experiment, noise)]
    if rates:
        shares = measure_shares(experiment)
        parts += [shares] if shares else []
        parts.append(_traversals(experiment, split, rates, shares))
    return [*parts, *_partly_decoded(experiment, split), *_transfers(experiment, split), *measure_factors(experiment)]


def measure_reconstructions(experiment: Experiment) -> Measurement:
    """Fixed test examples and what the model makes of them (see `reconstructed`)."""
    settings = {"split": "test", "of": len(experiment.data.test), "images": RECONSTRUCTED}
    return measure(experiment, "reconstructions", settings, lambda: reconstructed(experiment))


def reconstructed(experiment: Experiment) -> dict[str, NDArray[np.uint8]]:
    """Fixed test examples as images and the decoder's means at their codes, 8-bit levels (N, C, H, W) each."""
    shown = experiment.pictured(RECONSTRUCTED)
    return {"images": _levels(shown.x.cpu().numpy()), "made": _levels(evaluation.reconstruct(experiment.model, shown))}


def _partly_decoded(experiment: Experiment, split: dict[str, Any]) -> list[Measurement]:
    """Test examples decoded of their first groups of latents, ever more of them; [] if the model has no groups in an order."""
    model = experiment.model
    if not isinstance(model, Grouped):
        return []
    counts = evaluation.moments(model.stages, DECODINGS)

    def compute() -> dict[str, Any]:
        batch = experiment.pictured(RECONSTRUCTED)
        made = evaluation.decode_partly(model, batch, counts)
        pictures = _levels(made.reshape(-1, *made.shape[2:]))
        with model.evaluating():
            sides = [z.shape[-1] if z.ndim > 2 else 1 for z in model.sample(1, experiment.conditions(1))]
        images = {
            "images": _levels(batch.x.cpu().numpy()),
            "made": pictures.reshape(*made.shape[:2], *pictures.shape[1:]),
        }
        several = {"stages": list(model.stages)} if len(model.stages) > 1 else {}
        return {**images, "sides": sides, **several}

    settings = {**split, "images": RECONSTRUCTED, "groups": counts}
    return [measure(experiment, "partial-decodings", settings, compute)]


def measure_samples(experiment: Experiment, noise: bool = False) -> Measurement:
    """Draws of the prior; of a model that is given values that have words, the same draws in a row for each value.

    Conditions that are not shown, and those without words, are those of test examples.
    """
    settings: dict[str, Any] = {"images": SAMPLES, "noise": noise, "seed": 0}
    shown = _shown(experiment)
    if shown:
        settings |= {"images": DRAWN * len(shown.changes), "rows": shown.labels}

    def compute() -> dict[str, Any]:
        if not shown:
            given = experiment.conditions(SAMPLES)
            return {"images": _levels(evaluation.sample(experiment.generator, SAMPLES, given=given, noise=noise))}
        rows = [shown.of.draws(change, DRAWN) for change in shown.changes]
        made = evaluation.sample_rows(experiment.generator, rows, DRAWN, noise=noise)
        return {"images": _levels(made.reshape(-1, *made.shape[2:]))}

    return measure(experiment, "samples", settings, compute)


def _transfers(experiment: Experiment, split: dict[str, Any]) -> list[Measurement]:
    """Test examples decoded under other conditions than their own; [] if the model is given nothing that has words."""
    shown = _shown(experiment, CHANGES)
    if not shown:
        return []

    def compute() -> dict[str, Any]:
        batch = experiment.pictured(TRANSFERRED)
        of, model = shown.of, experiment.model
        own = [of.condition.words(values) for values in of.values(batch.given).tolist()]
        made = [evaluation.reconstruct(model, batch, under=of.changed(batch, change)) for change in shown.changes]
        return {"own": own, "images": _levels(batch.x.cpu().numpy()), "made": np.stack([*map(_levels, made)], 1)}

    of = {**split, "images": TRANSFERRED, "columns": shown.labels}
    return [measure(experiment, "transfers", of, compute)]


class _Shown(NamedTuple):
    """The conditions that pictures show, and how they are called."""

    of: Conditional
    changes: Sequence[Chosen]
    labels: list[str]


def _shown(experiment: Experiment, most: int = 48) -> _Shown | None:
    """Each value of what a model is given, up to `most` in all; None if it is given nothing that has words."""
    if experiment.condition is None:
        return None
    of = conditional(experiment)
    changes = of.condition.each_value(rows=most)
    return _Shown(of, changes, [*map(of.condition.say, changes)])


def _traversals(
    experiment: Experiment, split: dict[str, Any], use: list[float], shares: Measurement | None
) -> Measurement:
    """The first of the reconstructed images with one latent at a time moved; the most used ones, in the order of `ordered`.

    use: the rate of each, or how far it moves.
    """
    latents = ordered(np.argsort(-np.array(use), kind="stable")[:TRAVERSED].tolist(), shares and shares.value)
    values = np.linspace(-SPAN, SPAN, STEPS).tolist()
    image = int(experiment.data.test.middle_index(RECONSTRUCTED)[0])

    def compute() -> dict[str, Any]:
        made = evaluation.traverse(experiment.model, experiment.image(image), latents, values)
        pictures = _levels(made.reshape(-1, *made.shape[2:]))
        return {"images": pictures.reshape(*made.shape[:2], *pictures.shape[1:])}

    return measure(experiment, "traversals", {**split, "image": image, "latents": latents, "values": values}, compute)


def measure_factors(experiment: Experiment, *, again: bool = False) -> list[Measurement]:
    """Sweeps of the set's factors as images and, if there is one vector of latents, as codes.

    [] if it has no factors, or not every combination of them: then there is no image of most steps of a sweep.
    """
    whole = experiment.data.whole
    if whole is None or not whole.complete:
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
