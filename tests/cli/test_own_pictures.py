"""Picture files in place of a run's images: reconstructed, encoded, interpolated and traversed, with the data gone."""

import numpy as np
import pytest
from PIL import Image

from kelbo.data.digits import digits
from kelbo.errors import DataError
from kelbo.experiments import open_run, read_pictures, train
from kelbo.experiments.parts import Parts
from kelbo.recipes import change, find

SMALL = ["model.network.kind=higgins", "model.network.width=16", "model.latents=3", "training.steps=2"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of pictures, of which one is needed."""
    folder, draws = tmp_path_factory.mktemp("data") / "photos", np.random.default_rng(0)
    (folder / "cats").mkdir(parents=True)
    for place in range(6):
        Image.fromarray(draws.integers(0, 256, (20, 30, 3), np.uint8)).save(folder / "cats" / f"{place}.png")
    return folder


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    """A run whose pictures are gone."""
    recipe = change(find("folder-sigma"), [f'data.root="{photos}"', "data.size=[8,12]", "data.bits=5", *SMALL])
    run = train(recipe, tmp_path_factory.mktemp("runs") / "run")
    photos.rename(photos.with_name("moved"))
    return run.path


@pytest.fixture
def moved(run, photos):
    return photos.with_name("moved")


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    recipe = change(find("digits"), ["data.size=8", "model.given=labels", *SMALL])
    return train(recipe, tmp_path_factory.mktemp("runs") / "conditional").path


def codes(kelbo, run, out, *arguments):
    code, _, err = kelbo("encode", run, "--out", out, *arguments)
    assert code == 0, err
    return dict(np.load(out))


def test_files_have_the_codes_that_they_have_in_the_set(kelbo, run, moved, tmp_path):
    whole = codes(kelbo, run, tmp_path / "set.npz", "--split", "train", "--data-root", moved)
    found = codes(kelbo, run, tmp_path / "folder.npz", moved)
    assert found["paths"].tolist() == [f"cats/{place}.png" for place in range(6)]
    assert {*found["classes"]} == {"cats"}
    rows = [found["paths"].tolist().index(path) for path in whole["paths"]]
    np.testing.assert_array_equal(found["means"][rows], whole["means"])
    some = codes(kelbo, run, tmp_path / "files.npz", moved / "cats/3.png", moved / "cats/1.png")
    assert some["paths"].tolist() == [str(moved / "cats/3.png"), str(moved / "cats/1.png")]
    np.testing.assert_allclose(some["means"], found["means"][[3, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "rows", "columns"),
    [
        (["reconstruct", "{run}", "{a}", "{b}", "{a}"], 2, 3),
        (["reconstruct", "{run}", "{folder}", "-n", "4"], 2, 4),
        (["interpolate", "{run}", "--from", "{a}", "--to", "{b}", "--steps", "5"], 1, 5),
        (["traverse", "{run}", "--image", "{a}", "--steps", "4"], 3, 4),
    ],
)
def test_pictures_are_made_of_files_alone(kelbo, run, moved, tmp_path, arguments, rows, columns):
    names = {"run": run, "folder": moved, "a": moved / "cats/0.png", "b": moved / "cats/1.png"}
    code, told, err = kelbo(*(word.format(**names) for word in arguments), "--out", tmp_path / "p.png")
    assert code == 0, err
    scale = 64 // 12
    with Image.open(tmp_path / "p.png") as picture:
        size = picture.size
    assert size == ((columns * 13 - 1) * scale, (rows * 9 - 1) * scale)
    assert str(tmp_path / "p.png") in told
    assert ("4 of 6 pictures" in told) == ("-n" in arguments)


def test_without_out_they_leave_the_pictures_of_the_runs_own_images(kelbo, run, moved):
    before = {*run.glob("pictures/*")}
    assert kelbo("reconstruct", run, moved / "cats/0.png")[0] == 0
    (new,) = {*run.glob("pictures/*")} - before
    assert new.name.endswith("-reconstruct-own.png")
    new.unlink()


def test_an_end_may_be_a_test_image_and_then_the_data_are_needed(kelbo, run, moved, tmp_path):
    arguments = ["interpolate", run, "--from", 0, "--to", moved / "cats/1.png", "--out", tmp_path / "p.png"]
    code, _, err = kelbo(*arguments)
    assert code == 1
    assert "photos" in err
    assert kelbo(*arguments, "--data-root", moved)[0] == 0


def test_a_conditional_model_is_told_what_the_pictures_show(kelbo, conditional, tmp_path):
    levels = open_run(conditional).image(4).x
    Image.fromarray((levels[0, 0] * 255).round().byte().numpy()).save(tmp_path / "four.png")
    files = ["reconstruct", conditional, tmp_path / "four.png", "--out", tmp_path / "p.png"]
    code, _, err = kelbo(*files)
    assert code == 2
    assert "--given" in err
    assert kelbo(*files, "--given", "4")[0] == 0
    experiment = open_run(conditional, read_data=False)
    batch = experiment.batch_of(read_pictures(experiment, [tmp_path / "four.png"], "4").images)
    assert batch.x.equal(levels)
    assert batch.given["labels"].argmax().item() == 4
    nine = read_pictures(experiment, [tmp_path / "four.png"], "9").images
    assert not experiment.model.posterior(batch).mean.equal(experiment.model.posterior(experiment.batch_of(nine)).mean)


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["reconstruct", "{run}", "absent.png"], 1, "There is no file absent.png"),
        (["encode", "{run}", "{a}", "--split", "test", "--out", "c.npz"], 2, "--split test"),
        (["reconstruct", "{run}", "{a}", "--split", "test"], 2, "--split test"),
        (["reconstruct", "{run}", "{a}", "--given", "3"], 2, "model.given"),
        (["traverse", "{run}", "--image", "0", "--given", "3"], 2, "--given"),
        (["traverse", "{run}", "--image", "{folder}"], 2, "folder"),
        (["interpolate", "{conditional}", "--from", "{a}", "--to", "{a}", "--given", "eleven"], 2, "eleven"),
    ],
)
def test_a_mistake_is_named_and_nothing_written(
    kelbo, run, conditional, moved, tmp_path, monkeypatch, arguments, code, named
):
    monkeypatch.chdir(tmp_path)
    before = {*run.rglob("*"), *conditional.rglob("*")}
    names = {"run": run, "conditional": conditional, "folder": moved, "a": moved / "cats/0.png"}
    found, _, err = kelbo(*(word.format(**names) for word in arguments))
    assert found == code
    assert named in err
    assert {*run.rglob("*"), *conditional.rglob("*")} == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_images_of_ones_own_making_are_not_guessed_at(moved, tmp_path):
    parts = Parts(data=lambda _: digits(size=16))
    run = train(change(find("digits"), ["data.size=8", *SMALL]), tmp_path / "run", parts=parts)
    with pytest.raises(DataError, match="code of your own"):
        read_pictures(open_run(run.path, parts=parts), [moved])
