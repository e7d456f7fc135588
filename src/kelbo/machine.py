"""The machine: settings of its memory allocator that suit tensors, and its description for a run's provenance."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

from kelbo.container import processors
from kelbo.errors import RecipeError

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # glibc's malloc.h
USUALLY_OPEN = 256
"""files, more than a training process has open otherwise"""
RECORDED_PACKAGES = ("kelbo", "torch", "lightning-fabric", "numpy", "scipy", "scikit-learn", "pillow")


@cache
def keep_freed_memory() -> bool:
    """Let glibc's malloc keep freed blocks instead of returning them to the kernel. Returns whether it was done.

    A training step frees and allocates the same hundreds of megabytes again and again; by default each block is mapped and
    faulted in every time, page by page. This setting applies to the whole process, so only training, evaluation and the
    command line make it, never an import. It does nothing except on Linux with glibc, or if the environment variable
    KELBO_KEEP_MEMORY is 0.
    """
    if os.environ.get("KELBO_KEEP_MEMORY") == "0" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((M_MMAP_THRESHOLD, 2**31 - 1), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 8 * 2**20))
    return all([mallopt(option, value) for option, value in settings])


def suit_process() -> None:
    """Settings of the whole process that suit tensors: see `keep_freed_memory` and `use_own_processors`."""
    keep_freed_memory()
    use_own_processors()


def use_own_processors() -> None:
    """Let PyTorch use no more threads than the container has processors, unless the environment sets their number.

    By default it counts the machine's processors. Threads above a container's quota are stopped again and again, all others
    waiting for them at every operation.
    """
    if "OMP_NUM_THREADS" not in os.environ and torch.get_num_threads() > (own := processors()):
        torch.set_num_threads(own)


def allow_open_files(more: int) -> None:
    """Let this process have `more` files open beside the usual ones: many systems limit them to 1,024 unless one asks.

    RecipeError if the system's own limit is lower.
    """
    try:
        import resource  # here, since Windows has neither the module nor the limit
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited, wanted = resource.RLIM_INFINITY, more + USUALLY_OPEN
    if hard != unlimited and hard < wanted:
        raise RecipeError(
            f"{more:,} files must be open at a time, one for each lane's lock, and some {USUALLY_OPEN} others; this system "
            f"allows {hard:,} to a process. Raise its limit (`ulimit -Hn`), use the queue, or train fewer lanes at a time.",
            remedy=("how",),
        )
    if soft != unlimited and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@cache
def is_amd() -> bool:
    """Whether the processor is AMD's, on which PyTorch's matrix products are slower than another library's."""
    return "AMD" in _processor()


def device_of_doubles(device: torch.device) -> torch.device:
    """The device for float64 computations: the device itself, or the CPU if it has no float64 (Apple's GPUs)."""
    try:
        torch.zeros((), dtype=torch.float64, device=device)
    except (TypeError, RuntimeError):
        return torch.device("cpu")
    return device


def require_float32_default() -> None:
    """RecipeError if PyTorch's default dtype is not float32: weights drawn in float64 would differ."""
    if torch.get_default_dtype() is not torch.float32:
        raise RecipeError(
            f"PyTorch's default dtype is {torch.get_default_dtype()}; kelbo's models are float32. "
            "Call torch.set_default_dtype(torch.float32) first."
        )


def describe() -> dict[str, str | int | list[str]]:
    """Processor, accelerators, threads and versions, on which numbers depend."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "accelerators": [
            *(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())),
            *["Apple GPU (MPS)"] * torch.mps.device_count(),
        ],
        "system": f"{platform.system()} {platform.machine()}",
        "python": sys.version.split()[0],
        **versions(*RECORDED_PACKAGES),
    }


def versions(*packages: str) -> dict[str, str]:
    """Versions of packages by name; "not installed" if one is missing."""
    return {package: _version(package) for package in packages}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def _version(package: str) -> str:
    if package == "torch":
        return str(torch.__version__)  # it names the build too ("+cpu", "+cu130"), which the package's metadata may not
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
