"""The rooms keep their shelves: a room imports only from lower ones, and rooms of one shelf never import one another."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from kelbo.cli.main import app

PACKAGE = Path(__file__).parents[1] / "src" / "kelbo"
SHELVES = [
    {"bound", "units", "seeds", "errors", "eager"},
    {"protocols", "machine", "intervals"},  # of the bottom shelf too, but they speak of a Bound and raise errors
    {"distributed"},  # below the rooms beside it in the plan, since all of them may share work
    {"likelihoods", "latents", "networks", "data", "metrics", "runs"},
    {"models", "objectives"},
    {"training", "evaluation"},
    {"recipes"},
    {"experiments"},
    {"sweeps", "reports"},
    {"studies"},
    {"studio", "cli"},
    {"__main__"},
]
STUDIES = ("beta_vae", "sigma_vae")
HEIGHT = {room: height for height, shelf in enumerate(SHELVES) for room in shelf}


def rooms_imported_by(path: Path) -> set[str]:
    """The rooms that a file imports anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names += [f"{module}.{alias.name}" for alias in node.names] if module == "kelbo" else [module]
    return {name.split(".")[1] for name in names if name.startswith("kelbo.")}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def violations() -> list[str]:
    return [
        f"{path.relative_to(PACKAGE)} ({room}) must not import {other}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if (room := room_of(path)) != "__init__"
        for other in sorted(rooms_imported_by(path))
        if other != room and HEIGHT[other] >= HEIGHT[room]
    ]


def test_every_room_imports_only_from_lower_shelves():
    assert violations() == []


def test_every_room_stands_on_a_shelf():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms <= HEIGHT.keys()


def test_an_import_inside_a_function_counts_too(tmp_path):
    file = tmp_path / "late.py"
    file.write_text(
        "def f():\n    from kelbo.models.vae import VAE\n    import kelbo.cli.main\n    from kelbo import units\n"
    )
    assert rooms_imported_by(file) == {"models", "cli", "units"}


def test_no_room_is_deeper_than_two_levels_but_for_the_folder_of_a_study():
    deep = {path.relative_to(PACKAGE).parts[:-1] for path in PACKAGE.rglob("*.py")}
    assert {parts for parts in deep if len(parts) > 1} <= set(itertools.product(("reports", "studies"), STUDIES))


def test_only_build_knows_concrete_classes():
    concrete = {"likelihoods", "networks", "models"}
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if room_of(path) not in concrete and rooms_imported_by(path) & concrete
    }
    assert knowing == {"recipes/build.py"}


def texts_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string of a file, docstrings and the parts of f-strings included, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def flags_of(command: Any) -> set[str]:
    """The flags of a command and of those below it, but for short ones."""
    own = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    return {flag for flag in own if flag.startswith("--")}.union(
        *map(flags_of, getattr(command, "commands", {}).values())
    )


def test_only_the_command_line_speaks_of_flags():
    exempt = {f"{room}/{study}" for room in ("reports", "studies") for study in STUDIES} | {"cli"}
    flags = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(flags_of(get_command(app)))))})(?![\w-])")
    naming = [
        f"{path.relative_to(PACKAGE)}:{line} {found.group()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if not any(path.is_relative_to(PACKAGE / folder) for folder in exempt)
        if path != PACKAGE / "reports" / "study_page.py"
        for line, text in texts_of(ast.parse(path.read_text()))
        if (found := flags.search(text))
    ]
    assert naming == []
