"""The fast path of inference is the plain path."""

import pytest
import torch
from torch import nn

from kelbo.networks import BurgessEncoder, RybkinEncoder
from kelbo.networks.layers import _fuses, convolve


def plain(encoder, x):
    return encoder.head(encoder.features(x.contiguous(memory_format=torch.channels_last)))


@pytest.mark.parametrize(
    "encoder", [BurgessEncoder((1, 64, 64), 10), BurgessEncoder((3, 32, 32), 4), RybkinEncoder((1, 28, 28), 5)]
)
def test_an_encoder_in_inference_equals_its_plain_layers(encoder):
    size = 28 if isinstance(encoder, RybkinEncoder) else 64 if encoder.features[0].in_channels == 1 else 32
    x = torch.rand(9, encoder.features[0].in_channels, size, size)
    with torch.no_grad():
        assert _fuses(encoder.features[0], x)
        torch.testing.assert_close(encoder(x), plain(encoder, x), rtol=1e-6, atol=1e-6)


def test_the_fast_path_stays_out_of_training_autocast_compiling_and_vmap():
    layer, x = nn.Conv2d(2, 3, 3), torch.rand(1, 2, 8, 8)
    assert not _fuses(layer, x)
    with torch.no_grad():
        assert _fuses(layer, x)
        assert not _fuses(layer.double(), x.double())
        layer.float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not _fuses(layer, x)
        layers = nn.Sequential(layer, nn.ReLU())
        lanes = torch.vmap(lambda batch: convolve(layers, batch))(torch.stack([x, 2 * x]))
        torch.testing.assert_close(lanes[1], layers(2 * x))


def test_gradients_flow_as_through_plain_layers():
    encoder, x = BurgessEncoder((1, 16, 16), 2), torch.rand(3, 1, 16, 16)
    encoder(x).square().sum().backward()
    gradients = [p.grad.clone() for p in encoder.parameters()]
    encoder.zero_grad()
    plain(encoder, x).square().sum().backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(gradients, encoder.parameters(), strict=True))
