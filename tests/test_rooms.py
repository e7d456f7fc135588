"""The rooms keep their shelves: a room imports only from lower ones, and rooms of one shelf never import one another.

So do its files: no cycle of imports, one name for one thing, and nothing so long that it cannot be read at once.
"""

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from typer.main import get_command

from kelbo.cli.main import app

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "kelbo"
SHELVES = [
    {"units", "seeds", "errors", "eager", "names", "container"},
    {"bound"},  # of the bottom shelf too, but a batch of levels becomes intensities
    {"objective", "distribution"},  # likewise: what a loss and a model are made of
    {
        "protocols",
        "machine",
        "intervals",
        "locks",
        "shortage",
    },  # of the bottom shelf too, but they speak of a Bound and raise errors
    {"distributed", "frozen"},  # below the rooms beside it in the plan, since all of them may share work
    {"likelihoods", "latents", "networks", "data", "metrics", "runs"},
    {"models", "objectives"},
    {"training", "evaluation"},
    {"recipes"},
    {"experiments"},
    {"sweeps"},
    {"reports"},  # of the shelf of sweeps in the plan, but a sweep's page shows its frame
    {"studies"},
    {"studio", "cli"},
    {"__main__"},
]
STUDIES = tuple(path.parent.name for path in (PACKAGE / "studies").glob("*/study.py"))
STUDY_FOLDERS = tuple(f"studies/{study}/" for study in STUDIES)
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
    assert {parts for parts in deep if len(parts) > 1} <= set(itertools.product(("studies",), STUDIES))


def test_only_build_knows_concrete_classes():
    concrete = {"likelihoods", "networks", "models"}
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if room_of(path) not in concrete and rooms_imported_by(path) & concrete
    }
    files = ("adversaries", "autoencoders", "build", "distributions", "hierarchies")
    assert knowing == {f"recipes/{name}.py" for name in files}


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
    flags = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(flags_of(get_command(app)))))})(?![\w-])")
    naming = [
        f"{name}:{line} {found.group()}"
        for name, tree in package().items()
        if not name.startswith(("cli/", "studies/page.py"))
        for line, text in texts_of(tree)
        if (found := flags.search(text))
    ]
    assert naming == []


def package() -> dict[str, ast.Module]:
    """Every file of the package by its path, parsed."""
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def shared(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names that several files have, with those files; named: pairs of a name and a file."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, file in named:
        found[name].append(file)
    return {name: files for name, files in found.items() if len(files) > 1}


def test_no_two_modules_have_one_name():
    """But for the faces in cli/, which are called like what they face, the folders of studies, and what the plan has twice."""
    files = [name for name in package() if not name.startswith(("cli/", *STUDY_FOLDERS))]
    twice = shared((Path(name).stem, name) for name in files if not name.endswith("__init__.py"))
    assert twice.keys() == {"frame", "tables"}


def test_no_two_public_classes_have_one_name():
    classes = [
        (node.name, name)
        for name, tree in package().items()
        if not name.startswith(STUDY_FOLDERS)
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert shared(classes) == {}


def imports() -> dict[str, set[str]]:
    """For each module of the package those that it imports, inside functions and for type checkers too."""
    trees = {f"kelbo/{name}".removesuffix(".py").replace("/", "."): tree for name, tree in package().items()}
    trees = {module.removesuffix(".__init__"): tree for module, tree in trees.items()}
    found: dict[str, set[str]] = {}
    for module, tree in trees.items():
        names: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= (inner & trees.keys()) | ({node.module} if inner - trees.keys() else set())
        found[module] = (names & trees.keys()) - {module}
    return found


def test_no_files_import_one_another_in_a_circle():
    TopologicalSorter(imports()).prepare()  # raises CycleError with the circle


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function with its signature, without its decorators and docstring."""
    first, lines = function.body[0], (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def code() -> dict[str, str]:
    """The text of every file of the package and its tests."""
    files = [path for folder in ("src", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in files}


def test_no_function_is_longer_than_60_lines():
    long = [
        f"{name}:{node.lineno} {node.name} has {lines_of(node)}"
        for name, text in code().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of(node) > 60
    ]
    assert long == []


def test_no_file_is_longer_than_300_lines():
    lengths = {name: len(text.splitlines()) for name, text in code().items()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}
