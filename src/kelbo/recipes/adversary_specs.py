"""What a recipe says of a discriminator, and of the distance that the loss has for pixels."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from kelbo.recipes.spec import Place, Spec


class BalanceSpec(Spec):
    equilibrium: float = Field(default=0.68, gt=0)
    """nats: about the cost of a discriminator that guesses"""
    margin: float = Field(default=0.35, ge=0)
    """how far its costs are from there when a player is skipped"""


class AdversarySpec(Spec):
    """What all kinds of discriminators have."""

    loss: Literal["saturating", "non_saturating", "hinge"] = "saturating"
    """saturating: the decoder maximises what the discriminator minimises; non_saturating: it minimises -log D of its images
    instead; hinge: of logits"""
    fakes: Literal["both", "prior", "reconstructions"] = "both"
    """what is to be told from real images: reconstructions and decoded draws of the prior as in the paper, or one of them"""
    weight: float = Field(default=1.0, ge=0)
    """of the decoder's adversarial loss"""
    start: int = Field(default=0, ge=0)
    """the first step at which there is an adversary"""
    adaptive: bool = False
    """multiply the weight by the ratio of the norms of both losses' gradients at the decoder's last layer"""
    reaches: Literal["decoder", "both"] = "decoder"
    """whom the adversarial loss trains beside the discriminator: the decoder alone, or the encoder too"""
    balance: BalanceSpec | None = BalanceSpec()
    """skip the player that is ahead, as in the release of VAE/GAN; null never"""
    r1: float = Field(default=0.0, ge=0)
    """weight of ½ of the squared norm of the discriminator's gradient at real images"""
    spectral_norm: bool = False
    """divide each of the discriminator's weights by its largest singular value"""
    learning_rate: float | None = Field(default=None, gt=0)
    """of the discriminator; null takes the optimiser's"""
    eps: float = Field(default=1e-3, ge=0)
    """added inside of the saturating loss's logarithms, as in the release; 0 is the exact logarithm"""
    passes: Literal["together", "apart"] = "together"
    """whether the discriminator sees all images of a step in one pass, and so with the same statistics if its norm is batch, or
    real images, reconstructions and draws of the prior in one each"""


class LarsenAdversarySpec(AdversarySpec):
    kind: Literal["larsen"] = "larsen"
    """the discriminator of VAE/GAN; sides are multiples of 8"""
    width: float = Field(default=1.0, gt=0)
    """factor on all numbers of channels and hidden units"""
    norm: Literal["batch", "group"] | None = "batch"
    """as of model.network"""


class PatchAdversarySpec(AdversarySpec):
    kind: Literal["patch"] = "patch"
    """the discriminator of patches of VQGAN and latent diffusion: one logit for each 70×70 pixels, and their losses"""
    loss: Literal["saturating", "non_saturating", "hinge"] = "hinge"
    fakes: Literal["both", "prior", "reconstructions"] = "reconstructions"
    weight: float = Field(default=0.5, ge=0)
    adaptive: bool = True
    reaches: Literal["decoder", "both"] = "both"
    balance: BalanceSpec | None = None
    passes: Literal["together", "apart"] = "apart"
    width: int = Field(default=64, ge=1)
    """channels of its first convolution; later ones have twice as many each, up to eight times"""
    layers: int = Field(default=3, ge=1)
    """of stride 2; fewer make smaller patches"""
    norm: Literal["batch", "group"] | None = "batch"
    """as of model.network"""


class DiscriminatorDistanceSpec(Spec):
    kind: Literal["discriminator"] = "discriminator"
    """features of the adversary's discriminator, or without an adversary of that of runs.discriminator, which stays as it is"""
    features: str | None = None
    """the discriminator's tap, strided3 for example; null takes the one of the paper"""
    sigma: Literal["unit", "shared", "optimal"] = "unit"
    """of features, as of pixels: 1 as in the paper, trained, or solved for in each batch"""
    weight: float = Field(default=1.0, gt=0)
    """γ, or w in the convex convention"""
    convention: Literal["paper", "convex"] = "paper"
    """of the decoder's loss: γ·distance + adversarial loss, or w·distance + (1 - w)·adversarial loss as in the release"""

    @field_validator("convention")
    @classmethod
    def _convex(cls, convention: str, info: ValidationInfo) -> str:
        if convention == "convex" and info.data.get("weight", 0.5) >= 1:
            raise ValueError("a convex weight is below 1; set distance.weight too")
        return convention


class PerceptualDistanceSpec(Spec):
    kind: Literal["perceptual"] = "perceptual"
    """pixels, and beside them features of a trained network"""
    features: Place
    """its file: VGG16's weights by torchvision's names (.pth), a classifier of `kelbo features train` (.safetensors), or
    TorchScript (.pt, .ts)"""
    heads: bool = False
    """weigh VGG16's features by LPIPS' linear heads"""
    weight: float = Field(default=1.0, ge=0)
    """nats of a unit of the distance, for each of a picture's numbers: 1 beside a Laplace of scale 0.5 as released"""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """of the file; null takes what it has, and the run's recipe keeps that"""

    @property
    def outside_fingerprint(self) -> set[str]:
        """Settings that a fingerprint leaves out: where the file lies, once it is known which it is."""
        return set() if self.sha256 is None else {"features"}
