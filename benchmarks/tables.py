"""VAEs beside probabilistic PCA on scikit-learn's own tables: held-out log p(x) in nats a row, in the columns' own units.

    python benchmarks/tables.py --runs FOLDER    # trains what is not there yet, then measures

Writes benchmarks/results/tables.json. A fifth of each table's rows, drawn by the seed of the split, is held out for the test;
a quarter of the others finds the VAE's best checkpoint and, of the numbers of latents tried, the best one. Probabilistic PCA
has all of the others, and its number of components by five-fold cross-validation on them. Both standardise by their own
training rows, and both are scored by log p of the rows as they are in the file: the VAE by the importance-weighted bound, a
lower bound, probabilistic PCA exactly (scikit-learn's `score`, less the sum of ln scale). Columns with one value in more than
a tenth of the rows are left out: every density of such a column can be made as large as one likes.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA

from kelbo.experiments import evaluate_run, open_run, train
from kelbo.machine import describe
from kelbo.recipes import change, find
from kelbo.runs import Run

SEEDS, FOLDS = (0, 1, 2, 3, 4), 5
SAMPLES = 1000
"""importance samples"""
LATENTS = {"wine": (2, 5, 8), "diabetes": (2, 5), "breast_cancer": (5, 10)}
REPEATED = 0.1
"""share of the rows with one value, above which a column is left out: a density of such a column grows without bound"""
EQUAL = 5
"""latents, and components of probabilistic PCA, where both have as many"""
SETTINGS = ("likelihood.mean_activation=identity", "optimizer.weight_decay=0.1")
"""of table-sigma here: validation rows stop the training, so weights need not decay as strongly as in the recipe"""
DECODERS = ("optimal_gaussian", "per_pixel_gaussian")
RESULT = Path(__file__).parent / "results" / "tables.json"


def repeated(column: np.ndarray) -> bool:
    return np.unique(column, return_counts=True)[1].max() > REPEATED * len(column)


def rows_of(name: str) -> tuple[np.ndarray, list[str], list[str]]:
    """The numbers (N, D), the columns' names, and those of columns that are left out."""
    found = {
        "wine": load_wine,
        "diabetes": lambda: load_diabetes(scaled=False),
        "breast_cancer": load_breast_cancer,
    }[name]()
    x, names = np.asarray(found.data, np.float64), [str(column) for column in found.feature_names]
    out = [repeated(column) for column in x.T]
    kept = [name for name, left in zip(names, out, strict=True) if not left]
    return x[:, ~np.array(out)], kept, [name for name in names if name not in kept]


def split(name: str, seed: int) -> dict[str, np.ndarray]:
    x, *_ = rows_of(name)
    order, fifth = np.random.default_rng(seed).permutation(len(x)), len(x) // 5
    return {"test": x[order[:fifth]], "validation": x[order[fifth : 2 * fifth]], "train": x[order[2 * fifth :]]}


def principal(rows: np.ndarray, test: np.ndarray, components: int) -> np.ndarray:
    """log p of each test row under probabilistic PCA of the standardised rows, in the columns' own units."""
    mean, scale = rows.mean(0), rows.std(0)
    fitted = PCA(components, svd_solver="full").fit((rows - mean) / scale)
    return fitted.score_samples((test - mean) / scale) - np.log(scale).sum()


def components(rows: np.ndarray) -> int:
    """How many are best by cross-validation."""
    parts = np.array_split(np.arange(len(rows)), FOLDS)

    def score(count: int) -> float:
        return float(np.concatenate([principal(np.delete(rows, part, 0), rows[part], count) for part in parts]).mean())

    return max(range(1, rows.shape[1]), key=score)


def trained(runs: Path, name: str, seed: int, decoder: str, latents: int) -> Path:
    """The run's folder; trained now unless it is there."""
    place, file = runs / f"{name}-{seed}-{decoder}-{latents}", runs / f"{name}-{seed}.npz"
    if not file.exists():
        np.savez(file, **split(name, seed), columns=np.array(rows_of(name)[1]))
    if not (place.exists() and Run.open(place).checkpoint_steps()[-1:] == [find("table-sigma").training.steps]):
        how = [f"data.root={json.dumps(str(file))}", f"likelihood.kind={decoder}", f"model.latents={latents}"]
        train(change(find("table-sigma"), [*how, *SETTINGS]), place)
    return place


def vae(runs: Path, name: str, seed: int, decoder: str) -> dict[str, Any]:
    """Of the numbers of latents tried the one of the best validation ELBO, and the one that probabilistic PCA has too."""
    found = {}
    for latents in sorted({*LATENTS[name], EQUAL}):
        experiment = open_run(trained(runs, name, seed, decoder, latents), device="cpu", checkpoint="best")
        record = evaluate_run(experiment, samples=SAMPLES)
        found[latents] = {
            "latents": latents,
            "step": experiment.step,
            "validation_elbo": evaluate_run(experiment, "validation")["elbo"]["mean"],
            "elbo": record["elbo"]["mean"],
            "importance_weighted": record["importance_weighted"]["mean"],
            "standard_error": record["importance_weighted"]["standard_error"],
            "rate": record["rate"]["mean"],
            "floored": record["decoder"]["floored"],
        }
    best = max(found.values(), key=lambda one: one["validation_elbo"])
    return {"best": best, "equal": found[EQUAL]}


def measured(runs: Path, name: str, seed: int) -> dict[str, Any]:
    parts = split(name, seed)
    rows, test = np.concatenate([parts["validation"], parts["train"]]), parts["test"]
    best = components(rows)
    scores = {which: principal(rows, test, count) for which, count in (("best", best), ("equal", EQUAL))}
    pca = {
        which: {
            "components": best if which == "best" else EQUAL,
            "log_likelihood": float(score.mean()),
            "standard_error": float(score.std(ddof=1) / math.sqrt(len(score))),
        }
        for which, score in scores.items()
    }
    return {"seed": seed, "pca": pca, **{decoder: vae(runs, name, seed, decoder) for decoder in DECODERS}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--beside", default="", help="what else the machine did meanwhile")
    asked = parser.parse_args()
    asked.runs.mkdir(parents=True, exist_ok=True)
    begun, tables = time.perf_counter(), {}
    for name in LATENTS:
        x, _, left_out = rows_of(name)
        tables[name] = {"rows": len(x), "columns": x.shape[1], "left_out": left_out, "splits": []}
        for seed in SEEDS:
            found = measured(asked.runs, name, seed)
            tables[name]["splits"].append(found)
            told = {decoder: round(found[decoder]["best"]["importance_weighted"], 2) for decoder in DECODERS}
            print(name, seed, "PCA", round(found["pca"]["best"]["log_likelihood"], 2), told, flush=True)
    result = {
        "samples": SAMPLES,
        "equal": EQUAL,
        "latents": LATENTS,
        "seconds": round(time.perf_counter() - begun),
        "beside": asked.beside,
        "machine": describe(),
        "tables": tables,
    }
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
