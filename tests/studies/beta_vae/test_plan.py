"""What the β-VAE study trains and measures of what was asked for, on the images that there are."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from kelbo.data import dsprites
from kelbo.errors import DataMissing, RunError
from kelbo.runs.study_folder import StudyFolder
from kelbo.studies.arms import Ask, StudyOptions
from kelbo.studies.beta_vae.asked import BUDGETS
from kelbo.studies.beta_vae.parts import PARTS
from kelbo.studies.beta_vae.plan import looked_at, plan
from kelbo.studies.beta_vae.study import STUDY
from kelbo.studies.course import begin
from kelbo.studies.lanes import course_of
from kelbo.sweeps.definition import prepare_sweep


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("KELBO_DATA", str(tmp_path / "nothing"))


def asking(budget="minutes", *only, mode="corrected", **how):
    return Ask(StudyOptions(), BUDGETS[budget], mode, only or None, **how)


def course(tmp_path, *only, budget="minutes", **how):
    return course_of(STUDY, [asking(budget, *only, **how)], StudyFolder(tmp_path / "study"))


def lanes(found):
    return {arm.name: [one.lane.name for one in found.lanes if one.arm.name == arm.name] for arm in found.arms}


def keys(found, arm, seed=None):
    return {m.key for one in found.lanes if one.arm.name == arm and seed in (None, one.lane.seed) for m in one.measures}


def test_the_paper_budget_is_forty_epochs_of_all_seeds():
    for arm in plan(asking("paper")).arms:
        part = PARTS[arm.name]
        assert arm.recipe.training.steps == arm.paper_steps == round(40 * part.images / part.batch_size)
        assert len(arm.lanes()) == 4 * len(part.seeds)
        assert arm.images == part.images - round(part.images / 10)


@pytest.mark.parametrize("budget", ["minutes", "hours"])
def test_the_time_that_the_list_of_studies_tells_is_that_of_the_committed_run(budget):
    path = Path(__file__).parents[3] / f"benchmarks/results/beta_vae_{budget}.json"
    seconds = json.loads(path.read_text())["seconds"]
    assert BUDGETS[budget].seconds == pytest.approx(seconds["training"] + seconds["measuring"], rel=0.01)


def test_rendered_sets_stand_in_and_absent_files_are_left_out_with_the_reason(tmp_path):
    found = plan(asking("hours"))
    assert {role: (each["set"], each["source"]) for role, each in found.facts["sets"].items()} == {
        "dsprites": ("shapes2d", "rendered"),
        "3dshapes": ("shapes3d", "rendered"),
        "mpi3d": ("arm", "rendered"),
    }
    assert [what for what, _ in found.left_out] == ["cifar10-conv", "cifar100-conv"]
    assert str(tmp_path) not in json.dumps(found.facts)  # a page tells nobody's folders
    assert plan(asking("hours", "table1")).left_out == ()  # which does not need them


def test_official_files_are_taken_if_they_are_there(tmp_path):
    (tmp_path / "dsprites").mkdir()
    (tmp_path / "dsprites" / dsprites.FILE).touch()  # it is read when it is trained on, not before
    found = plan(asking("hours", root=tmp_path))
    data = {arm.name: arm.recipe.data for arm in found.arms}
    assert (data["dsprites-mlp"].kind, data["dsprites-mlp"].root) == ("dsprites", tmp_path)
    assert found.facts["sets"]["3dshapes"]["source"] == "rendered"


def test_lanes_of_other_images_are_refused(tmp_path):
    root, out = tmp_path / "data", tmp_path / "study"
    (root / "dsprites").mkdir(parents=True)
    laid = begin(STUDY, asking("minutes", "fig5"), out)
    arm = laid.arms[0]
    prepare_sweep(arm.recipe, arm.axes, arm.seeds, laid.folder.sweep(arm.name), resume=True)
    (root / "dsprites" / dsprites.FILE).touch()
    with pytest.raises(RunError, match=r"data.kind: shapes2d"):
        begin(STUDY, asking("minutes", "table4", root=root), out)


def test_cifar_is_trained_on_as_many_images_as_its_files_hold(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for split, count in (("train", 40), ("test", 10)):
        pixels = np.zeros((count, 3072), np.uint8)
        table = {"data": pixels, "fine_labels": [0] * count, "coarse_labels": [0] * count}
        (folder / split).write_bytes(pickle.dumps(table, protocol=2))
    found = course(tmp_path, "table3", root=tmp_path)
    [arm] = found.arms
    assert (arm.name, arm.images) == ("cifar100-conv", 40)
    measures = {one.key: one for one in found.lanes[0].measures}
    assert measures.keys() == {"bound", "follow", "distance"}
    assert measures["bound"].settings["images"] == measures["distance"].settings["images"] == 10  # all there are
    assert measures["follow"].settings["network"] == measures["distance"].settings["features"]
    assert found.plan.facts["features"] == "random-0"
    assert [what for what, _ in found.plan.left_out] == ["cifar10-conv"]


def test_a_feature_network_that_is_not_there_is_refused_though_nothing_is_compared_yet():
    with pytest.raises(DataMissing, match="'mine'"):
        plan(asking("minutes", "table4", features="mine"))


def test_only_trains_the_lanes_that_a_figure_shows(tmp_path):
    assert lanes(course(tmp_path, "fig5")) == {"dsprites-conv": ["beta=0.1,seed=123", "beta=4,seed=123"]}
    assert lanes(course(tmp_path, "table4", "identity")) == {}
    assert {name: len(some) for name, some in lanes(course(tmp_path, "table1", budget="hours")).items()} == {
        "dsprites-mlp": 16
    }


def test_only_measures_what_a_table_shows(tmp_path):
    scores = {f"score.{factors}{of}" for factors in ("five", "four") for of in ("", ".logistic.64")}
    beside = {"bound", "mig"}
    assert keys(course(tmp_path, "table1"), "dsprites-mlp") == scores | beside
    others = {f"score.{factors}.logistic.{pairs}" for factors in ("five", "four") for pairs in (16, 128, 256)}
    assert keys(course(tmp_path, "fig6"), "dsprites-mlp") == scores | beside | others
    assert {one.key for one in course(tmp_path, "table1").extras()} == {"linear-dsprites-123", "linear-dsprites-427"}


def test_a_small_budget_tries_all_classifiers_on_its_first_seeds_only(tmp_path):
    found = course(tmp_path, "table2")
    compared = {f"score.five.{classifier}.64" for classifier in ("logistic", "linear", "mlp", "forest")}
    assert keys(found, "mpi3d-conv", 123) >= compared
    assert keys(found, "mpi3d-conv", 427) & compared == {"score.five.logistic.64"}


def test_as_published_is_measured_on_training_images_and_the_mlp_keeps_its_rate(tmp_path):
    found = course(tmp_path, "table1", mode="as-published")
    measures = {one.key: one.settings for one in found.lanes[0].measures}
    assert measures["bound"]["split"] == "train"
    assert measures["score.five"] == measures["score.five.linear.64"]
    assert measures["score.five"]["as_published"] is True
    kinds = {arm.name: arm.recipe.schedule.kind for arm in plan(asking(mode="as-published")).arms}
    assert (kinds["dsprites-mlp"], kinds["dsprites-conv"]) == ("constant", "drop")
    assert plan(asking()).arms[0].recipe.schedule.kind == "drop"


def test_every_part_of_the_study_is_wanted_by_some_table_or_figure():
    assert {arm for thing in STUDY.things.values() for need in thing.needs for arm in need.arms} == set(PARTS)
    assert set(STUDY.things) >= {f"table{n}" for n in range(1, 5)} | {f"fig{n}" for n in range(1, 11)}


def test_every_measure_that_is_asked_for_is_one_that_lanes_have(tmp_path):
    for key, thing in STUDY.things.items():
        for need in thing.needs:
            for arm in plan(asking()).arms:
                if arm.name in need.arms:
                    found = {name for one in arm.measures(arm.lanes()[0]) for name in (one.key, one.asked_as)}
                    assert set(need.measures) <= found, (key, arm.name)


def test_quirks_look_at_the_convolutional_lane_at_four_of_each_set(tmp_path, monkeypatch):
    found = course(tmp_path)
    monkeypatch.setattr(type(found.lanes[0]), "done", property(lambda one: one.lane.settings["objective.beta"] != "4"))
    assert [one.title for one in looked_at(found.lanes)] == [
        f"{name}/beta=0.1,seed=123" for name in ("dsprites-conv", "3dshapes-conv", "mpi3d-conv")
    ]
    monkeypatch.setattr(type(found.lanes[0]), "done", property(lambda one: one.arm.name == "dsprites-mlp"))
    assert [one.title for one in looked_at(found.lanes)] == ["dsprites-mlp/beta=4,seed=123"]
