"""Feature networks for a run's images: by name, or trained on a set's own labels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from kelbo.data.images import ImageSet
from kelbo.errors import DataError, RecipeError
from kelbo.evaluation.classifier import save_classifier
from kelbo.evaluation.feature_network import FeatureNetwork
from kelbo.evaluation.features import classifier_path, feature_network
from kelbo.evaluation.train_classifier import train_classifier
from kelbo.machine import find_device, keep_freed_memory
from kelbo.recipes.experiment import Experiment
from kelbo.recipes.sets import read


def open_for(experiment: Experiment, name: str, root: Path | None = None) -> FeatureNetwork:
    """The feature network called `name` (see `feature_network`) for a run's images, on its model's device."""
    return feature_network(name, experiment.data.shape, experiment.device, root=root)


def train_on(
    name: str,
    root: Path | None = None,
    settings: list[str] | None = None,
    called: str | None = None,
    *,
    seed: int = 0,
    epochs: int = 3,
    device: str | None = None,
) -> tuple[Path, float]:
    """Train a classifier on the labels (or attributes) of a named set; its file in the data root, and its test accuracy.

    settings are the set's own ("size=32"); called: the file's name, the set's by default.
    DataError where the set has neither.
    """
    if called is not None and not re.fullmatch(r"[A-Za-z0-9._-]+", called):
        raise RecipeError(f"--name is a plain name of letters, digits, dots and dashes; got {called!r}.")
    keep_freed_memory()
    data = read(name, root, settings)
    labels = _labels(data)
    train, test = (data.train, labels["train"]), (data.test, labels["test"])
    trained = train_classifier(*train, *test, name=name, seed=seed, epochs=epochs, device=find_device(device))
    path = classifier_path(called or name, root)
    save_classifier(path, trained)
    return path, float(trained.about["accuracy"])


def _labels(data: ImageSet) -> dict[str, np.ndarray]:
    for known in (data.labels, data.attributes):
        if "train" in known and "test" in known:
            return dict(known)
    raise DataError(
        f"{data.name} has no labels to learn from. Use a set that has (mnist, cifar10, svhn, celeba), --features random-0, "
        "or a network from a file."
    )
