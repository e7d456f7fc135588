import pytest
import torch

from kelbo.training import Constant, Cosine, Drop
from kelbo.training.schedules import set_learning_rate


def test_the_study_drops_the_rate_to_a_fifth_at_three_quarters():
    schedule = Drop(steps=100)
    assert [schedule(step) for step in (0, 74, 75, 99)] == [1.0, 1.0, 0.2, 0.2]


def test_half_a_cosine_ends_at_its_final_value():
    schedule = Cosine(steps=10, final=0.1)
    assert schedule(0) == 1.0
    assert schedule(5) == pytest.approx(0.55)
    assert schedule(10) == schedule(99) == pytest.approx(0.1)


@pytest.mark.parametrize("schedule", [Constant(warmup=4), Drop(100, warmup=4), Cosine(1000, warmup=4)])
def test_warmup_rises_linearly_and_its_first_step_is_not_lost(schedule):
    assert [schedule(step) for step in range(5)] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0], abs=1e-4)


def test_every_group_keeps_its_own_initial_rate():
    a, b = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([{"params": [a], "initial_lr": 1.0}, {"params": [b], "initial_lr": 0.1}], lr=1.0)
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.05]
