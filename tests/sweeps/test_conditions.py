"""Every setting that changes a number is a condition of it, and numbers of other conditions never stand together unsaid.

A walk goes over the settings of every command that measures, a new one too: under another value a number is equal, or it has
another condition.
"""

import inspect
import shutil
from pathlib import Path

import pytest
from tests.records import as_older, rewrite, scores
from tests.reports.test_scores_of_a_run import small_network, with_factors
from tests.sweeps.test_table import BATCHES, only

from kelbo.evaluation import latent_scores as latents
from kelbo.evaluation.disentanglement import SCORES as SCORES_OF_CODES, Options
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.feature_networks import open_for
from kelbo.experiments.fitted_priors import fit_prior
from kelbo.experiments.scoring import score_run
from kelbo.recipes import change, find
from kelbo.runs import Sweep, write_json
from kelbo.runs.writing import read_json
from kelbo.sweeps.measured import RESULTS, UNCHANGING, numbers
from kelbo.sweeps.table_files import rows, summary


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose numbers depend on all that they can: averaged weights, and a σ of the evaluated batch itself."""
    settings = [
        *("data.size=8", "model.network.width=16", "model.latents=3", "training.steps=12", "training.batch_size=32"),
        *("likelihood.kind=optimal_gaussian", "likelihood.as_published=true", "training.ema=0.9"),
    ]
    run = train(change(find("digits"), settings), tmp_path_factory.mktemp("conditions") / "run")
    fit_prior(open_run(run.path), "mixture", components=2)
    return run


@pytest.fixture
def measured(run, tmp_path):
    """Opens a copy of the run without any record, measures it, and gives its numbers by quantity."""

    def numbers_of(measure, **how):
        copy = tmp_path / "run"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(run.path, copy)
        experiment = open_run(copy, **{"device": "cpu", **how})
        measure(experiment)
        return {number.quantity: number for number in numbers(experiment.run) if number.source[:7] != "journal"}

    return numbers_of


def require_equal_or_told(one, other):
    """Each number of both is equal, or was had under other conditions. The numbers that are not equal, in pairs."""
    assert one.keys() & other.keys()
    changed = [(one[name], other[name]) for name in one.keys() & other.keys() if one[name].value != other[name].value]
    for before, after in changed:
        assert before.conditions != after.conditions, before.quantity
    return changed


def require_apart(changed):
    """They stand in records of their own: none has replaced another."""
    assert changed
    assert all(before.source != after.source for before, after in changed)


NO_SETTINGS = {
    "path": "which run",
    "experiment": "which run",
    "fabric": "of several processes the numbers are those of one: tests/parity/test_processes.py",
    "advance": "is told how far it is",
    "again": "whether to measure what the folder has: tests/experiments/test_measure.py",
    "device": "there is one device here: its condition is tested by itself",
    "data_root": "the images are the same wherever they lie, or are refused",
    "read_data": "whether images are read before they are asked for",
    "checkpoint": "of images with a validation split: tests/experiments/test_best_checkpoint.py",
    "names": "which scores",
    "parts": "who makes the recipe's parts",
    "lenient": "whether what does not exist is an error",
}
OPENING = {"average": False, "prior": "mixture"}
EVALUATING = {"split": "train", "samples": 3, "dequantized": True, "batch_size": 7, "seed": 1}
SCORING = {
    "sampled": True,
    "looked": 40,
    "batch_size": 90,
    "split": "train",
    "options": [Options(pairs=4), Options(classifier="linear"), Options(chosen=(0, 1))],
    "network": "another",
    "images": 20,
    "codes": 200,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("function", "varied"), [(open_run, OPENING), (evaluate_run, EVALUATING), (score_run, SCORING)]
)
def test_every_setting_of_a_measurement_is_varied_here_or_is_none(function, varied):
    assert set(inspect.signature(function).parameters) - set(NO_SETTINGS) == set(varied)
    usual = Options()._asdict()
    changed = [key for one in SCORING["options"] for key, value in one._asdict().items() if value != usual[key]]
    assert sorted(changed) == sorted(usual)


@pytest.mark.parametrize("setting", EVALUATING)
def test_an_evaluation_under_another_setting_has_equal_numbers_or_another_condition(setting, measured):
    base = measured(evaluate_run)
    other = measured(lambda experiment: evaluate_run(experiment, **{setting: EVALUATING[setting]}))
    changed = require_equal_or_told(base, other)
    if setting == "samples":
        assert not changed
        assert "importance_weighted" in other.keys() - base.keys()
    else:
        require_apart(changed)


def test_a_batch_size_changes_a_distortion_whose_sigma_is_the_batchs_own(measured):
    """The case in which a condition that was taken for none had been one."""
    one, other = (measured(lambda experiment, s=size: evaluate_run(experiment, batch_size=s)) for size in (1, 180))
    assert one["distortion"].value != pytest.approx(other["distortion"].value, rel=1e-3)
    assert one["distortion"].conditions["batch_size"] != other["distortion"].conditions["batch_size"]


def scoring(names=("mig", "latents", "images", "calibration"), network="small", **how):
    def score(experiment):
        through = small_network((1, 8, 8)) if network == "small" else open_for(experiment, "random-0")
        score_run(with_factors(experiment), names, network=through, **how)

    return score


@pytest.mark.parametrize("setting", [setting for setting in SCORING if setting != "options"])
def test_scores_under_another_setting_are_equal_or_have_another_condition(setting, measured):
    require_apart(require_equal_or_told(measured(scoring()), measured(scoring(**{setting: SCORING[setting]}))))


def test_a_score_of_other_options_is_equal_or_has_another_condition(measured, monkeypatch):
    monkeypatch.setitem(SCORES_OF_CODES, "beta_vae", SCORES_OF_CODES["beta_vae"]._replace(replicates=1))
    base = measured(scoring(["beta_vae"], codes=500))
    for options in SCORING["options"]:
        require_apart(require_equal_or_told(base, measured(scoring(["beta_vae"], codes=500, options=options))))


@pytest.mark.parametrize("setting", OPENING)
def test_numbers_of_a_run_opened_in_another_way_are_equal_or_have_another_condition(setting, measured):
    scores = (
        "mig",
        "images",
        "calibration",
        *(["latents"] if setting != "prior" else []),
    )  # parts of a rate are of N(0, I)
    for measure in (evaluate_run, scoring(scores)):
        require_apart(require_equal_or_told(measured(measure), measured(measure, **{setting: OPENING[setting]})))


@pytest.mark.parametrize("constant", ["TABLE", "EXAMPLES"])
def test_a_score_of_fewer_images_or_draws_has_another_condition(constant, measured, monkeypatch):
    base = measured(lambda experiment: score_run(experiment, ["latents"]))
    monkeypatch.setattr(latents, constant, 100)
    assert require_equal_or_told(base, measured(lambda experiment: score_run(experiment, ["latents"])))


def test_a_setting_that_no_version_has_had_is_a_condition_too(measured):
    def novel(experiment):
        evaluate_run(experiment)
        rewrite(experiment.run, "test", lambda told: told["settings"].update(novel={"depth": 3}))

    assert {number.conditions["novel.depth"] for number in measured(novel).values()} == {"3"}


def test_the_device_the_precision_and_the_versions_of_a_measurement_are_conditions(measured):
    for number in (measured(evaluate_run) | measured(scoring())).values():
        assert {"device", "precision", "versions.torch", "versions.kelbo", "seed"} <= number.conditions.keys()
        assert not number.conditions.keys() & {*UNCHANGING, *RESULTS}


def test_means_of_one_table_that_were_measured_in_other_ways_say_so(whole, tmp_path):
    """Each mean is of numbers measured alike, yet they stand beside one another."""
    sweep = Sweep.open(Path(shutil.copytree(whole.path, tmp_path / "sweep")))
    for lane in sweep.lanes[3:]:
        rewrite(sweep.run(lane), "test", lambda told: told["settings"].update(batch_size=7))
    found = summary(rows(sweep))
    one, other = (only(found, "elbo", "evaluation test", **{"objective.beta": beta}) for beta in (0.5, 1.0))
    assert "batch_size: 256, elsewhere 7" in one.note
    assert "batch_size: 7, elsewhere 256" in other.note
    assert "batch_size" not in only(found, "elbo", BATCHES, **{"objective.beta": 0.5}).note


def test_image_distances_of_other_numbers_of_images_never_stand_under_one_mean(sweep):
    for lane, images in zip(sweep.lanes, (64, 20), strict=True):
        experiment = open_run(sweep.run(lane).path, device="cpu")
        score_run(experiment, ["images"], network=open_for(experiment, "random-0"), images=images)
    found = [row for row in summary(rows(sweep)) if row.quantity == "frechet.sample"]
    assert [(row.n, row.note) for row in found] == [(1, "1 not measured")] * 2
    first = sweep.run(sweep.lanes[0])
    (record,) = scores(first).values()
    (name,) = scores(sweep.run(sweep.lanes[1]))
    as_older(first, "scores", name, record)  # as older versions named it, whatever the number of images
    (row,) = [row for row in summary(rows(sweep)) if row.quantity == "frechet.sample" and row.n == 2]
    assert "images differs: 64, 20" in row.note


def test_lanes_trained_by_other_machines_or_versions_say_so(sweep):
    place = sweep.run(sweep.lanes[1]).path / "provenance.json"
    told = read_json(place)
    told["machine"] |= {"processes": 2, "torch": "2.11.0"}
    write_json(place, told)
    note = only(summary(rows(sweep)), "elbo", BATCHES, **{"objective.beta": 1}).note
    assert "training's processes differs: 1, 2" in note
    assert "training's torch differs" in note
