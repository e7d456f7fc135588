"""Hierarchical variational autoencoders: many groups of latents, each with a prior that depends on those before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kelbo.bound import Batch, Bound, Given, Latents, Reading, Temperature, require_given, require_groups, temperatures
from kelbo.latents.grouped import Grouped
from kelbo.latents.merge import MERGES, GroupGaussian, MergeName, Scale, gaussian_of
from kelbo.latents.noise import standard_normal
from kelbo.networks.layers import in_channels_last
from kelbo.networks.pointwise import pointwise
from kelbo.networks.vdvae import Entry, Exit, StochasticNetworks, VeryDeepEncoder, recomputed
from kelbo.protocols import NOTHING, Likelihood, Model

Step = Callable[[int, "StochasticLayer", Tensor], Tensor]
"""(group, its layer, the path's features) → the features after it"""


class StochasticLayer(StochasticNetworks):
    """One group of latents (B, Z, r, r) on the way from the top of the hierarchy to the image.

    Its networks run in whatever precision is around them; Gaussians, their KL and the latents are float32.
    """

    def __init__(
        self,
        width: int,
        latents: int,
        resolution: int,
        layers: int,
        *,
        bottleneck: float = 0.25,
        merge: MergeName = "concatenation",
        scale: Scale = "exp",
    ) -> None:
        super().__init__(width, latents, resolution, layers, bottleneck)
        self.merge = MERGES[merge]
        self.scale: Scale = scale

    def forward(self, x: Tensor, seen: Tensor, noise: Tensor | None, weigh: bool) -> tuple[Tensor, Tensor, Tensor]:
        """From the path's features, and what is seen: the path's after this layer, the latents, and their rate (B,), nats.

        seen: what its posterior reads of the encoder's features.
        noise: standard normal, shaped like the latents; None takes the posterior's mean. weigh: the rate is ln q(z) - ln p(z)
        at the latents, instead of the KL in closed form.
        """
        posterior, prior, y = self.beliefs(x, seen)
        with torch.autocast(x.device.type, enabled=False):
            z = posterior.mean if noise is None else posterior.at(noise)
            rate = posterior.log_prob(z) - prior.log_prob(z) if weigh else posterior.kl(prior)
        return self.after(x, y, z), z, rate

    def beliefs(self, x: Tensor, seen: Tensor) -> tuple[GroupGaussian, GroupGaussian, Tensor]:
        """Posterior and prior, and what else `after` takes."""
        parameters, y = self.posterior_and_prior(x, seen)
        prior = gaussian_of(self.of_prior(y), self.scale)
        with torch.autocast(x.device.type, enabled=False):
            return self.merge(gaussian_of(parameters, self.scale), prior), prior, y

    def drawn(self, x: Tensor, noise: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """The path's features after this layer and the latents, drawn from their prior."""
        prior, y = self.believed(x)
        z = prior.at(noise, temperature)
        return self.after(x, y, z), z

    def known(self, x: Tensor, z: Tensor) -> Tensor:
        """The path's features after this layer, whose latents are known."""
        return self.after(x, self.prior.read(x), z)

    def believed(self, x: Tensor) -> tuple[GroupGaussian, Tensor]:
        """The prior, and what else `after` takes."""
        y = self.prior.read(x)
        return gaussian_of(self.of_prior(y), self.scale), y


@dataclass(frozen=True)
class Conditions:
    """What a hierarchy is given: names, and networks from the conditions to features at each of the decoder's resolutions.

    The networks take the tensors in the order of the names, and give one (B, W, r, r) or (B, W, 1, 1) a resolution, which are
    added where encoder and decoder reach it; the encoder may have none. `ConditionFeatures` is one; `PictureFeatures`, with a
    path of its own, as of a U-Net, is another.
    """

    names: tuple[str, ...]
    encoder: nn.Module | None
    decoder: nn.Module


class Hierarchical(Model, Grouped):
    """The very deep VAE (Child, 2021): an encoder's features meet a path from the lowest resolution to the image's.

    The path has one stochastic layer a group; groups are whole tensors (B, Z, r, r), ordered from the top. entries: one a
    resolution, in the order in which the path reaches them. checkpointing: training keeps the inputs of layers only, and
    computes the rest again in the backward pass.
    """

    closed_rates = True

    def __init__(
        self,
        encoder: VeryDeepEncoder,
        entries: Sequence[Entry],
        layers: Sequence[StochasticLayer],
        out: Exit,
        likelihood: Likelihood,
        event: tuple[int, ...],
        conditions: Conditions | None = None,
        *,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.entries, self.layers = encoder, nn.ModuleList(entries), nn.ModuleList(layers)
        self.exit, self.likelihood, self.event, self.groups = out, likelihood, event, len(layers)
        self.conditions = conditions.names if conditions else ()
        self.told_encoder = conditions.encoder if conditions else None
        self.told_decoder = conditions.decoder if conditions else None
        self.checkpointing = checkpointing

    @property
    def resolutions(self) -> list[int]:
        """The side of each group of latents."""
        return [layer.resolution for layer in self._layers()]

    @property
    def unstackable(self) -> str | None:
        return "it computes activations again in the backward pass" if self.checkpointing else super().unstackable

    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        return self._reading(self._seen(batch), batch, target, draw=draw)

    def read_both(self, batch: Batch, target: Tensor | None = None) -> tuple[Reading, Reading]:
        seen = self._seen(batch)
        return self._reading(seen, batch, target, draw=True), self._reading(seen, batch, target, draw=False)

    def weighed(self, batch: Batch, target: Tensor | None = None) -> Reading:
        return self._reading(self._seen(batch), batch, target, draw=True, weigh=True)

    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        seen = self._seen(batch)
        weights = (self._reading(seen, batch, target, draw=True, weigh=True).bound.elbo for _ in range(samples))
        return torch.stack(list(weights), 1)

    def posteriors(self, batch: Batch, groups: int) -> list[GroupGaussian]:
        seen, found = self._seen(batch), list[GroupGaussian]()

        def step(group: int, layer: StochasticLayer, x: Tensor) -> Tensor:
            posterior, _, y = layer.beliefs(x, seen[group])
            found.append(posterior)
            return layer.after(x, y, posterior.mean)

        self._path(batch.x, batch.given, step, groups)
        return found

    def prior_after(self, latents: Latents, count: int, given: Given = NOTHING) -> GroupGaussian:
        found = list[GroupGaussian]()

        def step(group: int, layer: StochasticLayer, x: Tensor) -> Tensor:
            if group < len(latents):
                return layer.known(x, latents[group])
            found.append(layer.believed(x)[0])
            return x

        self._path(torch.zeros(count, 1, device=self.device), given, step, len(latents) + 1)
        return found[0]

    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        return self._decoded(latents, latents[0], given, temperature)

    def _decoded(self, latents: Latents, like: Tensor, given: Given, temperature: Temperature) -> Tensor:
        """The output at these latents, none or more of the first groups. like: anything of B examples."""
        each = temperatures(temperature, self.groups)

        def step(group: int, layer: StochasticLayer, x: Tensor) -> Tensor:
            if group < len(latents):
                return layer.known(x, latents[group])
            return layer.drawn(x, self._noise(layer, like), each[group])[0]

        return self._down(like, given, step)

    def sample(self, count: int, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        each, drawn = temperatures(temperature, self.groups), list[Tensor]()
        start = torch.zeros(count, 1, device=self.device)

        def step(group: int, layer: StochasticLayer, x: Tensor) -> Tensor:
            x, z = layer.drawn(x, self._noise(layer, start), each[group])
            drawn.append(z)
            return x

        self._path(start, given, step)
        return tuple(drawn)

    def _reading(
        self,
        seen: list[Tensor],
        batch: Batch,
        target: Tensor | None,
        *,
        draw: bool,
        weigh: bool = False,
    ) -> Reading:
        latents, rates = list[Tensor](), list[Tensor]()
        run = recomputed if self.checkpointing and self.training else _called

        def step(group: int, layer: StochasticLayer, x: Tensor) -> Tensor:
            noise = self._noise(layer, batch.x) if draw else None
            x, z, rate = run(layer, x, seen[group], noise, weigh)
            latents.append(z)
            rates.append(rate)
            return x

        output = self._down(batch.x, batch.given, step)
        with torch.autocast(output.device.type, enabled=False):
            distortion = -self.likelihood.log_prob(batch.x if target is None else target, output)
        return Reading(Bound(torch.stack(rates, 1), distortion), tuple(latents), output)

    def _seen(self, batch: Batch) -> list[Tensor]:
        """What each layer's posterior reads of the encoder's features: that of all layers of a resolution at once."""
        found = list[Tensor]()
        for features in self.encoder(batch.x, self._told(self.told_encoder, batch.given)):
            weights = [layer.sight for layer in self._layers() if layer.resolution == features.shape[2]]
            found += pointwise(F.gelu(features), torch.cat(weights)).chunk(len(weights), 1)
        return found

    def _told(self, network: nn.Module | None, given: Given) -> tuple[Tensor, ...]:
        require_given(self.conditions, given)
        return () if network is None else network([given[name] for name in self.conditions])

    def _down(self, like: Tensor, given: Given, step: Step) -> Tensor:
        """The output at the end of the path, float32."""
        return self.exit(self._path(like, given, step)).float()

    def _path(self, like: Tensor, given: Given, step: Step, groups: int | None = None) -> Tensor:
        """The path's features after the steps of all groups, or of the first. like: anything of B examples."""
        told, x, entered = self._told(self.told_decoder, given), like, 0
        for group, layer in enumerate(self._layers()[:groups]):
            if not group or layer.resolution != x.shape[2]:
                x = self.entries[entered](x, first=not group)
                x = x + told[entered] if told else x
                entered += 1
            x = step(group, layer, x)
        return x

    def _layers(self) -> list[StochasticLayer]:
        return list(self.layers)  # pyright: ignore[reportReturnType]

    def _noise(self, layer: StochasticLayer, like: Tensor) -> Tensor:
        shape = (len(like), layer.latents, layer.resolution, layer.resolution)
        return in_channels_last(standard_normal(like.new_zeros(shape)))


def _called(module: nn.Module, *inputs: Any) -> Any:
    return module(*inputs)
