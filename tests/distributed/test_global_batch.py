"""Objectives that are functions of a mean bound are the same in every process, with squared errors too."""

import pytest
import torch

from kelbo.bound import Bound, ErrorBound
from kelbo.distributed.global_batch import means_of, over_processes
from kelbo.objectives import Beta, Capacity, DistortionTarget, GroupRates, RateTarget, Target


class TwoProcesses:
    """A fabric as one of two processes sees it, that knows the other's bound."""

    world_size = 2

    def __init__(self, other):
        self.other = other

    def all_reduce(self, value, reduce_op):
        assert reduce_op == "mean"
        return (value + means_of(self.other)) / 2


HELD = Target(5.0, "squared_error")


@pytest.mark.parametrize(
    "objective",
    [
        DistortionTarget(HELD),
        DistortionTarget(HELD, groups=GroupRates(free_bits=4.0, balance=3)),
        DistortionTarget(HELD, own_loss=True),
        RateTarget(Target(5.0, "nats"), groups=GroupRates(balance=3)),
        Beta(2.0, groups=GroupRates(free_bits=4.0)),
        Capacity(gamma=3.0),
    ],
)
def test_two_halves_of_a_batch_have_the_loss_gradient_and_memory_of_the_whole(objective):
    torch.manual_seed(0)
    kind = ErrorBound if getattr(objective, "errors", False) else Bound
    parts = [torch.rand(8, 3) * 9, torch.rand(8) * 90, torch.rand(8) * 9][: len(kind._fields)]
    whole = [part.requires_grad_() for part in parts]
    loss, memory = objective(kind(*whole), objective.initial())
    loss.backward()
    halves = [kind(*(part.detach()[half].requires_grad_() for part in parts)) for half in (slice(4), slice(4, 8))]
    for here, own in enumerate(halves):
        its_loss, its_memory = objective(over_processes(TwoProcesses(halves[1 - here]), own), objective.initial())  # pyright: ignore[reportArgumentType]
        its_loss.backward()
        torch.testing.assert_close(its_loss, loss)
        assert all(torch.allclose(value, memory[name]) for name, value in its_memory.items())
    for place, part in enumerate(whole):
        grads = [torch.zeros_like(half[place]) if half[place].grad is None else half[place].grad for half in halves]
        expected = torch.zeros_like(part) if part.grad is None else part.grad
        torch.testing.assert_close(torch.cat(grads) / 2, expected)
