"""Two models for one picture: a first one for the bits that are seen, and a second one, given its picture, for the rest.

After "Mind Your Bits and Errors", sections 4 and A.2: a frozen primary gives x̄, the mean at a draw z ~ q(z | x). The secondary
is a hierarchy that is given x̄, and learns x̄ + f. Together they are one model with latents (z, z̃).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kelbo.bound import Batch, Bound, Given, Latents, Reading, Temperature, require_groups, temperatures
from kelbo.errors import ScoreError
from kelbo.frozen import Frozen
from kelbo.latents.grouped import Grouped, Staged
from kelbo.latents.merge import GroupGaussian
from kelbo.latents.priors import StandardNormal
from kelbo.models.hierarchical import Conditions, Hierarchical, Step, StochasticLayer
from kelbo.networks.vdvae import Entry, Exit, VeryDeepEncoder
from kelbo.protocols import NOTHING, FlatLatent, Likelihood, Model, reads

PICTURE = "primary"
"""the condition of a secondary that is its primary's picture x̄, intensities (B, C, H, H)"""


class Secondary(Hierarchical):
    """What trains: a hierarchy given the picture x̄ of a frozen primary, whose output is x̄ + f, with f = 0 at first.

    Its bound is of log p(x | x̄), so it holds the rate R₂ of its own groups alone. A batch without x̄ (`given["primary"]`) is
    read by the primary first, with a draw of its latents wherever the own ones are drawn. encoder: takes [x, x̄], 2C channels.
    conditions: of names and networks whose last is the picture's. ValueError if the likelihood is `unshiftable`.
    """

    def __init__(
        self,
        primary: Frozen,
        encoder: VeryDeepEncoder,
        entries: Sequence[Entry],
        layers: Sequence[StochasticLayer],
        out: Exit,
        likelihood: Likelihood,
        conditions: Conditions,
        *,
        checkpointing: bool = False,
    ) -> None:
        if conditions.names[-1:] != (PICTURE,):
            raise ValueError(f"A secondary's last condition is {PICTURE!r}; these are {conditions.names}.")
        if likelihood.unshiftable is not None:
            raise ValueError(f"{type(likelihood).__name__} {likelihood.unshiftable}.")
        event = primary.model.event
        super().__init__(encoder, entries, layers, out, likelihood, event, conditions, checkpointing=checkpointing)
        self.primary = primary
        for parameter in out.output.parameters():
            nn.init.zeros_(parameter)

    @property
    def whole(self) -> TwoStage:
        return TwoStage(self)

    def shown(self, batch: Batch, *, draw: bool = True) -> Batch:
        """The batch with x̄ given, unless it is: of a draw of the primary's latents, or of their means."""
        if PICTURE in batch.given:
            return batch
        with torch.no_grad():
            return self.after(batch, reads(self.primary.model).read(batch, draw=draw))

    def after(self, batch: Batch, first: Reading) -> Batch:
        """The batch with x̄ of the primary's reading given."""
        return Batch(batch.x, self.given_with(self.primary.model.mean(first.output), batch.given))

    def given_with(self, picture: Tensor, given: Given) -> Given:
        """What is given, with x̄ beside it."""
        return {**given, PICTURE: picture.float()}

    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        return super().read(self.shown(batch, draw=draw), target=target, draw=draw)

    def read_both(self, batch: Batch, target: Tensor | None = None) -> tuple[Reading, Reading]:
        return self.read(batch, target=target), self.read(batch, target=target, draw=False)

    def weighed(self, batch: Batch, target: Tensor | None = None) -> Reading:
        return super().weighed(self.shown(batch), target)

    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        return super().log_weights(self.shown(batch), samples, target)

    def posteriors(self, batch: Batch, groups: int) -> list[GroupGaussian]:
        return super().posteriors(self.shown(batch, draw=False), groups)

    def refined(self, given: Given, *, temperature: Temperature = 1.0) -> Tensor:
        """The output at one draw of all groups from their priors, given x̄ and the rest, in one pass."""
        return self._decoded((), given[PICTURE], given, temperature)

    def _seen(self, batch: Batch) -> list[Tensor]:
        return super()._seen(Batch(torch.cat([batch.x, batch.given[PICTURE]], 1), batch.given))

    def _down(self, like: Tensor, given: Given, step: Step) -> Tensor:
        change = super()._down(like, given, step)
        with torch.autocast(change.device.type, enabled=False):
            return self.likelihood.shifted(change, given[PICTURE])


class TwoStage(Model, Staged):
    """A primary and its secondary as one model: latents and rates are the primary's, then the secondary's.

    Its bound is one on log p(x): the rates of both and the secondary's distortion. Whatever is scored (`target`), both read x.
    It is made of a secondary by `whole`, shares its modules and has no weights of its own.
    """

    closed_rates = True

    def __init__(self, secondary: Secondary) -> None:
        super().__init__()
        self.secondary, self._primary = secondary, secondary.primary
        first, second = secondary.primary.model, secondary
        self.event, self.groups = second.event, first.groups + second.groups
        own = [name for name in second.conditions if name != PICTURE]
        self.conditions = tuple(dict.fromkeys((*first.conditions, *own)))

    @property
    def primary(self) -> Model:
        """The first model, frozen."""
        return reads(self._primary.model)

    @property
    def likelihood(self) -> Likelihood:  # pyright: ignore[reportIncompatibleVariableOverride]  the secondary's
        return self.secondary.likelihood

    @property
    def trained(self) -> Model:
        return self.secondary

    @property
    def stages(self) -> tuple[int, ...]:
        """Groups of the primary and of the secondary."""
        return self.primary.groups, self.secondary.groups

    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        return self.read_after(batch, self.primary.read(batch, draw=draw), target=target, draw=draw)

    def read_after(self, batch: Batch, first: Reading, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        return _joined(first, self.secondary.read(self.secondary.after(batch, first), target=target, draw=draw))

    def weighed(self, batch: Batch, target: Tensor | None = None) -> Reading:
        first = self.primary.weighed(batch)
        return _joined(first, self.secondary.weighed(self.secondary.after(batch, first), target))

    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        return torch.stack([self.weighed(batch, target).bound.elbo for _ in range(samples)], 1)

    def sample(self, count: int, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        first, second = self._temperatures(temperature)
        latents = self.primary.sample(count, given, temperature=first)
        return (*latents, *self.secondary.sample(count, self._told(latents, given), temperature=second))

    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        first, second = self._temperatures(temperature)
        own = latents[self.stages[0] :]
        told = self._told(latents, given, first)
        if own:
            return self.secondary.decode(own, told, temperature=second)
        return self.secondary.refined(told, temperature=second)

    def picture(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        """x̄: the primary's picture of its groups among these latents, intensities. temperature: one a group of the primary."""
        known = latents[: self.stages[0]]
        return self.primary.mean(self.primary.decode(known, given, temperature=temperature))

    def refine(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        """The output of the primary's latents, all of them, and a new draw of the secondary's.

        temperature: one, or one a group of the secondary. ValueError unless these are the primary's latents.
        """
        if len(latents) != self.stages[0]:
            raise ValueError(f"The primary has {self.stages[0]} groups of latents; got {len(latents)}.")
        return self.secondary.refined(self._told(latents, given), temperature=temperature)

    def posteriors(self, batch: Batch, groups: int) -> list[GroupGaussian]:
        found = _posteriors(self.primary, batch, min(groups, self.stages[0]))
        if groups <= self.stages[0]:
            return found
        told = self._told(tuple(q.mean for q in found), batch.given)
        return found + self.secondary.posteriors(Batch(batch.x, told), groups - self.stages[0])

    def prior_after(self, latents: Latents, count: int, given: Given = NOTHING) -> GroupGaussian:
        if len(latents) < self.stages[0]:
            return _prior_after(self.primary, latents, count, given)
        return self.secondary.prior_after(latents[self.stages[0] :], count, self._told(latents, given))

    def _told(self, latents: Latents, given: Given, temperature: Temperature = 1.0) -> Given:
        return self.secondary.given_with(self.picture(latents, given, temperature=temperature), given)

    def _temperatures(self, temperature: Temperature) -> tuple[list[float], list[float]]:
        each = temperatures(temperature, self.groups)
        return each[: self.stages[0]], each[self.stages[0] :]


def _joined(first: Reading, second: Reading) -> Reading:
    rate = torch.cat([first.bound.rate, second.bound.rate], 1)
    return Reading(Bound(rate, second.bound.distortion), (*first.latents, *second.latents), second.output)


def _posteriors(model: Model, batch: Batch, groups: int) -> list[GroupGaussian]:
    if isinstance(model, Grouped):
        return model.posteriors(batch, groups)
    found = _flat(model).posterior(batch)
    return [GroupGaussian(found.mean, 0.5 * found.log_variance)]


def _prior_after(model: Model, latents: Latents, count: int, given: Given) -> GroupGaussian:
    if isinstance(model, Grouped):
        return model.prior_after(latents, count, given)
    prior = _flat(model).prior
    if not isinstance(prior, StandardNormal):
        raise ScoreError(
            f"The prior of the primary, {type(prior).__name__}, is no Gaussian, so its group cannot be moved."
        )
    zeros = prior.origin.expand(count, -1)
    return GroupGaussian(zeros, torch.zeros_like(zeros))


def _flat(model: Model) -> FlatLatent:
    if not isinstance(model, FlatLatent):
        raise ScoreError(f"The primary, {type(model).__name__}, has no groups of latents in an order.")
    return model
