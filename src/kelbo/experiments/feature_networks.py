"""Feature networks for a run's images: by name, or trained on a set's own labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kelbo.data.attribute_values import attribute_values, attributes_offered
from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import find_device
from kelbo.errors import DataError, RecipeError
from kelbo.evaluation.classifier import save_classifier
from kelbo.evaluation.feature_network import FeatureNetwork
from kelbo.evaluation.features import classifier_path, feature_network
from kelbo.evaluation.train_classifier import Watch, train_classifier
from kelbo.experiments.experiment import Experiment
from kelbo.machine import suit_process
from kelbo.recipes.sets import read
from kelbo.runs.writing import require_room


def open_for(experiment: Experiment, name: str, root: Path | None = None) -> FeatureNetwork:
    """The feature network called `name` (see `feature_network`) for a run's images, on its model's device."""
    return feature_network(name, experiment.data.image_shape, experiment.device, root=root)


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
    """Train a classifier on the labels (or attributes, or factors) of a named set; its file in the data root, and its test
    accuracy.

    settings are the set's own ("size=32"); called: the file's name, the set's by default.
    DataError if the set has none of these.
    """
    if called is not None and not re.fullmatch(r"[A-Za-z0-9._-]+", called):
        raise RecipeError(
            f"A feature network's name may have letters, digits, dots, dashes and underscores; got {called!r}."
        )
    path = classifier_path(called or name, root)
    require_room(path, "Choose another data root.", remedy=("data_root",))
    return path, train_for(read(name, root, settings), path, name, seed=seed, epochs=epochs, device=device)


def train_for(
    data: ImageSet,
    path: Path,
    name: str,
    *,
    seed: int = 0,
    epochs: int = 3,
    device: str | None = None,
    watch: Watch | None = None,
) -> float:
    """Train a classifier on a set's labels, in the file `path`; its test accuracy. name: of the set, for the file's facts.

    A set without labels and attributes teaches each value of each factor ("hair=2"). DataError if there is nothing to learn.
    """
    suit_process()
    labels, names = _taught(data)
    train, test = (data.train, labels["train"]), (data.test, labels["test"])
    how = {"seed": seed, "epochs": epochs, "device": find_device(device), "watch": watch}
    trained = train_classifier(*train, *test, name=name, names=names, **how)
    save_classifier(path, trained)
    return float(trained.about["accuracy"])


def _taught(data: ImageSet) -> tuple[Mapping[str, np.ndarray], Sequence[str]]:
    """What both splits' images are labelled by, and the names of the outputs."""
    if (labels := labels_of(data)) is not None:
        names = data.attribute_names if labels is data.attributes else data.class_names
        return labels, _named(names, labels["train"])
    if data.whole is None:
        raise DataError(
            f"{data.name} has no labels to learn from. Use a set that has (mnist, cifar10, svhn, celeba), the features "
            "random-0, or a network from a file.",
            remedy=("features",),
        )
    names = attributes_offered(data)
    return {split: attribute_values(data, names, split) for split in ("train", "test")}, names


def _named(names: Sequence[str], values: np.ndarray) -> Sequence[str]:
    """What the attributes, or the classes that occur, are called; classes without names are numbers."""
    if values.ndim == 2:
        return names
    outputs = int(values.max(initial=0)) + 1
    return names[:outputs] if len(names) >= outputs else [*map(str, range(outputs))]


def labels_of(data: ImageSet) -> Mapping[str, np.ndarray] | None:
    """The labels (or else attributes) of both splits; None if a set has neither."""
    return next((known for known in (data.labels, data.attributes) if {"train", "test"} <= known.keys()), None)
