"""The β-VAE score as the β-VAE reproducibility study computed it, with two networks trained on one code after the other.

Its code created one network and one optimiser and trained them on the VAE's points, then on PCA's, then on ICA's. Between codes
it reset only the weights, so PCA started with the squared gradients that Adagrad had summed over the VAE's points, and with the
VAE's learning rate and patience. For ICA it created another optimiser, Adam, at a rate of 1 for the linear network, while the
others had Adagrad at 0.01. Dropout stayed on in the test. It trained on 1,000 points and tested on 501, while the definition's
users take 10,000 and 5,000. With the shape left out, four factors were drawn, but the networks still had five classes.

Each of these can be enabled alone, so that its effect is measured with all else equal.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from kelbo.eager import plain_autograd
from kelbo.errors import ScoreError
from kelbo.metrics import pair_differences
from kelbo.metrics.checks import Floats, Ints
from kelbo.metrics.classifiers import Classifier, mlp_layers
from kelbo.seeds import Source, all_drawing_from, drawing_from

Network = Literal["linear", "mlp"]
POINTS = (1_000, 501)
"""training and test points of the β-VAE score in the study's code"""
STEPS: dict[Network, int] = {"linear": 10_000, "mlp": 5_000}
CLASSIFIERS: tuple[Classifier, ...] = ("linear", "mlp", "logistic", "forest")
"""in the order of the study's code"""
TUNED = ("ica",)
"""codes whose networks the study trained by their own Adam"""


class Task(NamedTuple):
    """One code's training points (N, K), their factors (N,), 0 … classes - 1, and its test points (M, K)."""

    train: Floats
    labels: Ints
    test: Floats


class Answers(NamedTuple):
    """A network's predictions on a code's test points.

    whole    predicted classes without dropout, (M,)
    dropped  predicted classes with dropout, (M,); the same for a linear network, which has none
    rate     the final learning rate
    """

    whole: Ints
    dropped: Ints
    rate: float


@plain_autograd()
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
    """The answers of one network, trained on each code of `tasks` in their order, full batch, `steps` for each code.

    linear: Adagrad (rate 0.01), 10,000 steps; mlp: Adagrad (rate 0.001, decay 0.0001), 5,000 steps; both reduce the rate to a
    tenth, but not below 1e-5, after 5,000 steps without a better loss. tuned: codes trained by their own Adam instead, at a
    rate of 1 (linear) or 0.001. carried: the next code continues with the last one's optimiser and schedule; else with new
    ones. Every code starts from the same weights. Raises ScoreError if codes differ in K.
    """
    if len({task.train.shape[1] for task in tasks.values()}) > 1:
        shapes = ", ".join(f"{name} {task.train.shape[1]}" for name, task in tasks.items())
        raise ScoreError(f"All codes of one network must have the same size; got {shapes}.")
    steps, predicted, memory = STEPS[network] if steps is None else steps, {}, None
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
            predicted[name] = Answers(
                learner.predicted(task.test, False), learner.predicted(task.test, True), memory.rate
            )
    return predicted


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


class _LinearLearner:
    """A linear layer, (C, K + 1) with the intercept last; its written-out gradient takes a tenth of the time of autograd's."""

    def __init__(self, dims: int, classes: int) -> None:
        self.dims, self.classes = dims, classes
        self.weights = [torch.zeros(classes, dims + 1)]

    def begin(self, task: Task) -> None:
        """Reset the weights, in place, before training on this code's points."""
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

    def predicted(self, points: Floats, dropped: bool) -> Ints:
        return np.asarray((_with_ones(torch.as_tensor(points).float()) @ self.weights[0].T).argmax(1))


class _MlpLearner:
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
    def predicted(self, points: Floats, dropped: bool) -> Ints:
        self.layers.train(dropped)
        return np.asarray(self.layers(torch.as_tensor(points).float()).argmax(1))


_LEARNERS = {"linear": _LinearLearner, "mlp": _MlpLearner}


def _with_ones(points: Tensor) -> Tensor:
    return torch.cat([points, torch.ones(len(points), 1)], 1)


# ── scores ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def as_published_score(
    codes: Mapping[str, np.ndarray],
    factors: np.ndarray,
    chosen: Sequence[int] | None = None,
    *,
    classifier: Classifier,
    pairs: int = 64,
    points: tuple[int, int] = POINTS,
    seed: int = 0,
    steps: Mapping[Network, int] = STEPS,
) -> dict[str, float]:
    """The score of each of these codes as one evaluation of the study gave it.

    codes: "vae", "pca", "ica" (N, K), in the order in which its networks learned them (see `answers_in_turn`): what the
    VAE's left behind changes PCA's, so they are asked for together. chosen: the columns that are drawn; the networks
    choose among all F in any case. seed: of pairs and weights. steps: fewer than the study's make another score, which the
    caller says.

    With the study's points and steps a linear network takes about a second a code, an MLP 40. ScoreError as
    `pair_differences` says.
    """
    drawn = {name: task_of(table, factors, chosen, points, pairs, seed) for name, table in codes.items()}
    told = _predicted(classifier, {name: task for name, (task, _) in drawn.items()}, np.shape(factors)[1], seed, steps)
    return {name: float((told[name] == asked).mean()) for name, (_, asked) in drawn.items()}


def _predicted(
    classifier: Classifier, tasks: Mapping[str, Task], classes: int, seed: int, steps: Mapping[Network, int]
) -> dict[str, Ints]:
    if classifier in STEPS:
        network = cast(Network, classifier)
        answers = answers_in_turn(network, tasks, classes=classes, seed=seed, steps=steps[network])
        return {name: answer.dropped for name, answer in answers.items()}
    return {name: _by_scikit(classifier, task, seed) for name, task in tasks.items()}


def _by_scikit(classifier: Classifier, task: Task, seed: int) -> Ints:
    """On the points as they are, with 500 iterations, enough or not; 150 trees."""
    from sklearn.ensemble import RandomForestClassifier  # here, since scikit-learn takes a second to import
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if classifier == "forest":
        model: Any = RandomForestClassifier(150, random_state=seed)
    else:
        model = LogisticRegression(max_iter=500, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(task.train, task.labels).predict(task.test)


def task_of(
    codes: np.ndarray,
    factors: np.ndarray,
    chosen: Sequence[int] | None,
    points: tuple[int, int],
    pairs: int,
    seed: int,
) -> tuple[Task, Ints]:
    """What a network learns and is asked, its classes the columns themselves; and what is right."""
    drawn = pair_differences(codes, factors, points=sum(points), pairs=pairs, chosen=chosen, seed=seed)
    train = points[0]
    return Task(drawn.differences[:train], drawn.labels[:train], drawn.differences[train:]), drawn.labels[train:]
