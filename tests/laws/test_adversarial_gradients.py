"""Every player of an adversarial training has the gradient of its own loss, whatever is chosen.

The losses are written out once more in `players_made.py`, and differentiated by autograd. The last tests hold updates with
wrong routing to the same check, which then fails.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from tests.laws.players_made import (
    BETA,
    GAMMA,
    LATENTS,
    SHAPE,
    WIDTH,
    adversarial,
    batch_of,
    equal,
    formula,
    gan_of,
    hold,
    judged,
    model_of,
    moved,
    scene,
)
from torch import nn

from kelbo import likelihoods, networks
from kelbo.frozen import Frozen
from kelbo.models import VaeGan
from kelbo.seeds import seeded
from kelbo.training import AdversarialUpdate, Adversary

LEARNED = {True: "unit", False: None}
PLAYERS = ("encoder", "decoder", "discriminator")

ROUTES = [
    Adversary(loss=loss, fakes=fakes, together=together, weight=0.8)
    for loss, fakes, together in itertools.product(
        ("saturating", "non_saturating", "hinge"), ("both", "prior", "reconstructions"), (True, False)
    )
]


def named(route):
    return f"{route.loss}-{route.fakes}-{'together' if route.together else 'apart'}"


@pytest.mark.parametrize("route", [ROUTES[0], ROUTES[3], ROUTES[10]], ids=named)
def test_each_player_has_the_gradient_of_its_own_loss(route):
    hold(model_of(), route)


@pytest.mark.slow
@pytest.mark.parametrize("learned", LEARNED)
@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_each_player_has_the_gradient_of_its_own_loss_on_every_route(route, learned):
    hold(model_of(LEARNED[learned]), route)
    hold(model_of(LEARNED[learned]), replace(route, encoder=True))
    hold(model_of(LEARNED[learned]), replace(route, encoder=True), gamma=1.0)


MORE = {
    "σ that is trained": (model_of, "shared", ROUTES[0]),
    "σ that is solved for": (model_of, "optimal", ROUTES[0]),
    "a gradient penalty": (model_of, "unit", replace(ROUTES[1], r1=3.0)),
    "exact logarithms": (model_of, "unit", replace(ROUTES[0], eps=0.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", MORE)
def test_each_player_has_the_gradient_of_its_own_loss_with(case):
    make, sigma, route = MORE[case]
    hold(make(sigma), route)


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"given": 2}, {"norms": "group"}, {"norms": "none"}, {"tap": "first"}])
def test_each_player_has_the_gradient_of_its_own_loss_in_other_networks(more):
    hold(model_of(**more), ROUTES[0])
    hold(model_of(**more), ROUTES[1])


@pytest.mark.parametrize("loss", ["saturating", "non_saturating"])
def test_a_gan_has_two_players_with_opposite_aims(loss):
    hold(gan_of(), Adversary(loss=loss, fakes="prior"))


def test_in_the_papers_convention_the_decoder_minimises_gamma_times_the_distance_less_the_games_value():
    """γ·D - L_GAN, and w·D - (1 - w)·L_GAN in the convex one: the same up to a factor if γ = w / (1 - w)."""
    w = 0.2
    paper, _ = hold(model_of(), Adversary(), gamma=w / (1 - w))
    convex, _ = hold(model_of(), Adversary(weight=1 - w), gamma=w)
    *networks_of_paper, sigma = paper["decoder"]
    for one, other in zip(networks_of_paper, convex["decoder"], strict=False):
        assert torch.allclose(one * (1 - w), other, rtol=1e-3, atol=1e-5)
    assert torch.equal(sigma, convex["decoder"][-1])


def cosine(one, other):
    one, other = (torch.cat([g.flatten() for g in of]) for of in (one, other))
    return F.cosine_similarity(one, other, 0).item()


def of_the_decoder(model, adversary, which):
    """The gradient of the discriminator's loss (0) or of the decoder's (1) by the decoder's networks."""
    batch = batch_of()
    _, drawn, _ = scene(model, batch)
    _, logits = judged(model, {"real": batch.x, "drawn": drawn}, adversary.together, {"real", "drawn"}, None)
    return torch.autograd.grad(adversarial(adversary, logits)[which], [*model.decoder.parameters()])


def test_the_decoder_is_trained_against_the_discriminator():
    """Its adversarial gradient points exactly away from the discriminator's loss; to add it would help the discriminator."""
    adversary = Adversary(fakes="prior", weight=1.0)
    found, _, _ = moved(model_of(None), adversary, gamma=0.0)
    adversarial_part = found["decoder"][:-1]  # the last is the likelihood's σ
    assert cosine(adversarial_part, of_the_decoder(model_of(None), adversary, 0)) == pytest.approx(-1, abs=1e-5)
    other = replace(adversary, loss="non_saturating")
    found, _, _ = moved(model_of(None), other, gamma=0.0)
    assert cosine(found["decoder"][:-1], of_the_decoder(model_of(None), other, 0)) < 0


def test_a_frozen_discriminator_gets_no_gradient_and_does_not_move():
    first = model_of()
    for _ in range(2):  # running statistics
        first.judge.logits(batch_of().x)
    frozen = Frozen(first)
    kept = {name: value.clone() for name, value in first.state_dict().items()}
    with seeded(3, "init"):
        parts = networks.LarsenEncoder(SHAPE, LATENTS, 200, WIDTH), networks.LarsenDecoder(SHAPE, LATENTS, 3, WIDTH)
    model = VaeGan(
        *parts, likelihoods.OptimalGaussian(mean_activation="sigmoid"), SHAPE, LATENTS, discriminator=frozen,
        features=likelihoods.FixedGaussian(1.0),
    )  # fmt: skip
    assert model.players().keys() == {"encoder", "decoder"}
    assert not any(name.startswith("discriminator") for name in model.state_dict())
    batch = batch_of()
    output, _, rate = scene(model, batch)
    pair = [first.judge.features(x, "strided2") for x in (batch.x, model.mean(output))]
    loss = BETA * rate.mean() + 0.5 * (pair[0] - pair[1]).square().flatten(1).sum(1).mean()
    expected = {
        name: torch.autograd.grad(loss * (GAMMA if name == "decoder" else 1), own, retain_graph=True)
        for name, own in model.players().items()
    }
    found, values, _ = moved(model, None)
    equal(found, expected)
    assert values["feature_distortion"] > 0
    assert all(torch.equal(value, kept[name]) for name, value in first.state_dict().items())
    assert all(p.grad is None for p in first.parameters())


def test_a_frozen_encoder_stays_and_the_decoder_has_the_same_gradient():
    model = model_of()
    model.encoder.requires_grad_(False)
    found, _, _ = moved(model, ROUTES[0])
    assert found.keys() == {"decoder", "discriminator"}
    expected = formula(model_of(), ROUTES[0])
    equal(found, {name: expected[name] for name in found})


def test_every_parameter_has_a_player_and_moves_by_its_gradient():
    model = model_of("shared")
    found, _, before = moved(model, ROUTES[0])
    owners = {id(p): name for name, own in model.players().items() for p in own}
    assert {id(p) for p in model.parameters()} == owners.keys()
    assert set(owners.values()) == set(PLAYERS) == found.keys()
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.allclose(new, old - 1e-3 * new.grad, atol=1e-7)


# ── wrong routing is found ────────────────────────────────────────────────────────────────────────────────────────────


class Helping(AdversarialUpdate):
    """The decoder is trained to help the discriminator."""

    def _weights(self, model, answers, slope, pulls, adversary):
        pulls, told = super()._weights(model, answers, slope, pulls, adversary)
        return {kind: -pull for kind, pull in pulls.items()}, told


class Reaching(AdversarialUpdate):
    """The adversarial gradient reaches the encoder."""

    def _handed_on(self, answers, networks, slope, pulls, adversary):
        return super()._handed_on(answers, networks, slope, pulls, replace(adversary, encoder=True))


class Unweighted(AdversarialUpdate):
    """γ is left out."""

    def _handed_on(self, answers, networks, slope, pulls, adversary):
        self.reconstruction = 1.0
        return super()._handed_on(answers, networks, slope, pulls, adversary)


class Similar(AdversarialUpdate):
    """The discriminator minimises the distance of features too."""

    def gradients(self, state, batch, adversary):
        found, said, memory = super().gradients(state, batch, adversary)
        network = state.network
        features = [network.judge.features(x, network.tap) for x in (batch.x, batch.x.flip(0))]
        loss = -network.features.log_prob(*features).mean()
        more = torch.autograd.grad(loss, found_of(network), materialize_grads=True)
        found["discriminator"] = [a + b for a, b in zip(found["discriminator"], more, strict=True)]
        return found, said, memory


def found_of(network) -> list[nn.Parameter]:
    return network.players()["discriminator"]


SLOW = [pytest.param(wrong, marks=pytest.mark.slow) for wrong in (Reaching, Unweighted, Similar)]


@pytest.mark.parametrize("wrong", [Helping, *SLOW])
def test_an_update_with_wrong_routing_does_not_pass(wrong):
    with pytest.raises(AssertionError, match="encoder|decoder|discriminator"):
        hold(model_of(), ROUTES[0], update=wrong)
