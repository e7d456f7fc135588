"""Likelihoods inside other people's programs: what records, transforms or copies a module gets the numbers that it has."""

import copy
import inspect
import math
import pickle
import warnings

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.autograd import forward_ad
from torch.func import grad, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from kelbo import likelihoods
from kelbo.errors import UnitError
from kelbo.likelihoods import Bernoulli, FixedGaussian, OptimalGaussian

KINDS = {
    name: kind
    for name, kind in vars(likelihoods).items()
    if inspect.isclass(kind) and issubclass(kind, nn.Module) and not inspect.isabstract(kind)
}
SETTINGS = {
    "AveragedSquaredError": {"batch_size": 4},
    "Categorical": {"levels": 16},
    "Columnwise": {
        "inner": FixedGaussian(),
        "mean": torch.tensor([0.5, 0.0, 0.2]),
        "scale": torch.tensor([0.2, 1.0, 3.0]),
        "binary": (False, True, False),
    },
    "Framewise": {"inner": FixedGaussian()},
}


class LogProb(nn.Module):
    """A likelihood as the module that somebody exports."""

    def __init__(self, likelihood):
        super().__init__()
        self.likelihood = likelihood

    def forward(self, x, output):
        return self.likelihood.log_prob(x, output)


@pytest.fixture(params=KINDS)
def case(request):
    """A likelihood in evaluation mode that has seen a batch, images in every support, and a decoder's output."""
    torch.manual_seed(0)
    likelihood = KINDS[request.param](**SETTINGS.get(request.param, {}))
    levels = likelihood.levels or 16
    event = () if request.param == "Columnwise" else (5, 5)
    x = torch.randint(0, levels, (4, 3, *event)) / (levels - 1)
    output = torch.randn(4, likelihood.output_channels(3), *event)
    likelihood.train().log_prob(x, output)
    likelihood.eval().checked_modes.clear()
    return likelihood, x, output


def forward_mode(log_prob, x, output):
    with forward_ad.dual_level():
        return log_prob(x, forward_ad.make_dual(output, torch.ones_like(output))).clone()


def on_fake_tensors(log_prob, x, output):
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert log_prob(mode.from_tensor(x), mode.from_tensor(output)).shape == (4,)
    return log_prob(x, output)


RECORDED = {
    "trace": lambda log_prob, x, output: torch.jit.trace(log_prob, (x, output), check_trace=False)(x, output),
    "export": lambda log_prob, x, output: torch.export.export(log_prob, (x, output)).module()(x, output),
    "make_fx": lambda log_prob, x, output: make_fx(lambda *pair: log_prob(*pair))(x, output)(x, output),
    "fake": on_fake_tensors,
    "vmap": lambda log_prob, x, output: vmap(lambda a, b: log_prob(a[None], b[None])[0])(x, output),
    "jvp": lambda log_prob, x, output: jvp(lambda value: log_prob(x, value), (output,), (output,))[0],
    "forward mode": forward_mode,
    "inference": lambda log_prob, x, output: torch.inference_mode()(log_prob)(x, output),
}


@pytest.mark.parametrize("how", RECORDED)
def test_what_records_or_transforms_a_likelihood_gets_its_numbers(case, how):
    likelihood, x, output = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's of itself
        got = RECORDED[how](LogProb(likelihood), x, output)
    torch.testing.assert_close(got.detach(), likelihood.log_prob(x, output).detach(), rtol=1e-5, atol=1e-4)


def test_each_examples_gradient_is_that_of_the_example(case):
    likelihood, x, output = case
    each = vmap(grad(lambda value, one: likelihood.log_prob(one[None], value[None]).sum()))(output, x)
    alone = output.clone().requires_grad_()
    likelihood.log_prob(x, alone).sum().backward()
    torch.testing.assert_close(each, alone.grad, rtol=1e-4, atol=1e-4)


def test_a_copy_on_disk_in_memory_or_in_another_precision_has_the_same_numbers_in_float32(case):
    likelihood, x, output = case
    expected = likelihood.log_prob(x, output)
    for other in (
        copy.deepcopy(likelihood),
        pickle.loads(pickle.dumps(likelihood)),
        copy.deepcopy(likelihood).double(),
    ):
        torch.testing.assert_close(other.log_prob(x, output), expected)
    assert copy.deepcopy(likelihood).half().log_prob(x.half(), output.half()).dtype == torch.float32


def test_a_default_dtype_or_device_changes_nothing(case):
    likelihood, x, output = case
    expected = likelihood.log_prob(x, output)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("cpu"):
            torch.testing.assert_close(likelihood.log_prob(x, output), expected)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("block", [lambda: torch.device("cpu"), torch.no_grad, torch.inference_mode])
def test_images_that_are_no_intensities_are_refused_inside_of_any_block(block):
    with block(), pytest.raises(UnitError):
        Bernoulli().log_prob(255 * torch.rand(2, 1, 4, 4), torch.randn(2, 1, 4, 4))


def test_an_exported_sigma_that_nothing_was_seen_of_gives_no_number():
    x = torch.rand(2, 1, 4, 4)
    exported = torch.export.export(LogProb(OptimalGaussian().eval()), (x, x))
    assert all(map(math.isnan, exported.module()(x, x).tolist()))
