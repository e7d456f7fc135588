"""The study's pictures of runs: two tiny ones stand for all of its lanes."""

import base64
import io
import xml.etree.ElementTree as ElementTree
from functools import cache

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from kelbo.bound import Batch
from kelbo.data.images import ArrayImages, Images
from kelbo.experiments import open_run, train
from kelbo.models.linear import flattened
from kelbo.recipes import change, parse
from kelbo.reports import study_figures
from kelbo.reports.beta_vae import figures as charted, images, quirks
from kelbo.reports.beta_vae.figures import figures
from kelbo.reports.beta_vae.images import mixed_up, planes, seen, strips, traversals, traversed
from kelbo.reports.beta_vae.results import Study
from kelbo.reports.figure import DARK, LIGHT
from kelbo.reports.gallery import Labelled
from kelbo.reports.page_pictures import of_figure
from kelbo.reports.study_figures import Absent, Lanes
from kelbo.studies.beta_vae.as_published_baselines import levels_by_pixel

TINY = {
    "name": "tiny",
    "data": {"kind": "arm"},
    "model": {"latents": 7, "network": {"kind": "burgess", "channels": 4, "hidden": 16}},
    "likelihood": {"kind": "bernoulli"},
    "training": {"steps": 3, "batch_size": 16, "pictures_every": 50},
}


GROUPS = (("dsprites", "mlp"), ("dsprites", "conv"), ("3dshapes", "conv"), ("cifar100", "conv"))

opened = cache(open_run)


@pytest.fixture(autouse=True)
def opened_once(monkeypatch):
    """Opening a run for every lane would take most of these tests' time."""
    monkeypatch.setattr(study_figures, "open_run", opened)


@pytest.fixture(scope="module", autouse=True)
def rendered_once():
    """A fingerprint renders thousands of images, and these are always the same."""
    fingerprint, known = Images.fingerprint, {}

    def kept(images, count=4096):
        key = len(images), images.shape, count
        if key not in known:
            known[key] = fingerprint(images, count)
        return known[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Images, "fingerprint", kept)
        yield


@pytest.fixture(scope="module")
def lanes(tmp_path_factory, rendered_once):
    """Two tiny runs."""
    place = tmp_path_factory.mktemp("study")
    for name, beta in (("low", 0.1), ("high", 4.0)):
        train(change(parse(TINY), [f"objective.beta={beta}"]), place / name)
    return Lanes(place)


@pytest.fixture
def told(study_results):
    """Results whose every lane is one of the two runs."""
    results = study_results(groups=GROUPS, seeds=(427, 123))
    for lane in results["lanes"]:
        lane["run"] = "low" if lane["beta"] < 2 else "high"
    return results


@pytest.fixture
def drawn(monkeypatch, lanes):
    """A function that brings the figure itself that one of the room's functions draws."""

    def draw(of, results):
        figure = []
        monkeypatch.setattr(images, "of_figure", lambda *given: figure.append(given[-1](LIGHT)))
        of(Study(results), lanes)
        return figure[0]

    return draw


def test_a_whole_study_has_every_figure(told, lanes, monkeypatch):
    for charts in (charted, quirks):  # drawn in full by their own tests
        monkeypatch.setattr(charts, "of_figure", lambda name, alt, _: of_figure(name, alt, lambda _: Figure((4, 1))))
    missing = {}
    shown = figures(told, lanes.folder, missing=missing)
    assert missing == {}
    assert {f"fig{number}" for number in range(1, 11)} | {"rd", "identity"} < set(shown)
    for key, each in shown.items():
        picture = each.picture if isinstance(each, Labelled) else each
        assert picture.name == key
        assert picture.alt
        assert Image.open(io.BytesIO(picture.file)).width > 300
        if key in ("fig4", "fig5"):
            for uri, theme in ((each.light, LIGHT), (each.dark, DARK)):
                svg = base64.b64decode(uri.partition(",")[2]).decode()
                ElementTree.fromstring(svg)
                assert theme.ink in svg
    assert shown["fig1"].rows == [("2Dshapes", "rendered (shapes2d)"), ("3Dshapes", "rendered (shapes3d)")]
    assert shown["fig2"].rows == [("CIFAR-100", "official files")]
    assert shown["fig9"].title == "CIFAR-100, β = 0.1, seed 123"
    assert shown["fig10"].title == "CIFAR-100, β = 10, seed 123"


@pytest.mark.parametrize(("mode", "end"), [("corrected", "3"), ("as-published", "1.96")])
def test_traversals_are_of_the_best_lanes_by_rate_over_the_span_of_the_mode(told, drawn, mode, end):
    classifier = "logistic" if mode == "corrected" else "linear"
    for lane in told["lanes"]:
        for score in lane["scores"]:
            if (lane["beta"], lane["seed"]) == (4.0, 427) and score["classifier"] == classifier:
                score["value"] = 0.999
    figure = drawn(traversals, told | {"mode": mode})
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "MLP, β = 4, seed 427",
        "Convolutional, β = 4, seed 427",
    ]
    assert figure.axes[0].texts[0].get_text() == "score 99.9 %; printed 100 %"
    for axes in figure.axes:
        rates = [float(label.get_text().split("\n")[1]) for label in axes.get_yticklabels()]
        assert len(rates) == 6
        assert rates == sorted(rates, reverse=True)
        assert [label.get_text() for label in axes.get_xticklabels()] == [f"−{end}", "0", end]


def test_a_traversal_moves_one_latent_of_the_middle_image_at_a_time(lanes):
    experiment = lanes.open({"run": "high"})
    moved = traversed(experiment, "a", "b", 3.0)
    assert moved.images.shape == (6, 7, 3, 64, 64)
    assert moved.latents == experiment.latents_by_rate()[:6]
    whole = experiment.data.whole
    x = whole.take(torch.tensor(whole.factors.sizes)[None] // 2).float() / 255
    with torch.no_grad():
        z = experiment.model.posterior(Batch(x)).mean
        z[0, moved.latents[2]] = -3.0
        made = experiment.model.likelihood.mean(experiment.model.decode((z,))).numpy()
    np.testing.assert_allclose(moved.images[2, 0], made[0], atol=1e-6)


def test_planes_stand_side_by_side_on_one_scale(told, drawn):
    axes = drawn(planes, told).axes
    assert [each.get_title(loc="left") for each in axes] == ["β = 0.1, seed 123", "β = 4, seed 123"]
    low, high = axes[0].get_xlim()
    assert low == -high
    assert {each.get_xlim() for each in axes} | {each.get_ylim() for each in axes} == {(low, high)}
    assert len(axes[0].lines) == 7 + 1
    inside = np.concatenate([dots.get_offsets() for each in axes for dots in each.collections])
    assert 0.9 * high < np.abs(inside).max() < high


def test_planes_need_one_seed_at_both_betas(told, lanes):
    told["lanes"] = [lane for lane in told["lanes"] if (lane["beta"] < 2) == (lane["seed"] == 123)]
    with pytest.raises(
        Absent, match="No seed of the convolutional model on 2Dshapes was finished at both β = 0.1 and β = 4"
    ):
        planes(Study(told), lanes)


def test_the_mix_up_is_the_images_own_numbers_in_another_order():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 6), dtype=np.uint8)
    fitted, mixed, read = np.split(seen(ArrayImages(pixels), 4), 3)
    which = [np.flatnonzero((np.abs(pixels / 255 - image) < 1e-6).all((1, 2, 3)))[0] for image in fitted]
    channel_by_channel = mixed.transpose(0, 2, 3, 1).reshape(4, 3, 8, 6)
    np.testing.assert_allclose(channel_by_channel, pixels[which] / 255, atol=1e-6)
    assert np.abs(mixed - fitted).max() > 0.1
    np.testing.assert_allclose(read * 255, mixed, rtol=1e-5)
    levels = torch.from_numpy(pixels[which])
    np.testing.assert_allclose(rows(fitted) * 255, levels_by_pixel(levels, 256), rtol=1e-5)
    np.testing.assert_allclose(rows(mixed), flattened(levels, 256), rtol=1e-5)


def rows(images):
    """As an encoder that is fitted as published has its pixels in a row: pixel by pixel."""
    return images.transpose(0, 2, 3, 1).reshape(len(images), -1)


def test_images_without_factors_or_colour_have_none_of_what_needs_them(told, trained):
    run = trained().run.path
    for lane in told["lanes"]:
        lane["run"] = run.name
    study, grey = Study(told), Lanes(run.parent)
    with pytest.raises(Absent, match="Of grey images both layouts are the same"):
        mixed_up(study, grey, told["quirks"][0], "seen")
    for picture in (traversals, planes):
        with pytest.raises(Absent, match="have no factors"):
            picture(study, grey)


def test_strips_of_grey_and_colour_images_of_several_sizes_are_one_sheet(told, lanes, trained):
    run = trained().run.path
    for lane in told["lanes"]:
        lane["run"] = str(run if lane["role"] == "dsprites" else lanes.folder / "low")
    sheet = strips(Study(told), lanes, "fig1", ("dsprites", "3dshapes"))
    assert [name for name, _ in sheet.rows] == ["2Dshapes", "3Dshapes"]
    pixels = np.asarray(Image.open(io.BytesIO(sheet.picture.file)))
    assert pixels.shape[:2] == (3 * (2 * 64 + 4), 3 * (8 * 64 + 7 * 4))
    first = pixels[: 3 * 64, : 3 * 64, 0]
    assert (first.reshape(8, 24, 8, 24) == first[::24, None, ::24, None]).all()  # 8 pixels enlarged by repeating them
