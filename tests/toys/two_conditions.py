"""A condition of two parts: labels, by which the prior is learned, and a picture, which the networks see beside x."""

import math
from collections.abc import Mapping

import torch
from tests.toys.made import TESTED, TRAINED, blobs, recipe
from torch import Tensor, nn

from kelbo.bound import Batch, Given, Latents, Temperature, require_groups
from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages, GivenImages
from kelbo.experiments.parts import Parts
from kelbo.latents import DiagonalGaussian
from kelbo.models import VAE
from kelbo.protocols import NOTHING, Likelihood, Posterior, Prior
from kelbo.recipes import build

LABELS, LATENTS = 2, 3


class ByLabels(Prior):
    """N(mean(labels), σ(labels)²)."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.parameters_of = nn.Linear(labels, 2 * LATENTS)

    def at(self, given: Given) -> DiagonalGaussian:
        return DiagonalGaussian.from_parameters(self.parameters_of(given["labels"]))

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        return self.at(given).log_prob(z)

    def sample(self, count: int, given: Given = NOTHING, temperature: float = 1.0) -> Tensor:
        return self.at(given).rsample(temperature)

    def kl(self, posterior: Posterior, given: Given = NOTHING) -> Tensor:
        return DiagonalGaussian(posterior.mean, posterior.log_variance).kl(self.at(given))


class TwoConditions(VAE):
    """given["labels"] (B, A) and given["picture"] (B, 1, h, w), both float32; the data say how large."""

    conditions = ("labels", "picture")

    def __init__(self, likelihood: Likelihood, given: Mapping[str, tuple[int, ...]]) -> None:
        (labels,), seen = given["labels"], math.prod(given["picture"])
        encoder = nn.Sequential(nn.Linear(64 + seen, 16), nn.ReLU(), nn.Linear(16, 2 * LATENTS))
        decoder = nn.Sequential(nn.Linear(LATENTS + seen, 64), nn.Unflatten(1, (1, 8, 8)))
        super().__init__(encoder, decoder, likelihood, (1, 8, 8), LATENTS, prior=ByLabels(labels))

    def posterior(self, batch: Batch) -> DiagonalGaussian:
        seen = torch.cat([batch.x.flatten(1), batch.given["picture"].flatten(1)], 1)
        return DiagonalGaussian.from_parameters(self.encoder(seen))

    def decode(self, latents: Latents, given: Given = NOTHING, *, temperature: Temperature = 1.0) -> Tensor:
        require_groups(latents, self.groups)
        (z,) = latents
        return self.decoder(torch.cat([z, given["picture"].flatten(1)], 1)).float()


def data(recipe) -> ImageSet:
    splits = {}
    for seed, (name, count) in enumerate({"train": TRAINED, "validation": TESTED, "test": TESTED}.items()):
        levels = blobs(count, seed=seed)[:, 0]
        picture = torch.from_numpy(levels[:, :, ::2, ::2]).float() / 255
        halves = (picture.flatten(2).argmax(-1) // 8).squeeze(1)
        labels = torch.nn.functional.one_hot(halves, LABELS).float()
        splits[name] = GivenImages(ArrayImages(levels), {"labels": labels, "picture": picture})
    return ImageSet("blobs with conditions", splits, note="bright spots, which half they are in, and a coarse copy")


def model(recipe, images, runs):
    return TwoConditions(build.likelihood(recipe, images.levels), images.given)


RECIPE = recipe("two-conditions", "objective.beta=2")
PARTS = Parts(data=data, model=model)
