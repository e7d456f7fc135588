"""A sweep's page: its lanes in the plane of rate and distortion, its table, links to its lanes' pages."""

import json
import shutil

import numpy as np
import pytest
from tests.reports.alone import undated, written_alone
from tests.reports.conftest import Page
from tests.sweeps.conftest import evaluated, trained

from kelbo.reports.sweep_page import rate_plane, write_page
from kelbo.sweeps.frame import LaneNumber


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return trained(["objective.beta=0.5,4"], (1, 2), tmp_path_factory.mktemp("page") / "sweep")


def numbers(settings, seed, rate, distortion, state="done"):
    lane = f"{settings} {seed}"
    both = {"rate": rate, "distortion": distortion}
    return [LaneNumber(lane, settings, seed, name, it, "nats", "here", 1, state, {}) for name, it in both.items()]


def test_seeds_are_points_and_the_longest_setting_is_along_the_line():
    table = [
        number
        for form in ("b", "a")
        for target in (8, 2, 4)
        for seed in (1, 2)
        for number in numbers({"form": form, "objective.target": target}, seed, target + seed, 10 * target)
    ]
    plane = rate_plane(table, "distortion")
    assert (plane.along, plane.joined) == ("target", True)
    assert list(plane.lines) == ["form b", "form a"]
    for spots in plane.lines.values():
        assert [spot.label for spot in spots] == ["2", "4", "8"]
        np.testing.assert_array_equal([spot.rates for spot in spots], [[3, 4], [5, 6], [9, 10]])
        np.testing.assert_array_equal([spot.others for spot in spots], [[20, 20], [40, 40], [80, 80]])


def test_settings_without_an_order_are_not_joined_and_unfinished_lanes_not_drawn():
    table = [
        *numbers({"merge": "residual"}, 1, 1.0, 2.0),
        *numbers({"merge": "residual"}, 2, 1.0, None),
        *numbers({"merge": "concatenation"}, 1, 1.0, 2.0, "diverged"),
    ]
    plane = rate_plane(table, "distortion")
    assert not plane.joined
    assert [(spot.label, len(spot.rates)) for spot in plane.lines[""]] == [("residual", 1)]


def test_the_page_goes_by_the_journal_until_a_lane_is_evaluated(sweep, kelbo):
    page = Page(write_page(sweep).read_text())
    assert "No lane keeps an evaluation" in page.text
    assert any("rates of beta 0.5: " in text for text in page.alternatives)
    lane = sweep.lanes[0]
    record = evaluated(sweep, lane)
    sweep.run(lane).report_page.write_text("a page")
    assert kelbo("report", sweep.path)[0] == 0
    page = Page(sweep.report_page.read_text())
    assert "No lane keeps an evaluation" not in page.text
    assert f"{record['rate']['mean']:.3f}"[:4] in page.text
    assert all(other in page.text for other in sweep.lanes)
    assert [address for address in page.addresses if not address.startswith("data:")] == [
        "lanes/beta%3D0.5%2Cseed%3D1/report.html"
    ]
    assert (sweep.path / "report" / "rate-distortion.png").stat().st_size > 1000


@pytest.mark.slow
def test_an_evaluation_of_a_sweep_is_one_of_each_finished_lane(tmp_path, kelbo, capsys):
    sweep = trained(["objective.target=12,8"], (1,), tmp_path / "sweep", "objective.kind=distortion_target")
    first, second = sweep.lanes
    sweep.save_status(second, {"state": "diverged"})
    shutil.rmtree(sweep.run(second).checkpoints)
    capsys.readouterr()
    code, out, err = kelbo("evaluate", sweep.path, "--json")
    assert (code, err) == (0, ""), out
    answer = json.loads(out)
    assert list(answer["lanes"]) == [first]
    assert answer["lanes"][first]["target"]["target"] == 12
    code, out, err = kelbo("evaluate", sweep.path)
    assert code == 0
    assert f"{second} (diverged)" in err
    assert "kelbo report" in out
    shutil.rmtree(sweep.run(first).path)
    code, _, err = kelbo("evaluate", sweep.path)
    assert code == 2
    assert f"{second} (diverged)" in err


def test_a_sweeps_page_takes_no_option_of_a_runs(sweep, kelbo):
    code, _, err = kelbo("report", sweep.path, "--noise")
    assert code == 2
    assert "--noise" in err


@pytest.mark.slow
def test_the_page_needs_neither_pytorch_nor_weights(sweep, tmp_path):
    html = write_page(sweep).read_text()
    assert undated(written_alone(sweep, tmp_path / "sweep")) == undated(html)
