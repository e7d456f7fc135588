"""Tensors with a header: what was written comes back, and nothing else is taken for it."""

import os

import pytest
import torch

from kelbo.errors import Damaged
from kelbo.runs.tensors import read_tensors, write_tensors


def test_tensors_and_header_come_back_as_they_were(tmp_path):
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.tensor(1, dtype=torch.int64)}
    write_tensors(tmp_path / "deep/x.safetensors", "thing", tensors, {"seed": 1})
    found, header = read_tensors(tmp_path / "deep/x.safetensors", "thing")
    assert header == {"kind": "thing", "seed": 1}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_a_failed_write_leaves_the_file_before(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    write_tensors(path, "thing", {"a": torch.zeros(1)}, {})
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        write_tensors(path, "thing", {"a": torch.ones(1)}, {})
    assert read_tensors(path, "thing")[0]["a"] == 0
    assert list(tmp_path.iterdir()) == [path]


def test_a_header_that_is_no_json_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_tensors(tmp_path / "x", "thing", {"a": torch.zeros(1)}, {"loss": float("nan")})


@pytest.mark.parametrize("content", [None, b"", b"x" * 100, b"\xff" * 8 + b"{}"])
def test_a_file_that_is_absent_or_no_safetensors_is_damaged(tmp_path, content):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(Damaged, match="be read"):
        read_tensors(tmp_path / "x", "thing")


def test_another_kind_is_named(tmp_path):
    write_tensors(tmp_path / "x", "thing", {"a": torch.zeros(1)}, {})
    with pytest.raises(Damaged, match=r"classifier.*thing"):
        read_tensors(tmp_path / "x", "classifier")
