"""The plan of the β-VAE study: its parts on the images at hand, what is measured of their lanes, what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from kelbo.recipes.data_specs import PLACES
from kelbo.studies.arms import Arm, Ask, Extra, Measure, Plan
from kelbo.studies.beta_vae.architectures import architectures
from kelbo.studies.beta_vae.asked import FITTED, PAIRS, READINGS, BetaBudget, L
from kelbo.studies.beta_vae.baselines import baselines_of
from kelbo.studies.beta_vae.identity import measure_identity
from kelbo.studies.beta_vae.measures import (
    followed,
    information_gap,
    layouts,
    planes,
    score,
    seconds_of,
    strip,
    train_followed,
    traversals,
)
from kelbo.studies.beta_vae.models import BETAS, NAMES, NETWORKS, role_of
from kelbo.studies.beta_vae.parts import PARTS, StudyPart, part_recipe
from kelbo.studies.beta_vae.quirks import quirks_of
from kelbo.studies.beta_vae.scoring import Wanted, asked_by_group, main_classifier
from kelbo.studies.beta_vae.sections import SECTIONS
from kelbo.studies.beta_vae.sets import StudySet, set_of
from kelbo.studies.lanes import StudyLane
from kelbo.studies.measures import bound, distances, features_for, reconstructions
from kelbo.sweeps.grid import Lane

BETA = "objective.beta"
CIFAR_SHAPE = (3, 32, 32)
SPAN = {False: 3.0, True: 1.96}
"""how far a latent is moved, by whether the study is as published: as Higgins et al. (2017), or as the study's code"""
FITTING, IDENTITY, QUIRKS = 10.0, 5.0, (60.0, 0.1)
"""seconds of fitting PCA and ICA; of section 4.2; of the code's quirks, and of each step of their longest classifiers"""

Through = tuple[Mapping[str, Any], Mapping[str, Any]]
"""a feature network's fingerprint, and how it is opened"""


@dataclass(frozen=True)
class Planned:
    """What was asked for, on the sets that there are, by part. through: the network of distances by set."""

    ask: Ask
    sets: Mapping[str, StudySet]
    through: Mapping[str, Through]

    @property
    def budget(self) -> BetaBudget:
        return cast(BetaBudget, self.ask.budget)

    @property
    def split(self) -> str:
        """The images that bound and distances are measured on: the study's code held none out."""
        return "train" if self.ask.as_published else "test"

    def scores(self, role: str) -> dict[str, list[Wanted]]:
        return asked_by_group(self.budget, self.ask.mode, role)


def plan(ask: Ask) -> Plan:
    """What is done. DataError if files are there but broken, or if the feature network is not there."""
    found = {name: set_of(part, ask.root) for name, part in PARTS.items() if name in _steps(ask)}
    why = {name: f"the budget {ask.budget.name} has no steps for it" for name in PARTS if name not in found}
    why |= {name: reason for name, reason in found.items() if isinstance(reason, str)}
    sets = {name: each for name, each in found.items() if not isinstance(each, str)}
    compared = {PARTS[name].role for name in sets if PARTS[name].standing is None}
    opened = {
        role: features_for(role, CIFAR_SHAPE, ask.features, ask.root, legacy=ask.as_published)
        for role in compared or ({"cifar10"} if ask.features else ())  # refuses a network that cannot be opened
    }
    planned = Planned(ask, sets, {role: opened[role] for role in sorted(compared)})
    things = [thing for s in SECTIONS for thing in s.things if ask.only is None or thing.key in ask.only]
    needed = {arm for thing in things for need in thing.needs for arm in need.arms}
    left_out = tuple((name, why[name]) for name in PARTS if name in why and name in needed)
    arms = tuple(_arm(planned, name, part) for name, part in PARTS.items() if name in sets)
    return Plan(arms, _facts(planned), left_out, extras=partial(_extras, planned))


def _steps(ask: Ask) -> Mapping[str, int]:
    return cast(BetaBudget, ask.budget).steps


# ── lanes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _arm(planned: Planned, name: str, part: StudyPart) -> Arm:
    of, budget, ask = planned.sets[name], planned.budget, planned.ask
    train = None
    if part.role in planned.through:
        _, how = planned.through[part.role]
        where = (CIFAR_SHAPE, how, budget.followed, READINGS, planned.split, ask.as_published)
        train = (train_followed, where)
    return Arm(
        name,
        part_recipe(name, of.data, budget.steps[name], as_published=ask.as_published),
        part.seeds[: budget.seeds],
        part.paper_steps,
        over={BETA: tuple(f"{b:g}" for b in BETAS)},
        measures=partial(_measures, planned, name, part),
        title=f"{NAMES[part.role]}, {NETWORKS[part.network]}",
        note=of.note,
        images=of.sizes["train"],
        train=train,
    )


def _measures(planned: Planned, name: str, part: StudyPart, lane: Lane) -> list[Measure]:
    budget, split, sizes = planned.budget, planned.split, planned.sets[name].sizes
    found = [bound("bound", split, sizes[split], budget.images), strip(), reconstructions()]
    if part.role in planned.through:
        fingerprint, how = planned.through[part.role]
        sampled = planned.ask.as_published
        found += [
            followed(budget, split, fingerprint, sampled=sampled),
            distances("distance", split, sizes[split], budget.clouds, fingerprint, how, sampled=sampled),
        ]
    if part.standing is not None:
        found += _scores(planned, part, lane.seed in part.seeds[: budget.seeds][: budget.compared])
        found += [traversals(SPAN[planned.ask.as_published]), planes()] if part.role == "dsprites" else [layouts()]
    return found


def _scores(planned: Planned, part: StudyPart, compared: bool) -> list[Measure]:
    """The tables' own under their short names too, and those of a seed that is compared by all classifiers."""
    codes, groups = planned.budget.codes, planned.scores(part.role)
    found = [information_gap(codes, part.images)]
    found += [score(wanted, codes, "scores", f"score.{wanted.factors}") for wanted in groups["scores"]]
    return found + [
        score(wanted, codes, group)
        for group, every in groups.items()
        for wanted in every
        if compared or group != "classifiers"
    ]


# ── beside the lanes ──────────────────────────────────────────────────────────────────────────────────────────────────


def _extras(planned: Planned, lanes: Sequence[StudyLane]) -> list[Extra]:
    official = sorted({PARTS[name].role for name, each in planned.sets.items() if each.kind != "rendered"})
    of_parts = {"official_sets": official, "as_published": planned.ask.as_published}
    return [
        Extra("architectures", of_parts, architectures),
        Extra("identity", {"steps": 150, "seed": 0}, measure_identity, seconds=IDENTITY),
        _quirks(planned.budget, lanes),
        *_baselines(planned, lanes),
    ]


def _quirks(budget: BetaBudget, lanes: Sequence[StudyLane]) -> Extra:
    looked = looked_at(lanes)
    settings = {
        "lanes": [{"role": role_of(one.arm.name), "model": f"VAE, β = {one.lane.settings[BETA]}"} for one in looked],
        "codes": budget.codes,
        "images": budget.images,
        "fitted": FITTED,
        "effort": asdict(budget.effort),
    }
    seconds = QUIRKS[0] + QUIRKS[1] * budget.effort.mlp_steps
    return Extra("quirks", settings, quirks_of, tuple(lane.run.path for lane in looked), seconds=seconds)


def looked_at(lanes: Sequence[StudyLane]) -> list[StudyLane]:
    """A finished lane of each set with factors: the convolutional one at β = 4 and the first seed, or the nearest to it."""
    found: dict[str, StudyLane] = {}
    ranked = sorted(lanes, key=lambda lane: (lane.arm.name.endswith("-mlp"), lane.lane.settings[BETA] != "4"))
    for lane in ranked:
        if PARTS[lane.arm.name].standing is not None and lane.done:
            found.setdefault(role_of(lane.arm.name), lane)
    return [found[role] for role in NAMES if role in found]


def _baselines(planned: Planned, lanes: Sequence[StudyLane]) -> list[Extra]:
    """PCA and ICA of every set with factors, with each of its seeds; on 2Dshapes also by the numbers of pairs."""
    budget, published, found = planned.budget, planned.ask.as_published, {}
    for name, part in PARTS.items():
        if name not in planned.sets or part.standing is None:
            continue
        data, groups = planned.sets[name].data, planned.scores(part.role)
        every = [*groups["scores"], *(groups["pairs"] if part.role == "dsprites" else ())]
        for seed in part.seeds[: budget.seeds]:
            settings = {
                "data": data.model_dump(mode="json", exclude=PLACES),
                "seed": seed,
                "latents": part.latents,
                "fitted": FITTED,
                "codes": budget.codes,
                "scores": [wanted._asdict() for wanted in every],
                "as_published": published,
            }
            found[part.role, seed] = Extra(
                f"linear-{part.role}-{seed}",
                settings,
                baselines_of,
                before(lanes, part.role, seed) if published else (),
                {"root": getattr(data, "root", None)},
                arm=f"{part.role}-linear",
                seed=seed,
                seconds=FITTING + 2 * sum(map(seconds_of, every)),
            )
    return list(found.values())


def before(lanes: Sequence[StudyLane], role: str, seed: int) -> tuple[Path, ...]:
    """The run whose codes the study's classifiers learned before the baselines': a finished one of this set and seed."""
    own = [lane for lane in lanes if (role_of(lane.arm.name), lane.lane.seed) == (role, seed) and lane.done]
    nearest = sorted(own, key=lambda lane: (lane.lane.settings[BETA] != "1", not lane.arm.name.endswith("-mlp")))
    return tuple(lane.run.path for lane in nearest[:1])


def _facts(planned: Planned) -> dict[str, Any]:
    budget, main = planned.budget, main_classifier(planned.ask.mode)
    points = planned.scores("dsprites")["scores"][0]
    names = {role: str(fingerprint["name"]) for role, (fingerprint, _) in planned.through.items()}
    same = len(set(names.values())) == 1
    return {
        "sets": {
            PARTS[name].role: {"set": each.data.kind, "source": each.kind, "note": each.note}
            for name, each in planned.sets.items()
        },
        "classifier": main,
        "points": [points.train, points.test],
        "pairs": L,
        "pairs_sweep": list(PAIRS),
        "codes": budget.codes or "all",
        "images": budget.images or "all",
        "split": planned.split,
        "clouds": budget.clouds,
        "features": next(iter(names.values())) if same else ", ".join(f"{n} ({role})" for role, n in names.items()),
    }
