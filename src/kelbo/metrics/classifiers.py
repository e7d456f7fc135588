"""The classifiers of the β-VAE score: from points to predicted classes."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import nn

from kelbo.eager import plain_autograd
from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints
from kelbo.seeds import Source, all_drawing_from, drawing_from, source

Classifier = Literal["logistic", "linear", "mlp", "forest"]


@plain_autograd()
def predictions(
    classifier: Classifier,
    train: Floats,
    labels: Ints,
    test: Floats,
    *,
    classes: int,
    seed: int = 0,
) -> Ints:
    """The predicted class of each test point (M, K), (M,), by a classifier trained on points (N, K) with labels (N,).

    logistic   multinomial logistic regression with ‖W‖²/2 added to the summed loss (scikit-learn's C = 1), at its optimum; of
               two classes only the second has weights. The points are not scaled: that would change the penalty, hence the
               solution.
    linear     the same model without penalty, by Adagrad (rate 0.01), 10,000 full-batch steps
    mlp        two layers of 256 ReLU units with dropout of one half, by Adagrad (rate 0.001, decay 0.0001), 5,000 full-batch
               steps; no dropout in the test
    forest     scikit-learn's random forest with 150 trees

    labels are 0 … classes - 1; if some classes never occur, linear and mlp have idle outputs for them. Raises ScoreError for
    another classifier.
    """
    if classifier == "logistic":
        from sklearn.linear_model import LogisticRegression  # here, since scikit-learn takes a second to import

        centre = train.mean(0)  # the free intercept absorbs any shift: the same solution, in a tenth of the steps
        # at the default tolerance, 1e-4, one prediction in 250 may differ from that at the optimum
        fitted = LogisticRegression(tol=1e-9, max_iter=10_000).fit(train - centre, labels)
        return fitted.predict(test - centre)
    if classifier == "forest":
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(150, random_state=seed, n_jobs=-1).fit(train, labels).predict(test)
    if classifier not in get_args(Classifier):
        raise ScoreError(f"classifier must be one of {', '.join(get_args(Classifier))}; got {classifier!r}.")
    with drawing_from(Source(seed)) as noise:
        points, answers, asked = torch.as_tensor(train).float(), torch.as_tensor(labels), torch.as_tensor(test).float()
        if classifier == "linear":
            return np.asarray(_linear(points, answers, classes, noise)(asked).argmax(1))
        network = _mlp(points, answers, classes, noise).eval()
        with torch.no_grad():
            return np.asarray(network(asked).argmax(1))


@torch.no_grad()
def _linear(points: torch.Tensor, answers: torch.Tensor, classes: int, noise: Source, steps: int = 10_000) -> nn.Linear:
    """A linear layer after `steps` of Adagrad at rate 0.01 on the mean cross-entropy of all points.

    The gradient is written out, with a point in each column: a tenth of the time of autograd's.
    """
    with all_drawing_from(noise):
        layer = nn.Linear(points.shape[1], classes)
    inputs = torch.cat([points, torch.ones(len(points), 1)], 1).T.contiguous()
    wanted = nn.functional.one_hot(answers, classes).T.float().contiguous()
    weights = torch.cat([layer.weight, layer.bias[:, None]], 1)
    squares = torch.zeros_like(weights)
    for _ in range(steps):
        gradient = (weights @ inputs).softmax(0).sub_(wanted) @ inputs.T / len(points)
        squares += gradient.square()
        weights -= 1e-2 * gradient / (squares.sqrt() + 1e-10)
    layer.weight.copy_(weights[:, :-1])
    layer.bias.copy_(weights[:, -1])
    return layer


def _mlp(points: torch.Tensor, answers: torch.Tensor, classes: int, noise: Source, steps: int = 5_000) -> nn.Module:
    """Two hidden layers after `steps` of Adagrad at rate 0.001, decay 0.0001, on the mean cross-entropy of all points."""
    with all_drawing_from(noise):
        network = mlp_layers(points.shape[1], classes)
    optimizer = torch.optim.Adagrad(network.parameters(), lr=1e-3, weight_decay=1e-4)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(points), answers).backward()
        optimizer.step()
    return network


def mlp_layers(dims: int, classes: int) -> nn.Sequential:
    """The untrained network of `mlp`, from points (N, dims) to logits (N, classes)."""
    hidden = [nn.Linear(dims, 256), nn.ReLU(), HalfDropout(), nn.Linear(256, 256), nn.ReLU(), HalfDropout()]
    return nn.Sequential(*hidden, nn.Linear(256, classes))


class HalfDropout(nn.Module):
    """Dropout of one half; each random byte selects the masks of eight units, instead of one draw a unit."""

    def __init__(self) -> None:
        super().__init__()
        self.masks: torch.Tensor
        bits = (torch.arange(256)[:, None] >> torch.arange(8)) & 1
        self.register_buffer("masks", 2.0 * bits, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        own = source()
        noise = own and own.on(x.device)
        drawn = torch.randint(256, (-(-x.numel() // 8),), device=x.device, generator=noise)
        return x * self.masks.index_select(0, drawn).flatten()[: x.numel()].view_as(x)
