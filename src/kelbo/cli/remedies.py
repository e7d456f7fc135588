"""The command line's options for an error's `remedy`: the library names arguments, the command line flags."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from kelbo.errors import Remedy, remedy

OPTIONS: dict[Remedy, str] = {
    "again": "--again",
    "checkpoint": "--checkpoint last",
    "cpus": "--cpus-per-lane N",
    "data_root": "--data-root PATH",
    "dequantize": "--dequantize",
    "features": "--features NAME",
    "given": "--given VALUES",
    "gpus": "--gpus-per-lane N",
    "group": "--group N",
    "groups": "--groups N",
    "how": "--how queue",
    "on": "--on ray",
    "only": "--only KEYS",
    "out": "--out PATH",
    "over": "--over PATH=A,B",
    "prior": "--prior NAME",
    "resume": "--resume",
    "retry_diverged": "--retry-diverged",
    "seeds": "--seeds N,M",
    "settings": "--set PATH=VALUE",
    "start": "--from-checkpoint last",
    "training": "--train",
    "workers": "--workers N",
}


def options(error: Exception, known: Container[str] | None = None) -> str:
    """The options that would help against an error, as " (options: --out PATH, --resume)"; empty if none would.

    known: those of the command that failed, which alone are told; by default any.
    """
    found = [OPTIONS[code] for code in remedy(error) if code in OPTIONS]  # a status file may be of another version
    told = [option for option in found if known is None or option.split()[0] in known]
    return f" (options: {', '.join(told)})" if told else ""


def options_of(command: Any, arguments: Sequence[str]) -> set[str]:
    """The options of the command, or of the one below it, that these arguments call. A group without a name's is `train`."""
    for argument in arguments:
        below = getattr(command, "commands", {})
        command = below.get(argument) or below.get("train") or command
        if not hasattr(command, "commands"):
            break
    return {flag for parameter in command.params for flag in parameter.opts}
