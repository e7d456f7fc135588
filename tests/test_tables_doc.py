"""What docs/tables.md says of VAEs beside probabilistic PCA is what was measured."""

import json
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
DOC = (ROOT / "docs/tables.md").read_text()
RESULT = json.loads((ROOT / "benchmarks/results/tables.json").read_text())
DECODERS = ("optimal_gaussian", "per_pixel_gaussian")


def scores(table: dict[str, Any], which: str, decoder: str | None = None) -> np.ndarray:
    """Held-out nats a row, one of each split: of probabilistic PCA, or of the VAE with this decoder."""
    if decoder is None:
        return np.array([split["pca"][which]["log_likelihood"] for split in table["splits"]])
    return np.array([split[decoder][which]["importance_weighted"] for split in table["splits"]])


def line(name: str, which: str) -> str:
    table = RESULT["tables"][name]
    principal = scores(table, which)
    cells = [f"{name.replace('_', ' ')}, {table['rows']} × {table['columns']}", f"{principal.mean():.2f}"]
    for decoder in DECODERS:
        own = scores(table, which, decoder)
        error = (own - principal).std(ddof=1) / len(own) ** 0.5
        cells.append(f"{own.mean():.2f} (± {error:.2f})")
    return f"| {' | '.join(cells)} |".replace("-", "−")


def test_the_table_beside_probabilistic_pca_is_the_measured_one():
    for name in RESULT["tables"]:
        for which in ("best", "equal"):
            assert line(name, which) in DOC


def test_no_sigma_of_the_measured_decoders_lies_on_its_floor():
    shares = [
        split[decoder][which]["floored"]
        for table in RESULT["tables"].values()
        for split in table["splits"]
        for decoder in DECODERS
        for which in ("best", "equal")
    ]
    assert max(shares) < 0.01


def test_columns_that_were_left_out_are_named():
    left_out = {column for table in RESULT["tables"].values() for column in table["left_out"]}
    assert all(f"`{column}`" in DOC for column in left_out)
