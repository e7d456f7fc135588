"""The interfaces between rooms. Training and evaluation know only these, never a concrete class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from kelbo.bound import AnyBound, Batch, ErrorBound, Given, Latents, Reading, Temperature
from kelbo.distribution import NEAR_FLOOR as NEAR_FLOOR, Likelihood as Likelihood, SigmaFrom as SigmaFrom
from kelbo.eager import full_precision
from kelbo.errors import ScoreError
from kelbo.objective import Objective as Objective, State as State

NOTHING: Given = {}
"""No condition. A plain dict, since `torch.vmap` takes no other mapping; never written to."""
UNSTACKABLE = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


class Posterior(Protocol):
    """q(z | x) of one group of K latents that is Gaussian in each dimension, float32."""

    @property
    def mean(self) -> Tensor:
        """(B, K)."""
        ...

    @property
    def log_variance(self) -> Tensor:
        """(B, K)."""
        ...

    @property
    def scale(self) -> Tensor:
        """Standard deviations, (B, K)."""
        ...


class Prior(nn.Module, ABC):
    """p(z) of one group of latents, or p(z | given)."""

    @abstractmethod
    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """log p(z) in nats, (B,)."""

    @abstractmethod
    def sample(self, count: int, given: Given = NOTHING, temperature: float = 1.0) -> Tensor:
        """`count` draws on the prior's device. temperature: factor on the standard deviation."""

    def kl(self, posterior: Posterior, given: Given = NOTHING) -> Tensor | None:
        """KL(q || p) of each dimension, nats, (B, K); None if it has no closed form."""
        return None


class Generator(nn.Module, ABC):
    """Draws examples from latents. It need not be able to read any.

    event       shape of one example: (D,), (C, H, W) or (T, C, H, W)
    groups      G, how many groups of latents it has
    conditions  names of what must be given
    """

    event: tuple[int, ...]
    groups: int = 1
    conditions: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return next(self.parameters()).device

    @abstractmethod
    def sample(self, count: int, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        """`count` draws of the latents from the prior, group after group."""

    @abstractmethod
    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        """What `mean` takes, of these latents (B, …). Groups at the end that are missing are drawn from the prior.

        ValueError if there are too few or too many groups.
        """

    @abstractmethod
    def mean(self, output: Tensor) -> Tensor:
        """What the examples look like: intensities (B, *event) of a decoded output."""

    @property
    def whole(self) -> Generator:
        """The model that evaluation and pictures speak of: itself, unless what trains is a part of one."""
        return self

    @property
    def unstackable(self) -> str | None:
        """Why lanes of such models cannot be trained as one program; None if they can."""
        for name, module in self.named_modules():
            if isinstance(module, UNSTACKABLE):  # batch statistics are kept in place, dropout takes no generator
                return f"its layer {name} is {type(module).__name__}"
        return None

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Inside the block the model may be given other weights; afterwards it has its own, bit for bit."""
        own = {name: value.detach().clone() for name, value in self.state_dict().items()}
        try:
            yield
        finally:
            self.load_state_dict(own)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Inside the block: evaluation mode, no gradients, no autocast. Afterwards each module's mode is as it was."""
        modes = {module: module.training for module in self.modules()}
        self.eval()
        try:
            with torch.no_grad(), full_precision():
                yield
        finally:
            self.train(modes[self])
            for module, training in modes.items():
                module.training = training


class Model(Generator):
    """A latent-variable model: a generator that also reads examples and gives their bound.

    has_rate is False if the code is a point (a plain autoencoder): its bound is no bound, and evaluation reports none.
    closed_rates is True of a model of several groups whose KL each has a closed form, given draws of the groups before it.
    trains_on_distortion is False if its loss has another distance: a weight of the rate then has no equivalent σ and β.
    """

    likelihood: Likelihood
    has_rate: ClassVar[bool] = True
    closed_rates: ClassVar[bool] = False
    trains_on_distortion: bool = True

    @abstractmethod
    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        """Encode a batch of intensities, and decode one draw of its latents.

        target: what the likelihood scores, `batch.x` if None (a dequantised copy, say: E_q(z|x) log p(target | z) -
        KL(q(z | x) || p(z)) bounds log p(target) for any x). draw: if False, decode the posterior's means (a discrete
        group's mode) instead of a draw.
        """

    @abstractmethod
    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        """log p(target | z) + log p(z) - log q(z | x) at S draws z ~ q(z | x), nats, shape (B, S)."""

    def forward(self, batch: Batch, target: Tensor | None = None, *, errors: bool = False) -> AnyBound:
        """The bound with one draw of the latents, nats per example, and with `errors` its squared error. Else as `read`."""
        reading = self.read(batch, target=target)
        return self.with_error(batch, reading) if errors else reading.bound

    def weighed(self, batch: Batch, target: Tensor | None = None) -> Reading:
        """A reading at one draw of the latents whose rates are ln q(z_g | x, z_<g) - ln p(z_g | z_<g) there, nats, (B, G).

        Then `bound.elbo` is one of `log_weights`. ScoreError if the model cannot tell it by group.
        """
        raise ScoreError(f"{type(self).__name__} does not tell the log-weights of its draws by group.")

    @property
    def whole(self) -> Model:
        return self

    @property
    def trained(self) -> Model:
        """The part of it that its run trains, whose groups are the last ones: all of it as a rule."""
        return self

    @property
    def stages(self) -> tuple[int, ...]:
        """How many groups of latents each of the models has that this one is composed of, in order; itself alone as a rule."""
        return (self.groups,)

    @property
    def latents_told(self) -> str:
        """What latents it has, in words."""
        return f"{self.groups} groups of latents"

    def with_error(self, batch: Batch, reading: Reading) -> ErrorBound:
        """A reading's bound with its squared error, of `batch.x` whatever the likelihood scored."""
        with torch.autocast(reading.output.device.type, enabled=False):
            found = self.likelihood.errors(batch.x, reading.output).square().flatten(1).sum(1)
        return ErrorBound(*reading.bound, found)

    def read_both(self, batch: Batch, target: Tensor | None = None) -> tuple[Reading, Reading]:
        """With a draw, and at the posterior's means. A model that can encode once for both does."""
        return self.read(batch, target=target), self.read(batch, target=target, draw=False)

    def mean(self, output: Tensor) -> Tensor:
        return self.likelihood.mean(output)

    def squared_errors(self, batch: Batch) -> Tensor:
        """The squared error of each example at one draw of the latents, in σ's unit, mean over its dimensions, (B,)."""
        likelihood = self.likelihood
        # a reading scores its examples too, for which a likelihood that solves for σ needs one: any will do
        with likelihood.settled(1.0) if likelihood.sigma_from == "solved" else nullcontext():
            return likelihood.standardised(batch.x, self.read(batch).output)[0].square().flatten(1).mean(1)


def reads(model: Generator) -> Model:
    """The generator as a model that reads examples. ScoreError if it only draws them, as a GAN does."""
    if isinstance(model, Model):
        return model
    raise ScoreError(
        f"This needs a model that reads examples; {type(model).__name__} only draws them, so it has no codes, "
        "reconstructions or bounds. Its samples can be drawn, and compared with images."
    )


class FlatLatent(ABC):
    """A model with one vector of K latents, which traversals, scores of codes and the like need."""

    latent_dims: int
    prior: Prior

    @abstractmethod
    def posterior(self, batch: Batch) -> Posterior:
        """q(z | x), (B, K)."""


def flat(model: Generator) -> FlatLatent:
    """The model as one with a flat vector of latents. ScoreError if it has none."""
    if isinstance(model, FlatLatent):
        return model
    raise ScoreError(
        f"This needs a model with one vector of latents; {type(model).__name__} has {model.latents_told}.",
        remedy=("group", "groups"),
    )
