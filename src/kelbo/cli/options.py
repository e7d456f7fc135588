"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from kelbo.names import as_utf8

RunPath = Annotated[Path, typer.Argument(help="A run's folder.", metavar="RUN")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, mps, … By default the best available.")]
Checkpoint = Annotated[
    Literal["last", "best"], typer.Option(help="The run's last checkpoint, or the best one on its validation images.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the random draws.")]
DataRoot = Annotated[
    Path | None, typer.Option(help="The data's official files, folder or array. By default $KELBO_DATA, ./data.")
]
Picture = Annotated[
    Path | None,
    typer.Option("--out", help="PNG to write; CSV for rows of a table. By default beside the run's pictures."),
]
Given = Annotated[
    str | None,
    typer.Option(
        parser=as_utf8,
        metavar="VALUES",
        help="Condition to decode under: a class (3), or attributes or factors (Smiling=1,Male=0). A value that is not "
        "named stays the image's own; for samples it is that of a test image.",
    ),
]
Begin = Annotated[
    Path | None,
    typer.Option("--from", metavar="RUN", help="Begin from the weights of another run, as far as they fit."),
]
BeginAt = Annotated[
    Literal["last", "best"] | None,
    typer.Option(
        "--from-checkpoint", help="That run's last checkpoint (the default), or its best on validation images."
    ),
]
PictureFiles = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PICTURE]...", help="Picture files, or folders and zips of them, in place of the run's images."
    ),
]
GivenOfFiles = Annotated[
    str | None,
    typer.Option(
        "--given",
        parser=as_utf8,
        metavar="VALUES",
        help="Of a conditional model: what picture files or draws of the prior show (3; Smiling=1,Male=0).",
    ),
]
Noise = Annotated[bool, typer.Option("--noise", help="Sample pixels too, instead of the decoder's mean.")]
SetSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        parser=as_utf8,
        metavar="SETTING=VALUE",
        help="A setting of the data set: size=32, crop=148, …",
    ),
]
RecipeSettings = Annotated[
    list[str] | None, typer.Option("--set", parser=as_utf8, metavar="PATH=VALUE", help="Change a setting.")
]
FittedPriorName = Annotated[
    str | None,
    typer.Option("--prior", metavar="NAME", help="A prior fitted with `kelbo prior fit`, in place of the model's own."),
]
