"""Tensors to tensors, no probability: encoders (B, C, H, W) → (B, 2K), decoders (B, K) → (B, P, H, W)."""

from kelbo.networks.conv import (
    BURGESS_SIZES,
    RYBKIN_SIZES,
    BurgessDecoder,
    BurgessEncoder,
    RybkinDecoder,
    RybkinEncoder,
)
from kelbo.networks.mlp import HigginsDecoder, HigginsEncoder

__all__ = [
    "BURGESS_SIZES",
    "RYBKIN_SIZES",
    "BurgessDecoder",
    "BurgessEncoder",
    "HigginsDecoder",
    "HigginsEncoder",
    "RybkinDecoder",
    "RybkinEncoder",
]
