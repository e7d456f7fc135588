"""Subjects that the quirks of the β-VAE study are measured on."""

from itertools import product

import numpy as np
import pytest
import torch

from kelbo.data import shapes2d, shapes3d
from kelbo.data.images import ArrayImages
from kelbo.experiments import open_run, train
from kelbo.models.linear import fit_linear
from kelbo.recipes import change, find
from kelbo.studies.beta_vae import as_published_baselines
from kelbo.studies.beta_vae.asked import Effort
from kelbo.studies.beta_vae.subjects import Subject

GREY_SIZES, COLOUR_SIZES = (3, 2, 1, 8, 8), (4, 4, 4, 2, 2, 1)
FEW = {("pca", 1): 240, ("pca", 3): 220, ("ica", 1): 230, ("ica", 3): 210}


def factors_of(sizes):
    return np.array(list(product(*map(range, sizes))))


@pytest.fixture
def few_fitted(monkeypatch):
    """Baselines of the study fitted to hundreds of images instead of thousands."""
    for key, count in FEW.items():
        monkeypatch.setitem(as_published_baselines.EXAMPLES, key, count)
    return FEW


@pytest.fixture(scope="session")
def quick():
    return Effort(
        points=(200, 151),
        reference=(600, 300),
        linear_steps=200,
        mlp_steps=25,
        mig_rows=300,
        encoded=1_500,
        seeds=(0, 1, 2),
    )


@pytest.fixture(scope="session")
def grey_subject(grey_lane):
    """384 of the 2-D shapes: one orientation, two scales, every fourth position."""
    pixels = shapes2d.render(torch.from_numpy(factors_of(GREY_SIZES) * [1, 4, 0, 4, 4]))
    factors = np.delete(factors_of(GREY_SIZES), 2, 1)
    return subject_of(ArrayImages(pixels.to(torch.uint8), 2), factors, "shapes2d", "dsprites", grey_lane, (1, 2, 3))


@pytest.fixture(scope="session")
def colour_subject(grey_lane):
    """256 of the 3-D shapes: four hues of everything, two scales, two shapes, one view."""
    pixels = shapes3d.render(torch.from_numpy(factors_of(COLOUR_SIZES) * [2, 2, 2, 7, 2, 6]))
    factors = np.delete(factors_of(COLOUR_SIZES), 5, 1)
    return subject_of(ArrayImages(pixels), factors, "shapes3d", "3dshapes", grey_lane)


def subject_of(images, factors, name, role, lane, chosen=None):
    codes = {kind: fit_linear(kind, images, 6, seed=1).encode(images) for kind in ("pca", "ica")}
    rng = np.random.default_rng(0)
    vae = (factors @ rng.normal(size=(factors.shape[1], 6)) + rng.normal(size=(len(factors), 6))).astype(np.float32)
    return Subject(
        name,
        role,
        "VAE, β = 4",
        codes={"vae": vae, **codes},
        factors=factors,
        chosen=chosen,
        scales=np.full_like(vae, 0.5),
        held_out=rng.random(len(factors)) < 0.3,
        images=images,
        train=images,
        experiment=lane,
        distortion={split: {"mean": 80.0, "standard_error": 1.0} for split in ("train", "test")},
    )


@pytest.fixture(scope="session")
def grey_lane(tmp_path_factory):
    settings = ["likelihood.kind=bernoulli", "training.steps=30", "model.network.width=32"]
    out = tmp_path_factory.mktemp("lane") / "run"
    train(change(find("digits"), settings), out)
    return open_run(out, device="cpu")
