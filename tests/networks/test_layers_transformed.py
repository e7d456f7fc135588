"""Networks under what records, counts and differentiates them are as PyTorch's own layers."""

import io
import warnings

import pytest
import torch
from tests.networks.twins import same, twin
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.flop_counter import FlopCounterMode

pytestmark = pytest.mark.usefixtures("every_way_around")


def legacy_onnx(network, x):
    """The network as an ONNX file by the exporter that traces, run."""
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    file = io.BytesIO()
    torch.onnx.export(network, (x,), file, dynamo=False, input_names=["x"])
    (answer,) = ort.InferenceSession(file.getvalue()).run(None, {"x": x.numpy()})
    return torch.from_numpy(answer)


RECORDED = {
    "trace": lambda network, x: torch.jit.trace(network, x, check_trace=False)(x),
    "script": lambda network, x: torch.jit.script(network)(x),
    "export": lambda network, x: torch.export.export(network, (x,), strict=False).module()(x),
    "strict export": lambda network, x: torch.export.export(network, (x,), strict=True).module()(x),
    "fx": lambda network, x: torch.fx.symbolic_trace(network)(x),
    "make_fx": lambda network, x: make_fx(network)(x)(x),
    "compile": lambda network, x: torch.compile(network, backend="aot_eager", fullgraph=True)(x),
    "legacy ONNX": legacy_onnx,
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("how", RECORDED)
def test_what_records_a_network_sees_pytorchs_layers(slow_case, around, how, training):
    network, x = slow_case
    with warnings.catch_warnings(), torch.set_grad_enabled(training):
        warnings.simplefilter("ignore")  # PyTorch's of its own recorders
        theirs = twin(network)(x)
        try:
            ours = RECORDED[how](network.train(training), x)
        finally:
            torch.compiler.reset()
    same(ours, theirs)
    assert not around


@pytest.mark.parametrize("training", [True, False])
def test_operations_are_counted_as_of_pytorchs_layers(case, training):
    network, x = case
    counts = []
    for one in (network, twin(network)):
        with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
            out = one(x)
            if training:
                out.sum().backward()
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


def penalty(network, x):
    """A gradient penalty, which needs second derivatives."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(network(x).tanh().square().sum(), x, create_graph=True)
    return torch.autograd.grad(slope.square().sum(), (x, *network.parameters()), allow_unused=True)


def test_second_derivatives_are_right(case, around):
    network, x = case
    for ours, theirs in zip(penalty(network, x), penalty(twin(network), x), strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            same(ours, theirs)
    assert around


def forward_mode(network, x):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(network(forward_ad.make_dual(x, torch.ones_like(x)))).tangent


def each_examples_gradient(network, x):
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
    loss = lambda weights, one: functional_call(network, weights, (one[None],)).square().sum()  # noqa: E731
    return vmap(grad(loss), in_dims=(None, 0))(parameters, x)


TRANSFORMED = {
    "jvp": lambda network, x: jvp(network, (x,), (torch.ones_like(x),)),
    "forward mode": forward_mode,
    "grad": lambda network, x: grad(lambda value: network(value).square().sum())(x),
    "hessian": lambda network, x: hessian(lambda value: network(value).square().sum())(x[:1]),
    "vmap": lambda network, x: vmap(network)(torch.stack([x, 2 * x])),
    "each example's gradient": each_examples_gradient,
    "compiled vmap": lambda network, x: torch.compile(vmap(network), backend="aot_eager")(torch.stack([x, 2 * x])),
}


@pytest.mark.parametrize("how", TRANSFORMED)
def test_a_network_under_torch_func_is_as_pytorchs_layers(slow_case, how):
    network, x = slow_case
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's of itself
            same(TRANSFORMED[how](network, x), TRANSFORMED[how](twin(network), x))
    finally:
        torch.compiler.reset()
