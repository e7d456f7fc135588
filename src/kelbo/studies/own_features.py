"""The network that a study's Fréchet distances are taken through: one that was named, else a classifier of the set's labels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from kelbo.data.image_set import ImageSet
from kelbo.evaluation.features import classifier_path
from kelbo.experiments.feature_networks import labels_of, train_for
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.studies.arms import Ask, Prerequisite
from kelbo.studies.measures import features_for
from kelbo.sweeps.lane import Tell

CLASSIFIED = 4e-7
"""seconds for each value of an image that the network learns from, on one core"""


def own_features(
    ask: Ask, name: str, recipe: Recipe, images: ImageSet, epochs: int, *, wanted: bool
) -> tuple[dict[str, Any], dict[str, Any], tuple[Prerequisite, ...]]:
    """The network's fingerprint, how it is opened, and what trains it for `epochs` in the study's folder.

    A set without labels, attributes and factors has random-0. The fingerprint is empty as long as the network is still to be
    trained. wanted: whether anything that was asked for needs it. name: of the set, as feature networks are called; one of
    reduced size has a name of its own. Raises as `features_for` does.
    """
    asked = ask.features or (name if classifier_path(name, ask.root).is_file() else None)
    if asked is None and ask.folder and (labels_of(images) is not None or images.whole is not None):
        file = ask.folder.features(name)
        if not file.is_file():
            seconds = epochs * len(images.train) * math.prod(images.shape) * CLASSIFIED
            arguments = (recipe, file, name, epochs)
            task = Prerequisite("train the feature network", file, train_features, arguments, seconds)
            return {}, {"name": str(file)}, (task,) if wanted else ()
        asked = str(file)
    fingerprint, how = features_for(name, images.image_shape, asked or "random-0", ask.root)
    return dict(fingerprint), dict(how), ()


def train_features(recipe: Recipe, place: Path, name: str, epochs: int, *, tell: Tell) -> None:
    """Train a classifier on the labels of the recipe's images, in the file `place`."""
    train_for(
        build.data(recipe),
        place,
        name,
        epochs=epochs,
        watch=lambda step, steps, loss: tell({"step": step, "steps": steps, "loss": loss}),
    )
