"""The networks go around PyTorch's own layers for speed, and nothing that PyTorch promises of a layer is lost by it.

Each network is compared with its twin, the same layers in an `nn.Sequential`, under everything that can see a layer at work.
"""

import copy
import io
import warnings

import pytest
import torch
from tests.networks.twins import same, twin
from torch import nn
from torch.nn.utils import parametrizations, prune

from kelbo.networks import BurgessEncoder, RybkinDecoder
from kelbo.networks.layers import Layers

pytestmark = pytest.mark.usefixtures("every_way_around")
LEAVES = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.ReLU, nn.Tanh, nn.Flatten)


def leaves(network):
    return {name: module for name, module in network.named_modules() if isinstance(module, LEAVES)}


def test_plain_layers_are_gone_around(case, around):
    network, x = case
    same(network(x), twin(network)(x))
    assert around


@pytest.mark.parametrize("training", [True, False])
def test_every_hook_of_every_layer_fires(case, training):
    network, x = case
    fired = {kind: [] for kind in ("pre", "after", "back pre", "back")}
    for name, leaf in network.named_modules():
        leaf.register_forward_pre_hook(lambda *_, name=name: fired["pre"].append(name))
        leaf.register_forward_hook(lambda *_, name=name: fired["after"].append(name))
    with torch.set_grad_enabled(training):
        network(x)
    names = [name for name, _ in network.named_modules()]
    assert sorted(fired["pre"]) == sorted(fired["after"]) == sorted(names)


def test_every_backward_hook_of_every_layer_fires(case):
    network, x = case
    for leaf in leaves(network).values():  # a backward hook's view must not be written over
        if isinstance(leaf, nn.ReLU):
            leaf.inplace = False
    fired = []
    for name, leaf in leaves(network).items():
        leaf.register_full_backward_pre_hook(lambda *_, name=name: fired.append(("before", name)))
        leaf.register_full_backward_hook(lambda *_, name=name: fired.append(("after", name)))
    network(x.requires_grad_()).sum().backward()
    assert sorted(fired) == sorted((when, name) for name in leaves(network) for when in ("before", "after"))


@pytest.mark.parametrize("training", [True, False])
def test_a_hook_on_all_modules_sees_every_layer(case, training):
    network, x = case
    seen = []
    handle = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.append(module))
    try:
        with torch.set_grad_enabled(training):
            network(x)
    finally:
        handle.remove()
    assert set(map(id, leaves(network).values())) <= set(map(id, seen))


def test_what_a_hook_returns_is_what_the_next_layer_gets(case):
    network, x = case
    first, *_ = (leaf for leaf in leaves(network).values() if hasattr(leaf, "weight"))
    first.register_forward_hook(lambda *it: torch.full_like(it[-1], 0.3))
    torch.testing.assert_close(network(x), network(torch.zeros_like(x)))
    for training in (True, False):
        with torch.set_grad_enabled(training):
            same(network(x), twin(network)(x))


REWEIGHTED = {
    "pruning": lambda layer: prune.ln_structured(layer, "weight", 0.5, n=2, dim=0),
    "weight_norm of old": nn.utils.weight_norm,
    "spectral_norm of old": nn.utils.spectral_norm,
    "weight_norm": parametrizations.weight_norm,
    "spectral_norm": parametrizations.spectral_norm,
}


def reweighted(network, how):
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of what is old
        for leaf in list(leaves(network).values()):
            if hasattr(leaf, "weight"):
                REWEIGHTED[how](leaf)
    return network


@pytest.mark.parametrize("how", REWEIGHTED)
def test_what_is_put_on_the_weights_takes_effect(case, how):
    network, x = case
    before, pair = network(x).detach(), [reweighted(one, how) for one in (network, twin(network))]
    for one in pair:
        with torch.no_grad():
            for parameter in one.parameters():  # what a hook makes the weights of
                parameter.mul_(2)
        one(x).square().sum().backward()
    outputs = [one.eval()(x).detach() for one in pair]
    same(*outputs)
    assert not torch.allclose(before, outputs[0])
    for ours, theirs in zip(*(one.parameters() for one in pair), strict=True):
        same(ours.grad, theirs.grad)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("where", ["instance", "subclass", "class", "wrapper"])
def test_a_forward_that_was_replaced_is_called(case, monkeypatch, where, training):
    network, x = case
    calls = []
    for container in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for number, leaf in enumerate(container):
            own = leaf.forward
            noted = lambda value, own=own: (calls.append(1), own(value))[1]  # noqa: E731
            if where == "instance":
                leaf.forward = noted
            elif where == "subclass":
                leaf.__class__ = type("Mine", (type(leaf),), {"forward": staticmethod(noted)})
            elif where == "wrapper":
                container[number] = Wrapped(leaf, calls)
    expected = sum(len(module) for module in network.modules() if isinstance(module, nn.Sequential))
    if where == "class":
        for kind in LEAVES:
            own = kind.forward
            monkeypatch.setattr(kind, "forward", lambda self, value, own=own: (calls.append(1), own(self, value))[1])
    if isinstance(network, RybkinDecoder) and where == "class":
        expected += 1  # its first layer is in no container
    with torch.set_grad_enabled(training):
        network(x)
    assert len(calls) == expected


@pytest.mark.parametrize("where", ["instance", "class", "functional"])
def test_what_a_forward_goes_through_is_called_where_it_was_replaced(monkeypatch, where):
    network, x, calls = Layers(nn.Conv2d(3, 8, 4, 2, 1), nn.ReLU()), torch.rand(2, 3, 8, 8), []
    place, name = {
        "instance": (network[0], "_conv_forward"),
        "class": (nn.Conv2d, "_conv_forward"),
        "functional": (nn.functional, "conv2d"),
    }[where]
    own = getattr(place, name)
    monkeypatch.setattr(place, name, lambda *given: (calls.append(1), own(*given))[1])
    with torch.no_grad():
        network(x)
    assert calls == [1]


class Wrapped(nn.Module):
    def __init__(self, inside, calls):
        super().__init__()
        self.inside, self.calls = inside, calls

    def forward(self, value):
        self.calls.append(1)
        return self.inside(value)


class Tagged(torch.Tensor):
    """A tensor subclass that rides along."""


@pytest.mark.parametrize("training", [True, False])
def test_a_tensor_subclass_stays_one(case, around, training):
    network, x = case
    with torch.set_grad_enabled(training):
        assert isinstance(network(x.as_subclass(Tagged)), Tagged)
    assert not around


@pytest.mark.parametrize("training", [True, False])
def test_other_dtypes_devices_and_switches_leave_it_to_pytorch(case, around, training):
    network, x = case
    with torch.set_grad_enabled(training):
        same(network.double()(x.double()), twin(network)(x.double()))
        network.float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert network(x).dtype == torch.bfloat16
        before = torch._C._get_mkldnn_enabled()
        torch._C._set_mkldnn_enabled(False)  # as torch.backends.mkldnn.flags does, which warns of another switch
        try:
            network(x)
        finally:
            torch._C._set_mkldnn_enabled(before)
        assert copy.deepcopy(network).to("meta")(x.to("meta")).is_meta
    assert not around


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("wrong", ["channels", "axes", "dtype"])
def test_what_does_not_fit_is_refused_in_pytorchs_words(case, training, wrong):
    network, x = case
    bad = {"channels": torch.cat([x, x], 1), "axes": x[0, 0], "dtype": x.double()}[wrong]
    said = []
    for one in (network, twin(network)):
        with torch.set_grad_enabled(training), pytest.raises((RuntimeError, IndexError)) as raised:
            one(bad)
        said.append(str(raised.value))
    assert said[0] == said[1]


def test_any_pruning_works_once_the_weights_lie_in_pytorchs_default_layout():
    """`prune.l1_unstructured` asks for a view that weights laid out channels-last do not have."""
    network = BurgessEncoder((1, 16, 16), 2, channels=4, hidden=9).to(memory_format=torch.contiguous_format)
    prune.global_unstructured(
        [(leaf, "weight") for leaf in leaves(network).values() if hasattr(leaf, "weight")],
        pruning_method=prune.L1Unstructured,
        amount=0.999,
    )
    assert network(torch.rand(3, 1, 16, 16)).std(0).max() < 1e-3


def test_a_default_device_neither_changes_a_bit_nor_slows_down(case, around):
    network, x = case
    expected, calls = network(x), len(around)
    with torch.device("cpu"):
        assert torch.equal(network(x), expected)
    assert len(around) == 2 * calls > 0


def test_an_empty_batch_passes(case):
    network, x = case
    for training in (True, False):
        with torch.set_grad_enabled(training):
            assert network(x[:0]).shape == twin(network)(x[:0]).shape


def test_a_network_is_copied_saved_and_loaded_as_any_module(case):
    network, x = case
    file = io.BytesIO()
    torch.save(network, file)
    loaded = torch.load(io.BytesIO(file.getvalue()), weights_only=False)
    for other in (loaded, copy.deepcopy(network), network.share_memory()):
        torch.testing.assert_close(other(x), network(x))
    twin(network).load_state_dict(network.state_dict())
