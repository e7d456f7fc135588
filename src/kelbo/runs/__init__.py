"""What a run leaves on disk."""

from kelbo.runs.grids import png, save_grid, tile
from kelbo.runs.journal import Journal
from kelbo.runs.measurements import Measurement
from kelbo.runs.record import Run
from kelbo.runs.sweep_folder import Sweep
from kelbo.runs.writing import write_atomic, write_json

__all__ = ["Journal", "Measurement", "Run", "Sweep", "png", "save_grid", "tile", "write_atomic", "write_json"]
