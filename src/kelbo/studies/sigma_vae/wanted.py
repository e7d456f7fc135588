"""What each table and figure of the σ-VAE study needs: which decoders, which of the grid, and what is measured of them."""

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


def chosen(only: Sequence[str] | None) -> tuple[str, ...]:
    """The targets that were asked for, in the study's order; all where None. RecipeError lists those there are."""
    if only is None:
        return tuple(TARGETS)
    if unknown := [name for name in only if name not in TARGETS]:
        raise RecipeError(f"The σ-VAE study has no {', '.join(map(repr, unknown))}; --only takes {', '.join(TARGETS)}.")
    if not only:
        raise RecipeError(f"--only names nothing; it takes {', '.join(TARGETS)}.")
    return tuple(name for name in TARGETS if name in only)


def measures_of(targets: Sequence[str], decoder: str | None, beta: str = "1") -> frozenset[Measure] | None:
    """What is measured of a lane (decoder None: one of the grid) for these targets; None where none needs it."""
    asked = [
        found
        for found in map(TARGETS.__getitem__, targets)
        if (beta in found.betas if decoder is None else decoder in found.decoders)
    ]
    measures: frozenset[Measure] = frozenset(measure for found in asked for measure in found.measures)
    if not asked:
        return None
    return measures if decoder in ANALYTIC else measures - FLATTERED
