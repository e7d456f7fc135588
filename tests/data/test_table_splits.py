"""Tables whose file has splits: which rows each has, and that every split is held to what training learned."""

import numpy as np
import pytest

from kelbo.data.tables import table
from kelbo.errors import DataCorrupt


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


def test_validation_rows_are_drawn_from_the_training_rows_of_a_file_with_splits(tmp_path):
    draw = np.random.default_rng(0)
    arrays = {"x_train": draw.normal(size=(20, 2)), "x_test": draw.normal(size=(6, 2))}
    np.savez(tmp_path / "t.npz", **arrays)
    found = table(tmp_path / "t.npz", validation=0.2, split_seed=3)
    assert {split: len(rows) for split, rows in found.splits.items()} == {"train": 16, "validation": 4, "test": 6}
    assert sorted([*found.index["train"], *found.index["validation"]]) == list(range(20))
    assert "0.2 of x_train held out by seed 3" in found.sources["validation"]
    for split, whole in {"train": "x_train", "validation": "x_train", "test": "x_test"}.items():
        expected = arrays[whole].astype(np.float32)[found.index[split]]
        assert np.array_equal(found.splits[split].spread(20).numpy(), expected)
    again = table(tmp_path / "t.npz", validation=0.2, split_seed=4)
    assert not np.array_equal(again.index["validation"], found.index["validation"])


def test_validation_rows_are_not_drawn_beside_those_of_the_file(tmp_path):
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "t.npz", **{name: draw.normal(size=(20, 2)) for name in ("x_train", "x_val", "x_test")})
    """A recipe's fraction is for tables that come without: as held_out is."""
    drawn, own = (table(tmp_path / "t.npz", validation=fraction) for fraction in (0.2, 0.0))
    assert {split: len(rows) for split, rows in drawn.splits.items()} == {"train": 20, "validation": 20, "test": 20}
    assert [rows.fingerprint() for rows in drawn.splits.values()] == [
        rows.fingerprint() for rows in own.splits.values()
    ]


def test_a_split_that_no_key_names_is_noted(tmp_path):
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "t.npz", **{name: draw.normal(size=(20, 2)) for name in ("x_train", "x_test")})
    assert "x_test beside it not read" in table(tmp_path / "t.npz", key="x_train").note
    assert "not read" not in table(tmp_path / "t.npz").note


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("value", [1e19, 1e300, 9e14])  # the last is small enough, and too far from the training rows
def test_a_value_that_single_precision_cannot_square_is_refused_in_every_split(tmp_path, split, value):
    draw = np.random.default_rng(0)
    arrays = {name: draw.normal(size=(20, 2)) * 1e-3 for name in ("train", "validation", "test")}
    arrays[split][7, 1] = value
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(DataCorrupt, match="column x1 is .* row .*7.* square") as refused:
        table(tmp_path / "t.npz")
    assert f"{value:g}" in str(refused.value)


def test_a_column_that_is_binary_in_training_alone_is_refused(tmp_path):
    first = np.column_stack([np.arange(10) % 2, np.arange(10.0)])
    np.savez(tmp_path / "t.npz", train=first, test=np.add(first, [[0.5, 0]]))
    with pytest.raises(DataCorrupt, match="x0 is binary in training, but 0.5 in the test row of index 0"):
        table(tmp_path / "t.npz")
    found = table(tmp_path / "t.npz", binary="ignore")
    assert found.columns is not None
    assert found.columns.binary == (False, False)
