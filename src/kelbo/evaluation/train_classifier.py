"""Train the classifier whose features compare images, on a data set's own labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kelbo.data.batches import Batches, passes
from kelbo.data.images import Images, picture_shape
from kelbo.eager import plain_autograd
from kelbo.errors import DataError, Divergence
from kelbo.evaluation.classifier import PREPARATION, ImageClassifier, TrainedClassifier
from kelbo.intervals import finite_or_none
from kelbo.metrics.agreement import accuracies, f1_scores
from kelbo.seeds import seeded

Watch = Callable[[int, int, float], None]
"""called with the step, the number of steps and the step's loss"""


@plain_autograd()
def train_classifier(
    images: Images,
    labels: np.ndarray,
    test_images: Images,
    test_labels: np.ndarray,
    *,
    name: str,
    names: Sequence[str] = (),
    epochs: int = 3,
    seed: int = 0,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    width: int = 16,
    features: int = 128,
    device: torch.device | None = None,
    watch: Watch | None = None,
) -> TrainedClassifier:
    """A classifier of `images`, trained for `epochs` with AdamW and one cycle of the learning rate, up to learning_rate.

    labels: classes 0 … A-1, integers (N,), learned by cross-entropy; or attributes 0 or 1, (N, A), each learned by its own
    sigmoid. names: what these are called, if that is known. `about` holds set (`name`), images (their fingerprint), classes or
    attributes (A), names, seed, epochs, test_images and accuracy on these (over all attributes), whose standard error is
    sqrt(accuracy (1 - accuracy) / N) for independent images; of attributes also by_attribute, the accuracy and the F1 of each.
    The same seed gives the same weights on the same hardware.

    Raises DataError if labels do not fit the images, and Divergence if the loss is not finite.
    """
    device = device or torch.device("cpu")
    many = labels.ndim == 2
    outputs = labels.shape[1] if many else int(labels.max(initial=0)) + 1
    for part, part_labels in ((images, labels), (test_images, test_labels)):
        _check(part, part_labels, outputs, many)
    with seeded(seed, "init"):
        network = ImageClassifier(picture_shape(images.shape), outputs, features, width).to(device)
    steps = math.ceil(epochs * len(images) / batch_size)
    _fit(network, images, torch.as_tensor(labels), steps, seed, batch_size, learning_rate, device, watch)
    network.eval().requires_grad_(False)
    if names and len(names) != outputs:
        raise DataError(f"The classifier learns {outputs} classes or attributes, and {len(names)} are named.")
    logits = logits_of(network, test_images, device)
    about = {
        "set": name,
        "images": images.fingerprint(),
        "attributes" if many else "classes": outputs,
        **({"names": list(names)} if names else {}),
        **({"by_attribute": _by_attribute(names, test_labels, logits)} if names and many else {}),
        "accuracy": float((_guessed(logits, many) == test_labels).mean()),
        "test_images": len(test_images),
        "seed": seed,
        "epochs": epochs,
    }
    return TrainedClassifier(network, about)


def _fit(
    network: ImageClassifier,
    images: Images,
    labels: Tensor,
    steps: int,
    seed: int,
    batch_size: int,
    learning_rate: float,
    device: torch.device,
    watch: Watch | None,
) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    batches = Batches(images, batch_size, seed, device)
    loss_of = _attribute_loss if labels.ndim == 2 else F.cross_entropy
    network.train()
    for step, batch in zip(range(steps), batches, strict=False):
        target = labels[batches.index(step).cpu()].to(device)
        loss = loss_of(network(PREPARATION(batch.x, images.pixel_levels)), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if watch or step % 100 == 0 or step == steps - 1:  # reading the loss waits for the device
            value = float(loss.detach())
            if not math.isfinite(value):
                raise Divergence(f"The classifier's loss is {value} at step {step}. Lower learning_rate.")
            if watch:
                watch(step + 1, steps, value)


def logits_of(network: nn.Module, images: Images, device: torch.device) -> np.ndarray:
    """What a classifier makes of every image in order, float32 (N, outputs)."""
    with torch.no_grad():
        parts = [network(PREPARATION(one.x, images.pixel_levels)).cpu() for one in passes(images, 1000, device)]
    return torch.cat(parts).float().numpy()


def _guessed(logits: np.ndarray, many: bool) -> np.ndarray:
    """Classes (N,) by the largest logit, attributes (N, A) by positive ones."""
    return logits > 0 if many else logits.argmax(1)


def _by_attribute(names: Sequence[str], values: np.ndarray, logits: np.ndarray) -> dict[str, dict[str, float | None]]:
    chances = (logits > 0).astype(np.float64)
    pairs = zip(names, accuracies(values, chances).tolist(), f1_scores(values, chances).tolist(), strict=True)
    return {name: {"accuracy": right, "f1": finite_or_none(f1)} for name, right, f1 in pairs}


def _attribute_loss(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target.float())


def _check(images: Images, labels: np.ndarray, outputs: int, many: bool) -> None:
    if len(labels) != len(images):
        raise DataError(f"There are {len(images):,} images and {len(labels):,} labels; each image needs one.")
    if labels.ndim != 1 + many or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"Labels must be integer classes (N,) or attributes (N, A); got {labels.dtype} of shape {labels.shape}."
        )
    most = 1 if many else outputs - 1
    if labels.min() < 0 or labels.max() > most or (many and labels.shape[1] != outputs):
        raise DataError(f"Labels must be 0 to {most}; got {labels.min()} to {labels.max()}, of shape {labels.shape}.")
    if outputs < 2 - many:
        raise DataError("A classifier needs at least two classes; the labels have one.")
