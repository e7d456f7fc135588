"""Every network takes the sizes that it says and gives the shapes that it promises."""

import pytest
import torch

from kelbo import networks


def rybkin_decoder(shape, latents, output_channels):
    assert shape[1:] == (28, 28)
    return networks.RybkinDecoder(latents, output_channels)


CASES = [
    *[
        (networks.BurgessEncoder, networks.BurgessDecoder, (channels, size, size))
        for size in networks.BURGESS_SIZES
        for channels in (1, 3)
    ],
    (networks.RybkinEncoder, rybkin_decoder, (1, 28, 28)),
    (networks.RybkinEncoder, rybkin_decoder, (3, 28, 28)),
    (networks.HigginsEncoder, networks.HigginsDecoder, (1, 8, 8)),
    (networks.HigginsEncoder, networks.HigginsDecoder, (3, 20, 28)),
]


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("make_encoder", "make_decoder", "shape"), CASES)
def test_encoder_gives_means_and_log_variances_and_decoder_gives_the_channels_asked_for(
    make_encoder, make_decoder, shape
):
    encoder, decoder = make_encoder(shape, 6), make_decoder(shape, 6, 5)
    h = encoder(torch.rand(2, *shape))
    assert h.shape == (2, 12)
    assert decoder(h[:, :6]).shape == (2, 5, *shape[1:])


@pytest.mark.parametrize(("make_encoder", "make_decoder", "shape"), CASES)
def test_every_weight_receives_a_gradient(make_encoder, make_decoder, shape):
    encoder, decoder = make_encoder(shape, 6), make_decoder(shape, 6, 5)
    decoder(encoder(torch.rand(4, *shape))[:, :6]).square().sum().backward()
    # the last layer's log-variance half is not used above
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for m in (encoder, decoder) for p in m.parameters())


def test_the_burgess_network_has_the_papers_size():
    shape = (1, 64, 64)
    assert parameters(networks.BurgessEncoder(shape, 10)) + parameters(networks.BurgessDecoder(shape, 10, 1)) == 502_005


def test_the_higgins_network_has_the_papers_size():
    shape = (1, 64, 64)
    total = parameters(networks.HigginsEncoder(shape, 10)) + parameters(networks.HigginsDecoder(shape, 10, 1))
    assert round(total / 1e6, 1) == 14.2


def test_the_higgins_decoder_ends_linear_so_that_it_can_give_any_logit():
    assert isinstance(networks.HigginsDecoder((1, 8, 8), 2, 1).layers[-1], torch.nn.Linear)
