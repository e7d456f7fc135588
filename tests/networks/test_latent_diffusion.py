"""The autoencoder of latent diffusion has the graph and the names of the released ones, and is no slower way of the same."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kelbo.networks.doubling import doubled
from kelbo.networks.latent_diffusion import SpatialDecoder, SpatialEncoder, SpatialPlan, ours, released

STABLE = SpatialPlan((128, 256, 512, 512))
SMALL = SpatialPlan((8, 16), latents=3, blocks=1, groups=4)


def convolution(name, channels_in, channels_out, kernel=3):
    return {f"{name}.weight": (channels_out, channels_in, kernel, kernel), f"{name}.bias": (channels_out,)}


def norm(name, channels):
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def resnet(name, before, width):
    found = norm(f"{name}.norm1", before) | convolution(f"{name}.conv1", before, width)
    found |= norm(f"{name}.norm2", width) | convolution(f"{name}.conv2", width, width)
    return found | (convolution(f"{name}.conv_shortcut", before, width, 1) if before != width else {})


def middle(name, width):
    attention = f"{name}.attentions.0"
    found = norm(f"{attention}.group_norm", width)
    for linear in ("to_q", "to_k", "to_v", "to_out.0"):
        found |= {f"{attention}.{linear}.weight": (width, width), f"{attention}.{linear}.bias": (width,)}
    return found | resnet(f"{name}.resnets.0", width, width) | resnet(f"{name}.resnets.1", width, width)


def stages(name, widths, blocks, sampler):
    found, before = {}, widths[0]
    for i, width in enumerate(widths):
        for j in range(blocks):
            found |= resnet(f"{name}.{i}.resnets.{j}", width if j else before, width)
        if i + 1 < len(widths):
            found |= convolution(f"{name}.{i}.{sampler}s.0.conv", width, width)
        before = width
    return found


def known_graph(widths, latents, blocks):
    """Names and shapes of the tensors of diffusers' AutoencoderKL, written down from its documentation and files of weights."""
    first, last = widths[0], widths[-1]
    found = convolution("encoder.conv_in", 3, first) | stages("encoder.down_blocks", widths, blocks, "downsampler")
    found |= middle("encoder.mid_block", last) | norm("encoder.conv_norm_out", last)
    found |= convolution("encoder.conv_out", last, 2 * latents) | convolution("quant_conv", 2 * latents, 2 * latents, 1)
    found |= convolution("post_quant_conv", latents, latents, 1) | convolution("decoder.conv_in", latents, last)
    found |= middle("decoder.mid_block", last)
    found |= stages("decoder.up_blocks", widths[::-1], blocks + 1, "upsampler")
    return found | norm("decoder.conv_norm_out", first) | convolution("decoder.conv_out", first, 3)


@pytest.mark.parametrize("plan", [STABLE, SpatialPlan((32, 64, 64), latents=16, blocks=1)])
def test_the_tensors_have_one_to_one_the_names_and_shapes_of_the_known_graph(plan):
    with torch.device("meta"):
        networks = nn.ModuleDict({"encoder": SpatialEncoder(3, plan), "decoder": SpatialDecoder(3, plan)})
    state = networks.state_dict()
    shapes = {released(name): tuple(value.shape) for name, value in state.items()}
    assert shapes == known_graph(plan.widths, plan.latents, plan.blocks)
    assert [ours(released(name)) for name in state] == list(state)


def test_the_released_size_has_the_known_number_of_parameters():
    with torch.device("meta"):
        networks = nn.ModuleList([SpatialEncoder(3, STABLE), SpatialDecoder(3, STABLE)])
    assert sum(p.numel() for p in networks.parameters()) == 83_653_863


def test_what_is_no_part_of_the_networks_has_no_released_name_and_older_names_of_attentions_are_known():
    assert released("likelihood.log_scale") is None
    assert ours("decoder.mid_block.attentions.0.proj_attn.bias") == "decoder.mid_block.attentions.0.to_out.0.bias"
    assert ours("encoder.mid_block.attentions.0.query.weight") == "encoder.mid_block.attentions.0.to_q.weight"


@pytest.mark.parametrize(("dtype", "room"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_doubling_and_convolving_at_once_is_the_same_as_one_after_the_other(dtype, room):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, 3, padding=1, dtype=dtype)
    x = torch.randn(2, 3, 4, 6, dtype=dtype).requires_grad_()
    results = []
    for y in (doubled(x, conv), conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))):
        results.append([y, *torch.autograd.grad(y.square().sum(), (x, *conv.parameters()))])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=room, atol=room)


def test_pictures_become_latents_of_a_smaller_side_and_pictures_again_in_channels_last():
    encoder, decoder = SpatialEncoder(1, SMALL), SpatialDecoder(4, SMALL)
    h = encoder(torch.rand(2, 1, 8, 12))
    assert (h.shape, decoder(h[:, :3]).shape) == ((2, 6, 4, 6), (2, 4, 8, 12))
    assert h.is_contiguous(memory_format=torch.channels_last)


def test_a_strided_convolution_sees_a_picture_padded_below_and_to_the_right_only():
    encoder = SpatialEncoder(1, SMALL._replace(attention=False))
    (step,) = encoder.down_blocks[0].downsamplers
    with torch.no_grad():
        step.conv.weight.zero_()
        step.conv.weight[:, :, 0, 0] = torch.eye(8)
        step.conv.bias.zero_()
        x = torch.rand(1, 8, 4, 4)
        assert torch.equal(step(x), x[:, :, ::2, ::2])


def test_normalised_by_position_a_far_pixel_changes_nothing():
    encoder = SpatialEncoder(1, SMALL._replace(attention=False, norm="position"))
    x = torch.rand(1, 1, 64, 64)
    other = x.clone()
    other[..., -1, -1] = 0
    with torch.no_grad():
        change = (encoder(x) - encoder(other)).abs().amax((0, 1))
    assert change[-1, -1] > 0
    assert torch.equal(change[:4], torch.zeros_like(change[:4]))
