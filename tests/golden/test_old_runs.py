"""Runs of an earlier version, in runs/: they open, measure as they did, and go on to the weights that they had then."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from kelbo.cli.main import app
from kelbo.runs import Run
from kelbo.sweeps.measured import numbers

RUNS = Path(__file__).with_name("runs")
NAMES = ["vae-ema", "optimal-sigma", "autoencoder"]
AFTER = json.loads((RUNS / "after.json").read_text())


def kelbo(*arguments):
    app([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(params=NAMES)
def old(request, tmp_path):
    """A copy of an old run; the one in the repository stays as it is."""
    return Path(shutil.copytree(RUNS / request.param, tmp_path / request.param))


def assert_same(folders, before, now):
    """Every value of `before` is among those of `now`: to the bit on the machine that trained the runs, nearly on others."""
    assert before
    if AFTER["machine"] == folders.machine():
        wrong, _ = folders.compare(before, now)
        assert wrong == []
        return
    for path, value in before.items():
        found = now[folders.renamed(path)]
        if not isinstance(value, str):  # words and hashes
            assert np.asarray(found, float) == pytest.approx(np.asarray(value, float), rel=1e-3, nan_ok=True), path


def test_it_measures_what_it_measured_then(old, folders):
    (record,) = (old / "evaluations").glob("*.json")
    before = folders.records(old)
    record.unlink()
    kelbo("evaluate", old, "--device", "cpu")
    assert_same(folders, before, folders.records(old))


@pytest.mark.usefixtures("unrendered")
def test_its_numbers_are_read_and_stand_on_its_page(old):
    (path,) = (old / "evaluations").glob("*.json")
    record, run = json.loads(path.read_text()), Run(old)
    measured = {number.quantity: number.value for number in numbers(run) if number.source == "evaluation test"}
    assert measured["distortion"] == record["distortion"]["mean"]
    other = record | {"settings": record["settings"] | {"split": "train", "step": 10}}
    (old / "evaluations" / "train.json").write_text(json.dumps(other))
    kelbo("report", old, "--device", "cpu")
    page = (old / "report.html").read_text()
    assert re.findall(r'class="number">(test|train)</th>', page) == ["test", "train"]
    assert page.count("another than this page") == 1


def test_it_goes_on_to_the_weights_that_it_had_then(old, folders):
    kelbo("train", "--resume", "--out", old, "--steps", 40, "--accelerator", "cpu")
    kelbo("evaluate", old, "--device", "cpu")
    assert_same(folders, AFTER["cases"][old.name], folders.whole(old))


def test_it_goes_on_from_its_own_weights_and_averages(old, folders):
    before = {path.name: load_file(path) for path in folders.newest(old).glob("[we]*.safetensors")}
    kelbo("train", "--resume", "--out", old, "--steps", 40, "--accelerator", "cpu")
    place = folders.newest(old)
    assert place.name == "00000040"
    for file, tensors in before.items():
        now = load_file(place / file)
        assert now.keys() == tensors.keys()
        assert all(now[name].shape == value.shape for name, value in tensors.items())
        assert any((now[name] != value).any() for name, value in tensors.items())


def test_its_pictures_and_codes_can_still_be_had(old, tmp_path):
    verbs = ["reconstruct"] if old.name == "autoencoder" else ["reconstruct", "sample", "traverse"]
    for verb in verbs:
        kelbo(verb, old, "--device", "cpu", "--out", tmp_path / f"{verb}.png")
        assert (tmp_path / f"{verb}.png").stat().st_size > 0
