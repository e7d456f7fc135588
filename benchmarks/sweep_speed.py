"""Speed of a sweep's lanes as one stacked program, one after the other, and each in a process of its own.

    python benchmarks/sweep_speed.py                  # 4 lanes on the CPU        → results/sweep_speed.json
    python benchmarks/sweep_speed.py --device cuda    # 16 lanes on one CUDA GPU  → results/sweep_speed_cuda.json

The networks of Higgins et al. and of Burgess et al. on the rendered 2-D shapes, batch 256, lanes that differ in β and seed.
Measured are training steps after warm-up, in turns: without hooks and files, and without the starting of processes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from pathlib import Path

from interleave import HERE, interleaved, measure

BATCH, WARMUP = 256, 2
NETWORKS = {
    "higgins": ["model.network.kind=higgins", "optimizer.kind=adagrad", "optimizer.learning_rate=1e-2"],
    "burgess": ["model.network.kind=burgess", "optimizer.kind=adam", "optimizer.learning_rate=5e-4"],
}
BETAS = (0.1, 1, 4, 10)
SEEDS = {"cpu": (123,), "cuda": (123, 427, 235, 921)}
WAYS = {
    "cpu": ("in sequence", "stacked", "queue"),
    "cuda": ("in sequence", "in sequence, graph", "stacked", "stacked, graph"),
}
PROCESSES = 2
"""of the queue on the CPU, one thread each; the other ways have as many threads"""


def lanes_of(network: str, device: str):
    """Fabric, levels and the lanes, each with its own images and noise."""
    import torch

    from kelbo.data.batches import Batches
    from kelbo.distributed.fabric import Fabric
    from kelbo.machine import keep_freed_memory
    from kelbo.recipes import build, change
    from kelbo.recipes.named import shapes2d_beta
    from kelbo.seeds import Source, seed_for, seeded
    from kelbo.sweeps.stacked_data import Pool
    from kelbo.sweeps.stacked_step import StackedLane
    from kelbo.training import TrainState

    keep_freed_memory()
    fabric = Fabric(accelerator=device, devices=1)
    pool = Pool(fabric.device)

    def lane(beta: float, seed: int) -> StackedLane:
        own = [f"objective.beta={beta}", f"seed={seed}", f"training.batch_size={BATCH}"]
        recipe = change(shapes2d_beta(), [*NETWORKS[network], *own])
        data = pool.of(recipe)
        with seeded(seed, "init"):
            model = build.model(recipe, data).to(fabric.device)
        wrapped, optimizer = fabric.setup(model, build.optimizers(recipe, model)["model"])
        state = TrainState(wrapped, {"model": optimizer}, build.objective(recipe).initial())
        batches = Batches(data.train, BATCH, seed, fabric.device).at(0)
        noise = Source(seed_for(seed, "latents"))
        return StackedLane(state, build.update(recipe, fabric), batches, noise)

    torch.set_float32_matmul_precision("highest")
    return fabric, 2, [lane(beta, seed) for beta in BETAS for seed in SEEDS[device]]


def timed(fabric, steps, count: int) -> tuple[int, float]:
    """Images and seconds of `count` calls of each of the steps, after warming all of them up."""
    import torch

    def now() -> float:
        if fabric.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    for _ in range(WARMUP if fabric.device.type == "cpu" else 10):
        for step, _ in steps:
            step()
    begun = now()
    for step, _ in steps:
        for _ in range(count):
            step()
    return sum(count * BATCH * lanes for _, lanes in steps), now() - begun


def steps_of(way: str, fabric, levels: int, lanes) -> list:
    """What to call for a step, and how many lanes it moves."""
    from kelbo.sweeps.stacked_graph import Graph
    from kelbo.sweeps.stacked_step import Step
    from kelbo.training import fit

    def alone(lane):
        batches = (batch.as_intensities(levels) for batch in lane.batches)
        return lambda: fit(lane.state, lane.update, batches, lane.state.step + 1)

    if way == "in sequence":
        return [(alone(lane), 1) for lane in lanes]
    together = [Step(fabric, lanes, levels)] if "stacked" in way else [Step(fabric, [lane], levels) for lane in lanes]
    for step in together:
        if "graph" in way:
            step.compute = Graph(step)
    return [(step, len(step.lanes)) for step in together]


def train(network: str, device: str, way: str, count: int) -> tuple[int, float]:
    import torch

    if way == "queue":
        return train_in_processes(network, count)
    if device == "cpu":
        torch.set_num_threads(PROCESSES)
    fabric, levels, lanes = lanes_of(network, device)
    return timed(fabric, steps_of(way, fabric, levels, lanes), count)


def train_in_processes(network: str, count: int) -> tuple[int, float]:
    """The lanes shared by processes of one thread, which begin together; the last one's end counts."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(PROCESSES), context.Queue()
    parts = [context.Process(target=train_part, args=(network, count, n, ready, results)) for n in range(PROCESSES)]
    for part in parts:
        part.start()
    told = [results.get() for _ in parts]
    for part in parts:
        part.join()
    return sum(images for images, _ in told), max(seconds for _, seconds in told)


def train_part(network: str, count: int, number: int, ready, results) -> None:
    """One of the queue's processes: every so manieth lane, one after the other."""
    import torch

    torch.set_num_threads(1)
    fabric, levels, lanes = lanes_of(network, "cpu")
    steps = steps_of("in sequence", fabric, levels, lanes[number::PROCESSES])
    timed(fabric, steps, 1)
    ready.wait()
    results.put(timed(fabric, steps, count))


def record(device: str, rows: dict) -> dict:
    """Medians, and by network the ratios of stacked lanes to the other ways, of medians and round by round."""
    speed = {name: [row["images_per_second"] for row in rows[name]] for name in rows}
    ratios = {}
    for network in NETWORKS:
        for way in (way for way in WAYS[device] if "stacked" not in way):
            stacked = f"{network} stacked" + (", graph" if device == "cuda" else "")
            pairs = list(zip(speed[stacked], speed[f"{network} {way}"], strict=True))
            ratios[f"{stacked} / {way}"] = {
                "of_medians": statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs),
                "by_round": [a / b for a, b in pairs],
            }
    medians = {name: statistics.median(values) for name, values in speed.items()}
    return {"median_images_per_second": medians, "ratios": ratios, "rounds": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=WAYS, default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--one", nargs=2, metavar=("NETWORK", "WAY"), help="measure one way once")
    given = parser.parse_args()
    if given.one:
        measure(lambda: train(given.one[0], given.device, given.one[1], given.steps))
        return
    from kelbo.machine import describe
    from kelbo.runs import write_json

    how = ["--device", given.device, "--steps", str(given.steps)]
    variants = {f"{network} {way}": [*how, "--one", network, way] for network in NETWORKS for way in WAYS[given.device]}
    rows = interleaved(Path(__file__), variants, given.rounds)
    lanes = len(BETAS) * len(SEEDS[given.device])
    what = f"Training {lanes} lanes on 64×64 shapes, batch {BATCH}, {given.device}"
    name = "sweep_speed" if given.device == "cpu" else "sweep_speed_cuda"
    told = record(given.device, rows)
    write_json(HERE / "results" / f"{name}.json", {"what": what, "lanes": lanes, **told, "machine": describe()})
    for pair, ratio in told["ratios"].items():
        print(f"{pair}: {ratio['of_medians']:.2f}")


if __name__ == "__main__":
    main()
