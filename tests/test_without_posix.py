"""Every module can be imported where a system has only what Python has everywhere: Windows is not tested otherwise."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "kelbo"
MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "readline", "curses", "syslog"}
"""that Python has on POSIX systems only"""

WITHOUT = f"""
import builtins, importlib, os, pkgutil, signal, sys
import kelbo

def load():
    for name in names:
        importlib.import_module(name)

names = [found.name for found in pkgutil.walk_packages(kelbo.__path__, "kelbo.") if not found.name.endswith("__main__")]
load()  # so that all other libraries are loaded, some of which need more of this system
for name in [name for name in sys.modules if name.partition(".")[0] == "kelbo"]:
    del sys.modules[name]
for module, letters in (
    (os, "fork forkpty getuid geteuid getgid getegid sched_getaffinity sysconf killpg setsid uname mkfifo chown WNOHANG"),
    (signal, "SIGKILL SIGHUP SIGALRM SIGUSR1 SIGUSR2 SIGCHLD pthread_sigmask setitimer alarm sigwait"),
):
    for name in letters.split():
        delattr(module, name)
whole = builtins.__import__

def without(name, globals=None, *rest):
    if name.partition(".")[0] in {MODULES} and (globals or {{}}).get("__name__", "").partition(".")[0] == "kelbo":
        raise ModuleNotFoundError(name)
    return whole(name, globals, *rest)

builtins.__import__, sys.platform = without, "win32"
load()
print(len(names))
"""


@pytest.mark.slow
def test_every_module_loads_without_what_only_posix_systems_have():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300


def test_no_module_imports_what_only_posix_systems_have_when_it_is_loaded():
    assert {path.name: found for path in PACKAGE.rglob("*.py") if (found := loaded_by(path) & MODULES)} == {}


def loaded_by(path: Path) -> set[str]:
    """The modules that a file imports outside of functions, whatever the system is."""
    nodes, found = [ast.parse(path.read_text(encoding="utf-8"))], set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Try | ast.If):
            nodes += ast.iter_child_nodes(node)
    return found
