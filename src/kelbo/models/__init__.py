"""Models report rate and distortion; they do not judge them."""

from kelbo.models.hierarchical import Hierarchical
from kelbo.models.spatial import JudgedSpatialVAE, SpatialVAE
from kelbo.models.two_stage import Secondary, TwoStage
from kelbo.models.vae import VAE, Autoencoder
from kelbo.models.vaegan import Gan, VaeGan

__all__ = [
    "VAE",
    "Autoencoder",
    "Gan",
    "Hierarchical",
    "JudgedSpatialVAE",
    "Secondary",
    "SpatialVAE",
    "TwoStage",
    "VaeGan",
]
