"""Where scalars go: sinks of `Scalars`."""

from __future__ import annotations

from pathlib import Path

from kelbo.runs.journal import Row


class TensorBoard:
    """Scalars as TensorBoard events in `folder`; rows from `purge_step` on that a stopped run left are hidden."""

    def __init__(self, folder: Path, purge_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # here, since it loads 150 modules

        self.writer = SummaryWriter(str(folder), purge_step=purge_step)

    def __call__(self, row: Row) -> None:
        step = int(row["step"] or 0)
        for name, value in row.items():
            if name != "step" and value is not None:
                self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.writer.close()
