"""What can be asked of the σ-VAE study: its options, and budgets from a quarter of an hour to the release's 10 epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from kelbo.studies.arms import Budget, Need, Seeds, StudyOptions
from kelbo.studies.sigma_vae.models import DECODERS
from kelbo.studies.sigma_vae.sets import ANALYTIC, BETAS, DEEP_STEPS, SEEDS, SETS, SIGMA, parse_set


class SigmaOptions(StudyOptions):
    """decoders: beside the grid's; betas: of the grid."""

    SELECTING: ClassVar[tuple[str, ...]] = ("decoders", "betas")

    data: str = "mnist"
    """a set's name, or folder:PATH"""
    network: Literal["flat", "hierarchical"] = "flat"
    """hierarchical: a small very deep VAE, as the paper has on CelebA and CIFAR-10"""
    decoders: tuple[str, ...] | None = None
    """None: all that the budget allows"""
    betas: tuple[str, ...] | None = None
    """None: all"""
    seeds: Seeds = None
    """None: the budget's. Decoders that the paper's claims are not about have the first ones"""
    precision: str = "32-true"
    """of training"""

    @property
    def label(self) -> str:
        name = parse_set(self.data)[0]
        return name if self.network == "flat" else f"{name}-{self.network}"

    @field_validator("data")
    @classmethod
    def _data(cls, data: str) -> str:
        name, folder = parse_set(data)
        return f"{name}:{folder.resolve()}" if folder else name

    @field_validator("decoders")
    @classmethod
    def _decoders(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return _chosen(names, DECODERS)

    @field_validator("betas")
    @classmethod
    def _betas(cls, betas: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return _chosen(betas and [_as_listed(beta) for beta in betas], BETAS)


def _chosen(names: Sequence[str] | None, there: Sequence[str]) -> tuple[str, ...] | None:
    """The names in the study's order."""
    if names is not None and (not names or set(names) - set(there)):
        raise ValueError(f"choose from {', '.join(there)}")
    return None if names is None else tuple(name for name in there if name in names)


def _as_listed(beta: str) -> str:
    """A β as lanes are named by it, "1" for "1.0"; another text as it is."""
    try:
        return next((known for known in BETAS if float(known) == float(beta)), beta)
    except ValueError:
        return beta


@dataclass(frozen=True)
class SigmaBudget(Budget):
    """steps: by set. deep_steps: of hierarchies. main: seeds of the σ-VAEs and of the grid; others: of the other decoders.

    images  of the split that the bound is measured on, None: all
    clouds  images on each side of a Fréchet distance
    coded   images whose posteriors make up the aggregate posterior; looked: images of a calibration
    epochs  of the classifier whose features measure distances
    logits  of an image's likelihood: a decoder with more is left out unless it is asked for by its name
    """

    steps: Mapping[str, int]
    deep_steps: int
    main: tuple[int, ...] = SEEDS
    others: tuple[int, ...] = SEEDS[:1]
    images: int | None = None
    clouds: int = 5_000
    coded: int = 5_000
    looked: int = 1_000
    epochs: int = 3
    logits: int = 4_000_000


_MINUTES = dict.fromkeys(SETS, 100) | {"digits": 1_500}
_HOURS = dict.fromkeys(SETS, 1_500) | dict.fromkeys(("mnist", "fashion-mnist", "svhn"), 938) | {"cifar10": 2_000}
_LESS: dict[str, Any] = {
    "images": 1_000,
    "clouds": 1_000,
    "coded": 1_000,
    "looked": 500,
    "epochs": 1,
    "logits": 1_000_000,
}
# seconds of `minutes` are those of benchmarks/results/sigma_vae_minutes.json; the others are these by lanes and steps
BUDGETS = {
    budget.name: budget
    for budget in (
        SigmaBudget("minutes", _MINUTES, 300, SEEDS[:2], **_LESS, about="2 % of the steps on MNIST", seconds=550),
        SigmaBudget("hours", _HOURS, 4_000, about="2 of 10 epochs on MNIST", seconds=5_500),
        SigmaBudget(
            "paper",
            {name: found.steps for name, found in SETS.items()},
            DEEP_STEPS,
            others=SEEDS,
            clouds=10_000,
            coded=10_000,
            about="the release’s 10 epochs",
            seconds=39_000,
        ),
    )
}


def _needs(decoders: Sequence[str], betas: Sequence[str], *measures: str) -> tuple[Need, ...]:
    of_decoders = Need(("decoders", "analytic"), measures, {"likelihood.kind": tuple(decoders)})
    return (of_decoders, Need(("betas",), measures, {"objective.beta": tuple(betas)}))


PICTURES = ("reconstructions", "samples")
NEEDS: dict[str, tuple[Need, ...]] = {
    "table1": _needs(SIGMA, BETAS, "distance"),
    "table2": _needs(DECODERS, BETAS, "distance"),
    "table3": _needs(("bernoulli", "per_pixel_gaussian", "shared_gaussian"), BETAS, "distance"),
    "balance": _needs(SIGMA, BETAS, "distance"),
    "fig3": _needs(SIGMA, BETAS, *PICTURES),
    "fig4": _needs(SIGMA, BETAS, "latents"),
    "fig9": _needs(("shared_gaussian", *ANALYTIC), ()),
    "decoders": _needs(DECODERS, ("1",), *PICTURES),
    "calibration": _needs(DECODERS, BETAS, "calibration", "errors"),
    "flattery": _needs(ANALYTIC, (), "flattery"),
}
"""what each table and figure needs; those of calibration share one entry"""
ALWAYS = ("bound", "posteriors", "dequantized", "variance")
"""keys of measures that every lane has"""
