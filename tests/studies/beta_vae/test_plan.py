import json
import pickle

import numpy as np
import pytest

from kelbo.data import dsprites
from kelbo.errors import DataMissing, RecipeError, RunError
from kelbo.recipes.beta_study import PARTS
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies.beta_vae.budget import BUDGETS, budget_of
from kelbo.studies.beta_vae.estimate import estimate
from kelbo.studies.beta_vae.plan import plan_of
from kelbo.studies.beta_vae.reproduce import begin, expected
from kelbo.studies.beta_vae.training import entries_of
from kelbo.studies.beta_vae.wanted import TARGETS, chosen
from kelbo.studies.probe import Rate, TimeEstimate
from kelbo.studies.study_lanes import lay_out


def lanes(plan):
    return {sweep.name: [lane.name for lane in sweep.lanes()] for sweep in plan.sweeps}


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("KELBO_DATA", str(tmp_path / "nothing"))


def test_the_paper_budget_is_forty_epochs_of_all_seeds():
    plan = plan_of(BUDGETS["paper"])
    for sweep in plan.sweeps:
        told, part = sweep.told(), PARTS[sweep.name]
        assert told["steps"] == told["paper_steps"] == round(40 * part.images / part.batch_size)
        assert told["lanes"] == 4 * len(part.seeds)
        assert told["images"] == part.images - round(part.images / 10)
        assert told["epochs"] == pytest.approx(40 / 0.9, rel=1e-5)  # as many steps on nine tenths of the images
    assert plan.told()["measures"]["codes"] == "all"


def test_a_smaller_budget_has_the_first_seeds_and_tells_its_share():
    plan = plan_of(BUDGETS["minutes"])
    first = next(sweep for sweep in plan.told()["sweeps"] if sweep["name"] == "dsprites-mlp")
    assert (first["seeds"], first["betas"], first["batch_size"], first["drop"]) == (
        [123, 427],
        [0.1, 1, 4, 10],
        256,
        True,
    )
    assert first["epochs"] == pytest.approx(first["steps"] * 256 / 663_552)
    assert plan.sweeps[0].over == ["objective.beta=0.1,1,4,10"]
    assert [b.name for b in plan.baselines if b.role == "mpi3d"] == ["mpi3d,seed=123", "mpi3d,seed=427"]


def test_rendered_sets_stand_in_and_absent_files_are_left_out_with_the_reason(tmp_path):
    plan = plan_of(BUDGETS["hours"])
    assert {s["role"]: (s["set"], s["source"]) for s in plan.told()["sweeps"]} == {
        "dsprites": ("shapes2d", "rendered"),
        "3dshapes": ("shapes3d", "rendered"),
        "mpi3d": ("arm", "rendered"),
    }
    assert [what for what, _ in plan.left_out] == ["cifar10-conv", "cifar100-conv"]
    assert all("not found below --data-root or KELBO_DATA" in why for _, why in plan.left_out)
    assert str(tmp_path) not in json.dumps(plan.told())  # a page tells nobody's folders
    assert plan.features == {}


def test_official_files_are_taken_where_they_lie(tmp_path):
    (tmp_path / "dsprites").mkdir()
    (tmp_path / "dsprites" / dsprites.FILE).touch()  # it is read when it is trained on, not before
    plan = plan_of(BUDGETS["hours"], root=tmp_path)
    sources = {sweep.name: sweep.source for sweep in plan.sweeps}
    assert (sources["dsprites-mlp"].kind, sources["dsprites-mlp"].data.kind) == ("official", "dsprites")
    assert sources["dsprites-mlp"].data.root == tmp_path
    assert sources["3dshapes-conv"].kind == "rendered"


def test_lanes_of_other_images_are_refused_whatever_is_asked_for(tmp_path):
    """results.json tells of the images that this command finds, and shows what earlier ones trained on."""
    root, out = tmp_path / "data", tmp_path / "study"
    (root / "dsprites").mkdir(parents=True)
    lay_out(plan_of(BUDGETS["minutes"], only=["fig5"]).sweeps, begin(plan_of(BUDGETS["minutes"], only=["fig5"]), out))
    (root / "dsprites" / dsprites.FILE).touch()
    (root / "cifar-10-batches-py").mkdir()  # of what is not there yet nothing is read
    for refusing in (begin, expected):
        with pytest.raises(RunError, match=r"data.kind: shapes2d"):
            refusing(plan_of(BUDGETS["minutes"], only=["table4"], root=root), out)


def test_cifar_is_trained_on_as_many_images_as_its_files_hold(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for split, count in (("train", 40), ("test", 10)):
        pixels = np.zeros((count, 3072), np.uint8)
        table = {"data": pixels, "fine_labels": [0] * count, "coarse_labels": [0] * count}
        (folder / split).write_bytes(pickle.dumps(table, protocol=2))
    plan = plan_of(BUDGETS["minutes"], root=tmp_path, only=["table3"])
    [sweep] = plan.told()["sweeps"]
    assert (sweep["name"], sweep["source"], sweep["images"]) == ("cifar100-conv", "files", 40)
    assert "a part of the 50,000" in sweep["note"]
    assert sweep["epochs"] == BUDGETS["minutes"].steps["cifar100-conv"] * 64 / 40
    assert plan.told()["measures"]["features"] == "random-0"
    assert [what for what, _ in plan.left_out] == ["cifar10-conv"]
    with pytest.raises(DataMissing, match="'mine'"):
        plan_of(BUDGETS["minutes"], only=["table4"], features="mine")  # though that compares nothing


def test_only_trains_the_lanes_that_a_figure_shows():
    assert lanes(plan_of(BUDGETS["hours"], only=["fig5"])) == {
        "dsprites-conv": ["beta=0.1,seed=123", "beta=4,seed=123"]
    }
    assert lanes(plan_of(BUDGETS["hours"], only=["table4", "identity"])) == {}
    both = plan_of(BUDGETS["hours"], only=["fig5", "fig3"])
    assert both.only == ("fig3", "fig5")
    assert len(lanes(both)["dsprites-conv"]) == 16
    assert lanes(plan_of(BUDGETS["hours"], only=["table1"])).keys() == {"dsprites-mlp"}
    assert {b.role for b in plan_of(BUDGETS["hours"], only=["table1"]).baselines} == {"dsprites"}


def test_only_measures_what_a_table_shows():
    def measured(*only):
        plan = plan_of(BUDGETS["minutes"], only=only)
        [sweep] = [s for s in plan.sweeps if s.name == "dsprites-mlp"]
        return {(w.factors, w.classifier, w.pairs) for w in plan.scores("dsprites", next(iter(sweep.lanes())).measures)}

    main = {("all", "logistic", 64), ("without shape", "logistic", 64)}
    assert measured("table1") == main
    assert {(c, L) for _, c, L in measured("fig6")} == {("logistic", L) for L in (16, 64, 128, 256)}
    assert {(c, L) for _, c, L in measured("table2")} == {(c, 64) for c in ("logistic", "linear", "mlp", "forest")}
    plan = plan_of(BUDGETS["minutes"])
    assert {w.factors for w in plan.scores("3dshapes", frozenset({"scores"}))} == {"all"}
    assert plan.scores("dsprites", frozenset()) == ()


def test_as_published_is_scored_by_the_linear_network_on_its_points_and_training_images():
    plan = plan_of(BUDGETS["hours"], "as-published")
    scores = plan.scores("3dshapes", frozenset({"scores", "classifiers"}))
    assert scores[0].classifier == "linear"
    assert all((w.train, w.test) == (1_000, 501) for w in scores if w.classifier != "mlp")
    assert all(w.as_published for w in scores)
    assert plan.split == "train"
    drops = {sweep.name: sweep.told()["drop"] for sweep in plan.sweeps}
    assert drops["dsprites-mlp"] is False
    assert drops["dsprites-conv"] is True


@pytest.mark.parametrize("only", [["table9"], ["fig3", "fig11"], []])
def test_a_wrong_name_is_answered_with_the_list(only):
    with pytest.raises(RecipeError, match="--only.* takes table1, table2.*identity, quirks|it takes table1"):
        chosen(only)
    with pytest.raises(RecipeError, match="hours, paper"):
        budget_of("seconds")
    with pytest.raises(RecipeError, match="corrected, as-published"):
        plan_of(BUDGETS["minutes"], "wrong")  # pyright: ignore[reportArgumentType]


def test_every_part_of_the_study_is_wanted_by_some_target():
    assert {need.part for target in TARGETS.values() for need in target.lanes} == set(PARTS)
    assert set(TARGETS) >= {f"table{n}" for n in range(1, 5)} | {f"fig{n}" for n in range(1, 11)}


def test_the_estimate_is_what_is_left_over_the_rate_and_the_workers(tmp_path):
    plan = plan_of(BUDGETS["minutes"], only=["fig5"])
    entries = entries_of(plan, Study(tmp_path))
    rates = {"dsprites-conv": Rate(trained=100.0, encoded=1_000.0)}
    found = estimate(plan, entries, rates, workers=2)
    assert found.training == pytest.approx(2 * BUDGETS["minutes"].steps["dsprites-conv"] * 256 / 100 / 2)
    assert found.seconds == found.training + found.measuring > found.training
    entries[0].sweep.save_status(entries[0].lane.name, {"state": "diverged", "error": "it was not finite"})
    assert estimate(plan, entries, rates, workers=2).training == pytest.approx(found.training / 2)
    assert estimate(plan_of(BUDGETS["minutes"], only=["table4"]), [], {}, workers=2) == TimeEstimate(0.0, 0.0, 2)


def test_what_is_measured_is_no_longer_expected(tmp_path):
    plan = plan_of(BUDGETS["minutes"], only=["fig3", "identity"])
    entries = entries_of(plan, Study(tmp_path))
    rates = {sweep.name: Rate(100.0, 1_000.0) for sweep in plan.sweeps}
    whole = estimate(plan, entries, rates, workers=1).measuring
    without = estimate(plan, entries, rates, workers=1, left=()).measuring
    assert 0 < without < whole  # lanes that are not trained are measured in any case
    assert estimate(plan, entries, rates, workers=1, left=["identity"]).measuring == pytest.approx(without + 5)
    assert estimate(plan, [], rates, workers=1, left=()).measuring == 0


def test_a_small_budget_tries_all_classifiers_on_its_first_seeds_only():
    plan = plan_of(BUDGETS["minutes"], only=["table2"])
    for sweep in plan.sweeps:
        asked = {lane.seed for lane in sweep.lanes() if "classifiers" in lane.measures}
        assert asked == set(sweep.seeds[:1])
        assert all("scores" in lane.measures for lane in sweep.lanes())
    assert len(plan.sweeps[0].seeds) == 2
