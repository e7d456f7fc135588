"""The networks of VAE/GAN: sizes of the paper, features by name, conditions, norms."""

import pytest
import torch
from torch import nn

from kelbo import networks
from kelbo.networks.norms import BatchNorm, norm

SHAPE = (3, 16, 16)


def millions(*modules):
    return round(sum(p.numel() for module in modules for p in module.parameters()) / 1e6, 1)


def small(**settings):
    torch.manual_seed(0)
    return networks.larsen_discriminator(SHAPE, width=0.1, **settings)


@pytest.mark.slow
def test_the_networks_have_the_sizes_of_the_paper_and_of_its_release():
    shape = (3, 64, 64)
    assert millions(networks.LarsenEncoder(shape, 128, 2048)) == 35.1
    assert millions(networks.LarsenEncoder(shape, 128, 1024)) == 18.1
    assert millions(networks.LarsenDecoder(shape, 128, 3)) == 4.7
    assert millions(networks.larsen_discriminator(shape)) == 11.0


@pytest.mark.parametrize(("side", "tap", "channels"), [(64, "strided3", 26), (32, "strided2", 19)])
def test_the_usual_features_are_what_a_strided_convolution_gives_at_8_by_8(side, tap, channels):
    network = networks.larsen_discriminator((3, side, side), width=0.1)
    assert network.usual == tap
    assert isinstance(network.stages[tap], nn.Conv2d)
    assert network.features(torch.rand(2, 3, side, side), tap).shape == (2, channels, 8, 8)


def test_a_pass_that_stops_at_any_tap_goes_on_to_the_same_logits():
    network, x = small().eval(), torch.rand(3, *SHAPE)
    whole = network.logits(x)
    assert whole.shape == (3, 1)
    for tap in network.taps:
        features = network.features(x, tap)
        kept = features.clone()
        assert torch.equal(network.logits(features, after=tap), whole)
        assert torch.equal(features, kept)
    with pytest.raises(KeyError):
        network.features(x, "normed9")


@pytest.mark.parametrize("kind", ["group", "none"])
def test_without_statistics_of_batches_each_image_is_judged_by_itself(kind):
    network, x = small(norms=kind), torch.rand(3, *SHAPE)
    assert torch.allclose(network.logits(x)[:1], network.logits(x[:1]), atol=1e-6)


def test_what_is_given_moves_the_logits():
    network, x = small(given=2).eval(), torch.rand(3, *SHAPE)
    assert not torch.equal(network.logits(x, torch.zeros(3, 2)), network.logits(x, torch.ones(3, 2)))


def test_spectral_norm_bounds_every_weight():
    network = small(spectral=True)
    for _ in range(20):  # of power iteration
        network.logits(torch.rand(2, *SHAPE))
    network.eval()
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == 6
    for layer in layers:
        assert torch.linalg.svdvals(layer.weight.flatten(1))[0].item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3, 2)])
def test_statistics_over_processes_are_batch_normalisation(shape):
    """Written out for several processes; one is the case that PyTorch knows too."""
    torch.manual_seed(0)
    ours, theirs = norm("batch", 4)[0], BatchNorm(4)
    x, weights = torch.randn(shape), torch.randn(shape)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = ours._over_processes(inputs[0]), theirs(inputs[1])
    for output in outputs:
        (output * weights).sum().backward()
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=1e-4, atol=1e-5)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
