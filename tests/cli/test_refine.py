"""Refining a primary's pictures under several secondaries, and pictures as their bits arrive."""

import math

import numpy as np
import pytest
from PIL import Image

from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.pictures import measure_page
from kelbo.recipes import change, find
from kelbo.reports.run_page import write_page

pytestmark = pytest.mark.slow

DEEP = ["model.width=8", "model.latents=2", "model.encoder=8x1,8d2,4d4,1x1", "model.decoder=1x1,4m1,8m4"]
PLAN = ["training.steps=4", "training.batch_size=16", "objective.kind=distortion_target"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two primaries, the second of another seed; on the first two secondaries, on the second one."""
    folder = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate(("first", "other")):
        own = ["model.kind=hierarchical", *DEEP, *PLAN, "objective.target=8", f"seed={seed}"]
        train(change(find("digits"), own), folder / name)
    for name, primary, target in (("two", "first", 2), ("one", "first", 1), ("odd", "other", 2)):
        held = ["model.kind=secondary", "model.width=8", "model.latents=2", f"runs.primary.path={folder / primary}"]
        held += ["likelihood.mean_activation=identity", *PLAN, f"objective.target={target}"]
        train(change(find("digits"), held), folder / name)
    return folder


def arrays(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def frames(path):
    with Image.open(path) as film:
        return film.n_frames


def test_samples_are_refined_from_one_draw(kelbo, runs, tmp_path):
    evaluate_run(open_run(runs / "two"))
    grid, file = tmp_path / "grid.png", tmp_path / "all.npz"
    code, out, err = kelbo("refine", runs / "two", runs / "one", "-n", "3", "--seed", "4", "--out", grid, "--out", file)
    assert code == 0, err
    assert [str(grid), str(file)] == out.splitlines()[-2:]
    assert f"kelbo evaluate {runs / 'one'}" in err
    found = arrays(file)
    assert found["primary"].shape == (3, 1, 8, 8)
    assert found["refined"].shape == (2, 3, 1, 8, 8)
    assert found["names"].tolist() == ["first", "two", "one"]
    assert found["targets"].tolist() == ["γ 8", "γ̃ 2", "γ̃ 1"]
    assert [math.isnan(nats) for nats in found["mean_rates"]] == [False, False, True]
    assert str(found["primary_weights"]) == open_run(runs / "one").recipe.runs["primary"].weights
    with Image.open(grid) as drawn:
        assert drawn.height > 3 * 112


def test_reconstructions_have_the_rates_and_errors_of_these_pictures(kelbo, runs, tmp_path):
    file = tmp_path / "all.npz"
    code, out, err = kelbo("refine", runs / "two", runs / "one", "--reconstruct", "-n", "5", "--out", file)
    assert code == 0, err
    found = arrays(file)
    assert found["originals"].shape == found["primary"].shape == (5, 1, 8, 8)
    np.testing.assert_allclose(found["mean_rates"], found["rates"].mean(1), rtol=1e-6)
    assert found["rates"].shape == found["squared_errors"].shape == (3, 5)
    assert [line.split()[:2] for line in out.splitlines()[2:5]] == [
        ["primary", "first"],
        ["secondary", "two"],
        ["secondary", "one"],
    ]


def test_pictures_of_ones_own_are_refined(kelbo, runs, tmp_path):
    picture, file = tmp_path / "mine.png", tmp_path / "all.npz"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)).save(picture)
    code, _, err = kelbo("refine", runs / "two", "--picture", picture, "--out", file)
    assert code == 0, err
    assert arrays(file)["originals"].shape == (1, 1, 8, 8)


def test_secondaries_of_other_weights_are_refused_with_both_hashes(kelbo, runs):
    hashes = [open_run(runs / name).recipe.runs["primary"].weights for name in ("two", "odd")]
    code, _, err = kelbo("refine", runs / "two", runs / "odd")
    assert code == 2
    assert all(text in err for text in (*hashes, str(runs / "two"), str(runs / "odd")))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["first"], "model.kind=secondary"),
        (["two", "first"], "model.kind=secondary"),
        (["two", "--reconstruct", "--temperature", "0.5"], "--temperature"),
        (["two", "--reconstruct", "--given", "3"], "--given"),
        (["two", "--out", "x.gif"], ".npz"),
    ],
)
def test_what_cannot_be_refined_is_refused(kelbo, runs, arguments, told):
    places = [runs / one if (runs / one).is_dir() else one for one in arguments]
    code, _, err = kelbo("refine", *places)
    assert code == 2
    assert told in err


def test_a_picture_arrives_as_a_strip_and_a_film(kelbo, runs, tmp_path):
    outs = [tmp_path / f"one{ending}" for ending in (".png", ".gif", ".apng", ".webp", ".npz")]
    places = [part for out in outs for part in ("--out", out)]
    code, out, err = kelbo("progressive", runs / "two", "--image", "3", *places)
    assert code == 0, err
    assert out.splitlines()[-5:] == [*map(str, outs)]
    found = arrays(outs[-1])
    assert found["stages"].tolist() == [3, 3]
    assert found["groups"].tolist() == [*range(7)]
    assert found["pictures"].shape == (7, 1, 8, 8)
    assert found["rates"][0] == 0
    assert (np.diff(found["rates"]) >= 0).all()
    assert [line.split()[1] for line in out.splitlines()[1:8]] == ["primary"] * 4 + ["secondary"] * 3
    assert {*map(frames, outs[1:4])} == {7}


def test_a_hierarchy_of_one_stage_arrives_too(kelbo, runs):
    code, out, err = kelbo("progressive", runs / "first")
    assert code == 0, err
    assert [path.rpartition(".")[2] for path in out.splitlines()[-2:]] == ["png", "gif"]
    assert all((runs / "first" / "pictures").glob("*-progressive.*"))


@pytest.mark.parametrize(("arguments", "told"), [(["--image", "prior"], "--image"), (["--out", "x.txt"], ".apng")])
def test_what_has_no_bits_that_arrive_is_refused(kelbo, runs, arguments, told):
    code, _, err = kelbo("progressive", runs / "two", *arguments)
    assert code == 2
    assert told in err


def test_the_page_of_a_secondary_marks_where_the_first_stage_ends(runs, unrendered):
    experiment = open_run(runs / "two")
    page = write_page(experiment.run, measure_page(experiment)).read_text()
    (kept,) = experiment.run.measurements.all("partial-decodings")
    assert kept.value["stages"] == [3, 3]
    assert kept.settings["groups"] == [0, 1, 2, 3, 4, 5, 6]
    assert "<b>x̄</b>" in page
    assert "<b>secondary</b>" in page
