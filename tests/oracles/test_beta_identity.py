"""With a Gaussian decoder, weighing the rate by β and a variance of β are one thing: loss, gradients and training."""

import math

import pytest
import torch
from torch import nn

from kelbo.bound import Batch
from kelbo.likelihoods import FixedGaussian
from kelbo.models import VAE
from kelbo.objectives import Beta
from kelbo.studies.beta_vae.identity import on_the_scale_of_beta

SHAPE, DIMS, LATENTS, BETAS = (1, 2, 3), 6, 2, [0.1, 0.5, 1.0, 4.0, 10.0]
IMAGES = torch.rand(16, *SHAPE, generator=torch.Generator().manual_seed(1))


def model(sigma):
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(DIMS, 8), nn.Tanh(), nn.Linear(8, 2 * LATENTS))
    decoder = nn.Sequential(nn.Linear(LATENTS, 8), nn.Tanh(), nn.Linear(8, DIMS), nn.Unflatten(1, SHAPE))
    return VAE(encoder, decoder, FixedGaussian(sigma, "sigmoid"), SHAPE, LATENTS)


def loss_of(vae, beta, noise=0):
    torch.manual_seed(noise)
    objective = Beta(beta)
    return objective(vae(Batch(IMAGES)), objective.initial())[0]


def pair(beta):
    """The two sides: β beside a unit variance, and the bound of a variance of β."""
    return (model(1.0), beta), (model(math.sqrt(beta)), 1.0)


def closed_form(vae, sigma, beta):
    """Equation 10 of the β-VAE study with its constants, in float64: D/2σ²·MSE + D·ln σ + D/2·ln 2π + β·KL."""
    twin = model(sigma).double()
    twin.load_state_dict(vae.state_dict())
    x = IMAGES.double()
    mean, log_variance = twin.encoder(x).chunk(2, 1)
    torch.manual_seed(0)
    z = mean + torch.exp(log_variance / 2) * torch.randn(mean.shape).double()
    mse = (torch.sigmoid(twin.decoder(z)) - x).square().flatten(1).mean(1)
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
    nats = DIMS / (2 * sigma**2) * mse + DIMS * math.log(sigma) + DIMS / 2 * math.log(2 * math.pi)
    return twin, (nats + beta * kl).mean()


def gradients(vae, loss):
    vae.zero_grad()
    loss.backward()
    return {
        name: torch.cat([p.grad.flatten() for p in network.parameters()])
        for name, network in (("encoder", vae.encoder), ("decoder", vae.decoder))
    }


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("side", [0, 1])
def test_the_loss_and_its_gradients_are_those_of_the_papers_equation(beta, side):
    vae, weight = pair(beta)[side]
    twin, expected = closed_form(vae, vae.likelihood.sigma, weight)
    assert loss_of(vae, weight).item() == pytest.approx(expected.item(), rel=1e-6)
    exact = gradients(twin, expected)
    for name, ours in gradients(vae, loss_of(vae, weight)).items():
        torch.testing.assert_close(ours.double(), exact[name], rtol=1e-4, atol=1e-6 * float(exact[name].norm()))


@pytest.mark.parametrize("beta", BETAS)
def test_in_float64_the_two_losses_differ_by_a_factor_and_a_constant(beta):
    (unit, _), (wide, _) = pair(beta)
    first, weighed = closed_form(unit, 1.0, beta)
    second, plain = closed_form(wide, math.sqrt(beta), 1.0)
    assert weighed.item() == pytest.approx(on_the_scale_of_beta(plain.item(), beta, DIMS), rel=1e-13)
    ours, theirs = gradients(first, weighed), gradients(second, plain)
    for name in ("encoder", "decoder"):
        torch.testing.assert_close(ours[name], beta * theirs[name], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("beta", BETAS)
def test_kelbos_two_losses_do_too(beta):
    (unit, _), (wide, _) = pair(beta)
    weighed, plain = loss_of(unit, beta), loss_of(wide, 1.0)
    assert weighed.item() == pytest.approx(on_the_scale_of_beta(plain.item(), beta, DIMS), rel=1e-5)
    ours, theirs = gradients(unit, weighed), gradients(wide, plain)
    for name in ("encoder", "decoder"):
        assert (ours[name] - beta * theirs[name]).norm() < 1e-5 * ours[name].norm()


def test_a_variance_of_half_beta_is_another_model():
    """The σ = √(β/2) that is read now and then belongs to squared errors without their ½."""
    (unit, _), wide = pair(4.0)[0], model(math.sqrt(4.0 / 2))
    ours, theirs = gradients(unit, loss_of(unit, 4.0)), gradients(wide, loss_of(wide, 1.0))
    ratio = float((ours["decoder"] * theirs["decoder"]).sum() / theirs["decoder"].square().sum())
    assert (ours["encoder"] - ratio * theirs["encoder"]).norm() > 0.1 * ours["encoder"].norm()


def trained(vae, beta, optimizer, steps=60):
    made = optimizer(vae.parameters())
    losses = []
    for step in range(steps):
        loss = loss_of(vae, beta, noise=step)
        made.zero_grad()
        loss.backward()
        made.step()
        losses.append(loss.item())
    return torch.cat([p.detach().flatten() for p in vae.parameters()]), losses


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_training_takes_the_same_steps(beta, kind):
    (unit, _), (wide, _) = pair(beta)
    rates = {"adam": (1e-2, 1e-2), "sgd": (0.05 / beta, 0.05)}[kind]  # Adam does not see the scale, SGD is told of it
    made = {
        "adam": lambda rate: lambda p: torch.optim.Adam(p, rate, eps=1e-30),
        "sgd": lambda rate: lambda p: torch.optim.SGD(p, rate),
    }[kind]
    start = torch.cat([p.detach().flatten() for p in unit.parameters()])
    ours, weighed = trained(unit, beta, made(rates[0]))
    theirs, plain = trained(wide, 1.0, made(rates[1]))
    moved = (ours - start).norm()
    assert moved > 0.1
    assert (ours - theirs).norm() < 2e-3 * moved
    scaled = [on_the_scale_of_beta(loss, beta, DIMS) for loss in plain]
    assert weighed == pytest.approx(scaled, rel=1e-4)
