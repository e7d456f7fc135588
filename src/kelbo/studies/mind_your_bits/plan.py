"""The plan of the study on one set: its sweeps, and what is measured of their lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch

from kelbo.data.image_set import ImageSet
from kelbo.evaluation.reference import evenly
from kelbo.recipes import build, schema as s
from kelbo.recipes.files import change
from kelbo.recipes.schema import Recipe
from kelbo.seeds import seeded
from kelbo.studies.arms import Arm, Ask, Measure, Plan
from kelbo.studies.measures import bound, distances, samples
from kelbo.studies.mind_your_bits.asked import NEEDS, MindBudget, MindOptions
from kelbo.studies.mind_your_bits.measures import early, final_error, held, noisy, refined, train_watched
from kelbo.studies.mind_your_bits.sets import (
    PAPER_STEPS,
    PRINTED,
    SHARES,
    TARGET,
    Size,
    Targets,
    data_of,
    parse_set,
    recipe_of,
    standard_recipe,
    texts,
)
from kelbo.studies.options import with_changes
from kelbo.studies.own_features import own_features
from kelbo.sweeps.grid import Lane
from kelbo.units import intensities

BATCH = 128
"""pictures of a batch that is measured"""


def plan(ask: Ask) -> Plan:
    """What is done on a set. RecipeError for settings that the set or the study does not have; DataError without its files."""
    options, budget = cast(MindOptions, ask.options), cast(MindBudget, ask.budget)
    name, folder = parse_set(options.data)
    place = None if name == "digits" else folder or ask.root
    data = data_of(name, place and place.resolve(), budget.size.pixels)
    training = {"training.steps": budget.steps, **budget.training}
    recipe = with_changes(recipe_of(name, data, budget.size, training), ask)
    images = build.data(recipe)
    targets = targets_of(name, images, budget.size)
    recipe = change(recipe, [f"{TARGET}={targets.primary:g}"])
    with seeded(0, "probe"):
        build.model(recipe, images)  # refuses pictures that the network does not take
    sized = f"{name}-{images.shape[-1]}" if budget.size.pixels else name
    needs = [need for key, needs in NEEDS.items() if ask.only is None or key in ask.only for need in needs]
    wanted = any("distance" in need.measures for need in needs)
    features, how, before = own_features(ask, sized, recipe, images, budget.epochs, wanted=wanted)

    def measures(lane: Lane) -> list[Measure]:
        return _measures(lane, budget, images, targets, features, how)

    seeds = options.seeds or budget.seeds
    arms = _arms(recipe, budget, targets, measures, seeds)
    arms = tuple(replace(arm, note=images.note, images=len(images.train)) for arm in arms)
    return Plan(arms, _facts(name, budget, images, targets, features), (), before)


def targets_of(name: str, images: ImageSet, size: Size) -> Targets:
    """The paper's targets of the set at its own size; else shares of the variance of 5,000 training images."""
    if not size.pixels and name in PRINTED:
        return PRINTED[name]
    some = evenly(images.train, 5_000)
    x = intensities(some.take(torch.arange(len(some))), images.levels).flatten(1)
    total = float(x.var(0, correction=0).sum())

    def of(share: float) -> float:
        return float(f"{share * total:.2g}")

    sweep, finals = (tuple(map(of, part)) for part in (SHARES.sweep, SHARES.finals))
    return Targets(sweep, of(SHARES.primary), finals, of(SHARES.noisy), of(SHARES.early))


def _arms(
    recipe: Recipe,
    budget: MindBudget,
    targets: Targets,
    measures: Callable[[Lane], Sequence[Measure]],
    seeds: tuple[int, ...],
) -> Sequence[Arm]:
    watched = (train_watched, (budget.images,))
    held = {"measures": measures, "train": watched}

    def arm(name: str, base: Recipe, title: str, **more: Any) -> Arm:
        return Arm(name, base, seeds, PAPER_STEPS, title=title, **more)

    return (
        arm("standard", standard_recipe(recipe, budget.sigma), "Learned σ, by its bound", measures=measures),
        arm("primary", _named(recipe, "primary"), f"Primary, at {targets.primary:g}", **held),
        arm("single", recipe, "Single stage, over γ", over={TARGET: texts(targets.sweep)}, **held),
        arm(
            "matched",
            _named(recipe, "matched"),
            "Single stage, at the error of the learned σ",
            opens={TARGET: "standard"},
            reads={TARGET: final_error},
            **held,
        ),
        arm(
            "secondary",
            secondary_recipe(recipe),
            "Second stage, over γ̃",
            over={TARGET: texts(targets.finals)},
            opens={"runs.primary": "primary"},
            probed=recipe,
            **held,
        ),
    )


def _named(recipe: Recipe, name: str) -> Recipe:
    return recipe.model_copy(update={"name": recipe.name.replace("-single", f"-{name}")})


def secondary_recipe(recipe: Recipe) -> Recipe:
    """A second stage of the same depth and width as a single stage, on a primary's run."""
    own = recipe.model.model_dump(exclude={"kind", "given"})
    model = s.SecondarySpec(**own)
    return _named(recipe, "secondary").model_copy(update={"model": model})


def _measures(
    lane: Lane,
    budget: MindBudget,
    images: ImageSet,
    targets: Targets,
    features: Mapping[str, Any],
    how: Mapping[str, Any],
) -> list[Measure]:
    size, recipe = len(images.test), lane.recipe
    count = min(size, budget.images or size)
    found = [
        bound("bound", "test", size, count, batch_size=BATCH, dequantized=True),
        held("test", size, count),
        distances("distance", "test", size, budget.clouds, features, how),
        samples(),
    ]
    if isinstance(recipe.objective, s.DistortionTargetSpec):
        found.append(early(size, count))
        if recipe.objective.target == targets.noisy:
            found.append(noisy())
    return [*found, refined()] if recipe.model.kind == "secondary" else found


def _facts(
    name: str, budget: MindBudget, images: ImageSet, targets: Targets, features: Mapping[str, Any]
) -> dict[str, Any]:
    size, own = len(images.test), not budget.size.pixels
    return {
        "data": name if own and name in ("svhn", "celeba") else "",
        "set": name,
        "source": images.note,
        "split": "test",
        "images": min(size, budget.images or size),
        "clouds": min(size, budget.clouds),
        "shape": list(images.shape),
        "levels": images.levels,
        "targets": targets._asdict() | {"sweep": list(targets.sweep), "finals": list(targets.finals)},
        "distance": f"Fréchet distance ({features['name']})" if features else None,
        "steps_of": "the 350,000 steps of the paper’s figure 10",
    }
