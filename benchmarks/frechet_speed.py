"""Speed of the Fréchet distance between Gaussians of 2,048 features, beside the square root of the product by SciPy.

    python benchmarks/frechet_speed.py            # writes benchmarks/results/frechet_speed.json

The other is what the reference implementations compute: scipy.linalg.sqrtm of Σ_p Σ_q, of which the trace is kept. Both
take turns in one process on the same covariances, of 10,000 random features each whose scales span three orders. The ratio
of the fastest rounds is that of the methods; medians and single rounds tell how busy the machine was beside.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import scipy.linalg
import torch
from threadpoolctl import threadpool_limits

DIMS, COUNT = 2048, 10_000
HERE = Path(__file__).parent


def gaussian(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of features that are correlated by a random rotation."""
    from kelbo.metrics.frechet import FeatureMoments

    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(DIMS, DIMS)))[0]
    moments = FeatureMoments.of(rng.normal(size=(COUNT, DIMS)) * np.geomspace(0.01, 10, DIMS) @ turn)
    return moments.mean, moments.covariance()


def by_root(mean_p, cov_p, mean_q, cov_q) -> float:
    root = scipy.linalg.sqrtm(cov_p @ cov_q)
    return float(np.square(mean_p - mean_q).sum() + np.trace(cov_p) + np.trace(cov_q) - 2 * np.trace(root).real)


def kelbo(*gaussians) -> float:
    from kelbo.metrics.frechet import frechet_distance

    return frechet_distance(*gaussians).distance


def timed(method, gaussians) -> tuple[float, float]:
    begun = time.perf_counter()
    value = method(*gaussians)
    return value, time.perf_counter() - begun


def compare(rounds: int) -> dict:
    methods = {"scipy_sqrtm": by_root, "kelbo": kelbo}
    gaussians = (*gaussian(0), *gaussian(1))
    kelbo(*gaussians)
    values, seconds = {}, {name: [] for name in methods}
    for number in range(rounds):
        for name, method in methods.items():
            values[name], took = timed(method, gaussians)
            seconds[name].append(took)
            print(f"round {number + 1}/{rounds} {name}: {took:.3f} s", flush=True)
    best = {name: min(seconds[name]) for name in methods}
    median = {name: statistics.median(seconds[name]) for name in methods}
    return {
        "what": f"Fréchet distance between Gaussians of {DIMS:,} features, float64, beside scipy.linalg.sqrtm",
        "best_seconds": best,
        "ratio_of_best": best["scipy_sqrtm"] / best["kelbo"],
        "median_seconds": median,
        "ratio_of_medians": median["scipy_sqrtm"] / median["kelbo"],
        "ratio_by_round": [a / b for a, b in zip(seconds["scipy_sqrtm"], seconds["kelbo"], strict=True)],
        "distances": values,
        "relative_difference": abs(values["kelbo"] / values["scipy_sqrtm"] - 1),
        "seconds": seconds,
    }


if __name__ == "__main__":
    from kelbo.machine import describe
    from kelbo.runs import write_json

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with threadpool_limits(arguments.threads):
        record = compare(arguments.rounds)
    path = HERE / "results" / "frechet_speed.json"
    write_json(path, record | {"machine": describe() | {"scipy": scipy.__version__}})
    print(f"{record['what']}: {record['ratio_of_best']:.1f} times as fast, {record['relative_difference']:.0e} off")
