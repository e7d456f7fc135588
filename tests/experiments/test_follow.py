"""Distances that are read while a run trains."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from kelbo.errors import Interrupted, NotSaved
from kelbo.evaluation.features import feature_network
from kelbo.experiments import open_run, train
from kelbo.experiments.follow import clouds, follow
from kelbo.recipes import parse
from kelbo.runs import Run, write_json
from kelbo.training import every

RECIPE = {
    "name": "followed",
    "data": {"kind": "digits", "size": 8},
    "model": {"latents": 3, "network": {"kind": "higgins", "width": 16}},
    "training": {"steps": 12, "batch_size": 32, "log_every": 4, "checkpoint_every": 5, "pictures_every": 100},
}


@pytest.fixture(scope="module")
def network():
    return feature_network("random-0", (1, 8, 8))


def hooks_of(recipe, folder, network, **how):
    return [every(3, follow(recipe, Run(folder), network, 24, **how))]


@pytest.fixture(scope="module")
def whole(network, tmp_path_factory):
    folder, recipe = tmp_path_factory.mktemp("runs") / "whole", parse(RECIPE)
    return train(recipe, folder, hooks=hooks_of(recipe, folder, network))


def curve(run):
    """The settings and rows of the curve read last."""
    found = run.measurements.all("distances")[-1]
    return found.settings, found.value["rows"]


def steps(folder):
    curves = Run(folder).measurements.all("distances")
    return {one.settings["network"]["name"]: [row["step"] for row in one.value["rows"]] for one in curves}


def weights(run):
    return load_file(run.checkpoint(run.checkpoint_steps()[-1]) / "weights.safetensors")


def test_readings_come_at_their_steps_and_training_does_not_notice(whole, tmp_path):
    _, rows = curve(whole)
    assert [row["step"] for row in rows] == [3, 6, 9, 12]
    assert all(row["reconstruction"] > 0 and row["sample"] > 0 for row in rows)
    alone = train(parse(RECIPE), tmp_path / "alone")
    assert not alone.measurements.all()
    assert all(torch.equal(value, weights(alone)[name]) for name, value in weights(whole).items())


def test_a_resumed_run_has_the_readings_of_one_that_never_stopped(whole, network, tmp_path):
    recipe, folder = parse(RECIPE), tmp_path / "run"

    def stop(state, values):
        if state.step == 8:
            raise Interrupted("here")

    with pytest.raises(Interrupted):
        train(recipe, folder, hooks=[*hooks_of(recipe, folder, network), stop])
    assert steps(folder) == {"random-0": [3, 6]}
    hooks = hooks_of(recipe, folder, network)  # from the checkpoint of step 5: what came after is read again
    assert steps(folder) == {"random-0": [3]}
    train(recipe, folder, resume=True, hooks=hooks)
    assert curve(Run(folder)) == curve(whole)


def test_a_curve_is_never_of_two_networks(network, tmp_path):
    recipe, folder = parse(RECIPE), tmp_path / "run"

    def stop(state, values):
        if state.step == 8:
            raise Interrupted("here")

    with pytest.raises(Interrupted):
        train(recipe, folder, hooks=[*hooks_of(recipe, folder, network), stop])
    assert steps(folder) == {"random-0": [3, 6]}
    other = feature_network("random-1", (1, 8, 8))
    hooks = hooks_of(recipe, folder, other)
    train(recipe, folder, resume=True, hooks=hooks)
    assert steps(folder) == {"random-0": [3, 6], "random-1": [6, 9, 12]}
    settings = {"images": 24, "split": "test", "sampled": False}
    by_network = {one.settings["network"]["name"]: one.settings for one in Run(folder).measurements.all("distances")}
    assert by_network["random-1"] == {"network": other.fingerprint, **settings}


def test_a_curve_of_an_older_version_goes_on(whole, network, tmp_path):
    recipe, folder = parse(RECIPE), tmp_path / "run"
    settings, rows = curve(whole)
    write_json(folder / "distances.json", settings)
    (folder / "distances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:2]))
    assert follow(recipe, Run(folder), network, 24).rows == []  # there is no checkpoint to go on from
    shutil.rmtree(folder / "measurements")
    (folder / "checkpoints" / "00000005").mkdir(parents=True)
    (folder / "checkpoints" / "00000005" / "state.json").write_text("{}")
    assert follow(recipe, Run(folder), network, 24).rows == rows[:1]


def test_reconstructions_from_drawn_posteriors_are_others_and_samples_are_the_same(whole, network):
    experiment = open_run(whole.path, device="cpu")
    images = experiment.data.test
    means, draws, again = (clouds(experiment.model, network, images, sampled=s) for s in (False, True, True))
    assert (means["sample"] == draws["sample"]).all()
    assert (means["reconstruction"] != draws["reconstruction"]).any()
    assert (draws["reconstruction"] == again["reconstruction"]).all()


def test_a_full_disk_stops_the_run_with_one_message(network, tmp_path, monkeypatch):
    recipe, folder = parse(RECIPE), tmp_path / "run"
    hook = follow(recipe, Run(folder), network, 24)

    def refuse(measured):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hook.run.measurements, "keep", refuse)
    with pytest.raises(NotSaved, match=r"step 3\b"):
        train(recipe, folder, hooks=[every(3, hook)])
