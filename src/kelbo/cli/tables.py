"""Codes as files that other programs read."""

from __future__ import annotations

import importlib
import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from kelbo.errors import DataCorrupt, DataMissing, RecipeError
from kelbo.runs import write_atomic


def write_codes(path: Path, means: np.ndarray, scales: np.ndarray, labels: np.ndarray | None) -> None:
    """Write means and scales (N, K), and labels (N,) where there are any, as .npz or .parquet, atomically.

    The .npz holds `means`, `scales` and `labels`; the table has columns mean_0 …, scale_0 … and `label`. RecipeError for
    another ending, or for .parquet without pyarrow.
    """
    buffer = io.BytesIO()
    if path.suffix == ".npz":
        arrays = {"means": means, "scales": scales} | ({} if labels is None else {"labels": labels})
        np.savez(buffer, allow_pickle=False, **arrays)
    elif path.suffix == ".parquet":
        try:
            pyarrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            raise RecipeError(f"{path} needs pyarrow: pip install 'kelbo[parquet]', or write an .npz.") from error
        columns = {f"mean_{k}": means[:, k] for k in range(means.shape[1])}
        columns |= {f"scale_{k}": scales[:, k] for k in range(scales.shape[1])}
        columns |= {} if labels is None else {"label": labels}
        parquet.write_table(pyarrow.table(columns), buffer)
    else:
        raise RecipeError(f"--out must end in .npz or .parquet; got {path}.")
    write_atomic(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name; nothing in it is unpickled. DataMissing, or DataCorrupt where it is no such file."""
    if not path.is_file():
        raise DataMissing(f"There is no file {path}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise DataCorrupt(
                    f"{path} holds one array; save `codes` and `factors` together: np.savez({path.stem!r}, …)."
                )
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataCorrupt(f"{path} cannot be read as an .npz of plain arrays: {error}") from error
