"""The table of what was tried for the demo is the committed result."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/decisions.md").read_text()
TRIED = json.loads((ROOT / "benchmarks/results/demo_tried.json").read_text())["tried"]


def row(name, found):
    psnr, rate = found["psnr"]["mean"], found["rate"]["mean"]
    return f"| {name} | {found['steps']} | {found['cpu']:.0f} s | {psnr:.1f} dB | {rate:.0f} nats |"


def test_every_variant_is_in_the_table():
    assert TRIED
    assert all(row(name, found) in PAGE for name, found in TRIED.items())
