"""The rooms keep their shelves: a room imports only from lower ones, and rooms of one shelf never import one another."""

import ast
import itertools
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "kelbo"
SHELVES = [
    {"bound", "units", "seeds", "errors", "eager"},
    {"protocols", "machine"},  # of the bottom shelf too, but they speak of a Bound and raise errors
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
