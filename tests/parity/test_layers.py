"""The fast paths are the plain path."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from kelbo.networks import BurgessDecoder, BurgessEncoder, HigginsEncoder, RybkinDecoder, RybkinEncoder
from kelbo.networks.deconvolution import PART, Deconvolution, Rectified
from kelbo.networks.layers import Layers, LinearProduct, _fuses


def plain(encoder, x):
    return encoder.head(encoder.features(x.contiguous(memory_format=torch.channels_last)))


@pytest.mark.parametrize(
    "encoder", [BurgessEncoder((1, 64, 64), 10), BurgessEncoder((3, 32, 32), 4), RybkinEncoder((1, 28, 28), 5)]
)
def test_an_encoder_in_inference_equals_its_plain_layers(encoder):
    size = 28 if isinstance(encoder, RybkinEncoder) else 64 if encoder.features[0].in_channels == 1 else 32
    x = torch.rand(9, encoder.features[0].in_channels, size, size)
    with torch.no_grad():
        assert _fuses(encoder.features[0], encoder.features[1], x)
        torch.testing.assert_close(encoder(x), plain(encoder, x), rtol=1e-6, atol=1e-6)


def test_the_fast_path_stays_out_of_training_autocast_compiling_and_vmap():
    layer, relu, x = nn.Conv2d(2, 3, 3), nn.ReLU(), torch.rand(1, 2, 8, 8)
    assert not _fuses(layer, relu, x)
    with torch.no_grad():
        assert _fuses(layer, relu, x)
        assert not _fuses(layer.double(), relu, x.double())
        layer.float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not _fuses(layer, relu, x)
        layers = Layers(layer, relu)
        lanes = torch.vmap(layers)(torch.stack([x, 2 * x]))
        torch.testing.assert_close(lanes[1], layers(2 * x))


def test_gradients_flow_as_through_plain_layers():
    encoder, x = BurgessEncoder((1, 16, 16), 2), torch.rand(3, 1, 16, 16)
    encoder(x).square().sum().backward()
    gradients = [p.grad.clone() for p in encoder.parameters()]
    encoder.zero_grad()
    plain(encoder, x).square().sum().backward()
    for gradient, parameter in zip(gradients, encoder.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-6)


DECODERS = [
    BurgessDecoder((1, 32, 32), 4, 1),
    BurgessDecoder((1, 32, 32), 4, 2),
    BurgessDecoder((3, 32, 32), 4, 3),
    RybkinDecoder(4, 1),
    RybkinDecoder(4, 3),
]


def loss_and_gradients(decode, decoder, z):
    decoder.zero_grad()
    loss = decode(z).square().sum()
    loss.backward()
    return [loss.detach(), *(p.grad.clone() for p in decoder.parameters())]


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_decoder_trains_as_its_plain_layers(decoder):
    z = torch.randn(5, 4)

    def plainly(z):
        start = decoder.head(z).unflatten(1, decoder.start)
        return decoder.features(start.contiguous(memory_format=torch.channels_last))

    assert "Deconvolution" in type(decoder(z).grad_fn).__name__
    fast, plain_ = loss_and_gradients(decoder, decoder, z), loss_and_gradients(plainly, decoder, z)
    for ours, theirs in zip(fast, plain_, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "stride", "padding", "extra"), [(4, 2, 1, 0), (5, 1, 2, 0), (3, 2, 1, 1)])
def test_a_deconvolution_is_torchs_own_and_so_are_its_gradients(channels, kernel, stride, padding, extra):
    layer = nn.ConvTranspose2d(2, channels, kernel, stride, padding, output_padding=extra).double()
    x = torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    how = layer.stride, layer.padding, layer.output_padding
    torch.testing.assert_close(Deconvolution.apply(x, layer.weight, layer.bias, *how), layer(x))
    assert torch.autograd.gradcheck(Deconvolution.apply, (x, layer.weight, layer.bias, *how))


def test_a_deconvolution_of_more_images_than_one_part_is_that_of_each(monkeypatch):
    layer, x = nn.ConvTranspose2d(8, 1, 4, 2, 1), torch.randn(PART + 3, 8, 4, 4)
    whole = Deconvolution.apply(x, layer.weight, layer.bias, (2, 2), (1, 1), (0, 0))
    torch.testing.assert_close(whole, layer(x))
    monkeypatch.setattr("kelbo.networks.deconvolution.PART", len(x))
    assert torch.equal(whole, Deconvolution.apply(x, layer.weight, layer.bias, (2, 2), (1, 1), (0, 0)))


def test_a_rectifier_before_a_deconvolution_takes_no_memory_for_its_gradient():
    x = torch.randn(4, 3, requires_grad=True)
    gradient = torch.ones(4, 3)
    (found,) = torch.autograd.grad(Rectified.apply(x.clone()), x, gradient)
    assert found.data_ptr() == gradient.data_ptr()
    assert torch.equal(found, (x > 0).float())
    out = BurgessDecoder((1, 16, 16), 2, 1)(torch.randn(2, 2))
    assert "Rectified" in type(out.grad_fn.next_functions[0][0]).__name__


def test_a_rectifier_whose_gradient_others_have_too_leaves_it_alone():
    layers = Layers(nn.ConvTranspose2d(2, 3, 3), nn.ReLU(inplace=True))
    out, gradient = layers(torch.randn(2, 2, 4, 4)), torch.ones(2, 3, 6, 6)
    out.backward(gradient)
    assert torch.equal(gradient, torch.ones(2, 3, 6, 6))


def test_a_frozen_decoder_asks_for_no_gradient_of_its_weights():
    decoder, z = BurgessDecoder((1, 16, 16), 2, 1), torch.randn(3, 2, requires_grad=True)
    decoder.requires_grad_(False)
    decoder(z).sum().backward()
    assert z.grad.abs().sum() > 0
    assert all(p.grad is None for p in decoder.parameters())


def test_a_product_is_a_linear_layer_and_so_are_its_gradients():
    layer, x = nn.Linear(37, 23), torch.randn(11, 37, requires_grad=True)
    g = torch.randn(11, 23)
    theirs = torch.autograd.grad(layer(x), (x, *layer.parameters()), g)
    out = LinearProduct.apply(x, layer.weight, layer.bias)
    torch.testing.assert_close(out, layer(x))
    ours = torch.autograd.grad(out, (x, *layer.parameters()), g)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(LinearProduct.apply(x, layer.weight, None), x @ layer.weight.t())


@pytest.mark.parametrize("amd", [True, False])
def test_linear_layers_are_the_same_on_every_processor(amd, monkeypatch):
    monkeypatch.setattr("kelbo.networks.layers.is_amd", lambda: amd)
    network, x = HigginsEncoder((1, 8, 8), 3, width=50), torch.rand(4, 1, 8, 8)
    assert ("Product" in type(network(x).grad_fn).__name__) == amd
    torch.testing.assert_close(network(x), nn.Sequential(*network)(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda: HigginsEncoder((1, 8, 8), 3, width=20), torch.rand(3, 5, 1, 8, 8)),
        (lambda: BurgessEncoder((3, 16, 16), 2, channels=4, hidden=9), torch.rand(3, 5, 3, 16, 16)),
        (lambda: BurgessDecoder((1, 16, 16), 2, 1, channels=4, hidden=9), torch.randn(3, 5, 2)),
        (lambda: RybkinDecoder(2, 1, channels=4), torch.randn(3, 5, 2)),
    ],
)
def test_networks_in_lanes_equal_each_by_itself_and_so_do_their_gradients(make, x):
    networks = [make() for _ in range(3)]
    weights, _ = stack_module_state(networks)
    out = vmap(lambda w, part: functional_call(networks[0], w, (part,)))(weights, x)
    out.square().sum().backward()
    for lane, network in enumerate(networks):
        alone = network(x[lane])
        torch.testing.assert_close(out[lane], alone, rtol=1e-5, atol=1e-6)
        alone.square().sum().backward()
        for name, parameter in network.named_parameters():
            room = 1e-5 * float(parameter.grad.abs().max())
            torch.testing.assert_close(weights[name].grad[lane], parameter.grad, rtol=1e-4, atol=room)


def test_the_gradient_of_stacked_weights_lies_as_the_weights_do():
    """So that it is handed to the optimisers as it is, without a copy."""
    layers, weight = Layers(nn.Linear(7, 4)), torch.randn(3, 4, 7, requires_grad=True)
    bias = torch.randn(3, 4, requires_grad=True)
    out = vmap(lambda w, b, x: functional_call(layers, {"0.weight": w, "0.bias": b}, (x,)))
    (gradient,) = torch.autograd.grad(out(weight, bias, torch.randn(3, 5, 7)).sum(), weight)
    assert gradient.is_contiguous()
