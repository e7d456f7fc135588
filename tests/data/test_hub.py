import builtins
import io
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from kelbo.data.hub import _labels, _splits, hub
from kelbo.errors import DataCorrupt, DataMissing

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """The library of the extra, with a cache of the test's own and no network."""
    library = pytest.importorskip("datasets", reason="needs the extra `hub`: pip install 'kelbo[hub]'")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    return library


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return {"bytes": stream.getvalue(), "path": None}


def table(datasets, pixels=PIXELS, **more):
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    rows = {"image": [png(image) for image in pixels], "label": [i % 2 for i in range(len(pixels))]}
    features |= {name: feature for name, (feature, _) in more.items()}
    rows |= {name: values for name, (_, values) in more.items()}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


@pytest.fixture
def parquet(datasets, tmp_path):
    """A folder of parquet files in the hub's layout: two splits."""
    (tmp_path / "pets" / "data").mkdir(parents=True)
    table(datasets, PIXELS[:9]).to_parquet(tmp_path / "pets" / "data" / "train-00000-of-00001.parquet")
    table(datasets, PIXELS[9:]).to_parquet(tmp_path / "pets" / "data" / "test-00000-of-00001.parquet")
    return tmp_path / "pets"


def every(images):
    return images.take(torch.arange(len(images))).permute(0, 2, 3, 1).numpy()


def test_a_missing_class_is_none_of_the_classes():
    assert _labels([1, None, 0]).tolist() == [1, -1, 0]


def test_a_folder_of_parquet_files_gives_its_splits_pixels_and_labels(parquet):
    image_set = hub(parquet, 8)
    np.testing.assert_array_equal(every(image_set.train), PIXELS[:9])
    np.testing.assert_array_equal(every(image_set.test), PIXELS[9:])
    assert image_set.labels["train"].tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert image_set.labels["test"].tolist() == [0, 1, 0]
    assert image_set.name == "pets"
    plan = "12 of 12 rows used, rgb 8×8, crop centre, resized by lanczos"
    assert image_set.note == f"{parquet}, column 'image', {plan}, train from train, test from test"


def test_pictures_are_brought_to_size_as_those_of_a_folder_are(parquet):
    image_set = hub(parquet, 4, crop=6, resize="box", mode="grey")
    source = Image.fromarray(PIXELS[0]).convert("L").crop((1, 1, 7, 7)).resize((4, 4), Image.Resampling.BOX)
    np.testing.assert_array_equal(every(image_set.train)[0, ..., 0], np.asarray(source))


def test_classes_have_their_names_and_columns_of_bools_are_attributes(datasets, tmp_path):
    features = {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=["cat", "dog"]),
        "fat": datasets.Value("bool"),
    }
    rows = {
        "image": [png(pixels) for pixels in PIXELS],
        "label": [0] * len(PIXELS),
        "fat": [i % 2 == 0 for i in range(len(PIXELS))],
    }
    path = tmp_path / "pets.parquet"
    datasets.Dataset.from_dict(rows, features=datasets.Features(features)).to_parquet(str(path))
    found = hub(path, None)
    assert found.class_names == ("cat", "dog")
    assert found.attribute_names == ("fat",)
    for split, images in found.splits.items():
        assert found.attributes[split][:, 0].tolist() == [int(i % 2 == 0) for i in images.index.tolist()]


def test_a_single_parquet_file_is_split_by_a_seeded_draw(datasets, tmp_path):
    file = tmp_path / "pets.parquet"
    table(datasets).to_parquet(file)
    image_set = hub(file, 8, held_out=0.25)
    assert (len(image_set.train), len(image_set.test)) == (9, 3)
    for split, images in image_set.splits.items():
        places = images.index.numpy()
        np.testing.assert_array_equal(every(images), PIXELS[places])
        np.testing.assert_array_equal(image_set.labels[split], places % 2)
    assert image_set.note.endswith("0.25 of train held out by seed 0")


def test_a_folder_of_pictures_gives_its_splits_and_its_sub_folders_as_labels(datasets, tmp_path):
    for i, pixels in enumerate(PIXELS):
        place = tmp_path / "pets" / ("train" if i < 9 else "validation") / ("cat" if i % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    image_set = hub(tmp_path / "pets", 8)
    assert {split: len(images) for split, images in image_set.splits.items()} == {"train": 9, "test": 3}
    order = [*range(1, 9, 2), *range(0, 9, 2)]  # by path: cats first
    np.testing.assert_array_equal(every(image_set.train), PIXELS[order])
    assert image_set.labels["train"].tolist() == [0] * 4 + [1] * 5


@pytest.mark.parametrize(
    ("names", "used", "not_read"),
    [
        (["train", "validation", "test"], {"train": "train", "validation": "validation", "test": "test"}, []),
        (["train", "dev", "eval"], {"train": "train", "validation": "dev", "test": "eval"}, []),
        (["train", "val"], {"train": "train", "test": "val"}, []),
        (["train", "test", "unsupervised"], {"train": "train", "test": "test"}, ["unsupervised"]),
        (["train", "extra"], {"all": "train"}, ["extra"]),
        (["images"], {"all": "images"}, []),
    ],
)
def test_splits_named_as_such_are_the_splits_and_others_are_told(names, used, not_read):
    found = {name: range(3 + place) for place, name in enumerate(names)}
    chosen = _splits(found, "pets", "auto")
    assert chosen.parts == {split: found[name] for split, name in used.items()}
    assert chosen.not_read == not_read


@pytest.mark.parametrize(
    ("sizes", "error", "told"),
    [
        ({"test": 3}, DataCorrupt, "no train split"),
        ({"validation": 3, "test": 3}, DataCorrupt, "no train split"),
        ({"train": 3, "val": 3, "validation": 3}, DataCorrupt, "both val and validation"),
        ({"a": 3, "b": 3}, DataCorrupt, "other than train, validation and test: a, b"),
        ({"train": 3, "test": 0}, DataMissing, "no images in its split test"),
        ({"train": 0}, DataMissing, "no images"),
    ],
)
def test_splits_that_cannot_be_taken_as_such_are_refused(sizes, error, told):
    with pytest.raises(error, match=told):
        _splits({name: range(size) for name, size in sizes.items()}, "pets", "auto")


def test_all_splits_are_one_set_on_request(parquet):
    image_set = hub(parquet, 8, splits="ignore", held_out=0.25)
    assert (len(image_set.train), len(image_set.test)) == (9, 3)
    assert image_set.note.endswith("0.25 held out by seed 0")


def test_folders_that_the_library_would_merge_are_refused(datasets, tmp_path):
    for i, pixels in enumerate(PIXELS):
        place = tmp_path / "pets" / ("Train" if i < 9 else "Test")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    with pytest.raises(DataCorrupt, match="holds the splits train, test by its folders' names"):
        hub(tmp_path / "pets", 8)
    assert len(hub(tmp_path / "pets", 8, splits="ignore", held_out=0.25).train) == 9


def test_the_column_of_pictures_is_named_where_there_are_several(datasets, tmp_path):
    file = tmp_path / "x.parquet"
    table(datasets, mask=(datasets.Image(), [png(255 - image) for image in PIXELS])).to_parquet(file)
    with pytest.raises(DataCorrupt, match=r"should hold one column of pictures; columns of pictures: image, mask\."):
        hub(file)
    with pytest.raises(DataCorrupt, match=r"holds no pictures in a column 'label'; columns of pictures: image, mask"):
        hub(file, image="label")
    image_set = hub(file, 8, image="mask")
    np.testing.assert_array_equal(every(image_set.train), 255 - PIXELS[image_set.train.index.numpy()])


def test_a_data_set_without_pictures_lists_its_columns(datasets, tmp_path):
    file = tmp_path / "x.parquet"
    datasets.Dataset.from_dict({"text": ["a", "b"]}).to_parquet(file)
    with pytest.raises(DataCorrupt, match=r"columns of pictures: none; its columns are text\."):
        hub(file)


def test_an_unreadable_picture_is_named_by_its_row_or_skipped_with_its_label(datasets, tmp_path):
    file = tmp_path / "x.parquet"
    rows = [png(image) for image in PIXELS]
    rows[3] = {"bytes": b"no picture", "path": None}
    rows[5] = None
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(num_classes=12)})
    datasets.Dataset.from_dict({"image": rows, "label": [*range(12)]}, features=features).to_parquet(file)
    with pytest.raises(DataCorrupt, match=r"x.parquet, all row 3 cannot be read as a picture"):
        hub(file, 8)
    image_set = hub(file, 8, unreadable="skip")
    for split, images in image_set.splits.items():
        np.testing.assert_array_equal(every(images), PIXELS[image_set.labels[split]])
        assert image_set.names[split].tolist() == [f"row {row}" for row in image_set.labels[split]]
    assert "rows used (the first refused: " in image_set.note


def test_a_row_that_names_a_file_elsewhere_is_refused(datasets, tmp_path):
    Image.fromarray(PIXELS[0]).save(tmp_path / "private.png")
    (tmp_path / "pets").mkdir()
    elsewhere = {"bytes": None, "path": str(tmp_path / "private.png")}
    features = datasets.Features({"image": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}})
    rows = datasets.Dataset.from_dict({"image": [elsewhere] * 3}, features=features)
    rows.cast_column("image", datasets.Image(decode=False)).to_parquet(
        tmp_path / "pets" / "train.parquet", storage_options=None
    )
    with pytest.raises(DataCorrupt, match=r"row 0 names the file .*private.png, which is not part of the data set"):
        hub(tmp_path / "pets", 8)


def test_a_damaged_file_is_named(datasets, tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataCorrupt, match=r"x.parquet cannot be read as parquet files or a folder of pictures \("):
        hub(tmp_path / "x.parquet")


def test_a_name_that_cannot_be_reached_is_missing_data(datasets):
    with pytest.raises(
        DataMissing, match=r"'no-one/nothing' could not be loaded from the Hugging Face hub .*data\.root"
    ):
        hub("no-one/nothing")


def test_an_absent_path_is_missing_data_even_without_the_library(tmp_path):
    with pytest.raises(DataMissing, match="Name a parquet file, or a folder of parquet files or pictures"):
        hub(tmp_path / "none")


def test_without_the_extra_the_way_to_install_it_is_told(tmp_path, monkeypatch):
    real = builtins.__import__

    def absent(name, *rest):
        if name == "datasets":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DataMissing, match=r"need the library `datasets`, .*: pip install 'kelbo\[hub\]'"):
        hub(tmp_path)


def test_a_library_that_may_run_code_is_refused(tmp_path, monkeypatch):
    class Older:
        __version__ = "3.6.0"

    monkeypatch.setitem(sys.modules, "datasets", Older)
    with pytest.raises(DataMissing, match=r"`datasets` 3.6.0 may run code of data sets; version 4 or newer is needed"):
        hub(tmp_path)
