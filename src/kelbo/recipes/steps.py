"""What a recipe says of training's steps, as objects: the objective, the schedule, and which updates are skipped."""

from __future__ import annotations

from kelbo import objectives
from kelbo.errors import RecipeError
from kelbo.protocols import Objective
from kelbo.recipes import schema as s
from kelbo.recipes.schema import Recipe
from kelbo.training import Constant, Cosine, Drop, Schedule, Skipping


def objective(recipe: Recipe) -> Objective:
    match spec := recipe.objective:
        case s.ElboSpec():
            return objectives.Beta(1.0)
        case s.BetaSpec():
            return objectives.Beta(spec.beta, spec.warmup, _groups(spec), spec.warmup_from)
        case s.CapacitySpec():
            return objectives.Capacity(spec.gamma, spec.capacity, spec.steps)
        case s.DistortionTargetSpec() | s.RateTargetSpec():
            if spec.target is None:
                raise RecipeError(
                    f"objective.target is missing: say at what objective.kind {spec.kind!r} is to hold, in objective.unit "
                    f"({spec.unit})."
                )
            steps = spec.steps or recipe.training.steps
            target = objectives.Target(spec.target, spec.unit, spec.start, steps, spec.jumps)
            kind = objectives.RateTarget if spec.kind == "rate_target" else objectives.DistortionTarget
            return kind(target, spec.form, spec.multiplier_rate, _groups(spec))


def _groups(spec: s.BetaSpec | s.TargetSpec) -> objectives.GroupRates:
    return objectives.GroupRates(spec.free_bits, spec.balance)


def skipping(recipe: Recipe) -> Skipping | None:
    """Which updates are skipped; None if none is."""
    match spec := recipe.training.skip:
        case s.QuantileSkipSpec():
            return Skipping(None, spec.quantile, spec.factor, spec.window, spec.patience)
        case s.FixedSkipSpec():
            return Skipping(spec.above, patience=spec.patience, per_dim=spec.per == "dim")
        case _:
            return None


def schedule(recipe: Recipe) -> Schedule:
    steps = recipe.training.steps
    match spec := recipe.schedule:
        case s.ConstantSpec():
            return Constant(spec.warmup)
        case s.DropSpec():
            return Drop(steps, spec.at, spec.factor, spec.warmup)
        case s.CosineSpec():
            return Cosine(steps, spec.final, spec.warmup)
