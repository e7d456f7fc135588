"""Networks under test, and a record of what they go around."""

import pytest
import torch
from tests.networks.twins import NETWORKS

from kelbo.networks.deconvolution import Deconvolution
from kelbo.networks.layers import LinearProduct


@pytest.fixture
def every_way_around(monkeypatch):
    """Linear layers are gone around as on AMD's processors, on any."""
    monkeypatch.setattr("kelbo.networks.layers.is_amd", lambda: True)


@pytest.fixture(params=NETWORKS)
def case(request):
    """A network with three inputs for it."""
    torch.manual_seed(0)
    make, shape = NETWORKS[request.param]
    return make(), torch.rand(3, *shape)


@pytest.fixture(params=["Burgess encoder", "Burgess decoder"])
def slow_case(request):
    torch.manual_seed(0)
    make, shape = NETWORKS[request.param]
    return make(), torch.rand(3, *shape)


@pytest.fixture
def around(monkeypatch):
    """The names of our functions that were called instead of a layer."""
    called = []
    for function in (Deconvolution, LinearProduct):
        original = function.apply
        note = lambda *values, f=function, o=original: (called.append(f.__name__), o(*values))[1]  # noqa: E731
        monkeypatch.setattr(function, "apply", note)
    return called
