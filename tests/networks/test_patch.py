import pytest
import torch

from kelbo.networks.patch import PatchDiscriminator, patches


@pytest.mark.parametrize("norms", ["batch", "group", "none"])
def test_each_patch_of_an_image_has_a_logit(norms):
    network = PatchDiscriminator(3, width=4, norms=norms)
    logits = network.logits(torch.rand(2, 3, 64, 48))
    assert logits.shape == (2, 1, *patches(64, 48)) == (2, 1, 6, 4)
    assert network.taps == ("layer0", "layer1", "layer2", "layer3")


def test_the_usual_size_has_the_known_number_of_parameters():
    with torch.device("meta"):
        network = PatchDiscriminator(6)  # two pictures, as pix2pix has it
    assert sum(p.numel() for p in network.parameters()) == 2_768_705


def test_a_logit_is_of_a_patch_of_70_pixels_and_of_no_other():
    network = PatchDiscriminator(1, width=2, norms="none")
    x = torch.rand(1, 1, 160, 160, requires_grad=True)
    logits = network.logits(x)
    (slope,) = torch.autograd.grad(logits[0, 0, 8, 8], x)
    rows = slope[0, 0].any(1).nonzero()
    assert rows.max() - rows.min() + 1 == 70


def test_going_on_after_a_tap_is_the_whole_way():
    network = PatchDiscriminator(1, width=4, norms="none", spectral=True).eval()
    x = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(network.logits(x), network.logits(network.features(x, "layer2"), after="layer2"))


def test_a_spectral_norm_bounds_how_fast_a_linear_map_grows():
    network = PatchDiscriminator(1, width=4, norms="none", spectral=True)
    for _ in range(30):
        network.logits(torch.rand(1, 1, 32, 32))
    weight = network.head.weight.detach().flatten(1)
    assert float(torch.linalg.matrix_norm(weight, 2)) == pytest.approx(1, abs=0.05)


def test_it_takes_nothing_that_is_given():
    with pytest.raises(ValueError, match="alone"):
        PatchDiscriminator(1, width=4).logits(torch.rand(2, 1, 32, 32), torch.zeros(2, 3))
