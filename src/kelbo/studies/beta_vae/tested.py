"""What the claims of the β-VAE report are tested by: differences and levels of our numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from kelbo.studies.arms import StudyModel
from kelbo.studies.beta_vae.models import (
    BETAS,
    CLASSIFIERS,
    CONV,
    FACTORS,
    MLP,
    NAMES,
    beta,
    betas,
    linears,
    role_of,
    whole,
)
from kelbo.studies.estimates import Estimate, against_printed, deviation_ratio, difference, paired, student, welch
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import Found, Test, Unit, apart, level, percent
from kelbo.studies.paper import Printed, paper

PAPER = paper(Path(__file__).with_name("paper.toml"))
FOUR, FIVE = "score.four", "score.five"
SHAPES3D, MPI3D = "3dshapes-conv", "mpi3d-conv"
LOW, HIGH = BETAS[:2], BETAS[2:]
MODELS = (*betas(MLP), *linears("dsprites"))
POINTS = 0.05
"""Scores within 5 points count as the same: the report's own standard deviations are between 2 and 17."""
GOOD = 0.9
"""A score from which on disentanglement counts as high."""
TWO_OF_FIVE = 0.5
"""Mutual information gap of half of the factors having a latent of their own: 1 if all had, 0.4 if two of five."""
BySeed = Mapping[int, float]
Tested = Callable[[Numbers], Found]


def numbered(model: StudyModel | str, quantity: str, place: str = "Table 1", role: str = "dsprites") -> Printed:
    """What a place prints of a model on a set."""
    found = PAPER.find(model, quantity, role, place)
    assert found is not None
    return found


def said(quantity: str, models: Sequence[StudyModel], roles: Sequence[str] = ("dsprites",)) -> str:
    """Printed numbers, by set."""
    return PAPER.said(quantity, models, roles, NAMES)


def gaps(
    quantity: str, unit: Unit, *pairs: tuple[StudyModel, StudyModel], above: float = -math.inf, below: float = math.inf
) -> Tested:
    """Tests of first − second: of one arm paired by seed, else Welch’s, since seeds of other images have nothing in common."""
    several = len({first.arm for first, _ in pairs}) > 1

    def test(n: Numbers) -> Found:
        for first, second in pairs:
            a, b = n.by_seed(quantity, first), n.by_seed(quantity, second)
            alike = first.settings == second.settings
            estimate = difference(a, b) if first.arm == second.arm else welch(list(a.values()), list(b.values()))
            label = f"{first}" if alike else f"{first} − {second}"
            yield Test(f"{whole(first.arm)}: {label}" if several else label, estimate, unit, above, below)

    return test


def rises(
    quantity: str, unit: Unit, first: float, second: float, on: Callable[[Numbers], Sequence[StudyModel]]
) -> Tested:
    """Tests that the number at the first β is above that at the second on every network and set of `on`."""
    return lambda n: gaps(quantity, unit, *((beta(m.arm, first), beta(m.arm, second)) for m in on(n)), above=0)(n)


def by_seed(rows: Iterable[BySeed]) -> dict[int, float]:
    """The mean of every seed's numbers, over the rows that have the seed."""
    found: dict[int, list[float]] = {}
    for row in rows:
        for seed, value in row.items():
            found.setdefault(seed, []).append(value)
    return {seed: fmean(values) for seed, values in found.items()}


def over_betas(n: Numbers, quantity: str, first: str, second: str) -> Estimate | None:
    """One arm − another at the same β and seed, the mean over β."""
    return student(by_seed(n.gap(quantity, beta(first, b), beta(second, b)) for b in BETAS))


def best(n: Numbers, quantity: str, arm: str, above: float, below: float = math.inf, words: str = "best") -> Test:
    """A test of the highest mean score over β."""
    model = n.best(quantity, betas(arm), most=True)
    label = f"{words}: {model}" if model else words
    return level(n, quantity, model or whole(arm), "percent", above=above, below=below, label=label)


# ── 2Dshapes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def above_one(n: Numbers) -> Found:
    for factors, words in FACTORS.items():
        for b in HIGH:
            label = f"{beta(MLP, b)}, {words}"
            yield apart(n, f"score.{factors}", beta(MLP, b), beta(MLP, 1.0), "points", above=0, label=label)


def as_in_table_1(n: Numbers) -> Found:
    for factors, words in FACTORS.items():
        quantity = f"score.{factors}"
        for model in MODELS:
            theirs = numbered(model, quantity)
            ours = list(n.by_seed(quantity, model).values())
            gap = against_printed(ours, theirs.value / 100, (theirs.sd or 0.0) / 100, theirs.n or 0)
            yield Test(f"{model}, {words}", gap, "points", -POINTS, POINTS)


def seeds_differ(n: Numbers) -> Found:
    for factors, words in FACTORS.items():
        high, low = ([list(n.by_seed(f"score.{factors}", beta(MLP, b)).values()) for b in part] for part in (HIGH, LOW))
        yield Test(words, deviation_ratio(high, low), "ratio", above=1)


def worst_half(n: Numbers) -> Found:
    rises, margins = [], []
    for model in betas(MLP):
        values = np.sort(list(n.by_seed(FOUR, model).values()))
        if len(values) > 1:
            rises.append(float(np.median(values[len(values) // 2 :]) - np.median(values)))
            margins += _margins(n, model)
    least = fmean(margins) if margins else 0.0
    yield Test("rise of the median", student(rises, "values of β"), "points", above=least)


def _margins(n: Numbers, model: StudyModel) -> Iterator[float]:
    """Half the 95 % interval of each of a model's scores; the binomial law's if it has none."""
    points = n.by_seed(f"{_main(n, 'four')}.test", model)
    for seed, value, low, high, _ in n.rows(_main(n, "four"), model):
        binomial = math.isnan(low) or math.isnan(high)
        yield 1.96 * math.sqrt(value * (1 - value) / points[seed]) if binomial else (high - low) / 2


def _main(n: Numbers, factors: str, pairs: int | None = None) -> str:
    """The score of the tables' classifier, for a number of pairs."""
    return f"score.{factors}.{n.facts['classifier']}.{pairs or n.facts['pairs']}"


def on_2d(n: Numbers) -> Sequence[StudyModel]:
    """The networks on 2Dshapes that were trained."""
    return [model for model in map(whole, (MLP, CONV)) if n.seeds(model)] or [whole(MLP)]


def score_and_quality(n: Numbers) -> Found:
    scored = [
        (value, seed, n.by_seed("mig", model).get(seed))
        for model in (*betas(MLP), *betas(CONV))
        for seed, value in n.by_seed(FOUR, model).items()
    ]
    gaps = by_seed({seed: gap} for value, seed, gap in scored if value >= GOOD and gap is not None)
    yield Test("mutual information gap", student(gaps), "gap", below=TWO_OF_FIVE)
    if scored and not gaps:
        yield f"no run scored so high and has a gap; the highest score is {percent(max(value for value, *_ in scored))}"


# ── PCA and ICA, L and classifiers ────────────────────────────────────────────────────────────────────────────────────


def flattening(n: Numbers) -> Found:
    for role in ("3dshapes", "mpi3d"):
        found = {
            row["label"]: _turned(**row["difference"])
            for entry in (n.extra("quirks") or {}).get("entries", ())
            if (entry["name"], entry["role"]) == ("baseline-layouts", role)
            for row in entry["rows"]
            if row["difference"]
        }
        yield from (Test(f"{label}, {NAMES[role]}", each, "points", below=0.02) for label, each in found.items())
        if not found:
            yield f"the layouts were not compared on {NAMES[role]}"


def _turned(value: float, low: float | None, high: float | None, **_: Any) -> Estimate:
    """A difference, published − corrected, the other way about."""
    if low is None or high is None:
        return Estimate(-value, None, None, "Replicates without spread, or only one")
    return Estimate(-value, -high, -low, "Over replicates with the same draws")


def more_pairs_models(n: Numbers) -> Found:
    fixed, deep = (
        list(by_seed(_rise(n, model) for model in models).values()) for models in (linears("dsprites"), betas(MLP))
    )
    yield Test("PCA and ICA − β-VAEs", welch(fixed, deep), "points", above=0)


def _rise(n: Numbers, model: StudyModel) -> BySeed:
    most, least = ends(n, model)
    return {seed: most[seed] - least[seed] for seed in most if seed in least}


def ends(n: Numbers, model: StudyModel) -> tuple[BySeed, BySeed]:
    """Scores at the largest L and at the smallest, of the first choice of factors that has both."""
    swept = n.facts["pairs_sweep"]
    for factors in FACTORS if len(set(swept)) > 1 else ():
        most, least = (n.by_seed(_main(n, factors, end(swept)), model) for end in (max, min))
        if most and least:
            return most, least
    return {}, {}


def pairs_narrow(n: Numbers) -> Found:
    most, least = zip(*(ends(n, model) for model in betas(MLP)), strict=True)
    yield Test("the range over β", paired(_ranges(most), _ranges(least)), "points", below=0)


def _ranges(rows: Sequence[BySeed]) -> BySeed:
    """Highest − lowest, of the seeds that every row has."""
    seeds = set.intersection(*map(set, rows))
    return {seed: max(row[seed] for row in rows) - min(row[seed] for row in rows) for seed in sorted(seeds)}


def classifiers(n: Numbers) -> Found:
    """Only classifiers that learned from the same number of points are compared, the most that did."""
    for arm in (MLP, SHAPES3D, MPI3D):
        role = NAMES[role_of(arm)]
        learned = {name: set(_by_classifier(n, arm, name, ".train").values()) for name in CLASSIFIERS}
        counts = [tuple(points) for points in learned.values() if len(points) == 1]
        most = max(counts, key=lambda points: (counts.count(points), points), default=())
        fair = [name for name, points in learned.items() if most and points == {*most}]
        label, estimate = _furthest({name: _by_classifier(n, arm, name) for name in fair})
        yield Test(f"{role}{label}", estimate, "points", -POINTS, POINTS)
        if estimate and len(fair) < len(learned):
            others = ", ".join(CLASSIFIERS[name] for name in learned if name not in fair)
            yield f"on {role}, {others} learned from another number of points, or not at all"


Run = tuple[str, str, int]
"""factors, β, seed"""


def _by_classifier(n: Numbers, arm: str, name: str, part: str = "") -> dict[Run, float]:
    """A classifier's scores, or a part of what stands beside them."""
    return {
        (factors, model.printed, seed): value
        for factors in FACTORS
        for model in betas(arm)
        for seed, value in n.by_seed(f"score.{factors}.{name}.{n.facts['pairs']}{part}", model).items()
    }


def _furthest(scores: Mapping[str, Mapping[Run, float]]) -> tuple[str, Estimate | None]:
    """The two classifiers whose means are furthest apart, and their difference over the runs that all have."""
    common = set.intersection(*map(set, scores.values())) if len(scores) > 1 else set()
    if not common:
        return "", None
    means = {name: sum(values[run] for run in common) for name, values in scores.items()}
    most, least = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    gaps = by_seed({run[-1]: scores[most][run] - scores[least][run]} for run in common)
    return f": {CLASSIFIERS[most]} − {CLASSIFIERS[least]}", student(gaps)
