"""What a run leaves on disk."""

from kelbo.runs.files import write_atomic, write_json
from kelbo.runs.journal import Journal
from kelbo.runs.pictures import png, save_grid, tile
from kelbo.runs.record import Run
from kelbo.runs.sweep import Sweep

__all__ = ["Journal", "Run", "Sweep", "png", "save_grid", "tile", "write_atomic", "write_json"]
