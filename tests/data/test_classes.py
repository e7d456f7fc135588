"""What is known of each example: classes by folders, tables beside pictures, arrays beside arrays, columns, and their names."""

from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from kelbo.data.arrays import arrays
from kelbo.data.cifar import CIFAR10_CLASSES, cifar100
from kelbo.data.folder import folder
from kelbo.data.given import conditioned, offered
from kelbo.errors import DataCorrupt, DataError, DataMissing
from kelbo.recipes import change, find

SPLIT = ["train/cats/1.png", "train/cats/2.png", "train/dogs/3.png", "test/dogs/4.png", "test/cats/5.png"]


@pytest.fixture
def pictures(tmp_path):
    """A function that writes pictures, each of one level, and gives their folder."""

    def write(names=SPLIT):
        for level, name in enumerate(names):
            place = tmp_path / "pets" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((4, 4), level, np.uint8)).save(place)
        return tmp_path / "pets"

    return write


def read(place, **how):
    return folder(place, 4, mode="grey", **how)


def words(image_set, split):
    return [image_set.class_names[label] for label in image_set.labels[split]]


def test_the_folder_around_a_picture_is_its_class_within_the_folders_of_splits(pictures):
    found = read(pictures())
    assert words(found, "train") == ["cats", "cats", "dogs"]
    assert words(found, "test") == ["cats", "dogs"]
    assert [one.name for one in offered(found)] == ["labels"]


def test_classes_follow_a_drawn_split(pictures):
    found = read(pictures([f"{'ab'[i % 2]}/{i}.png" for i in range(20)]))
    for split, names in found.names.items():
        assert words(found, split) == [name[0] for name in names.tolist()]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["1.png", "2.png"], "lie in no folders"),
        (["a/1.png", "b/2.png", "3.png"], "1 of its pictures lie in no class's folder, 3.png first"),
        (["a/1.png", "a/2.png"], "which is one class"),
    ],
)
def test_a_folder_without_classes_says_why_it_has_none(pictures, names, told):
    with pytest.raises(DataError) as error:
        conditioned(read(pictures(names)), "labels")
    assert told in str(error.value)


def test_a_class_that_is_tested_and_never_trained_is_named(pictures):
    found = read(pictures([*SPLIT, "test/zebras/6.png"]))
    with pytest.raises(DataError, match=r"zebras \(1 image\)"):
        conditioned(found, "labels")


def test_a_class_that_is_trained_and_never_tested_is_known(pictures):
    assert conditioned(read(pictures([*SPLIT, "train/zebras/6.png"])), "labels").untested == ("zebras",)


def test_unlabelled_training_knows_nothing_of_classes(pictures):
    found = read(pictures())
    assert found.train.given_at(np.arange(1)) == {}
    recipe = change(find("folder-sigma"), ["data.root=p", "data.attributes_file=x.csv"])
    assert recipe.fingerprint == "723587e1b5b7"  # as before there were classes and tables


# ── a table beside the pictures ───────────────────────────────────────────────────────────────────────────────────────


TABLE = {"file": [Path(name).name for name in SPLIT], "striped": [1, 0, 0, 1, 1], "fat": [0, 0, 1, 1, 0]}


def write(place, table, name="pets.csv"):
    frame = pandas.DataFrame(table)
    path = place.parent / name
    if name.endswith("parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["pets.csv", "pets.parquet"])
def test_a_tables_columns_are_attributes_of_the_pictures_that_its_first_column_names(pictures, name):
    place = pictures()
    write(place, TABLE, name)
    found = read(place, attributes_file=Path(name))  # beside the folder
    assert found.attribute_names == ("striped", "fat")
    assert found.attributes["train"].tolist() == [[1, 0], [0, 0], [0, 1]]
    assert found.attributes["test"].tolist() == [[1, 0], [1, 1]]
    assert [one.name for one in offered(found)] == ["labels", "attributes"]


def test_a_parquet_file_may_keep_the_pictures_names_as_its_index(pictures):
    place = pictures()
    frame = pandas.DataFrame(TABLE)
    frame.set_index(frame.columns[0]).to_parquet(place.parent / "pets.parquet")
    assert read(place, attributes_file=Path("pets.parquet")).attribute_names == ("striped", "fat")


@pytest.mark.parametrize("values", [["yes", "no"], [True, False], [1, -1], [7, 3]])
def test_one_column_of_anything_but_attributes_is_the_class(pictures, values):
    place = pictures()
    path = write(place, {"file": SPLIT, "kind": [values[0], values[1], values[0], values[1], values[0]]})
    found = read(place, attributes_file=path)
    if values in ([True, False], [1, -1]):
        assert found.attributes["train"].tolist() == [[1], [0], [1]]
    else:
        assert words(found, "train") == [str(values[0]), str(values[1]), str(values[0])]


def test_spaces_around_commas_are_dropped_and_words_such_as_na_are_classes(pictures):
    place = pictures()
    kinds = ["NA", '"black, white"'] * 3
    rows = [f"{file} , {kind}" for file, kind in zip(SPLIT, kinds, strict=False)]
    (place.parent / "pets.csv").write_text("\n".join(["file, kind", *rows]))
    assert words(read(place, attributes_file=Path("pets.csv")), "train") == ["NA", "black, white", "NA"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file,fat\n1.png,0\n2.png,0,1\n", "line 3 has 3 values"),
        ("file,fät\n", "not UTF-8 from line 1"),
        ("file;fat\n1.png;0\n", "separated by ';'"),
        ("", "is empty"),
        ("".join(f"{file},1\n" for file in SPLIT), "no header"),
    ],
)
def test_text_that_is_no_table_is_refused_with_what_is_wrong(pictures, text, told):
    place = pictures()
    (place.parent / "pets.csv").write_text(text, encoding="latin-1")
    with pytest.raises(DataCorrupt, match=told):
        read(place, attributes_file=Path("pets.csv"))


def test_rows_that_name_no_picture_are_noted(pictures):
    place = pictures()
    path = write(place, {"file": [*SPLIT, "9.png"], "fat": [0, 1, 0, 1, 0, 1]})
    found = read(place, attributes_file=path)
    assert "1 row of pets.csv without a picture: 9.png" in found.note
    assert "9.png" in found.used


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"file": SPLIT[:3], "fat": [0, 1, 0]}, "4.png"),
        ({"file": [*SPLIT[:4], SPLIT[0]], "fat": 0}, "named more than once"),
        (TABLE | {"colour": ["red", "blue", "red", "red", "blue"]}, "column colour should be an attribute, 0 or 1"),
        (TABLE | {"size": [0, 1, 2, 0, 1]}, "has 2"),
        (TABLE | {"fat": [0, None, 1, 1, 0]}, "no value of fat for 1 picture: 2.png"),
        ({"file": SPLIT}, "should have a column of file names"),
    ],
)
def test_a_table_that_lacks_something_is_refused_by_name(pictures, table, told):
    place = pictures()
    with pytest.raises(DataCorrupt) as error:
        read(place, attributes_file=write(place, table))
    assert told in str(error.value)


def test_pictures_without_a_row_are_left_out_counted_and_named_if_that_is_asked(pictures):
    place = pictures()
    path = write(place, {"file": [SPLIT[0], SPLIT[2], SPLIT[4]], "fat": [0, 1, 1]})
    with pytest.raises(DataCorrupt, match=r"no row for 2\b.*2\.png.*4\.png.*data\.unreadable=skip"):
        read(place, attributes_file=path)
    found = read(place, attributes_file=path, unreadable="skip")
    assert {split: some.tolist() for split, some in found.names.items()} == {"train": SPLIT[0:3:2], "test": [SPLIT[4]]}
    assert {split: len(images) for split, images in found.splits.items()} == {"train": 2, "test": 1}
    assert found.attributes["train"].tolist() == [[0], [1]]
    assert words(found, "train") == ["cats", "dogs"]
    assert [why.split()[0] for why in found.left_out] == [SPLIT[1], SPLIT[3]]
    assert "2 pictures left out without a row in pets.csv" in found.used
    whole = read(place, attributes_file=write(place, {"file": SPLIT, "fat": [0, 0, 1, 0, 1]}))
    assert (found.train.take(torch.arange(2)) == whole.train.take(torch.tensor([0, 2]))).all()
    with pytest.raises(DataCorrupt, match="no row for 5"):
        read(place, attributes_file=write(place, {"file": ["9.png"], "fat": [1]}), unreadable="skip")


def test_a_bare_name_of_several_pictures_is_refused(pictures):
    place = pictures(["a/1.png", "b/1.png", "b/2.png"])
    with pytest.raises(DataCorrupt, match=r"names 1\.png, which are 2 pictures"):
        read(place, splits="ignore", attributes_file=write(place, {"file": ["1.png", "2.png"], "fat": [0, 1]}))


def test_a_table_that_is_not_there_is_told_where_it_was_looked_for(pictures):
    place = pictures()
    with pytest.raises(DataMissing) as error:
        read(place, attributes_file=Path("none.csv"))
    assert str(place / "none.csv") in str(error.value)


# ── arrays ────────────────────────────────────────────────────────────────────────────────────────────────────────────

PIXELS = np.arange(10 * 8 * 8, dtype=np.uint8).reshape(10, 8, 8)
KINDS = np.array([3, 5] * 5)


def save(tmp_path, **parts):
    np.savez(tmp_path / "a.npz", **parts)
    return tmp_path / "a.npz"


def test_labels_of_arrays_are_found_by_the_names_of_splits(tmp_path):
    path = save(tmp_path, x_train=PIXELS, y_train=KINDS, x_test=PIXELS[:4], y_test=KINDS[:4], other=np.arange(3))
    found = arrays(path)
    assert words(found, "test") == ["3", "5", "3", "5"]
    assert found.class_names == ("3", "5")


def test_labels_of_one_array_follow_the_draw(tmp_path):
    found = arrays(save(tmp_path, images=PIXELS, kinds=np.array(["cat", "dog"] * 5)), held_out=0.3)
    for split in ("train", "test"):
        expected = ["cat" if index % 2 == 0 else "dog" for index in found.splits[split].index.tolist()]
        assert words(found, split) == expected


def test_labels_are_named_by_a_key_if_several_arrays_could_be(tmp_path):
    path = save(tmp_path, images=PIXELS, coarse=KINDS, fine=np.arange(10))
    assert arrays(path).labels == {}
    assert arrays(path, labels_key="coarse").class_names == ("3", "5")


@pytest.mark.parametrize("ids", [np.arange(1000, 1010), np.array([f"p{image}" for image in range(10)])])
def test_an_array_that_numbers_the_images_is_no_classes_unless_a_key_names_it(tmp_path, ids):
    path = save(tmp_path, images=PIXELS, ids=ids)
    assert arrays(path).labels == {}
    assert "labels_key=ids" in arrays(path).unlabelled
    assert arrays(path, labels_key="ids").class_names == tuple(map(str, ids))
    path = save(tmp_path, x_train=PIXELS, ids_train=ids, x_test=PIXELS[:4], ids_test=ids[:4])
    assert arrays(path).labels == {}


@pytest.mark.parametrize(
    ("key", "told"), [("images", "should hold a class for each of 10"), ("none", "no array 'none'")]
)
def test_a_key_of_no_labels_is_refused(tmp_path, key, told):
    with pytest.raises(DataCorrupt, match=told):
        arrays(save(tmp_path, images=PIXELS, coarse=KINDS), labels_key=key)


def test_a_single_array_has_no_labels_beside_it(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    with pytest.raises(ValueError, match="single array"):
        arrays(tmp_path / "a.npy", labels_key="y")


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cifar_100_names_its_classes_if_its_file_of_names_is_there(tmp_path, python2_pickle):
    place = tmp_path / "cifar-100-python"
    place.mkdir()
    batch = {"data": np.zeros((2, 3072), np.uint8), "fine_labels": [0, 1], "coarse_labels": [0, 1]}
    for name in ("train", "test"):
        (place / name).write_bytes(python2_pickle(batch))
    assert cifar100(tmp_path).class_names == ()
    names = {"fine_label_names": [f"f{i}" for i in range(100)], "coarse_label_names": [f"c{i}" for i in range(20)]}
    (place / "meta").write_bytes(python2_pickle(names))
    assert cifar100(tmp_path).class_names[:2] == ("f0", "f1")
    assert cifar100(tmp_path, "coarse").class_names[-1] == "c19"
    assert len(CIFAR10_CLASSES) == 10
