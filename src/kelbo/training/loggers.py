"""Where scalars go: sinks of `Scalars`."""

from __future__ import annotations

import os
import socket
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from kelbo.runs.journal import Row


class TensorBoard:
    """Scalars as TensorBoard events in `folder`; rows from `purge_step` on that a stopped run left are hidden.

    Each row is appended to one file: no thread waits, and no file stays open. TensorBoard's own writer does not find folders
    whose names are no UTF-8, or under a locale that is not.
    """

    def __init__(self, folder: Path, purge_step: int) -> None:
        own = f"{socket.gethostname()}.{os.getpid()}.{time.time_ns()}"
        self.path = folder / f"events.out.tfevents.{int(time.time()):010d}.{own}"
        self._append(file_version="brain.Event:2")
        self._append(session_log={"status": 1}, step=purge_step)  # it starts

    def __call__(self, row: Row) -> None:
        shown = {name: value for name, value in row.items() if name != "step" and value is not None}
        values = [{"tag": name, "simple_value": value} for name, value in shown.items()]
        self._append(summary={"value": values}, step=int(row["step"] or 0))

    def _append(self, **event: Any) -> None:
        from tensorboard.compat.proto import event_pb2  # here, since these load many modules
        from tensorboard.summary.writer.record_writer import RecordWriter

        made: Any = event_pb2  # its classes are made when it is imported, so no checker sees them
        record = BytesIO()
        RecordWriter(record).write(made.Event(wall_time=time.time(), **event).SerializeToString())
        self.path.parent.mkdir(parents=True, exist_ok=True)  # it may be removed while the run trains
        with self.path.open("ab") as file:
            file.write(record.getvalue())
