"""Clips with one group of latents a time step, told the frames before: p(z_t | z_<t, past) is learned, as in SVG-LP."""

import torch
from tests.toys.made import TESTED, TRAINED, blobs, recipe
from torch import Tensor, nn

from kelbo.bound import Batch, Bound, Given, Latents, Reading, Temperature, require_groups, temperatures
from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages, GivenImages
from kelbo.experiments.parts import Parts
from kelbo.latents import DiagonalGaussian
from kelbo.likelihoods import Framewise
from kelbo.protocols import NOTHING, Likelihood, Model
from kelbo.recipes import build

PAST, STEPS, WIDTH, LATENTS = 2, 3, 8, 2


class Clips(Model):
    """given["past"] (B, 2, 1, 8, 8), intensities; x is the three frames after it, and z_t is read off frame t."""

    groups, event, conditions = STEPS, (STEPS, 1, 8, 8), ("past",)

    def __init__(self, likelihood: Likelihood) -> None:
        super().__init__()
        self.likelihood, self.channels = likelihood, likelihood.output_channels(1)
        self.begin = nn.Linear(PAST * 64, WIDTH)
        self.posterior = nn.Linear(WIDTH + 64, 2 * LATENTS)
        self.prior = nn.Linear(WIDTH, 2 * LATENTS)
        self.recur = nn.Linear(LATENTS + WIDTH, WIDTH)
        self.paint = nn.Linear(WIDTH, self.channels * 64)

    def read(self, batch: Batch, *, target: Tensor | None = None, draw: bool = True) -> Reading:
        latents, _, rates, output = self.infer(batch, draw)
        distortion = -self.likelihood.log_prob(batch.x if target is None else target, output)
        return Reading(Bound(torch.stack(rates, 1), distortion), latents, output)

    def log_weights(self, batch: Batch, samples: int, target: Tensor | None = None) -> Tensor:
        found = []
        for _ in range(samples):
            _, ratios, _, output = self.infer(batch, True)
            log_likelihood = self.likelihood.log_prob(batch.x if target is None else target, output)
            found.append(log_likelihood + torch.stack(ratios).sum(0))
        return torch.stack(found, 1)

    def infer(self, batch: Batch, draw: bool) -> tuple[Latents, list[Tensor], list[Tensor], Tensor]:
        """Latents, log p(z) - log q(z) and KL of each step, and the output."""
        state, latents, ratios, rates = self.first(batch.given), [], [], []
        for frame in batch.x.flatten(2).unbind(1):
            q = DiagonalGaussian.from_parameters(self.posterior(torch.cat([state, frame], 1)))
            p = DiagonalGaussian.from_parameters(self.prior(state))
            z = q.rsample() if draw else q.mean
            latents.append(z)
            ratios.append(p.log_prob(z) - q.log_prob(z))
            rates.append(q.kl(p).sum(1))
            state = self.advance(state, z)
        return tuple(latents), ratios, rates, self.decode(tuple(latents), batch.given)

    def sample(self, count: int, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Latents:
        return self.unroll((), given, temperature)[0]

    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        return self.unroll(latents, given, temperature)[1]

    def unroll(self, known: Latents, given: Given, temperature: Temperature) -> tuple[Latents, Tensor]:
        state, latents, frames = self.first(given), list(known), []
        for step, heat in enumerate(temperatures(temperature, STEPS)):
            if step == len(latents):
                p = DiagonalGaussian.from_parameters(self.prior(state))
                latents.append(p.rsample(heat))
            state = self.advance(state, latents[step])
            frames.append(self.paint(state).unflatten(1, (self.channels, 8, 8)))
        return tuple(latents), torch.stack(frames, 1).float()

    def advance(self, state: Tensor, z: Tensor) -> Tensor:
        return torch.tanh(self.recur(torch.cat([state, z], 1)))

    def first(self, given: Given) -> Tensor:
        return torch.tanh(self.begin(given["past"].flatten(1)))


def data(recipe) -> ImageSet:
    splits = {}
    for seed, (name, count) in enumerate({"train": TRAINED, "test": TESTED}.items()):
        clips = blobs(count, PAST + STEPS, seed)
        past = torch.from_numpy(clips[:, :PAST]).float() / 255
        splits[name] = GivenImages(ArrayImages(clips[:, PAST:]), {"past": past})
    return ImageSet("wandering blobs", splits, note="bright spots that wander")


def model(recipe, images, runs):
    return Clips(Framewise(build.likelihood(recipe, images.levels)))


RECIPE = recipe("clips")
PARTS = Parts(data=data, model=model)
