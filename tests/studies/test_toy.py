"""A study of one's own runs from end to end, and never does anything twice."""

from pathlib import Path

import pytest
from tests.studies.toy import BEGUN, BOTH, SCRATCH, STUDY

from kelbo.studies.arms import Ask
from kelbo.studies.course import begin, reproduce
from kelbo.studies.judge import verdicts
from kelbo.studies.measuring import missing
from kelbo.studies.page import read_numbers
from kelbo.sweeps.engines import LaneOptions


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("toy") / "study"
    reproduce(STUDY, ask(), place, how=LaneOptions(workers=1))
    return place


def ask() -> Ask:
    return Ask(STUDY.options(), STUDY.budgets["minutes"])


@pytest.fixture(scope="module")
def numbers(folder):
    return read_numbers(STUDY, folder)


def test_each_lane_of_the_second_arm_begins_from_the_run_of_its_seed(folder):
    for seed in (0, 1):
        recipe = (folder / f"begun/lanes/seed={seed}/recipe.toml").read_text()
        assert f"scratch/lanes/seed={seed}" in recipe


def test_the_claim_is_judged_by_both_seeds_of_both_arms(numbers):
    (verdict,) = verdicts(STUDY.claims, numbers)
    assert [test.estimate.how for test in verdict.tests] == ["Paired, 2 seeds"]
    assert verdict.share == pytest.approx(0.3)


def test_printed_numbers_and_errata_are_joined_to_the_table(numbers):
    table = STUDY.things["table1"].make(numbers)
    rows = table.groups[0].rows
    assert [row.cells[0].notes for row in rows] == [("printed 30",), ("printed 20",)]
    assert table.footnotes == {rows[1].cells[0].mark: numbers.paper.errata["typo"]}


def test_the_frame_is_tidy(numbers):
    losses = numbers.frame[numbers.frame.quantity == "loss"]
    assert sorted(losses.arm) == ["begun", "begun", "scratch", "scratch"]
    assert numbers.best("loss", BOTH) == BEGUN
    apart = numbers.by_seed("loss", SCRATCH)[1] - numbers.by_seed("loss", BEGUN)[1]
    assert numbers.gap("loss", SCRATCH, BEGUN)[1] == apart > 0


def test_nothing_is_left_to_do_afterwards(folder):
    course = begin(STUDY, ask(), folder)
    assert all(lane.done and not missing(lane.run, lane.measures) for lane in course.lanes)


def test_the_page_holds_the_figure_and_the_claim(folder):
    page = (folder / "report.html").read_text()
    assert 'id="claim-further"' in page
    assert Path(folder, "report/fig1.png").is_file()
