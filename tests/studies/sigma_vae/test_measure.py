"""What is measured of a lane of the σ-VAE study, against closed forms and against one another."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kelbo.evaluation.sigma import solve_sigma
from kelbo.experiments import open_run, train
from kelbo.recipes import change
from kelbo.recipes.sets import split_of
from kelbo.recipes.sigma_study import grid_recipe, set_recipe
from kelbo.studies.kept import fingerprint, parts_in
from kelbo.studies.sigma_vae.flattery import flattery
from kelbo.studies.sigma_vae.measure import Wants, bounds, measure_lane
from kelbo.studies.sigma_vae.speaking import speaking
from kelbo.studies.study_features import features_for

DIMS = 64
WANTS = Wants("test", 60, grid=False, features=None, clouds=40, coded=0, looked=0, flattery=False)


def trained(recipe, folder, *settings):
    train(change(recipe, ["training.steps=30", *settings]), folder)
    return open_run(folder, device="cpu")


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    return trained(
        grid_recipe(set_recipe("digits", None)), tmp_path_factory.mktemp("grid") / "run", "objective.beta=0.1"
    )


@pytest.fixture(scope="module", params=["optimal_gaussian", "per_image_gaussian"])
def analytic(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("analytic") / "run"
    return trained(set_recipe("digits", None), folder, f"likelihood.kind={request.param}")


def measured(experiment, wants, tmp_path):
    place = tmp_path / "lane.json"
    measure_lane(experiment.run.path, place, wants, tell=lambda _: None)
    return parts_in(place, fingerprint(experiment.run))


def test_a_lane_of_the_grid_is_measured_as_the_gaussian_that_it_amounts_to(grid, tmp_path):
    wants = WANTS._replace(grid=True)
    found = measured(grid, wants, tmp_path)[wants.bound]
    unit, own = found["unit_bound"], found["bound"]
    errors = 2 * (unit["distortion"]["mean"] - DIMS / 2 * math.log(2 * math.pi))
    assert own["distortion"]["mean"] == pytest.approx(DIMS / 2 * math.log(2 * math.pi * 0.1) + errors / 0.2, rel=1e-5)
    assert own["rate"] == unit["rate"]
    assert found["sigma"] == pytest.approx(math.sqrt(0.1))
    assert found["equivalent_beta"] == pytest.approx(0.1)


def test_the_sigma_that_fits_the_training_errors_beats_that_of_the_grid(grid, tmp_path):
    wants = WANTS._replace(grid=True, split="train", images=None)
    found = measured(grid, wants, tmp_path)[wants.bound]
    fitted, own, unit = found["fitted"]["elbo"], found["bound"]["elbo"], found["unit_bound"]["elbo"]
    assert fitted["mean"] > max(own["mean"], unit["mean"])
    assert fitted["mean"] == pytest.approx(  # of the σ that fits, every image's squared errors are D σ² on average
        -(DIMS / 2 * (math.log(2 * math.pi * found["fitted"]["sigma"] ** 2) + 1) + found["bound"]["rate"]["mean"]),
        rel=1e-5,
    )


def test_another_sigma_is_spoken_of_for_a_while_only(grid):
    own = grid.model.likelihood
    with speaking(grid, 0.5):
        assert grid.model.likelihood.sigma == 0.5
    assert grid.model.likelihood is own


def test_bits_are_of_dequantised_densities_and_of_masses_over_the_set_s_own_levels(grid, tmp_path):
    wants = WANTS._replace(grid=True)
    bits = measured(grid, wants, tmp_path)[wants.bound]["bits"]
    assert bits["dequantized"]
    bernoulli = trained(set_recipe("digits", None), tmp_path / "bernoulli")
    found = measured(bernoulli, WANTS, tmp_path / "measures")[WANTS.bound]
    assert found["kind"] == "mass"
    assert found["bits"] is None  # two levels of seventeen: no likelihood of these images
    categorical = trained(set_recipe("digits", None), tmp_path / "categorical", "likelihood.kind=categorical")
    found = measured(categorical, WANTS, tmp_path / "others")[WANTS.bound]
    nats = -found["bound"]["elbo"]["mean"]
    assert found["bits"]["value"] == pytest.approx(nats / DIMS / math.log(2))


def test_everything_that_is_asked_for_is_kept_and_nothing_is_measured_twice(analytic, tmp_path):
    features = features_for("digits", (1, 8, 8), "random-0", None)
    wants = WANTS._replace(features=features, coded=50, looked=20, flattery=True)
    found = measured(analytic, wants, tmp_path)
    assert list(found) == wants.keys()
    assert found[wants.distances]["sample"]["called"] == "Fréchet distance (random-0)"
    parts = found[wants.latents]
    information, marginal = parts["index_code_mutual_information"]["value"], parts["marginal_kl"]["value"]
    assert information + marginal == pytest.approx(parts["rate"]["value"], abs=0.1)
    assert found[wants.calibration]["images"] == 20
    before = (tmp_path / "lane.json").stat().st_mtime_ns
    measured(analytic, wants, tmp_path)
    assert (tmp_path / "lane.json").stat().st_mtime_ns == before


def test_each_step_of_the_release_s_evaluation_changes_the_bound_as_it_must(analytic):
    rows = {(row["split"], row["sigma"]): row["elbo"]["mean"] for row in flattery(analytic, 60, 20)}
    for split in ("test", "train"):
        # a σ that fits the evaluated images themselves is the best that there is, and a clipped one is not it
        assert rows[split, "batch"] > rows[split, "running"]
        assert rows[split, "batch"] >= rows[split, "batch, soft-clipped"]


def test_the_honest_row_is_the_bound_itself(analytic, tmp_path):
    found = measured(analytic, WANTS, tmp_path)[WANTS.bound]["bound"]["elbo"]
    honest = next(row for row in flattery(analytic, 60, 128) if row["sigma"] == "running" and row["split"] == "test")
    assert honest["elbo"]["mean"] == pytest.approx(found["mean"], rel=1e-5)
    assert honest["elbo"]["standard_error"] == pytest.approx(found["standard_error"], rel=1e-3)


def test_a_sigma_that_is_solved_for_is_that_of_the_final_weights(analytic, tmp_path):
    wants = WANTS._replace(solved=True)
    found = measured(analytic, wants, tmp_path)[wants.bound]
    weights = load_file(analytic.run.checkpoint(30) / "weights.safetensors")
    lagging = math.sqrt(weights["likelihood.running_variance"])  # it remembers the errors of the first steps
    assert lagging > 1.05 * found["sigma"]
    train = split_of(analytic.data, "train")
    assert found["sigma"] ** 2 == pytest.approx(solve_sigma(analytic.model, train, seed=1).variance, rel=0.05)


def test_an_encoder_that_says_nothing_of_the_image_is_told(grid, tmp_path):
    wants = WANTS._replace(grid=True)
    assert measured(grid, wants, tmp_path / "alive")[wants.bound]["constant"] is False
    dead = trained(grid_recipe(set_recipe("digits", None)), tmp_path / "run", "training.steps=1")
    with torch.no_grad():
        for parameter in dead.model.encoder.parameters():
            parameter.zero_()
    assert bounds(dead, wants)["constant"] is True


def test_a_soft_clip_of_small_sigmas_costs_what_its_formula_says():
    log_sigma = np.array([-2.5, -4.0, -5.0])
    clipped = -6 + np.logaddexp(0, log_sigma + 6)
    np.testing.assert_allclose(np.exp(clipped - log_sigma), [1.030, 1.135, 1.368], atol=2e-3)
