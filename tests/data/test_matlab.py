"""Held to SciPy on whole files, and to clear errors on all others."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from kelbo.data.matlab import read_mat
from kelbo.errors import DataCorrupt

RNG = np.random.default_rng(0)
TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 5), (4, 3, 2, 5)])
def test_arrays_of_every_type_are_what_scipy_reads(tmp_path, kind, compressed, shape):
    made = RNG.integers(0, 100, shape).astype(kind)
    savemat(tmp_path / "x.mat", {"first": np.ones(3), "a": made, "text": "passed over"}, do_compression=compressed)
    read = read_mat(tmp_path / "x.mat", {"a": (None,) * len(shape)})["a"]
    expected = loadmat(tmp_path / "x.mat")["a"]
    np.testing.assert_array_equal(read, expected)
    assert (read.dtype, read.shape) == (expected.dtype, expected.shape)


def element(order, kind, data):
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def mat(order="<", *, kind=6, flags=0, stored=2, values=b"\x01\x02\x03\x04\x05\x06", shape=(2, 3), more=b""):
    """A file with a variable `a`, as MATLAB writes it: by default doubles stored as bytes."""
    matrix = element(order, 6, struct.pack(f"{order}II", kind | flags, 0))
    matrix += element(order, 5, struct.pack(f"{order}{len(shape)}i", *shape)) + element(order, 1, b"a")
    matrix += element(order, stored, values) + more
    mark = b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark, struct.pack(f"{order}II", 14, len(matrix)) + matrix


def packed(variable, level=9):
    stream = zlib.compress(variable, level)
    return struct.pack("<II", 15, len(stream)) + stream


@pytest.mark.parametrize("order", ["<", ">"])
def test_doubles_stored_as_bytes_are_doubles_in_both_byte_orders(tmp_path, order):
    file = tmp_path / "x.mat"
    file.write_bytes(b"".join(mat(order)))
    read = read_mat(file, {"a": (2, None)})["a"]
    np.testing.assert_array_equal(read, loadmat(file)["a"])
    np.testing.assert_array_equal(read, [[1, 3, 5], [2, 4, 6]])
    assert read.dtype == np.float64


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"flags": 0x0800, "more": element("<", 2, bytes(6))},
            "'a' should be N×N numbers; found 2×3 of type complex float64",
        ),
        ({"kind": 5}, "found 2×3 of type sparse"),
        ({"kind": 17}, "found 2×3 of type class 17"),
        ({"shape": (6,)}, "found 6 of type float64"),
        ({"shape": (2, -3)}, r"a variable has the shape \(2, -3\)"),
        ({"shape": (2, 4)}, "'a' claims 2×4 values and has 6 bytes"),
        ({"stored": 14}, "'a' is stored as type 14"),
        ({"shape": (1,) * 2000}, "the description of a variable takes 8000 bytes"),
    ],
)
def test_other_variables_are_refused(tmp_path, options, told):
    (tmp_path / "x.mat").write_bytes(b"".join(mat(**options)))
    with pytest.raises(DataCorrupt, match=f"x.mat.*{told}"):
        read_mat(tmp_path / "x.mat", {"a": (None, None)})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "does not begin as one of version 5 to 7 does"),
        (b"\x00" * 20 + b"version 4".ljust(200), "does not begin as one of version 5 to 7"),
        (mat()[0] + struct.pack("<II", 99, 8) + bytes(8), "holds an element of type 99"),
        (mat()[0] + b"1234", "requires a buffer of 8 bytes"),
        (mat()[0] + struct.pack("<II", 14, 8) + struct.pack("<II", 7 << 16 | 6, 0), "small element of 7 bytes"),
        (mat()[0] + packed(mat()[1])[:-4] + b"oops", "incorrect data check"),
        (mat()[0] + packed(mat()[1] + bytes(100)), "more follows a variable's values"),
        (mat()[0] + struct.pack("<II", 15, 20) + packed(mat()[1])[8:28], "it ends after|no end"),
    ],
)
def test_damaged_files_are_named(tmp_path, content, told):
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(DataCorrupt, match=f"x.mat cannot be read as a MATLAB file .*({told}).*fetch it again"):
        read_mat(tmp_path / "x.mat", {"a": (2, 3)})


def test_a_bomb_is_inflated_no_further_than_what_is_asked_for(tmp_path):
    header, variable = mat(values=bytes(6))
    (tmp_path / "x.mat").write_bytes(header + packed(variable[:-8] + bytes(200 * 2**20)))
    assert (tmp_path / "x.mat").stat().st_size < 2**18
    tracemalloc.start()
    try:
        with pytest.raises(DataCorrupt):
            read_mat(tmp_path / "x.mat", {"a": (2, 3)})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * 2**20
