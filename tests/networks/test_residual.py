"""The residual network is what its papers say, written out here another way."""

import torch
import torch.nn.functional as F

from kelbo.networks import ResidualDecoder, ResidualEncoder


def patches(x):
    """(B, C, H, W) to (B, H/4, W/4, C·16), each patch's own pixels."""
    cut = x.unfold(2, 4, 4).unfold(3, 4, 4)  # (B, C, H/4, W/4, 4, 4)
    return cut.permute(0, 2, 3, 1, 4, 5).flatten(3)


def block(layers, x):
    norm, first, _, last = layers.added
    normal = (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + norm.eps).sqrt()
    return x + last(F.silu(first(normal * norm.weight + norm.bias)))


def test_an_encoder_embeds_each_patch_by_one_linear_map():
    torch.manual_seed(0)
    encoder, x = ResidualEncoder((3, 8, 12), 2, channels=5, width=7), torch.rand(4, 3, 8, 12)
    stem = encoder.features.embedding
    embedded = F.silu((2 * patches(x) - 1) @ stem.weight.flatten(1).t() + stem.bias)  # (B, 2, 3, 5)
    first, middle, norm, _, last = encoder.head
    expected = last(F.silu(norm(block(middle, first(embedded.movedim(3, 1).flatten(1))))))
    torch.testing.assert_close(encoder(x), expected, rtol=1e-5, atol=1e-6)


def test_a_decoder_writes_the_pixels_of_each_patch():
    torch.manual_seed(0)
    decoder, z = ResidualDecoder((1, 8, 12), 3, 2, channels=5, width=7), torch.randn(4, 3)
    first, one, two, norm, _, last, _ = decoder.head
    maps = F.silu(last(F.silu(norm(block(two, block(one, first(z))))))).view(4, 2, 3, 5)
    around = F.pad(maps.movedim(3, 1), (1, 1, 1, 1))
    near = around.unfold(2, 3, 1).unfold(3, 3, 1).permute(0, 2, 3, 1, 4, 5).flatten(3)  # (B, 2, 3, 5·9)
    pixels = near @ decoder.pixels.weight.flatten(1).t() + decoder.pixels.bias  # (B, 2, 3, 2·16)
    torch.testing.assert_close(patches(decoder(z)), pixels, rtol=1e-5, atol=1e-6)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    encoder = ResidualEncoder((1, 4, 8), 2, channels=2, width=5).double()
    decoder = ResidualDecoder((1, 4, 8), 2, 1, channels=2, width=5).double()
    x = torch.rand(2, 1, 4, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: decoder(encoder(x)[:, :2]), x)
