"""Layouts that look like splits: each is taken as such, or refused with what was seen, and never merged."""

import time
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from kelbo.data.folder import folder
from kelbo.data.layout import class_of, divide
from kelbo.data.splits import named
from kelbo.errors import DataCorrupt, DataMissing

SIZES = {"train": 5, "validation": 3, "test": 2}


def paths_of(*folders, each=2):
    return [f"{name}/{number}.png" for name in folders for number in range(each)]


def parts(division):
    return {split: places.tolist() for split, places in division.parts.items()}


def png(value):
    stream = BytesIO()
    Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(stream, "png")
    return stream.getvalue()


def laid(root, counts):
    """Pictures in folders, each with a value of its own; the values by folder."""
    values, value = {}, 0
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (root / name / f"{number}.png").write_bytes(png(value))
            values.setdefault(name, []).append(value)
            value += 1
    return values


def values_of(images):
    return images.spread(len(images))[:, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Train", "train"),
        ("TRAINING", "train"),
        ("training_set", "train"),
        ("train2017", "train"),
        ("test1", "test"),
        ("train_images", "train"),
        ("images-train", "train"),
        ("x_train", "train"),
        ("val", "validation"),
        ("Valid", "validation"),
        ("validation", "validation"),
        ("dev", "validation"),
        ("val2017", "validation"),
        ("testing", "test"),
        ("Test Data", "test"),
        ("eval", "test"),
    ],
)
def test_usual_names_are_known_in_any_case(name, split):
    assert named(name) == (split, "")


@pytest.mark.parametrize(
    "name", ["cats", "trainer", "constraint", "contest", "devices", "retrieval", "train_test", "trainval", "", "1"]
)
def test_other_names_are_no_splits(name):
    assert named(name) is None


def test_names_of_any_length_are_looked_at_in_no_time():
    begun = time.process_time()
    for name in ("1" * 10_000 + "z", "dataset" * 2_000 + "z", "train" + "1_" * 5_000 + "z", "test" * 5_000):
        named(name)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("around", ["", "images/", "a/b/", "test_data/"])
@pytest.mark.parametrize(
    "names",
    [
        {"train": "train", "validation": "validation", "test": "test"},
        {"train": "Train", "validation": "Valid", "test": "Test"},
        {"train": "training", "validation": "dev", "test": "testing"},
        {"train": "train2017", "validation": "val2017", "test": "test2017"},
        {"train": "seg_train", "validation": "seg_val", "test": "seg_test"},
        {"train": "DIV2K_train_HR", "validation": "DIV2K_valid_HR", "test": "DIV2K_test_HR"},
    ],
)
def test_three_folders_named_as_splits_are_three_splits_wherever_they_lie(tmp_path, around, names):
    made = laid(tmp_path, {around + names[split]: count for split, count in SIZES.items()})
    image_set = folder(tmp_path, 4)
    assert {split: values_of(images) for split, images in image_set.splits.items()} == {
        split: made[around + name] for split, name in names.items()
    }
    assert image_set.sources == {split: f"{around}{name}/" for split, name in names.items()}


@pytest.mark.parametrize("names", [("train", "test"), ("Train", "Test"), ("training", "testing"), ("train", "eval")])
def test_two_folders_named_as_splits_are_two_splits(tmp_path, names):
    made = laid(tmp_path, dict.fromkeys(names, 3))
    image_set = folder(tmp_path, 4)
    assert {split: values_of(images) for split, images in image_set.splits.items()} == {
        "train": made[names[0]],
        "test": made[names[1]],
    }


@pytest.mark.parametrize("name", ["val", "validation", "Valid", "dev"])
def test_without_a_test_split_the_validation_split_is_what_evaluation_reports_on_and_the_note_says_so(tmp_path, name):
    made = laid(tmp_path, {"train": 3, name: 2})
    image_set = folder(tmp_path, 4)
    assert list(image_set.splits) == ["train", "test"]
    assert values_of(image_set.test) == made[name]
    assert image_set.sources["test"] == f"{name}/, since there is no test split"
    assert image_set.sources["test"] in image_set.note


@pytest.mark.parametrize("around", ["", "faces/"])
def test_splits_in_each_classs_folder_are_gathered(tmp_path, around):
    made = laid(tmp_path, {f"{around}{name}/{split}": 2 for name in ("cats", "dogs") for split in ("train", "test")})
    image_set = folder(tmp_path, 4)
    assert values_of(image_set.train) == made[f"{around}cats/train"] + made[f"{around}dogs/train"]
    assert values_of(image_set.test) == made[f"{around}cats/test"] + made[f"{around}dogs/test"]
    assert image_set.sources["train"] == "the 2 folders */train/"


def test_a_train_folder_alone_is_all_there_is_and_test_images_are_drawn_from_it(tmp_path):
    laid(tmp_path, {"train/cats": 5, "train/dogs": 5})
    image_set = folder(tmp_path, 4, held_out=0.3)
    assert {split: len(images) for split, images in image_set.splits.items()} == {"train": 7, "test": 3}
    assert image_set.sources["test"] == "0.3 of train/ held out by seed 0"


@pytest.mark.parametrize(
    ("folders", "seen"),
    [
        (("test",), "test/"),
        (("cats/test", "dogs/test"), "test/"),
        (("val", "test"), "val/"),
        (("train", "val", "validation"), "val"),
        (("train", "Train", "test"), "Train"),
        (("cats/train", "cats/test", "cats/testing", "dogs/train"), "cats"),
        (("train", "cats"), "cats/0.png"),
        (("test", "cats"), "cats/0.png"),
        (("train", "test", "extra"), "extra/0.png"),
        (("cats/train", "cats/test", "dogs"), "dogs/0.png"),
        (("trainA", "testA", "trainB", "testB"), "trainB"),
        (("trainval", "test"), "trainval/0.png"),
        (("train_v1", "test_v2"), "train_v1"),
        (("train_v1", "test_v2", "extra"), "train_v1"),
        (("VOC2007_train", "VOC2012_test"), "VOC2012_test"),
        (("train-0001-of-2", "train-0002-of-2", "test-0001-of-1"), "test-0001-of-1"),
        (("train_batch_1", "train_batch_2", "test_batch"), "test_batch"),
        (("horse-or-human/horses", "validation-horse-or-human/horses"), "validation-horse-or-human"),
        (("train.full", "test.small"), "train.full"),
        (("set/train_v1", "set/test_v2"), "test_v2"),
    ],
)
def test_what_looks_like_splits_but_cannot_be_taken_as_such_is_refused_with_what_was_seen(folders, seen):
    with pytest.raises(DataCorrupt) as error:
        divide(paths_of(*folders), "photos")
    assert seen in str(error.value)
    assert '"ignore"' in str(error.value)
    assert parts(divide(paths_of(*folders), "photos", splits="ignore")) == {"all": [*range(2 * len(folders))]}


def test_pictures_beside_the_splits_are_refused_and_left_out_on_request(tmp_path):
    made = laid(tmp_path, {"train": 3, "test": 2, "extra": 4})
    (tmp_path / "logo.png").write_bytes(png(99))
    with pytest.raises(DataCorrupt, match=r"5 of its 10 pictures are in none of them, extra/0\.png first"):
        folder(tmp_path, 4)
    image_set = folder(tmp_path, 4, splits="named")
    assert values_of(image_set.train) == made["train"]
    assert values_of(image_set.test) == made["test"]
    assert "5 files left out (5 in no split)" in image_set.note
    assert sum(map(len, folder(tmp_path, 4, splits="ignore").splits.values())) == 10


@pytest.mark.parametrize(
    "pattern", ["img_{}_{}.png", "{1}_{0}.png", "DSC{1}-{0}.png", "images/faces_{}({}).png", "{}-a{}f.png"]
)
def test_pictures_whose_names_hold_the_split_anywhere_are_refused(pattern):
    paths = [pattern.format(split, number) for split in ("train", "test") for number in range(3)]
    with pytest.raises(DataCorrupt, match="are in one folder"):
        divide(paths, "photos")
    assert parts(divide(paths, "photos", splits="ignore")) == {"all": [*range(6)]}
    assert parts(divide(paths[:3], "photos")) == {"all": [*range(3)]}


def test_pictures_whose_own_names_are_splits_are_refused():
    paths = [f"{split}_{number:04}.png" for split in ("train", "test") for number in range(3)]
    with pytest.raises(DataCorrupt, match=r"named like splits \(test… and train…\)"):
        divide(paths, "photos")
    assert parts(divide([*paths, "other.png"], "photos")) == {"all": [*range(7)]}


@pytest.mark.parametrize(
    "folders",
    [
        ("cats", "dogs"),
        ("train_station", "airport", "test_tube"),
        ("2019/rome", "2019/test", "2020/paris"),
        ("Val_Smith", "Eva_Dev"),
        ("speed_test", "cat", "dog"),
        ("speed_test", "crash_test"),
        ("drive", "test_drive", "walk"),
    ],
)
def test_folders_that_do_not_look_like_splits_are_read_as_one_set(folders):
    assert parts(divide(paths_of(*folders), "photos")) == {"all": [*range(2 * len(folders))]}


def test_a_split_without_pictures_is_missing_data_and_not_a_set_without_it(tmp_path):
    laid(tmp_path, {"train": 3})
    (tmp_path / "test").mkdir()
    (tmp_path / "test/labels.txt").touch()
    with pytest.raises(DataMissing, match="/test is named as a split but holds no pictures"):
        folder(tmp_path, 4)


def test_a_value_that_is_no_choice_is_refused(tmp_path):
    laid(tmp_path, {"a": 1})
    with pytest.raises(ValueError, match="splits must be one of auto, named, ignore; got 'some'"):
        folder(tmp_path, 4, splits="some")
    with pytest.raises(DataCorrupt, match="no folders named as splits"):
        folder(tmp_path, 4, splits="named")


@pytest.mark.parametrize("around", ["", "set/", "set/images/"])
@pytest.mark.parametrize("slash", ["/", "\\"])
@pytest.mark.parametrize("entries", [False, True])
def test_archives_keep_their_splits_whoever_made_them(tmp_path, around, slash, entries):
    names = [
        f"{around}{split}/{i}.png" for split, count in {"Train": 3, "val": 2, "Test": 1}.items() for i in range(count)
    ]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        if entries:
            for name in {f"{name.rpartition('/')[0]}/" for name in names}:
                archive.writestr(name, b"")
        archive.writestr(f"__MACOSX/{around}Train/._0.png", b"resource fork")
        archive.writestr(f"{around}.DS_Store", b"")
        for value, name in enumerate(names):
            archive.writestr(name.replace("/", slash), png(value))
    image_set = folder(tmp_path / "x.zip", 4)
    assert {split: values_of(images) for split, images in image_set.splits.items()} == {
        "train": [0, 1, 2],
        "validation": [3, 4],
        "test": [5],
    }


def test_an_archives_split_without_pictures_is_missing_data(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("train/0.png", png(0))
        archive.writestr("test/readme.txt", b"to be released")
    with pytest.raises(DataMissing, match="test is named as a split but holds no pictures"):
        folder(tmp_path / "x.zip", 4)


def test_one_name_spelled_with_both_slashes_is_held_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/0.png", png(0))
        archive.writestr("a\\0.png", png(1))
    with pytest.raises(DataCorrupt, match="holds 'a/0.png' twice"):
        folder(tmp_path / "x.zip", 4)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("train/cats/1.png", "cats"),
        ("cats/train/1.png", "cats"),
        ("cats/tabby/1.png", "tabby"),
        ("Test/1.png", ""),
        ("1.png", ""),
    ],
)
def test_the_class_of_a_picture_is_the_next_folder_around_it_that_names_no_split(path, expected):
    assert class_of(path) == expected
