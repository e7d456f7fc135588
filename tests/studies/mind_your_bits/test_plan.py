"""Which lanes the study of two stages trains, at which targets, and that a small one runs from end to end."""

from dataclasses import replace

import pytest

from kelbo.errors import RecipeError
from kelbo.runs.study_folder import StudyFolder
from kelbo.studies.arms import Ask
from kelbo.studies.course import begin, reproduce
from kelbo.studies.lanes import course_of
from kelbo.studies.measuring import missing
from kelbo.studies.mind_your_bits.asked import BUDGETS, MindBudget
from kelbo.studies.mind_your_bits.models import PRIMARY, pairs, seconds, sweep
from kelbo.studies.mind_your_bits.plan import targets_of
from kelbo.studies.mind_your_bits.sets import CELEBA, SVHN, Size, data_of
from kelbo.studies.mind_your_bits.study import STUDY
from kelbo.studies.options import options_of
from kelbo.studies.page import read_numbers
from kelbo.sweeps.engines import LaneOptions

TRAINING = {
    **BUDGETS["minutes"].training,
    "training.log_every": 5,
    "optimizer.learning_rate": 3e-3,
    "schedule.warmup": 10,
}
TINY = MindBudget("minutes", 60, (0, 1), Size(8, 8, 2), TRAINING, images=60, clouds=60, epochs=1, sigma=0.1)


def ask(*texts, budget=TINY, **more):
    options, changes = options_of(STUDY, ("data=digits", *texts))
    return Ask(options, budget, changes=changes, **more)


def lanes(tmp_path, *asks):
    return course_of(STUDY, asks, StudyFolder(tmp_path / "study")).lanes


def test_second_stages_open_the_primary_of_their_seed_at_the_targets_of_single_ones(tmp_path):
    course = course_of(STUDY, [ask()], StudyFolder(tmp_path / "study"))
    targets = course.plan.facts["targets"]
    assert set(targets["finals"]) <= set(targets["sweep"])
    assert max(targets["finals"]) < targets["primary"] < max(targets["sweep"])
    arms = {arm.name: arm for arm in course.plan.arms}
    assert arms["secondary"].opens == {"runs.primary": "primary"}
    assert arms["secondary"].recipe.model.kind == "secondary"
    assert arms["matched"].opens == {"objective.target": "standard"}


@pytest.mark.parametrize(("budget", "count"), [("minutes", 13), ("hours", 39)])
def test_a_budget_trains_so_many_models(tmp_path, budget, count):
    small = replace(BUDGETS[budget], size=Size(8, 8, 2))
    assert len(lanes(tmp_path, ask(budget=small))) == count


def test_a_figure_asks_for_no_more_than_it_needs(tmp_path):
    found = lanes(tmp_path, ask(only=("fig1",)))
    assert {lane.arm.name for lane in found} == {"standard", "matched"}
    found = lanes(tmp_path, ask(only=("fig7",)))
    assert {lane.lane.seed for lane in found} == {0}
    assert not any("distance" in lane.keys for lane in found)


def test_at_the_papers_size_targets_are_the_papers():
    assert targets_of("svhn", None, BUDGETS["paper"].size) == SVHN
    assert targets_of("celeba", None, BUDGETS["paper"].size) == CELEBA
    assert (SVHN.primary, SVHN.finals) == (6.6, (2, 0.58, 0.17, 0.05))
    assert set(SVHN.sweep) >= {64, 32, 8, 2, 0.5, 0.05}


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn", "celeba"])
def test_smaller_budgets_look_at_pictures_of_16_by_16(name):
    assert data_of(name, None, 16).size == 16


@pytest.mark.parametrize("texts", [("data=imagenet",), ("data=folder",), ("seeds=1,1",), ("kind=mnist",), ("crop=3",)])
def test_wrong_options_and_settings_are_refused(texts):
    with pytest.raises(RecipeError):
        STUDY.plan(ask(*(texts if texts[0].startswith("data=") else ("seeds=0", *texts))[:2]))


@pytest.mark.slow
def test_a_small_study_runs_and_does_nothing_twice(tmp_path):
    study, asked, place = replace(STUDY, budgets={"minutes": TINY}), ask(features="random-0"), tmp_path / "study"
    reproduce(study, asked, place, how=LaneOptions(workers=2))
    n = read_numbers(study, place)
    for model in (PRIMARY, *sweep(n), *seconds(n)):
        assert n.by_seed("loss", model).keys() == n.by_seed("error", model).keys() == {0, 1}
    assert len(pairs(n)) == len(seconds(n)) == 4
    assert all(n.by_seed("moved", model) for model in seconds(n))
    course = begin(study, asked, place)
    assert all(lane.done and not missing(lane.run, lane.measures) for lane in course.lanes)
    page = (place / "report.html").read_text()
    assert all(f'id="{key}"' in page for key in study.things if key not in study.main)
