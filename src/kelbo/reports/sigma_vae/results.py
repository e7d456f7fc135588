"""The σ-VAE study's results.json, asked for what one number, table or figure is of.

Any lane may be absent, unfinished, or lack any measure: readers then give None, and nothing here falls over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Entry = Mapping[str, Any]
BySeed = dict[int, float]
Read = Callable[[Entry], float | None]
"""A number of a lane, None where it has none."""

GRID = "fixed_gaussian"
"""The decoder of the β grid's lanes; the one of β = 1 is the paper's "Gaussian VAE"."""

SIGMA_VAES = ("shared_gaussian", "optimal_gaussian")
"""What the paper calls σ-VAEs: one σ for all pixels, by gradient descent and in closed form."""

NAMES = {
    "mse_vae": "Averaged squared error",
    GRID: "Gaussian, σ = 1",
    "per_pixel_gaussian": "Per-pixel σ",
    "student_t": "Student-t",
    "bernoulli": "Bernoulli",
    "categorical": "Categorical",
    "bitwise_categorical": "Bitwise categorical",
    "logistic_mixture": "Logistic mixture",
    "shared_gaussian": "Shared σ",
    "optimal_gaussian": "Optimal σ",
    "per_image_gaussian": "Optimal σ per image",
}
"""What the paper calls its decoders, in about the order of its table 2."""

SETS = {
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "svhn": "SVHN",
    "cifar10": "CIFAR-10",
    "celeba": "CelebA",
    "digits": "scikit-learn’s digits",
    "folder": "a folder of pictures",
}


OF_THE_PAPER = ("mnist", "svhn")
"""Sets on which network and steps are those of the released code; elsewhere they are ours."""


@dataclass(frozen=True)
class Kind:
    """A model of the study: a decoder, and of the grid one β."""

    decoder: str
    beta: float = 1.0

    def __str__(self) -> str:
        return f"β\u00a0=\u00a0{self.beta:g}" if self.decoder == GRID else NAMES.get(self.decoder, self.decoder)


GAUSSIAN = Kind(GRID)
"""The paper's Gaussian VAE."""


@dataclass(frozen=True)
class Study:
    """results: as results.json holds them."""

    results: Entry

    @property
    def plan(self) -> Entry:
        return self.results["plan"]

    @property
    def as_published(self) -> bool:
        return self.results["mode"] == "as-published"

    @property
    def asked(self) -> str:
        """Which part of the study was asked for, "" where all of it."""
        parts = [", ".join([*(one["only"] or ()), *map(str, _named(one))]) for one in self.results["asked"]]
        return "; ".join(parts) if all(parts) else ""

    def asked_of(self, kind: Kind) -> list[str] | None:
        """The tables and figures that were asked for of a model, none where all were; None where it was not asked for."""
        option, name = ("betas", f"{kind.beta:g}") if kind.decoder == GRID else ("decoders", kind.decoder)
        named = [one["only"] for one in self.results["asked"] if one[option] is None or name in one[option]]
        if not named:
            return None
        return [] if None in named else list(dict.fromkeys(target for targets in named for target in targets))

    @property
    def set(self) -> str:
        """What its images are called."""
        name: str = self.plan["set"]
        changed = self.results["settings"] if self.plan["role"] is None else ()
        return SETS.get(name, name) + (f" with {', '.join(changed)}" if changed else "")

    @property
    def steps(self) -> str:
        """Whose steps a share of the schedule is of: the released code's on two sets, ours elsewhere."""
        return "the paper’s steps" if self.plan["set"] in OF_THE_PAPER else "the full schedule"

    @property
    def betas(self) -> tuple[float, ...]:
        """Every β of the grid in order, planned or there."""
        there = (lane["beta"] for lane in self.results["lanes"] if lane["decoder"] == GRID)
        return tuple(sorted({float(beta) for beta in [*self.plan["betas"], *there]}))

    @property
    def decoders(self) -> tuple[str, ...]:
        """Every decoder but the grid's, planned or there, in the order of `NAMES`."""
        there = [*self.plan["decoders"], *(lane["decoder"] for lane in self.results["lanes"])]
        known = [*NAMES, *sorted(set(there) - NAMES.keys())]
        return tuple(key for key in known if key in there and key != GRID)

    @property
    def grid(self) -> list[Kind]:
        """Every β of the grid as a model."""
        return [Kind(GRID, beta) for beta in self.betas]

    @property
    def sigma_vaes(self) -> list[Kind]:
        """The σ-VAEs, whether they were run or not."""
        return [Kind(key) for key in SIGMA_VAES]

    @property
    def kinds(self) -> list[Kind]:
        """Every model: the grid, then the decoders."""
        return [*self.grid, *map(Kind, self.decoders)]

    def planned(self, kind: Kind) -> list[Entry]:
        """A model's lanes, whatever became of them."""
        found = (lane for lane in self.results["lanes"] if lane["decoder"] == kind.decoder)
        return [lane for lane in found if kind.decoder != GRID or lane["beta"] == kind.beta]

    def lanes(self, kind: Kind) -> list[Entry]:
        """Those of them that came to their end."""
        return [lane for lane in self.planned(kind) if lane["state"] == "done"]

    def reading(self, kind: Kind, read: Read) -> BySeed:
        """A number of every finished lane of a model by seed; lanes that have none, or none that is finite, are left out."""
        found = {lane["seed"]: read(lane) for lane in self.lanes(kind)}
        return {seed: float(value) for seed, value in found.items() if value is not None and math.isfinite(value)}

    def mean(self, kind: Kind, read: Read) -> float | None:
        """Its mean over seeds."""
        values = list(self.reading(kind, read).values())
        return float(np.mean(values)) if values else None

    def least(self, read: Read, among: Sequence[Kind]) -> Kind | None:
        """The model of the smallest mean over seeds; None where none has a number."""
        means = {kind: mean for kind in among if (mean := self.mean(kind, read)) is not None}
        return min(means, key=lambda kind: means[kind], default=None)

    def best_beta(self, read: Read) -> float | None:
        """The β of the grid of the smallest mean over seeds: of −ELBO, of a distance."""
        kind = self.least(read, self.grid)
        return None if kind is None else kind.beta


def loss(lane: Entry) -> float | None:
    """−ELBO, nats per image; of a lane of the grid that of the Gaussian of σ² = β that it amounts to."""
    return _negative(lane["bound"])


def unit_loss(lane: Entry) -> float | None:
    """−ELBO of a lane of the grid under the unit variance that it was trained with."""
    return _negative(lane["unit_bound"])


def fitted_loss(lane: Entry) -> float | None:
    """−ELBO of a lane of the grid under the σ that fits its training errors."""
    return _negative(lane["fitted"])


def distance(made: str) -> Read:
    """Reader of a lane's Fréchet distance of its "reconstruction" or its "sample"."""

    def read(lane: Entry) -> float | None:
        found = lane["distances"] and lane["distances"].get(made)
        return found["value"] if found else None

    return read


of_samples = distance("sample")


def rate(lane: Entry) -> float | None:
    """A lane's rate, nats per image."""
    return lane["bound"]["rate"]["mean"] if lane["bound"] else None


def bits(lane: Entry) -> float | None:
    """Bits per dimension."""
    return lane["bits"]["value"] if lane["bits"] else None


def rmse(lane: Entry) -> float | None:
    """Error of reconstructions, intensities."""
    return lane["rmse"]


def sigma(lane: Entry) -> float | None:
    """Root of the mean variance that the decoder predicts, intensities."""
    return lane["sigma"]


def effective_beta(lane: Entry) -> float | None:
    """σ²·β: the weight of the rate beside ½ squared error that a lane amounts to."""
    return lane["equivalent_beta"]


def latent(name: str) -> Read:
    """Reader of one number of a lane's latents: "index_code_mutual_information", "marginal_kl" …"""

    def read(lane: Entry) -> float | None:
        found = lane["latents"] and lane["latents"].get(name)
        return found["value"] if found else None

    return read


def _named(one: Entry) -> list[Kind]:
    """The models that one command asked for by name."""
    return [*map(Kind, one["decoders"] or ()), *(Kind(GRID, float(beta)) for beta in one["betas"] or ())]


def _negative(found: Entry | None) -> float | None:
    return -found["elbo"]["mean"] if found else None
