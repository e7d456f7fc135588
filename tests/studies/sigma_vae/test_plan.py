"""Which lanes the σ-VAE study trains, what is measured of them, and that a small one runs from end to end."""

from dataclasses import replace

import pytest

from kelbo.errors import RecipeError
from kelbo.runs.study_folder import StudyFolder
from kelbo.studies.arms import Ask
from kelbo.studies.course import begin, reproduce
from kelbo.studies.lanes import course_of
from kelbo.studies.measuring import missing
from kelbo.studies.options import options_of
from kelbo.studies.page import read_numbers
from kelbo.studies.sigma_vae.asked import SigmaBudget
from kelbo.studies.sigma_vae.models import OPTIMAL, SHARED, UNIT
from kelbo.studies.sigma_vae.study import STUDY
from kelbo.studies.study import Study
from kelbo.sweeps.engines import LaneOptions

TINY = SigmaBudget(
    "minutes", {"digits": 6}, 6, main=(1, 2), others=(1,), images=60, clouds=40, coded=50, looked=20, epochs=1
)


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("KELBO_DATA", str(tmp_path / "nothing"))


def ask(*texts, **more) -> Ask:
    options, changes = options_of(STUDY, ("data=digits", *texts))
    return Ask(options, TINY, changes=changes, **more)


def lanes(tmp_path, *asks):
    return course_of(STUDY, asks, StudyFolder(tmp_path / "study")).lanes


def test_the_sigma_vaes_and_the_grid_have_all_seeds_and_other_decoders_the_first(tmp_path):
    found = {}
    for lane in lanes(tmp_path, ask()):
        name = lane.lane.settings.get("likelihood.kind", f"beta {lane.lane.settings.get('objective.beta')}")
        found.setdefault(name, []).append(lane.lane.seed)
    assert found["shared_gaussian"] == found["optimal_gaussian"] == found["beta 0.1"] == [1, 2]
    assert found["student_t"] == found["mse_vae"] == [1]


def test_decoders_that_cannot_describe_the_images_are_left_out_with_the_reason(tmp_path):
    left = dict(course_of(STUDY, [ask()], StudyFolder(tmp_path)).plan.left_out)
    assert {"bitwise_categorical", "logistic_mixture"} <= left.keys()
    with pytest.raises(RecipeError, match="bitwise_categorical"):
        STUDY.plan(ask("decoders=bitwise_categorical"))


def test_a_figure_asks_for_no_more_than_it_needs(tmp_path):
    found = lanes(tmp_path, ask(only=("fig9",)))
    kinds = {lane.lane.settings["likelihood.kind"] for lane in found}
    assert kinds == {"shared_gaussian", "optimal_gaussian", "per_image_gaussian"}
    assert not any("distance" in lane.keys for lane in found)


def test_what_one_command_asked_for_stays_when_another_asks_for_less(tmp_path):
    one, other = ask("decoders=student_t", "betas=1"), ask("decoders=bernoulli", "betas=0.1")
    titles = {lane.title for lane in lanes(tmp_path, one, other)}
    assert {"decoders/kind=student_t,seed=1", "decoders/kind=bernoulli,seed=1"} <= titles
    assert {"betas/beta=1,seed=1", "betas/beta=0.1,seed=2"} <= titles


def test_as_published_the_release_clips_an_analytic_sigma_in_a_sweep_of_its_own(tmp_path):
    found = lanes(tmp_path, ask(mode="as-published"))
    analytic = [lane for lane in found if lane.arm.name == "analytic"]
    assert {lane.lane.settings["likelihood.kind"] for lane in analytic} == {"optimal_gaussian", "per_image_gaussian"}
    assert all(lane.lane.recipe.likelihood.as_published for lane in analytic)
    assert {measure.settings.get("split") for lane in found for measure in lane.measures if measure.key == "bound"} == {
        "train"
    }


@pytest.mark.parametrize(
    "texts", [("decoders=gaussian",), ("betas=3",), ("seeds=1,1",), ("crop=74",), ("kind=mnist",), ("root=elsewhere",)]
)
def test_wrong_options_and_settings_are_refused(texts):
    with pytest.raises(RecipeError):
        STUDY.plan(ask(*texts))


def test_a_hierarchy_is_beside_what_is_printed_of_one_and_its_rate_has_no_parts(tmp_path):
    found = lanes(tmp_path, ask("network=hierarchical"))
    assert {lane.lane.recipe.model.kind for lane in found} == {"hierarchical"}
    assert not any(measure.key == "latents" for lane in found for measure in lane.measures)
    flat = lanes(tmp_path, ask())
    assert any(measure.key == "latents" for lane in flat for measure in lane.measures)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["flat", "hierarchical"])
def test_a_small_study_runs_and_measures_nothing_twice(tmp_path, network):
    asked = ask("decoders=shared_gaussian,optimal_gaussian", "betas=0.1,1", f"network={network}", features="random-0")
    study: Study = replace(STUDY, budgets={"minutes": TINY})
    reproduce(study, asked, tmp_path / "study", how=LaneOptions(workers=2))
    n = read_numbers(study, tmp_path / "study")
    assert n.by_seed("loss", SHARED).keys() == n.by_seed("loss", OPTIMAL).keys() == {1, 2}
    assert n.by_seed("loss", UNIT) == pytest.approx(
        n.by_seed("unit-loss", UNIT)
    )  # σ² = β = 1 is what it was trained with
    assert n.by_seed("distance.sample", SHARED)
    course = begin(study, asked, tmp_path / "study")
    assert all(lane.done and not missing(lane.run, lane.measures) for lane in course.lanes)
    assert "claim-gaussian-worse" in (tmp_path / "study/report.html").read_text()
