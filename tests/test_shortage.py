"""Too little memory, whoever has it, is one error that tells how much was wanted and for what; it is never taken for damage."""

import ast
import errno
import mmap
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

import kelbo
from kelbo import container
from kelbo.data.folder import folder
from kelbo.errors import OutOfMemory, RecipeError
from kelbo.shortage import is_shortage, memory_for, raise_shortage, wanted_by

PACKAGE = Path(kelbo.__file__).parent
HUGE = 2**50
"""bytes that no machine grants at once"""


def of_a_device():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.50 GiB. GPU 0 has a total capacity of 8 GiB")


SHORTAGES = {
    "NumPy": (lambda: np.empty((HUGE // 8,)), HUGE),
    "PyTorch's CPU allocator": (lambda: torch.empty(HUGE, dtype=torch.uint8), HUGE),
    "Python": (lambda: bytearray(HUGE), None),
    "the system": (lambda: mmap.mmap(-1, HUGE), None),
    "a device": (of_a_device, 20.5 * 2**30),
}


@pytest.mark.parametrize(("allocate", "wanted"), SHORTAGES.values(), ids=SHORTAGES)
def test_whoever_has_too_little_the_error_tells_how_much_was_wanted_and_for_what(allocate, wanted):
    with (
        pytest.raises(OutOfMemory, match="for the pictures") as caught,
        memory_for("the pictures", "Use fewer.", ("how",)),
    ):
        allocate()
    assert caught.value.wanted == wanted
    assert caught.value.remedy == ("how",)
    assert pickle.loads(pickle.dumps(caught.value)).wanted == wanted


def test_what_an_inner_block_says_is_kept():
    with pytest.raises(OutOfMemory, match="for the weights"), memory_for("the run", ""), memory_for("the weights", ""):
        torch.empty(HUGE, dtype=torch.uint8)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shapes differ"), OSError(errno.ENOSPC, "full"), ValueError("out of memory"), RecipeError("x")],
)
def test_other_errors_pass(error):
    assert not is_shortage(error)
    raise_shortage(error, "the pictures")
    with pytest.raises(type(error)) as caught, memory_for("the pictures", ""):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("words", "bytes_"),
    [
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes. Error code 12", 4000),
        ("unable to mmap 10000000000 bytes from file </x>: Cannot allocate memory (12)", 10**10),
        ("MPS backend out of memory (MPS allocated: 1 GB). Tried to allocate 2.00 MiB on private pool.", 2 * 2**20),
        ("CUDA error: out of memory", None),
    ],
)
def test_the_words_of_pytorch_are_read(words, bytes_):
    assert is_shortage(RuntimeError(words))
    assert wanted_by(RuntimeError(words)) == bytes_


BROAD = {"Exception", "RuntimeError", "SafetensorError"}


def handlers_that_blame_the_file(source: str) -> list[int]:
    """The lines of broad handlers that raise something else without asking first whether memory ran out."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ExceptHandler) or node.type is None:
            continue
        names = {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)}
        raises = [part for part in ast.walk(node) if isinstance(part, ast.Raise) and part.exc is not None]
        asks = any(
            isinstance(part, ast.Call) and getattr(part.func, "id", "") == "raise_shortage" for part in ast.walk(node)
        )
        if names & BROAD and raises and not asks:
            found.append(node.lineno)
    return found


ALLOWED = {
    "cli/launching.py",  # starts processes: no memory to speak of
    "distributed/fabric.py",  # devices that are not there
    "distributed/processes.py",  # tells other processes of the very error
    "sweeps/joining.py",  # a cluster that is not there
    "training/checkpoint.py",  # a write that failed, and weights that do not fit, which are in memory already
}


@pytest.mark.parametrize("room", sorted({path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py")}))
def test_no_file_is_called_damaged_because_memory_ran_out(room):
    blamed = {
        f"{path.relative_to(PACKAGE)}": lines
        for path in [PACKAGE / room, *(PACKAGE / room).rglob("*.py")]
        if path.is_file() and (lines := handlers_that_blame_the_file(path.read_text(encoding="utf-8")))
    }
    assert blamed.keys() <= ALLOWED


def test_such_a_handler_would_be_found():
    told = "try:\n    read()\nexcept Exception as error:\n    {}raise DataCorrupt('x') from error\n"
    assert handlers_that_blame_the_file(told.format("")) == [3]
    assert handlers_that_blame_the_file(told.format("raise_shortage(error, 'x'); ")) == []


@pytest.mark.parametrize("unreadable", ["refuse", "skip"])
def test_no_picture_is_left_out_because_memory_ran_out(tmp_path, monkeypatch, unreadable):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: bytearray(HUGE))
    with pytest.raises(OutOfMemory):
        folder(tmp_path, size=8, unreadable=unreadable, cache=None)


def test_a_command_tells_it_in_one_message(kelbo, tmp_path):
    code, _, err = kelbo("train", "digits", "--set", "model.network.width=1000000000000", "--out", tmp_path / "run")
    assert code == 1
    assert "model.network" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_container_that_is_full_gives_an_error_instead_of_a_kill(tmp_path):
    (tmp_path / "groups").write_text("0::/\n")
    (tmp_path / "memory.max").write_text(str(2**28))
    code = (
        "import pathlib, sys; from kelbo import container; container.MOUNT = pathlib.Path(sys.argv[1]); "
        "container.GROUPS = container.MOUNT / 'groups'; container.fail_before_kill(); bytearray(2**26); bytearray(2**32)"
    )
    if not container.GROUPS.exists() or Path("/dev/nvidiactl").exists():
        pytest.skip("only Linux without a GPU limits its data")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("MemoryError")
