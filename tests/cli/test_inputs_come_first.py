"""A command whose inputs are wrong fails before it makes a folder or a file, and leaves none behind."""

import pytest
from tests.records import evaluations

from kelbo.data.image_set import ImageSet
from kelbo.errors import DataError, RunError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change, find, readers
from kelbo.sweeps.stacked import train_stacked

SMALL = ["model.network.width=16", "model.latents=3"]
OVER = ["--over", "objective.beta=1,2", "--steps", "2"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recipe = change(find("digits"), [*SMALL, "training.steps=2"])
    return train(recipe, tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    return tmp_path


def left(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "digits", "--out", "file"],
        ["train", "digits", "--out", "file/below"],
        ["train", "digits", "--out", "r", "--set", "likelihood.kind=logistic"],
        ["train", "mnist-sigma", "--out", "r", "--data-root", "nowhere"],
        ["train", "digits", "--out", "r", "--from", "nowhere"],
        ["sweep", "digits", "--out", "s", "--set", "start.path=nowhere", *OVER],
        ["sweep", "digits", "--out", "file", *OVER],
        ["sweep", "digits", "--out", "file/below", *OVER],
        ["sweep", "mnist-sigma", "--out", "s", "--data-root", "nowhere", *OVER],
        ["sweep", "mnist-sigma", "--out", "s", "--data-root", "nowhere", "--how", "queue", *OVER],
        ["sweep", "digits", "--out", "s", "--over", "model.latents=2,3", "--how", "stack"],
        ["sweep", "digits", "--out", "s", "--over", "data.size=16,8", "--set", "likelihood.kind=logistic"],
        ["sweep", "digits", "--out", "s", "--over", "likelihood.kind=bernoulli,logistic", "--how", "queue"],
        ["sweep", "table", "nowhere", "--out", "sub/t.csv"],
        ["reproduce", "sigma-vae", "--set", "data=digits", "--features", "nosuch", "--out", "st"],
        ["reproduce", "sigma-vae", "--set", "data=folder:nowhere", "--out", "st"],
        ["reproduce", "sigma-vae", "--set", "data=digits", "--out", "file/below"],
        ["baseline", "pca", "digits", "--out", "file/b.npz"],
        ["baseline", "pca", "digits", "--out", "sub/b.npz", "--latents", "1000"],
        ["baseline", "nosuch", "digits", "--out", "sub/b.npz"],
        ["features", "train", "digits", "--data-root", "file"],
        ["data", "preview", "digits", "--out", "file/p.png"],
        ["data", "preview", "digits", "--out", "sub/p.jpg"],
    ],
)
def test_a_wrong_input_leaves_nothing(kelbo, here, arguments):
    code, _, err = kelbo(*arguments)
    assert code in (1, 2)
    assert err.startswith("error: ")
    assert left(here) == ["file"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "--out", "."],
        ["encode", "--out", "file/c.npz"],
        ["encode", "--out", "sub/c.npz", "--split", "nosuch"],
        ["encode", "--out", "sub/c.npz", "--split", "all"],
        ["sample", "--out", "."],
        ["sample", "--out", "sub/x.jpg"],
        ["sample", "--out", "file/x.png"],
        ["reconstruct", "--out", "sub/x.png", "--split", "nosuch"],
        ["traverse", "--out", "sub/x.png", "--image", "100000"],
        ["interpolate", "--out", "sub/x.png", "--to", "100000"],
        ["evaluate", "--split", "nosuch"],
        ["evaluate", "--metrics", "mig"],
        ["evaluate", "--metrics", "images"],
        ["evaluate", "--metrics", "images", "--features", "nosuch"],
    ],
)
def test_a_wrong_input_about_a_run_leaves_nothing_beside_it_and_nothing_in_it(kelbo, run, here, arguments):
    before = left(run.path)
    code, _, err = kelbo(arguments[0], run.path, *arguments[1:])
    assert code in (1, 2)
    assert err.startswith("error: ")
    assert left(here) == ["file"]
    assert left(run.path) == before


READ = readers.image_data


def without_a_test_split(spec, split_seed):
    whole = READ(spec, split_seed)
    return ImageSet(whole.name, {"train": whole.train, "validation": whole.test}, whole.note)


def test_images_without_a_test_split_are_told_before_a_folder_is_made(tmp_path, monkeypatch):
    recipe = change(find("digits"), [*SMALL, "training.steps=2"])
    monkeypatch.setattr(readers, "image_data", without_a_test_split)
    with pytest.raises(DataError, match=r"split test.*train, validation"):
        train(recipe, tmp_path / "run")
    with pytest.raises(DataError, match="split test"):
        train_stacked([recipe, recipe], [tmp_path / "a", tmp_path / "b"])
    assert left(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_is_told_before_the_images_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr(readers, "image_data", None)  # is not reached
    with pytest.raises(RunError, match="be written"):
        train(find("digits"), tmp_path / "run")


def test_a_rate_is_asked_of_an_autoencoder_in_vain_before_its_bound_is_measured(kelbo, tmp_path):
    run = train(change(find("digits"), [*SMALL, "training.steps=2", "model.kind=autoencoder"]), tmp_path / "run")
    code, _, err = kelbo("evaluate", run.path, "--metrics", "latents")
    assert code == 1
    assert "no rate" in err
    assert evaluations(run) == {}
    assert evaluate_run(open_run(run.path))["rate"] is None
