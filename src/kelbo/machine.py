"""The machine underneath: its memory allocator, made fit for tensors, and its description for a run's provenance."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

from kelbo.errors import RecipeError

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # glibc's malloc.h
RECORDED_PACKAGES = ("kelbo", "torch", "lightning-fabric", "numpy", "scipy", "scikit-learn", "pillow")


@cache
def keep_freed_memory() -> bool:
    """Let glibc's malloc keep freed blocks instead of giving them back to the kernel; says whether it was done.

    A training step frees and asks again for the same hundreds of megabytes; by default each block is mapped and faulted in
    anew, page by page. Applies to the whole process, so only
    training, evaluation and the command line call it, never an import. Does nothing elsewhere than Linux with glibc, or
    where the environment has KELBO_KEEP_MEMORY=0.
    """
    if os.environ.get("KELBO_KEEP_MEMORY") == "0" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((M_MMAP_THRESHOLD, 2**31 - 1), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 * 2**20))
    return all([mallopt(option, value) for option, value in settings])


@cache
def is_amd() -> bool:
    """Whether the processor is AMD's, where PyTorch's matrix products are better left to another library."""
    return "AMD" in _processor()


def device_of_doubles(device: torch.device) -> torch.device:
    """Where float64 is computed beside a device: on itself, or on the CPU where it has none, as Apple's GPUs."""
    try:
        torch.zeros((), dtype=torch.float64, device=device)
    except (TypeError, RuntimeError):
        return torch.device("cpu")
    return device


def require_float32_default() -> None:
    """RecipeError where PyTorch makes new tensors of another dtype: weights drawn in float64 would be others."""
    if torch.get_default_dtype() is not torch.float32:
        raise RecipeError(
            f"PyTorch's default dtype is {torch.get_default_dtype()}; kelbo's models are float32. "
            "Call torch.set_default_dtype(torch.float32) first."
        )


def describe() -> dict[str, str | int | list[str]]:
    """Processor, accelerators, threads and versions: what a number depends on."""
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
    """Of installed packages, by name; "not installed" where one is missing."""
    return {package: _version(package) for package in packages}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    if package == "torch":
        return str(
            torch.__version__
        )  # which names the build too ("+cpu", "+cu130"); the package's own version need not
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
