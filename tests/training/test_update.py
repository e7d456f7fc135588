"""What a step says of itself."""

import pytest
import torch

from kelbo.bound import Bound
from kelbo.training.update import described


@pytest.mark.parametrize(("groups", "columns"), [(1, []), (3, ["rate/0", "rate/1", "rate/2"])])
def test_rates_of_groups_are_told_if_there_are_several(groups, columns):
    rate = torch.arange(2.0 * groups).view(2, groups)
    values = described(Bound(rate, torch.tensor([3.0, 5.0])), torch.tensor(7.0))
    assert [name for name in values if name.startswith("rate/")] == columns
    assert [float(values[name]) for name in columns] == rate.mean(0).tolist()[: len(columns)]
    assert {name: float(values[name]) for name in ("distortion", "rate", "loss")} == {
        "distortion": 4.0,
        "rate": float(rate.sum(1).mean()),
        "loss": 7.0,
    }
