"""Who moves in a step of several players, and what the step says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.laws.players_made import (
    BETA,
    adversarial,
    batch_of,
    equal,
    formula,
    judged,
    model_of,
    moved,
    scene,
)

from kelbo.bound import Bound
from kelbo.training import Adversary, Balance

PLAYERS = ("encoder", "decoder", "discriminator")


@pytest.mark.parametrize(
    ("real", "fake", "decoder", "discriminator"),
    [(0.68, 0.68, 1, 1), (0.2, 0.68, 1, 0), (0.68, 0.2, 1, 0), (1.2, 0.68, 0, 1), (0.68, 1.2, 0, 1), (0.2, 1.2, 1, 1)],
)
def test_the_balance_skips_who_is_ahead_and_nobody_if_both_would_be(real, fake, decoder, discriminator):
    plays = Balance()(torch.tensor(real), torch.tensor(fake))
    assert (plays["decoder"].item(), plays["discriminator"].item()) == (bool(decoder), bool(discriminator))


@pytest.mark.parametrize(("equilibrium", "stays"), [(5.0, "discriminator"), (-5.0, "decoder")])
def test_a_player_that_is_skipped_stays_and_the_encoder_moves(equilibrium, stays):
    model = model_of()
    players = model.players()
    before = {name: [p.detach().clone() for p in own] for name, own in players.items()}
    _, values, _ = moved(model, Adversary(balance=Balance(equilibrium)))
    moves = {
        name: any(not torch.equal(*pair) for pair in zip(own, before[name], strict=True))
        for name, own in players.items()
    }
    assert moves == {name: name != stays for name in PLAYERS}
    assert values[f"skipped/{stays}"] == 1
    assert values["skipped/decoder"] + values["skipped/discriminator"] == 1


def test_before_its_start_there_is_no_adversary():
    model = model_of()
    found, values, _ = moved(model, Adversary(start=1))
    assert found.keys() == {"encoder", "decoder"}
    assert not {"discriminator/real", "loss/discriminator"} & values.keys()
    assert values["feature_distortion"] > 0


def test_the_adaptive_weight_is_the_ratio_of_the_gradients_norms_at_the_last_layer():
    model, adversary = model_of(None), Adversary(fakes="reconstructions", adaptive=True, weight=0.5, encoder=True)
    batch = batch_of()
    output, _, _ = scene(model, batch)
    _, logits = judged(model, {"real": batch.x, "made": model.mean(output)}, True, {"real", "made"}, None)
    sides = -model.likelihood.log_prob(batch.x, output).mean(), adversarial(adversary, logits)[1]
    mine, other = (torch.autograd.grad(side, model.last_layer, retain_graph=True)[0].norm() for side in sides)
    weight = 0.5 * mine / (other + 1e-4)
    found, values, _ = moved(model, adversary, gamma=1.0)
    assert values["adversarial_weight"].item() == pytest.approx(weight.item(), rel=1e-4)
    equal(found, formula(model_of(None), replace(adversary, adaptive=False, weight=weight.item()), 1.0), room=1e-4)


def test_what_is_said_is_the_bound_of_pixels_beside_the_learned_distance():
    model = model_of()
    _, values, _ = moved(model, Adversary(weight=0.8))
    batch, model = batch_of(), model_of()
    output, _, rate = scene(model, batch)
    pixels = -model.likelihood.log_prob(batch.x, output)
    bound = Bound(rate.unsqueeze(1), pixels)
    assert values["distortion"].item() == pytest.approx(bound.distortion.mean().item(), rel=1e-5)
    assert values["rate"].item() == pytest.approx(rate.mean().item(), rel=1e-5)
    weighed = BETA * values["rate"] + values["feature_distortion"]
    assert values["loss"].item() == pytest.approx(weighed.item(), rel=1e-5)
    assert 0 <= values["discriminator/accuracy"] <= 1
