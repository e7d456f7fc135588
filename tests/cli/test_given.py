"""Pictures of a conditional run, under conditions that words name."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kelbo import evaluation
from kelbo.experiments import open_run, train
from kelbo.recipes import change, find

SMALL = ["data.size=8", "model.network.width=16", "model.latents=3", "training.steps=2"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recipe = change(find("digits"), [*SMALL, "model.given=labels"])
    return train(recipe, tmp_path_factory.mktemp("runs") / "run").path


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A model that is told two factors, one of which has many values."""
    recipe = change(find("shapes2d-beta"), ["model.given=factors:shape,x", "model.network.kind=higgins", *SMALL[1:]])
    return train(recipe, tmp_path_factory.mktemp("runs") / "run").path


def pixels(path):
    return np.asarray(Image.open(path))


def test_without_words_there_is_a_row_a_class_with_the_same_draws(kelbo, run, tmp_path):
    code, told, _ = kelbo("sample", run, "-n", 20, "--out", tmp_path / "a.png")
    assert code == 0
    assert "rows from the top: 0; 1; 2; 3; 4; 5; 6; 7; 8; 9" in told
    kelbo("sample", run, "-n", 2, "--given", "9", "--out", tmp_path / "b.png")
    rows, nines = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    side = nines.shape[1]
    np.testing.assert_array_equal(rows[-side:, :side], nines[:side])


@pytest.mark.parametrize("verb", ["sample", "reconstruct"])
def test_pictures_under_a_condition_leave_those_without_one_alone(kelbo, run, verb):
    _, told, _ = kelbo(verb, run, "-n", 10)
    plain = Path(told.splitlines()[-1])
    before = plain.read_bytes()
    paths = [Path(kelbo(verb, run, "-n", 10, "--given", value)[1].splitlines()[-1]) for value in ("3", "4", "label=3")]
    assert [path.name for path in paths] == [f"00000002-given={value}-{verb}.png" for value in (3, 4, 3)]
    assert plain.name == f"00000002-{verb}.png"
    assert plain.read_bytes() == before != paths[0].read_bytes()


@pytest.mark.parametrize(
    ("verb", "words", "named"),
    [("sample", "12", "label"), ("reconstruct", "x=3", "label"), ("reconstruct", "3,4", "twice")],
)
def test_a_condition_that_does_not_exist_is_refused_before_anything_is_written(kelbo, run, verb, words, named):
    before = {*run.rglob("*")}
    code, _, err = kelbo(verb, run, "--given", words)
    assert code != 0
    assert named in err
    assert {*run.rglob("*")} == before


def test_a_run_that_is_given_nothing_refuses_conditions(kelbo, tmp_path):
    run = train(change(find("digits"), SMALL), tmp_path / "run").path
    code, _, err = kelbo("sample", run, "--given", "3")
    assert code != 0
    assert "model.given" in err


def test_examples_are_decoded_under_the_class_named_from_the_code_under_their_own(run, kelbo, tmp_path):
    experiment = open_run(run, device="cpu")
    shown = experiment.pictured(4)
    under = {"labels": experiment.condition.encode(experiment.condition.decode(shown.given["labels"]) * 0 + 7)}
    made = evaluation.reconstruct(experiment.model, shown, under=under)
    codes = experiment.model.posterior(shown).mean
    expected = experiment.model.mean(experiment.model.decode((codes,), under)).detach().numpy()
    np.testing.assert_allclose(made, expected, atol=1e-6)
    kelbo("reconstruct", run, "-n", 4, "--given", 7, "--out", tmp_path / "a.png")
    kelbo("reconstruct", run, "-n", 4, "--out", tmp_path / "b.png")
    with_other, own = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    np.testing.assert_array_equal(with_other[: len(own)], own)
    assert len(with_other) > len(own)


@pytest.mark.slow
def test_values_that_are_not_named_are_those_of_test_images(kelbo, shapes):
    code, told, _ = kelbo("sample", shapes, "-n", 4, "--given", "shape=2")
    assert code == 0
    assert "x: as of test images" in told
    code, told, _ = kelbo("sample", shapes, "-n", 4)
    assert "under the factors of test images" in told
