"""Disentanglement scores from one table of codes beside the reference's loop, which encodes 128 images for every point.

    python benchmarks/score_speed.py [RUN]        # writes benchmarks/results/score_speed.json

RUN is a trained run on shapes2d, whose weights both use; without it they are drawn at random, which takes as long but for the
classifiers. The loop is what disentanglement_lib does: for each of 15,000 points of the β-VAE score it draws L = 64 pairs of
images, encodes them in one batch and averages |difference|; it is timed on a sample of the points in six processes, three
before and three after the table.
The table is kelbo's: all 737,280 images encoded once, then every score from look-ups.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
POINTS, PAIRS, TIMED = 15_000, 64, 120


def opened(run: str | None):
    """A Burgess VAE of shapes2d."""
    import torch

    from kelbo.data.image_set import ImageSet
    from kelbo.data.shapes2d import shapes2d
    from kelbo.experiments import open_run
    from kelbo.recipes import build
    from kelbo.recipes.named import shapes2d_beta

    if run:
        experiment = open_run(Path(run), device="cpu")
        return experiment.model, experiment.data.whole
    torch.manual_seed(0)
    whole = shapes2d()
    return build.model(shapes2d_beta(), ImageSet("shapes2d", {"train": whole.images}, "drawn")).eval(), whole


def loop(run: str | None) -> dict[str, float]:
    """Seconds a point takes as the reference takes it: plain layers, one batch of 2 L images a point."""
    import torch
    from torch import nn

    from kelbo.seeds import generator

    model, whole = opened(run)
    layers = [type(layer)(inplace=False) if isinstance(layer, nn.ReLU) else layer for layer in model.encoder.features]
    encoder = nn.Sequential(*layers, *model.encoder.head).to(memory_format=torch.contiguous_format).eval()
    draws, factors = generator(0, "evaluation"), whole.factors

    def point(label: int) -> torch.Tensor:
        pairs = torch.stack([factors.sample(PAIRS, draws) for _ in range(2)])
        pairs[1, :, label] = pairs[0, :, label]
        with torch.no_grad():
            means = encoder(whole.take(pairs.flatten(0, 1)).float())[:, : model.latent_dims]
        return (means[:PAIRS] - means[PAIRS:]).abs().mean(0)

    for _ in range(3):
        point(0)
    begun = time.perf_counter()
    for number in range(TIMED):
        point(number % len(factors.names))
    return {"seconds_per_point": (time.perf_counter() - begun) / TIMED}


def table(run: str | None) -> dict[str, object]:
    """Seconds of the table, of the first score from it, of L = 256, and of every score with its interval."""
    from kelbo.evaluation.codes import codes_of_factors
    from kelbo.evaluation.disentanglement import SCORES, scores_of_codes
    from kelbo.machine import keep_freed_memory
    from kelbo.metrics.beta_score import beta_score

    keep_freed_memory()
    model, whole = opened(run)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        codes = codes_of_factors(model, whole, Path(folder) / "codes", {})
        seconds = {"encoding": time.perf_counter() - begun}
    for pairs in (PAIRS, 256):
        times = []
        for seed in range(3):
            begun = time.perf_counter()
            beta_score(codes.means, codes.factors, pairs=pairs, seed=seed)
            times.append(time.perf_counter() - begun)
        seconds[f"beta_score_{pairs}_pairs"] = sorted(times)[1]
    begun = time.perf_counter()
    scores = scores_of_codes(codes, tuple(SCORES))
    seconds["all_scores_with_intervals"] = time.perf_counter() - begun
    families = {entry["family"]: entry["seconds"] for entry in scores.values()}
    values = {name: [entry["value"], entry["low"], entry["high"]] for name, entry in scores.items()}
    return {
        "images": len(codes),
        "seconds": seconds,
        "seconds_by_score": families,
        "scores": values,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(variant: str, run: str | None) -> dict:
    arguments = [sys.executable, __file__, "--variant", variant, *([run] if run else [])]
    # the loop's allocator is what other programs have: opening a run would set it
    environment = os.environ | ({"KELBO_KEEP_MEMORY": "0"} if variant == "loop" else {})
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{variant} failed:\n{done.stderr}")
    print(f"{variant}: {done.stdout.splitlines()[-1][:160]}", flush=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(run: str | None) -> None:
    from kelbo.machine import describe
    from kelbo.runs import write_json

    rounds = [measured(variant, run) for variant in ("loop", "loop", "loop", "table", "loop", "loop", "loop")]
    tables = rounds.pop(3)
    loops = [
        part["seconds_per_point"] for part in rounds
    ]  # processes differ twofold, by where their memory came to lie
    seconds_per_point = statistics.median(loops)
    of_loop, first = POINTS * seconds_per_point, tables["seconds"][f"beta_score_{PAIRS}_pairs"]
    record = {
        "what": "β-VAE score, 10,000 + 5,000 points of 64 pairs, shapes2d, Burgess encoder, 10 latents",
        "weights": "a trained run's" if run else "random",
        "loop": {"seconds_per_point": loops, "points_timed": TIMED, "seconds_extrapolated": of_loop},
        "table": tables,
        "ratio_first_score": of_loop / (tables["seconds"]["encoding"] + first),
        "ratio_later_score": of_loop / first,
        "machine": describe(),
    }
    write_json(HERE / "results" / "score_speed.json", record)
    print(
        f"first score {record['ratio_first_score']:.1f}×, later scores {record['ratio_later_score']:,.0f}×, all scores in "
        f"{tables['seconds']['all_scores_with_intervals']:.0f} s after {tables['seconds']['encoding']:.0f} s of encoding"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?")
    parser.add_argument("--variant", choices=("loop", "table"))
    arguments = parser.parse_args()
    if arguments.variant:
        print(json.dumps({"loop": loop, "table": table}[arguments.variant](arguments.run)))
    else:
        main(arguments.run)
