"""`kelbo film`: the pictures that a run kept of its training, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kelbo.cli.options import RunPath
from kelbo.cli.places import require_file, write_and_tell
from kelbo.cli.printing import say


def film(
    run: RunPath,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Images beside each other, up to 8.")] = 6,
    samples: Annotated[int, typer.Option(min=0, max=4, help="Rows of samples below the reconstructions.")] = 2,
    frames: Annotated[int | None, typer.Option(min=1, help="At most so many moments; by default all.")] = None,
    seconds: Annotated[float, typer.Option(min=0.02, help="How long each is shown.")] = 0.25,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="File to write, by its ending: .gif, .apng, .webp, or .mp4 with the extra `video`. Once or more; by default a "
            "GIF beside the run's pictures."
        ),
    ] = None,
) -> None:
    """Show how a run learned: fixed reconstructions and samples, from its first pictures to its last.

    They are those that training keeps (training.pictures_every), so neither the model nor its data are needed.
    """
    from kelbo.reports.run_film import ENDINGS, as_film, frames_of
    from kelbo.runs import Run, write_atomic
    from kelbo.units import counted

    for path in out or []:
        require_file(path, *ENDINGS)
    opened = Run.open(run)
    drawn = frames_of(opened, count, samples, frames)
    say(f"{counted(len(drawn), 'frame')}")
    for path in out or [None]:
        ending = ".gif" if path is None else path.suffix.lower()
        content = as_film(drawn, ending, seconds)
        own = opened.path / "pictures" / f"training{ending}"
        write_and_tell(path, own, opened.path, lambda place, content=content: write_atomic(place, content))
