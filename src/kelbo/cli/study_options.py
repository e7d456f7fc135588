"""Options of `kelbo reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

STUDIES = ("beta-vae", "sigma-vae")

Study = Annotated[str, typer.Argument(help=f"Which study: {' or '.join(STUDIES)}.", metavar="STUDY")]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="table1,fig6,…", help="Only these tables and figures; a wrong name lists the known ones."),
]
Budget = Annotated[
    Literal["minutes", "hours", "paper"],
    typer.Option(help="How much is trained; paper trains for the paper's own number of epochs."),
]
Mode = Annotated[
    Literal["corrected", "as-published"], typer.Option(help="As it should be, or as the study's code did it.")
]
Images = Annotated[
    str | None, typer.Option(help="Images of sigma-vae: mnist (default), svhn, cifar10, celeba, digits, folder:PATH.")
]
ImageSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SETTING=VALUE", help="A setting of sigma-vae's images: crop=74, size=32, …"),
]
Decoders = Annotated[
    list[str] | None,
    typer.Option(metavar="optimal_gaussian,…", help="Of sigma-vae, only these decoders beside the grid over β."),
]
Betas = Annotated[list[str] | None, typer.Option(metavar="0.01,1,…", help="Of sigma-vae's grid over β, only these.")]
Seeds = Annotated[str | None, typer.Option(metavar="0,1,2", help="Seeds of sigma-vae.")]
Precision = Annotated[
    str | None, typer.Option(help="Precision of sigma-vae's training: 32-true (default), bf16-mixed, …")
]
Features = Annotated[
    str | None, typer.Option(help="Network of Fréchet distances: inception-2015, a data set's name, random-0, a file.")
]
Out = Annotated[Path | None, typer.Option(help="The study's folder. By default below runs/.")]
How = Annotated[
    Literal["auto", "stack", "queue"],
    typer.Option(help="Lanes as one program or by processes. auto stacks if an accelerator makes that faster."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes. By default as many as suit the machine.")]
Training = Annotated[
    bool, typer.Option("--train/--no-train", help="--no-train only measures the lanes that are trained already.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
