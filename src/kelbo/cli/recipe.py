"""`kelbo recipe`: the recipes, and every setting of one."""

from __future__ import annotations

from typing import Annotated

import typer

from kelbo.cli.options import RecipeSettings
from kelbo.cli.printing import say

app = typer.Typer(help="List the named recipes, or show one with every default.", no_args_is_help=True)


@app.command("list")
def list_recipes() -> None:
    """List the named recipes."""
    import inspect

    from rich.table import Table

    from kelbo.cli.console import Console
    from kelbo.recipes.named import NAMED

    table = Table("recipe", "what it trains", box=None)
    for name, make in NAMED.items():
        lines = inspect.cleandoc(make.__doc__ or "").partition("\n\n")[0].splitlines()
        table.add_row(name, " ".join(lines))
    Console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A named recipe or a .toml file.")],
    settings: RecipeSettings = None,
) -> None:
    """Print a recipe as TOML. A saved and edited copy can be trained by its file name."""
    from kelbo.recipes.files import change, dump
    from kelbo.recipes.named import find

    say(dump(change(find(name), settings or [])), nl=False)
