"""Variants measured in turns, each in a process of its own, so that a busy machine is busy for all: only ratios count."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers" / "bin" / "python"
Row = dict[str, float]


def measure(work: Callable[[], tuple[int, float]]) -> None:
    """Run `work`, which returns images and seconds, and print one JSON line: speed, peak memory, page faults.

    If `work` has several processes, the first prints, and memory and faults are the sums over all.
    """
    before = resource.getrusage(resource.RUSAGE_SELF)
    images, seconds = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    row = {
        "images_per_second": images / seconds,
        "peak_memory_mib": after.ru_maxrss / 1024,
        "page_faults": after.ru_minflt - before.ru_minflt,
    }
    if "torch" in sys.modules and (dist := sys.modules["torch"].distributed).is_initialized():
        rows: list[Row] = [{}] * dist.get_world_size()
        dist.all_gather_object(rows, row)
        row |= {name: sum(row[name] for row in rows) for name in ("peak_memory_mib", "page_faults")}
        dist.destroy_process_group()
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print(json.dumps(row))


def interleaved(script: Path, variants: dict[str, list[str]], rounds: int) -> dict[str, list[Row]]:
    """`rounds` measurements of each variant, in turns. variants: name to arguments; "pythae" runs in the peers' Python."""
    rows: dict[str, list[Row]] = {variant: [] for variant in variants}
    for number in range(rounds):
        for variant, arguments in variants.items():
            python = str(PEERS if variant == "pythae" else sys.executable)
            done = subprocess.run([python, str(script), *arguments], capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{variant} failed:\n{done.stderr}")
            rows[variant].append(json.loads(done.stdout.splitlines()[-1]))
            print(
                f"round {number + 1}/{rounds} {variant}: {rows[variant][-1]['images_per_second']:,.0f} images/s",
                flush=True,
            )
    return rows


def write(name: str, what: str, rows: dict[str, list[Row]], subject: str, against: str | None) -> None:
    """Write benchmarks/results/NAME.json: medians, the ratio of `subject` to `against`, every round, the machine."""
    from kelbo.machine import describe
    from kelbo.runs import write_json

    median = {variant: statistics.median(row["images_per_second"] for row in rows[variant]) for variant in rows}
    record = {"what": what, "median_images_per_second": median}
    if against:
        pairs = zip(rows[subject], rows[against], strict=True)
        record |= {
            "ratio_of_medians": median[subject] / median[against],
            "ratio_by_round": [a["images_per_second"] / b["images_per_second"] for a, b in pairs],
        }
    path = HERE / "results" / f"{name}.json"
    write_json(path, record | {"rounds": rows, "machine": describe()})
    print(f"{what}: {subject} / {against} = {record.get('ratio_of_medians', median[subject]):,.2f}; {path.name}")
