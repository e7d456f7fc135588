"""The two networks of the β-VAE score as the β-VAE reproducibility study trained them: one code after the other.

Its code made one network and one optimiser, and let them learn the VAE's points, then PCA's, then ICA's. Between codes it drew
the weights anew and nothing else, so that PCA began with the squared gradients that Adagrad had summed over the VAE's points,
and with a learning rate and a patience that were the VAE's. For ICA it took another optimiser, Adam, at a rate of 1 for the
linear network where the others had Adagrad at 0.01. Dropout was never switched off for the test.
It learned from 1,000 points and tested on 501, where the definition's users take 10,000 and 5,000. With the shape left out,
four factors were drawn, but its networks still chose among five classes.

Each of these can be switched on alone, so that its effect is measured with all else equal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from kelbo.eager import by_itself
from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints
from kelbo.metrics.classifiers import mlp_layers
from kelbo.seeds import Source, all_drawing_from, drawing_from

Network = Literal["linear", "mlp"]
POINTS = (1_000, 501)
"""points of the β-VAE score that the study's code learned from and tested on: half of them and one"""
STEPS: dict[Network, int] = {"linear": 10_000, "mlp": 5_000}
TUNED = ("ica",)
"""codes whose networks the study trained by Adam"""


class Task(NamedTuple):
    """One code's points (N, K), the factors that they tell of (N,), 0 … classes - 1, and the points (M, K) to be told."""

    train: Floats
    labels: Ints
    test: Floats


class Answers(NamedTuple):
    """What a network told of a code's test points.

    whole    classes with every unit, (M,)
    dropped  classes with half of the units dropped, (M,); the same of a linear network, which drops none
    rate     the learning rate that its training ended with
    """

    whole: Ints
    dropped: Ints
    rate: float


@by_itself()
def answers_in_turn(
    network: Network,
    tasks: Mapping[str, Task],
    *,
    classes: int,
    seed: int = 0,
    carried: bool = True,
    tuned: Collection[str] = TUNED,
    steps: int | None = None,
) -> dict[str, Answers]:
    """The answers of one network that learns each code of `tasks` in their order, full batch, `steps` a code.

    linear by Adagrad (rate 0.01), 10,000 steps; mlp by Adagrad (rate 0.001, decay 0.0001), 5,000 steps; both with a tenth of
    the rate, but no less than 1e-5, after 5,000 steps without a better loss. tuned: codes that an Adam of their own trains
    instead, at a rate of 1 and 0.001. carried: the next code begins with the last one's optimiser and schedule; else with
    fresh ones. Every code begins with the same weights, whichever came before. ScoreError where codes differ in K.
    """
    if len({task.train.shape[1] for task in tasks.values()}) > 1:
        shapes = ", ".join(f"{name} {task.train.shape[1]}" for name, task in tasks.items())
        raise ScoreError(f"One network learns codes of one size; got {shapes}.")
    steps, told, memory = STEPS[network] if steps is None else steps, {}, None
    with all_drawing_from(Source(seed)):
        learner = _LEARNERS[network](next(iter(tasks.values())).train.shape[1], classes)
    for name, task in tasks.items():
        with drawing_from(Source(seed)) as noise:
            with all_drawing_from(noise):
                learner.begin(task)
            if memory is None or not carried or name in tuned:
                memory = _Memory(network, learner.weights, adam=name in tuned)
            for _ in range(steps):
                memory.step(learner.loss_and_gradient())
            told[name] = Answers(learner.told(task.test, False), learner.told(task.test, True), memory.rate)
    return told


class _Memory:
    """An optimiser and its plateau schedule."""

    def __init__(self, network: Network, weights: list[Tensor], adam: bool) -> None:
        decay = 0.0 if network == "linear" else 1e-4
        if adam:
            rate = 1.0 if network == "linear" else 1e-3
            self.optimizer = torch.optim.Adam(weights, lr=rate, weight_decay=decay, fused=True)
        else:
            rate = 1e-2 if network == "linear" else 1e-3
            self.optimizer = torch.optim.Adagrad(weights, lr=rate, weight_decay=decay, fused=True)
        self.schedule = ReduceLROnPlateau(self.optimizer, "min", patience=5_000, min_lr=1e-5)

    @property
    def rate(self) -> float:
        return self.optimizer.param_groups[0]["lr"]

    def step(self, loss: float) -> None:
        self.optimizer.step()
        self.schedule.step(loss)


class _Linear:
    """A linear layer, (C, K + 1) with the intercept last; its gradient by hand, in a tenth of the time of autograd's."""

    def __init__(self, dims: int, classes: int) -> None:
        self.dims, self.classes = dims, classes
        self.weights = [torch.zeros(classes, dims + 1)]

    def begin(self, task: Task) -> None:
        """Draw the weights anew, in place, to learn this code's points."""
        layer = nn.Linear(self.dims, self.classes)
        self.weights[0].copy_(torch.cat([layer.weight, layer.bias[:, None]], 1).detach())
        self.inputs = _with_ones(torch.as_tensor(task.train).float()).T.contiguous()
        self.wanted = nn.functional.one_hot(torch.as_tensor(task.labels), self.classes).T.float().contiguous()

    def loss_and_gradient(self) -> float:
        (weights,) = self.weights
        log_shares = (weights @ self.inputs).log_softmax(0)
        loss = -float(torch.dot(log_shares.flatten(), self.wanted.flatten())) / self.inputs.shape[1]
        gradient = log_shares.exp_().sub_(self.wanted) @ self.inputs.T
        weights.grad = gradient.div_(self.inputs.shape[1])
        return loss

    def told(self, points: Floats, dropped: bool) -> Ints:
        return np.asarray((_with_ones(torch.as_tensor(points).float()) @ self.weights[0].T).argmax(1))


class _Mlp:
    def __init__(self, dims: int, classes: int) -> None:
        self.layers = mlp_layers(dims, classes)
        self.weights: list[Tensor] = list(self.layers.parameters())

    def begin(self, task: Task) -> None:
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        self.layers.train()
        self.points, self.labels = torch.as_tensor(task.train).float(), torch.as_tensor(task.labels)

    def loss_and_gradient(self) -> float:
        self.layers.zero_grad()
        loss = nn.functional.cross_entropy(self.layers(self.points), self.labels)
        loss.backward()
        return loss.item()

    @torch.no_grad()
    def told(self, points: Floats, dropped: bool) -> Ints:
        self.layers.train(dropped)
        return np.asarray(self.layers(torch.as_tensor(points).float()).argmax(1))


_LEARNERS = {"linear": _Linear, "mlp": _Mlp}


def _with_ones(points: Tensor) -> Tensor:
    return torch.cat([points, torch.ones(len(points), 1)], 1)
