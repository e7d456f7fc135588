from dataclasses import replace

import numpy as np
import pytest
import torch

from kelbo.data.factors import FactorImages, Factors
from kelbo.data.images import ArrayImages
from kelbo.data.shapes2d import FACTORS
from kelbo.experiments.factor_sweeps import base, on_a_plane, sweep
from kelbo.experiments.pictures import measure_factors
from kelbo.experiments.plane import Plane, of_arrays
from kelbo.reports.figure import LIGHT
from kelbo.reports.sweeps import codes_of_sweeps, factor_sweeps, paths

SMALL = Factors(("a", "b", "c"), (3, 12, 1))


def pictures():
    levels = np.random.default_rng(0).integers(0, 17, (len(SMALL), 1, 8, 8), dtype=np.uint8)
    return FactorImages(ArrayImages(levels, 17), SMALL)


def measured(experiment, whole):
    """The sweeps' images and codes, of the same run with these images."""
    data = replace(experiment.data, whole=whole)
    return measure_factors(replace(experiment, images=lambda: data), again=True)


def test_the_base_of_dsprites_is_that_of_the_beta_vae_study():
    assert base(FACTORS).tolist() == [1, 3, 20, 16, 16]


def test_a_sweep_moves_one_factor_from_end_to_end():
    rows = sweep(FACTORS, 2, 5)
    assert rows[:, 2].tolist() == [0, 10, 20, 29, 39]
    assert (rows[:, [0, 1, 3, 4]] == base(FACTORS)[[0, 1, 3, 4]]).all()


def test_a_sheet_has_each_factors_images_above_their_reconstructions(tiny):
    sheet = factor_sweeps(measured(tiny, pictures())[0])
    assert [label for label, _ in sheet.rows] == ["a", "", "b", "", "c", ""]
    assert [about for _, about in sheet.rows][::2] == ["3 values", "12 values", "1 value"]
    assert sheet.picture.alt == "One image with each of 3 factors moved through its values, above its reconstructions"


def test_a_row_ends_with_its_factors_values(tiny):
    from io import BytesIO

    from PIL import Image

    sheet = np.asarray(Image.open(BytesIO(factor_sweeps(measured(tiny, pictures())[0]).picture.file)))[::24, ::24, 3]
    row = sheet[4]  # through the first factor's images, of 8 pixels and a gap of one
    assert (row[: 3 * 9 - 1].reshape(-1) > 0).sum() == 3 * 8
    assert (row[3 * 9 :] == 0).all()


def test_codes_on_a_plane_are_the_models_own(tiny):
    plane = on_a_plane(tiny, pictures())
    assert [len(curve) for curve in plane.means] == [3, 12, 1]
    assert [len(points) for points in plane.draws] == [24, 96, 8]
    np.testing.assert_allclose(plane.means[0][1], plane.base, atol=1e-5)  # the sweep passes through the base
    everything = np.concatenate(plane.means)
    assert np.abs(everything.mean(0)).max() < 1e-6
    variances = np.square(everything).sum(0)
    assert variances[0] >= variances[1]
    assert 0 < plane.shares.sum() <= 1 + 1e-12
    assert variances[0] / variances[1] == pytest.approx(plane.shares[0] / plane.shares[1], rel=1e-6)


def test_a_plane_is_kept_as_it_was(tiny):
    plane, kept = on_a_plane(tiny, pictures()), measured(tiny, pictures())[1]
    again = of_arrays(kept.arrays(), kept.value["values"])
    for name in ("means", "draws"):
        assert len(getattr(plane, name)) == 3
        for one, other in zip(getattr(plane, name), getattr(again, name), strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(plane.base, again.base)
    np.testing.assert_array_equal(plane.shares, again.shares)


def test_sweeps_that_change_nothing_stand_on_one_point(tiny):
    same = FactorImages(ArrayImages(np.zeros((len(SMALL), 1, 8, 8), np.uint8), 17), SMALL)
    plane = on_a_plane(tiny, same)
    assert np.abs(np.concatenate(plane.means)).max() < 1e-5
    assert codes_of_sweeps(measured(tiny, same)[1]).file.startswith(b"\x89PNG")


def test_a_code_of_one_latent_lies_on_a_line(trained):
    experiment = trained("model.latents=1", "training.steps=2")
    plane = on_a_plane(experiment, pictures())
    assert plane.shares.tolist() == pytest.approx([1, 0])
    assert not np.concatenate(plane.means)[:, 1].any()


def test_a_plain_autoencoder_has_codes_and_no_draws(trained):
    experiment = trained("model.kind=autoencoder", "training.steps=2")
    assert on_a_plane(experiment, pictures()).draws == []
    assert codes_of_sweeps(measured(experiment, pictures())[1]).dark


def test_more_factors_than_colours_are_told_apart_by_their_lines():
    curves = [np.array([[0.0, number], [1.0, number]]) for number in range(9)]
    plane = Plane(curves, [], np.zeros(2), np.array([0.7, 0.2]))
    axes = paths(plane, [f"f{number}" for number in range(9)], theme=LIGHT).axes[0]
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines[:9]}
    assert len(looks) == 9
    assert axes.get_xlabel() == "First principal component, 70 % of the variance"


def test_the_page_of_another_device_asks_the_images_where_they_lie(tiny):
    whole = pictures()
    moved = replace(whole, images=ArrayImages(torch.from_numpy(whole.images.pixels), 17))
    assert factor_sweeps(measured(tiny, moved)[0]).picture.file == factor_sweeps(measured(tiny, whole)[0]).picture.file
