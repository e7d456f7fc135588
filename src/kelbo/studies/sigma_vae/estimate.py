"""How long the study will take here, from the rates that were probed and what each measure costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from kelbo.recipes.sets import split_of
from kelbo.studies.probe import Rate, TimeEstimate
from kelbo.studies.sigma_vae.lanes import Entry
from kelbo.studies.sigma_vae.plan import Plan

LANE = 3.0
"""seconds of bringing a run back"""
STEP = 3.0
"""a training step costs about so many looks at the same images"""
CLASSIFIED = 4e-7
"""seconds for each value of an image that the feature network learns from, on one core"""


def estimate(
    plan: Plan, entries: Sequence[Entry], rates: Mapping[str, Rate], workers: int, network: bool
) -> TimeEstimate:
    """What is left: the steps of these lanes that are unfinished, measuring all of them, and the feature network."""
    training = measuring = 0.0
    batch = entries[0].plan.recipe.training.batch_size if entries else 0
    for entry in entries:
        rate = rates.get(entry.lane.decoder)
        if rate is None:
            continue
        if entry.state[0] != "diverged":
            training += max(0, entry.wanted - entry.steps) * batch / rate.trained
            measuring += LANE + _looks(plan, entry) / (STEP * rate.trained)
    if network:
        training += plan.budget.epochs * len(plan.images.train) * math.prod(plan.images.shape) * CLASSIFIED
    return TimeEstimate(training / workers, measuring / workers, workers)


def _looks(plan: Plan, entry: Entry) -> float:
    """Images that are encoded or decoded to measure a lane."""
    budget, measures = plan.budget, entry.lane.measures
    clouds = min(budget.clouds, len(split_of(plan.images, plan.split)))
    times = 2 + 3 * entry.grid + 2 * ("flattery" in measures)
    return times * plan.measured + 3 * clouds * ("distances" in measures) + budget.looked + budget.coded
