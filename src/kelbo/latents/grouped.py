"""What models of many ordered groups of latents have in common, beside what all models have."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from kelbo.bound import Batch, Given, Latents, Reading, Temperature
from kelbo.errors import RecipeError, ScoreError
from kelbo.latents.merge import GroupGaussian
from kelbo.protocols import NOTHING, Generator, Model
from kelbo.units import counted


class Grouped(ABC):
    """A model whose groups of latents are ordered, and Gaussian in each dimension given those before."""

    groups: int

    @abstractmethod
    def posteriors(self, batch: Batch, groups: int) -> list[GroupGaussian]:
        """The posteriors of the first `groups` groups, each given the means of those before it."""

    @abstractmethod
    def prior_after(self, latents: Latents, count: int, given: Given = NOTHING) -> GroupGaussian:
        """The prior of the group after the first ones, (count, …), given these."""


class Spatial(Grouped):
    """A model of one group of latents (B, c, h, w) that keeps the layout of pictures, of any size that its networks take.

    factor  a picture's side divided by that of its latents
    reach   of encoder and of decoder: how many latents away, at most, is what a latent, or a pixel, depends on; None if the
            network has an attention, which sees everything
    """

    factor: int
    reach: tuple[int | None, int | None]

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of the pictures that it was made for."""

    @abstractmethod
    def posterior(self, batch: Batch) -> GroupGaussian:
        """q(z | x), (B, c, h, w)."""

    def posteriors(self, batch: Batch, groups: int) -> list[GroupGaussian]:
        return [self.posterior(batch)][:groups]


class Staged(Grouped):
    """A model of two: a primary, whose groups come first, and a secondary that refines its picture.

    stages  how many groups each of them has
    """

    @property
    @abstractmethod
    def primary(self) -> Model:
        """The first model, frozen."""

    @abstractmethod
    def refine(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        """The output of the primary's latents, all of them, and a new draw of the secondary's."""

    @abstractmethod
    def read_after(self, batch: Batch, first: Reading, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        """The whole model's reading of a batch that the primary has read."""


def grouped(model: Model, groups: int) -> Grouped:
    """The model as one with at least so many ordered groups. ScoreError if it has none, RecipeError if it has fewer."""
    if not isinstance(model, Grouped):
        raise ScoreError(
            f"This needs a model with groups of latents in an order; {type(model).__name__} has one vector of latents. Leave "
            "out which groups."
        )
    if not 1 <= groups <= model.groups:
        raise RecipeError(f"This model has {counted(model.groups, 'group')} of latents, numbered from 1; got {groups}.")
    return model


def spatial(model: Generator) -> Spatial:
    """The model as one whose latents keep the layout of pictures. ScoreError if they do not."""
    if not isinstance(model, Spatial):
        raise ScoreError(
            f"This needs a model whose latents keep the layout of pictures (model.kind spatial); this is a "
            f"{type(model).__name__}."
        )
    return model


def staged(model: Model) -> Staged:
    """The model as one of two stages. ScoreError if it is not."""
    if not isinstance(model, Staged):
        raise ScoreError(
            f"This needs a secondary and its primary; {type(model).__name__} is one model, whose pictures nothing refines."
        )
    return model
