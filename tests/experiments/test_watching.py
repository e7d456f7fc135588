"""Real runs that give reason to warn, and what becomes of the warnings."""

import numpy as np
import pytest

from kelbo.errors import NotSaved
from kelbo.experiments import open_run, train
from kelbo.experiments.doctor import examine
from kelbo.recipes import change, find, load
from kelbo.runs import Run

SMALL = [
    "model.network.width=16",
    "objective.warmup=0",
    "optimizer.weight_decay=0",
    "training.batch_size=16",
    "training.log_every=10",
    "training.checkpoint_every=60",
    "training.pictures_every=1000",
    "training.steps=110",
]


def trained(folder, *settings, **how):
    """A run of the digits and what was said while it trained."""
    said = []
    return train(change(find("digits"), [*SMALL, *settings]), folder, warn=said.append, **how), said


def array(path, images):
    np.save(path, images)
    return ["data.kind=array", f'data.root="{path}"', "data.held_out=0.5"]


def sigma_found(run):
    """What the doctor finds of the decoder's σ."""
    experiment = open_run(run.path)
    data, rows = experiment.data, run.journal.rows()
    found = examine(experiment.model, data.train, data.test, rows, experiment.weigh)
    return next(one for one in found if one.code.startswith("sigma-"))


@pytest.mark.parametrize("settings", [["likelihood.kind=optimal_gaussian"], ["objective.beta=0.01"]])
def test_an_ordinary_run_says_nothing(tmp_path, settings):
    run, said = trained(tmp_path / "run", "likelihood.kind=fixed_gaussian", *settings)
    assert said == run.warnings() == []


def test_a_sigma_learned_far_too_slowly_is_found_by_the_run_and_by_the_doctor(tmp_path):
    run, said = trained(tmp_path / "run", "likelihood.kind=shared_gaussian", "optimizer.learning_rate=1e-5")
    [kept] = run.warnings()
    assert kept["kind"] == "sigma-wide"
    assert [kept["text"]] == said
    assert 70_000 < kept["fields"]["needed"] < 100_000  # ln(1 / 0.42) at 1e-5 a step
    found = sigma_found(run)
    assert (found.code, found.severity, found.fields["source"]) == ("sigma-wide", "warning", "learned")


def test_a_plain_autoencoder_of_the_same_recipe_is_left_alone(tmp_path):
    settings = ["likelihood.kind=shared_gaussian", "optimizer.learning_rate=1e-5", "model.kind=autoencoder"]
    assert trained(tmp_path / "run", *settings)[1] == []


def test_constant_images_pin_sigma_which_the_run_and_the_doctor_find(tmp_path):
    flat = array(tmp_path / "flat.npy", np.full((400, 8, 8), 90, np.uint8))
    run, said = trained(tmp_path / "run", *flat, "optimizer.learning_rate=3e-3")
    assert len(said) == 1
    assert [(one["kind"], one["severity"]) for one in run.warnings()] == [("sigma-floor", "problem")]
    found = sigma_found(run)
    assert (found.code, found.severity) == ("sigma-floor", "problem")


def test_pixels_that_never_change_pin_a_per_pixel_sigma_which_the_run_and_the_doctor_find(tmp_path):
    run, said = trained(tmp_path / "run", "likelihood.kind=per_pixel_gaussian", "optimizer.learning_rate=2e-2")
    share = run.journal.rows()[-1]["floored"]
    assert 0.05 < share < 0.5
    assert len(said) == 1
    assert [(one["kind"], one["severity"]) for one in run.warnings()] == [("sigma-floor", "warning")]
    found = sigma_found(run)
    assert (found.code, found.severity) == ("sigma-floor", "warning")
    assert found.fields["share"] == pytest.approx(share, abs=0.1)


def test_memorised_images_are_found_by_the_run_and_by_the_doctor(tmp_path):
    """Sixteen images of noise: nothing of them helps with sixteen others."""
    noise = array(tmp_path / "noise.npy", np.random.default_rng(0).integers(0, 256, (32, 8, 8), dtype=np.uint8))
    settings = ["optimizer.learning_rate=5e-3", "objective.beta=0.1", "likelihood.momentum=0.8", "model.latents=16"]
    run, said = trained(tmp_path / "run", *noise, *settings, "training.batch_size=16", "training.steps=200")
    assert [one["kind"] for one in run.warnings()] == ["sigma-narrow"]
    assert [one["text"] for one in run.warnings()] == said
    found = sigma_found(run)
    assert (found.code, found.severity, found.fields["memorised"]) == ("sigma-narrow", "warning", True)


# ── the averaged squared error ────────────────────────────────────────────────────────────────────────────────────────


def test_the_averaged_squared_error_says_once_what_it_amounts_to(tmp_path):
    def stop(state, values):
        if state.step == 65:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "run", "likelihood.kind=mse_vae", hooks=[stop])
    run = Run(tmp_path / "run")
    [kept] = run.warnings()
    assert kept["step"] == 0
    assert kept["fields"] == {"batch": 16, "dims": 64, "beta": 512, "collapse_expected": True}
    assert "σ² = B·D/2 = 512 (σ = 22.6" in kept["text"]
    run, said = trained(run.path, "likelihood.kind=mse_vae", resume=True)
    first, collapsed = run.warnings()
    assert first == kept
    assert said == [collapsed["text"]]  # the first was, when the run began
    last = run.journal.rows()[-1]
    assert last["equivalent_beta"] == pytest.approx(512)
    assert last["rate"] < 0.1


@pytest.mark.parametrize(
    ("settings", "beta", "collapses"),
    [
        (["objective.beta=0.0001"], 0.0512, False),
        (["objective.kind=elbo"], 512, True),
        (["objective.kind=capacity"], None, False),
    ],
)
def test_it_is_told_by_what_the_objective_makes_of_it(tmp_path, settings, beta, collapses):
    run, said = trained(tmp_path / "run", "likelihood.kind=mse_vae", "training.steps=1", *settings)
    [kept] = run.warnings()
    assert kept["fields"]["beta"] == (None if beta is None else pytest.approx(beta))
    assert ("will most likely collapse" in said[0]) == collapses


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_resumed_run_has_the_warnings_of_an_uninterrupted_one(tmp_path):
    settings = ["likelihood.kind=shared_gaussian", "optimizer.learning_rate=1e-5"]
    seen = []

    def stop(state, values):
        seen.append(len(Run(tmp_path / "stopped").warnings()))
        if state.step == 105:
            raise KeyboardInterrupt

    whole, _ = trained(tmp_path / "whole", *settings)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "stopped", *settings, hooks=[stop])
    assert seen[-1] == 1  # after the checkpoint, which knows of none
    resumed, said = trained(tmp_path / "stopped", *settings, resume=True)
    assert resumed.warnings() == whole.warnings() != []
    assert said == []


def test_a_run_given_more_steps_is_judged_by_all_of_them(tmp_path):
    settings = ["likelihood.kind=shared_gaussian", "optimizer.learning_rate=5e-3"]
    run, said = trained(tmp_path / "run", *settings, "training.steps=110")
    assert [one["kind"] for one in run.warnings()] == ["sigma-wide", "collapsed"]
    assert len(said) == 2
    longer, said = trained(run.path, *settings, "training.steps=300", resume=True)
    assert load(longer.recipe_path).training.steps == 300
    assert [(one["kind"], one["step"]) for one in longer.warnings()] == [("collapsed", 300)]
    assert said == [one["text"] for one in longer.warnings()]


def test_a_disk_that_refuses_the_warnings_ends_the_run_as_any_other_file_of_it(tmp_path, monkeypatch):
    def refuse(run, warnings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Run, "save_warnings", refuse)
    with pytest.raises(NotSaved, match="warns"):
        trained(tmp_path / "run")
