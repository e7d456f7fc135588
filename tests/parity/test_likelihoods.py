"""A likelihood answers the same stacked in lanes, copied, pickled, saved and loaded, and wherever its tensors live."""

from __future__ import annotations

import pickle
from copy import deepcopy
from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.func import functional_call, grad, vmap

from kelbo import likelihoods

EVERY = {name: getattr(likelihoods, name) for name in likelihoods.__all__}
EVERY["AveragedSquaredError"] = partial(likelihoods.AveragedSquaredError, batch_size=3)
EVERY["Framewise"] = lambda: likelihoods.Framewise(likelihoods.OptimalGaussian())
EVERY["Columnwise"] = lambda: likelihoods.Columnwise(
    likelihoods.OptimalGaussian(), torch.arange(48.0), 1 + torch.arange(48.0), [False, True] * 24
)
every_likelihood = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())

X = torch.randint(0, 2, (4, 3, 4, 4), generator=torch.Generator().manual_seed(0)).float()  # in every support


def examples(likelihood):
    return X.flatten(1) if isinstance(likelihood, likelihoods.Columnwise) else X


def an_output(likelihood):
    _, channels, *event = examples(likelihood).shape
    return torch.randn(4, likelihood.output_channels(channels), *event)


def trained(make):
    """As evaluation meets a likelihood: with parameters moved, after a batch of training, in evaluation mode."""
    torch.manual_seed(0)
    likelihood = make()
    for parameter in likelihood.parameters():
        nn.init.normal_(parameter)
    likelihood.log_prob(examples(likelihood), an_output(likelihood))
    return likelihood.eval()


@every_likelihood
def test_a_likelihood_is_copied_and_pickled_whole(make):
    likelihood = trained(make)
    output = an_output(likelihood)
    for copy in (deepcopy(likelihood), pickle.loads(pickle.dumps(likelihood))):
        assert torch.equal(
            copy.log_prob(examples(likelihood), output), likelihood.log_prob(examples(likelihood), output)
        )


@every_likelihood
def test_weights_saved_and_loaded_score_the_same(make, tmp_path):
    likelihood, fresh = trained(make), make().eval()
    save_file(likelihood.state_dict(), tmp_path / "weights.safetensors")
    fresh.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    output = an_output(likelihood)
    assert torch.equal(fresh.log_prob(examples(likelihood), output), likelihood.log_prob(examples(likelihood), output))


class Distortion(nn.Module):
    """A module to call functionally."""

    def __init__(self, likelihood):
        super().__init__()
        self.likelihood = likelihood

    def forward(self, output):
        return -self.likelihood.log_prob(examples(self.likelihood), output).mean()


@every_likelihood
def test_training_steps_of_stacked_lanes_equal_those_of_the_lanes_alone(make):
    torch.manual_seed(0)
    module = Distortion(make())
    outputs = torch.stack([an_output(module.likelihood) for _ in range(3)])
    parameters = {name: value.detach() + torch.arange(3.0) for name, value in module.named_parameters()}
    buffers = {name: value.expand(3, *value.shape).clone() for name, value in module.named_buffers()}

    def loss(output, parameters, buffers):
        return functional_call(module, (parameters, buffers), (output,))

    step = grad(loss, argnums=(0, 1))
    stacked = vmap(step)(outputs, parameters, buffers)
    for lane in range(3):
        alone = Distortion(make())
        with torch.no_grad():
            for name, parameter in alone.named_parameters():
                parameter.copy_(parameters[name][lane])
        output = outputs[lane].clone().requires_grad_()
        alone(output).backward()
        torch.testing.assert_close(stacked[0][lane], output.grad)
        for name, parameter in alone.named_parameters():
            torch.testing.assert_close(stacked[1][name][lane], parameter.grad)
        for name, buffer in alone.named_buffers():
            torch.testing.assert_close(buffers[name][lane], buffer)


@every_likelihood
def test_stacked_lanes_draw_samples_of_their_own(make):
    likelihood = trained(make)
    samples = vmap(likelihood.sample, randomness="different")(torch.stack([an_output(likelihood)] * 3))
    assert samples.shape == (3, *examples(likelihood).shape)
    assert not torch.equal(samples[0], samples[1])


@every_likelihood
def test_every_tensor_is_made_where_the_output_lives(make):
    """On the meta device, which refuses to meet a CPU tensor. A running σ is asked for its value, which meta has not."""
    likelihood = make().to("meta")
    output = an_output(likelihood).to("meta")
    assert likelihood.log_prob(examples(likelihood).to("meta"), output).device.type == "meta"
    assert likelihood.mean(output).device.type == "meta"
    if "running_variance" not in likelihood.state_dict():
        assert likelihood.variance(output).device.type == "meta"
        assert likelihood.sample(output).device.type == "meta"
