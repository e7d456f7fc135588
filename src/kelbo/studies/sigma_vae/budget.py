"""How much of the σ-VAE study is done: budgets from a look in a quarter of an hour to the release's own 10 epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kelbo.errors import RecipeError
from kelbo.recipes.sigma_study import SEEDS, SETS


@dataclass(frozen=True)
class Budget:
    """How long is trained and how much is looked at.

    steps     of every lane, by set
    main      seeds of the σ-VAE and of the grid over β, which the paper's claim is about
    others    seeds of the other decoders
    images    of the split that the bound is measured on, all where None
    clouds    images on each side of a Fréchet distance
    coded     images whose posteriors make up the aggregate posterior
    looked    images whose pixels calibration looks at
    epochs    of the classifier whose features measure distances
    logits    of an image's likelihood: a decoder with more is left out
    """

    name: str
    steps: Mapping[str, int]
    main: tuple[int, ...] = SEEDS
    others: tuple[int, ...] = SEEDS[:1]
    images: int | None = None
    clouds: int = 5_000
    coded: int = 5_000
    looked: int = 1_000
    epochs: int = 3
    logits: int = 4_000_000

    def of_seeds(self, seeds: Sequence[int]) -> Budget:
        """The same with these seeds, the first of them for the other decoders too, as many as there were. RecipeError for
        none, negative ones, and one that is named twice."""
        if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
            raise RecipeError(
                f"--seeds takes numbers from 0 on, each once: 0,1,2; got {','.join(map(str, seeds)) or 'none'}."
            )
        return replace(self, main=tuple(seeds), others=tuple(seeds[: len(self.others)]))


_MINUTES = dict.fromkeys(SETS, 100) | {"digits": 1_500}
_HOURS = dict.fromkeys(("mnist", "fashion-mnist", "svhn"), 938) | {
    "cifar10": 2_000,
    "celeba": 1_500,
    "folder": 1_500,
    "digits": 1_500,
}

BUDGETS = {
    budget.name: budget
    for budget in (
        Budget(
            "minutes",
            _MINUTES,
            main=SEEDS[:2],
            images=1_000,
            clouds=1_000,
            coded=1_000,
            looked=500,
            epochs=1,
            logits=1_000_000,
        ),
        Budget("hours", _HOURS),
        Budget("paper", {name: found.steps for name, found in SETS.items()}, others=SEEDS, clouds=10_000, coded=10_000),
    )
}


def budget_of(name: str) -> Budget:
    """The budget of that name. RecipeError lists those there are."""
    if name not in BUDGETS:
        raise RecipeError(f"There is no budget {name!r}; there is {', '.join(BUDGETS)}.")
    return BUDGETS[name]
