import pickle

import numpy as np
import pytest

from kelbo.data.unpickle import load_table
from kelbo.errors import DataCorrupt

PIXELS = np.arange(24, dtype=np.uint8).reshape(4, 6)


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def test_a_table_of_python_2_is_read_as_plain_unpickling_reads_it(python2_pickle):
    pickled = python2_pickle({"data": PIXELS, "labels": [3, 1], "batch_label": "one"})
    plain = pickle.loads(pickled, encoding="bytes")
    table = load_table(pickled, "file")
    np.testing.assert_array_equal(table["data"], PIXELS)
    np.testing.assert_array_equal(table["data"], plain[b"data"])
    assert table["labels"] == plain[b"labels"] == [3, 1]
    assert table["batch_label"] == plain[b"batch_label"] == b"one"


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["u1", "<i8", ">f4", "?"])
def test_tables_written_by_python_3_are_read_too(protocol, kind):
    array = PIXELS.astype(kind)
    table = load_table(pickle.dumps({b"data": array, "names": ["a", b"b"]}, protocol), "file")
    np.testing.assert_array_equal(table["data"], array)
    assert table["data"].dtype == array.dtype
    assert table["names"] == ["a", b"b"]


def test_an_array_in_fortran_order_keeps_its_values():
    array = np.asfortranarray(PIXELS)
    np.testing.assert_array_equal(load_table(pickle.dumps({"data": array}, 2), "file")["data"], PIXELS)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    ("function", "named"),
    [
        (eval, r"(__builtin__|builtins)\.eval"),
        (getattr, r"(__builtin__|builtins)\.getattr"),
        (np.fromfile, r"numpy\._core\.multiarray\.fromfile|numpy\.fromfile"),
        (pickle.loads, r"_?pickle\.loads"),
    ],
)
def test_a_pickle_that_names_any_other_function_is_refused_and_the_name_told(function, named, protocol):
    pickled = pickle.dumps({"data": Calls(function, "never")}, protocol)
    with pytest.raises(DataCorrupt, match=rf"^file: the pickle asks for ({named}), .* nothing was run\."):
        load_table(pickled, "file")


def test_a_shell_command_in_a_pickle_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    witness, command = tmp_path / "ran", b"touch ran"
    pickled = b"\x80\x02}(U\x04datacposix\nsystem\n(U" + bytes([len(command)]) + command + b"tRu."
    with pytest.raises(DataCorrupt, match=r"asks for posix\.system"):
        load_table(pickled, "file")
    assert not witness.exists()
    pickle.loads(pickled)  # the same bytes do run it where nothing restricts them
    assert witness.exists()


def test_attributes_are_not_reached_through_a_permitted_name():
    pickled = b"\x80\x04\x8c\x05numpy\x8c\x16ndarray.__subclasses__\x93."
    with pytest.raises(DataCorrupt, match=r"asks for numpy\.ndarray\.__subclasses__"):
        load_table(pickled, "file")


def test_a_permitted_name_cannot_be_changed(python2_pickle):
    with pytest.raises(DataCorrupt, match="file: the pickle tries to change a function; it was refused"):
        load_table(b"\x80\x02cnumpy\nndarray\n}U\x05_callU\x01xsb.", "file")
    assert load_table(python2_pickle({"data": PIXELS}), "file")["data"].shape == (4, 6)


def test_bytes_are_decoded_by_no_codec_but_latin1():
    with pytest.raises(DataCorrupt, match=r"calls _codecs\.encode with str and 'zip'"):
        load_table(b"\x80\x02c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00ziptR.", "file")


def test_an_array_of_objects_is_refused():
    with pytest.raises(DataCorrupt, match="file: the pickle holds an array of type O8; only plain numbers are read"):
        load_table(pickle.dumps({"data": np.array([None])}, 2), "file")


def test_an_array_whose_bytes_do_not_fill_its_shape_is_refused(python2_pickle):
    shape = b"(J\x04\x00\x00\x00J\x06\x00\x00\x00t"
    pickled = python2_pickle({"data": PIXELS})
    assert shape in pickled
    with pytest.raises(DataCorrupt, match=r"array of shape \(1000004, 6\) and type uint8 in 24 bytes"):
        load_table(pickled.replace(shape, shape.replace(b"J\x04\x00\x00\x00", b"J\x44\x42\x0f\x00")), "file")
    with pytest.raises(DataCorrupt, match=r"array of shape \(-4, -6\)"):
        load_table(pickled.replace(shape, b"(J\xfc\xff\xff\xffJ\xfa\xff\xff\xfft"), "file")


def test_an_array_that_was_never_filled_is_refused():
    pickled = b"\x80\x02}U\x04datacnumpy\nndarray\n)Rs."
    with pytest.raises(DataCorrupt, match="file holds an array without values"):
        load_table(pickled, "file")


@pytest.mark.parametrize("length", [0, 1, 7, 60, 100])
def test_a_pickle_cut_off_anywhere_is_called_damaged(python2_pickle, length):
    with pytest.raises(DataCorrupt, match=r"^file is not a readable pickle: "):
        load_table(python2_pickle({"data": PIXELS})[:length], "file")


def test_a_pickle_of_something_else_than_a_table_is_refused():
    with pytest.raises(DataCorrupt, match="file should hold a dictionary with names as keys; found list"):
        load_table(pickle.dumps([1]), "file")
