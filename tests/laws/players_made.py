"""Small models of several players, and the losses of these written out as formulas of whole forward passes."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from kelbo import likelihoods, networks
from kelbo.bound import Batch
from kelbo.distributed.fabric import Fabric
from kelbo.models.vaegan import Gan, VaeGan
from kelbo.objectives import Beta
from kelbo.seeds import Source, drawing_from, seeded
from kelbo.training import TrainState
from kelbo.training.adversarial import AdversarialUpdate

SHAPE, LATENTS, EXAMPLES, WIDTH = (3, 16, 16), 3, 6, 0.06
GAMMA, BETA = 0.3, 0.7
SIGMAS = {
    "unit": lambda: likelihoods.FixedGaussian(1.0),
    "shared": lambda: likelihoods.SharedGaussian(),
    "optimal": lambda: likelihoods.OptimalGaussian(),
    None: lambda: None,
}


def model_of(sigma="unit", *, given=0, norms="batch", tap=None):
    with seeded(3, "init"):
        encoder = networks.LarsenEncoder(SHAPE, LATENTS, 200, WIDTH, given, norms)
        return VaeGan(
            networks.GivenEncoder(encoder.features, encoder.head) if given else encoder,
            networks.LarsenDecoder(SHAPE, LATENTS + given, 3, WIDTH, norms),
            likelihoods.SharedGaussian(mean_activation="sigmoid"),
            SHAPE,
            LATENTS,
            conditions=("labels",) if given else (),
            discriminator=networks.larsen_discriminator(SHAPE, WIDTH, given, norms),
            features=SIGMAS[sigma](),
            tap=tap,
        )


def gan_of():
    with seeded(3, "init"):
        decoder = networks.LarsenDecoder(SHAPE, LATENTS, 3, WIDTH)
        return Gan(decoder, networks.larsen_discriminator(SHAPE, WIDTH), torch.sigmoid, SHAPE, LATENTS)


def batch_of(given=0):
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(EXAMPLES, 3, 4, 4, generator=generator)
    x = F.interpolate(coarse, 16, mode="bicubic").clamp(0, 1)
    return Batch(x, {"labels": torch.eye(EXAMPLES)[:, :given]} if given else {})


def moved(model, adversary, *, gamma=GAMMA, update=AdversarialUpdate, **settings):
    """The gradients that one step leaves, by player; and its values."""
    objective = None if isinstance(model, Gan) else Beta(BETA)
    step = update(Fabric(accelerator="cpu", devices=1), objective, lambda _: 1.0, adversary, gamma, **settings)
    players = model.players()
    optimizers = {name: torch.optim.SGD([{"params": own, "initial_lr": 1e-3}], 1e-3) for name, own in players.items()}
    state = TrainState(model, optimizers, {} if objective is None else objective.initial())
    before = [p.detach().clone() for p in model.parameters()]
    with drawing_from(Source(0)):
        values = step(state, batch_of(len(model.conditions) and 2))
    gradients = {name: [p.grad for p in own] for name, own in players.items() if own[0].grad is not None}
    return gradients, values, before


# ── the losses, written out ───────────────────────────────────────────────────────────────────────────────────────────


def judged(model, images, together, onward, told):
    """Features at the tap and logits of several batches of images."""
    judge, tap = model.judge, model.tap
    size = EXAMPLES

    def passed(values, network):
        if together:
            return dict(zip(values, network(torch.cat([*values.values()])).split(size), strict=True))
        return {name: network(value) for name, value in values.items()}

    features = images if tap is None else passed(images, lambda x: judge.features(x, tap))
    further = {name: features[name] for name in features if name in onward}
    rows = lambda x: None if told is None else told.repeat(len(x) // size, 1)  # noqa: E731
    return features, passed(further, lambda x: judge.logits(x, rows(x), after=tap))


def adversarial(adversary, logits):
    """The discriminator's loss and the decoder's."""
    real, fakes = logits["real"], [value for name, value in logits.items() if name != "real"]
    if adversary.loss == "hinge":
        return F.relu(1 - real).mean() + sum(F.relu(1 + f).mean() for f in fakes), sum(-f.mean() for f in fakes)
    if adversary.loss == "non_saturating":
        log = F.logsigmoid
        return -log(real).mean() - sum(log(-f).mean() for f in fakes), -sum(log(f).mean() for f in fakes)
    p = torch.sigmoid
    game = (p(real) + adversary.eps).log().mean() + sum((1 - p(f) + adversary.eps).log().mean() for f in fakes)
    return -game, game


def scene(model, batch):
    with drawing_from(Source(0)):
        reads = isinstance(model, VaeGan)
        posterior = model.posterior(batch) if reads else None
        z = posterior.rsample() if reads else None
        zp = model.sample(EXAMPLES)[0]
    output = model.decode((z,), batch.given) if reads else None
    drawn = model.mean(model.decode((zp,), batch.given))
    rate = model.prior.kl(posterior).sum(1) if reads else None
    return output, drawn, rate


def losses(model, batch, adversary, gamma):
    """(encoder's, decoder's, discriminator's), each of a forward pass of its own in which other images are constants."""
    told = batch.given.get("labels")
    kinds = {"both": ("made", "drawn"), "prior": ("drawn",), "reconstructions": ("made",)}[adversary.fakes]
    if isinstance(model, Gan):
        kinds = ("drawn",)

    def all_of(constant):
        output, drawn, rate = scene(model, batch)
        made = None if output is None else model.mean(output)
        images = {"real": batch.x, "made": made, "drawn": drawn}
        shown = {"real", *kinds} | ({"made"} if model.tap is not None else set())
        images = {name: v.detach() if name in constant else v for name, v in images.items() if name in shown}
        return output, rate, *judged(model, images, adversary.together, {"real", *kinds}, told)

    def distance(output, features):
        if model.tap is None:
            return -model.likelihood.log_prob(batch.x, output).mean()
        return -model.features.log_prob(features["real"], features["made"]).mean()

    def encoder_loss():
        output, rate, features, _ = all_of({"drawn"})
        return BETA * rate.mean() + distance(output, features)

    def adversarial_of(which):
        *_, logits = all_of({"real", "made", "drawn"} - set(kinds))
        return adversarial(adversary, logits)[which]

    def decoder_loss():
        total = adversary.weight * adversarial_of(1)
        if isinstance(model, Gan):
            return total
        output, _, features, _ = all_of({"drawn"})
        if model.tap is not None:  # which says nothing of the pixels' σ: that has its own
            own = -model.likelihood.log_prob(batch.x, output.detach()).mean()
            return total + gamma * distance(output, features) + own
        return total + gamma * distance(output, features)

    def encoder_with_adversary():
        return encoder_loss() + adversary.weight * adversarial_of(1)

    def discriminator_loss():
        loss = adversarial_of(0)
        if adversary.r1:
            x = batch.x.clone().requires_grad_()
            (slope,) = torch.autograd.grad(model.judge.logits(x, told).sum(), x, create_graph=True)
            loss = loss + adversary.r1 * 0.5 * slope.flatten(1).norm(dim=1).square().mean()
        return loss

    of_encoder = encoder_with_adversary if adversary.encoder else encoder_loss
    return {"encoder": of_encoder, "decoder": decoder_loss, "discriminator": discriminator_loss}


def formula(model, adversary, gamma=GAMMA):
    batch = batch_of(len(model.conditions) and 2)
    made = losses(model, batch, adversary, gamma)
    return {
        name: torch.autograd.grad(made[name](), own, allow_unused=True, materialize_grads=True)
        for name, own in model.players().items()
    }


def equal(found, expected, room=1e-5):
    assert found.keys() == expected.keys()
    for name, gradients in expected.items():
        scale = torch.stack([g.norm() for g in gradients]).norm()
        assert scale > 0
        for mine, its in zip(found[name], gradients, strict=True):
            # a bias before batch normalisation, say, has a gradient that is only rounding
            assert (mine - its).norm() <= room * max(its.norm(), 0.01 * scale), name


def hold(model, adversary, gamma=GAMMA, **settings):
    expected = formula(model, adversary, gamma)
    found, values, _ = moved(model, adversary, gamma=gamma, **settings)
    equal(found, expected)
    return found, values
