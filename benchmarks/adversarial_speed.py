"""A VAE/GAN's training step with Larsen's sizes beside pythae's trainer, in one interleaved run.

    python benchmarks/adversarial_speed.py                  # 64×64×3, batch 16, RMSProp → results/adversarial_speed.json
    python benchmarks/adversarial_speed.py --device cuda    # kelbo alone: eager, compiled, bf16 → results/adversarial_gpu.json

Both train the paper's encoder, decoder and discriminator (table 1), with draws of the prior for the only fakes, as pythae has
it, and nobody is skipped. kelbo's gradients are those of the formulas; pythae's decoder gets the discriminator's with the wrong
sign, and its encoder too much of the distance's, which saves it no time. "together" has the discriminator see all images of a
step in one pass, as the paper's release does, and reconstructions as fakes too.

Three warm-up steps, then timed ones. pythae lives in .venv-peers, which `benchmarks/run.py` makes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

from interleave import interleaved, measure, write

BATCH, WARMUP, STEPS, SIDE, LATENTS, HIDDEN, RATE = 16, 3, 8, 64, 128, 2048, 3e-4
BATCH_ON_GPU, STEPS_ON_GPU = 64, 100
WHAT = "VAE/GAN, Larsen's sizes, 64×64×3, batch 16, RMSProp, training"


def pictures(count: int):
    """Colour pictures (N, 3, 64, 64) of smooth shades, uint8, so that no data set is needed."""
    import torch
    import torch.nn.functional as F

    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return (F.interpolate(coarse, SIDE, mode="bicubic").clamp(0, 1) * 255).round().to(torch.uint8)


def train_kelbo(
    passes: str, fakes: str, *more: str, device: str = "cpu", batch: int = BATCH, steps: int = STEPS
) -> tuple[int, float]:
    """Images and seconds of `steps` steps of kelbo's loop. more: other settings of the recipe."""
    import torch

    from kelbo.data.batches import Batches
    from kelbo.data.images import ArrayImages
    from kelbo.distributed.fabric import Fabric
    from kelbo.machine import keep_freed_memory
    from kelbo.recipes import build, change, find
    from kelbo.recipes.build import Outline
    from kelbo.seeds import Source, drawing_from, seeded
    from kelbo.training import TrainState, fit
    from kelbo.training.compiling import compile_networks

    keep_freed_memory()
    settings = [f"adversary.passes={passes}", f"adversary.fakes={fakes}", "adversary.balance=none", *more]
    recipe = change(find("vaegan-celeba"), [*settings, f"optimizer.learning_rate={RATE}", "adversary.eps=0"])
    precision = recipe.training.precision
    fabric = Fabric(accelerator="cpu" if device == "cpu" else "cuda", devices=1, precision=precision)
    with seeded(0, "init"):
        model = build.model(recipe, Outline("shades", (3, SIDE, SIDE), 256)).to(fabric.device)
    if recipe.training.compile:
        compile_networks(model)
    made, update = build.optimizers(recipe, model), build.update(recipe, fabric)
    wrapped, *optimizers = fabric.setup(model, *made.values())
    memory = {name: value.to(fabric.device) for name, value in update.objective.initial().items()}
    state = TrainState(wrapped, dict(zip(made, optimizers, strict=True)), memory)
    images = ArrayImages(pictures(4 * batch).to(fabric.device), levels=256)
    order = Batches(images, batch, seed=0, device=fabric.device)

    def trained(until: int) -> float:
        begun = time.perf_counter()
        fit(state, update, (b.as_intensities(256) for b in order.at(state.step)), until)
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    with drawing_from(Source(0)):
        trained(WARMUP)
        return batch * steps, trained(WARMUP + steps)


def train_pythae() -> tuple[int, float]:
    """Images and seconds of STEPS steps of pythae's trainer: an epoch of its own loader, losses and optimisers."""
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAEGAN, VAEGANConfig
    from pythae.trainers import CoupledOptimizerAdversarialTrainer, CoupledOptimizerAdversarialTrainerConfig

    torch.manual_seed(0)
    encoder, decoder, discriminator = networks_for_pythae()
    config = VAEGANConfig(
        input_dim=(3, SIDE, SIDE), latent_dim=LATENTS, reconstruction_layer=3, adversarial_loss_scale=0.5, margin=100.0
    )
    data = pictures(BATCH * STEPS).float() / 255
    players = ("encoder", "decoder", "discriminator")
    optimizers = {f"{name}_optimizer_cls": "RMSprop" for name in players}
    rates = {f"{name}_learning_rate": RATE for name in players}
    with tempfile.TemporaryDirectory() as folder:
        settings = CoupledOptimizerAdversarialTrainerConfig(
            output_dir=folder, per_device_train_batch_size=BATCH, num_epochs=1, no_cuda=True, **optimizers, **rates
        )
        labels = torch.zeros(len(data))
        model = VAEGAN(config, encoder, decoder, discriminator)
        trainer = CoupledOptimizerAdversarialTrainer(model, BaseDataset(data, labels), training_config=settings)
        trainer.prepare_training()
        whole, few = trainer.train_loader, BATCH * min(WARMUP, STEPS)
        trainer.train_loader = trainer.get_train_dataloader(BaseDataset(data[:few], labels[:few]))
        trainer.train_step(epoch=1)
        trainer.train_loader = whole
        begun = time.perf_counter()
        trainer.train_step(epoch=2)
        return BATCH * STEPS, time.perf_counter() - begun


def networks_for_pythae():
    """Larsen's table 1 as one writes it for pythae: plain layers; the discriminator runs no more of them than asked for."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder
    from torch import nn

    def strided(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 5, 2, 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()]

    def doubled(before: int, after: int) -> list[nn.Module]:
        layer = nn.ConvTranspose2d(before, after, 5, 2, 2, 1, bias=False)
        return [layer, nn.BatchNorm2d(after), nn.ReLU()]

    def linear(before: int, after: int) -> list[nn.Module]:
        return [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()]

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            features = [*strided(3, 64), *strided(64, 128), *strided(128, 256), nn.Flatten()]
            self.layers = nn.Sequential(*features, *linear(256 * 64, HIDDEN))
            self.mean, self.log_variance = nn.Linear(HIDDEN, LATENTS), nn.Linear(HIDDEN, LATENTS)

        def forward(self, x):
            h = self.layers(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            start = [*linear(LATENTS, 256 * 64), nn.Unflatten(1, (256, 8, 8))]
            layers = [*doubled(256, 256), *doubled(256, 128), *doubled(128, 32)]
            self.layers = nn.Sequential(*start, *layers, nn.Conv2d(32, 3, 5, padding=2), nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    class Discriminator(BaseDiscriminator):
        """Layers as pythae counts them: the third ends with the third strided convolution, before its norm."""

        def __init__(self):
            super().__init__()
            norms = [nn.BatchNorm2d(channels) for channels in (128, 256, 256)]
            convolutions = [nn.Conv2d(*sizes, 5, 2, 2, bias=False) for sizes in ((32, 128), (128, 256), (256, 256))]
            first = [nn.Conv2d(3, 32, 5, padding=2), nn.ReLU(), convolutions[0]]
            middle = [[norms[i], nn.ReLU(), convolutions[i + 1]] for i in (0, 1)]
            last = [norms[2], nn.ReLU(), nn.Flatten(), *linear(256 * 64, 512), nn.Linear(512, 1), nn.Sigmoid()]
            self.layers = nn.ModuleList(nn.Sequential(*part) for part in (first, *middle, last))
            self.depth = len(self.layers)

        def forward(self, x, output_layer_levels=None):
            output, until = ModelOutput(), max(output_layer_levels or [self.depth])
            for level, layer in enumerate(self.layers[:until], 1):
                x = layer(x)
                if output_layer_levels and level in output_layer_levels:
                    output[f"embedding_layer_{level}"] = x
            if until == self.depth:
                output["embedding"] = x
            return output

    return Encoder(), Decoder(), Discriminator()


VARIANTS = {
    "pythae": train_pythae,
    "kelbo": partial(train_kelbo, "apart", "prior"),
    "kelbo, together": partial(train_kelbo, "together", "both"),
}
ON_GPU = {"device": "cuda", "batch": BATCH_ON_GPU, "steps": STEPS_ON_GPU}
COMPILED, BF16 = "training.compile=true", "training.precision=bf16-mixed"
VARIANTS_ON_GPU = {
    f"kelbo{name}": partial(train_kelbo, "apart", "prior", *more, **ON_GPU)
    for name, more in {
        "": (),
        ", compiled": (COMPILED,),
        ", bf16": (BF16,),
        ", compiled, bf16": (COMPILED, BF16),
    }.items()
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=[*VARIANTS, *VARIANTS_ON_GPU])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    variants = VARIANTS_ON_GPU if arguments.device == "cuda" else VARIANTS
    if arguments.variant:
        measure(variants[arguments.variant])
    else:
        on = ["--device", arguments.device]
        rows = interleaved(Path(__file__), {name: [*on, "--variant", name] for name in variants}, arguments.rounds)
        if arguments.device == "cuda":
            write(
                "adversarial_gpu",
                f"{WHAT.replace('batch 16', 'batch 64')}, GPU",
                rows,
                "kelbo, compiled, bf16",
                "kelbo",
            )
        else:
            write("adversarial_speed", WHAT, rows, "kelbo", "pythae")
            write("adversarial_speed_together", f"{WHAT}, one pass, all fakes", rows, "kelbo, together", "pythae")
