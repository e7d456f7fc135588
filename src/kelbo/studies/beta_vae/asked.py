"""How much of the β-VAE study is done: budgets from a look in a quarter of an hour to the paper's own 40 epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from kelbo.studies.arms import Budget
from kelbo.studies.beta_vae.parts import PARTS

L = 64
"""the tables' pairs in one point"""
PAIRS = (16, L, 128, 256)
READINGS = 8
"""of a distance while training"""
FITTED = (25_000, 3_500)
"""images that PCA and ICA are fitted to, in grey and in colour: the study's for PCA"""


class ScorePoints(NamedTuple):
    """What a classifier of the β-VAE score learns from and is tested on, and how often both are drawn anew."""

    train: int
    test: int
    replicates: int = 1


@dataclass(frozen=True)
class Effort:
    """How much is spent on the quirks of the study's code. Its own sizes are the defaults; SMALL is for a minute.

    seeds         replicates of each number: other pairs, other weights, other images to fit on
    points        that a classifier learns from and is tested on, as the study ran them; reference: as its reference does
    pairs         L
    linear_steps  of the linear network; mlp_steps: of the MLP, and if they are the study's, of PCA's
                  too; the plateau of the schedule needs more than 5,000
    mig_rows      images that the mutual information gap looks at; its time grows with their square
    encoded       images that refitted baselines encode; fitted: images that corrected ones are fitted on, None for all
    everywhere    whether what concerns no set in particular is measured on every subject, or on the first that allows it
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    points: tuple[int, int] = (1_000, 501)
    reference: tuple[int, int] = (10_000, 5_000)
    pairs: int = L
    linear_steps: int = 10_000
    mlp_steps: int = 5_000
    mig_rows: int = 5_000
    encoded: int = 10_000
    fitted: int | None = None
    everywhere: bool = True


WHOLE = Effort()
SMALL = Effort(linear_steps=6_000, mlp_steps=300, mig_rows=2_000, encoded=3_000, fitted=10_000, everywhere=False)
"""about a minute of one core for two sets in colour; the shortened networks are said to be"""


@dataclass(frozen=True)
class BetaBudget(Budget):
    """How long is trained and how much is looked at.

    steps     of each part of the study; a part without steps is left out
    seeds     how many of the study's, None: all
    codes     images of a set with factors that are encoded, None: all
    points    by classifier. The logistic one costs next to nothing, the MLP minutes at 10,000 points
    images    of the split that the bound is measured on, None: all
    clouds    images on each side of a Fréchet distance
    followed  the same, of the distances that are read while training
    effort    spent on what the study's code did without saying so
    compared  seeds whose codes go to all four classifiers, None: all
    """

    steps: Mapping[str, int]
    points: Mapping[str, ScorePoints]
    seeds: int | None = None
    codes: int | None = None
    images: int | None = None
    clouds: int = 10_000
    followed: int = 2_000
    effort: Effort = WHOLE
    compared: int | None = None


def _steps(mlp: int, conv: int, colour: int, cifar: int) -> dict[str, int]:
    return dict(zip(PARTS, (mlp, conv, colour, colour, cifar, cifar), strict=True))


# seconds are those of benchmarks/results/beta_vae_{minutes,hours}.json; of `paper`, the first scaled by the images trained on
BUDGETS = {
    budget.name: budget
    for budget in (
        BetaBudget(
            "minutes",
            _steps(100, 130, 260, 400),
            {
                "logistic": ScorePoints(10_000, 5_000, 3),
                "linear": ScorePoints(2_000, 5_000),
                "forest": ScorePoints(2_000, 5_000),
                "mlp": ScorePoints(200, 1_000),
            },
            seeds=2,
            compared=1,
            codes=20_000,
            images=1_024,
            clouds=1_000,
            followed=500,
            effort=SMALL,
            about="two seeds, 0.04–1.3 % of the steps",
            seconds=720,
        ),
        BetaBudget(
            "hours",
            _steps(400, 800, 500, 1_500),
            {
                "logistic": ScorePoints(10_000, 5_000, 5),
                "linear": ScorePoints(10_000, 5_000),
                "forest": ScorePoints(5_000, 5_000),
                "mlp": ScorePoints(500, 2_000),
            },
            codes=50_000,
            images=4_096,
            clouds=5_000,
            followed=1_000,
            effort=Effort(mlp_steps=500, mig_rows=4_000, fitted=25_000, everywhere=False),
            about="all seeds, 0.08–4.8 % of the steps",
            seconds=5_800,
        ),
        BetaBudget(
            "paper",
            {name: part.paper_steps for name, part in PARTS.items()},
            dict.fromkeys(("logistic", "linear", "forest", "mlp"), ScorePoints(10_000, 5_000, 5)),
            about="40 epochs of every set",
            seconds=770_000,
        ),
    )
}
