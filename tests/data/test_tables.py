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


def test_a_single_training_row_is_refused(tmp_path):
    with pytest.raises(DataCorrupt, match="1 row for training"):
        table(written(tmp_path, frame()[:2]))


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


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_one_column_may_be_both_the_names_and_the_classes(tmp_path, name):
    group = ["ill" if row % 3 else "well" for row in range(ROWS)]
    found = table(written(tmp_path, frame(group=group), name), index="group", label_column="group")
    for split, names in found.index.items():
        assert [found.class_names[label] for label in found.labels[split]] == names.tolist()


def test_a_frame_keeps_the_index_that_it_was_saved_with(tmp_path):
    found = table(written(tmp_path, frame().set_index(pd.Index([f"p{row}" for row in range(ROWS)])), "t.parquet"))
    assert set(found.index["train"]) < {f"p{row}" for row in range(ROWS)}


def test_a_frame_of_some_rows_of_another_keeps_their_numbers(tmp_path):
    longer = pd.concat([frame(), frame()], ignore_index=True)
    found = table(written(tmp_path, longer[ROWS:], "t.parquet"))
    assert sorted(np.concatenate([*found.index.values()])) == list(range(ROWS, 2 * ROWS))
    assert np.array_equal(found.test.spread(4).numpy(), longer.to_numpy(np.float32)[found.index["test"]])


@pytest.mark.parametrize(
    "settings", [{"index": "who"}, {"label_column": "who"}, {"index": "who", "label_column": "town"}]
)
def test_names_and_classes_may_be_in_the_index_of_a_parquet_file(tmp_path, settings):
    who, town = [f"p{row}" for row in range(ROWS)], ["Oslo" if row % 2 else "Rome" for row in range(ROWS)]
    made = frame(who=who, town=town).set_index(["who", "town"] if "index" in settings else "who")
    found = table(written(tmp_path, made.drop(columns="town", errors="ignore"), "t.parquet"), **settings)
    assert found.columns is not None
    assert found.columns.names == ("height", "age", "smokes")
    if "index" in settings:
        assert set(np.concatenate([*found.index.values()])) == set(who)
    assert found.class_names == {"who": tuple(sorted(who)), "town": ("Oslo", "Rome")}.get(
        settings.get("label_column"), ()
    )


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_names_that_are_too_large_integers_keep_their_digits(tmp_path, name):
    numbers = np.arange(ROWS, dtype=np.uint64) + np.uint64(2**63)
    found = table(written(tmp_path, frame(who=numbers), name), index="who")
    assert set(np.concatenate([*found.index.values()])) == {str(number) for number in numbers}


def test_words_that_mean_a_missing_number_are_names_and_classes(tmp_path):
    odd = ["NA", "None", "null", "nan"]
    made = frame(
        who=[f"p{row}" if row > 3 else odd[row] for row in range(ROWS)], kind=[odd[row % 4] for row in range(ROWS)]
    )
    found = table(written(tmp_path, made), index="who", label_column="kind")
    assert found.class_names == tuple(sorted(odd))
    assert {*odd} < set(np.concatenate([*found.index.values()]))
    made.loc[5, "age"] = np.nan
    path = tmp_path / "na.csv"
    made.to_csv(path, index=False, na_rep="NA")
    with pytest.raises(DataCorrupt, match="column age is missing in line 7"):
        table(path, index="who", label_column="kind")


@pytest.mark.parametrize("settings", [{"index": "who"}, {"label_column": "who"}])
def test_an_empty_name_or_class_is_refused(tmp_path, settings):
    made = frame(who=[f"p{row}" if row != 7 else None for row in range(ROWS)])
    with pytest.raises(DataCorrupt, match="who is empty in line 9"):
        table(written(tmp_path, made), **settings)


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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3,4\n5,6\n", "no header"),
        ("a;b\n1;2\n3;4\n", "separated by ';'"),
        ("a,a\n1,2\n3,4\n", "several columns called a"),
        ("a,b\n1,2,3\n3,4,5\n", "line 2 has 3 values, and the first line has 2 names"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 values"),
        (",a\n0,1\n1,2\n", "no name for column 1"),
        ("", "is empty"),
        ("a,b\n", "no rows"),
    ],
    ids=["no header", "semicolons", "twice", "long rows", "a long row", "unnamed", "empty", "no rows"],
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
    objects = np.array([["a", 1]], object)
    np.save(tmp_path / "t.npy", objects)
    np.savez(tmp_path / "t.npz", numbers=np.arange(20.0).reshape(10, 2), columns=objects)
    for name, told in (("t.npy", "t.npy holds objects"), ("t.npz", "'columns'.* holds objects")):
        with pytest.raises(DataCorrupt, match=told):
            table(tmp_path / name)


def test_text_of_another_encoding_is_refused_by_its_line(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,grün\n", encoding="latin-1")
    with pytest.raises(DataCorrupt, match="not UTF-8 from line 3"):
        table(tmp_path / "t.csv")
