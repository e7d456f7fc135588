"""The plan of the σ-VAE study on one set: its sweeps, what is measured of their lanes, what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from kelbo.data.image_set import ImageSet
from kelbo.errors import RecipeError
from kelbo.recipes import build
from kelbo.recipes.files import change
from kelbo.recipes.schema import Recipe
from kelbo.recipes.sets import split_of
from kelbo.seeds import seeded
from kelbo.studies.arms import Arm, Ask, Measure, Plan
from kelbo.studies.measures import bound, calibrated, distances, rate_parts, reconstructions, samples
from kelbo.studies.options import with_changes
from kelbo.studies.own_features import own_features
from kelbo.studies.sigma_vae.asked import NEEDS, SigmaBudget, SigmaOptions
from kelbo.studies.sigma_vae.measures import BATCH, as_gaussian, errors, flattered, posteriors, variance
from kelbo.studies.sigma_vae.models import BETA, DECODERS
from kelbo.studies.sigma_vae.sets import (
    ANALYTIC,
    BETAS,
    DEEP_STEPS,
    HIERARCHY,
    IN_HIERARCHIES,
    OF_THE_PAPER,
    SETS,
    SIGMA,
    as_published_recipe,
    grid_recipe,
    parse_set,
    set_recipe,
)
from kelbo.sweeps.grid import Lane

KIND = "likelihood.kind"
FRAMING = frozenset({"crop", "resize", "unreadable", "held_out"})
"""settings that leave a set the one that the paper prints numbers of"""
OTHERS = {"kind": "data=NAME", "root": "the data root, or data=folder:PATH,"}
"""settings that have an option of their own"""


def plan(ask: Ask) -> Plan:
    """What is done on a set. RecipeError for settings that the set or the study does not have, and for a decoder that was named
    and cannot describe the images; DataError if these are missing or broken."""
    options, budget = cast(SigmaOptions, ask.options), cast(SigmaBudget, ask.budget)
    name, folder = parse_set(options.data)
    place = None if name == "digits" else folder or ask.root  # digits come with scikit-learn
    deep = options.network == "hierarchical"
    steps = budget.deep_steps if deep else budget.steps[name]
    recipe = set_recipe(name, place and place.resolve(), steps, hierarchical=deep)
    recipe = _recipe(ask, recipe, options.precision)
    images = build.data(recipe)
    with seeded(0, "probe"):
        build.model(recipe, images)  # refuses images that the network does not take
    able, left = _left_out(recipe, images, budget, options.decoders or ())
    split = "train" if ask.as_published else "test"  # the release tests on its training split
    needs = [need for key, needs in NEEDS.items() if ask.only is None or key in ask.only for need in needs]
    wanted = any("distance" in need.measures for need in needs)
    features, how, before = own_features(ask, name, recipe, images, budget.epochs, wanted=wanted)
    published = [kind for kind in able if ask.as_published and kind in ANALYTIC]
    others = [kind for kind in able if kind not in published]
    laid = [
        ("decoders", "Decoders, β\u00a0=\u00a01", recipe, KIND, others, ""),
        ("analytic", "Optimal σ, as released", as_published_recipe(recipe), KIND, published, "decoders"),
        ("betas", "Unit variance, over β", grid_recipe(recipe), BETA, BETAS, ""),
    ]
    main = options.seeds or budget.main
    arms = tuple(
        Arm(
            arm,
            base,
            main,
            DEEP_STEPS if deep else SETS[name].steps,
            over={path: tuple(values)},
            measures=lambda lane: _measures(lane, budget, images, split, features, how),
            keeps=lambda lane: _keeps(lane, options, left, main[: len(budget.others)]),
            of=of,
            title=title,
            note=images.note,
            images=len(images.train),
        )
        for arm, title, base, path, values, of in laid
        if values
    )
    return Plan(arms, _facts(name, deep, ask, budget, images, split, features), tuple(left.items()), before)


def _recipe(ask: Ask, recipe: Recipe, precision: str) -> Recipe:
    for text in ask.changes:
        if say := OTHERS.get(text.partition("=")[0]):
            raise RecipeError(f"{text} would be another set; {say} names it.", remedy=("settings",))
    return change(with_changes(recipe, ask), [f"training.precision={precision}"])


def _left_out(
    recipe: Recipe, images: ImageSet, budget: SigmaBudget, named: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """The decoders that can describe the images, which are the sweep's whatever is asked for, and why some are left out."""
    able, left = [], {}
    channels, height, width = images.shape
    for kind in DECODERS:
        try:
            likelihood = build.likelihood(change(recipe, [f"{KIND}={kind}"]), images.levels)
        except RecipeError as error:
            if kind in named:
                raise
            left[kind] = str(error)
            continue
        able.append(kind)
        outputs = likelihood.output_channels(channels) * height * width
        if outputs > budget.logits and kind not in named:
            most = f"the {budget.logits:,} of the budget {budget.name}"
            left[kind] = (
                f"it needs {outputs:,} outputs an image, more than {most}; decoders={kind} trains it all the same"
            )
    return able, left


def _keeps(lane: Lane, options: SigmaOptions, left: Mapping[str, str], others: Sequence[int]) -> bool:
    if (beta := lane.settings.get(BETA)) is not None:
        return options.betas is None or beta in options.betas
    kind = lane.settings[KIND]
    return (
        kind not in left
        and (options.decoders is None or kind in options.decoders)
        and (kind in SIGMA or lane.seed in others)
    )


def _measures(
    lane: Lane, budget: SigmaBudget, images: ImageSet, split: str, features: dict[str, Any], how: dict[str, Any]
) -> list[Measure]:
    size, beta, kind = len(split_of(images, split)), lane.settings.get(BETA), lane.settings.get(KIND)
    count = min(size, budget.images or size)
    likelihood = build.likelihood(lane.recipe, images.levels).eval()
    found = [bound("bound", split, size, count, batch_size=BATCH), posteriors(split, count)]
    if beta:
        found += [variance(split, count), as_gaussian(split, min(size, budget.looked))]
    else:
        found += [calibrated("calibration", split, size, budget.looked, batch_size=BATCH)]
        if likelihood.kind == "density" and likelihood.normalized:
            found += [bound("dequantized", split, size, count, batch_size=BATCH, dequantized=True)]
    found += [distances("distance", split, size, budget.clouds, features, how)]
    if lane.recipe.model.kind == "vae":  # the aggregate posterior of a hierarchy cannot be computed
        found.append(rate_parts("latents", split, size, budget.coded))
    found += [reconstructions(), samples()]
    found += [flattered(budget.images)] if kind in ANALYTIC else []
    return found + ([errors()] if kind == "per_pixel_gaussian" else [])


def _facts(
    name: str, deep: bool, ask: Ask, budget: SigmaBudget, images: ImageSet, split: str, features: dict[str, Any]
) -> dict[str, Any]:
    found, size = SETS[name], len(split_of(images, split))
    printed = found.role if name in IN_HIERARCHIES or not deep else None
    same = {text.partition("=")[0] for text in ask.changes} <= FRAMING
    return {
        "data": printed or "" if same else "",
        "set": name,
        "source": images.note,
        "split": split,
        "images": min(size, budget.images or size),
        "clouds": min(size, budget.clouds),
        "latents_images": min(size, budget.coded),
        "calibration_images": min(size, budget.looked),
        "shape": list(images.shape),
        "levels": images.levels,
        "network": HIERARCHY.kind if deep else found.network.kind,
        "latents": HIERARCHY.latents if deep else found.latents,
        "distance": f"Fréchet distance ({features['name']})" if features else None,
        "steps_of": "the paper’s steps" if name in OF_THE_PAPER and not deep else "the full schedule",
    }
