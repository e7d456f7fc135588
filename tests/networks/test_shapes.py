"""Every network takes the sizes that it says and gives the shapes that it promises."""

import pytest
import torch

from kelbo import networks


def rybkin_decoder(shape, latents, output_channels):
    return networks.RybkinDecoder(latents, output_channels, size=shape[1:])


def larsen_encoder(shape, latents):
    return networks.LarsenEncoder(shape, latents, width=0.1)


def larsen_decoder(shape, latents, output_channels):
    return networks.LarsenDecoder(shape, latents, output_channels, width=0.1)


CASES = [
    *[
        (networks.BurgessEncoder, networks.BurgessDecoder, (channels, *size))
        for size in [(16, 16), (28, 28), (32, 32), (64, 64), (128, 128), (8, 8), (48, 64), (28, 20), (96, 16)]
        for channels in (1, 3)
    ],
    (networks.RybkinEncoder, rybkin_decoder, (1, 28, 28)),
    (networks.RybkinEncoder, rybkin_decoder, (3, 28, 28)),
    (networks.RybkinEncoder, rybkin_decoder, (3, 48, 64)),
    (networks.RybkinEncoder, rybkin_decoder, (1, 12, 4)),
    *[
        (networks.ResidualEncoder, networks.ResidualDecoder, shape)
        for shape in [(3, 64, 64), (1, 8, 8), (3, 28, 20), (1, 4, 16)]
    ],
    *[(larsen_encoder, larsen_decoder, shape) for shape in [(3, 64, 64), (1, 32, 32), (3, 16, 24)]],
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


def test_networks_say_which_sizes_their_strides_allow_and_take_just_these():
    for height in range(4, 41):
        for width in (16, 28, 30):
            shape = (1, height, width)
            makers = {
                networks.burgess_fits: burgess,
                networks.rybkin_fits: rybkin,
                networks.patches_fit: residual,
                networks.larsen_fits: larsen,
            }
            takes = dict.fromkeys(makers, True)
            for fits, make in makers.items():
                try:
                    takes[fits] = make(shape)(torch.zeros(1, *shape)).shape == (1, 1, *shape[1:])
                except (RuntimeError, ValueError):
                    takes[fits] = False
                assert takes[fits] == fits(height, width), (fits, shape)


def burgess(shape):
    encoder, decoder = networks.BurgessEncoder(shape, 1, 1, 2), networks.BurgessDecoder(shape, 1, 1, 1, 2)
    return lambda x: decoder(encoder(x)[:, :1])


def rybkin(shape):
    encoder, decoder = networks.RybkinEncoder(shape, 1, 1), networks.RybkinDecoder(1, 1, 1, shape[1:])
    return lambda x: decoder(encoder(x)[:, :1])


def residual(shape):
    encoder, decoder = networks.ResidualEncoder(shape, 1, 1, 2), networks.ResidualDecoder(shape, 1, 1, 1, 2)
    return lambda x: decoder(encoder(x)[:, :1])


def larsen(shape):
    encoder, decoder = networks.LarsenEncoder(shape, 1, 2, 0.01), networks.LarsenDecoder(shape, 1, 1, 0.01)
    return lambda x: decoder(encoder.eval()(x)[:, :1]) if decoder.eval() else None


def test_the_sizes_near_another_one_fit_and_the_nearest_comes_first():
    assert networks.near(networks.burgess_fits, 48, 60)[:2] == [(48, 56), (48, 64)]
    assert networks.near(networks.rybkin_fits, 30, 28)[:2] == [(28, 28), (32, 28)]
    for size in ((218, 178), (45, 7), (100, 511), (5, 5)):
        found = networks.near(networks.burgess_fits, *size)
        assert found
        assert all(networks.burgess_fits(*each) for each in found)


def test_the_papers_sizes_keep_the_papers_halvings():
    for size, final in ((16, 4), (28, 7), (32, 4), (64, 4), (128, 4)):
        assert networks.BurgessDecoder((1, size, size), 2, 1).start == (32, final, final)
    assert networks.RybkinDecoder(2, 1).start == (128, 7, 7)
