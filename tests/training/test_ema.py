import pytest
import torch
from torch import nn

from kelbo.training import Ema


class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.register_buffer("seen", torch.zeros(()))


def test_the_average_follows_its_formula():
    torch.manual_seed(0)
    model = Counted()
    ema, expected = Ema(model, decay=0.9), model.layer.weight.detach().clone()
    for step in range(1000, 1005):
        with torch.no_grad():
            model.layer.weight += torch.randn_like(model.layer.weight)
        ema.update(model, step)
        expected = 0.9 * expected + 0.1 * model.layer.weight.detach()
    torch.testing.assert_close(ema.weights["layer.weight"], expected)


def test_the_average_soon_forgets_where_a_run_began():
    model = Counted()
    ema = Ema(model, decay=0.9999)
    with torch.no_grad():
        model.layer.weight.fill_(5.0)
    for step in range(1, 200):
        ema.update(model, step)
    torch.testing.assert_close(ema.weights["layer.weight"], model.layer.weight.detach(), rtol=1e-3, atol=0)


def test_buffers_are_copied_not_averaged():
    model = Counted()
    ema = Ema(model, decay=0.9)
    model.seen += 7
    ema.update(model, 1)
    assert ema.weights["seen"] == 7


def test_tied_weights_are_averaged_under_each_of_their_names():
    model = Counted()
    model.other = nn.Linear(3, 2)
    model.other.weight = model.layer.weight
    ema, before = Ema(model, decay=0.9), model.layer.weight.detach().clone()
    with torch.no_grad():
        model.layer.weight += 1
    ema.update(model, 1000)
    for name in ("layer.weight", "other.weight"):
        torch.testing.assert_close(ema.weights[name], before + 0.1)


@pytest.mark.parametrize("broken", [torch.inf, torch.nan])
@pytest.mark.parametrize("place", ["layer.weight", "layer.bias", "seen"])
def test_a_running_average_takes_in_nothing_that_is_not_finite(place, broken):
    model = Counted()
    ema, other = Ema(model, 0.9), Counted()
    before = {name: value.clone() for name, value in ema.weights.items()}
    with torch.no_grad():
        other.state_dict()[place].view(-1)[0] = broken
    ema.update(other, 100)
    for name, value in ema.weights.items():
        assert torch.equal(value, before[name]), name
    model.seen += 3
    ema.update(model, 101)
    assert ema.weights["seen"] == 3


def test_the_average_loads_in_place_of_the_weights():
    model = Counted()
    ema, other = Ema(model, 0.5), Counted()
    other.load_state_dict(ema.weights)
    assert torch.equal(other.layer.weight, ema.weights["layer.weight"])
    assert ema.weights["layer.weight"].data_ptr() != model.layer.weight.data_ptr()
