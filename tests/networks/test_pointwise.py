import pytest
import torch
import torch.nn.functional as F

from kelbo.networks.pointwise import MANY, pointwise

FEW_AND_MANY = [(2, 3), (2, int((MANY / 2) ** 0.5))]
"""images and their side: fewer pixels in all than `MANY`, and as many"""


def features(count, channels, side, seed=0):
    drawn = torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=torch.channels_last).requires_grad_()


def weights(told=True):
    generator = torch.Generator().manual_seed(1)
    wide = torch.randn(5, 9, 1, 1, generator=generator, requires_grad=True)
    return wide, torch.randn(5, generator=generator, requires_grad=True) if told else None


@pytest.mark.parametrize(("count", "side"), FEW_AND_MANY)
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("adding", [True, False])
def test_values_and_gradients_are_those_of_a_convolution(count, side, told, adding):
    x, (wide, bias), added = features(count, 4, side), weights(told), features(count, 5, side, 2) if adding else None
    weight = wide[:, 3:7]  # a part, whose rows have gaps between them
    inputs = [value for value in (x, wide, bias, added) if value is not None]
    plain = F.conv2d(x, weight, bias)
    outputs = pointwise(x, weight, bias, added), plain if added is None else added + plain
    torch.testing.assert_close(*outputs)
    assert outputs[0].is_contiguous(memory_format=torch.channels_last)
    ours, theirs = (torch.autograd.grad(output.square().sum(), inputs) for output in outputs)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-4)


def test_a_gradient_has_a_gradient():
    x, (wide, bias), found = features(2, 9, 3), weights(), []
    for y in (pointwise(x, wide, bias), F.conv2d(x, wide, bias)):
        (first,) = torch.autograd.grad(y.pow(3).sum(), wide, create_graph=True)
        found.append(torch.autograd.grad(first.square().sum(), (x, bias)))
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-2)


def test_other_layouts_precisions_and_transforms_have_the_convolutions_values():
    x, (wide, bias) = features(2, 9, 3).detach(), weights()
    expected = F.conv2d(x, wide, bias)
    torch.testing.assert_close(pointwise(x.contiguous(), wide, bias), expected)
    torch.testing.assert_close(torch.vmap(lambda one: pointwise(one[None], wide, bias)[0])(x), expected)
    doubles = pointwise(x.double(), wide.double(), bias.double())
    torch.testing.assert_close(doubles, expected.double(), rtol=1e-5, atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert pointwise(x, wide, bias).dtype == torch.bfloat16
