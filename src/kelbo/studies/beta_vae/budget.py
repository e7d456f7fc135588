"""How much of the β-VAE study is done: budgets from a look in a quarter of an hour to the paper's own 40 epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from kelbo.errors import RecipeError
from kelbo.metrics.classifiers import Classifier
from kelbo.recipes.beta_study import PARTS
from kelbo.studies.beta_vae.quirks import SMALL, Effort

BETAS = ("0.1", "1", "4", "10")
"""as texts, by which lanes are named"""


class Points(NamedTuple):
    """What a classifier of the β-VAE score learns from and is tested on, and how often both are drawn anew."""

    train: int
    test: int
    replicates: int = 1


@dataclass(frozen=True)
class Budget:
    """How long is trained and how much is looked at.

    steps     of each part of the study; a part without steps is left out
    seeds     how many of the study's, all where None
    codes     images of a set with factors that are encoded, all where None
    points    of each classifier. The logistic one costs next to nothing, the MLP minutes at 10,000 points
    images    of the split that the bound is measured on, all where None
    clouds    images on each side of a Fréchet distance
    followed  the same, of the distances that are read while training
    readings  of a distance while training
    fitted    images that PCA and ICA are fitted to, in grey and in colour; 25,000 and 3,500 are the study's for PCA
    effort    spent on what the study's code did without saying so
    compared  seeds whose codes go to all four classifiers, all where None
    pairs     values of L, the pairs in one point; 64 is the tables'
    """

    name: str
    steps: Mapping[str, int]
    seeds: int | None
    codes: int | None
    points: Mapping[Classifier, Points]
    images: int | None
    clouds: int
    followed: int
    effort: Effort = SMALL
    readings: int = 8
    fitted: tuple[int, int] = (25_000, 3_500)
    compared: int | None = None
    betas: tuple[str, ...] = BETAS
    pairs: tuple[int, ...] = (16, 64, 128, 256)


L = 64
"""the tables' pairs in one point"""

_CONVOLUTIONAL = ("3dshapes-conv", "mpi3d-conv")
_CIFAR = ("cifar10-conv", "cifar100-conv")

BUDGETS = {
    budget.name: budget
    for budget in (
        Budget(
            name="minutes",
            steps={"dsprites-mlp": 100, "dsprites-conv": 130}
            | dict.fromkeys(_CONVOLUTIONAL, 260)
            | dict.fromkeys(_CIFAR, 400),
            seeds=2,
            compared=1,
            codes=20_000,
            points={
                "logistic": Points(10_000, 5_000, 3),
                "linear": Points(2_000, 5_000),
                "forest": Points(2_000, 5_000),
                "mlp": Points(200, 1_000),
            },
            images=1_024,
            clouds=1_000,
            followed=500,
        ),
        Budget(
            name="hours",
            steps={"dsprites-mlp": 400, "dsprites-conv": 800}
            | dict.fromkeys(_CONVOLUTIONAL, 500)
            | dict.fromkeys(_CIFAR, 1_500),
            seeds=None,
            codes=50_000,
            points={
                "logistic": Points(10_000, 5_000, 5),
                "linear": Points(10_000, 5_000),
                "forest": Points(5_000, 5_000),
                "mlp": Points(500, 2_000),
            },
            images=4_096,
            clouds=5_000,
            followed=1_000,
            effort=Effort(mlp_steps=500, mig_rows=4_000, fitted=25_000, everywhere=False),
        ),
        Budget(
            name="paper",
            steps={name: part.paper_steps for name, part in PARTS.items()},
            seeds=None,
            codes=None,
            points=dict.fromkeys(("logistic", "linear", "forest", "mlp"), Points(10_000, 5_000, 5)),
            images=None,
            clouds=10_000,
            followed=2_000,
            effort=Effort(),
        ),
    )
}


def budget_of(name: str) -> Budget:
    """The budget of that name. RecipeError lists those there are."""
    if name not in BUDGETS:
        raise RecipeError(f"There is no budget {name!r}; there is {', '.join(BUDGETS)}.")
    return BUDGETS[name]
