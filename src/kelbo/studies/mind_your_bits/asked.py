"""What can be asked of the study: its options, and budgets from half an hour at 16×16 to the paper's networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import field_validator

from kelbo.studies.arms import Budget, Need, Seeds, StudyModel, StudyOptions
from kelbo.studies.frame import Numbers
from kelbo.studies.mind_your_bits.sets import PAPER_STEPS, Size, parse_set

HELD = 0.05
"""share of a target within which its error counts as at it"""


class MindOptions(StudyOptions):
    data: str = "mnist"
    """a set's name, or folder:PATH"""
    seeds: Seeds = None
    """None: the budget's"""

    @property
    def label(self) -> str:
        return parse_set(self.data)[0]

    @field_validator("data")
    @classmethod
    def _data(cls, data: str) -> str:
        name, folder = parse_set(data)
        return f"{name}:{folder.resolve()}" if folder else name


@dataclass(frozen=True)
class MindBudget(Budget):
    """steps of each model; size of pictures and networks; training: settings by path in which the recipe differs.

    images  of the split that bounds and errors are measured on, None: all
    clouds  images on each side of a Fréchet distance; epochs: of the classifier that it is taken through
    sigma   at which a learned σ begins
    """

    steps: int
    seeds: tuple[int, ...] = (0,)
    size: Size = field(default_factory=Size)
    training: Mapping[str, Any] = field(default_factory=dict)
    images: int | None = None
    clouds: int = 5_000
    epochs: int = 3
    sigma: float = 1.0


def off_target(n: Numbers, models: Sequence[StudyModel]) -> str:
    """Which of these models are not at their targets, so that nothing is said of them; "" if all are."""
    far = {model: n.mean("error-ratio", model) for model in models}
    told = [f"{model} ({100 * (ratio - 1):+.0f} %)" for model, ratio in far.items() if ratio and abs(ratio - 1) > HELD]
    return f"Not at its target: {', '.join(told)}" if told else ""


SMALL = Size(16, 32, 8)
_FASTER: dict[str, Any] = {
    "training.batch_size": 16,
    "training.checkpoint_every": 500,
    "training.pictures_every": 1_000_000,
    "optimizer.learning_rate": 1e-3,
    "schedule.kind": "cosine",
    "schedule.final": 0.1,
    "schedule.warmup": 100,
    "model.merge": "residual",
    "objective.form": "log_odds",
    "objective.multiplier_rate": 0.02,
}


def _faster(steps: int) -> dict[str, Any]:
    """Settings of a budget of so many steps. Without balance at first, most groups of small networks would stay unused.

    A row costs as much as several steps of such small batches, so there are about fifty.
    """
    return _FASTER | {"training.log_every": steps // 45, "objective.balance": steps // 2}


REDUCED = (
    "16×16 pictures, networks of width 32, batches of 16, faster learning of both networks and multiplier, posteriors that "
    "begin at the prior, and rates that are balanced over the groups in the first half"
)
# seconds: 100 ms a step of one of two one-thread workers, a third more of a second stage, and measuring; of `paper`, about
# 3e17 operations a model at 1e11 a second
BUDGETS = {
    budget.name: budget
    for budget in (
        MindBudget(
            "minutes",
            1_800,
            size=SMALL,
            training=_faster(1_800),
            images=1_000,
            clouds=1_000,
            epochs=1,
            sigma=0.1,
            about="one seed, 16×16",
            seconds=1_700,
            scale=REDUCED,
            enough=off_target,
        ),
        MindBudget(
            "hours",
            3_000,
            (0, 1, 2),
            size=SMALL,
            training=_faster(3_000),
            images=2_000,
            clouds=5_000,
            sigma=0.1,
            about="three seeds, 16×16",
            seconds=7_500,
            scale=REDUCED,
            enough=off_target,
        ),
        MindBudget(
            "paper",
            PAPER_STEPS,
            (0, 1, 2),
            about="the paper’s networks; weeks of an accelerator",
            seconds=1.5e8,
        ),
    )
}

SINGLE = ("single", "primary")
ALWAYS = ("bound", "held")
"""keys of measures that every lane has"""


def _needs(*measures: str, arms: tuple[str, ...] = SINGLE, first: bool = False) -> tuple[Need, ...]:
    return (Need(arms, measures, first=first),)


NEEDS: dict[str, tuple[Need, ...]] = {
    "fig1": _needs(arms=("standard", "matched")),
    "fig2": _needs("samples", arms=("standard", "matched"), first=True),
    "fig3": _needs("samples", "noisy", first=True),
    "fig4": _needs(first=True),
    "fig5": _needs("samples", first=True),
    "fig6": _needs(),
    "rates": _needs("distance"),
    "fig7": (Need((*SINGLE, "secondary"), ("samples", "refined"), first=True),),
    "fig8": _needs(arms=(*SINGLE, "secondary")),
    "stages": _needs("distance", "refined", arms=(*SINGLE, "secondary")),
    "fig9": _needs(),
    "fig10": _needs("early", first=True),
    "early": _needs("early"),
    "gap": _needs("distance"),
}
"""what each table and figure needs"""
