"""Training speed beside pythae in one interleaved run.

    python benchmarks/train_speed.py burgess      # conv VAE, 64×64×1, batch 256, Adam → results/burgess_train.json
    python benchmarks/train_speed.py higgins      # MLP, batch 256, Adagrad            → results/higgins_train.json

The same network, the same images, each library's own data path, loss and loop; three warm-up steps, then timed ones. pythae
lives in .venv-peers, which `benchmarks/run.py` makes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from interleave import interleaved, measure, write

BATCH, WARMUP, STEPS = 256, 3, 12
WHAT = {
    "burgess": "Burgess conv VAE, 64×64×1, batch 256, Adam, training",
    "higgins": "Higgins MLP VAE, 64×64×1, batch 256, Adagrad, training",
}
SETTINGS = {
    "burgess": ["optimizer.learning_rate=5e-4"],
    "higgins": ["model.network.kind=higgins", "optimizer.kind=adagrad", "optimizer.learning_rate=1e-2"],
}


def frames(count: int):
    """Binary frames (N, 1, 64, 64), uint8: a disc of random place and size, so that no library's data set is needed."""
    import numpy as np

    rng = np.random.default_rng(0)
    centre, radius = rng.uniform(16, 48, size=(count, 2, 1, 1)), rng.uniform(6, 14, size=(count, 1, 1))
    rows, columns = np.mgrid[:64, :64]
    images = np.empty((count, 1, 64, 64), np.uint8)
    for part in range(0, count, 256):  # in parts, so that drawing is not what takes the most memory
        y, x, r = centre[part : part + 256, 0], centre[part : part + 256, 1], radius[part : part + 256]
        images[part : part + 256, 0] = (rows - y) ** 2 + (columns - x) ** 2 < r**2
    return images


def train_kelbo(network: str) -> tuple[int, float]:
    """Images and seconds of STEPS steps of kelbo's loop, hooks as in a real run except files."""
    import torch

    from kelbo.data.batches import Batches
    from kelbo.data.image_set import ImageSet
    from kelbo.data.images import ArrayImages
    from kelbo.distributed.fabric import Fabric
    from kelbo.machine import keep_freed_memory
    from kelbo.recipes import build, change
    from kelbo.recipes.named import shapes2d_beta
    from kelbo.training import TrainState, fit

    keep_freed_memory()
    recipe = change(shapes2d_beta(), SETTINGS[network])
    fabric = Fabric(accelerator="cpu", devices=1)
    images = ArrayImages(frames(BATCH * (WARMUP + STEPS)), levels=2)
    torch.manual_seed(0)
    model = build.model(recipe, ImageSet("discs", {"train": images}, "drawn"))
    wrapped, optimizer = fabric.setup(model, build.optimizers(recipe, model)["model"])
    update = build.update(recipe, fabric)
    state = TrainState(wrapped, {"model": optimizer}, build.objective(recipe).initial())
    order = Batches(images, BATCH, seed=0, device=fabric.device)
    fit(state, update, (batch.as_intensities(2) for batch in order), WARMUP)
    begun = time.perf_counter()
    fit(state, update, (batch.as_intensities(2) for batch in order.at(WARMUP)), WARMUP + STEPS)
    return BATCH * STEPS, time.perf_counter() - begun


def train_pythae(network: str) -> tuple[int, float]:
    """Images and seconds of STEPS steps of pythae's BaseTrainer: an epoch of its own loader, loss and optimiser."""
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import BetaVAE, BetaVAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    torch.manual_seed(0)
    encoder, decoder = PEER_NETWORKS[network]()
    config = BetaVAEConfig(input_dim=(1, 64, 64), latent_dim=10, beta=4.0, reconstruction_loss="bce")
    data = torch.from_numpy(frames(BATCH * STEPS)).float()
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            learning_rate={"burgess": 5e-4, "higgins": 1e-2}[network],
            num_epochs=1,
            optimizer_cls={"burgess": "Adam", "higgins": "Adagrad"}[network],
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
        return BATCH * STEPS, time.perf_counter() - begun


def burgess_for_pythae():
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


def higgins_for_pythae():
    """The MLP of Higgins et al. (2017) as one writes it for pythae."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from torch import nn

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Flatten(), nn.Linear(4096, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU()
            )
            self.mean, self.log_variance = nn.Linear(1200, 10), nn.Linear(1200, 10)

        def forward(self, x):
            h = self.layers(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            layers = []
            for before in (10, 1200, 1200):
                layers += [nn.Linear(before, 1200), nn.Tanh()]
            self.layers = nn.Sequential(*layers, nn.Linear(1200, 4096), nn.Sigmoid(), nn.Unflatten(1, (1, 64, 64)))

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    return Encoder(), Decoder()


PEER_NETWORKS = {"burgess": burgess_for_pythae, "higgins": higgins_for_pythae}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=WHAT)
    parser.add_argument("--variant", choices=("pythae", "kelbo"))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    network = arguments.network
    if arguments.variant:
        train = {"kelbo": train_kelbo, "pythae": train_pythae}[arguments.variant]
        measure(lambda: train(network))
    else:
        variants = {name: [network, "--variant", name] for name in ("pythae", "kelbo")}
        rows = interleaved(Path(__file__), variants, arguments.rounds)
        write(f"{network}_train", f"{WHAT[network]}, beside pythae 0.1.2", rows, "kelbo", "pythae")
