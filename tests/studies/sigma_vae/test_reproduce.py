"""The σ-VAE study from plan to page on tiny runs: done, gone on with, refused."""

import json
import shutil
from dataclasses import replace

import pytest
from tests.in_turn import work_off_in_turn
from tests.studies.sigma_vae.tiny import BUDGET, plan

from kelbo.errors import DataMissing, RecipeError, RunError
from kelbo.recipes import change
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies import course, study_lanes
from kelbo.studies.sigma_vae import features, reproduce as module
from kelbo.studies.sigma_vae.lanes import entries_of
from kelbo.studies.sigma_vae.reproduce import begin, expected, reproduce
from kelbo.studies.sigma_vae.wanted import asked_for


def small():
    """Three lanes: analytic σ beside a learned one, and what the release's evaluation makes of them."""
    return plan("fig9", "flattery", budget=replace(BUDGET, main=(0,)))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "digits"
    with pytest.MonkeyPatch.context() as patched:
        for module_with_a_queue in (study_lanes, course):
            patched.setattr(module_with_a_queue, "work_off", work_off_in_turn)
        return out, reproduce(small(), out, estimated=12.0)


def results(out):
    return json.loads((out / "results.json").read_text())


def test_a_study_ends_with_its_page_and_every_lane_measured(study):
    out, page = study
    assert page == out / "report.html"
    assert "σ-VAE" in page.read_text()
    found = results(out)
    assert len(found["lanes"]) == 3
    assert {lane["state"] for lane in found["lanes"]} == {"done"}
    assert all(lane["bound"]["images"] == 60 for lane in found["lanes"])
    assert all(lane["curve"][-1]["step"] == 6 for lane in found["lanes"])
    assert {(each["decoder"], each["seed"]) for each in found["flattery"]} == {
        ("optimal_gaussian", 0),
        ("per_image_gaussian", 0),
    }
    assert found["seconds"]["estimated"] == 12.0


def test_a_finished_study_is_neither_trained_nor_measured_again(study, monkeypatch):
    out, _ = study

    def refuse(*_, **__):
        raise AssertionError("nothing is left to do")

    heard, before = [], results(out)
    monkeypatch.setattr(module, "train", refuse)
    monkeypatch.setattr(course, "work_off", refuse)
    monkeypatch.setattr(module, "probe", refuse)
    wanted = small()
    assert expected(wanted, out).seconds == 0
    reproduce(wanted, out, say=heard.append)
    assert heard == ["3 of 3 lanes are trained already, or diverged"]
    assert {**results(out), "finished": before["finished"]} == before


def test_numbers_that_are_there_stay_when_less_is_asked_for(study):
    out, before = study[0], results(study[0])
    heard = []
    reproduce(
        plan("flattery", decoders=["per_image_gaussian"], budget=replace(BUDGET, main=(0,))), out, say=heard.append
    )
    after = results(out)
    assert heard == ["1 of 1 lanes are trained already, or diverged"]
    assert after["lanes"] == before["lanes"]
    assert after["asked"] == before["asked"] == [{"only": ["fig9", "flattery"], "decoders": None, "betas": None}]


def test_without_training_what_is_there_is_measured_and_the_rest_is_told(study, tmp_path):
    out, heard = shutil.copytree(study[0], tmp_path / "digits"), []
    wider = plan(
        "fig9", "decoders", decoders=["optimal_gaussian", "student_t"], betas=["1"], budget=replace(BUDGET, main=(0,))
    )
    reproduce(wider, out, training=False, say=heard.append)
    assert "decoders/kind=student_t,seed=0 unfinished: not begun" in heard
    lanes = {lane["decoder"]: lane for lane in results(out)["lanes"]}
    assert (lanes["student_t"]["state"], lanes["optimal_gaussian"]["state"]) == ("unfinished", "done")


@pytest.mark.slow
def test_lanes_that_stack_are_the_lanes_that_the_queue_trains(tmp_path):
    asked = plan("fig3", decoders=["optimal_gaussian"], betas=["0.1", "1"])
    for how in ("queue", "stack"):
        reproduce(asked, tmp_path / how, how=how)
    queued, stacked = (results(tmp_path / how)["lanes"] for how in ("queue", "stack"))
    assert [lane["run"] for lane in stacked] == [lane["run"] for lane in queued]
    assert {lane["state"] for lane in stacked} == {"done"}
    elbos = [[lane["bound"]["elbo"]["mean"] for lane in lanes] for lanes in (queued, stacked)]
    assert elbos[0] == pytest.approx(elbos[1], rel=1e-4)
    assert not list((tmp_path / "stack").glob("*/logs/*"))  # one program has none


def test_other_seeds_are_refused(study):
    with pytest.raises(RunError, match=r"seeds \[0\] instead of \[4\]"):
        begin(plan("fig9", budget=replace(BUDGET, main=(4,))), study[0])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"mode": "as-published"}, r"'corrected'.*'as-published'"),
        ({"precision": "bf16-mixed"}, r"'32-true'.*'bf16-mixed'"),
        ({"settings": ["size=16"]}, r"settings \[\] instead of \['size=16'\]"),
    ],
)
def test_a_study_of_other_training_is_refused_whatever_part_of_it_is_asked_for(other, words, study):
    elsewhere = plan("table3", decoders=["bernoulli"], budget=replace(BUDGET, main=(0,)), **other)
    for refusing in (begin, expected):
        with pytest.raises(RunError, match=words):
            refusing(elsewhere, study[0])


def test_without_training_a_folder_without_a_study_is_refused_and_not_made(tmp_path):
    with pytest.raises(RunError, match="no study"):
        reproduce(small(), tmp_path / "digits", training=False)
    assert list(tmp_path.iterdir()) == []


def test_without_training_and_with_no_lane_done_nothing_is_trained(study, tmp_path):
    out = shutil.copytree(study[0], tmp_path / "digits")
    untrained = plan("table3", decoders=["bernoulli"], betas=["10"], budget=replace(BUDGET, main=(0,)))
    with pytest.raises(RunError, match=r"the 2\b"):
        reproduce(untrained, out, training=False)
    assert not list(out.glob("features/*"))


@pytest.mark.slow
def test_features_that_were_named_once_are_those_of_a_later_command_and_of_all_lanes(study, tmp_path):
    out, seeds = shutil.copytree(study[0], tmp_path / "digits"), replace(BUDGET, main=(0,))
    reproduce(plan("table1", decoders=["optimal_gaussian"], betas=["1"], budget=seeds, features="random-0"), out)
    reproduce(plan("fig9", budget=seeds), out)
    assert results(out)["features"] == "random-0"
    assert distances(out) == {"optimal_gaussian": "random-0"}
    reproduce(plan("table1", decoders=["shared_gaussian"], betas=["1"], budget=seeds, features="random-1"), out)
    assert distances(out) == {"optimal_gaussian": "random-1", "shared_gaussian": "random-1"}


@pytest.mark.slow
def test_what_was_stopped_while_it_measured_through_another_network_goes_on_with_all_lanes(
    study, tmp_path, monkeypatch
):
    out, seeds = shutil.copytree(study[0], tmp_path / "digits"), replace(BUDGET, main=(0,))
    reproduce(plan("table1", decoders=["optimal_gaussian"], betas=["1"], budget=seeds, features="random-0"), out)
    other = plan("fig9", budget=seeds, features="random-1")
    with monkeypatch.context() as patched:
        patched.setattr(module, "measure", stop)
        with pytest.raises(KeyboardInterrupt):
            reproduce(other, out)
    assert distances(out) == {}
    assert expected(other, out).measuring > 0
    reproduce(other, out)
    assert distances(out) == {"optimal_gaussian": "random-1"}


def stop(*_):
    raise KeyboardInterrupt


def distances(out):
    """By decoder, through which network; of the grid's lanes none."""
    known = {
        lane["decoder"]: lane["distances"] for lane in results(out)["lanes"] if lane["decoder"] != "fixed_gaussian"
    }
    return {decoder: found["features"] for decoder, found in known.items() if found}


def test_what_earlier_commands_asked_for_is_measured_through_the_network_that_a_later_one_names(study):
    whole, kept = small(), Study(study[0])
    shown = replace(
        whole.asking([*whole.asked, asked_for(["table1"], ["optimal_gaussian"], ["1"])]), features="random-1"
    )
    jobs = module._jobs(shown, kept, entries_of(shown, kept), features.features_of(shown, kept))
    # Fig. 9 and flattery have no distances, and β = 1 is not trained
    assert [job.name for _, job in jobs] == ["measure decoders/kind=optimal_gaussian,seed=0"]


def test_a_network_that_cannot_be_opened_is_not_kept(study, tmp_path):
    out = shutil.copytree(study[0], tmp_path / "digits")
    with pytest.raises(DataMissing, match="'typo'"):
        reproduce(plan("fig9", budget=replace(BUDGET, main=(0,)), features="typo"), out)
    assert expected(small(), out).seconds == 0


def test_lanes_that_cannot_be_stacked_are_refused_before_anything_is_kept(tmp_path):
    with pytest.raises(RecipeError, match=r"the 3\b"):
        reproduce(small(), tmp_path / "digits", how="stack", estimated=7.0)
    assert list(tmp_path.iterdir()) == []


def test_other_images_are_refused_whatever_is_asked_for(study, tmp_path):
    out = shutil.copytree(study[0], tmp_path / "digits")
    for one in out.glob("*/lanes/*/provenance.json"):
        told = json.loads(one.read_text())
        told["data"]["splits"]["train"]["fingerprint"] = "another"
        one.write_text(json.dumps(told))
    for refusing in (begin, expected):
        with pytest.raises(RunError, match=r"data .*changed"):
            refusing(plan("table3", decoders=["bernoulli"], budget=replace(BUDGET, main=(0,))), out)


def test_lanes_of_another_recipe_are_refused(study):
    wanted = small()
    longer = replace(wanted, recipe=change(wanted.recipe, ["training.steps=7"]))
    for refusing in (begin, expected):
        with pytest.raises(RunError, match=r"training.steps"):
            refusing(longer, study[0])


def test_the_feature_network_is_trained_once_where_the_set_has_labels(tmp_path):
    found, study = plan("table1"), Study(tmp_path)
    (job,) = features.jobs(found, study)
    assert features.features_of(found, study) is None
    told = []
    job.call(*job.arguments, tell=told.append)
    assert told[-1]["step"] == told[-1]["steps"]
    assert features.jobs(found, study) == []
    assert features.features_of(found, study).open().name == "classifier-digits"


def test_no_network_is_trained_where_none_is_needed_or_another_was_asked_for(tmp_path):
    assert features.jobs(plan("fig9"), Study(tmp_path)) == []
    assert features.jobs(plan("table1", features="random-0"), Study(tmp_path)) == []
