"""A study of one's own runs from end to end, and never does anything twice."""

import shutil
import subprocess
import sys

import pytest
from tests.studies import invented
from tests.studies.toy import STUDY

from kelbo.runs.writing import read_json
from kelbo.studies.arms import Ask
from kelbo.studies.course import begin
from kelbo.studies.judge import verdicts
from kelbo.studies.measuring import missing
from kelbo.studies.page import read_numbers

WRITE = """
import sys
from pathlib import Path
from kelbo.studies.page import write_page
from kelbo.studies.registry import study_of
write_page(study_of(sys.argv[1]), Path(sys.argv[2]))
assert "torch" not in sys.modules
"""


@pytest.fixture(scope="module")
def numbers(toy):
    return read_numbers(STUDY, toy)


def test_each_lane_of_the_second_arm_begins_from_the_run_of_its_seed(toy):
    for seed in (0, 1):
        recipe = (toy / f"begun/lanes/seed={seed}/recipe.toml").read_text()
        assert f"scratch/lanes/seed={seed}" in recipe


def test_the_claim_is_judged_by_both_seeds_of_both_arms(numbers):
    (verdict,) = verdicts(STUDY.claims, numbers)
    assert [test.estimate.how for test in verdict.tests] == ["Paired, 2 seeds"]
    assert verdict.share == pytest.approx(0.3)


def test_nothing_is_left_to_do_afterwards(toy):
    course = begin(STUDY, Ask(STUDY.options(), STUDY.budgets["minutes"]), toy)
    assert all(lane.done and not missing(lane.run, lane.measures) for lane in course.lanes)


def test_its_page_holds_the_figure_and_the_claim_and_is_written_without_torch(toy, tmp_path):
    shutil.copy(toy / "results.json", tmp_path)
    subprocess.run([sys.executable, "-c", WRITE, sys.modules[STUDY.plan.__module__].__file__, tmp_path], check=True)
    assert 'id="claim-further"' in (tmp_path / "report.html").read_text()
    assert (tmp_path / "report/fig1.png").is_file()


def test_invented_results_have_what_real_ones_have(toy):
    real, made = read_json(toy / "results.json"), invented.results(invented.arm("a", invented.lane()))
    assert made.keys() == real.keys()
    assert made["seconds"].keys() == real["seconds"].keys()
    assert made["arms"][0].keys() == real["arms"][0].keys()
    assert made["arms"][0]["lanes"][0].keys() == real["arms"][0]["lanes"][0].keys()
