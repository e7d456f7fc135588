import pytest

from kelbo.errors import RecipeError
from kelbo.networks.layer_lists import (
    DecoderLayer,
    EncoderLayer,
    compact,
    decoder_layers,
    encoder_layers,
    require_layers,
    usual_layers,
)

ENCODERS = ("32x11,32d2,16x6,16d2,8x6,8d2,4x3,4d4,1x3", "256x3,256d2,128d2,64x1", "8d2,4d4")
DECODERS = ("1x1,4m1,4x2,8m4,8x5,16m8,16x10,32m16,32x21", "1x2,64m1", "8x3")


@pytest.mark.parametrize("text", ENCODERS)
def test_an_encoders_string_gives_its_layers_and_they_give_it(text):
    assert compact(encoder_layers(text)) == text


@pytest.mark.parametrize("text", DECODERS)
def test_a_decoders_string_gives_its_layers_and_they_give_it(text):
    assert compact(decoder_layers(text)) == text


def test_a_string_lists_layers_in_order():
    assert encoder_layers("8x2,8d2,4") == (EncoderLayer(8), EncoderLayer(8), EncoderLayer(8, 2), EncoderLayer(4))
    assert decoder_layers("1x1,4m1") == (DecoderLayer(1), DecoderLayer(4, 1))
    assert len(decoder_layers("1x2,4m1,4x3,8m4,8x9,16m8,16x15,32m16,32x15")) == 48


@pytest.mark.parametrize("text", ["", "32", "x3", "32x0", "32d0", "4m1", "32x11,", "32 x 2", "32x9999", "0x1", "³x1"])
def test_only_32_alone_of_these_lists_layers_of_an_encoder(text):
    if text == "32":
        assert encoder_layers(text) == (EncoderLayer(32),)
        return
    with pytest.raises(RecipeError, match=r"model\.encoder is "):
        encoder_layers(text)


@pytest.mark.parametrize(
    ("encoder", "decoder", "size", "where", "number"),
    [
        ("32x2,32d2,16x2", "16x1,32m16", 28, "encoder", 1),
        ("28x1,28d2,14d2,7d2,3x1", "28x1", 28, "encoder", 4),
        ("16x1,8x1", "8x1,16m8", 16, "encoder", 2),
        ("16d2,8d8", "1x2,4m1,16m4", 16, "decoder", 3),
        ("16d2,8d8", "1x2,8x1,16m8", 16, "decoder", 3),
        ("16d2,8d8", "1x2,8m1,16m1", 16, "decoder", 4),
        ("16d2,8d8", "8m1,16m8", 16, "decoder", 1),
        ("16d2,8d8", "8x1,1m8", 16, "decoder", 2),
        ("16d2,8d8", "1x1,8m1", 16, "decoder", 2),
    ],
)
def test_the_first_layer_that_an_image_size_makes_impossible_is_named(encoder, decoder, size, where, number):
    with pytest.raises(RecipeError, match=rf"^Layer {number} of model\.{where}, .*{size}×{size}"):
        require_layers(encoder_layers(encoder), decoder_layers(decoder), size)


@pytest.mark.parametrize("size", [7, 257])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(RecipeError, match=str(size)):
        require_layers((EncoderLayer(size),), (DecoderLayer(size),), size)


def test_there_are_usual_lists_for_every_size():
    for size in range(8, 257):
        require_layers(*usual_layers(size), size)
    assert [len(usual_layers(size)[1]) for size in (16, 28, 32)] == [17, 17, 22]
