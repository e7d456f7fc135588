"""`kelbo data`, and how the command line speaks of pictures and their folders."""

import json

import numpy as np
from PIL import Image


def test_data_sets_can_be_listed_checked_and_previewed(kelbo, tmp_path):
    assert "shapes2d" in kelbo("data", "list")[1]
    code, out, _ = kelbo("data", "check", "digits", "--json")
    assert code == 0
    assert json.loads(out)["splits"]["test"]["images"] == 180
    assert json.loads(out)["splits"]["test"]["from"] == "0.1 held out by seed 0"
    code, out, _ = kelbo("data", "preview", "digits", "--out", tmp_path / "p.png", "--set", "size=32")
    assert code == 0
    assert np.asarray(Image.open(tmp_path / "p.png")).std() > 0


def test_data_check_says_which_splits_there_are_how_many_images_each_has_and_from_where(kelbo, tmp_path):
    for split, count in {"Train": 5, "val": 3, "Test": 2}.items():
        (tmp_path / "set" / split).mkdir(parents=True)
        folder_of(tmp_path / "set" / split, *[8] * count)
    code, out, _ = kelbo("data", "check", "folder", "--data-root", tmp_path, "--set", "size=8")
    assert code == 0
    assert "  train: 5 images (set/Train/), fingerprint" in out
    assert "  validation: 3 images (set/val/), fingerprint" in out
    assert "  test: 2 images (set/Test/), fingerprint" in out
    (tmp_path / "set" / "extra").mkdir()
    folder_of(tmp_path / "set" / "extra", 8)
    code, _, told = kelbo("data", "check", "folder", "--data-root", tmp_path, "--set", "size=8")
    assert (code, "set/extra/0.png first" in told) == (1, True)
    code, out, _ = kelbo("data", "check", "folder", "--data-root", tmp_path, "--set", "size=8", "--set", "splits=named")
    assert (code, "1 in no split" in out) == (0, True)


def folder_of(tmp_path, *sizes):
    for i, size in enumerate(sizes):
        Image.new("RGB", (size, size), (i * 20, 0, 0)).save(tmp_path / f"{i}.png")
    return tmp_path


def corrupt_archive(tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"no archive")
    return tmp_path


def test_an_empty_folder_is_named(kelbo, tmp_path):
    code, _, err = kelbo("train", "folder-sigma", "--data-root", tmp_path, "--out", tmp_path / "r")
    assert code == 1
    assert str(tmp_path) in err
    assert not (tmp_path / "r").exists()


def test_a_picture_of_another_size_is_named(kelbo, tmp_path):
    code, out, err = kelbo(
        "data", "check", "folder", "--data-root", folder_of(tmp_path, 16, 16, 20), "--set", "size=none"
    )
    assert code == 1
    assert "2.png is 20×20 pixels" in out
    assert "1 of 3 pictures" in err


def test_a_size_that_the_network_cannot_halve_is_refused_with_the_sizes_that_would_do(kelbo, tmp_path):
    settings = ["--data-root", folder_of(tmp_path, 16, 16, 16), "--set", "data.size=[48,60]"]
    code, _, err = kelbo("train", "folder-sigma", *settings, "--out", tmp_path / "r")
    assert code == 2
    assert "48×56, 48×64" in err
    assert not (tmp_path / "r").exists()


def test_the_first_line_of_training_counts_what_was_used_and_left_out(kelbo, tmp_path):
    (photos := tmp_path / "photos").mkdir()
    (folder_of(photos, 16, 16, 16) / "notes.txt").touch()
    small = ["--set", "data.size=16", "--set", "model.network.channels=2", "--set", "training.batch_size=2"]
    code, out, err = kelbo(
        "train", "folder-sigma", "--data-root", photos, *small, "--steps", 1, "--out", tmp_path / "r"
    )
    assert code == 0, err
    assert "3 pictures used (3 .png), 1 file left out (1 .txt)" in out.splitlines()[0]
    note = json.loads((tmp_path / "r" / "provenance.json").read_text())["data"]["note"]
    assert "3 pictures used (3 .png), 1 file left out (1 .txt)" in note


def test_data_check_lists_every_refused_picture_and_training_the_first_of_them(kelbo, tmp_path):
    pictures = folder_of(tmp_path, 16, 16, *[20] * 30)
    settings = ["--data-root", pictures, "--set"]
    code, out, err = kelbo("data", "check", "folder", *settings, "size=none")
    assert (code, out.count("are expected"), err.count("30 of 32")) == (1, 30, 1)
    code, out, _ = kelbo("data", "check", "folder", *settings, "size=none", "--json")
    assert (code, len(json.loads(out)["refused"]), json.loads(out)["of"]) == (1, 30, 32)
    code, _, err = kelbo("train", "folder-sigma", *settings, "data.size=null", "--out", tmp_path / "r")
    assert (code, err.count("are expected")) == (1, 5)
    assert "25 more" in err
    assert not (tmp_path / "r").exists()


def test_data_check_lists_every_picture_that_is_skipped(kelbo, tmp_path):
    settings = ["--data-root", folder_of(tmp_path, 16, 16, 20, 20), "--set", "size=none", "--set", "unreadable=skip"]
    code, out, _ = kelbo("data", "check", "folder", *settings)
    assert (code, out.count("left out: ")) == (0, 2)
    code, out, _ = kelbo("data", "check", "folder", *settings, "--json")
    assert len(json.loads(out)["refused"]) == 2


def test_whole_pictures_are_asked_for_by_that_word(kelbo, tmp_path):
    Image.new("RGB", (24, 16)).save(tmp_path / "wide.png")
    Image.new("RGB", (24, 16)).save(tmp_path / "wider.png")
    settings = ["--set", "size=null", "--set", "crop=whole"]
    code, out, err = kelbo("data", "check", "folder", "--data-root", tmp_path, "--json", *settings)
    assert code == 0, err
    assert json.loads(out)["shape"] == [3, 16, 24]


def test_a_corrupt_archive_is_named(kelbo, tmp_path):
    code, _, err = kelbo("train", "cifar10-sigma", "--data-root", corrupt_archive(tmp_path), "--out", tmp_path / "r")
    assert code == 1
    assert "cifar-10-python.tar.gz" in err
    assert not (tmp_path / "r").exists()
