"""Read the pickled tables of data sets without running any code that a pickle names.

A pickle may call any importable function. Here it reaches no function of any library: the four names that an array
needs are mapped to classes of this file, which check their arguments, and every other name is refused.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from kelbo.errors import DataCorrupt
from kelbo.shortage import raise_shortage


def load_table(pickled: bytes, source: str) -> dict[str, Any]:
    """The dictionary in a pickle: strings to numbers, strings, bytes, lists, dictionaries or arrays of plain numbers.

    source names the file in errors. Strings of Python 2 are returned as bytes, keys always as str. Raises DataCorrupt if the
    pickle names anything but the parts of an array, is damaged, or holds something else.
    """
    try:
        loaded = _Restricted(io.BytesIO(pickled), encoding="bytes").load()
    except DataCorrupt as error:
        raise DataCorrupt(f"{source}: {error}") from error
    except Exception as error:  # a damaged pickle may fail in any way; all become DataCorrupt
        raise_shortage(error, f"reading {source}")
        raise DataCorrupt(f"{source} is not a readable pickle: {type(error).__name__}: {error}.") from error
    if not isinstance(loaded, dict) or not all(isinstance(key, bytes | str) for key in loaded):
        raise DataCorrupt(f"{source} should hold a dictionary with names as keys; found {type(loaded).__name__}.")
    return {_text(key): value.finished(source) if isinstance(value, _Array) else value for key, value in loaded.items()}


def _text(value: bytes | str) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else value


class _Part:
    """The substitute of a permitted name: the pickle can call it, but not change it."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def __call__(self, *arguments: object) -> object:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> NoReturn:
        raise DataCorrupt("the pickle tries to change a function; it was refused.")


class _Type:
    """An array's type as pickled: `dtype("u1", …)`, then a state whose second item is the byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *_: object) -> None:
        text = _text(code) if isinstance(code, bytes | str) else repr(code)
        if not re.fullmatch("[biuf][1248]", text):
            raise DataCorrupt(f"the pickle holds an array of type {text}; only plain numbers are read.")
        self.code, self.order = text, "|"

    def __setstate__(self, state: Any) -> None:
        order = _text(state[1])
        if order not in ("<", ">", "|", "="):
            raise DataCorrupt(f"the pickle holds an array of byte order {order!r}.")
        self.order = order


class _Array:
    """An array as pickled: made empty, then given the state (version, shape, type, Fortran order, bytes)."""

    __slots__ = ("_value",)

    def __init__(self, *_: object) -> None:
        self._value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        if not isinstance(kind, _Type) or not isinstance(data, bytes):
            raise DataCorrupt("the pickle holds an array of objects; only plain numbers are read.")
        dtype = np.dtype(kind.order + kind.code)
        if any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize != len(data):
            raise DataCorrupt(f"the pickle holds an array of shape {shape} and type {dtype} in {len(data)} bytes.")
        self._value = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")

    def finished(self, source: str) -> np.ndarray:
        if self._value is None:
            raise DataCorrupt(f"{source} holds an array without values.")
        return self._value


def _encode(text: object, encoding: object = None) -> bytes:
    """How Python 3 writes bytes into an old pickle: `_codecs.encode(text, "latin1")`."""
    if not isinstance(text, str) or encoding != "latin1":
        raise DataCorrupt(f"the pickle calls _codecs.encode with {type(text).__name__} and {encoding!r}.")
    return text.encode("latin1")


_NDARRAY = _Part(_Array)
_PARTS = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Part(_Type),
    ("numpy.core.multiarray", "_reconstruct"): _NDARRAY,
    ("numpy._core.multiarray", "_reconstruct"): _NDARRAY,  # its name since NumPy 2
    ("_codecs", "encode"): _Part(_encode),
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        try:
            return _PARTS[module, name]
        except KeyError:
            raise DataCorrupt(
                f"the pickle asks for {module}.{name}, which no image data needs: it was refused and nothing was run. "
                "Fetch the official file."
            ) from None
