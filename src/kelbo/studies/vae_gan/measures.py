"""Measures of the study's own: sharpness, errors in pixels and in features, edits and attributes as a classifier sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import dctn

from kelbo.data.attribute_values import attribute_values
from kelbo.data.images import SubsetImages
from kelbo.evaluation.attribute_classifier import AttributeClassifier, attribute_classifier
from kelbo.evaluation.distances import reconstructions, samples
from kelbo.evaluation.edit_scores import overall
from kelbo.evaluation.feature_network import features_of
from kelbo.evaluation.features import feature_network
from kelbo.evaluation.reference import evenly
from kelbo.experiments import Experiment
from kelbo.experiments.edits import Directions, levels, measure_edits
from kelbo.experiments.judged_edits import measure_edit_scores, measure_similarity
from kelbo.intervals import finite_or_none
from kelbo.metrics import mean_and_error
from kelbo.protocols import Model, reads
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe, VaeSpec
from kelbo.runs import Measurement, Run
from kelbo.studies.arms import Measure
from kelbo.sweeps.lane import Tell, train_lane
from kelbo.training import TrainState, Values
from kelbo.units import intensities

ABOVE = 4
"""frequencies above 1/ABOVE of the highest, in either direction, count as high"""
SHOWN, WATCHED, POINTS = 8, 200, 8
"""pictures in a row; test images whose reconstructions are kept while training, at so many steps, each twice the one before"""

Floats = NDArray[np.float64]


def high_energy(images: Iterable[Any]) -> Floats:
    """Of each image (…, C, H, W), the squared coefficients of its cosine transform at high frequencies, summed."""
    found = []
    for batch in images:
        squares = np.square(np.asarray(dctn(np.asarray(batch, np.float64), axes=(-2, -1), norm="ortho")))
        height, width = squares.shape[-2:]
        low = squares[..., : height // ABOVE, : width // ABOVE].sum((1, 2, 3))
        found.append(squares.sum((1, 2, 3)) - low)
    return np.concatenate(found)


def sharpness(size: int, count: int) -> Measure:
    """Energy at high frequencies of samples and reconstructions over that of as many test images."""
    images = min(size, count)
    return Measure(
        "sharp", "sharpness", {"split": "test", "images": images, "above": ABOVE}, _sharpness, images=3 * images
    )


def _sharpness(experiment: Experiment, split: str, images: int, above: int) -> dict[str, Any]:  # noqa: ARG001
    chosen, model = evenly(experiment.data.splits[split], images), experiment.generator
    own = high_energy([pictures_of(chosen)]).mean()
    made = {"sample": samples(model, chosen)}
    if isinstance(model, Model):
        made["reconstruction"] = reconstructions(model, chosen)
    return {
        name: float(high_energy(batch.cpu().numpy().clip(0, 1) for batch in some).mean() / own)
        for name, some in made.items()
    }


def pictures_of(images: Any) -> NDArray[np.float32]:
    """All images as intensities, (N, C, H, W)."""
    return intensities(images.take(torch.arange(len(images), device=images.device)), images.levels).cpu().numpy()


def errors(size: int, count: int, features: Mapping[str, Any], how: Mapping[str, Any]) -> Measure:
    """Errors of reconstructions of test images, in pixels (summed over a picture) and in features; some pictures.

    A feature error is the squared distance of features over the mean one between different images.
    """
    images = min(size, count)
    settings = {"split": "test", "images": images, "features": dict(features)}
    return Measure("errors", "errors", settings, _errors, how, images=3 * images)


def _errors(
    experiment: Experiment,
    split: str,
    images: int,
    features: Mapping[str, Any],  # noqa: ARG001
    **how: Any,
) -> dict[str, Any]:
    network = feature_network(how.pop("name"), experiment.data.image_shape, experiment.device, **how)
    chosen, model = evenly(experiment.data.splits[split], images), experiment.model
    x = pictures_of(chosen)
    made = np.concatenate([batch.cpu().numpy() for batch in reconstructions(model, chosen)])
    real, seen = (part.astype(np.float64) for part in (features_of(network, chosen), features_of(network, [made])))
    apart = 2 * real.var(0, ddof=1).sum()
    return {
        "pixels": _mean(np.square(x - made, dtype=np.float64).sum((1, 2, 3))),
        "features": _mean(np.square(real - seen).sum(1) / apart),
        "x": levels(x[:SHOWN]),
        "made": levels(made[:SHOWN]),
    }


def _mean(values: Floats) -> dict[str, float | None]:
    mean, error = mean_and_error(values)
    return {"mean": mean, "standard_error": finite_or_none(error)}


# ── attributes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def grid(names: Sequence[str], strength: float = 1.0) -> Measure:
    """Test images with each attribute added, as the run's own page shows them."""
    settings = {"attributes": list(names), "strengths": [strength], "split": "test"}
    return Measure("grid", "attributes.edits", settings, _grid, images=1_000)


def _grid(experiment: Experiment, attributes: list[str], strengths: list[float], split: str) -> Measurement:  # noqa: ARG001
    return measure_edits(experiment, Directions(tuple(attributes)), strengths, SHOWN)


def edits(names: Sequence[str], size: int, count: int, judge: Mapping[str, Any], how: Mapping[str, Any]) -> Measure:
    """How the classifier sees each attribute turned over in test images. judge: its fingerprint."""
    settings = {"attributes": list(names), "strength": 1.0, "split": "test", "judged": min(size, count)}
    passes = (1 + len(names)) * min(size, count)
    return Measure(
        "edits", "attributes.scores", settings | {"classifier": dict(judge)}, _edits, how, images=1_000 + passes
    )


def _edits(
    experiment: Experiment,
    attributes: list[str],
    strength: float,
    split: str,  # noqa: ARG001
    judged: int,
    classifier: Any,  # noqa: ARG001
    **how: Any,
) -> Measurement:
    found = _opened(experiment, **how)
    return measure_edit_scores(experiment, Directions(tuple(attributes)), strength, found, images=judged)


def similarity(size: int, count: int, judge: Mapping[str, Any], how: Mapping[str, Any]) -> Measure:
    """How near samples of a model that is told attributes are to those of test images."""
    images = min(size, count)
    settings = {"split": "test", "judged": images, "classifier": dict(judge)}
    return Measure("similarity", "attributes.similarity", settings, _similarity, how, images=26 * images)


def _similarity(experiment: Experiment, split: str, judged: int, classifier: Any, **how: Any) -> Measurement:  # noqa: ARG001
    return measure_similarity(experiment, _opened(experiment, **how), images=judged)


def _opened(experiment: Experiment, name: str, root: Path | None = None, **_how: Any) -> AttributeClassifier:
    return attribute_classifier(name, experiment.data.image_shape, experiment.device, root)


# ── while training ────────────────────────────────────────────────────────────────────────────────────────────────────


def steps_watched(steps: int) -> list[int]:
    """The steps after which reconstructions are kept: the last, half of it, and so on."""
    return sorted({max(1, steps >> number) for number in range(POINTS)})


class Watching:
    """A hook that keeps reconstructions of fixed test images, as levels, over training; see `steps_watched`."""

    def __init__(self, recipe: Recipe, run: Run) -> None:
        self.recipe, self.run, self.steps = recipe, run, steps_watched(recipe.training.steps)

    def __call__(self, state: TrainState, values: Values) -> None:
        if state.step not in self.steps:
            return
        images = evenly(build.data(self.recipe).test, WATCHED)
        made = np.concatenate([batch.cpu().numpy() for batch in reconstructions(reads(state.network), images)])
        settings = {"split": "test", "images": len(images), "step": state.step}
        self.run.measurements.keep(Measurement("watched", settings, "", {}), {"made": levels(made)})


def train_watched(recipe: Recipe, folder: Path, *, tell: Tell) -> None:
    """`train_lane`, and keep reconstructions of a model that reads images and is told nothing else."""
    watched = isinstance(recipe.model, VaeSpec) and recipe.model.given is None
    hooks = [Watching(recipe, Run(folder))] if watched else []
    train_lane(recipe, folder, tell=tell, hooks=hooks)


def progress(size: int, steps: int, judge: Mapping[str, Any], how: Mapping[str, Any]) -> Measure:
    """How well the classifier tells attributes of reconstructions that were kept while training, and of the images."""
    settings = {"images": min(size, WATCHED), "steps": steps_watched(steps), "classifier": dict(judge)}
    return Measure("progress", "progress", settings, _progress, how, images=WATCHED)


def _progress(experiment: Experiment, images: int, steps: list[int], classifier: Any, **how: Any) -> dict[str, Any]:  # noqa: ARG001
    judge, test = _opened(experiment, **how), experiment.data.test
    index = test.spread_index(images)
    values = attribute_values(experiment.data, judge.names, "test")[index.numpy()]
    kept = {one.settings["step"]: one for one in experiment.run.measurements.all("watched")}
    made = {step: kept[step].arrays()["made"] for step in steps if step in kept}
    seen = {step: overall(values, judge(torch.from_numpy(some)).cpu().numpy()) for step, some in made.items()}
    x = pictures_of(SubsetImages(test, index.to(test.device)))
    own = overall(values, judge(torch.from_numpy(x)).cpu().numpy())
    found: dict[str, Any] = {
        "course": [{"step": step, "f1": one["f1"], "accuracy": one["accuracy"]} for step, one in seen.items()],
        "images": {"f1": own["f1"], "accuracy": own["accuracy"]},
    }
    if made:
        found |= {"x": levels(x[:SHOWN]), "made": np.stack([some[:SHOWN] for some in made.values()])}
    return found
