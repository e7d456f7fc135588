"""A finished run is enough by itself: its data may be gone, and its folder may not be written to."""

import errno
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from kelbo.errors import Damaged, NotSaved, RunError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.draws import latents_by_kept_rate
from kelbo.recipes import change, find
from kelbo.runs import Run
from kelbo.studies.arms import Measure
from kelbo.studies.measuring import measure_lane

SMALL = ["model.network.width=16", "model.latents=3", "training.steps=4", "training.pictures_every=100"]
FILE, ELSEWHERE = "data.npz", "elsewhere.npz"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """A conditional run, evaluated, whose data have been moved since."""
    folder, digits = tmp_path_factory.mktemp("runs"), load_digits()
    images, labels = (digits.images * 15).astype(np.uint8), digits.target
    arrays = {"x_train": images[:200], "y_train": labels[:200], "x_test": images[200:240], "y_test": labels[200:240]}
    np.savez(folder / FILE, **arrays)
    recipe = change(find("digits"), [*SMALL, "data.kind=array", f"data.root={folder / FILE}", "model.given=labels"])
    made = train(recipe, folder / "run")
    evaluate_run(open_run(made.path))
    (folder / FILE).rename(folder / ELSEWHERE)
    return made


@pytest.fixture
def root(run):
    """Where the run's data are now."""
    return run.path.parent / ELSEWHERE


@pytest.fixture
def read_only(run, monkeypatch, tmp_path):
    """Nothing can be written in the run's folder, not even by root; the current folder is another one."""
    whole = {"open": Path.open, "mkdir": Path.mkdir}

    def refuse(path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def opened(path, mode="r", *rest, **how):
        return (
            refuse(path)
            if {*mode} & {*"wax+"} and run.path in path.parents
            else whole["open"](path, mode, *rest, **how)
        )

    def made(path, *rest, **how):
        return refuse(path) if run.path in path.parents and not path.is_dir() else whole["mkdir"](path, *rest, **how)

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(Path, "mkdir", made)
    monkeypatch.chdir(tmp_path)
    before = contents(run.path)
    yield
    assert contents(run.path) == before


def contents(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("command", ["sample", "traverse", "interpolate"])
def test_pictures_are_made_without_data_and_lie_in_the_current_folder_if_the_runs_cannot_be_written(
    kelbo, run, read_only, tmp_path, command
):
    code, out, err = kelbo(command, run.path)
    assert (code, "Read-only file system" in err) == (0, True), err
    name = out.splitlines()[-1]
    assert name.startswith(f"run-00000004-{command}")
    assert (tmp_path / name).is_file()


def test_a_walk_between_draws_needs_no_data_and_one_between_images_says_where_to_name_them(kelbo, run, tmp_path):
    draws = ["--from", "prior:3", "--to", "prior:4", "--given", "7"]
    code, _, err = kelbo("interpolate", run.path, *draws, "--out", tmp_path / "a.png")
    assert (code, err) == (0, "")
    code, _, err = kelbo("interpolate", run.path, "--from", "3")
    assert (code, err.endswith("(options: --data-root PATH)\n")) == (1, True)


def test_latents_are_ordered_by_what_an_evaluation_kept(kelbo, run, root, tmp_path):
    opened = open_run(run.path, data_root=root)
    assert latents_by_kept_rate(open_run(run.path, read_data=False)) == opened.latents_by_rate(opened.pictured(40))


def test_kept_numbers_are_read_without_data(kelbo, run):
    code, out, err = kelbo("evaluate", run.path, "--json")
    assert (code, "--data-root" in err) == (0, True)
    (kept,) = run.measurements.all("evaluation")
    assert json.loads(out)["elbo"] == kept.value["elbo"]
    assert kelbo("evaluate", run.path, "--samples", 2)[0] == 1  # which nobody has measured


def test_numbers_are_printed_that_cannot_be_kept(kelbo, run, root, read_only):
    measured = ["--samples", 2, "--metrics", "latents,calibration", "--data-root", root]
    code, out, err = kelbo("evaluate", run.path, *measured, "--json")
    assert (code, err) == (0, f"warning: Measurements cannot be kept in {run.path}: Read-only file system.\n")
    assert json.loads(out)["importance_weighted"]["mean"]


def test_a_report_of_what_the_run_has_needs_neither_data_nor_a_folder_that_can_be_written(
    kelbo, run, unrendered, read_only
):
    code, out, err = kelbo("report", run.path)
    assert (code, out, "--data-root" in err, "Read-only" in err) == (0, "run-report.html\n", True, True)
    sections = re.findall(r'<section id="(\w+)"', Path("run-report.html").read_text())
    assert {"headline", "samples", "training", "rates"} <= {*sections}  # an evaluation was kept
    assert {"reconstructions", "traversals"}.isdisjoint(sections)


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered", "read_only")
def test_a_page_is_measured_and_written_where_the_runs_folder_cannot_be(kelbo, run, root):
    assert kelbo("report", run.path, "--data-root", root)[:2] == (0, "run-report.html\n")
    assert 'id="reconstructions"' in Path("run-report.html").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_a_page_that_was_measured_is_written_again_without_data(kelbo, run, root, tmp_path):
    assert kelbo("report", run.path, "--data-root", root)[0] == 0
    for option in ([], ["--kept"]):
        code, out, err = kelbo("report", run.path, *option, "--out", tmp_path / "page.html")
        assert (code, out, "was measured" in err) == (0, f"{tmp_path / 'page.html'}\n", not option)
        assert 'id="reconstructions"' in (tmp_path / "page.html").read_text()
        assert list((tmp_path / "page").glob("*.png"))


def test_a_study_stops_if_what_it_measures_cannot_be_kept(run, root, read_only):
    one = Measure("fixed", "fixed", {}, lambda _: {"value": 1.0})
    with pytest.raises(NotSaved):
        measure_lane(run.path, [one], root, tell=lambda _: None)


def test_a_run_can_be_read_by_everybody_who_may_read_its_folder(run):
    modes = {path.suffix: path.stat().st_mode for path in run.checkpoint(4).iterdir()}
    assert modes[".safetensors"] == modes[".json"]


def test_weights_that_may_not_be_read_are_not_called_damaged(run, monkeypatch):
    whole = Path.open

    def opened(path, *rest, **how):
        if path.name == "training.safetensors":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return whole(path, *rest, **how)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(RunError, match="training.safetensors may not be read") as told:
        open_run(run.path, read_data=False)
    assert not isinstance(told.value, Damaged)
