"""The processes of a command, and which of them prints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kelbo.errors import RecipeError

if TYPE_CHECKING:
    from kelbo.distributed.fabric import Fabric

Accelerator = Annotated[str | None, typer.Option(help="auto (the default), cpu, cuda, mps, …")]
Devices = Annotated[
    int | None,
    typer.Option(min=1, help="Processes on this machine, one per device. By default 1, or torchrun's number."),
]
Nodes = Annotated[int | None, typer.Option("--num-nodes", min=1, help="Machines. By default 1, or torchrun's number.")]


def launch(
    accelerator: str | None,
    devices: int | None,
    num_nodes: int | None,
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
) -> Fabric:
    """Start the processes, or join those that torchrun started. RecipeError if the machine does not have the devices."""
    from kelbo.distributed.fabric import Fabric
    from kelbo.distributed.processes import part_at_exit

    devices, num_nodes = _numbers(devices, num_nodes)
    try:
        fabric = Fabric(accelerator=accelerator or "auto", devices=devices, num_nodes=num_nodes, precision=precision)
    except Exception as error:  # Fabric raises errors of many kinds for missing devices
        raise RecipeError(
            f"--accelerator {accelerator or 'auto'} --devices {devices} is not available on this machine: {error}"
        ) from error
    fabric.launch()
    part_at_exit(fabric)
    return fabric


def launch_where_asked(
    device: str | None, accelerator: str | None, devices: int | None, num_nodes: int | None
) -> Fabric | None:
    """As `launch` if one of its options is given or under torchrun; else None: one process, on `device`."""
    if accelerator is devices is num_nodes is None and not _under_torchrun():
        return None
    if device is not None:
        raise RecipeError(
            f"--device {device} is for a single process. With --accelerator, --devices, --num-nodes or "
            "torchrun, leave it out and choose the kind of device with --accelerator."
        )
    return launch(accelerator, devices, num_nodes)


def prints(error: BaseException) -> bool:
    """Whether this process prints an error: the first of each machine does, and one whose error did not reach the others."""
    local = os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or "0"
    return local == "0" or getattr(error, "unreported", False)


def _under_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def _numbers(devices: int | None, num_nodes: int | None) -> tuple[int, int]:
    """Processes per machine, and machines. Under torchrun these are its numbers; options that differ raise RecipeError."""
    if not _under_torchrun():
        return devices or 1, num_nodes or 1
    a_machine, all_of_them = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    machines = all_of_them // a_machine
    for option, asked, there, flag in (
        ("--devices", devices, a_machine, "--nproc-per-node"),
        ("--num-nodes", num_nodes, machines, "--nnodes"),
    ):
        if asked is not None and asked != there:
            raise RecipeError(
                f"{option} is {asked}, but torchrun was started with {flag} {there}. Leave {option} out, or start "
                f"torchrun with {flag} {asked}."
            )
    return a_machine, machines
