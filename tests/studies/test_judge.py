"""What a claim comes to: by intervals, by what is missing, and by how long its models were trained."""

import pytest
from scipy import stats
from tests.studies import invented
from tests.studies.invented import arm, lane

from kelbo.studies.arms import StudyModel
from kelbo.studies.estimates import Estimate, deviation_ratio, difference, paired, ratio, student, welch
from kelbo.studies.judge import Claim, Test, apart, judge, level, sentence

A, B = StudyModel("a", name="A"), StudyModel("b", name="B")


def numbers(a=(1.0, 1.1, 0.9), b=(0.1, 0.2, 0.0), steps=100):
    arms = {"a": a, "b": b}
    return invented.numbers(
        *(arm(name, *(lane(seed, {"x": x}, steps=steps) for seed, x in enumerate(arms[name]))) for name in arms)
    )


def outcome(test, n, uses=(A, B)):
    return judge(Claim("id", "§1", "words", test, uses), n).outcome


def above(limit):
    return lambda n: [apart(n, "x", A, B, above=limit)]


def test_all_intervals_on_its_side_reproduce_a_claim_and_one_on_the_other_refutes_it():
    n = numbers()
    assert outcome(above(0), n) == "reproduced"
    assert outcome(above(5), n) == "not reproduced"
    assert outcome(lambda n: [*above(0)(n), *above(5)(n)], n) == "not reproduced"


def test_an_interval_with_both_sides_in_it_and_a_single_seed_leave_a_claim_open():
    assert outcome(above(0.9), numbers(a=(0.9, 1.2, 0.7))) == "not tested"
    assert outcome(above(0), numbers(a=(1.0,), b=(0.0,))) == "not tested"


def test_models_that_had_less_than_a_tenth_of_the_steps_decide_nothing():
    assert outcome(above(0), numbers(steps=9)) == outcome(above(5), numbers(steps=9)) == "not tested"
    assert outcome(above(0), numbers(steps=10)) == "reproduced"


def test_what_is_missing_or_held_keeps_a_claim_open_but_not_from_being_refuted():
    n = numbers()
    assert outcome(lambda n: [*above(0)(n), "half of it"], n) == "not tested"
    assert outcome(lambda n: [*above(5)(n), "half of it"], n) == "not reproduced"
    assert outcome(lambda n: [level(n, "x", A, above=0, held="too soon")], n) == "not tested"


def test_a_model_without_runs_is_named_as_missing():
    verdict = judge(Claim("id", "§1", "words", above(0), (A, B)), numbers(b=()))
    assert (verdict.outcome, verdict.tests) == ("not tested", ())
    assert verdict.missing == ("B was not run",)


def test_intervals_are_those_of_students_t():
    mean, half = 2.0, stats.t.ppf(0.975, 2) * 1 / 3**0.5
    assert student([1.0, 2.0, 3.0])[:3] == pytest.approx((mean, mean - half, mean + half))
    assert student([1.0])[:3] == (1.0, None, None)
    assert student([]) is None
    found = stats.ttest_ind([1.0, 2.0, 4.0], [0.0, 0.5, 0.1, 0.4], equal_var=False).confidence_interval()
    assert welch([1.0, 2.0, 4.0], [0.0, 0.5, 0.1, 0.4])[1:3] == pytest.approx(tuple(found))


def test_differences_are_paired_by_seed_if_two_seeds_are_shared():
    a, b = {0: 1.0, 1: 2.0}, {0: 0.5, 1: 1.0}
    assert difference(a, b) == paired(a, b)
    assert difference(a, {5: 0.5, 6: 1.0}).how.startswith("Welch")


def test_ratios_have_the_interval_of_their_logarithm_or_of_f():
    found = ratio({0: 2.0, 1: 8.0}, 2.0)
    assert found.value == pytest.approx(2.0)
    assert found.low * found.high == pytest.approx(4.0)
    wide = deviation_ratio([[0.0, 2.0]], [[0.0, 1.0]])
    assert wide.value == pytest.approx(2.0)
    assert wide.low < 1 < wide.high


def test_a_share_is_shown_in_percent_within_0_and_100():
    test = Test("score", Estimate(0.98, 0.9, 1.06, ""), "percent", above=0.5)
    assert (test.value, test.interval, test.side, test.wanted) == ("98.0 %", "90.0 to 100.0", "for", "> 50.0")


def test_a_sentence_begins_with_a_capital_letter_or_a_symbol():
    assert (sentence("nothing was run"), sentence("β = 4 was not run.")) == ("Nothing was run.", "β = 4 was not run.")
