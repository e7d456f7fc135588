"""What a run in training is told of a target that it does not reach, and what the doctor finds of one."""

import pytest

from kelbo.experiments.held import judged
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


def test_rows_of_small_batches_that_swing_about_the_target_hold_it(tmp_path):
    def swinging(step):
        return 2.0 + 0.1 * (-1) ** (step // 20)

    assert warned(tmp_path, SPEC, swinging, clamped=0.0) == {}
    rows = [
        {"step": s, "target": 2.0, "slack": swinging(s) - 2, "multiplier": 0.9, "clamp_active": 0.0}
        for s in range(20, 1001, 20)
    ]
    assert [each.code for each in judged(rows, SPEC, STEPS, None)] == ["target-held"]


def test_a_multiplier_that_is_still_moving_at_the_end_is_told_then_only(tmp_path):
    assert warned(tmp_path, SPEC, lambda _: 2.5, clamped=0.0, until=STEPS - 20) == {}
    assert warned(tmp_path / "end", SPEC, lambda _: 2.5, clamped=0.0)["target-missed"][0] == STEPS


def found(spec, value, *, clamped=0.0, multiplier=lambda _: 0.9, test=None, **more):
    """What the doctor finds of a target in rows that hold `value`, both by the step; test: on test images, ± its error."""
    told = None if test is None else {"value": test[0], "standard_error": test[1]}
    held = {"target": spec.target, "clamp_active": clamped}
    steps = range(20, STEPS + 1, 20)
    rows = [{"step": s, "slack": value(s) - spec.target, "multiplier": multiplier(s), **held, **more} for s in steps]
    return judged(rows, spec, STEPS, told)


@pytest.mark.parametrize(
    ("code", "severity", "value", "more"),
    [
        ("target-held", "fine", 2.03, {"test": (2.03, 0.01)}),
        ("target-held", "fine", 2.03, {"test": (2.3, 0.1)}),  # noise of the test images
        ("target-held", "fine", 2.03, {"test": (1.5, 0.01)}),  # they are better
        ("target-missed-on-test", "warning", 2.03, {"test": (2.3, 0.01)}),
        ("target-winding", "warning", 2.03, {"multiplier": lambda step: 1 - 0.9 * step / STEPS}),
        ("target-out-of-reach", "warning", 3.0, {"clamped": 1.0}),
        ("target-out-of-reach", "warning", 1.0, {"clamped": 1.0}),
        ("target-missed", "warning", 3.0, {}),
    ],
)
def test_the_doctor_says_whether_a_target_is_held_and_why_not(code, severity, value, more):
    (one,) = found(SPEC, lambda _: value, **more)
    assert (one.code, one.severity) == (code, severity)
    assert one.fields["distance"] == pytest.approx(abs(value - 2.0))


def test_a_distance_is_told_in_the_unit_of_the_target_too():
    (one,) = found(DistortionTargetSpec(unit="psnr", target=2.0), lambda _: 3.0, slack_psnr=-1.76)
    assert (one.fields["held"], one.fields["unit"], one.fields["in_unit"]) == ("squared_error", "psnr", -1.76)
    assert "-1.76 dB" in one.text


def test_bits_per_dim_of_a_gaussian_are_held_as_a_squared_error_within_its_share_alone():
    """Half a nat, within which nats count as held, would be much of a squared error."""
    spec = DistortionTargetSpec(unit="bits_per_dim", target=3.0)
    (nats,) = found(spec, lambda _: 3.4)
    (error,) = found(spec, lambda _: 3.4, squared_error=3.4)
    assert (nats.code, error.code) == ("target-held", "target-missed")


def test_rows_without_a_target_are_not_judged_by_one():
    assert judged([{"step": 20, "rate": 1.0}], SPEC, STEPS, None) == []
