"""Networks, from tensors to tensors, without probability: encoders (B, C, H, W) → (B, 2K), decoders (B, K) → (B, P, H, W)."""

from kelbo.networks.conv import (
    BurgessDecoder,
    BurgessEncoder,
    RybkinDecoder,
    RybkinEncoder,
)
from kelbo.networks.discriminator import Discriminator
from kelbo.networks.given_encoder import GivenEncoder
from kelbo.networks.larsen import LarsenDecoder, LarsenEncoder, larsen_discriminator
from kelbo.networks.latent_diffusion import SpatialDecoder, SpatialEncoder
from kelbo.networks.mlp import HigginsDecoder, HigginsEncoder
from kelbo.networks.patch import PatchDiscriminator, patches
from kelbo.networks.residual import ResidualDecoder, ResidualEncoder
from kelbo.networks.sizes import burgess_fits, larsen_fits, near, patches_fit, rybkin_fits
from kelbo.networks.standardise import Standardise

__all__ = [
    "BurgessDecoder",
    "BurgessEncoder",
    "Discriminator",
    "GivenEncoder",
    "HigginsDecoder",
    "HigginsEncoder",
    "LarsenDecoder",
    "LarsenEncoder",
    "PatchDiscriminator",
    "ResidualDecoder",
    "ResidualEncoder",
    "RybkinDecoder",
    "RybkinEncoder",
    "SpatialDecoder",
    "SpatialEncoder",
    "Standardise",
    "burgess_fits",
    "larsen_discriminator",
    "larsen_fits",
    "near",
    "patches",
    "patches_fit",
    "rybkin_fits",
]
