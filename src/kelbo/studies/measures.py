"""Measures that several studies take, those of `kelbo evaluate`, `kelbo score` and a run's page, on a budget's images.

Importing it loads no torch, so that a study's page is written without.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kelbo.recipes.schema import Recipe
from kelbo.runs import Measurement
from kelbo.studies.arms import Measure

if TYPE_CHECKING:
    from kelbo.experiments import Experiment


def sizes_of(recipe: Recipe) -> Mapping[str, int]:
    """Images in each split of a recipe's data, which are read. Raises as that does."""
    return _sizes_of(recipe.model_dump_json())


@cache
def _sizes_of(recipe: str) -> Mapping[str, int]:
    from kelbo.recipes import build

    return {name: len(images) for name, images in build.data(Recipe.model_validate_json(recipe)).splits.items()}


def bound(
    key: str, split: str, size: int, count: int | None = None, *, batch_size: int = 0, dequantized: bool = False
) -> Measure:
    """The bound, its parts, the decoder's σ and errors on `count` of a split's `size` images, spread evenly; None: on all.

    batch_size: 0 for that of `kelbo evaluate`.
    """
    from kelbo.experiments.measure import BATCH

    images = min(size, count or size)
    settings = {
        "split": split,
        "images": images,
        "batch_size": batch_size or BATCH,
        "dequantized": dequantized,
        "seed": 0,
    }
    return Measure(key, "evaluation", settings | {"importance_samples": 0}, _bound, images=2 * images)


def _bound(experiment: Experiment, split: str, images: int, importance_samples: int, **how: Any) -> Measurement:
    from kelbo.experiments.measure import evaluation_of

    return evaluation_of(experiment, split, count=images, samples=importance_samples, **how)


def distances(
    key: str,
    split: str,
    size: int,
    count: int,
    features: Mapping[str, Any],
    how: Mapping[str, Any],
    *,
    sampled: bool = False,
) -> Measure:
    """Distances of samples and reconstructions from `count` of a split's `size` images; features, how: see `features_for`."""
    images = min(size, count)
    settings = {"split": split, "images": images, "features": dict(features), "sampled": sampled}
    return Measure(key, "images", settings, _distances, how, images=3 * images)


def _distances(
    experiment: Experiment, split: str, images: int, features: Mapping[str, Any], sampled: bool = False, **how: Any
) -> Measurement:
    from kelbo.evaluation.features import feature_network
    from kelbo.experiments.scoring import score_run

    network = feature_network(how.pop("name"), experiment.data.image_shape, experiment.device, **how)
    score_run(experiment, ("images",), split=split, network=network, images=images, sampled=sampled)
    wanted = {"split": split, "images": images, "features": dict(features)} | ({"sampled": True} if sampled else {})
    return newest(experiment, "images", wanted)


def rate_parts(key: str, split: str, size: int, count: int) -> Measure:
    """The rate's parts of `count` of a split's `size` images."""
    images = min(size, count)
    return Measure(key, "latents", {"split": split, "images": images}, _looked, {"name": "latents"}, images=images)


def calibrated(key: str, split: str, size: int, count: int, *, batch_size: int = 0) -> Measure:
    """Whether the decoder's distribution is that of the pixels, on `count` of a split's `size` images.

    batch_size: 0 for that of `kelbo score`.
    """
    from kelbo.experiments.measure import BATCH

    images = min(size, count)
    settings = {"split": split, "images": images} | ({"batch_size": batch_size} if batch_size not in (0, BATCH) else {})
    return Measure(key, "calibration", settings, _looked, {"name": "calibration"}, images=images)


def _looked(experiment: Experiment, split: str, images: int, name: str, **how: Any) -> Measurement:
    from kelbo.experiments.scoring import score_run

    score_run(experiment, (name,), split=split, looked=images, **how)
    return newest(experiment, name, {"split": split, "images": images})


def newest(experiment: Experiment, name: str, wanted: Mapping[str, Any]) -> Measurement:
    """What has just been kept."""
    there = experiment.run.measurements.all(name.partition(".")[0])
    fits = [
        one
        for one in there
        if one.name == name and all(one.settings.get(key) == value for key, value in wanted.items())
    ]
    return max(fits, key=lambda one: one.circumstances.get("measured", ""))


def reconstructions() -> Measure:
    """Some test images and what the model makes of them, as the run's own page shows them."""
    return Measure("reconstructions", "reconstructions", {"split": "test"}, _reconstructions, images=16)


def _reconstructions(experiment: Experiment, split: str) -> Measurement:  # noqa: ARG001
    from kelbo.experiments.pictures import measure_reconstructions

    return measure_reconstructions(experiment)


def samples() -> Measure:
    """Draws of the prior, the decoder's mean, as the run's own page shows them."""
    return Measure("samples", "samples", {"noise": False, "seed": 0}, _samples, images=60)


def _samples(experiment: Experiment, noise: bool, seed: int) -> Measurement:  # noqa: ARG001
    from kelbo.experiments.pictures import measure_samples

    return measure_samples(experiment, noise)


def features_for(
    own: str,
    shape: tuple[int, int, int],
    asked: str | None,
    root: Path | None,
    *,
    legacy: bool = False,
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The fingerprint of the feature network asked for, and how it is opened; arguments of `distances`.

    By default FID's if it was fetched, else the set's own classifier if it lies in the data root, else random-0. own: the set's
    name. legacy: resize as pytorch-fid does, if the network is FID's. Raises as `feature_network`.
    """
    from kelbo.evaluation.features import classifier_path, feature_network, features_folder
    from kelbo.evaluation.inception import INCEPTION_FILE, NAME

    inception, classifier = features_folder(root) / INCEPTION_FILE.name, classifier_path(own, root)
    name = asked or (NAME if inception.is_file() else own if classifier.is_file() else "random-0")
    how = {"name": name, "root": root, "resize": "legacy" if legacy and name == NAME else None}
    network = feature_network(name, shape, root=root, resize=how["resize"])
    return network.fingerprint, how
