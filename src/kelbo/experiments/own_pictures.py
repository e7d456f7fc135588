"""Anybody's pictures, read as those were that a run was trained on; the run's data need not be there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from kelbo.data.celeba import OFFICIAL, box_of
from kelbo.data.images import GivenImages, QuantizedImages
from kelbo.data.likeness import LikeImages, Likeness, pictures_like
from kelbo.errors import DataError, RecipeError
from kelbo.experiments.conditional import conditional
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.guards import outline_of
from kelbo.recipes.data_specs import CelebaSpec
from kelbo.recipes.readers import likeness_of


def read_pictures(
    experiment: Experiment, paths: Sequence[Path | str], words: str | None = None, *, most: int | None = None
) -> LikeImages:
    """Picture files, and all pictures in folders and zips, as images of the run's shape and levels, in their order.

    They are cropped, resized and converted as the run's own pictures were. Sets whose images all have one size (MNIST, CIFAR,
    arrays, …) take pictures of that size as they are; others are resized, which the notes say. Pictures in folders and zips
    that cannot be used are left out if the run's are (data.unreadable). Of a run whose images come from code of your own, only
    the recipe's data settings are known. words: what a conditional model is given of all of these pictures, such as "3" or
    "Smiling=1,Male=0". most: of more pictures, read so many that are spread evenly over them.

    Raises DataMissing if there is no picture, DataCorrupt, naming each, if some cannot be used, DataError if the run was not
    trained on images that pictures can be made like, RecipeError if words are missing or name nothing.
    """
    known = outline_of(experiment.run) or experiment.data
    data = experiment.recipe.data
    bits, skip = getattr(data, "bits", 8), getattr(data, "unreadable", "refuse") == "skip"
    read = pictures_like(
        _likeness(experiment, known.shape, 256 if bits < 8 else known.levels), paths, most=most, skip=skip
    )
    if read.images.shape != known.shape:
        raise DataError(
            f"Read by the recipe's data settings, pictures have the shape {read.images.shape}, and the images that "
            f"{experiment.run.path} was trained on have {known.shape}: they were made by code of your own. Make its images of "
            "pictures by that."
        )
    images = QuantizedImages(read.images, bits) if bits < 8 else read.images
    told = _told(experiment, len(images), words)
    return read._replace(images=GivenImages(images, told) if told else images)


def _likeness(experiment: Experiment, shape: tuple[int, ...], levels: int | None) -> Likeness:
    spec, told = experiment.recipe.data, experiment.run.provenance().get("data", {})
    match told.get("frame"):
        case [int(width), int(height)]:
            return likeness_of(spec, shape, levels, (width, height))
    if isinstance(spec, CelebaSpec) and str(box_of(OFFICIAL, spec.crop)) not in str(told.get("note")):
        raise DataError(
            f"{experiment.run.path} is of an earlier version, which did not keep the size of its pictures, and it was not the "
            "official one. Train it again to read other pictures as these were."
        )
    return likeness_of(spec, shape, levels, None)


def _told(experiment: Experiment, count: int, words: str | None) -> dict[str, Tensor]:
    """What a conditional model is given of `count` pictures, the same of each; {} if nothing."""
    if words is None and not experiment.generator.conditions:
        return {}
    of = conditional(experiment, words or "")
    if words is None:
        names = ", ".join(one.name for one in of.condition.variables)
        raise RecipeError(
            f"The model of {experiment.run.path} is given {of.condition.name} of every image ({names}): say what these "
            "pictures have.",
            remedy=("given",),
        )
    chosen = of.chosen(words)
    if others := of.others(chosen):
        raise RecipeError(f"{words!r} does not say {others}, which the model is given too.", remedy=("given",))
    return of.draws(chosen, count)
