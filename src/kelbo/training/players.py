"""The players of an adversarial training, and what their networks make of a batch: each input of each network once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from kelbo.bound import Batch, Given, Latents
from kelbo.protocols import Likelihood
from kelbo.training.adversary import Adversary


class Judge(Protocol):
    """A discriminator. Features of images up to a tap, and logits of images or of the features after a tap."""

    def features(self, x: Tensor, upto: str) -> Tensor: ...

    def logits(self, x: Tensor, given: Tensor | None = None, *, after: str | None = None) -> Tensor: ...


class Players(Protocol):
    """What the update asks of a generator: decoder and discriminator.

    tap   the name of the features that `distance` compares; None if it needs none
    last_layer  the weight of the decoder's last layer
    """

    judge: Judge
    tap: str | None

    @property
    def last_layer(self) -> Tensor: ...

    def players(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that each player moves: "encoder", "decoder", "discriminator", as far as there are such.

        The decoder's end with the likelihood's own.
        """
        ...

    def conditions_of(self, given: Given) -> Tensor | None:
        """What the networks are told, (B, A); None if nothing."""
        ...

    def sample(self, count: int, given: Given) -> Latents: ...

    def decode(self, latents: Latents, given: Given) -> Tensor: ...

    def mean(self, output: Tensor) -> Tensor: ...


class Readers(Players, Protocol):
    """And of a model that reads examples too: an encoder, and what the loss has for -log p(x | z)."""

    likelihood: Likelihood

    def encode(self, batch: Batch) -> tuple[Latents, Tensor]:
        """A draw of the latents and their rate, (B, G)."""
        ...

    def distance(self, x: Tensor, made: Tensor, pixels: Tensor, features: tuple[Tensor, Tensor] | None) -> Tensor:
        """Nats per example (B,). made: reconstructions; pixels: -log p(x | z); features: of x and of these, at the tap."""
        ...


class MadeImages(NamedTuple):
    """Images (B, *event) of a decoder, cut off from it: gradients of `leaf` are handed on to `output`."""

    latents: Latents
    output: Tensor
    leaf: Tensor
    images: Tensor


class Answers(NamedTuple):
    """All networks' answers in a step. None or empty if there are none.

    latents, rate  of the posterior, with the encoder's graph
    made, drawn    reconstructions, and decoded draws of the prior
    real, fakes    logits of the discriminator
    features       of the images and of their reconstructions
    """

    latents: Latents = ()
    rate: Tensor | None = None
    made: MadeImages | None = None
    drawn: MadeImages | None = None
    real: Tensor | None = None
    fakes: Mapping[str, Tensor] = {}
    features: tuple[Tensor, Tensor] | None = None


def played(model: Players, batch: Batch, adversary: Adversary | None, reads: bool) -> Answers:
    """All networks' answers, each input of each network once."""
    answers = Answers()
    if reads:
        latents, rate = cast(Readers, model).encode(batch)
        answers = Answers(latents, rate, decoded(model, latents, batch.given))
    if adversary is not None and adversary.judges("prior"):
        drawn = decoded(model, model.sample(len(batch.x), batch.given), batch.given)
        answers = answers._replace(drawn=drawn)
    judged = {}
    if adversary is not None:
        judged = {"real": True}
        if answers.made is not None and (model.tap is not None or adversary.judges("reconstructions")):
            judged["made"] = adversary.judges("reconstructions")
        judged |= {"drawn": True} if answers.drawn is not None else {}
    elif model.tap is not None and answers.made is not None:
        judged = {"real": False, "made": False}
    return _seen(model, batch, answers, judged, together=adversary is not None and adversary.together)


def decoded(model: Players, latents: Latents, given: Given) -> MadeImages:
    """Images of latents, whose graph is cut before and behind the decoder."""
    leaves = tuple(z.detach().requires_grad_(z.requires_grad) for z in latents)
    output = model.decode(leaves, given)
    leaf = output.detach().requires_grad_()
    return MadeImages(leaves, output, leaf, model.mean(leaf))


def _seen(model: Players, batch: Batch, answers: Answers, judged: Mapping[str, bool], together: bool) -> Answers:
    """The answers with the discriminator's answers. judged: the images that it sees, and whether it gives logits of them."""
    if not judged:
        return answers
    judge, tap, given = model.judge, model.tap, model.conditions_of(batch.given)
    images = {kind: batch.x if kind == "real" else getattr(answers, kind).images for kind in judged}
    features = images
    if tap is not None:
        features = _passed(images, together, lambda x: judge.features(x, tap))
    onward = {kind: value for kind, value in features.items() if judged[kind]}
    told = None if given is None else torch.cat([given] * len(onward)) if together and onward else given
    logits = _passed(onward, together, lambda x: judge.logits(x, told, after=tap))
    compared = None if tap is None or "made" not in features else (features["real"].float(), features["made"].float())
    return answers._replace(
        real=logits.get("real"),
        fakes={kind: value for kind, value in logits.items() if kind != "real"},
        features=compared,
    )


def _passed(values: Mapping[str, Tensor], together: bool, network: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """What a network makes of values of equal numbers of examples, in one pass or in one each."""
    if not together or len(values) < 2:
        return {kind: network(value) for kind, value in values.items()}
    return dict(zip(values, network(torch.cat([*values.values()])).chunk(len(values)), strict=True))
