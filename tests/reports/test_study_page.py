"""What the pages of all studies say in the same words: durations, shares, hardware, how the claims stand."""

from dataclasses import replace

import pytest

from kelbo.reports.claims import Claim, Estimate, Evidence, Verdict
from kelbo.reports.study_page import command, duration, hardware, outcome_cards, runs_card, span, trained_card


@pytest.mark.parametrize(
    ("seconds", "words"), [(42.0, "42 s"), (119, "119 s"), (600, "10 min"), (7300, "2.0 h"), (3 * 86_400, "3.0 days")]
)
def test_durations_are_told_in_the_unit_that_suits_them(seconds, words):
    assert duration(seconds) == words


def test_shares_are_told_as_one_or_as_two_ends():
    assert span([0.5, 0.5]) == "50 %"
    assert span([0.2, 0.0013, 1.0]) == "0.13 % to 100 %"
    assert trained_card([]).value == "none"


def test_hardware_counts_what_is_there_twice():
    machine = {"processor": "Some Processor", "threads": 1, "accelerators": []}
    assert hardware(machine) == "1 thread of Some Processor"
    machine |= {"threads": 2, "accelerators": ["Some GPU", "Some GPU"]}
    assert hardware(machine) == "2 × Some GPU and 2 threads of Some Processor"


def test_cards_count_outcomes_and_what_became_of_the_runs():
    claim = Claim("x", "§1", "words", "", "test")
    verdicts = [Verdict(claim, outcome, (), "") for outcome in ("reproduced", "not tested", "not tested")]
    assert [card.value for card in outcome_cards(verdicts)] == ["1", "0", "2"]
    assert outcome_cards(verdicts)[2].note == "So far 2 have no numbers."
    held = Evidence("σ", Estimate(1.0, 0.5, 1.5, "paired"), "nats", above=0, held="it is on its way")
    verdicts[2] = replace(verdicts[2], evidence=(held,))
    assert outcome_cards(verdicts)[2].note == "So far 1 have numbers that say nothing yet, 1 have no numbers."
    rates = [{"state": "done", "bound": {"rate": {"mean": rate}}} for rate in (0.02, 30.0)]
    card = runs_card([*rates, {"state": "failed", "bound": None}])
    assert (card.value, card.unit, card.note) == ("2", "of 3 finished", "1 failed, 1 collapsed: a rate below 0.1 nats")


def test_a_command_has_only_what_is_not_so_by_default():
    results = {"budget": "hours", "mode": "corrected"}
    assert command("some", results, None, ["--data svhn"]) == "kelbo reproduce some --data svhn --budget hours"
    again = command("some", results | {"mode": "as-published"}, ["table1", "fig3"])
    assert again == "kelbo reproduce some --budget hours --mode as-published --only table1,fig3"
