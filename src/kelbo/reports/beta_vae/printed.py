"""Numbers that papers print, each with its place there.

The study is "β-VAE Reproducibility: Challenges and Extensions" (2021): its tables, the numbers in its sentences, and the few
that it reprints from Higgins et al. (2017). Shares are in percent, as printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Model = float | str
"""A row of the study's tables: a β-VAE by its β, or "PCA" and "ICA"."""

BETAS = (0.1, 1.0, 4.0, 10.0)
MODELS: tuple[Model, ...] = (*BETAS, "PCA", "ICA")

TABLE_1_SEEDS = 4
"""123, 427, 235 and 921 (appendix A)."""


@dataclass(frozen=True)
class Printed:
    """A number with its standard deviation and median where those are printed, all in one unit."""

    mean: float
    deviation: float | None = None
    median: float | None = None

    def __str__(self) -> str:
        return f"{self.mean:g}" + ("" if self.deviation is None else f" ± {self.deviation:g}")


TABLE_1: Mapping[str, Mapping[Model, Printed]] = {
    "all": {
        0.1: Printed(65.13, 4.98, 64.79),
        1.0: Printed(64.31, 6.56, 63.79),
        4.0: Printed(74.53, 15.06, 76.62),
        10.0: Printed(76.77, 11.44, 79.67),
        "PCA": Printed(69.79, 4.22, 71.53),
        "ICA": Printed(68.99, 1.68, 69.38),
    },
    "without shape": {
        0.1: Printed(81.89, 2.33, 81.82),
        1.0: Printed(82.39, 5.79, 81.37),
        4.0: Printed(89.09, 15.82, 95.15),
        10.0: Printed(86.86, 15.5, 88.81),
        "PCA": Printed(88.95, 3.89, 89.91),
        "ICA": Printed(83.94, 2.16, 84.12),
    },
}
"""Scores on 2Dshapes, MLP, four seeds, percent: of five factors ("all") and of four ("without shape")."""

HIGGINS: Mapping[Model, Printed] = {
    1.0: Printed(61.58, 0.5),
    4.0: Printed(99.23, 0.1),
    "PCA": Printed(84.9, 0.4),
    "ICA": Printed(42.03, 10.6),
}
"""Table 1, last column: Higgins et al.'s own scores, four factors, percent."""

TABLE_2: Mapping[str, Mapping[str, Printed]] = {
    "dsprites": {
        "linear": Printed(77.62, 13.04),
        "mlp": Printed(78.8, 12.73),
        "forest": Printed(80.16, 12.29),
        "logistic": Printed(80.73, 12.03),
    },
    "3dshapes": {
        "linear": Printed(91.98, 6.82),
        "mlp": Printed(92.61, 6.82),
        "forest": Printed(94.45, 6.52),
        "logistic": Printed(94.89, 5.67),
    },
    "mpi3d": {
        "linear": Printed(33.21, 14.38),
        "mlp": Printed(34.78, 15.72),
        "forest": Printed(36.25, 16.91),
        "logistic": Printed(35.86, 16.82),
    },
}
"""Scores by classifier, over all β and seeds, percent.

Its caption says "on 2Dshapes" and its rows are three sets. The first number is, to its last digit, mean and standard deviation
(n − 1) of the 32 scores behind Table 1: four β, four seeds, five factors and four, MLP.
"""

CLASSIFIERS = {
    "linear": "Linear (PyTorch)",
    "mlp": "MLP",
    "forest": "Random forest",
    "logistic": "Linear (scikit-learn)",
}

TABLE_3: Mapping[str, Mapping[float, float]] = {
    "cifar10": {0.1: 197.8, 1.0: 171.1, 4.0: 221.1, 10.0: 266.5},
    "cifar100": {0.1: 132.1, 1.0: 163.5, 4.0: 204.6, 10.0: 252.9},
}
"""FID by β. Computed on reconstructions of the training images, by the study's code."""

WGAN_GP_FID = 29.3
"""Table 3, CIFAR-10, of samples (Gulrajani et al., 2017, as Heusel et al., 2017, report it)."""

REACHED_BY_OTHERS = 80.0
"""§4.1: follow-up work did not significantly exceed this score on 2Dshapes, percent."""

CONV_LEVELS = {"all": 90.0, "without shape": 100.0}
"""§3.1.2: "around" and "almost" these, percent, by the convolutional network on 2Dshapes."""


@dataclass(frozen=True)
class PrintedArchitecture:
    """A row of Table 4. pixels: of its "Input", the last number flattened; convolutions: how many layers it prints."""

    optimizer: str
    learning_rate: float
    batch_size: int
    pixels: int
    latents: int
    encoder: str
    decoder: str
    convolutions: int | None = None


_CONV = "Conv 32×4×4 (stride 2) 3×, FC 256 2×. ReLU"
_DECONV = "Deconv reverse of encoder. ReLU. Bernoulli"


def _conv(learning_rate: float, batch_size: int, pixels: int, latents: int) -> PrintedArchitecture:
    return PrintedArchitecture("adam", learning_rate, batch_size, pixels, latents, _CONV, _DECONV, 3)


TABLE_4: Mapping[tuple[str, str], PrintedArchitecture] = {
    ("dsprites", "mlp"): PrintedArchitecture(
        "adagrad", 1e-2, 256, 4096, 10, "FC 1200, 1200. ReLU", "FC 1200, 1200, 1200, 4096. Tanh. Bernoulli"
    ),
    ("dsprites", "conv"): _conv(5e-4, 256, 4096, 10),
    ("3dshapes", "conv"): _conv(1e-4, 64, 12288, 10),
    ("mpi3d", "conv"): _conv(5e-4, 64, 12288, 10),
    ("cifar10", "conv"): _conv(5e-4, 64, 12288, 128),
    ("cifar100", "conv"): _conv(5e-4, 64, 12288, 128),
}
"""By data set and network."""
