"""One way from a run to a number: what the folder has is not computed again, and is of the very weights that were opened."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.records import evaluations

from kelbo.errors import RunError
from kelbo.experiments import evaluate_run, measure as measuring, open_run, train
from kelbo.experiments.measure import measure
from kelbo.experiments.parts import BUILD, Parts
from kelbo.experiments.pictures import measure_page
from kelbo.experiments.scoring import score_run
from kelbo.models import VAE
from kelbo.protocols import NOTHING
from kelbo.recipes import build, change, find
from kelbo.runs import Run

SMALL = ["model.network.width=16", "model.latents=3", "training.batch_size=32", "training.checkpoint_every=4"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    recipe = change(find("digits"), [*SMALL, "training.steps=8", "training.ema=0.9"])
    return train(recipe, tmp_path_factory.mktemp("measure") / "run")


@pytest.fixture
def run(trained, tmp_path):
    return Run(shutil.copytree(trained.path, tmp_path / "run"))


@pytest.fixture
def times(monkeypatch):
    """How often an evaluation was computed."""
    real, calls = measuring.evaluate, []
    monkeypatch.setattr(measuring, "evaluate", lambda *args, **how: calls.append(how) or real(*args, **how))
    return calls


def test_what_the_folder_has_is_not_computed_again(run, times):
    first, again = (evaluate_run(open_run(run.path)) for _ in range(2))
    assert first == again == evaluations(run)["test"]
    assert len(times) == 1
    evaluate_run(open_run(run.path), samples=2)
    assert len(times) == 2


def test_it_is_computed_again_on_request_and_replaces_what_was_kept(run, times):
    first, again = (evaluate_run(open_run(run.path), again=True) for _ in range(2))
    assert first == again
    assert len(times) == 2
    assert len(run.measurements.all("evaluation")) == 1


def test_other_weights_of_one_checkpoint_have_measurements_of_their_own(run, times):
    averaged, last = (evaluate_run(open_run(run.path, average=average)) for average in (True, False))
    assert averaged["elbo"] != last["elbo"]
    assert [found["settings"]["averaged"] for found in (averaged, last)] == [True, False]
    assert len({one.weights for one in run.measurements.all("evaluation")}) == len(times) == 2


def test_a_later_checkpoint_replaces_no_earlier_number(run, times):
    before = evaluate_run(open_run(run.path))
    recipe = change(open_run(run.path).recipe, ["training.steps=12"])
    after = evaluate_run(open_run(train(recipe, run.path, resume=True).path))
    assert [record["settings"]["step"] for record in (before, after)] == [8, 12]
    assert len(run.measurements.all("evaluation")) == len(times) == 2
    assert evaluations(run)["test"] == after


def test_arrays_among_a_value_are_kept_beside_it(run):
    experiment, found = open_run(run.path), {"count": 3, "images": np.arange(3, dtype=np.uint8)}
    kept = measure(experiment, "pictures", {"seed": 0}, lambda: found)
    assert kept.value == {"count": 3}
    assert kept.arrays()["images"].tolist() == [0, 1, 2]
    assert measure(experiment, "pictures", {"seed": 0}, lambda: pytest.fail("it is kept")) == kept


def test_a_computation_that_fails_leaves_nothing(run):
    def fail():
        raise ValueError("no number")

    with pytest.raises(ValueError, match="no number"):
        measure(open_run(run.path), "pictures", {}, fail)
    assert run.measurements.all() == []


def test_a_score_that_is_kept_is_not_computed_again(run, monkeypatch):
    found = score_run(open_run(run.path), ["latents", "calibration"])
    for name in ("scores_of_latents", "calibration"):
        monkeypatch.setattr(f"kelbo.experiments.scoring.{name}", lambda *_, **__: pytest.fail("it is kept"))
    assert score_run(open_run(run.path), ["latents", "calibration"]) == found
    with pytest.raises(pytest.fail.Exception):
        score_run(open_run(run.path), ["latents"], again=True)


def test_a_setting_does_not_hide_how_the_weights_were_opened(run):
    with pytest.raises(ValueError, match="averaged"):
        measure(open_run(run.path), "of mine", {"averaged": "no"}, dict)


def test_a_page_is_measured_beside_a_damaged_record_of_another_split(run):
    evaluate_run(open_run(run.path), "train")
    (record,) = run.measurements.all("evaluation")
    record.place.write_text("{")
    assert "evaluation" in measure_page(open_run(run.path)).value["parts"]


# ── a model of one's own ──────────────────────────────────────────────────────────────────────────────────────────────


class Brighter(VAE):
    """Has the weights of a VAE and means something else by them."""

    def decode(self, latents, given=NOTHING, *, temperature=1.0):
        return super().decode(latents, given, temperature=temperature) + 2


def brighter(recipe, images, runs):
    plain = build.model(recipe, images)
    return Brighter(plain.encoder, plain.decoder, plain.likelihood, plain.event, plain.latent_dims)


OWN = Parts(model=brighter)


@pytest.fixture(scope="module")
def brighter_run(tmp_path_factory):
    recipe = change(find("digits"), [*SMALL, "training.steps=4"])
    return train(recipe, tmp_path_factory.mktemp("own") / "run", parts=OWN)


def test_a_run_of_ones_own_is_never_taken_for_the_recipes(brighter_run):
    recipe = change(find("digits"), [*SMALL, "training.steps=8"])
    for take in (lambda: open_run(brighter_run.path), lambda: train(recipe, brighter_run.path, resume=True)):
        with pytest.raises(RunError, match="Brighter"):
            take()


def test_equal_weights_of_another_model_or_version_have_measurements_of_their_own(brighter_run):
    own = open_run(brighter_run.path, parts=OWN)
    means = [
        evaluate_run(one)["elbo"]["mean"]
        for one in (own, replace(own, parts=replace(OWN, version="2")), replace(own, parts=BUILD))
    ]
    kept = brighter_run.measurements.all("evaluation")
    assert len(means) == len({one.key for one in kept}) == 3
    assert len({one.weights for one in kept}) == 1
    assert {one.settings.get("model") for one in kept} == {"Brighter", "Brighter 2", None}
