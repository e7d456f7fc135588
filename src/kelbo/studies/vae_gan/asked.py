"""What can be asked of the study: its options, and budgets from half-width networks at 32×32 to the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import field_validator

from kelbo.studies.arms import Budget, Need, Seeds, StudyModel, StudyOptions
from kelbo.studies.frame import Numbers
from kelbo.studies.vae_gan.models import TOLD
from kelbo.studies.vae_gan.sets import Losses, Size, parse_set

LEAST, WON = 1_000, 0.1
"""steps below which a reduced budget decides nothing; nats: at costs below it a discriminator is never wrong any more"""
LATE = 0.75
"""share of the steps after which costs are looked at"""


class GanOptions(StudyOptions):
    data: str = "celeba"
    """a set's name, or folder:PATH"""
    attributes: tuple[str, ...] | None = None
    """that images are edited along; None: the study's choice on the set"""
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
class GanBudget(Budget):
    """steps of each model; size of pictures and networks; losses; training, adversary: settings by path that differ.

    images  of the test split that errors are measured on; clouds: on each side of a Fréchet distance
    taught  images that the classifier that judges learns from, in whole epochs
    """

    steps: int
    seeds: tuple[int, ...] = (0,)
    size: Size = field(default_factory=Size)
    losses: Losses = field(default_factory=Losses)
    training: Mapping[str, Any] = field(default_factory=dict)
    adversary: Mapping[str, Any] = field(default_factory=dict)
    images: int = 2_000
    clouds: int = 10_000
    taught: int = 600_000


def unsettled(n: Numbers, models: Sequence[StudyModel]) -> str:
    """Which of these models were trained too briefly or lost their game, so that nothing is said of them; "" if none."""
    found = []
    for model in models:
        steps = min((lane["steps"] for lane in n.done(model)), default=LEAST)
        cost = n.mean("cost-late", model)
        if steps < LEAST:
            found.append(f"{model} was trained for {steps:,} steps, fewer than {LEAST:,}")
        elif cost is not None and cost < WON:
            found.append(f"the discriminator of {model} is never wrong any more (a cost of {cost:.2g} nats)")
    return "; ".join(found)


_FASTER: dict[str, Any] = {
    "training.batch_size": 32,
    "training.log_every": 25,
    "training.checkpoint_every": 500,
    "training.pictures_every": 1_000_000,
}
SMALL, CALIBRATED = Size(32, 0.5, 64), Losses(calibrated=True, weight=1e-3, convention="paper")
REDUCED = (
    "32×32 pictures, networks of half width, 64 latents, batches of 32, and σ of pixels and of features solved for instead of "
    "1, so that γ is 0.001"
)
# seconds: 50 to 110 ms a step of one of two one-thread workers, seven models; of `paper`, 1e17 operations at 1e11 a second
BUDGETS = {
    budget.name: budget
    for budget in (
        GanBudget(
            "minutes",
            2_000,
            size=SMALL,
            losses=CALIBRATED,
            training=_FASTER,
            images=300,
            clouds=300,
            taught=60_000,
            about="one seed, 32×32, networks of half width",
            seconds=860,
            scale=REDUCED,
            enough=unsettled,
        ),
        GanBudget(
            "hours",
            8_000,
            (0, 1, 2),
            size=SMALL,
            losses=CALIBRATED,
            training=_FASTER,
            clouds=2_000,
            taught=200_000,
            about="three seeds, 32×32, networks of half width",
            seconds=11_000,
            scale=REDUCED,
            enough=unsettled,
        ),
        GanBudget(
            "paper",
            62_500,
            (0, 1, 2),
            about="the paper’s networks at 64×64; a day of an accelerator",
            seconds=2e6,
        ),
    )
}

READ = ("vae", "learned", "vaegan")
FOUR = ("vae", "gan", "learned", "vaegan")
ALWAYS = ("bound",)
"""keys of measures that every lane has, if it reads images"""


def _needs(*measures: str, arms: tuple[str, ...] = FOUR, first: bool = False) -> tuple[Need, ...]:
    return (Need(arms, measures, first=first),)


NEEDS: dict[str, tuple[Need, ...]] = {
    "samples": _needs("samples", first=True),
    "reconstructions": _needs("errors", arms=READ, first=True),
    "models": _needs("distance", "errors", "sharp"),
    "errors": _needs("errors", arms=READ),
    "edited": _needs("grid", arms=READ, first=True),
    "edits": _needs("edits", arms=READ),
    "progress": _needs("progress", arms=READ),
    "watched": _needs("progress", arms=READ, first=True),
    "similarity": _needs("similarity", arms=tuple(model.arm for model in TOLD)),
    "told": _needs("samples", arms=tuple(model.arm for model in TOLD), first=True),
    "game": _needs(arms=FOUR),
}
"""what each table and figure needs"""
