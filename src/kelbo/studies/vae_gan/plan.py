"""The plan of the study on one set: its arms, and what is measured of their lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from kelbo.data.attribute_values import attribute_values, attributes_offered
from kelbo.data.image_set import ImageSet
from kelbo.errors import DataUnknown
from kelbo.evaluation.attribute_classifier import attribute_classifier
from kelbo.experiments.feature_networks import labels_of
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.seeds import seeded
from kelbo.studies.arms import Arm, Ask, Measure, Plan, Prerequisite
from kelbo.studies.measures import bound, distances, features_for, samples
from kelbo.studies.options import with_changes
from kelbo.studies.own_features import own_features
from kelbo.studies.vae_gan import measures as own
from kelbo.studies.vae_gan.asked import NEEDS, GanBudget, GanOptions
from kelbo.studies.vae_gan.models import TOLD
from kelbo.studies.vae_gan.sets import (
    EDITED,
    PAPER_STEPS,
    data_of,
    gan_recipe,
    learned_recipe,
    parse_set,
    told,
    vae_recipe,
    vaegan_recipe,
)
from kelbo.sweeps.grid import Lane

JUDGED = ("errors", "edits", "progress", "similarity")
"""keys of measures that the classifier is needed for"""


@dataclass(frozen=True)
class Judges:
    """The networks that look at images: fingerprints, {} of those still to be trained, and how they are opened.

    features    of errors in features, the classifier's if the set has labels; cloud: of Fréchet distances
    classifier  of attributes or labels; None if the set has neither. names: what it tells
    """

    features: Mapping[str, Any]
    how: Mapping[str, Any]
    cloud: Mapping[str, Any]
    how_cloud: Mapping[str, Any]
    classifier: Mapping[str, Any] | None
    names: frozenset[str]
    before: tuple[Prerequisite, ...]


def plan(ask: Ask) -> Plan:
    """What is done on a set. RecipeError for settings that the set or the study does not have; DataError without its files."""
    options, budget = cast(GanOptions, ask.options), cast(GanBudget, ask.budget)
    name, folder = parse_set(options.data)
    place = None if name == "digits" else folder or ask.root
    data = data_of(name, place and place.resolve(), budget.size.pixels)
    training = {"training.steps": budget.steps, **budget.training}
    recipe = with_changes(vae_recipe(name, data, budget.size, budget.losses, training), ask)
    images = build.data(recipe)
    with seeded(0, "probe"):
        build.model(recipe, images)  # refuses pictures that the networks do not take
    names = attributes_of(name, images, options.attributes)
    judges = _judges(ask, f"{name}-{images.shape[-1]}", recipe, images, budget)
    seeds = options.seeds or budget.seeds
    arms = _arms(recipe, budget, images, names, judges, seeds)
    why = "nothing is known of this set’s images as attributes"
    lacking = () if given_of(images) else tuple((model.arm, why) for model in TOLD)
    return Plan(arms, _facts(name, budget, images, names, judges), lacking, judges.before)


def given_of(images: ImageSet) -> str:
    """What models of a set can be told as attributes; "" if nothing."""
    return "attributes" if images.attribute_names else "factors" if images.whole is not None else ""


def attributes_of(name: str, images: ImageSet, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """The attributes that images are edited along. DataUnknown for one that the set has not, or all or no training images."""
    offered = attributes_offered(images)
    chosen = asked or tuple(each for each in EDITED.get(name, images.attribute_names[:4]) if each in offered)
    if not chosen:
        return ()
    values = attribute_values(images, chosen, "train")
    for each, share in zip(chosen, values.mean(0).tolist(), strict=True):
        if share in (0.0, 1.0):
            raise DataUnknown(
                f"{'All' if share else 'None'} of the {len(values):,} training images have {each}, so images cannot be edited "
                "along it. Name other attributes: attributes=…"
            )
    return chosen


def _judges(ask: Ask, name: str, recipe: Recipe, images: ImageSet, budget: GanBudget) -> Judges:
    needs = [need for key, needs in NEEDS.items() if ask.only is None or key in ask.only for need in needs]
    keys = {key for need in needs for key in need.measures}
    wanted = bool(keys & {*JUDGED, *(() if ask.features else ("distance",))})
    epochs = max(1, round(budget.taught / len(images.train)))
    features, how, before = own_features(replace(ask, features=None), name, recipe, images, epochs, wanted=wanted)
    cloud, how_cloud = features, how
    if ask.features:
        cloud, how_cloud = features_for(name, images.image_shape, ask.features, ask.root)
    known = labels_of(images)
    if (known is None and images.whole is None) or how["name"] == "random-0":
        return Judges(features, how, cloud, how_cloud, None, frozenset(), before)
    opened = attribute_classifier(how["name"], images.image_shape, root=ask.root) if features else None
    offered = frozenset(attributes_offered(images))
    names = frozenset(images.attribute_names) if known is images.attributes else offered - {*images.attribute_names}
    return Judges(features, how, cloud, how_cloud, opened.fingerprint if opened else {}, names, before)


def _arms(
    recipe: Recipe, budget: GanBudget, images: ImageSet, names: Sequence[str], judges: Judges, seeds: tuple[int, ...]
) -> tuple[Arm, ...]:
    gan, vaegan = gan_recipe(recipe, budget.adversary), vaegan_recipe(recipe, budget.losses, budget.adversary)

    def measures(lane: Lane) -> list[Measure]:
        return _measures(lane, budget, images, names, judges)

    def arm(name: str, base: Recipe, title: str, **more: Any) -> Arm:
        about = {"title": title, "note": images.note, "images": len(images.train), "train": (own.train_watched, ())}
        return Arm(name, base, seeds, PAPER_STEPS, measures=measures, **about, **more)

    opens = {"opens": {"runs.discriminator": "gan"}, "probed": vaegan}
    found = (
        arm("vae", recipe, "VAE: likelihood of pixels"),
        arm("gan", gan, "GAN: the same decoder and a discriminator"),
        arm("learned", learned_recipe(recipe, budget.losses), "VAE, features of the GAN’s discriminator", **opens),
        arm("vaegan", vaegan, "VAE/GAN: all three trained together"),
    )
    given = given_of(images)
    if not given:
        return found
    return (
        *found,
        arm("told-vae", told(recipe, given), "VAE, told attributes"),
        arm("told-gan", told(gan, given), "GAN, told attributes"),
        arm("told-vaegan", told(vaegan, given), "VAE/GAN, told attributes"),
    )


def _measures(lane: Lane, budget: GanBudget, images: ImageSet, names: Sequence[str], judges: Judges) -> list[Measure]:
    size, model = len(images.test), lane.recipe.model
    found = [samples(), distances("distance", "test", size, budget.clouds, judges.cloud, judges.how_cloud)]
    found.append(own.sharpness(size, budget.images))
    judge, how, given = judges.classifier, judges.how, getattr(model, "given", None)
    if given and judge is not None and judges.names >= {*images.attribute_names}:
        found.append(own.similarity(size, budget.images, judge, how))
    if given or model.kind == "gan":
        return found
    found += [
        bound("bound", "test", size, budget.images),
        own.errors(size, budget.images, judges.features, how),
    ]
    if names:
        found.append(own.grid(names))
    if names and judge is not None and judges.names >= {*names}:
        found.append(own.edits(names, size, budget.images, judge, how))
    if judge is not None:
        found.append(own.progress(size, budget.steps, judge, how))
    return found


def _facts(name: str, budget: GanBudget, images: ImageSet, names: Sequence[str], judges: Judges) -> dict[str, Any]:
    size = len(images.test)
    accuracy = judges.classifier and judges.classifier.get("accuracy")
    return {
        "data": "",
        "set": name,
        "source": images.note,
        "split": "test",
        "images": min(size, budget.images),
        "clouds": min(size, budget.clouds),
        "shape": list(images.shape),
        "attributes": list(names),
        "accuracy": accuracy or None,
        "labels": judges.classifier is not None,
        "distance": f"Fréchet distance ({judges.cloud['name']})" if judges.cloud else None,
        "steps_of": "the 62,500 updates of the release",
    }
