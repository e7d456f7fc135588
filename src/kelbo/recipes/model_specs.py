"""A recipe's model: its networks, latents and what it is told beside the examples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from kelbo.recipes.spec import Spec


def _known(given: str) -> str:
    """ValueError unless this names what a model may be given."""
    kind, colon, names = given.partition(":")
    named = [name.strip() for name in names.split(",")] if colon else []
    if kind not in ("labels", "attributes", "factors") or (colon and (kind == "labels" or not all(named))):
        raise ValueError("write labels, attributes or attributes:Smiling,Male, factors or factors:shape")
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise ValueError(f"it names {', '.join(twice)} more than once")
    return given


class HigginsSpec(Spec):
    kind: Literal["higgins"] = "higgins"
    width: int = Field(default=1200, ge=1)


class BurgessSpec(Spec):
    kind: Literal["burgess"] = "burgess"
    channels: int = Field(default=32, ge=1)
    hidden: int = Field(default=256, ge=1)


class RybkinSpec(Spec):
    kind: Literal["rybkin"] = "rybkin"
    channels: int = Field(default=32, ge=1)


class ResidualSpec(Spec):
    kind: Literal["residual"] = "residual"
    channels: int = Field(default=16, ge=1)
    """numbers of each patch of 4×4 pixels"""
    width: int = Field(default=256, ge=1)


class LarsenSpec(Spec):
    kind: Literal["larsen"] = "larsen"
    """the 5×5 convolutions of VAE/GAN (Larsen et al., 2016, table 1); sides are multiples of 8"""
    width: float = Field(default=1.0, gt=0)
    """factor on all numbers of channels and hidden units"""
    hidden: int = Field(default=2048, ge=1)
    """units of the encoder's linear layer before the factor: 2048 in the paper, 1024 in its release"""
    norm: Literal["batch", "group"] | None = "batch"
    """after each layer but the last: by a batch's statistics, or by those of groups of an example's channels; null: none"""


NetworkSpec = Annotated[HigginsSpec | BurgessSpec | RybkinSpec | ResidualSpec | LarsenSpec, Field(discriminator="kind")]


class FlatSpec(Spec):
    latents: int = Field(default=10, ge=1)
    """latent dimensions"""
    network: NetworkSpec = BurgessSpec()
    given: Annotated[str, AfterValidator(_known)] | None = None
    """what the model is told beside each example: labels, attributes or attributes:Smiling,Male, factors or factors:shape"""


class StandardPriorSpec(Spec):
    kind: Literal["standard"] = "standard"
    """N(0, I)"""


class VampSpec(Spec):
    kind: Literal["vamp"] = "vamp"
    """the mean of the posteriors of learned pseudo-inputs, which begin as training examples (Tomczak & Welling, 2018)"""
    components: int = Field(default=500, ge=1)
    """pseudo-inputs; each step encodes them beside its batch"""


PriorSpec = Annotated[StandardPriorSpec | VampSpec, Field(discriminator="kind")]


class VaeSpec(FlatSpec):
    kind: Literal["vae"] = "vae"
    prior: PriorSpec = StandardPriorSpec()


class AutoencoderSpec(FlatSpec):
    kind: Literal["autoencoder"] = "autoencoder"
    """the baseline without noise, rate and bound"""


class GanSpec(FlatSpec):
    kind: Literal["gan"] = "gan"
    """a decoder that a discriminator (adversary) judges; it reads no examples"""


class HierarchicalSpec(Spec):
    kind: Literal["hierarchical"] = "hierarchical"
    """the very deep VAE (Child, 2021): a group of latents a stochastic layer, from the top to the image's own resolution"""
    encoder: str | None = None
    """the encoder's layers, such as 32x11,32d2,16x6 (eleven at 32×32, one more that averages 2×2 pixels, six at 16×16); null
    takes three a resolution"""
    decoder: str | None = None
    """the stochastic layers, such as 1x2,4m1,4x3 (two at 1×1, one at 4×4 that takes in the features of 1×1, three more); null
    takes two at 1×1 and five at each other resolution"""
    width: int = Field(default=32, ge=1)
    """channels of features"""
    latents: int = Field(default=16, ge=1)
    """channels of each group of latents"""
    bottleneck: float = Field(default=0.25, gt=0, le=1)
    """channels inside of a block, as a fraction of the width"""
    merge: Literal["concatenation", "precision_weighted", "residual"] = "concatenation"
    """how a posterior is made of the network's answer and the prior: that itself, their product, or a change of the prior"""
    scale: Literal["exp", "softplus"] = "exp"
    """of the latents: the networks give ln σ, or what softplus makes σ of (Hazami et al., 2022)"""
    maps: int = Field(default=64, ge=0)
    """the highest resolution at which the decoder begins with a learned map"""
    centre: float = 0.5
    """intensity that the encoder sees as 0"""
    spread: float = Field(default=0.5, gt=0)
    """intensities above it that the encoder sees as 1"""
    checkpointing: bool = False
    """compute activations again in the backward pass: less memory, a third more time"""
    given: Annotated[str, AfterValidator(_known)] | None = None
    """what the model is told beside each example, at every resolution: labels, attributes or attributes:Smiling,Male, factors
    or factors:shape"""


class SecondarySpec(HierarchicalSpec):
    kind: Literal["secondary"] = "secondary"  # pyright: ignore[reportIncompatibleVariableOverride]
    """a hierarchy on top of a frozen first model (runs.primary), given its picture, for the bits that are left; encoder and
    decoder that are null are those of the primary if it is a hierarchy"""
    primary: Literal["at_target", "any"] = "at_target"
    """what the primary must be: trained at a target of distortion or rate, or anything"""
    draws: Literal["every_step", "once"] = "every_step"
    """when the primary draws the picture of a training image: anew each time that it is trained on, or once as training begins,
    for steps that need no primary; that takes four bytes of memory a pixel"""


class SpatialSpec(Spec):
    kind: Literal["spatial"] = "spatial"
    """a VAE whose latents keep the picture's layout: the autoencoder of latent diffusion (Rombach et al., 2022)"""
    latents: int = Field(default=4, ge=1)
    """channels of the latents"""
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(64, 128, 128), min_length=1)
    """channels at each resolution, from the picture's on, each of half the side: three make latents of a quarter of the side"""
    blocks: int = Field(default=2, ge=1)
    """residual blocks of the encoder at each resolution; the decoder has one more"""
    attention: bool = True
    """whether the lowest resolution has an attention over all positions"""
    norm: Literal["group", "position"] = "group"
    """group: over groups of channels and all positions, as released; position: over the channels of each position alone, so
    that parts of a picture do not depend on far ones"""
    groups: int = Field(default=32, ge=1)
    """of channels, of norm group; they divide every width"""


ModelSpec = Annotated[
    VaeSpec | AutoencoderSpec | HierarchicalSpec | SecondarySpec | SpatialSpec | GanSpec, Field(discriminator="kind")
]
