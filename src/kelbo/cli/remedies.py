"""The command line's options for an error's `remedy`: the library names arguments, the command line flags."""

from __future__ import annotations

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


def options(error: Exception) -> str:
    """The options that would help against an error, as " (options: --out PATH, --resume)"; empty if none would."""
    known = [OPTIONS[code] for code in remedy(error) if code in OPTIONS]  # a status file may be of another version
    return f" (options: {', '.join(known)})" if known else ""
