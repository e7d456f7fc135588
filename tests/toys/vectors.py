"""Examples that are no images: vectors of 12 numbers, in a VAE of linear networks."""

import numpy as np
from tests.toys.made import TESTED, TRAINED, recipe
from torch import nn

from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.experiments.parts import Parts
from kelbo.models import VAE
from kelbo.recipes import build

DIMS, LATENTS = 12, 2


def data(recipe) -> ImageSet:
    draw = np.random.default_rng(0)
    mixed = draw.normal(size=(TRAINED + TESTED, LATENTS)) @ draw.normal(size=(LATENTS, DIMS))
    levels = np.round(255 / (1 + np.exp(-mixed))).astype(np.uint8)
    splits = {"train": ArrayImages(levels[:TRAINED]), "test": ArrayImages(levels[TRAINED:])}
    return ImageSet("vectors", splits, note="two numbers, mixed into twelve")


def model(recipe, images, runs):
    likelihood = build.likelihood(recipe, images.levels)
    encoder, decoder = nn.Linear(DIMS, 2 * LATENTS), nn.Linear(LATENTS, likelihood.output_channels(DIMS))
    return VAE(encoder, decoder, likelihood, (DIMS,), LATENTS)


RECIPE = recipe("vectors", "likelihood.kind=per_pixel_gaussian", "likelihood.mean_activation=identity")
PARTS = Parts(data=data, model=model)
