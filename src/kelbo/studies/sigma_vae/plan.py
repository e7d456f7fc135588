"""The plan of the σ-VAE study on one set: which lanes are trained, what is measured of them, what is left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from kelbo.data.image_set import ImageSet
from kelbo.errors import RecipeError
from kelbo.recipes import build, sigma_study as study
from kelbo.recipes.files import change
from kelbo.recipes.schema import Recipe
from kelbo.recipes.sets import split_of
from kelbo.seeds import seeded
from kelbo.studies.sigma_vae.budget import Budget
from kelbo.studies.sigma_vae.wanted import EVERYTHING, Asked, Measure, measures_of
from kelbo.studies.study_features import settled

Mode = Literal["corrected", "as-published"]
DECODERS, BETAS, PUBLISHED = "decoders", "betas", "analytic"
"""the sweeps: over decoders, over β, and over the decoders that the release clips softly"""
FRAMING = frozenset({"crop", "resize", "unreadable", "held_out"})
"""settings that leave a set the one that the paper prints numbers of"""
OTHERS_TO_SAY = {"kind": "--data", "root": "--data-root, or --data folder:PATH,"}
"""settings that have an option of their own"""


class LanePlan(NamedTuple):
    """One run and what is measured of it. beta is a text, as the lane is named by."""

    name: str
    decoder: str
    beta: str
    seed: int
    measures: frozenset[Measure]


@dataclass(frozen=True)
class SweepPlan:
    """A grid over one setting and seeds, of which `lanes` are trained."""

    name: str
    recipe: Recipe
    path: str
    values: tuple[str, ...]
    seeds: tuple[int, ...]
    lanes: tuple[LanePlan, ...]

    @property
    def over(self) -> list[str]:
        """As `kelbo sweep --over` takes it."""
        return [f"{self.path}={','.join(self.values)}"]

    def recipe_of(self, lane: LanePlan) -> Recipe:
        """A lane's recipe."""
        value = lane.beta if self.path == "objective.beta" else lane.decoder
        return change(self.recipe, [f"{self.path}={value}", f"seed={lane.seed}"])


@dataclass(frozen=True)
class Plan:
    """What is done of the study on one set.

    asked     by one command, or by several into one folder
    set, root  its name, and of its files
    recipe    of every lane but for decoder, β and seed
    left_out  what, and why
    features  the network of Fréchet distances that was asked for; None: a classifier of the set's own labels
    settings  of the set that are not as the study has them, "crop=74" say
    """

    budget: Budget
    mode: Mode
    asked: tuple[Asked, ...]
    set: str
    root: Path | None
    recipe: Recipe
    images: ImageSet
    sweeps: tuple[SweepPlan, ...]
    left_out: tuple[tuple[str, str], ...]
    features: str | None
    settings: tuple[str, ...] = ()

    @property
    def as_published(self) -> bool:
        return self.mode == "as-published"

    @property
    def split(self) -> str:
        """The images that everything is measured on: the release tests on its training split."""
        return "train" if self.as_published else "test"

    @property
    def steps(self) -> int:
        return self.budget.steps[self.set]

    @property
    def role(self) -> study.Role | None:
        """The set that the paper prints numbers of; None for another, and where settings make its images others."""
        return study.SETS[self.set].role if {one.partition("=")[0] for one in self.settings} <= FRAMING else None

    @property
    def title(self) -> str:
        """The set as a user names it."""
        return f"folder:{self.root}" if self.set == "folder" else self.set

    @property
    def measured(self) -> int:
        """Images of the split that the bound is measured on."""
        there = len(split_of(self.images, self.split))
        return min(there, self.budget.images or there)

    def asking(self, asked: Iterable[Asked]) -> Plan:
        """The same plan for all that was asked for, but for what adds nothing to the rest."""
        kept = list(dict.fromkeys(asked))
        whole = self._of(kept)
        for one in list(kept):
            fewer = self._of([other for other in kept if other != one]) if len(kept) > 1 else None
            if fewer is not None and (fewer.sweeps, fewer.left_out) == (whole.sweeps, whole.left_out):
                kept, whole = list(fewer.asked), fewer
        return whole

    def _of(self, asked: Sequence[Asked]) -> Plan:
        sweeps, left_out = _sweeps(self.budget, self.mode, asked, self.recipe, self.images)
        return replace(self, asked=tuple(asked), sweeps=sweeps, left_out=left_out)

    def drawing_by_seed(self) -> Plan:
        """The same plan with test images drawn by each lane's own seed. Raises as reading the images does."""
        recipe = change(self.recipe, ["data.split_seed=seed"])
        return replace(self, recipe=recipe, images=build.data(recipe)).asking(self.asked)

    def lanes(self) -> Iterator[tuple[SweepPlan, LanePlan]]:
        """Every lane with its sweep."""
        return ((sweep, lane) for sweep in self.sweeps for lane in sweep.lanes)

    def told(self, features: str | None) -> dict[str, Any]:
        """As results.json has it. features: the name of the network of distances, None where there are none yet."""
        recipe, budget, images = self.recipe, self.budget, self.images
        found, batch = study.SETS[self.set], recipe.training.batch_size
        seeds: dict[str, list[int]] = {}
        for _, lane in self.lanes():
            own = seeds.setdefault("beta" if lane.decoder == study.GRID else lane.decoder, [])
            own += [lane.seed] if lane.seed not in own else []
        return {
            "set": self.set,
            "role": self.role,
            "note": images.note,
            "shape": list(images.shape),
            "levels": images.levels,
            "images": len(images.train),
            "test_images": len(images.test),
            "network": found.network.kind,
            "latents": found.latents,
            "optimizer": recipe.optimizer.kind,
            "learning_rate": recipe.optimizer.learning_rate,
            "precision": recipe.training.precision,
            "batch_size": batch,
            "steps": self.steps,
            "paper_steps": found.steps,
            "epochs": self.steps * batch / len(images.train),
            "paper_epochs": found.steps * batch / len(images.train),
            "decoders": list(dict.fromkeys(lane.decoder for _, lane in self.lanes())),
            "betas": sorted({float(lane.beta) for _, lane in self.lanes() if lane.decoder == study.GRID}),
            "seeds": seeds,
            "left_out": [{"what": what, "why": why} for what, why in self.left_out],
            "measures": {
                "split": self.split,
                "images": self.measured,
                "clouds": min(budget.clouds, len(split_of(images, self.split))),
                "features": features,
                "latents_images": min(budget.coded, len(split_of(images, self.split))),
                "calibration_images": min(budget.looked, len(split_of(images, self.split))),
            },
        }


def plan_of(
    budget: Budget,
    data: str,
    mode: Mode = "corrected",
    asked: Asked = EVERYTHING,
    *,
    root: Path | None = None,
    features: str | None = None,
    settings: Sequence[str] = (),
    precision: str | None = None,
) -> Plan:
    """What is to be done on a set ("mnist", "folder:PATH"), whose files are looked for below `root`.

    settings: of the set, "crop=74" and the like; precision: of training, "bf16-mixed" say, float32 by default. RecipeError for
    an unknown set, setting, precision or mode, and where the network does not fit the images; DataError where these are
    missing or broken.
    """
    _require_of_images(settings)
    if mode not in get_args(Mode):
        raise RecipeError(f"The study has no mode {mode!r}; it has {', '.join(get_args(Mode))}.")
    of, folder = study.parse_set(data)
    place = None if of == "digits" else folder or root  # digits come with scikit-learn
    place = place.resolve() if place else None
    changes = [f"data.{setting.strip()}" for setting in settings]
    changes += [] if precision is None else [f"training.precision={precision}"]
    unset = study.set_recipe(of, place, budget.steps[of])
    recipe = change(unset, changes)
    images = build.data(recipe)
    with seeded(0, "probe"):
        build.model(recipe, images)  # refuses images that the network does not take
    bare = Plan(budget, mode, (), of, place, recipe, images, (), (), settled(features), _changed(unset, recipe))
    return bare.asking([asked])


def _changed(unset: Recipe, recipe: Recipe) -> tuple[str, ...]:
    """The settings of the images that differ, as `--set` takes them."""
    before, after = (one.data.model_dump(mode="json", exclude={"root"}) for one in (unset, recipe))
    changed = {key: value for key, value in after.items() if value != before[key]}
    return tuple(f"{key}={v if isinstance(v, str) else json.dumps(v)}" for key, v in sorted(changed.items()))


def _require_of_images(settings: Sequence[str]) -> None:
    fields = [setting.partition("=")[0].strip() for setting in settings]
    for field, setting in zip(fields, settings, strict=True):
        if "=" not in setting or not field:
            raise RecipeError(f"--set takes a setting of the images and its value, crop=74 say; got {setting!r}.")
        if field in OTHERS_TO_SAY:
            raise RecipeError(f"--set {setting} would be another set; {OTHERS_TO_SAY[field]} names it.")
        if fields.count(field) > 1:
            raise RecipeError(f"--set {field} is given {fields.count(field)} times. Give it once.")


def _decoders(
    budget: Budget, asked: Sequence[Asked], recipe: Recipe, images: ImageSet
) -> tuple[list[str], list[str], tuple[tuple[str, str], ...]]:
    """The decoders that can speak of these images; those of them that are trained; why not the others.

    RecipeError where one was asked for by its name and cannot speak of them. What a budget leaves out can be asked for.
    """
    able, kept, left_out = [], [], []
    for decoder in study.DECODERS:
        named = any(decoder in (one.decoders or ()) for one in asked)
        try:
            likelihood = build.likelihood(change(recipe, [f"likelihood.kind={decoder}"]), images.levels)
        except RecipeError as error:
            if named:
                raise
            left_out.append((decoder, str(error)))
            continue
        able.append(decoder)
        channels, height, width = images.shape
        outputs = likelihood.output_channels(channels) * height * width
        if outputs > budget.logits and not named:
            why = f"it needs {outputs:,} outputs an image, more than the {budget.logits:,} of the budget {budget.name}"
            left_out.append((decoder, f"{why}; --decoders {decoder} trains it all the same"))
        else:
            kept.append(decoder)
    return able, kept, tuple(left_out)


def _sweeps(
    budget: Budget, mode: Mode, asked: Sequence[Asked], recipe: Recipe, images: ImageSet
) -> tuple[tuple[SweepPlan, ...], tuple[tuple[str, str], ...]]:
    """The sweeps of what was asked for, and the decoders that are left out."""
    able, kept, left_out = _decoders(budget, asked, recipe, images)
    published = study.ANALYTIC if mode == "as-published" else ()
    kinds = "likelihood.kind"
    laid = [
        (DECODERS, recipe, kinds, [decoder for decoder in able if decoder not in published]),
        (PUBLISHED, study.as_published_recipe(recipe), kinds, [decoder for decoder in able if decoder in published]),
        (BETAS, study.grid_recipe(recipe), "objective.beta", list(study.BETAS)),
    ]
    found = []
    for sweep, base, path, values in laid:
        lanes = tuple(_lanes(budget, asked, path, [value for value in values if path != kinds or value in kept]))
        if lanes:  # the whole grid is laid out, so that asking for more later finds the same sweep
            found.append(SweepPlan(sweep, base, path, tuple(values), budget.main, lanes))
    return tuple(found), left_out


def _lanes(budget: Budget, asked: Sequence[Asked], path: str, values: Sequence[str]) -> Iterator[LanePlan]:
    short = path.rpartition(".")[2]
    for value in values:
        grid = path == "objective.beta"
        decoder, beta = (study.GRID, value) if grid else (value, "1")
        measures = measures_of(asked, None if grid else decoder, beta)
        if measures is None:
            continue
        for seed in budget.main if grid or decoder in study.SIGMA else budget.others:
            yield LanePlan(f"{short}={value},seed={seed}", decoder, beta, seed, measures)
