"""A recipe's hierarchy as an object: with `build`, the only place that knows concrete classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kelbo.errors import RecipeError
from kelbo.frozen import Frozen
from kelbo.models.hierarchical import Conditions, Hierarchical, StochasticLayer
from kelbo.models.two_stage import PICTURE, Secondary, TwoStage
from kelbo.networks.layer_lists import (
    DecoderLayer,
    EncoderLayer,
    compact,
    decoder_layers,
    encoder_layers,
    require_layers,
    usual_layers,
)
from kelbo.networks.vdvae import ConditionFeatures, Entry, Exit, PictureFeatures, VeryDeepEncoder
from kelbo.protocols import Likelihood, Model, reads
from kelbo.recipes.distributions import Outlined
from kelbo.recipes.schema import HierarchicalSpec, SecondarySpec


def hierarchy(spec: HierarchicalSpec, images: Outlined, likelihood: Likelihood) -> Hierarchical:
    """An untrained hierarchy. RecipeError if the examples are no square images, or a layer is impossible for them."""
    channels, side = _square(spec, images)
    encoder, decoder = layers_of(spec, side)
    path = _Path(spec, decoder)
    layers = path.layers()  # first, since weights are drawn in this order
    return Hierarchical(
        path.encoder(channels, encoder),
        path.entries(),
        layers,
        Exit(spec.width, likelihood.output_channels(channels)),
        likelihood,
        images.shape,
        _conditions(images.given, path.resolutions, spec.width) if spec.given is not None else None,
        checkpointing=spec.checkpointing,
    )


def secondary(spec: SecondarySpec, images: Outlined, likelihood: Likelihood, primary: Frozen) -> Secondary:
    """An untrained secondary of a trained primary. RecipeError if they do not go together, or as of `hierarchy`."""
    channels, side = _square(spec, images)
    first = reads(primary.model)
    _require_fitting(spec, images, likelihood, first)
    encoder, decoder = layers_of(_listed(spec, first), side)
    path = _Path(spec, decoder)
    told = dict(images.given) if spec.given is not None else {}
    vectors = [ConditionFeatures([*told.values()], path.resolutions, spec.width) for _ in range(2)] if told else []
    picture = PictureFeatures(path.encoder(channels, encoder), spec.width, vectors[1] if told else None)
    conditions = Conditions((*told, PICTURE), vectors[0] if told else None, picture)
    return Secondary(
        primary,
        path.encoder(2 * channels, encoder),
        path.entries(),
        path.layers(),
        Exit(spec.width, likelihood.output_channels(channels)),
        likelihood,
        conditions,
        checkpointing=spec.checkpointing,
    )


def _square(spec: HierarchicalSpec, images: Outlined) -> tuple[int, int]:
    """Channels and side of the images. RecipeError if they are not square."""
    match images.shape:
        case (channels, height, width) if height == width:
            return channels, height
        case shape:
            raise RecipeError(
                f"model.kind {spec.kind!r} takes square images; the examples of {images.name} are {_sizes(shape)}. "
                "data.size=[height,width] resizes pictures."
            )


class _Path:
    """The networks of one path of stochastic layers, drawn anew at each call."""

    def __init__(self, spec: HierarchicalSpec, decoder: Sequence[DecoderLayer]) -> None:
        self.spec, self.decoder = spec, decoder
        self.resolutions = list(dict.fromkeys(layer.resolution for layer in decoder))

    def encoder(self, channels: int, layers: Sequence[EncoderLayer]) -> VeryDeepEncoder:
        spec = self.spec
        return VeryDeepEncoder(
            channels,
            spec.width,
            layers,
            self.resolutions,
            bottleneck=spec.bottleneck,
            centre=spec.centre,
            spread=spec.spread,
            checkpointing=spec.checkpointing,
        )

    def entries(self) -> list[Entry]:
        return [Entry(self.spec.width, side, side <= self.spec.maps) for side in self.resolutions]

    def layers(self) -> list[StochasticLayer]:
        spec = self.spec
        return [
            StochasticLayer(
                spec.width,
                spec.latents,
                layer.resolution,
                len(self.decoder),
                bottleneck=spec.bottleneck,
                merge=spec.merge,
                scale=spec.scale,
            )
            for layer in self.decoder
        ]


def _require_fitting(spec: SecondarySpec, images: Outlined, likelihood: Likelihood, first: Model) -> None:
    """RecipeError unless a secondary can stand on this model."""
    if first.event != images.shape:
        raise RecipeError(
            f"runs.primary is of images of {_sizes(first.event)}, and the examples of {images.name} are "
            f"{_sizes(images.shape)}. Take the primary's data (data.size resizes pictures), or train another primary."
        )
    if not first.has_rate:
        raise RecipeError(
            f"runs.primary is a {type(first).__name__}, whose codes are points without a rate. Name a VAE."
        )
    told = [*images.given] if spec.given is not None else []
    if missing := [name for name in first.conditions if name not in told]:
        raise RecipeError(
            f"runs.primary is given {', '.join(missing)}, which is then given to both models: set model.given as its recipe "
            "has it."
        )
    if likelihood.unshiftable is not None:
        raise RecipeError(
            f"The secondary's output is the primary's picture and a change, and {type(likelihood).__name__} "
            f"{likelihood.unshiftable}. Choose likelihood.kind {', '.join(SHIFTABLE[:-1])} or {SHIFTABLE[-1]}."
        )


SHIFTABLE = (
    "optimal_gaussian",
    "shared_gaussian",
    "per_pixel_gaussian",
    "per_image_gaussian",
    "fixed_gaussian",
    "laplace",
    "student_t",
    "logistic",
    "logistic_mixture",
)
"""kinds of likelihoods to whose mean a picture can be added"""


def _listed(spec: SecondarySpec, first: Model) -> HierarchicalSpec:
    """The spec with the layers of the primary, if that is a hierarchy, where it lists none."""
    if isinstance(first, TwoStage):
        first = first.secondary
    if not isinstance(first, Hierarchical):
        return spec
    own = {"encoder": spec.encoder or compact(first.encoder.layers), "decoder": spec.decoder or _decoder_of(first)}
    return spec.model_copy(update=own)


def _decoder_of(first: Hierarchical) -> str:
    sides = first.resolutions
    befores = [None, *sides[:-1]]
    return compact([DecoderLayer(s, b if b not in (None, s) else None) for s, b in zip(sides, befores, strict=True)])


def _sizes(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def layers_of(spec: HierarchicalSpec, size: int) -> tuple[Sequence[EncoderLayer], Sequence[DecoderLayer]]:
    """The layers for images of `size`×`size`. RecipeError names the first one that is impossible for them."""
    usual = usual_layers(size) if None in (spec.encoder, spec.decoder) else ((), ())
    encoder = usual[0] if spec.encoder is None else encoder_layers(spec.encoder)
    decoder = usual[1] if spec.decoder is None else decoder_layers(spec.decoder)
    require_layers(encoder, decoder, size)
    return encoder, decoder


def _conditions(given: Mapping[str, tuple[int, ...]], resolutions: Sequence[int], width: int) -> Conditions:
    encoder, decoder = (ConditionFeatures(list(given.values()), resolutions, width) for _ in range(2))
    return Conditions(tuple(given), encoder, decoder)
