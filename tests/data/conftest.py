"""Files as the data sets' authors wrote them."""

import struct

import numpy as np
import pytest


def opcodes(value) -> bytes:
    """A value as Python 2 and the NumPy of its time pickled it (protocol 2): text is a byte string."""
    if isinstance(value, str):
        text = value.encode("latin1")
        return b"U" + bytes([len(text)]) + text
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(opcodes, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(opcodes(key) + opcodes(item) for key, item in value.items()) + b"u"
    assert isinstance(value, np.ndarray)
    code = value.dtype.kind + str(value.dtype.itemsize)
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + opcodes("b") + b"tR"
    kind = b"cnumpy\ndtype\n(" + opcodes(code) + b"K\x00K\x01tR"
    kind += (
        b"(K\x03" + opcodes("|" if value.dtype.itemsize == 1 else "<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    shape = b"(" + b"".join(opcodes(size) for size in value.shape) + b"t"
    values = value.tobytes()
    return made + b"(K\x01" + shape + kind + b"\x89" + b"T" + struct.pack("<i", len(values)) + values + b"tb"


@pytest.fixture(scope="session")
def python2_pickle():
    return lambda value: b"\x80\x02" + opcodes(value) + b"."
