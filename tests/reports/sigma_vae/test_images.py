"""The σ-VAE study's pictures of runs: tiny ones of handwritten digits."""

import base64
import io
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from tests.reports.sigma_vae.maker import study_results

from kelbo import evaluation
from kelbo.bound import Batch
from kelbo.experiments import open_run, train
from kelbo.recipes import change, parse
from kelbo.reports import study_figures
from kelbo.reports.figure import DARK, LIGHT
from kelbo.reports.page_pictures import of_figure
from kelbo.reports.sigma_vae import figures as charted, images
from kelbo.reports.sigma_vae.figures import figures
from kelbo.reports.sigma_vae.images import (
    SHOWN,
    ErrorMap,
    Makers,
    bins_of,
    decoders,
    error_map,
    mapped,
    over_beta,
    side_by_side,
)
from kelbo.reports.sigma_vae.looks import colour
from kelbo.reports.sigma_vae.results import Study
from kelbo.reports.study_figures import Absent, Lanes

TINY = {
    "name": "tiny",
    "data": {"kind": "digits", "size": 8},
    "model": {"latents": 3, "network": {"kind": "higgins", "width": 16}},
    "likelihood": {"kind": "fixed_gaussian"},
    "training": {"steps": 8, "batch_size": 32, "pictures_every": 50},
}
DECODERS = ("shared_gaussian", "optimal_gaussian", "per_pixel_gaussian")
BETAS = (0.01, 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study's folder whose runs are tiny."""
    place = tmp_path_factory.mktemp("study")
    for lane in study_results(decoders=DECODERS, betas=BETAS, seeds=(3,))["lanes"]:
        settings = [f"likelihood.kind={lane['decoder']}", f"objective.beta={lane['beta']}"]
        train(change(parse(TINY), settings), place / lane["run"])
    return place


@pytest.fixture
def told():
    """Results of that study, and of a second seed whose runs have gone."""
    return study_results(decoders=DECODERS, betas=BETAS, seeds=(3, 4))


@pytest.fixture
def makers(folder):
    return Makers(Lanes(folder))


def run_of(told, decoder, beta=1.0):
    return next(e["run"] for e in told["lanes"] if (e["decoder"], e["beta"], e["seed"]) == (decoder, beta, 3))


def cells(picture):
    """The sheet taken apart: intensities (rows, columns, 8, 8) of the left and of the right half; NaN where nothing is."""
    shown = np.asarray(Image.open(io.BytesIO(picture.file)))
    scale = 192 // 8
    small = shown[::scale, ::scale].astype(float)
    grey = np.where(small[..., 3] == 255, small[..., 0] / 255, np.nan)
    rows = (len(grey) + 1) // 9
    halves = []
    for left in (0, 9 * SHOWN - 1 + 4):
        half = np.pad(grey[:, left : left + 9 * SHOWN - 1], ((0, 1), (0, 1)))
        halves.append(half.reshape(rows, 9, SHOWN, 9)[:, :8, :, :8].transpose(0, 2, 1, 3))
    return halves


def test_a_whole_study_has_every_figure(told, folder, monkeypatch):
    def blank(name, alt, _):  # charts have tests of their own
        return of_figure(name, alt, lambda _: Figure((4, 1)))

    monkeypatch.setattr(charted, "of_figure", blank)
    missing = {}
    shown = figures(told, folder, missing=missing)
    assert missing == {}
    assert None not in shown.values()
    for uri, theme in ((shown["errormap"].light, LIGHT), (shown["errormap"].dark, DARK)):
        svg = base64.b64decode(uri.partition(",")[2]).decode()
        ElementTree.fromstring(svg)
        assert theme.ink in svg
    assert {key: each.picture.name for key, each in shown.items() if key in ("fig3", "decoders")} == {
        "fig3": "fig3",
        "decoders": "decoders",
    }


def test_rows_over_beta_are_the_grid_and_then_the_sigma_vaes_with_their_own_beta(told, makers):
    sheet = over_beta(Study(told), makers)
    assert [(" ".join(name.split()), " ".join(about.split())) for name, about in sheet.rows] == [
        ("test images", ""),
        ("β = 0.01", ""),
        ("β = 1", ""),
        ("Shared σ", "β = 0.0049"),
        ("Optimal σ", "β = 0.0049"),
    ]
    assert sheet.columns == ("reconstructions", "samples")
    assert sheet.picture.width == 2 * SHOWN * 110


def test_each_row_is_what_its_own_run_reconstructs_and_samples(told, makers, folder):
    sheet = decoders(Study(told), makers)
    names = [name for name, _ in sheet.rows]
    assert names == ["test images", "Gaussian, σ = 1", "β-VAE, tuned", "Per-pixel σ", "Shared σ", "Optimal σ"]
    left, right = cells(sheet.picture)
    for row, run in (
        (1, run_of(told, "fixed_gaussian")),
        (2, run_of(told, "fixed_gaussian", 0.01)),
        (3, run_of(told, "per_pixel_gaussian")),
        (5, run_of(told, "optimal_gaussian")),
    ):
        experiment = open_run(folder / run)
        x = experiment.pictured(2 * SHOWN).x
        made = evaluation.reconstruct(experiment.model, Batch(x[:SHOWN]))
        drawn = evaluation.sample(experiment.model, SHOWN)
        for shown, expected in ((left[0], x[:SHOWN]), (right[0], x[SHOWN:]), (left[row], made), (right[row], drawn)):
            np.testing.assert_allclose(shown, np.asarray(expected)[:, 0], atol=0.5 / 255 + 1e-6)


def test_a_run_is_opened_once_for_all_sheets(told, makers, monkeypatch):
    opened = []
    monkeypatch.setattr(study_figures, "open_run", lambda path, **_: opened.append(path.name) or open_run(path))
    over_beta(Study(told), makers)
    decoders(Study(told), makers)
    assert len(opened) == len(set(opened)) == len(DECODERS) + len(BETAS)


def test_a_run_that_has_gone_leaves_an_empty_row_that_says_so(told, folder, tmp_path):
    place = shutil.copytree(folder, tmp_path / "study")
    shutil.rmtree(place / run_of(told, "shared_gaussian"))
    sheet = over_beta(Study(told), Makers(Lanes(place)))
    assert sheet.rows[3] == ("Shared σ", "its run is gone")
    for half in cells(sheet.picture):
        assert np.isnan(half[3]).all()
        assert np.isfinite(half[[0, 1, 2, 4]]).all()


def test_sheets_of_runs_that_have_all_gone_say_why(told, tmp_path):
    with pytest.raises(Absent, match="is no run"):
        decoders(Study(told), Makers(Lanes(tmp_path)))


def test_errors_and_sigmas_of_grey_images_are_those_of_their_pixels(told, folder):
    experiment = open_run(folder / run_of(told, "per_pixel_gaussian"))
    found = mapped(experiment, 4)
    batch, model = experiment.pictured(4), experiment.model
    with torch.no_grad():
        output = model.read(batch, draw=False).output
        mean, scale = model.likelihood.mean(output), model.likelihood.log_scale(output).exp()
    np.testing.assert_allclose(found.error, (batch.x - mean).abs()[:, 0], atol=1e-6)
    np.testing.assert_allclose(found.sigma, scale[:, 0], rtol=1e-5)


def test_errors_and_sigmas_of_colour_images_are_root_mean_squares_over_channels(tmp_path):
    np.save(tmp_path / "colours.npy", np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), dtype=np.uint8))
    data = {"kind": "array", "root": str(tmp_path / "colours.npy")}
    recipe = change(parse(TINY | {"data": data}), ["likelihood.kind=per_pixel_gaussian"])
    experiment = open_run(train(recipe, tmp_path / "run").path)
    found = mapped(experiment, 2)
    assert found.error.shape == found.sigma.shape == (2, 8, 8)
    np.testing.assert_allclose(found.error, np.sqrt(np.square(found.x - found.mean).mean(1)), atol=1e-6)
    figure = side_by_side(found, None, None, theme=LIGHT)
    assert len(figure.axes) == 4 * 2 + 1


def test_error_and_sigma_share_one_scale_and_the_bins_lie_beside_the_one_of_shared_sigma(told):
    error, sigma = np.full((1, 8, 8), 0.2), np.full((1, 8, 8), 0.4)
    image = np.zeros((1, 1, 8, 8))
    bins = {"predicted": [0.01, 0.04, 0.0], "observed": [0.02, 0.03, 0.0], "standard_error": [0.1, None, None]}
    lane = {"calibration": {"by_variance": bins}}
    shared = next(e for e in told["lanes"] if e["decoder"] == "shared_gaussian")
    found = ErrorMap(image, image, error, sigma)
    figure = side_by_side(found, bins_of(lane), bins_of(shared), theme=LIGHT)
    maps, chart = figure.axes[:4], figure.axes[-1]
    low, high = (maps[row].images[0].get_array()[0, 0, :3].sum() for row in (2, 3))
    assert low < high  # the same colours from dark to light
    points = [line for line in chart.lines if to_hex(line.get_color()) == colour("per_pixel_gaussian", LIGHT)]
    np.testing.assert_allclose(points[0].get_xdata(), [0.01, 0.04])
    np.testing.assert_allclose(points[0].get_ydata(), [0.02, 0.03])
    upright = [line for line in chart.lines if to_hex(line.get_color()) == colour("shared_gaussian", LIGHT)]
    assert upright[0].get_xdata()[0] == pytest.approx(shared["calibration"]["by_variance"]["predicted"][0])


@pytest.mark.parametrize("told_nothing", [None, {"by_variance": {"reason": "no variance is above 0"}}])
def test_without_bins_the_maps_stand_alone(told, makers, monkeypatch, told_nothing):
    for lane in told["lanes"]:
        lane["calibration"] = told_nothing
    assert bins_of(told["lanes"][0]) is None
    sizes = []
    monkeypatch.setattr(images, "of_figure", lambda _name, _alt, draw: sizes.append(draw(LIGHT).get_size_inches()))
    error_map(Study(told), makers)
    assert sizes[0][1] < sizes[0][0]
