"""The plan of the β-VAE study: which sweeps are trained on which images, what is measured of their lanes, what is left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from kelbo.errors import RecipeError
from kelbo.metrics.classifiers import Classifier
from kelbo.recipes.beta_study import EPOCHS, PARTS, StudySweep, part_recipe
from kelbo.recipes.files import change
from kelbo.recipes.schema import Recipe
from kelbo.studies.beta_vae.as_published_classifiers import POINTS
from kelbo.studies.beta_vae.budget import Budget, L
from kelbo.studies.beta_vae.quirks import CLASSIFIERS
from kelbo.studies.beta_vae.scoring import FACTORS, Wanted
from kelbo.studies.beta_vae.sets import Source, source_of
from kelbo.studies.beta_vae.wanted import TARGETS, Measure, Need, chosen
from kelbo.studies.study_features import Features, features_for, settled

Mode = Literal["corrected", "as-published"]
MAIN: dict[Mode, Classifier] = {"corrected": "logistic", "as-published": "linear"}
"""the classifier of the tables"""
CIFAR_SHAPE = (3, 32, 32)


class LanePlan(NamedTuple):
    """One lane and what is measured of it."""

    beta: str
    seed: int
    measures: frozenset[Measure]

    @property
    def name(self) -> str:
        """As the sweep calls it."""
        return f"beta={self.beta},seed={self.seed}"


@dataclass(frozen=True)
class SweepPlan:
    """One part of the study: a grid over β and seeds, of whose lanes `needs` are trained.

    compared: seeds whose codes go to all four classifiers, where these are asked for at all.
    """

    name: str
    part: StudySweep
    source: Source
    betas: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: int
    needs: tuple[Need, ...]
    compared: tuple[int, ...]
    as_published: bool

    @property
    def recipe(self) -> Recipe:
        """At β = 1 and the part's first seed."""
        return part_recipe(self.name, self.source.data, self.steps, as_published=self.as_published)

    @property
    def over(self) -> list[str]:
        """What the sweep varies, as `kelbo sweep --over` takes it."""
        return [f"objective.beta={','.join(self.betas)}"]

    def recipe_of(self, lane: LanePlan) -> Recipe:
        """A lane's recipe."""
        return change(self.recipe, [f"objective.beta={lane.beta}", f"seed={lane.seed}"])

    @property
    def has_factors(self) -> bool:
        return self.part.standing is not None

    def lanes(self) -> Iterator[LanePlan]:
        """Those that something was asked of."""
        for beta in self.betas:
            for seed in self.seeds:
                asked = [n for n in self.needs if n.covers(self.name, float(beta), seed == self.seeds[0])]
                measures: set[Measure] = {m for need in asked for m in need.measures}
                if seed not in self.compared:
                    measures.discard("classifiers")
                if asked:
                    yield LanePlan(beta, seed, frozenset(measures))

    def told(self) -> dict[str, Any]:
        """As results.json has it."""
        recipe, lanes = self.recipe, list(self.lanes())
        return {
            "name": self.name,
            "set": self.source.data.kind,
            "role": self.part.role,
            "source": self.source.kind,
            "note": self.source.note,
            "network": self.part.network,
            "betas": [float(beta) for beta in self.betas if any(beta == lane.beta for lane in lanes)],
            "seeds": [seed for seed in self.seeds if any(seed == lane.seed for lane in lanes)],
            "lanes": len(lanes),
            "steps": self.steps,
            "paper_steps": self.part.paper_steps,
            "batch_size": self.part.batch_size,
            "epochs": self.steps * self.part.batch_size / self.source.images,
            "paper_epochs": EPOCHS,
            "optimizer": recipe.optimizer.kind,
            "learning_rate": recipe.optimizer.learning_rate,
            "drop": recipe.schedule.kind == "drop",
            "images": self.source.images,
        }


class BaselinePlan(NamedTuple):
    """PCA and ICA on one set, with one of its seeds."""

    role: str
    seed: int
    latents: int
    source: Source
    measures: frozenset[Measure]

    @property
    def name(self) -> str:
        return f"{self.role},seed={self.seed}"


@dataclass(frozen=True)
class Plan:
    """only: the tables and figures that were asked for, None where all. left_out: (what, why). named: the features that were
    asked for, None where each set's default."""

    budget: Budget
    mode: Mode
    only: tuple[str, ...] | None
    root: Path | None
    sweeps: tuple[SweepPlan, ...]
    baselines: tuple[BaselinePlan, ...]
    left_out: tuple[tuple[str, str], ...]
    features: dict[str, Features]
    named: str | None = None
    by_seed: bool = False

    def drawing_by_seed(self) -> Plan:
        """The same plan with test images drawn by each lane's own seed."""
        return plan_of(self.budget, self.mode, self.only, self.root, self.named, by_seed=True)

    def asking(self, only: Sequence[str] | None, features: str | None = None) -> Plan:
        """The same plan for other tables and figures; features: through these where the plan names none."""
        names, named = None if only is None else chosen(only), self.named or features
        same = (names, named) == (self.only, self.named)
        return self if same else plan_of(self.budget, self.mode, names, self.root, named, by_seed=self.by_seed)

    def whole(self, names: Collection[str]) -> tuple[tuple[SweepPlan, ...], tuple[tuple[str, str], ...]]:
        """Those of the sweeps of all tables and figures, and which of them cannot be trained, with the reason."""
        parts = {name: part for name, part in PARTS.items() if name in names}
        return _sweeps(self.budget, self.mode, tuple(TARGETS), self.root, parts, by_seed=self.by_seed)

    def follows(self, sweep: SweepPlan) -> bool:
        """Whether distances are read while a sweep's lanes train."""
        return sweep.part.role in self.features

    @property
    def as_published(self) -> bool:
        return self.mode == "as-published"

    @property
    def split(self) -> str:
        """The images that bound and distances are measured on: the study's code held none out."""
        return "train" if self.as_published else "test"

    def wants(self, target: str) -> bool:
        """Whether a table or figure was asked for."""
        return self.only is None or target in self.only

    def scores(self, role: str, measures: frozenset[Measure]) -> tuple[Wanted, ...]:
        """The β-VAE scores of a lane or baseline on a set with factors."""
        if "scores" not in measures:
            return ()
        main = MAIN[self.mode]
        asked: list[tuple[Classifier, int]] = [(main, L)]
        asked.extend((main, pairs) for pairs in self.budget.pairs if pairs != L and "pairs" in measures)
        asked.extend((c, L) for c in CLASSIFIERS if c != main and "classifiers" in measures)
        factors = FACTORS if role == "dsprites" else FACTORS[:1]
        return tuple(self._score(part, classifier, pairs) for part in factors for classifier, pairs in asked)

    def _score(self, factors: str, classifier: Classifier, pairs: int) -> Wanted:
        points = self.budget.points[classifier]
        train, test = points.train, points.test
        if self.as_published:
            train, test = min(train, POINTS[0]), min(test, POINTS[1])
        most = self.budget.points["logistic"].replicates if classifier == MAIN[self.mode] else points.replicates
        return Wanted(factors, classifier, pairs, train, test, most, self.as_published)

    def told(self) -> dict[str, Any]:
        """As results.json has it."""
        main, budget = self._score(FACTORS[0], MAIN[self.mode], L), self.budget
        names = {role: features.title for role, features in self.features.items()}
        same = len(set(names.values())) == 1
        return {
            "sweeps": [sweep.told() for sweep in self.sweeps],
            "left_out": [{"what": what, "why": why} for what, why in self.left_out],
            "measures": {
                "codes": budget.codes or "all",
                "points": [main.train, main.test],
                "pairs": L,
                "pairs_sweep": list(budget.pairs),
                "images": budget.images or "all",
                "split": self.split,
                "clouds": budget.clouds,
                "features": next(iter(names.values())) if same else ", ".join(f"{n} ({r})" for r, n in names.items()),
            },
        }


def plan_of(
    budget: Budget,
    mode: Mode = "corrected",
    only: Sequence[str] | None = None,
    root: Path | None = None,
    features: str | None = None,
    *,
    by_seed: bool = False,
) -> Plan:
    """What is to be done. root: below which official files are looked for. features: the network of Fréchet distances.
    by_seed: each lane's own seed draws its test images, as all did in an earlier version.

    RecipeError for an unknown mode, table or figure; DataError where files are there but broken, or the network is not.
    """
    if mode not in get_args(Mode):
        raise RecipeError(f"The study has no mode {mode!r}; it has {', '.join(get_args(Mode))}.")
    names, named = chosen(only), settled(features)
    sweeps, left_out = _sweeps(budget, mode, names, root, by_seed=by_seed)

    def through(role: str) -> Features:
        return features_for(role, CIFAR_SHAPE, named, root, legacy=mode == "as-published")

    roles = sorted({sweep.part.role for sweep in sweeps if not sweep.has_factors})
    if named and not roles:
        through("cifar10")  # refuses a network that cannot be opened, though nothing is compared through it yet
    baselines, distances = tuple(_baselines(budget, names, root, by_seed)), {role: through(role) for role in roles}
    asked = names if only is not None else None
    return Plan(budget, mode, asked, root, sweeps, baselines, left_out, distances, named, by_seed)


def _sweeps(
    budget: Budget,
    mode: Mode,
    names: Sequence[str],
    root: Path | None,
    parts: Mapping[str, StudySweep] = PARTS,
    *,
    by_seed: bool,
) -> tuple[tuple[SweepPlan, ...], tuple[tuple[str, str], ...]]:
    """The sweeps of these parts that the tables and figures need, and those that cannot be trained, with the reason."""
    sweeps: list[SweepPlan] = []
    left_out: list[tuple[str, str]] = []
    for name, part in parts.items():
        needs = tuple(need for target in names for need in TARGETS[target].lanes if need.part == name)
        if not needs:
            continue
        if name not in budget.steps:
            left_out.append((name, f"the budget {budget.name} has no steps for it"))
            continue
        source = source_of(part, root, by_seed=by_seed)
        if isinstance(source, str):
            left_out.append((name, source))
            continue
        betas, seeds = budget.betas, part.seeds[: budget.seeds]
        steps, compared = budget.steps[name], seeds[: budget.compared]
        sweeps.append(SweepPlan(name, part, source, betas, seeds, steps, needs, compared, mode == "as-published"))
    return tuple(sweeps), tuple(left_out)


def _baselines(budget: Budget, names: Sequence[str], root: Path | None, by_seed: bool) -> Iterator[BaselinePlan]:
    """PCA and ICA of every set that some target scores them on and some part of the budget trains on."""
    roles = {role: name for name, part in PARTS.items() if name in budget.steps for role in [part.role]}
    for role, name in roles.items():
        wanted = [TARGETS[target] for target in names if role in TARGETS[target].baselines]
        source = source_of(PARTS[name], root, by_seed=by_seed) if wanted else ""
        if isinstance(source, str):
            continue
        measures: tuple[Measure, ...] = ("scores", "pairs") if any(t.pairs for t in wanted) else ("scores",)
        for seed in PARTS[name].seeds[: budget.seeds]:
            yield BaselinePlan(role, seed, PARTS[name].latents, source, frozenset(measures))
