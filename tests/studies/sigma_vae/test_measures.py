"""The σ-VAE study's own measures, against closed forms and against one another."""

import math

import numpy as np
import pytest
import torch
from tests.studies.invented import arm, lane, numbers

from kelbo.evaluation.bounds import per_example
from kelbo.evaluation.calibrate import calibration
from kelbo.evaluation.reference import evenly
from kelbo.experiments import open_run, train
from kelbo.recipes import change
from kelbo.reports.figure import LIGHT
from kelbo.studies.figures import Absent
from kelbo.studies.measures import bound, calibrated
from kelbo.studies.measuring import kept, take
from kelbo.studies.sigma_vae import figures
from kelbo.studies.sigma_vae.derived import DERIVED
from kelbo.studies.sigma_vae.measures import (
    BATCH,
    as_gaussian,
    errors,
    flattered,
    flattery,
    posteriors,
    variance,
    with_sigma,
)
from kelbo.studies.sigma_vae.sets import grid_recipe, set_recipe

DIMS = 64


def trained(folder, *settings, recipe=None):
    recipe = recipe or set_recipe("digits", None, 30)
    train(change(recipe, ["model.network.width=32", "training.steps=30", *settings]), folder)
    return open_run(folder, device="cpu")


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    recipe = grid_recipe(set_recipe("digits", None, 30))
    return trained(tmp_path_factory.mktemp("grid") / "run", "objective.beta=0.1", recipe=recipe)


@pytest.fixture(scope="module", params=["optimal_gaussian", "per_image_gaussian"])
def analytic(request, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("analytic") / "run", f"likelihood.kind={request.param}")


def value(experiment, measure):
    return take(experiment, measure).value


def test_a_lane_of_the_grid_is_measured_as_the_gaussian_that_it_amounts_to(grid):
    unit, own = value(grid, bound("bound", "test", 180, 60, batch_size=BATCH)), value(grid, variance("test", 60))
    squares = 2 * (unit["distortion"]["mean"] - DIMS / 2 * math.log(2 * math.pi))
    closed = DIMS / 2 * math.log(2 * math.pi * 0.1) + squares / (2 * 0.1)
    assert own["distortion"]["mean"] == pytest.approx(closed, rel=1e-5)
    assert own["rate"]["mean"] == pytest.approx(unit["rate"]["mean"])
    assert own["elbo"]["mean"] == pytest.approx(-own["distortion"]["mean"] - own["rate"]["mean"])
    assert (own["sigma"], own["equivalent_beta"]) == pytest.approx((math.sqrt(0.1), 0.1))


def test_the_sigma_that_fits_the_errors_beats_that_of_every_beta(grid):
    found = value(grid, variance("train", 1_617))
    fitted = found["fitted"]
    unit = value(grid, bound("bound", "train", 1_617, batch_size=BATCH))
    assert fitted["elbo"]["mean"] > max(found["elbo"]["mean"], unit["elbo"]["mean"])
    # under it every image's squared errors are D σ² on average
    closed = -(DIMS / 2 * (math.log(2 * math.pi * fitted["sigma"] ** 2) + 1) + found["rate"]["mean"])
    assert fitted["elbo"]["mean"] == pytest.approx(closed, rel=1e-5)


def test_another_sigma_holds_inside_its_block_only(grid):
    own = grid.model.likelihood
    with with_sigma(grid, 0.5):
        assert grid.model.likelihood.sigma == 0.5
    assert grid.model.likelihood is own


def test_a_lane_of_the_grid_is_calibrated_as_the_gaussian_that_it_amounts_to(grid):
    scores, areas = value(grid, as_gaussian("test", 20))["scores"], []
    for sigma in (math.sqrt(0.1), 1.0):
        with with_sigma(grid, sigma):
            areas.append(calibration(grid.model, grid.data.test, count=20, batch_size=BATCH)["miscalibration_area"])
    assert scores["miscalibration_area"] == areas[0] < areas[1]


def test_the_honest_row_is_the_bound_and_a_sigma_of_the_evaluated_images_flatters_it(analytic):
    rows = flattery(analytic, 60, BATCH)
    honest = value(analytic, bound("bound", "test", 180, 60, batch_size=BATCH))["elbo"]
    assert rows["test"]["running"]["mean"] == pytest.approx(honest["mean"], rel=1e-5)
    assert rows["test"]["running"]["standard_error"] == pytest.approx(honest["standard_error"], rel=1e-3)
    assert all(row["batch"]["mean"] > row["running"]["mean"] for row in rows.values())


def test_a_sigma_of_the_evaluated_images_and_its_soft_clip_have_closed_forms(analytic):
    with with_sigma(analytic, 1.0):
        shown = evenly(analytic.data.test, 60)
        values = per_example(analytic.model, shown, batch_size=BATCH, samples=0, dequantized=False, seed=0)
    squares = 2 * (values.distortion - DIMS / 2 * math.log(2 * math.pi))
    own = analytic.recipe.likelihood.kind == "per_image_gaussian"
    sigma = np.sqrt((squares if own else squares.mean()) / DIMS)
    rows = flattery(analytic, 60, BATCH)["test"]
    for name, used in ("batch", sigma), ("clipped", sigma + math.exp(-6)):  # what softplus of ln σ comes to
        nats = DIMS / 2 * np.log(2 * math.pi * used**2) + squares / (2 * used**2) + values.rate
        assert rows[name]["mean"] == pytest.approx(-nats.mean(), abs=1e-4)


def test_what_is_kept_is_found_again(analytic):
    measures = [flattered(60), posteriors("test", 60)]
    for one in measures:
        take(analytic, one)
    assert [found.name for found in kept(analytic.run, measures).values()] == ["flattery", "posteriors"]


def test_an_encoder_that_tells_nothing_of_the_image_is_constant(grid, tmp_path):
    spread = value(grid, posteriors("test", 60))["spread"]
    dead = trained(tmp_path / "run", "training.steps=1")
    with torch.no_grad():
        for parameter in dead.model.encoder.parameters():
            parameter.zero_()
    lanes = ({"posteriors.spread": each} for each in (spread, value(dead, posteriors("test", 60))["spread"], None))
    assert [DERIVED["constant"](lane) for lane in lanes] == [0.0, 1.0, None]


@pytest.fixture(scope="module")
def per_pixel(tmp_path_factory):
    """A lane of per-pixel σ with its calibration and errors, and the numbers of a study that has it."""
    experiment = trained(tmp_path_factory.mktemp("pixels") / "run", "likelihood.kind=per_pixel_gaussian")
    taken = {one.key: take(experiment, one) for one in (calibrated("calibration", "test", 180, 60), errors())}
    measured = {key: [found.name, found.place.stem] for key, found in taken.items()}
    settings = {"likelihood.kind": "per_pixel_gaussian"}
    n = numbers(
        arm("decoders", lane(0, settings=settings, run="run", measured=measured)), folder=experiment.run.path.parent
    )
    return n, taken


def test_an_error_map_holds_the_errors_of_the_reconstructions_that_it_shows(per_pixel):
    n, taken = per_pixel
    parts = taken["errors"].arrays()
    np.testing.assert_allclose(parts["error"], abs(parts["x"] - parts["mean"])[:, 0], rtol=1e-6)
    assert parts["error"].shape == parts["sigma"].shape == (5, 8, 8)
    assert parts["sigma"].min() > 0
    assert len(figures.error_map(n).rows) == 4


def test_calibration_is_drawn_beside_what_chance_does(per_pixel, monkeypatch):
    n, taken = per_pixel
    monkeypatch.setattr(figures, "of_figure", lambda _name, _alt, draw: draw(LIGHT).axes[0])
    scores = taken["calibration"].value["scores"]
    bars = figures.transforms(n)
    band = max(bars.patches, key=lambda patch: patch.get_width())
    bins = len(scores["histogram"])
    assert band.get_y() + band.get_height() == pytest.approx(1 + 1.96 * math.sqrt((bins - 1) / 60))
    inside = figures.coverage(n).containers[0].lines[0].get_ydata()
    assert list(inside) == pytest.approx([part["share"] for part in scores["coverage"].values()])
    points = figures.variances(n).containers[0].lines[0]
    assert list(points.get_ydata()) == pytest.approx(scores["by_variance"]["observed"])


def test_without_a_lane_of_per_pixel_sigma_its_figures_are_absent():
    for draw in (figures.error_map, figures.variances):
        with pytest.raises(Absent):
            draw(numbers())
