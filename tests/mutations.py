"""Whether the tests notice a fault: lines of the source are changed, one at a time, and the tests of their room run.

    python tests/mutations.py --count 30 --out mutations.json

The lines are drawn by a seed, as many of every room. A change is one that a slip could make: a comparison turned round, a
number one too large, a condition negated, an operator taken for another, a result or a statement lost. All of it happens in
copies of the tree. A change that no test of the room fails by has survived: a test is missing, or the line says nothing.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "kelbo"
LEFT_OUT = ("studies/",)
BOTTOM = "."
"""the room of the modules that are in none"""

LIKELIHOODS = ["tests/likelihoods", "tests/oracles/test_likelihoods.py", "tests/parity/test_likelihoods.py"]
MODULES = [f"tests/test_{name}.py" for name in ("units", "seeds", "machine", "errors", "intervals")]
PROCESSES = [f"tests/parity/test_{name}.py" for name in ("gradients_of_processes", "processes")]
RUNS = [f"tests/experiments/test_{name}.py" for name in ("experiment", "best_checkpoint", "rows_of_steps", "last_row")]
TESTS = {
    BOTTOM: [*MODULES, "tests/models", "tests/networks"],
    "distributed": ["tests/distributed", *PROCESSES, "tests/experiments/test_failing_together.py"],
    "likelihoods": [*LIKELIHOODS, "tests/laws/test_likelihoods.py", "tests/laws/test_likelihood_cdfs.py"],
    "metrics": ["tests/metrics", "tests/laws/test_disentanglement.py", "tests/oracles/test_library_numbers.py"],
    "models": ["tests/models", "tests/oracles/test_linear_vae.py"],
    "networks": ["tests/networks", "tests/parity/test_layers.py"],
    "objectives": ["tests/objectives", "tests/oracles/test_beta_identity.py"],
    "sweeps": ["tests/sweeps", "tests/parity/test_stacked.py", "tests/parity/test_settings_in_lanes.py"],
    "training": ["tests/training", *RUNS],
}
"""what pytest is given for a room, where that is more or less than tests/ROOM"""

COMPARED = {
    **{ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In},
}
OPERATED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}
OPERATED |= {ast.Pow: ast.Mult, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}
SILENT = (ast.JoinedStr, ast.Raise, ast.Import, ast.ImportFrom, ast.Assert)
"""what only words, or the reader, would change by"""


@dataclass(frozen=True)
class Site:
    """A place in a file, by its node's number in the order of `ast.walk`, and what is done to it there."""

    node: int
    line: int
    change: str


@dataclass
class Mutant:
    """outcome: killed, survived, or undecided where the room's tests fail as they are; by: the first test that failed."""

    room: str
    file: str
    line: int
    change: str
    before: str
    after: str
    outcome: str = ""
    by: str = ""
    seconds: float = 0.0


def sites(tree: ast.AST) -> list[Site]:
    """Every change that this script knows of a module, but of its words, its types and its imports."""
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    return [Site(numbers[id(node)], node.lineno, change) for node in behaviour(tree) for change in changes(node)]


def behaviour(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """The nodes that decide what is done, from the outside in."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params", "decorator_list"):
            continue
        for inner in value if isinstance(value, list) else [value]:
            if not isinstance(inner, ast.AST) or isinstance(inner, SILENT) or is_for_types(inner):
                continue
            if isinstance(inner, ast.expr | ast.stmt):
                yield inner
            yield from behaviour(inner)


def is_for_types(node: ast.AST) -> bool:
    """A block for type checkers, an alias of types, a docstring."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'")
    if isinstance(node, ast.Assign):
        return isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.BitOr) and node.col_offset == 0
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def changes(node: ast.AST) -> list[str]:
    """What can be done to a node."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARED:
            return ["comparison turned round"]
        case ast.BoolOp():
            return ["and and or exchanged"]
        case ast.UnaryOp(op=ast.Not()):
            return ["not removed"]
        case ast.If() | ast.While() | ast.IfExp():
            return ["condition negated"]
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATED:
            return ["operator exchanged"]
        case ast.Constant(value=bool()):
            return ["truth negated"]
        case ast.Constant(value=int() | float()):
            return ["number one larger"]
        case ast.Return(value=ast.AST() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            return ["result lost"]
        case ast.Expr(value=ast.Call()):
            return ["statement removed"]
    return []


def changed(tree: ast.AST, site: Site) -> tuple[str, str, str]:
    """The module's source with one change; and the node itself, before and after."""
    tree = deepcopy(tree)
    node = list(ast.walk(tree))[site.node]
    old, new = ast.unparse(node), deepcopy(node)
    match site.change, new:
        case "comparison turned round", ast.Compare():
            new.ops = [COMPARED[type(new.ops[0])]()]
        case "and and or exchanged", ast.BoolOp():
            new.op = ast.Or() if isinstance(new.op, ast.And) else ast.And()
        case "not removed", ast.UnaryOp():
            new = new.operand
        case "condition negated", (ast.If() | ast.While() | ast.IfExp()):
            new.test = ast.UnaryOp(ast.Not(), new.test)
        case "operator exchanged", (ast.BinOp() | ast.AugAssign()):
            new.op = OPERATED[type(new.op)]()
        case "truth negated", ast.Constant():
            new.value = not new.value
        case "number one larger", ast.Constant(value=int() | float() as value):
            new.value = value + 1
        case "result lost", ast.Return():
            new.value = ast.Constant(None)
        case "statement removed", _:
            new = ast.Pass()
    ast.fix_missing_locations(new)
    source = ast.unparse(ast.fix_missing_locations(Exchange(node, new).visit(tree)))
    return source, old.splitlines()[0], ast.unparse(new).splitlines()[0]


class Exchange(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def rooms() -> dict[str, list[Path]]:
    """The files of every room whose tests are asked."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(LEFT_OUT):
            found.setdefault(name.partition("/")[0] if "/" in name else BOTTOM, []).append(path)
    return found


def drawn(count: int, seed: int) -> list[Mutant]:
    """As many mutants of every room, up to one, on lines that are drawn evenly from all of the room's."""
    draw, found = random.Random(seed), rooms()
    order = draw.sample(sorted(found), len(found))
    mutants = []
    for number in range(count):
        room = order[number % len(order)]
        trees = {path: ast.parse(path.read_text()) for path in found[room]}
        lines = sorted({(path, site.line) for path, tree in trees.items() for site in sites(tree)})
        path, line = draw.choice(lines)
        site = draw.choice([site for site in sites(trees[path]) if site.line == line])
        _, before, after = changed(trees[path], site)
        mutants.append(Mutant(room, path.relative_to(ROOT).as_posix(), line, site.change, before, after))
    return mutants


def source_of(mutant: Mutant) -> str:
    """The whole file with the mutant's change."""
    tree = ast.parse((ROOT / mutant.file).read_text())
    for site in sites(tree):
        if (site.line, site.change) == (mutant.line, mutant.change):
            source, before, after = changed(tree, site)
            if (before, after) == (mutant.before, mutant.after):
                return source
    raise LookupError(f"{mutant.file} has no such line {mutant.line} any more")


def tested(tree: Path, room: str, limit: float) -> str:
    """The first test of the room that fails in a copy of the tree, "" if none does."""
    given = TESTS.get(room, [f"tests/{room}"])
    if absent := [path for path in given if not path.startswith("-") and not (tree / path).exists()]:
        raise FileNotFoundError(f"{room} has no tests in {', '.join(absent)}")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--tb=no", *given]
    beside = {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    data = os.environ.get("KELBO_TEST_DATA", str(ROOT.parent / "shared" / "data"))
    environment = {**os.environ, **beside, "KELBO_TEST_DATA": data}
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"the limit of {limit:g} seconds"
    if done.returncode == 0:
        return ""
    named = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return named[1] if named else f"pytest's exit code {done.returncode}"


def copied(place: Path) -> Path:
    """The tree as it lies here, but for what git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    return place


def judge(mutants: list[Mutant], workers: int, limit: float) -> None:
    """Fill in what became of every mutant, `workers` at a time."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copies.put(copied(Path(folder) / f"{number}"))

        def of_room(room: str) -> str:
            copy = copies.get()
            try:
                return tested(copy, room, limit)
            finally:
                copies.put(copy)

        def of_mutant(mutant: Mutant) -> None:
            copy, begun = copies.get(), time.perf_counter()
            place = copy / mutant.file
            before = place.read_text()
            try:
                place.write_text(source_of(mutant))
                mutant.by = tested(copy, mutant.room, limit)
                mutant.outcome = "killed" if mutant.by else "survived"
            finally:
                place.write_text(before)
                copies.put(copy)
            mutant.seconds = round(time.perf_counter() - begun, 1)
            print(f"{mutant.outcome}: {mutant.file}:{mutant.line} {mutant.change} {mutant.by}", flush=True)

        asked = sorted({mutant.room for mutant in mutants})
        failing = dict(zip(asked, pool.map(of_room, asked), strict=True))
        for mutant in mutants:
            if failing[mutant.room]:
                mutant.outcome, mutant.by = "undecided", failing[mutant.room]
        list(pool.map(of_mutant, [mutant for mutant in mutants if not mutant.outcome]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=240.0, help="seconds for the tests of one mutant")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file that the mutants are written to")
    chosen = parser.parse_args()
    mutants = drawn(chosen.count, chosen.seed)
    judge(mutants, chosen.workers, chosen.limit)
    outcomes = [mutant.outcome for mutant in mutants]
    told = {outcome: outcomes.count(outcome) for outcome in ("killed", "survived", "undecided")}
    chosen.out.write_text(json.dumps({"seed": chosen.seed, **told, "mutants": list(map(asdict, mutants))}, indent=2))
    print(told)


if __name__ == "__main__":
    main()
