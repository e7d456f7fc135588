"""The intervals of a claim's numbers, and the rule of its verdict."""

import math

import numpy as np
import pytest
from scipy import stats

from kelbo.reports import claims as c
from kelbo.reports.claims import Claim, Estimate, Evidence, judge

CLAIM = Claim("some", "Table 1", "Something is larger.", "2", "difference > 0")
ABOVE, BELOW, ACROSS = Estimate(1, 0.5, 1.5, ""), Estimate(-1, -1.5, -0.5, ""), Estimate(0.2, -0.5, 0.9, "")


def outcome(*estimates, **how):
    return judge(CLAIM, [Evidence(f"number {k}", e, "points", above=0) for k, e in enumerate(estimates)], **how)


# The intervals


def test_students_interval_is_scipys():
    values = [0.62, 0.71, 0.66, 0.80]
    found = c.student({123: 0.62, 427: 0.71, 235: 0.66, 921: 0.80})
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert found[:3] == pytest.approx((np.mean(values), low, high))


def test_a_paired_interval_is_that_of_the_differences_of_common_seeds():
    first, second = {1: 0.9, 2: 0.7, 3: 0.8, 4: 0.1}, {3: 0.6, 1: 0.85, 2: 0.6, 9: 0.0}
    expected = stats.ttest_rel([0.9, 0.7, 0.8], [0.85, 0.6, 0.6]).confidence_interval()
    found = c.paired(first, second)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.how == "Paired, 3 seeds"


def test_welchs_interval_is_scipys():
    a, b = [0.3, 0.5, 0.45], [0.8, 0.81, 0.99, 0.7]
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    found = c.welch(a, b)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_printed_number_counts_with_its_own_seeds():
    ours, theirs = np.array([0.5, 0.6, 0.7]), np.array([0.4, 0.5, 0.45, 0.47])
    found = c.against_printed(ours.tolist(), theirs.mean(), theirs.std(ddof=1), 4)
    assert found[:3] == pytest.approx(c.welch(ours.tolist(), theirs.tolist())[:3])


def test_a_ratio_of_deviations_covers_the_true_one_in_95_of_100_cases():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        groups = [[rng.normal(scale=s, size=4) + m for m in (0, 5)] for s in (2.0, 1.0)]
        found = c.deviation_ratio(*groups)
        hits += found.low < 2.0 < found.high
    assert abs(hits / 2000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize("found", [c.student([0.3]), c.paired({1: 0.3}, {1: 0.1, 2: 0.5}), c.welch([0.3], [0.1, 0.2])])
def test_one_seed_has_a_number_and_no_interval(found):
    assert found.value > 0
    assert found.low is None
    assert found.high is None


def test_no_seed_is_no_number():
    assert c.student([]) is None
    assert c.paired({1: 0.3}, {2: 0.1}) is None
    assert c.welch([], [0.1, 0.2]) is None
    assert c.deviation_ratio([[1.0], [2.0]], [[1.0, 2.0]]) is None
    assert c.deviation_ratio([[1.0, 2.0]], [[1.0, 1.0]]) is None


# The rule


def test_all_intervals_on_the_claims_side_reproduce_it():
    assert outcome(ABOVE, ABOVE).outcome == "reproduced"


def test_one_interval_on_the_other_side_is_enough_against_it():
    found = outcome(ABOVE, BELOW, ACROSS)
    assert found.outcome == "not reproduced"
    assert "number 1" in found.why
    assert "number 2" not in found.why


def test_an_interval_with_both_sides_in_it_decides_nothing():
    found = outcome(ABOVE, ACROSS)
    assert found.outcome == "not tested"
    assert "both sides in it (number 1)" in found.why


def test_an_interval_that_ends_at_the_bound_is_on_neither_side():
    assert outcome(Estimate(1, 0.0, 2, "")).outcome == "not tested"
    assert outcome(Estimate(-1, -2, 0.0, "")).outcome == "not tested"


def test_a_band_is_left_on_either_side():
    for low, high, side in ((-0.1, 0.1, "for"), (0.6, 0.9, "against"), (-0.9, -0.6, "against"), (0.4, 0.6, "open")):
        assert Evidence("", Estimate(0, low, high, ""), "points", above=-0.5, below=0.5).side == side


def test_one_seed_decides_nothing_and_says_which_way_it_leans():
    found = outcome(Estimate(1, None, None, "One seed"))
    assert found.outcome == "not tested"
    assert found.why == "One seed has no interval. So far the number is on the claim’s side."


@pytest.mark.parametrize("estimate", [ABOVE, BELOW])
def test_models_hardly_trained_decide_nothing_either_way(estimate):
    short, enough = outcome(estimate, trained=0.0999), outcome(estimate, trained=0.1)
    assert short.outcome == "not tested"
    assert "below 10 % neither outcome would say anything" in short.why
    assert enough.outcome == ("reproduced" if estimate is ABOVE else "not reproduced")
    assert "Trained for 10 % of the paper’s steps" in enough.why


def test_what_is_missing_keeps_a_claim_from_being_reproduced_but_not_from_failing():
    missing = ["CIFAR-10 was left out"]
    assert outcome(ABOVE, missing=missing).outcome == "not tested"
    assert "CIFAR-10 was left out" in outcome(ABOVE, missing=missing).why
    assert outcome(BELOW, missing=missing).outcome == "not reproduced"


@pytest.mark.parametrize("estimate", [ABOVE, BELOW])
def test_a_number_that_is_held_keeps_its_interval_decides_nothing_and_says_why_once(estimate):
    held = [Evidence(f"held {k}", estimate, "points", above=0, held="it is on its way") for k in range(2)]
    found = judge(CLAIM, [*held, Evidence("free", ABOVE, "points", above=0)], missing=["CIFAR-10 was left out"])
    assert [part.side for part in found.evidence] == ["open", "open", "for"]
    assert (found.evidence[0].value, found.evidence[0].interval) == (held[0]._replace(held="").value, held[0].interval)
    assert held[0].interval
    assert (found.outcome, found.so_far) == ("not tested", "")
    assert found.missing == ("CIFAR-10 was left out", "it is on its way")
    assert found.why.startswith("CIFAR-10 was left out; it is on its way. ")
    assert judge(CLAIM, [*held, Evidence("free", BELOW, "points", above=0)]).outcome == "not reproduced"


def test_a_number_that_is_held_is_not_said_to_have_an_interval_that_does_not_decide():
    held = Evidence("held", ABOVE, "points", above=0, held="it is on its way")
    assert "do not decide" not in judge(CLAIM, [held], trained=0.01).why
    assert "It is on its way." in judge(CLAIM, [held], trained=0.01).why


def test_a_number_that_is_held_leans_to_neither_side():
    held, free = (Evidence("a", BELOW, "points", above=0, held=held) for held in ("it is on its way", ""))
    for trained in (0.01, 1.0):
        alone = judge(CLAIM, [held], trained=trained)
        assert alone.leaning == "held"
        assert "side" not in alone.why
        beside = judge(CLAIM, [held, Evidence("b", ACROSS, "points", above=0)], trained=trained)
        assert beside.leaning == "for"
        assert "So far the other number is on the claim’s side." in beside.why
    assert judge(CLAIM, [free], trained=0.01).leaning == "against"
    assert "do not decide" in judge(CLAIM, [held, held._replace(estimate=ACROSS, held="")], trained=0.01).why


def test_nothing_measured_is_not_tested_and_says_why():
    assert outcome(missing=["its files are not here"]).why == "Its files are not here."
    assert outcome().outcome == "not tested"


def test_numbers_are_written_in_the_units_of_the_claim():
    points = Evidence("", Estimate(0.1234, 0.1, 0.15, ""), "points")
    assert (points.value, points.interval) == ("+12.3 points", "10.0 to 15.0")
    assert Evidence("", Estimate(-0.0001, -0.02, 0.02, ""), "points").value == "0.0 points"
    share = Evidence("", Estimate(0.98, 0.9, 1.06, ""), "percent")
    assert (share.value, share.interval) == ("98.0 %", "90.0 to 100.0")
    distance = Evidence("", Estimate(171.126, 168.02, 174.2, ""), "distance")
    assert (distance.value, distance.interval) == ("171.1", "168.0 to 174.2")
    exact = Evidence("", Estimate(2e-7, 2e-7, 2e-7, ""), "relative")
    assert (exact.value, exact.interval) == ("2.00e−7", "")


def test_a_verdict_says_which_way_its_numbers_lean():
    assert outcome(ABOVE, trained=0.01).leaning == "for"
    assert outcome(BELOW, ACROSS).leaning == "both"
    assert outcome(BELOW).leaning == "against"
    assert outcome().leaning == "none"


def test_a_test_that_lacks_a_part_does_not_simply_agree_so_far():
    short = {"trained": 0.01}
    assert outcome(ABOVE, **short).so_far == "agrees so far"
    assert outcome(ABOVE, missing=["CIFAR-10 was left out"], **short).so_far == "agrees so far, parts missing"
    assert outcome(ABOVE, missing=["CIFAR-10 was left out"]).so_far == "agrees so far, parts missing"
    assert outcome(BELOW, ABOVE, missing=["CIFAR-10 was left out"], **short).so_far == "disagrees so far"
    assert outcome(ACROSS, ABOVE, missing=["CIFAR-10 was left out"], **short).so_far == ""
    assert outcome(missing=["CIFAR-10 was left out"]).so_far == ""
    assert outcome(ABOVE).so_far == ""
