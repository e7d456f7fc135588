"""What a run in training is told of a target that it does not reach."""

import pytest

from kelbo.experiments.watch import RunWatch
from kelbo.likelihoods import FixedGaussian
from kelbo.recipes.schema import DistortionTargetSpec, RateTargetSpec
from kelbo.runs import Run

STEPS = 1000
SPEC = DistortionTargetSpec(target=2.0)
CODES = ("target-out-of-reach", "target-missed")


def warned(tmp_path, spec, value, clamped=1.0, until=STEPS):
    """The codes of a target's warnings with their steps and distances; value: what is held, by the step."""
    run = Run.create(tmp_path / "run", "name = 'made'\n", {})
    watch = RunWatch(run, FixedGaussian(), STEPS, lambda _: None, target=spec)
    watch.begin()
    for step in range(20, until + 1, 20):
        slack = value(step) - spec.target
        watch({"step": step, "target": spec.target, "slack": slack, "multiplier": 0.9999, "clamp_active": clamped})
    return {w["kind"]: (w["step"], w["fields"]) for w in run.warnings() if w["kind"] in CODES}


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        (SPEC, lambda _: 3.0),
        (SPEC, lambda _: 1.0),
        (DistortionTargetSpec(target=2.0, form="log_odds"), lambda _: 3.0),
        (RateTargetSpec(target=20.0), lambda _: 15.0),
        (RateTargetSpec(target=20.0), lambda _: 25.0),
    ],
)
def test_a_target_out_of_reach_is_told_while_training_with_the_distance(spec, value, tmp_path):
    ((code, (step, fields)),) = warned(tmp_path, spec, value).items()
    assert code == "target-out-of-reach"
    assert step < STEPS / 2
    assert fields["distance"] == pytest.approx(abs(value(step) - spec.target))


def test_a_distance_that_still_falls_fast_enough_is_not_told(tmp_path):
    assert warned(tmp_path, SPEC, lambda step: 9.0 - 8 * step / STEPS, until=900) == {}
    assert "target-out-of-reach" in warned(tmp_path / "slow", SPEC, lambda step: 9.0 - step / STEPS, until=900)


def test_a_target_that_is_held_is_not_told(tmp_path):
    assert warned(tmp_path, SPEC, lambda _: 2.03) == {}


def test_a_multiplier_that_is_still_moving_at_the_end_is_told_then_only(tmp_path):
    assert warned(tmp_path, SPEC, lambda _: 2.5, clamped=0.0, until=STEPS - 20) == {}
    assert warned(tmp_path / "end", SPEC, lambda _: 2.5, clamped=0.0)["target-missed"][0] == STEPS
