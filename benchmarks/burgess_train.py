"""Training speed of the Burgess convolutional VAE, 64×64×1, batch 256, Adam, beside pythae in one interleaved run.

    python benchmarks/burgess_train.py                 # writes benchmarks/results/burgess_train.json

Each measurement is a process of its own: the same 502,005-weight network, the same images, each library's own data path,
loss and loop; three warm-up steps, then timed ones. The libraries take turns, so that a busy machine is busy for both,
and only the ratio within one run means anything. pythae lives in .venv-peers, which `benchmarks/run.py` makes.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers" / "bin" / "python"
BATCH, WARMUP, STEPS = 256, 3, 12
INTERPRETERS = {"pythae": PEERS, "kelbo": Path(sys.executable)}


def frames(count: int):
    """Binary frames (N, 1, 64, 64), uint8: a disc of random place and size, so that no library's data set is needed."""
    import numpy as np

    rng = np.random.default_rng(0)
    centre, radius = rng.uniform(16, 48, size=(count, 2, 1, 1)), rng.uniform(6, 14, size=(count, 1, 1))
    rows, columns = np.mgrid[:64, :64]
    return ((rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2 < radius**2)[:, None].astype(np.uint8)


def train_kelbo() -> float:
    """Seconds of STEPS steps of kelbo's loop, hooks as in a real run except files."""
    import torch
    from lightning_fabric import Fabric

    from kelbo.data.batches import Batches
    from kelbo.data.images import ArrayImages, ImageSet
    from kelbo.machine import keep_freed_memory
    from kelbo.recipes import build
    from kelbo.recipes.named import shapes2d_beta
    from kelbo.training import TrainState, fit

    keep_freed_memory()
    recipe, fabric = shapes2d_beta(), Fabric(accelerator="cpu", devices=1)
    images = ArrayImages(frames(BATCH * (WARMUP + STEPS)), levels=2)
    torch.manual_seed(0)
    model = build.model(recipe, ImageSet("discs", {"train": images}, "drawn"))
    wrapped, optimizer = fabric.setup(model, build.optimizer(recipe, model))
    objective, schedule = build.objective(recipe), build.schedule(recipe)
    state = TrainState(wrapped, optimizer, objective.initial())
    batches = Batches(images, BATCH, seed=0, device=fabric.device)
    fit(fabric, state, objective, batches, WARMUP, schedule, levels=2)
    begun = time.perf_counter()
    fit(fabric, state, objective, batches.at(WARMUP), WARMUP + STEPS, schedule, levels=2)
    return time.perf_counter() - begun


def train_pythae() -> float:
    """Seconds of STEPS steps of pythae's BaseTrainer: an epoch of its own loader, loss and optimiser."""
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import BetaVAE, BetaVAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    torch.manual_seed(0)
    encoder, decoder = _peer_networks()
    config = BetaVAEConfig(input_dim=(1, 64, 64), latent_dim=10, beta=4.0, reconstruction_loss="bce")
    data = torch.from_numpy(frames(BATCH * STEPS)).float()
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            learning_rate=5e-4,
            num_epochs=1,
            optimizer_cls="Adam",
            no_cuda=True,
        )
        labels = torch.zeros(len(data))
        trainer = BaseTrainer(BetaVAE(config, encoder, decoder), BaseDataset(data, labels), training_config=settings)
        trainer.prepare_training()
        whole = trainer.train_loader
        trainer.train_loader = trainer.get_train_dataloader(
            BaseDataset(data[: BATCH * WARMUP], labels[: BATCH * WARMUP])
        )
        trainer.train_step(epoch=1)
        trainer.train_loader = whole
        begun = time.perf_counter()
        trainer.train_step(epoch=2)
        return time.perf_counter() - begun


def _peer_networks():
    """The network of Burgess et al. (2018) as one writes it for pythae: plain layers, a sigmoid at the end."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from torch import nn

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            layers = []
            for before in (1, 32, 32, 32):
                layers += [nn.Conv2d(before, 32, 4, 2, 1), nn.ReLU()]
            linear = [nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()]
            self.layers = nn.Sequential(*layers, nn.Flatten(), *linear)
            self.mean, self.log_variance = nn.Linear(256, 10), nn.Linear(256, 10)

        def forward(self, x):
            h = self.layers(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            linear = [nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU()]
            layers = []
            for _ in range(3):
                layers += [nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU()]
            last = [nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Sigmoid()]
            self.layers = nn.Sequential(*linear, nn.Unflatten(1, (32, 4, 4)), *layers, *last)

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    return Encoder(), Decoder()


def measure(variant: str) -> None:
    """Train in this process and print one JSON line."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    seconds = {"kelbo": train_kelbo, "pythae": train_pythae}[variant]()
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "images_per_second": BATCH * STEPS / seconds,
                "peak_memory_mib": after.ru_maxrss / 1024,
                "page_faults": after.ru_minflt - before.ru_minflt,
            }
        )
    )


def interleaved(rounds: int) -> dict[str, list[dict[str, float]]]:
    """`rounds` measurements of each library, taking turns."""
    rows: dict[str, list[dict[str, float]]] = {variant: [] for variant in INTERPRETERS}
    for number in range(rounds):
        for variant, python in INTERPRETERS.items():
            command = [str(python), str(Path(__file__)), "--variant", variant]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows[variant].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"round {number + 1}/{rounds} {variant}: {rows[variant][-1]['images_per_second']:.0f} images/s")
    return rows


def main(rounds: int) -> None:
    from kelbo.machine import describe
    from kelbo.runs import write_json

    rows = interleaved(rounds)
    speed = {variant: statistics.median(row["images_per_second"] for row in rows[variant]) for variant in rows}
    pairs = [
        k["images_per_second"] / p["images_per_second"] for k, p in zip(rows["kelbo"], rows["pythae"], strict=True)
    ]
    record = {
        "what": "Burgess conv VAE, 64×64×1, batch 256, Adam, training",
        "median_images_per_second": speed,
        "ratio_of_medians": speed["kelbo"] / speed["pythae"],
        "ratio_by_round": pairs,
        "rounds": rows,
        "peer": "pythae 0.1.2, BetaVAE with its BaseTrainer",
        "machine": describe(),
    }
    path = HERE / "results" / "burgess_train.json"
    write_json(path, record)
    print(f"kelbo / pythae = {record['ratio_of_medians']:.2f}; {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=INTERPRETERS)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.variant:
        measure(arguments.variant)
    else:
        main(arguments.rounds)
