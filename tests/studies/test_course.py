"""The course of a study: interrupted anywhere it goes on, commands add up, and a foreign folder is left alone."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.in_turn import work_off_in_turn
from tests.studies.toy import STUDY
from tests.training.test_full_disk import limit_of_files

from kelbo.errors import Divergence, Locked, NotSaved, RecipeError, RunError
from kelbo.recipes import change
from kelbo.runs import Run
from kelbo.runs.study_folder import StudyFolder
from kelbo.runs.writing import read_json
from kelbo.studies import course as module, lane_training, measuring, probe
from kelbo.studies.arms import Ask, Budget, Measure, Need
from kelbo.studies.course import begin, expected, planned, reproduce
from kelbo.studies.judge import verdicts
from kelbo.studies.lanes import course_of
from kelbo.studies.page import read_numbers
from kelbo.studies.study import Section, Table
from kelbo.sweeps.engines import LaneOptions
from kelbo.sweeps.lane import train_lane

TOY = Path(__file__).with_name("toy.py")
ASK = Ask(STUDY.options(), STUDY.budgets["minutes"])


def results(folder):
    return read_json(folder / "results.json")


def states(folder):
    return [lane["state"] for arm in results(folder)["arms"] for lane in arm["lanes"]]


def numbers_of(folder):
    return [lane["numbers"] for arm in results(folder)["arms"] for lane in arm["lanes"]]


def every_file(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != ".lock"}


def with_arms(**changes):
    """The toy study with other arms: replace(arm, **changes of its name)."""

    def plan(ask):
        found = STUDY.plan(ask)
        return replace(found, arms=tuple(replace(arm, **changes.get(arm.name, {})) for arm in found.arms))

    return replace(STUDY, plan=plan)


@pytest.fixture
def copy(toy, tmp_path):
    return shutil.copytree(toy, tmp_path / "study")


def test_a_study_that_is_stopped_again_and_again_does_nothing_twice(toy, tmp_path, monkeypatch):
    done, left = [], []

    def work_off(jobs, **how):
        outcomes = []
        for job in jobs:
            if not left:
                raise KeyboardInterrupt
            done.append((left.pop(), job.name)[1])
            outcomes += work_off_in_turn([job], **how)
        return outcomes

    monkeypatch.setattr(lane_training, "work_off", work_off)
    for _ in range(3):  # in each arm, and while measuring
        left[:] = [1, 1, 1]
        try:
            reproduce(STUDY, ASK, tmp_path)
        except KeyboardInterrupt:
            assert not (tmp_path / "report.html").exists()
    assert sorted(done) == sorted({*done})
    assert len(done) == 8  # four lanes trained, four measured
    assert numbers_of(tmp_path) == numbers_of(toy)


def broken(experiment):
    raise ValueError("the measure is broken")


def mended(experiment):
    return {"value": 7.0}


def test_a_measure_that_fails_is_told_of_and_alone_is_taken_later(copy, in_turn):
    def study(of):
        taken = [Measure("more", "more", {}, of)]
        measured = {arm.name: {"measures": lambda lane, arm=arm: [*arm.measures(lane), *taken]} for arm in plan.arms}
        return replace(with_arms(**measured), always=("more",))

    plan = STUDY.plan(ASK)
    before, heard = numbers_of(copy), []
    reproduce(study(broken), ASK, copy, say=heard.append)
    assert numbers_of(copy) == before
    assert all("broken" in lane["error"] for arm in results(copy)["arms"] for lane in arm["lanes"])
    assert "broken" in heard[-1]
    kept = {path: stamp for path, stamp in every_file(copy).items() if "/measurements/" in str(path) and path.is_file()}
    reproduce(study(mended), ASK, copy)
    assert kept.items() <= every_file(copy).items()
    assert [lane["more"] for lane in numbers_of(copy)] == [7.0] * 4
    assert not any(lane["error"] for arm in results(copy)["arms"] for lane in arm["lanes"])


@pytest.mark.slow
@pytest.mark.parametrize("signal_sent", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_killed_or_told_to_stop_lets_go_and_another_goes_on(toy, tmp_path, signal_sent):
    out, run = tmp_path / "study", [sys.executable, "-m", "kelbo", "reproduce", TOY, "--workers", "1"]
    program = subprocess.Popen([*run, "--out", out], stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        while not list(out.glob("scratch/states/*.json")):
            assert program.poll() is None, "the study ended before its first lane did"
            time.sleep(0.02)
    finally:
        program.send_signal(signal_sent)
        error = program.communicate()[1]
    assert not (out / "report.html").exists()
    assert signal_sent == signal.SIGKILL or (program.returncode, "same command" in error) == (130, True)
    (first,) = [path for path in (out / "scratch/lanes").glob("*/checkpoints/*/weights.safetensors")][:1]
    stamp = first.stat().st_mtime_ns
    subprocess.run([*run, "--out", out], check=True)
    assert first.stat().st_mtime_ns == stamp
    assert numbers_of(out) == numbers_of(toy)


def test_commands_add_up_in_one_folder(tmp_path, in_turn):
    first = Table("first", STUDY.things["table1"].make, (Need(("scratch",), ("bound",), first=True),))
    study = replace(STUDY, sections=[Section("", (first, STUDY.things["table1"]))], main=())
    trained = []
    for only in (("first",), ("table1",), ("first",)):
        reproduce(study, replace(ASK, only=only), tmp_path, say=trained.append)
        asked = [one["only"] for one in results(tmp_path)["asked"]]
        assert only == tuple(asked[-1])
        assert states(tmp_path) == ["done"] * (1 if asked == [["first"]] else 4)
    assert sorted(asked) == [["first"], ["table1"]]
    assert [line for line in trained if "trained already" in line] == [
        "1 of 4 lanes are trained already, or diverged",
        "1 of 1 lanes are trained already, or diverged",
    ]


def test_lanes_have_the_measures_of_all_commands_and_bring_the_runs_that_they_open(tmp_path):
    needs = {"one": Need(("scratch",), ("bound",)), "two": Need(("begun",), ("samples",))}
    tables = tuple(Table(key, lambda _n: None, (need,)) for key, need in needs.items())
    study = replace(STUDY, sections=[Section("", tables)])
    for only, keys in (("one",), {"bound"}), (("two",), set()), (("one", "two"), {"bound"}):
        found = course_of(study, [replace(ASK, only=(key,)) for key in only], StudyFolder(tmp_path)).lanes
        there = {"scratch": keys, **({"begun": {"samples"}} if "two" in only else {})}
        assert {lane.arm.name: lane.keys for lane in found} == there
        assert len(found) == 2 * len(there)


def test_without_training_what_is_trained_is_measured(copy, in_turn):
    shutil.rmtree(copy / "scratch/lanes/seed=1/checkpoints")
    shutil.rmtree(copy / "scratch/lanes/seed=0/measurements")
    before, heard = numbers_of(copy), []
    reproduce(STUDY, ASK, copy, training=False, say=heard.append)
    assert states(copy) == ["done", "unfinished", "done", "done"]
    assert [bool(lane) for lane in numbers_of(copy)] == [True, False, True, True]
    assert numbers_of(copy)[0] == before[0]
    assert "scratch/seed=1 unfinished: not begun" in heard


def test_without_training_a_folder_without_a_study_or_a_trained_lane_is_refused(toy, tmp_path):
    with pytest.raises(RunError, match="no study"):
        reproduce(STUDY, ASK, tmp_path / "none", training=False)
    assert list(tmp_path.iterdir()) == []
    begin(STUDY, ASK, tmp_path / "begun")
    with pytest.raises(RunError, match="None of the 4"):
        reproduce(STUDY, ASK, tmp_path / "begun", training=False)


@pytest.mark.parametrize(
    ("study", "ask", "told"),
    [
        (replace(STUDY, name="other"), ASK, "study 'toy' instead of 'other'"),
        (STUDY, replace(ASK, mode="as-published"), "'corrected' instead of 'as-published'"),
        (STUDY, replace(ASK, budget=Budget("hours")), "'minutes' instead of 'hours'"),
        (STUDY, replace(ASK, changes=("size=16",)), "changes"),
        (with_arms(scratch={"recipe": change(STUDY.plan(ASK).arms[0].recipe, ["training.steps=7"])}), ASK, "steps"),
        (with_arms(scratch={"seeds": (0, 2)}, begun={"seeds": (0, 2)}), ASK, "other lanes"),
    ],
)
def test_a_folder_of_another_study_is_refused_and_left_as_it_is(toy, study, ask, told):
    before = every_file(toy)
    with pytest.raises(RunError, match=told):
        reproduce(study, ask, toy)
    assert every_file(toy) == before


def test_a_folder_of_something_else_and_things_that_are_not_there_are_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match=r"thesis\.tex"):
        reproduce(STUDY, ASK, tmp_path)
    for ask in (replace(ASK, only=("fig9",)), replace(ASK, only=()), replace(ASK, features=" ")):
        with pytest.raises(RecipeError):
            planned(STUDY, ask, tmp_path / "study")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(("size", "untrained"), [(100, ""), (5_000, "scratch/lanes/seed=0/checkpoints")])
def test_a_full_disk_is_one_message_and_leaves_nothing_half_written(copy, in_turn, size, untrained):
    if untrained:
        shutil.rmtree(copy / untrained)
    before = (copy / "results.json").read_bytes()
    with limit_of_files() as limit:
        limit(size)
        with pytest.raises(NotSaved):
            reproduce(STUDY, ASK, copy)
    assert not list(copy.rglob("*.partial"))
    assert (copy / "results.json").read_bytes() == before
    reproduce(STUDY, ASK, copy)
    assert states(copy) == ["done"] * 4


def test_a_measurement_that_cannot_be_written_is_missing_as_before(copy):
    run, wanted = Run(copy / "scratch/lanes/seed=0"), STUDY.plan(ASK).arms[0].measures(None)
    shutil.rmtree(run.path / "measurements")
    with limit_of_files() as limit:
        limit(100)
        with pytest.raises(NotSaved):
            measuring.measure_lane(run.path, wanted, None, tell=lambda _: None)
    assert measuring.missing(run, wanted) == wanted
    assert not list(run.path.rglob("*.partial"))


def diverge_once(recipe, folder, *, tell):
    if recipe.seed == 1:
        raise Divergence("At step 3 the loss was nan.")
    train_lane(recipe, folder, tell=tell)


def test_a_diverged_lane_and_what_opens_it_are_told_of_and_the_others_go_on(tmp_path, in_turn, monkeypatch):
    study, heard = with_arms(scratch={"train": (diverge_once, ())}), []
    page = reproduce(study, ASK, tmp_path, say=heard.append)
    assert states(tmp_path) == ["done", "diverged", "done", "failed"]
    assert "scratch/seed=1 diverged: At step 3 the loss was nan." in heard
    assert "step 3" in page.read_text()
    n = read_numbers(study, tmp_path)
    assert [verdict.outcome for verdict in verdicts(study.claims, n)] == ["not tested"]  # one seed is left
    assert "opens" in results(tmp_path)["arms"][1]["lanes"][1]["error"]
    monkeypatch.setattr(lane_training, "train_lane", None)  # the job of any lane
    reproduce(STUDY, ASK, tmp_path)
    assert states(tmp_path) == ["done", "diverged", "done", "failed"]


def test_two_processes_do_not_work_on_one_study(copy):
    with begin(STUDY, ASK, copy).folder.held(), pytest.raises(Locked):
        reproduce(STUDY, ASK, copy)


def test_weights_that_stay_are_hashed_once_and_new_ones_again(copy, monkeypatch):
    hashed, digests = [], measuring.opened.digests
    monkeypatch.setattr(measuring.opened, "digests", lambda run: (hashed.append(run), digests(run))[1])
    run, wanted = Run(copy / "scratch/lanes/seed=0"), STUDY.plan(ASK).arms[0].measures(None)
    for _ in range(3):
        assert measuring.missing(run, wanted) == []
    assert len(hashed) == 1
    (weights,) = run.path.glob("checkpoints/*/weights.safetensors")
    other = next((copy / "scratch/lanes/seed=1").glob("checkpoints/*/weights.safetensors"))
    weights.write_bytes(other.read_bytes())
    assert measuring.missing(run, wanted) == wanted


def test_the_time_of_lanes_that_open_runs_is_known_before_these_are_trained(tmp_path, toy, monkeypatch):
    monkeypatch.setattr(probe, "work_off", work_off_in_turn)
    monkeypatch.setattr(probe, "SECONDS", 0.01)
    opening = change(STUDY.plan(ASK).arms[1].recipe, [f"runs.primary.path={tmp_path}", f"start.path={tmp_path}"])
    study = with_arms(begun={"recipe": opening, "opens": {"runs.primary": "scratch", "start": "scratch"}})
    found = expected(planned(study, ASK, tmp_path / "study"), 1)
    assert found.rates.keys() == {"scratch", "begun"}
    assert min(found.training, found.measuring) > 0
    monkeypatch.setattr(module, "probe", lambda *_: pytest.fail("nothing is left to time"))
    assert expected(planned(STUDY, ASK, toy)).seconds == 0


@pytest.mark.slow
def test_a_study_runs_on_ray_as_it_does_here(toy, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from kelbo.sweeps import joining

    monkeypatch.setattr(joining, "cores", lambda: 2)
    reproduce(STUDY, ASK, tmp_path / "study", how=LaneOptions(on="ray"))
    assert states(tmp_path / "study") == ["done"] * 4
    ours, here = numbers_of(tmp_path / "study"), numbers_of(toy)
    assert [lane["bound.elbo"] for lane in ours] == [pytest.approx(lane["bound.elbo"]) for lane in here]
    assert list((tmp_path / "study/logs").iterdir())
