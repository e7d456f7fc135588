"""What the numbers of a study answer: by seed, of finished lanes, with what is absent and why."""

import math

import numpy as np
import pytest
from tests.studies.invented import arm, lane, numbers

from kelbo.studies.arms import Budget, StudyModel

BETA = "objective.beta"
LOW, HIGH = (StudyModel("betas", ((BETA, beta),), f"β = {beta:g}") for beta in (0.5, 4.0))
WHOLE, OTHER = StudyModel("betas"), StudyModel("other", name="Other")


def beta(value, seed, found, **more):
    return lane(seed, found, {BETA: value}, **more)


@pytest.fixture
def n():
    low = [beta(0.5, seed, {"x": x}) for seed, x in enumerate((1.0, 3.0))]
    high = [beta(4.0, 1, {"x": [5.0, 4.0, 6.0]}), beta(4.0, 2, {"x": 9.0}, state="diverged"), beta(4.0, 3, {})]
    return numbers(arm("betas", *low, *high), arm("other"), units={"x": "nats"})


def test_numbers_are_those_of_finished_lanes_by_seed(n):
    assert n.by_seed("x", LOW) == {0: 1.0, 1: 3.0}
    assert n.by_seed("x", HIGH) == {1: 5.0}
    assert n.by_seed("y", LOW) == {}
    assert (n.mean("x", LOW), n.mean("x", OTHER)) == (2.0, None)
    assert n.gap("x", HIGH, LOW) == {1: 2.0}
    assert len(n.rows("x", WHOLE)) == 3  # a model without settings is the whole arm


def test_the_best_is_the_smallest_mean_or_the_largest(n):
    assert n.best("x", [HIGH, LOW, OTHER]) == LOW
    assert n.best("x", [HIGH, LOW, OTHER], most=True) == HIGH
    assert n.best("x", [OTHER]) is None


def test_the_frame_has_a_row_a_number_with_its_interval_also_of_lost_lanes(n):
    row = n.frame[(n.frame.seed == 1) & (n.frame.value == 5.0)].iloc[0]
    assert (row.settings, row.low, row.high, row.unit, row.step) == (((BETA, 4.0),), 4.0, 6.0, "nats", 100)
    assert sorted(n.frame.state) == ["diverged", "done", "done", "done"]


def test_numbers_that_are_not_finite_count_as_absent():
    n = numbers(arm("betas", beta(0.5, 0, {"x": math.nan}), beta(0.5, 1, {"x": math.inf}), beta(0.5, 2, {"x": 1.0})))
    assert n.by_seed("x", LOW) == {2: 1.0}


def test_why_a_model_has_no_numbers_is_said(n):
    assert n.lost(HIGH) == "1 diverged of 3"
    assert (n.seeds(HIGH), n.lost(LOW)) == ([1, 3], "")
    assert n.absence(OTHER) == "Other was not run"
    lost = numbers(arm("other", lane(0, state="failed"), lane(1, state="diverged")), left_out=[])
    assert lost.absence(OTHER) == "no run of Other finished (1 diverged, 1 failed of 2)"
    for what in ("other", "Other"):
        left = numbers(left_out=[{"what": what, "why": "its files were not found."}])
        assert left.absence(OTHER) == "Other was left out: its files were not found"


def test_the_least_share_of_the_steps_that_a_finished_lane_had_decides_whether_that_is_enough():
    lanes = lane(0, steps=60), lane(1, steps=5), lane(2, steps=1, state="diverged")
    n = numbers(arm("other", *lanes), arm("betas"))
    assert (n.share([OTHER]), n.share([LOW])) == (0.05, None)
    assert (n.too_brief([OTHER], 0.05), n.too_brief([LOW], 0.05)) == ("", "")
    assert "5.0 %" in n.too_brief([OTHER], 0.1)
    own = Budget("minutes", scale="fewer images", enough=lambda _n, _models: "too few images")
    assert (n := numbers(arm("other"), budgets={"minutes": own})).too_brief([OTHER], 0.1) == "too few images"
    assert n.scale == "fewer images"


def test_a_course_has_the_steps_that_all_seeds_have():
    rows = [[[1, 4.0], [2, 3.0], [3, 2.0]], [[1, 6.0], [3, 5.0]]]
    n = numbers(arm("other", *(lane(seed, courses={"elbo": row}) for seed, row in enumerate(rows))))
    steps, seeds = n.course("elbo", OTHER)
    np.testing.assert_array_equal(steps, [1, 3])
    np.testing.assert_array_equal(seeds, [[4.0, 2.0], [6.0, 5.0]])
    assert n.by_seed("elbo", OTHER) == {0: 2.0, 1: 5.0}  # of the last step
    assert [part.size for part in n.course("elbo", LOW)] == [0, 0]


def test_derived_quantities_are_made_in_their_order_from_numbers_settings_steps_and_courses():
    derived = {
        "loss": lambda lane: None if lane["x"] is None else -lane["x"],
        "sum": lambda lane: None if lane["loss"] is None else lane["loss"] + lane[BETA] + lane["steps"],
        "first": lambda lane: lane["elbo.steps"][0][1] if lane["elbo.steps"] else None,
    }
    n = numbers(arm("betas", beta(0.5, 0, {"x": 1.0}), beta(0.5, 1, {}, courses={"elbo": [[1, 7.0]]})), derived=derived)
    assert [n.by_seed(name, LOW) for name in derived] == [{0: -1.0}, {0: 99.5}, {1: 7.0}]


def test_words_are_each_told_once_and_models_come_in_the_order_of_the_grid(n):
    there = numbers(arm("other", *(lane(seed, words={"kind": kind}) for seed, kind in enumerate("bab"))))
    assert there.words("kind", [OTHER]) == ["a", "b"]
    assert n.models("betas", BETA, lambda value: value) == [0.5, 4.0]


def test_lanes_count_with_the_arm_that_theirs_is_of_and_extras_with_theirs():
    extra = {"arm": "betas", "lanes": [lane(0, {"x": 8.0}, {BETA: 4.0}, run=None)], "value": {"of": "all"}}
    n = numbers(arm("released", beta(0.5, 0, {"x": 1.0}), of="betas"), extras={"linear": extra})
    assert n.by_seed("x", LOW) | n.by_seed("x", HIGH) == {0: 8.0}
    assert (n.by_seed("x", LOW), n.extra("linear"), n.extra("none")) == ({0: 1.0}, {"of": "all"}, None)


def test_a_measurement_of_a_run_that_is_gone_is_none(n, tmp_path):
    kept = numbers(arm("other", lane(0, measured={"shown": ["samples", "1"]})), folder=tmp_path)
    assert kept.kept("shown", OTHER) is None
    assert n.measured({"run": "x"}, "shown") is None
