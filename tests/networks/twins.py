"""Small networks, and their twins made of the same layers as PyTorch calls them."""

import copy

import torch
from torch import nn

from kelbo.networks import BurgessDecoder, BurgessEncoder, HigginsDecoder, HigginsEncoder, RybkinDecoder, RybkinEncoder
from kelbo.networks.layers import Layers

NETWORKS = {
    "Higgins encoder": (lambda: HigginsEncoder((1, 4, 4), 2, width=9), (1, 4, 4)),
    "Higgins decoder": (lambda: HigginsDecoder((1, 4, 4), 2, 1, width=9), (2,)),
    "Burgess encoder": (lambda: BurgessEncoder((1, 16, 16), 2, channels=4, hidden=9), (1, 16, 16)),
    "Burgess decoder": (lambda: BurgessDecoder((1, 16, 16), 2, 1, channels=4, hidden=9), (2,)),
    "Rybkin encoder": (lambda: RybkinEncoder((1, 28, 28), 2, channels=2), (1, 28, 28)),
    "Rybkin decoder": (lambda: RybkinDecoder(2, 1, channels=2), (2,)),
}


def twin(network):
    """The same network, whose layers PyTorch calls itself."""
    other = copy.deepcopy(network)
    for module in other.modules():
        if isinstance(module, Layers):
            module.__class__ = nn.Sequential
    return other


def same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        room = 1e-4 * max(1.0, float(theirs.detach().abs().max()))
        return torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=room)
    return torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
