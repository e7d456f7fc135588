"""How a study's lanes are parted between one program and a queue."""

import pytest

from kelbo.errors import RecipeError
from kelbo.recipes import change, find
from kelbo.studies.lane_training import _parted, require_stackable
from kelbo.sweeps.engines import LaneOptions
from kelbo.sweeps.jobs import Job
from kelbo.sweeps.lane import train_lane


def jobs_of(tmp_path, *settings):
    return [
        Job(f"lane {number}", train_lane, (change(find("digits"), own), tmp_path / str(number)))
        for number, own in enumerate(settings)
    ]


def test_lanes_that_stack_go_together_and_the_others_to_the_queue(tmp_path):
    learned, alike, other = jobs = jobs_of(
        tmp_path, ["seed=1"], ["seed=2", "objective.beta=4"], ["likelihood.kind=shared_gaussian"]
    )
    assert _parted(jobs, LaneOptions("stack", None, None)) == ([[learned, alike]], [other])
    assert _parted(jobs, LaneOptions("queue", None, None)) == ([], jobs)


def test_lanes_with_a_job_of_their_own_are_never_stacked(tmp_path):
    own = Job("own", print, ())
    learned, alike = jobs_of(tmp_path, ["seed=1"], ["seed=2"])
    assert _parted([own, learned, alike], LaneOptions("stack", None, None)) == ([[learned, alike]], [own])


def test_stacking_is_refused_if_no_two_lanes_can_be():
    one, like_it, other = (change(find("digits"), own) for own in ([], ["seed=2"], ["likelihood.kind=shared_gaussian"]))
    with pytest.raises(RecipeError, match=r"the 2\b"):
        require_stackable("stack", [one, other])
    require_stackable("stack", [one, other, like_it])
    require_stackable("stack", [])
    require_stackable("auto", [one, other])
