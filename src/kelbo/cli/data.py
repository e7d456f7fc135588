"""`kelbo data`: list the sets, download one, check it, preview it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kelbo.cli import cache
from kelbo.cli.options import DataRoot, Json, SetSettings
from kelbo.cli.places import require_picture
from kelbo.cli.printing import command, say

if TYPE_CHECKING:
    from kelbo.data.image_set import ImageSet

app = typer.Typer(help="List the data sets; fetch, check or preview one.", no_args_is_help=True)
app.add_typer(cache.app, name="cache")
Name = Annotated[str, typer.Argument(help="A data set's name, see `kelbo data list`.")]


@app.command("list")
def list_sets() -> None:
    """List the data sets and where they come from."""
    from rich.table import Table

    from kelbo.cli.console import Console
    from kelbo.recipes.known_sets import GIVEN, SETS

    table = Table("name", "images", "model.given", "where from", box=None)
    for name, (images, source) in SETS.items():
        table.add_row(name, images, GIVEN.get(name, ""), source)
    Console().print(table)


@app.command()
def check(name: Name, data_root: DataRoot = None, settings: SetSettings = None, as_json: Json = False) -> None:
    """Read a data set as training would, and report its contents, or every picture that cannot be used."""
    from kelbo.data.decoding import PicturesRefused
    from kelbo.data.given import offered
    from kelbo.errors import DataCorrupt
    from kelbo.recipes.sets import read

    try:
        image_set = read(name, data_root, settings)
    except PicturesRefused as error:
        refusals = {"refused": error.reasons, "of": error.count}
        say(json.dumps(refusals, indent=2) if as_json else "\n".join(error.reasons))
        raise DataCorrupt(error.summary) from error
    answer = {
        "name": image_set.name,
        "note": image_set.note,
        "shape": list(image_set.shape),
        "levels": image_set.levels,
        **({"columns": image_set.columns.as_json()} if image_set.columns else {}),
        "splits": {
            split: {"images": len(images), "from": image_set.sources.get(split), "fingerprint": images.fingerprint()}
            for split, images in image_set.splits.items()
        },
        "given": [condition.as_json() for condition in offered(image_set)],
        "refused": image_set.left_out,
    }
    if as_json:
        say(json.dumps(answer, indent=2))
        return
    from kelbo.units import counted, noun_of

    noun, size = noun_of(image_set.shape), " × ".join(map(str, image_set.shape))
    what = f"{size}, {image_set.levels} levels" if image_set.levels else f"rows of {size} real numbers"
    say(f"{image_set.name}: {what}; {image_set.note}")
    for split, values in answer["splits"].items():
        source = f" ({values['from']})" if values["from"] else ""
        say(f"  {split}: {counted(values['images'], noun)}{source}, fingerprint {values['fingerprint']}")
    _say_given(image_set)
    if columns := image_set.columns:
        for name, binary, mean, scale in zip(columns.names, columns.binary, columns.mean, columns.scale, strict=True):
            say(f"  column {name}: {'binary' if binary else f'mean {mean:.4g}, standard deviation {scale:.4g}'}")
    for reason in image_set.left_out:
        say(f"  left out: {reason}")


def _say_given(image_set: ImageSet) -> None:
    """What a model could be given of a set's examples."""
    from kelbo.data.given import offered

    for condition in offered(image_set):
        say(f"  model.given={condition.name}: {condition.summary}")
    if image_set.unlabelled:
        say(f"  no labels: {image_set.unlabelled}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A set with a public home: mnist, cifar10, …")], data_root: DataRoot = None
) -> None:
    """Download a set's official files: resumable, verified, never overwriting files of yours."""
    from kelbo.cli.bars import Downloads
    from kelbo.data.download import fetch as fetch_files
    from kelbo.data.homes import HOMES
    from kelbo.data.roots import data_root as root_of
    from kelbo.errors import RecipeError
    from kelbo.recipes.known_sets import SETS

    if name not in HOMES:
        raise RecipeError(f"Nothing can be fetched for {name!r}; choose one of {', '.join(HOMES)}.")
    source = HOMES[name]
    with Downloads() as downloads:
        paths = fetch_files(source, root_of(data_root), watch=downloads)
    for path in paths:
        say(f"{path}: {path.stat().st_size:,} bytes, verified")
    say(f"{source.title}: {source.licence}; {source.page}")
    if name in SETS:
        place = ["--data-root", data_root] if data_root else []
        say(f"next: {command('data', 'check', name, *place)}")


@app.command()
def preview(
    name: Name,
    data_root: DataRoot = None,
    settings: SetSettings = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many images.")] = 100,
    split: Annotated[str, typer.Option(help="Which split: train, test, …")] = "train",
    out: Annotated[Path | None, typer.Option(help="PNG to write. By default NAME.png here.")] = None,
) -> None:
    """Write a grid of a set's images, spread evenly over a split."""
    from kelbo.data.images import picture_shape
    from kelbo.recipes.sets import read, split_of
    from kelbo.runs import save_grid
    from kelbo.units import intensities

    require_picture(out)
    image_set = read(name, data_root, settings)
    picture_shape(image_set.shape)  # rows are no pictures
    images = split_of(image_set, split).spread(count)
    path = out or Path(f"{name}.png")
    save_grid(path, intensities(images, image_set.levels).numpy(), columns=max(1, round(len(images) ** 0.5)))
    say(path)
    _say_given(image_set)
