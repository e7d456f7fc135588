"""How long the study will take here, from the rates that were probed and what each measure costs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kelbo.studies.beta_vae.plan import Plan
from kelbo.studies.beta_vae.training import Entry
from kelbo.studies.probe import Rate, TimeEstimate

REFERENCE = 1_000.0
"""images a second that one thread trains of 2Dshapes' MLP where the costs below were measured, in seconds"""
CLASSIFIER = {"logistic": (0.05, 5e-6), "linear": (0.05, 2.5e-4), "forest": (0.1, 3e-4), "mlp": (5.0, 3.5e-2)}
"""of one score, and of each point that its classifier learns from"""
PAIR = 7e-8
"""of drawing a pair of codes"""
LANE, SEEN = 3.0, 1.2e-3
"""of bringing a run back, and of looking at a reconstruction"""
BASELINE, IDENTITY = 10.0, 5.0
"""of fitting PCA and ICA; of section 4.2"""
QUIRKS = (60.0, 0.1)
"""of the code's quirks, and of each step of their longest classifiers"""


def estimate(
    plan: Plan,
    entries: Sequence[Entry],
    rates: Mapping[str, Rate],
    workers: int,
    left: Collection[str] | None = None,
) -> TimeEstimate:
    """What is left: steps of unfinished lanes, and measuring them, what is `left` of finished lanes, and the rest.

    left: titles of finished lanes, names of baselines, "quirks" and "identity" that are not measured whole; all where None.
    """
    slow = REFERENCE / rates["dsprites-mlp"].trained if "dsprites-mlp" in rates else 1.0
    training = measuring = 0.0
    for entry in entries:
        rate = rates[entry.plan.name]
        if entry.has_steps_to_do:
            training += (entry.plan.steps - entry.steps) * entry.plan.part.batch_size / rate.trained
        if entry.has_steps_to_do or (entry.state[0] == "done" and _is_left(entry.title, left)):
            measuring += _measuring(plan, entry, rate, slow)
    baselines = [b for b in plan.baselines if _is_left(b.name, left)]
    measuring += sum(slow * (BASELINE + 2 * _scoring(plan, b.role, b.measures)) for b in baselines)
    if plan.wants("identity") and _is_left("identity", left):
        measuring += slow * IDENTITY
    if plan.wants("quirks") and _is_left("quirks", left):
        measuring += slow * (QUIRKS[0] + QUIRKS[1] * plan.budget.effort.mlp_steps)
    return TimeEstimate(training / workers, measuring / workers, workers)


def _is_left(name: str, left: Collection[str] | None) -> bool:
    return left is None or name in left


def _measuring(plan: Plan, entry: Entry, rate: Rate, slow: float) -> float:
    budget, measures = plan.budget, entry.lane.measures
    codes = (budget.codes or entry.plan.part.images) if "scores" in measures else 0
    seen = (budget.images or entry.plan.source.images // 10) * 2 + ("distances" in measures) * 3 * budget.clouds
    return (
        slow * (LANE + SEEN * seen / 2)
        + (codes + seen) / rate.encoded
        + slow * _scoring(plan, entry.plan.part.role, measures)
    )


def _scoring(plan: Plan, role: str, measures: frozenset[Any]) -> float:
    total = 0.0
    for wanted in plan.scores(role, measures):
        own, each = CLASSIFIER[wanted.classifier]
        points = wanted.train + wanted.test
        total += wanted.replicates * (own + each * wanted.train + PAIR * points * wanted.pairs)
    return total
