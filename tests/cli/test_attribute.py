"""`kelbo attribute`: directions of attributes, images edited along them, kept with the run and shown on its page."""

import json

import numpy as np
import pytest
from PIL import Image

from kelbo.data.digits import digits
from kelbo.experiments import open_run, train
from kelbo.experiments.edits import Directions, measure_edits, vectors_of
from kelbo.experiments.feature_networks import train_for
from kelbo.experiments.pictures import measure_page
from kelbo.recipes import change, find
from kelbo.reports.run_page import write_page

pytestmark = pytest.mark.slow


def written(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("features") / "digits.safetensors"
    train_for(digits(8), path, "digits", epochs=6)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    settings = ["training.steps=100", "training.batch_size=64", "training.pictures_every=50"]
    return train(change(find("digits"), settings), tmp_path_factory.mktemp("runs") / "digits").path


def test_a_grid_and_the_directions_are_written_and_kept(kelbo, run, tmp_path):
    grid, file = tmp_path / "grid.png", tmp_path / "all.npz"
    code, out, err = kelbo(
        "attribute", run, "--attributes", "3,7", "--strength=-1,2", "-n", "3", "--out", grid, "--out", file
    )
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()] == ["attribute", "3", "7", str(grid), str(file)]
    found = written(file)
    assert found["names"].tolist() == ["3", "7"]
    assert found["vectors"].shape == (2, 8)
    assert found["images"].shape == (3, 1, 8, 8)
    assert found["made"].shape == (3, 5, 1, 8, 8)
    assert found["counts"].sum(1).tolist() == [1617, 1617]
    assert (found["made"][:, 1] != found["made"][:, 2]).any()
    kept = open_run(run).run.measurements.all("attributes")
    assert sorted(one.name for one in kept) == ["attributes.edits", "attributes.vectors"]


def test_the_page_shows_each_grid_of_its_weights(run):
    experiment = open_run(run)
    asked = Directions(("1", "5"))
    strengths = [1.0]
    measure_edits(experiment, asked, strengths, 2)
    page = write_page(experiment.run, measure_page(experiment)).read_text()
    assert "<h2>Attributes</h2>" in page
    assert "2 test images, each with 2 edits" in page
    assert "strength 1" in page


def test_directions_are_measured_once_for_each_setting(run, monkeypatch):
    experiment = open_run(run)
    first = vectors_of(experiment, Directions(("1", "2"), images=300))
    monkeypatch.setattr("kelbo.experiments.edits.encode", lambda *_: pytest.fail("it was kept"))
    again = vectors_of(open_run(run), Directions(("1", "2"), images=300))
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert again.counts.sum(1).tolist() == [300, 300]


def test_drawn_codes_give_other_directions_that_are_their_seeds(run):
    experiment = open_run(run)
    mean, drawn, other = (
        vectors_of(experiment, Directions(("1",), sampled=sampled, seed=seed)).vectors
        for sampled, seed in ((False, 0), (True, 0), (True, 1))
    )
    assert np.abs(drawn - mean).max() > 0
    assert np.abs(drawn - other).max() > 0


def test_pictures_of_ones_own_are_edited(kelbo, run, tmp_path):
    picture, file = tmp_path / "mine.png", tmp_path / "all.npz"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)).save(picture)
    code, _, err = kelbo("attribute", run, "--attributes", "3", "--picture", picture, "--out", file)
    assert code == 0, err
    assert written(file)["made"].shape == (1, 2, 1, 8, 8)


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--attributes", "33"], 2, "nearest is 3"),
        (["--attributes", ","], 2, "--attributes"),
        (["--attributes", "3", "--strength", "much"], 2, "--strength"),
        (["--attributes", "3", "--strength", "inf"], 1, "finite"),
        (["--attributes", "3", "--method", "matched"], 2, "--method matched"),
        (["--attributes", "3", "--orthogonal"], 2, "--orthogonal"),
        (["--attributes", "3", "--images", "2"], 1, "None of the 2 images have 3"),
        (["--attributes", "3,7", "--method", "balanced"], 1, "None of the images with 3 have 7"),
        (["--attributes", "3", "--given", "3"], 2, "--given"),
        (["--attributes", "3", "--classifier", "none"], 1, "none.safetensors"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(kelbo, run, options, status, told):
    code, _, err = kelbo("attribute", run, *options)
    assert (code, told in err) == (status, True), err


def test_a_classifier_judges_the_edits_and_the_page_tells(kelbo, run, classifier):
    code, out, err = kelbo("attribute", run, "--attributes", "3,7", "--strength=-1,2", "--classifier", classifier)
    assert code == 0, err
    assert out.count("turned over in 180 test images") == 2
    experiment = open_run(run)
    kept = [one for one in experiment.run.measurements.all("attributes") if one.name == "attributes.scores"]
    assert {one.settings["strength"] for one in kept} == {-1.0, 2.0}
    page = write_page(experiment.run, measure_page(experiment)).read_text()
    assert page.count("F1 unedited</th>") == 2


def test_samples_of_a_conditional_model_are_judged_by_what_they_were_given(kelbo, run, classifier, tmp_path):
    told = train(change(find("digits"), ["training.steps=200", "model.given=labels"]), tmp_path / "told").path
    code, out, err = kelbo("similarity", told, "--classifier", classifier, "--draws", "3", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["settings"]["attributes"] == [*map(str, range(10))]
    assert found["cosine"]["best_of"] == 3
    assert found["accuracy"] > 0.85  # 0.82 says that no image is of any class
    assert found["images"]["accuracy"] > 0.95
    code, _, err = kelbo("similarity", run, "--classifier", classifier)
    assert (code, "given no attributes" in err) == (2, True)
    page = write_page(open_run(told).run, measure_page(open_run(told))).read_text()
    assert "cosine, best of 3 samples" in page
