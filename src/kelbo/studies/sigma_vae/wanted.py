"""What is asked of the σ-VAE study: tables and figures, and what each needs; or some decoders, or some of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from kelbo.errors import RecipeError
from kelbo.recipes.sigma_study import ANALYTIC, BETAS, DECODERS, SIGMA

Measure = Literal["distances", "latents", "calibration", "flattery"]
"""Fréchet distances; the rate's parts; probability integral transforms; the bound as the release measures it. The bound itself
is always measured"""


FLATTERED: frozenset[Measure] = frozenset({"flattery"})
"""of analytic σ alone"""


class Target(NamedTuple):
    """decoders at β = 1, values of the grid over β, and what is measured of them."""

    decoders: tuple[str, ...] = ()
    betas: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()


TARGETS: dict[str, Target] = {
    "table1": Target(SIGMA, BETAS, ("distances",)),
    "table2": Target(DECODERS, BETAS, ("distances",)),
    "table3": Target(("bernoulli", "per_pixel_gaussian", "shared_gaussian"), BETAS, ("distances",)),
    "balance": Target(SIGMA, BETAS, ("distances",)),
    "fig3": Target(SIGMA, BETAS),
    "fig4": Target(SIGMA, BETAS, ("latents",)),
    "fig9": Target(("shared_gaussian", *ANALYTIC)),
    "decoders": Target(DECODERS, ("1",)),
    "calibration": Target(DECODERS, BETAS, ("calibration",)),
    "flattery": Target(ANALYTIC, (), ("flattery",)),
}


class Asked(NamedTuple):
    """The part of the study that one command asks for; None where all.

    only: tables and figures; decoders: beside the grid's; betas: of the grid, as texts
    """

    only: tuple[str, ...] | None = None
    decoders: tuple[str, ...] | None = None
    betas: tuple[str, ...] | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The tables and figures."""
        return tuple(TARGETS) if self.only is None else self.only

    def has(self, decoder: str | None, beta: str = "1") -> bool:
        """Whether a lane's decoder, or where None its β of the grid, was asked for."""
        among, wanted = (self.betas, beta) if decoder is None else (self.decoders, decoder)
        return among is None or wanted in among


EVERYTHING = Asked()


def asked_for(
    only: Sequence[str] | None = None, decoders: Sequence[str] | None = None, betas: Sequence[str] | None = None
) -> Asked:
    """Names as a user gave them, in the study's order. RecipeError lists those there are."""
    return Asked(
        _chosen("--only", only, tuple(TARGETS)),
        _chosen("--decoders", decoders, DECODERS),
        _chosen("--betas", None if betas is None else [_as_listed(beta) for beta in betas], BETAS),
    )


def _as_listed(beta: str) -> str:
    """A number of the grid as lanes are named by it, "1" for "1.0"; another text as it is."""
    try:
        return next((known for known in BETAS if float(known) == float(beta)), beta)
    except ValueError:
        return beta


def _chosen(option: str, names: Sequence[str] | None, there: Sequence[str]) -> tuple[str, ...] | None:
    if names is None:
        return None
    if unknown := [name for name in names if name not in there]:
        raise RecipeError(f"The σ-VAE study has no {', '.join(map(repr, unknown))}; {option} takes {', '.join(there)}.")
    if not names:
        raise RecipeError(f"{option} names nothing; it takes {', '.join(there)}.")
    return tuple(name for name in there if name in names)


def measures_of(asked: Sequence[Asked], decoder: str | None, beta: str = "1") -> frozenset[Measure] | None:
    """What is measured of a lane (decoder None: one of the grid) for all that was asked for; None where nothing needs it."""
    needing = [
        target
        for one in asked
        if one.has(decoder, beta)
        for target in map(TARGETS.__getitem__, one.targets)
        if (beta in target.betas if decoder is None else decoder in target.decoders)
    ]
    measures: frozenset[Measure] = frozenset(measure for target in needing for measure in target.measures)
    if not needing:
        return None
    return measures if decoder in ANALYTIC else measures - FLATTERED
