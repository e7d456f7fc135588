"""What each table and figure of the β-VAE study needs: which sweeps, which of their lanes, and what is measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from kelbo.errors import RecipeError

Measure = Literal["scores", "classifiers", "pairs", "distances"]
"""the β-VAE score with its gap, by every classifier, at every L; Fréchet distances. The bound is always measured"""

MLP, CONV = "dsprites-mlp", "dsprites-conv"
COLOUR = ("3dshapes-conv", "mpi3d-conv")
CIFAR = ("cifar10-conv", "cifar100-conv")
FACTORS = ("dsprites", "3dshapes", "mpi3d")


class Need(NamedTuple):
    """Lanes of one part (all β and all seeds of the budget, unless told) and what is measured of them."""

    part: str
    measures: tuple[Measure, ...] = ()
    betas: tuple[float, ...] | None = None
    first: bool = False
    """of the seeds, only the first"""

    def covers(self, part: str, beta: float, first: bool) -> bool:
        """Whether a lane is among them."""
        return part == self.part and (self.betas is None or beta in self.betas) and (first or not self.first)


class Target(NamedTuple):
    """lanes: what is trained. baselines: sets of the study on which PCA and ICA are scored, and whether at every L."""

    lanes: tuple[Need, ...] = ()
    baselines: tuple[str, ...] = ()
    pairs: bool = False


def _one_each(parts: Sequence[str]) -> tuple[Need, ...]:
    return tuple(Need(part, betas=(1.0,), first=True) for part in parts)


TARGETS: dict[str, Target] = {
    "table1": Target((Need(MLP, ("scores",)),), ("dsprites",)),
    "table2": Target(tuple(Need(part, ("scores", "classifiers")) for part in (MLP, *COLOUR))),
    "table3": Target(tuple(Need(part, ("distances",)) for part in CIFAR)),
    "table4": Target(),
    "fig1": Target(_one_each((CONV, *COLOUR))),
    "fig2": Target(_one_each(CIFAR)),
    "fig3": Target(tuple(Need(part, ("scores",)) for part in (CONV, *COLOUR)), FACTORS),
    "fig4": Target((Need(MLP, ("scores",)), Need(CONV, ("scores",)))),
    "fig5": Target((Need(CONV, betas=(0.1, 4.0), first=True),)),
    "fig6": Target((Need(MLP, ("scores", "pairs")),), ("dsprites",), pairs=True),
    "fig7": Target(tuple(Need(part, ("distances",)) for part in CIFAR)),
    "fig8": Target(tuple(Need(part) for part in CIFAR)),
    "fig9": Target(tuple(Need(part, betas=(0.1,), first=True) for part in CIFAR)),
    "fig10": Target(tuple(Need(part, betas=(10.0,), first=True) for part in CIFAR)),
    "identity": Target(),
    "quirks": Target(
        (
            *(Need(part, betas=(4.0,), first=True) for part in (CONV, *COLOUR)),
            *(Need(part, ("distances",), first=True) for part in CIFAR),
        )
    ),
}
"""CIFAR-10 stands beside CIFAR-100 in figures 7 to 10, which it replaces where CIFAR-100 is absent"""


def chosen(only: Sequence[str] | None) -> tuple[str, ...]:
    """The targets that were asked for, in the study's order; all where None. RecipeError lists those there are."""
    if only is None:
        return tuple(TARGETS)
    if unknown := [name for name in only if name not in TARGETS]:
        raise RecipeError(f"The β-VAE study has no {', '.join(map(repr, unknown))}; --only takes {', '.join(TARGETS)}.")
    if not only:
        raise RecipeError(f"--only names nothing; it takes {', '.join(TARGETS)}.")
    return tuple(name for name in TARGETS if name in only)
