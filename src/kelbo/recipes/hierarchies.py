"""A recipe's hierarchy as an object: with `build`, the only place that knows concrete classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kelbo.errors import RecipeError
from kelbo.models.hierarchical import Conditions, Hierarchical, StochasticLayer
from kelbo.networks.layer_lists import (
    DecoderLayer,
    EncoderLayer,
    decoder_layers,
    encoder_layers,
    require_layers,
    usual_layers,
)
from kelbo.networks.vdvae import ConditionFeatures, Entry, Exit, VeryDeepEncoder
from kelbo.protocols import Likelihood
from kelbo.recipes.distributions import Outlined
from kelbo.recipes.schema import HierarchicalSpec


def hierarchy(spec: HierarchicalSpec, images: Outlined, likelihood: Likelihood) -> Hierarchical:
    """An untrained hierarchy. RecipeError if the examples are no square images, or a layer is impossible for them."""
    match images.shape:
        case (channels, height, width) if height == width:
            encoder, decoder = layers_of(spec, height)
        case shape:
            sizes = "×".join(map(str, shape))
            raise RecipeError(
                f"model.kind 'hierarchical' takes square images; the examples of {images.name} are {sizes}. "
                "data.size=[height,width] resizes pictures."
            )
    layers = [
        StochasticLayer(
            spec.width,
            spec.latents,
            layer.resolution,
            len(decoder),
            bottleneck=spec.bottleneck,
            merge=spec.merge,
            scale=spec.scale,
        )
        for layer in decoder
    ]
    resolutions = list(dict.fromkeys(layer.resolution for layer in decoder))
    return Hierarchical(
        VeryDeepEncoder(
            channels,
            spec.width,
            encoder,
            resolutions,
            bottleneck=spec.bottleneck,
            centre=spec.centre,
            spread=spec.spread,
            checkpointing=spec.checkpointing,
        ),
        [Entry(spec.width, resolution, resolution <= spec.maps) for resolution in resolutions],
        layers,
        Exit(spec.width, likelihood.output_channels(channels)),
        likelihood,
        images.shape,
        _conditions(images.given, resolutions, spec.width) if spec.given is not None else None,
        checkpointing=spec.checkpointing,
    )


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
