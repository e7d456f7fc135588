"""How a distortion and a rate come to their targets on a model whose rate-distortion curve is known in closed form.

    python benchmarks/held_targets.py                # writes benchmarks/results/held_targets.json: 60,000 steps a run
    python benchmarks/held_targets.py --picture      # draws docs/pictures/targets.png from that

The model is the linear-Gaussian VAE of data N(0, diag s), with s the variances of the principal components of CIFAR-10
(`benchmarks/results/cifar10_spectrum.json`: of 5,000 training images, intensities in [0, 1]). Its rate and squared error are
expectations over data and noise, in closed form, so nothing is sampled; each step's error and rate are multiplied by noise of
3 %, as a batch's would be. The objective is kelbo's, the model's Adam has the published rate 2e-4. The curve is reverse
water-filling: each component has the squared error min(s, θ) and the rate ½·ln(s / min(s, θ)).
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kelbo.bound import ErrorBound
from kelbo.objectives import DistortionTarget, RateTarget, Target
from kelbo.objectives.distortion_target import ends_of_errors
from kelbo.objectives.multiplier import Form

HERE = Path(__file__).parent
SPECTRUM, RESULT = HERE / "results" / "cifar10_spectrum.json", HERE / "results" / "held_targets.json"
PICTURE = HERE.parent / "docs" / "pictures" / "targets.png"
STEPS, LAST, KEPT = 60_000, 12_000, 500
"""steps of a run; those at the end whose means count; every how many the record has a point"""
NOISE = 0.03
ERRORS, NATS = (64.0, 8.0, 0.5, 0.05), (37.5, 355.3)
HELD = 0.02
"""share of a target, within which it is settled once the mean of `KEPT` steps stays so near"""


class Line(nn.Module):
    """One latent a component, in its own standard deviations: posterior N(a·x, σ²), decoder's mean w·z."""

    def __init__(self, variances: Tensor) -> None:
        super().__init__()
        self.variances = variances
        self.encoder = nn.Parameter(torch.full_like(variances, 0.1))
        self.decoder = nn.Parameter(torch.full_like(variances, 0.1))
        self.log_sigma = nn.Parameter(torch.zeros_like(variances))

    def forward(self) -> tuple[Tensor, Tensor]:
        """Rate (nats) and squared error of an example, expected."""
        a, w, variance = self.encoder, self.decoder, torch.exp(2 * self.log_sigma)
        rate = 0.5 * (a.square() + variance - 1) - self.log_sigma
        error = self.variances * ((1 - w * a).square() + w.square() * variance)
        return rate.sum(), error.sum()


def water_filling(variances: np.ndarray, error: float) -> float:
    """The least rate (nats) at a squared error."""
    low, high = 0.0, float(variances.max())
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.minimum(variances, middle).sum() < error else (low, middle)
    return float(0.5 * np.log(variances / np.minimum(variances, high)).sum())


def held(kind: str, target: float, form: Form, variances: Tensor, steps: int, last: int) -> dict[str, Any]:
    """One run: what is held in the end, the multiplier, how often it was clamped, and the curve."""
    torch.manual_seed(0)
    model = Line(variances)
    optimizer = torch.optim.Adam(model.parameters(), 2e-4, fused=True)
    if kind == "rate":
        objective = RateTarget(Target(target, "nats"), form)
    else:
        stated = Target(target, "squared_error", dims=len(variances))
        objective = DistortionTarget(stated, form, ends=ends_of_errors(stated))
    state, noise = objective.initial(), torch.randn(steps, 2)
    found = np.zeros((steps, 5))
    for step in range(steps):
        rate, error = model()
        # σ = 1, less its constant: ½ squared error
        noisy = (1 + NOISE * noise[step]).tolist()
        bound = ErrorBound((rate * noisy[1])[None, None], (0.5 * error)[None], (error * noisy[0])[None])
        loss, after = objective(bound, state)
        told = objective.told(bound, state)
        rest, weight = objective.multiplier.weights(state)
        numbers = (rate, error, told["multiplier"], told["clamp_active"], weight / rest)
        found[step] = [float(value.detach()) for value in numbers]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = after
    return _summary(kind, target, form, found, variances, last)


def _summary(kind: str, target: float, form: Form, found: np.ndarray, variances: Tensor, last: int) -> dict[str, Any]:
    end, value = found[-last:], found[:, 0 if kind == "rate" else 1]
    smooth = np.convolve(value, np.ones(KEPT) / KEPT, "valid")  # mean of the steps up to each one
    away = np.flatnonzero(np.abs(smooth / target - 1) >= HELD)
    settled = int(away[-1]) + KEPT if len(away) else KEPT
    error = float(end[:, 1].mean())
    return {
        "held": kind,
        "target": target,
        "form": form,
        "value": float(value[-last:].mean()),
        "value_sd": float(value[-last:].std()),
        "apart": float(abs(value[-last:].mean() / target - 1)),
        "settled_at": settled if settled < len(value) - last else None,
        "rate": float(end[:, 0].mean()),
        "least_rate": water_filling(variances.double().numpy(), error),
        "squared_error": error,
        "multiplier": float(end[:, 2].mean()),
        "multiplier_sd": float(end[:, 2].std()),
        "clamped": float(end[:, 3].mean()),
        "curve": {
            name: [float(f"{v:.5g}") for v in found[::KEPT, column]]
            for column, name in ((0, "rate"), (1, "squared_error"), (4, "odds"))
        },
    }


def measured(steps: int = STEPS, last: int = LAST) -> dict[str, Any]:
    """All runs."""
    variances = torch.tensor(json.loads(SPECTRUM.read_text()))
    runs = []
    for form in ("published", "log_odds"):
        for kind, targets in (("squared error", ERRORS), ("rate", NATS)):
            for target in targets:
                runs.append(held(kind, target, form, variances, steps, last))
                run = {name: value for name, value in runs[-1].items() if name != "curve"}
                print(json.dumps(run), flush=True)
    return {"steps": steps, "last": last, "noise": NOISE, "total_variance": float(variances.sum()), "runs": runs}


def draw(record: dict[str, Any]) -> None:
    """Squared error and multiplier over the steps, each form in its own row."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = {"published": "published form", "log_odds": "log-odds form"}
    figure, axes = plt.subplots(2, 2, figsize=(9, 5.4), sharex=True, layout="constrained")
    for (form, name), (left, right) in zip(names.items(), axes, strict=True):
        for hue, run in enumerate(r for r in record["runs"] if r["form"] == form and r["held"] == "squared error"):
            steps = KEPT * np.arange(len(run["curve"]["squared_error"])) / 1000
            left.plot(steps, run["curve"]["squared_error"], color=f"C{hue}", label=f"target {run['target']:g}")
            left.axhline(run["target"], color=f"C{hue}", linewidth=0.7, linestyle="--")
            right.plot(steps, run["curve"]["odds"], color=f"C{hue}")
        left.set(yscale="log", title=f"Squared error, {name}")
        right.set(yscale="log", title="λ / (1 − λ)")
        right.axhline(9999, color="0.6", linewidth=0.7)
        for axis in (left, right):
            axis.spines[["top", "right"]].set_visible(False)
    where = {"transform": axes[1, 1].transAxes, "ha": "right", "fontsize": 8, "color": "0.4"}
    axes[1, 1].text(0.98, 0.06, "grey line: end of the published range", **where)
    axes[0, 0].legend(fontsize=8, frameon=False, ncols=2)
    for axis in axes[1]:
        axis.set_xlabel("thousand steps")
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", action="store_true", help="Draw the committed record.")
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.picture:
        return draw(json.loads(RESULT.read_text()))
    record = measured(asked.steps, min(LAST, math.ceil(asked.steps / 5)))
    if asked.steps == STEPS:
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
