"""Which arrays of a file or folder are which split."""

import numpy as np
import pytest

from kelbo.data.arrays import arrays
from kelbo.errors import DataCorrupt, DataMissing

GREY = np.random.default_rng(0).integers(0, 256, (20, 6, 5), dtype=np.uint8)


def save(place, named, kind):
    if kind == "npz":
        np.savez(place / "x.npz", **named)
        return place / "x.npz"
    (place / "x").mkdir()
    for name, array in named.items():
        np.save(place / "x" / f"{name}.npy", array)
    return place / "x"


@pytest.mark.parametrize(
    "names",
    [
        {"train": "x_train", "test": "x_test"},
        {"train": "X_train", "validation": "X_val", "test": "X_test"},
        {"train": "train_images", "validation": "val_images", "test": "test_images"},
        {"train": "Training", "validation": "dev", "test": "Testing"},
        {"train": "faces_train", "test": "faces_test"},
    ],
)
@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_arrays_named_as_splits_are_the_splits(tmp_path, names, kind):
    made = {split: np.full((count, 6, 5), count, np.uint8) for count, split in zip((7, 3, 2), names, strict=False)}
    labels = {f"y_{split}": np.arange(9) for split in names}
    named = {names[split]: array for split, array in made.items()} | labels
    path = save(tmp_path, named, kind)
    image_set = arrays(path)
    assert {split: values_of(images) for split, images in image_set.splits.items()} == {
        split: [len(array)] * len(array) for split, array in made.items()
    }
    assert image_set.sources == names


def values_of(images):
    return images.spread(len(images))[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("kind", ["npz", "folder"])
@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["x_test"], "no train split"),
        (["x_val", "x_test"], "no train split"),
        (["x_train", "train", "x_test"], "both"),
        (["train", "test", "extra"], "name its key; its arrays: "),
        (["train_a", "test_a", "train_b", "test_b"], "several groups of splits"),
    ],
)
def test_arrays_that_look_like_splits_but_cannot_be_taken_as_such_are_refused(tmp_path, kind, names, told):
    with pytest.raises(DataCorrupt, match=told):
        arrays(save(tmp_path, dict.fromkeys(names, GREY), kind))


def test_keys_say_which_array_is_which_split_whatever_names_say(tmp_path):
    named = {"a": GREY, "b": GREY[:4], "c": GREY[:3]}
    path = save(tmp_path, named, "npz")
    image_set = arrays(path, key="a", validation_key="b", test_key="c")
    assert {split: len(images) for split, images in image_set.splits.items()} == {
        "train": 20,
        "validation": 4,
        "test": 3,
    }
    assert len(arrays(path, key="a", validation_key="b").test) == 4  # there is no test split
    with pytest.raises(ValueError, match="one array cannot be two splits"):
        arrays(path, key="a", test_key="a")


def test_without_a_test_array_the_validation_array_is_the_test_split(tmp_path):
    image_set = arrays(save(tmp_path, {"train": GREY, "val": GREY[:4]}, "npz"))
    assert {split: len(images) for split, images in image_set.splits.items()} == {"train": 20, "test": 4}
    assert image_set.sources["test"] == "val, since there is no test split"


def test_a_file_of_one_split_says_which_others_beside_it_are_not_read(tmp_path):
    place = save(tmp_path, {"x_train": GREY, "x_test": GREY[:4], "y_train": np.arange(20)}, "folder")
    assert arrays(place / "x_train.npy").note.endswith("x_test.npy beside it not read (name the folder to read all)")
    with pytest.raises(DataMissing, match="holds no .npy files"):
        arrays(tmp_path)


@pytest.mark.parametrize("kind", ["npz", "folder"])
@pytest.mark.parametrize(
    ("unread", "others"),
    [
        ({"test": GREY[:4].astype(np.int64)}, ["train"]),
        ({"test": GREY[:4].reshape(4, 30)}, ["train"]),
        ({"x_test": GREY[:4].astype(np.int64)}, ["x_train", "x_val"]),
        ({"faces_test": GREY[:4].astype(np.uint16)}, ["faces_train"]),
        ({"train": GREY.astype(np.int64)}, ["test"]),
        ({"test": GREY[:4].astype(np.int32)}, ["images"]),
    ],
)
def test_an_array_named_as_a_split_that_cannot_be_read_is_refused_with_its_type_and_shape(
    tmp_path, kind, unread, others
):
    ((name, array),) = unread.items()
    with pytest.raises(DataCorrupt) as told:
        arrays(save(tmp_path, unread | dict.fromkeys(others, GREY), kind))
    for part in (f"array {name} ", str(array.dtype), str(array.shape), "Save it as uint8"):
        assert part in str(told.value)


@pytest.mark.parametrize("labels", ["y_test", "test_labels", "labels", "test_idx"])
@pytest.mark.parametrize("shape", [(4,), (4, 10), (4, 6, 5)])
def test_labels_that_carry_a_splits_name_are_no_split_of_the_images(tmp_path, labels, shape):
    image_set = arrays(save(tmp_path, {"x_train": GREY, labels: np.zeros(shape, np.int64)}, "npz"))
    assert {split: len(images) for split, images in image_set.splits.items()} == {"train": 18, "test": 2}


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_the_note_names_every_split_beside_a_key_that_is_not_read(tmp_path, kind):
    path = save(tmp_path, {"x_train": GREY, "x_val": GREY[:3], "x_test": GREY[:4], "y_test": np.arange(4)}, kind)

    def note(**keys):
        return arrays(path, **keys).note.partition("; ")[2].partition(" beside")[0]

    assert sorted(note(key="x_train").split(", ")) == ["x_test", "x_val"]
    assert note(key="x_train", test_key="x_test") == "x_val"
    assert note(key="x_train", test_key="x_test", validation_key="x_val") == note() == ""
