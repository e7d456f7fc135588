"""Controllers on a rate-distortion curve in closed form: reverse water-filling of the spectrum of CIFAR-10."""

import json
from pathlib import Path

import pytest
import torch

from kelbo.bound import ErrorBound
from kelbo.objectives import DistortionTarget, RateTarget, Target
from kelbo.objectives.distortion_target import ends_of_errors

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
SPECTRUM = torch.tensor(json.loads((RESULTS / "cifar10_spectrum.json").read_text()))
NOISE = 0.03


def settled(held, steps, last=400):
    """Mean of what is held over the last steps, and the share of them with an active clamp.

    The model is always at its best: if the squared error weighs w times as much as the rate, a component's is min(s, 1 / (2w)).
    """
    torch.manual_seed(0)
    state, values, clamped = held.initial(), [], []
    for noise in 1 + NOISE * torch.randn(steps):
        rest, multiplier = held.multiplier.weights(state)
        weight = multiplier / rest if isinstance(held, DistortionTarget) else 0.5 * rest / multiplier
        errors = torch.minimum(SPECTRUM, 1 / (2 * weight))
        rate, error = 0.5 * (SPECTRUM / errors).log().sum(), errors.sum()
        bound = ErrorBound((rate * noise)[None, None], (0.5 * error)[None], (error * noise)[None])
        values.append(float(error if isinstance(held, DistortionTarget) else rate))
        clamped.append(float(held.told(bound, state)["clamp_active"]))
        state = held(bound, state)[1]
    return sum(values[-last:]) / last, sum(clamped[-last:]) / last


@pytest.mark.parametrize("target", [pytest.param(8.0, marks=pytest.mark.slow), 0.05])
def test_the_log_odds_form_settles_on_its_target(target):
    stated = Target(target, "squared_error", dims=len(SPECTRUM))
    value, clamped = settled(DistortionTarget(stated, "log_odds", ends=ends_of_errors(stated)), 1800)
    assert value == pytest.approx(target, rel=0.01)
    assert clamped == 0


def test_the_published_form_cannot_reach_a_small_target_and_says_that_it_is_clamped():
    value, clamped = settled(DistortionTarget(Target(0.05, "squared_error")), 500)
    assert value > 0.1
    assert clamped == 1


@pytest.mark.slow
@pytest.mark.parametrize("form", ["published", "log_odds"])
def test_a_rate_settles_on_its_target(form):
    value, _ = settled(RateTarget(Target(116.0, "nats"), form), 9000)
    assert value == pytest.approx(116.0, rel=0.02 if form == "published" else 0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("target", "steps"), [(64.0, 10_000), (8.0, 4000), (0.5, 4000)])
def test_the_published_form_settles_on_larger_targets(target, steps):
    value, _ = settled(DistortionTarget(Target(target, "squared_error")), steps, 2000)
    assert value == pytest.approx(target, rel=0.02)
