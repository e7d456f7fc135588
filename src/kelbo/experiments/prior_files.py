"""Fitted priors as files in a run's folder, each valid for the weights that it was fitted to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import from_first
from kelbo.errors import Damaged, RunError
from kelbo.latents import FlowPrior, MixturePrior, PriorByClass
from kelbo.protocols import Prior
from kelbo.runs import Run
from kelbo.runs.folder_lock import holding
from kelbo.runs.tensors import read_tensors, write_tensors
from kelbo.runs.writing import require_room
from kelbo.seeds import seeded
from kelbo.shortage import raise_shortage
from kelbo.units import counted

FORMAT = 1
SHOWN = 16
"""digits of a hash that messages and keys have"""


class FittedPrior(NamedTuple):
    """A prior in a run's folder.

    name    of its file
    digest  the file's SHA-256
    about   its kind ("prior"), settings, the "weights" that it was fitted to (SHA-256), what it was fitted on ("codes"), its
            mean log density of held-out codes ("held_out")
    prior   on the CPU
    words   what it is, for people: "50 Gaussians (full)"
    """

    name: str
    digest: str
    about: Mapping[str, Any]
    prior: Prior
    words: str

    @property
    def key(self) -> str:
        """What measurements with this prior are kept under: name, words and, after "#", digits of its hash."""
        return f"{self.name}: {self.words} #{self.digest[:SHOWN]}"


def require_free_name(run: Run, name: str, again: bool = False) -> None:
    """RunError if no prior can be written under this name: there is one (unless again), or the folder refuses."""
    path = run.prior(name)
    if path.exists() and not again:
        raise RunError(f"{path} exists already. Fit it again in its place, or choose another name.", remedy=("again",))
    require_room(path, "A prior lies in its run's folder: copy that to where it can be written.", remedy=())


def held_to_fit(run: Run, name: str) -> AbstractContextManager[None]:
    """Inside the block no other process fits the prior of that name. Locked if one does, NotSaved if the folder refuses."""
    lock = run.prior(name).with_name(f".{name}.lock")
    doing = f"The prior {name} of {run.path} is being fitted"
    return holding(lock, doing, lambda: False, remedy=())


def save_prior(run: Run, name: str, prior: Prior, about: Mapping[str, Any]) -> FittedPrior:
    """Write a prior, in place of one of that name, and return it as it is read back. OSError if the disk refuses."""
    write_tensors(run.prior(name), "prior", prior.state_dict(), {"format": FORMAT, **about})
    return read_prior(run, name)


def read_prior(run: Run, name: str) -> FittedPrior:
    """The prior of that name, whatever weights it is of. RunError if there is none, Damaged if it cannot be read."""
    path = run.prior(name)
    if not path.is_file():
        known = run.prior_names()
        near = "".join(f"the nearest is {one}; " for one in get_close_matches(name, known, 1))
        there = f"{near}it has {', '.join(known)}" if known else "none was fitted yet"
        raise RunError(f"{run.path} has no prior {name!r}: {there}.", remedy=("prior",) if known else ())
    digest, tensors, about = _whole(path)
    try:
        _require_whole(about)
        prior = _built(tensors, about)
        prior.load_state_dict(tensors)
        if not all(tensor.isfinite().all() for tensor in tensors.values()):
            raise ValueError("it holds numbers that are not finite")
        return FittedPrior(name, digest, about, prior.eval().requires_grad_(False), _words(about))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        raise_shortage(error, f"reading {path}")
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Damaged(f"{path} is not as this version writes it ({why}). Fit it again.") from error


def open_prior(run: Run, name: str, weights: str, fabric: Fabric | None = None) -> FittedPrior:
    """The prior of that name for opened weights (SHA-256 of their file), the same in all of several processes (fabric).

    RunError if there is none or it was fitted to other weights; Damaged if it cannot be read.
    """
    found = from_first(fabric, lambda: read_prior(run, name))
    of, checkpoint = str(found.about["weights"]), found.about["checkpoint"]
    if of != weights:
        which = f"the {checkpoint['which']} checkpoint's, of step {checkpoint['step']:,}"
        raise RunError(
            f"{run.prior(name)} was fitted to other weights: {of[:SHOWN]} ({which}); those opened are {weights[:SHOWN]}. Fit "
            "it again to these, or open the checkpoint that it was fitted to.",
            remedy=("checkpoint", "again"),
        )
    return found


def _whole(path: Path) -> tuple[str, dict[str, Tensor], dict[str, Any]]:
    """Hash, tensors and header of one and the same file, though it may be replaced meanwhile."""
    while True:
        digest = _sha256(path)
        tensors, about = read_tensors(path, "prior")
        if _sha256(path) == digest:
            return digest, tensors, about


def _words(about: Mapping[str, Any]) -> str:
    its = about["settings"]
    if about["prior"] == "flow":
        return f"flow of {its['steps']:,} steps"
    apart = f" for each value of {', '.join(about['conditions'])}" if about["conditions"] else ""
    return f"{counted(its['components'], 'Gaussian')} ({its['covariance']}){apart}"


def _require_whole(about: Mapping[str, Any]) -> None:
    """ValueError unless a header says what every prior's does."""
    match about:
        case {
            "format": int(written),
            "weights": str(),
            "checkpoint": {"which": str(), "step": int()},
            "held_out": {"mean": float(), "standard_error": float() | None, "standard_normal": float()},
            "settings": dict(),
        } if written == FORMAT:
            return
    raise ValueError(f"its header is none of format {FORMAT}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _built(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> Prior:
    """A prior of the kind and sizes of a file."""
    conditions = tuple(map(str, about["conditions"]))
    if about["prior"] == "flow":
        sizes = {name: about["settings"][name] for name in ("transforms", "hidden", "bins")}
        with seeded(0, "init"):  # weights are drawn before they are read
            return FlowPrior(tensors["mean"], tensors["scale"], conditions, about["context"], **sizes)
    if about["prior"] != "mixture":
        raise ValueError(f"its kind is {about['prior']!r}")
    if not conditions:
        return _mixture(tensors, "")
    parts = [_mixture(tensors, f"parts.{value}.") for value in range(len(tensors["rows"]))]
    return PriorByClass(conditions, tensors["rows"], parts)


def _mixture(tensors: Mapping[str, Tensor], prefix: str) -> MixturePrior:
    weights, means, factors = (tensors[f"{prefix}{name}"] for name in ("log_weights", "means", "factors"))
    return MixturePrior(weights.exp(), means, factors)
