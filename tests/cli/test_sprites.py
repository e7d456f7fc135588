"""Sprites from a file of few characters: described, trained, edited by what they wear, judged, encoded; scored as a table."""

import json

import numpy as np
import pytest

pytestmark = pytest.mark.slow

NARROW = ["--set", "data.size=16", "--set", "model.network.kind=higgins", "--set", "model.network.width=16"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """30 characters, whose hair and top are plain areas of a colour each, in 2 actions of 3 frames."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    every = np.array([*np.ndindex(4, 3, 2, 2)], np.uint8)
    worn = every[rng.permutation(len(every))[:30]]
    frames = np.zeros((30, 4, 64, 64), np.uint8)
    for place, rows in enumerate((slice(40, 56), slice(28, 40), slice(16, 28), slice(4, 16))):
        for step in range(4):
            frames[:, step, rows, 8 * step : 32 + 8 * step] = 1 + 4 * place + worn[:, place, None, None]
    np.savez(
        folder / "sprites_video.npz",
        frames=frames,
        palette=rng.integers(0, 256, (17, 3), dtype=np.uint8),
        sequence=np.array([[0, 1, 2], [3, 2, 1]]),
        attributes=worn,
        action=np.array(["walk", "slash"]),
        direction=np.array(["left", "right"]),
    )
    return folder


@pytest.fixture
def run(kelbo, root, tmp_path):
    settings = [*NARROW, "--set", "training.batch_size=16", "--set", f"data.root={root}"]
    code, _, err = kelbo("train", "sprites-sigma", *settings, "--steps", 200, "--out", tmp_path / "run")
    assert code == 0, err
    return tmp_path / "run"


def test_the_set_is_described_with_its_splits_and_factors(kelbo, root):
    code, out, _ = kelbo("data", "check", "sprites", "--data-root", root, "--json")
    told = json.loads(out)
    assert code == 0
    assert {split: part["images"] for split, part in told["splits"].items()} == {"train": 162, "test": 18}
    assert "180 of 576 combinations" in told["note"]
    assert [one["name"] for one in told["given"][0]["variables"]][:4] == ["body", "bottom", "top", "hair"]


def test_a_run_is_edited_judged_reported_and_encoded(kelbo, root, run, tmp_path):
    learn = ["features", "train", "sprites", "--data-root", root, "--set", "size=16", "--epochs", 20]
    code, _, err = kelbo(*learn)
    assert code == 0, err
    names = ["--attributes", "hair=1,top=1,body=2"]
    code, out, err = kelbo("attribute", run, *names, "--classifier", "sprites", "--data-root", root)
    assert code == 0, err
    assert "hair=1" in out
    code, _, err = kelbo("attribute", run, "--attributes", "hiar=1")
    assert (code, "hair=1" in err) == (2, True)
    assert kelbo("report", run)[0] == 0
    code, _, err = kelbo("encode", run, "--split", "all", "--out", tmp_path / "codes.npz")
    assert code == 0, err
    with np.load(tmp_path / "codes.npz") as codes, np.load(root / "sprites_video.npz") as file:
        assert codes["names"].tolist()[3:] == ["hair", "action", "direction", "frame"]
        np.testing.assert_array_equal(codes["factors"][::6, :4], file["attributes"])
    code, _, err = kelbo("score", tmp_path / "codes.npz", "--metrics", "modularity")
    assert code == 0, err


def test_scores_of_a_run_say_that_combinations_are_missing(kelbo, run):
    code, _, err = kelbo("evaluate", run, "--metrics", "mig")
    assert code == 1
    assert "180 of the 576 combinations" in err
    code, out, err = kelbo("evaluate", run, "--metrics", "all")
    assert code == 0, err
    assert "180 of the 576" in out + err


def test_a_model_is_told_what_a_character_wears(kelbo, root, tmp_path):
    settings = [*NARROW, "--set", "training.batch_size=16", "--set", "model.given=factors:hair,action"]
    code, _, err = kelbo(
        "train", "sprites-sigma", *settings, "--data-root", root, "--steps", 5, "--out", tmp_path / "r"
    )
    assert code == 0, err
    code, _, err = kelbo("sample", tmp_path / "r", "--given", "hair=1,action=slash")
    assert code == 0, err
