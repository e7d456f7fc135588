"""The runs of the β-VAE reproducibility study: its networks, optimisers, batch sizes, seeds and learning-rate drop.

From appendix A and table 4 of the report, or from its code if the report does not say: 64-pixel images go through four
convolutions and only CIFAR's through three, and 40 epochs is what its file names and its "last 25 %" rule agree on.
Of the sets with factors a tenth is held out, unlike in the study, which had no test images at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from kelbo.recipes import data_specs as d, schema as s
from kelbo.recipes.schema import Recipe

Role = Literal["dsprites", "3dshapes", "mpi3d", "cifar10", "cifar100"]
"""a set of the study, for which a rendered one can stand"""

EPOCHS = 40


class StudyPart(NamedTuple):
    """One network on one set of the study: an arm over β and seeds.

    seeds    the study's
    images   of the whole set, from which the steps of EPOCHS follow
    standing the rendered set that replaces it if its official file is missing
    """

    role: Role
    network: Literal["mlp", "conv"]
    seeds: tuple[int, ...]
    images: int
    standing: d.DataSpec | None
    latents: int = 10
    batch_size: int = 64
    learning_rate: float = 5e-4

    @property
    def paper_steps(self) -> int:
        return round(EPOCHS * self.images / self.batch_size)


FOUR, THREE, TWO = (123, 427, 235, 921), (123, 427, 235), (4723, 1263)

PARTS: dict[str, StudyPart] = {
    "dsprites-mlp": StudyPart("dsprites", "mlp", FOUR, 737_280, d.Shapes2dSpec(), batch_size=256, learning_rate=1e-2),
    "dsprites-conv": StudyPart("dsprites", "conv", FOUR, 737_280, d.Shapes2dSpec(), batch_size=256),
    "3dshapes-conv": StudyPart("3dshapes", "conv", THREE, 480_000, d.Shapes3dSpec(), learning_rate=1e-4),
    "mpi3d-conv": StudyPart("mpi3d", "conv", THREE, 1_036_800, d.ArmSpec()),
    "cifar10-conv": StudyPart("cifar10", "conv", TWO, 50_000, None, latents=128),
    "cifar100-conv": StudyPart("cifar100", "conv", TWO, 50_000, None, latents=128),
}


def part_recipe(name: str, data: d.DataSpec, steps: int, *, as_published: bool = False) -> Recipe:
    """The recipe of one part on `data` (the official set or the one that stands for it), at β = 1 and its first seed.

    as_published: the MLP's learning rate is never dropped, as in the study's code; its text says that all were.
    """
    part = PARTS[name]
    mlp = part.network == "mlp"
    every = max(1, steps // 20)
    return Recipe(
        name=name,
        data=data,
        model=s.VaeSpec(latents=part.latents, network=s.HigginsSpec() if mlp else s.BurgessSpec()),
        likelihood=s.BernoulliSpec(),
        objective=s.BetaSpec(beta=1.0),
        optimizer=s.OptimizerSpec(kind="adagrad" if mlp else "adam", learning_rate=part.learning_rate),
        schedule=s.ConstantSpec() if mlp and as_published else s.DropSpec(at=0.75, factor=0.2),
        training=s.TrainingSpec(
            steps=steps,
            batch_size=part.batch_size,
            log_every=every,
            checkpoint_every=min(2000, 5 * every),
            pictures_every=10 * every,
        ),
        seed=part.seeds[0],
    )


def official(role: Role, root: Path | None) -> d.DataSpec:
    """The study's own set in its official files below `root`."""
    match role:
        case "dsprites":
            return d.DspritesSpec(root=root)
        case "3dshapes":
            return d.ThreeDShapesSpec(root=root)
        case "mpi3d":
            return d.Mpi3dSpec(root=root)
        case "cifar10" | "cifar100":
            return d.CifarSpec(kind=role, root=root)
