"""Tables: which numbers are read, in which unit, and what is refused by the name of column and row."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
import torch

from kelbo.data.given import conditioned
from kelbo.data.tables import table
from kelbo.errors import DataCorrupt, DataMissing

ROWS = 40


def frame(**columns):
    draw = np.random.default_rng(0)
    made = {
        "height": draw.normal(170, 10, ROWS),
        "age": draw.integers(20, 80, ROWS),
        "smokes": draw.permutation(np.arange(ROWS) % 2),
    }
    return pd.DataFrame(made | columns)


def written(folder, made, name="people.csv"):
    path = folder / name
    if path.suffix == ".parquet":
        made.to_parquet(path)
    else:
        made.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("name", ["people.csv", "people.tsv", "people.parquet"])
def test_every_kind_of_file_has_the_same_rows(tmp_path, name):
    found = table(written(tmp_path, frame(), name))
    assert found.columns is not None
    assert found.columns.names == ("height", "age", "smokes")
    assert found.columns.binary == (False, False, True)
    assert found.levels is None
    assert found.shape == (3,)
    assert {split: len(rows) for split, rows in found.splits.items()} == {"train": 36, "test": 4}
    everything = frame().to_numpy(np.float32)
    for split, rows in found.splits.items():
        assert rows.spread(ROWS).dtype == torch.float32
        assert np.array_equal(rows.spread(ROWS).numpy(), everything[found.index[split]])


def test_mean_and_scale_are_those_of_the_training_rows_alone(tmp_path):
    found = table(written(tmp_path, frame()))
    train = frame().to_numpy()[found.index["train"]]
    assert found.columns is not None
    assert found.columns.mean == pytest.approx((*train.mean(0)[:2], 0.0))
    assert found.columns.scale == pytest.approx((*train.std(0)[:2], 1.0))


def test_the_test_rows_are_the_same_with_and_without_a_validation_split(tmp_path):
    path = written(tmp_path, frame())
    with_validation, without = table(path, validation=0.2), table(path)
    assert np.array_equal(with_validation.index["test"], without.index["test"])
    assert {split: len(rows) for split, rows in with_validation.splits.items()} == {
        "train": 28,
        "validation": 8,
        "test": 4,
    }
    parts = np.concatenate(list(with_validation.index.values()))
    assert sorted(parts) == list(range(ROWS))


@pytest.mark.parametrize(("held_out", "validation"), [(0.5, 0.5), (0.9, 0.2)])
def test_fractions_that_leave_nothing_are_refused(tmp_path, held_out, validation):
    with pytest.raises(ValueError, match="below 1"):
        table(written(tmp_path, frame()), held_out=held_out, validation=validation)


def test_arrays_that_are_named_as_splits_are_splits(tmp_path):
    draw = np.random.default_rng(0)
    arrays = {
        "x_train": draw.normal(size=(20, 2)),
        "x_val": draw.normal(size=(5, 2)),
        "x_test": draw.normal(size=(6, 2)),
    }
    np.savez(tmp_path / "t.npz", **arrays, columns=np.array(["a", "b"]))
    found = table(tmp_path / "t.npz")
    assert {split: len(rows) for split, rows in found.splits.items()} == {"train": 20, "validation": 5, "test": 6}
    assert found.columns is not None
    assert found.columns.names == ("a", "b")
    assert found.columns.mean == pytest.approx(arrays["x_train"].mean(0), rel=1e-6)


def test_an_array_alone_has_numbered_columns(tmp_path):
    np.save(tmp_path / "t.npy", np.random.default_rng(0).normal(size=(20, 3)))
    found = table(tmp_path / "t.npy", without=["x1"])
    assert found.columns is not None
    assert found.columns.names == ("x0", "x2")


def test_a_table_of_binary_columns_alone_is_a_set_of_two_levels(tmp_path):
    np.save(tmp_path / "t.npy", np.random.default_rng(0).integers(0, 2, (20, 3)))
    found = table(tmp_path / "t.npy")
    assert found.levels == 2
    assert found.train.spread(3).dtype == torch.uint8
    assert table(tmp_path / "t.npy", binary="ignore").levels is None


def test_rows_keep_their_names_and_classes(tmp_path):
    made = frame(who=[f"p{row}" for row in range(ROWS)], group=["ill" if row % 3 else "well" for row in range(ROWS)])
    found = table(written(tmp_path, made), index="who", label_column="group")
    assert found.columns is not None
    assert found.columns.names == ("height", "age", "smokes")
    assert found.class_names == ("ill", "well")
    for split, names in found.index.items():
        expected = [0 if int(name[1:]) % 3 else 1 for name in names]
        assert found.labels[split].tolist() == expected
    given = conditioned(found, "labels")
    assert given.given == {"labels": (2,)}
    assert given.columns == found.columns


def test_a_frame_keeps_the_index_that_it_was_saved_with(tmp_path):
    found = table(written(tmp_path, frame().set_index(pd.Index([f"p{row}" for row in range(ROWS)])), "t.parquet"))
    assert set(found.index["train"]) < {f"p{row}" for row in range(ROWS)}


def value(column, row, text):
    made = frame().astype(object)
    made.loc[row, column] = text
    return made


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (value("age", 7, np.nan), ["age", "is missing", "line 9"]),
        (value("age", 7, ""), ["age", "is missing", "line 9"]),
        (value("height", 3, np.inf), ["height", "is inf", "line 5"]),
        (value("age", 7, "old"), ["age", "'old'", "line 9", 'data.without=["age"]']),
        (frame(name=["x"] * ROWS), ["name", "column of text", "'x'", 'data.label_column="name"', 'data.index="name"']),
        (frame(same=[3.5] * ROWS), ["same (3.5)", "no scale", 'data.without=["same"]']),
        (frame(time=1_764_288_000 + np.arange(ROWS)), ["time", "single precision", 'data.without=["time"]']),
        (frame(far=1e30 * np.arange(ROWS)), ["far", "another unit"]),
    ],
    ids=["nan", "empty", "inf", "word", "text", "constant", "fine", "far"],
)
def test_what_cannot_be_read_is_refused_by_the_name_of_its_column(tmp_path, made, words):
    with pytest.raises(DataCorrupt) as refused:
        table(written(tmp_path, made))
    assert [word for word in words if word not in str(refused.value)] == []


def test_a_row_is_named_by_its_index_too(tmp_path):
    made = value("age", 7, np.nan).assign(who=[f"p{row}" for row in range(ROWS)])
    with pytest.raises(DataCorrupt, match="line 9, index p7"):
        table(written(tmp_path, made), index="who")


def test_a_column_that_is_binary_in_training_alone_is_refused(tmp_path):
    first = np.column_stack([np.arange(10) % 2, np.arange(10.0)])
    np.savez(tmp_path / "t.npz", train=first, test=np.add(first, [[0.5, 0]]))
    with pytest.raises(DataCorrupt, match="x0 is binary in training, but 0.5 in the test row of index 0"):
        table(tmp_path / "t.npz")
    found = table(tmp_path / "t.npz", binary="ignore")
    assert found.columns is not None
    assert found.columns.binary == (False, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3,4\n5,6\n", "no header"),
        ("a;b\n1;2\n3;4\n", "separated by ';'"),
        ("a,a\n1,2\n3,4\n", "several columns called a"),
        ("a,b\n1,2,3\n3,4,5\n", "cannot be read"),
        (",a\n0,1\n1,2\n", "no name for column 1"),
        ("", "is empty"),
        ("a,b\n", "no rows"),
    ],
    ids=["no header", "semicolons", "twice", "long rows", "unnamed", "empty", "no rows"],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text, words):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataCorrupt, match=words):
        table(path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"without": ["hieght"]}, "no column 'hieght'; the nearest is height"),
        ({"columns": ["age", "age"]}, "twice"),
        ({"index": "who"}, "no column 'who'"),
        ({"label_column": "group"}, "no column 'group'"),
        ({"label_column": "height"}, "no column of classes"),
        ({"columns": ["age"], "without": ["age"]}, "no columns besides age"),
    ],
)
def test_settings_that_name_no_column_are_refused(tmp_path, settings, words):
    with pytest.raises(DataCorrupt, match=words):
        table(written(tmp_path, frame()), **settings)


def test_files_that_are_absent_or_of_another_kind_are_refused(tmp_path):
    with pytest.raises(DataMissing, match="does not exist"):
        table(tmp_path / "t.csv")
    with pytest.raises(DataMissing, match="is a folder"):
        table(tmp_path)
    (tmp_path / "t.xlsx").write_text("")
    with pytest.raises(DataCorrupt, match="xlsx"):
        table(tmp_path / "t.xlsx")
    np.save(tmp_path / "t.npy", np.zeros((3, 4, 5)))
    with pytest.raises(DataCorrupt, match=r"\(3, 4, 5\)"):
        table(tmp_path / "t.npy")
    np.savez(tmp_path / "t.npz", a=np.zeros((3, 4)), b=np.zeros((3, 4)))
    with pytest.raises(DataCorrupt, match="name its key"):
        table(tmp_path / "t.npz")
    with pytest.raises(DataCorrupt, match="no array 'c'"):
        table(tmp_path / "t.npz", key="c")
    with pytest.raises(ValueError, match=r"for \.npz files"):
        table(tmp_path / "t.npy", key="c")


def test_parquet_without_pyarrow_names_what_to_install(tmp_path, monkeypatch):
    path = written(tmp_path, frame(), "t.parquet")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name))
    with pytest.raises(DataMissing, match=r"kelbo\[parquet\]"):
        table(path)


def test_nothing_in_a_file_is_unpickled(tmp_path):
    np.save(tmp_path / "t.npy", np.array([["a", 1]], object))
    with pytest.raises(DataCorrupt, match="cannot be read"):
        table(tmp_path / "t.npy")
