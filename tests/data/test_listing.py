import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from kelbo.data import listing
from kelbo.data.decoding import PicturesRefused
from kelbo.data.folder import folder
from kelbo.data.listing import listed, used_and_left_out
from kelbo.errors import DataCorrupt, DataMissing

RNG = np.random.default_rng(0)


def save(file, form=None):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (8, 8, 3), np.uint8)).save(file, form)
    return file


def paths(root):
    return [picture.path for picture in listed(root).pictures]


def test_every_still_kind_of_picture_is_used_and_counted_by_its_suffix(tmp_path):
    for i in range(4):
        save(tmp_path / f"{i}.tif")
        save(tmp_path / f"{i}.jfif", "JPEG")
        save(tmp_path / f"{i}.PPM")
    for name in ("a.png", "b.gif", "c.tiff", "d.webp", "e.bmp", "f.tga", "g.jp2"):
        save(tmp_path / name)
    image_set = folder(tmp_path, 8)
    assert len(image_set.train) + len(image_set.test) == 19
    told = "19 pictures used (4 .jfif, 4 .ppm, 4 .tif, 1 .bmp, 1 .gif, 1 .jp2, 1 .png, 1 .tga, 1 .tiff, 1 .webp)"
    assert f"{told}, no file left out" in image_set.note


def test_files_that_are_left_out_are_counted_by_their_kind(tmp_path):
    for name in ("a.png", "b.png", ".hidden.png", ".cache/c.png"):
        save(tmp_path / name)
    for name in ("notes.txt", "more.txt", "faces.heic", "README", "paper.pdf"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.png")
    left_out = {"hidden": 2, ".txt": 2, ".heic": 1, "without a suffix": 1, ".pdf": 1, "no regular file": 1}
    assert listed(tmp_path).left_out == left_out
    note = folder(tmp_path, 8, held_out=0.5).note
    assert "2 pictures used (2 .png), 8 files left out (2 .txt, 2 hidden, 1 .heic, 1 .pdf, " in note


def test_a_folder_of_other_files_alone_says_which_they_are(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.heic").touch()
    with pytest.raises(DataMissing, match=r"holds no pictures .*: 3 files left out \(3 \.heic\)"):
        folder(tmp_path)


def test_links_to_folders_and_files_are_followed_and_keep_their_own_paths(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    save(elsewhere / "cats" / "1.png")
    blob = save(elsewhere / "5f3a", "PNG")
    root = tmp_path / "root"
    save(root / "dogs" / "1.png")
    (root / "cats").symlink_to(elsewhere / "cats")
    (root / "named.png").symlink_to(blob)  # as a cache of downloads keeps its files
    assert paths(root) == ["cats/1.png", "dogs/1.png", "named.png"]
    assert "cats" in listed(root).folders
    linked = tmp_path / "linked"
    linked.symlink_to(root)
    assert paths(linked) == paths(root)


def test_what_links_reach_in_several_ways_is_read_once_at_its_own_place(tmp_path):
    save(tmp_path / "z" / "1.png")
    save(tmp_path / "z" / "2.png")
    (tmp_path / "a").symlink_to(tmp_path / "z")
    (tmp_path / "b.png").symlink_to(tmp_path / "z" / "1.png")
    (tmp_path / "z" / "around").symlink_to(tmp_path)
    (tmp_path / "c").symlink_to(tmp_path / "d")
    (tmp_path / "d").symlink_to(tmp_path / "z")
    assert paths(tmp_path) == ["z/1.png", "z/2.png"]
    assert listed(tmp_path).left_out == {"reached twice": 5}


def test_links_that_lead_nowhere_are_refused_by_name_or_skipped(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    (tmp_path / "cats").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(DataCorrupt, match=f"{tmp_path}/cats cannot be read as a picture .a link to {tmp_path}/gone"):
        folder(tmp_path, 8)
    image_set = folder(tmp_path, 8, unreadable="skip", held_out=0.5)
    assert len(image_set.left_out) == 2
    assert "2 files left out (2 refused)" in image_set.note


def test_links_that_lead_nowhere_and_are_no_pictures_by_their_suffix_are_left_out_and_counted(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.png")
    for name in ("notes.txt", "labels.csv"):
        (tmp_path / name).symlink_to(tmp_path / "gone")
    assert listed(tmp_path).left_out == {".txt": 1, ".csv": 1}
    assert "2 files left out (1 .csv, 1 .txt)" in folder(tmp_path, 8).note
    (tmp_path / "v1.2").symlink_to(tmp_path / "gone")
    with pytest.raises(DataCorrupt, match=r"v1\.2 cannot be read"):
        folder(tmp_path, 8)


@pytest.mark.parametrize("size", [8, None])
def test_one_picture_that_is_left_is_told_with_the_reasons_of_the_others(tmp_path, size):
    save(tmp_path / "a.png")
    with pytest.raises(DataCorrupt, match=f"{tmp_path} holds 1 picture; 2 or more are needed"):
        folder(tmp_path, size)
    (tmp_path / "b.png").write_bytes(b"damaged")
    with pytest.raises(PicturesRefused, match=r"b\.png cannot be read as a picture") as told:
        folder(tmp_path, size, unreadable="skip")
    assert (len(told.value.reasons), told.value.count) == (1, 2)


@pytest.mark.parametrize("unreadable", ["refuse", "skip"])
def test_a_folder_that_cannot_be_listed_is_refused_by_name(tmp_path, monkeypatch, unreadable):
    save(tmp_path / "a.png")
    closed = save(tmp_path / "closed" / "b.png").parent
    real = os.scandir

    def scandir(place):  # these tests may run as root, for whom every folder is open
        if os.fspath(place) == str(closed):
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(listing.os, "scandir", scandir)
    with pytest.raises(DataCorrupt, match=f"The folder {closed} cannot be listed .Permission denied"):
        folder(tmp_path, 8, unreadable=unreadable)


def test_a_file_that_cannot_be_opened_is_refused_by_name_or_skipped(tmp_path, monkeypatch):
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / name)
    real = type(tmp_path).read_bytes

    def read_bytes(file):
        if file.name == "b.png":
            raise PermissionError(13, "Permission denied", str(file))
        return real(file)

    monkeypatch.setattr(type(tmp_path), "read_bytes", read_bytes)
    with pytest.raises(DataCorrupt, match=r"b\.png cannot be read as a picture .*Permission denied"):
        folder(tmp_path, 8)
    assert len(folder(tmp_path, 8, unreadable="skip", held_out=0.5).left_out) == 1


def test_names_tell_each_images_file_in_every_split_also_where_some_are_skipped(tmp_path):
    for split in ("train", "test"):
        for kind in ("cats", "dogs"):
            for i in range(3):
                save(tmp_path / split / kind / f"{i}.png")
    (tmp_path / "train" / "cats" / "1.png").write_bytes(b"damaged")
    image_set = folder(tmp_path, 8, unreadable="skip")
    assert list(image_set.names["train"][:3]) == ["train/cats/0.png", "train/cats/2.png", "train/dogs/0.png"]
    for split, names in image_set.names.items():
        pixels = image_set.splits[split].take(torch.arange(len(names))).permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(pixels, [np.asarray(Image.open(tmp_path / name)) for name in names])
    shutil.move(tmp_path / "train", tmp_path / "one")
    shutil.move(tmp_path / "test", tmp_path / "two")
    image_set = folder(tmp_path, 8, unreadable="skip", held_out=0.3)
    for split, names in image_set.names.items():
        pixels = image_set.splits[split].take(torch.arange(len(names))).permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(pixels, [np.asarray(Image.open(tmp_path / name)) for name in names])


def test_counts_are_told_with_the_most_frequent_kind_first():
    assert used_and_left_out(["a.png", "b.png", "c.tif"], {}) == "3 pictures used (2 .png, 1 .tif), no file left out"
    assert used_and_left_out([], {".txt": 1, ".zip": 0}) == "1 file left out (1 .txt)"
