"""The models of the σ-VAE study by the names that its pages have for them: decoders at β = 1, and a grid over β."""

from __future__ import annotations

from kelbo.studies.arms import StudyModel

GRID = "fixed_gaussian"
"""the decoder of the β grid; that of β = 1 is the paper's Gaussian VAE"""

NAMES = {
    "mse_vae": "Averaged squared error",
    "bernoulli": "Bernoulli",
    "categorical": "Categorical",
    "bitwise_categorical": "Bitwise categorical",
    "logistic_mixture": "Logistic mixture",
    GRID: "Gaussian, σ\u00a0=\u00a01",
    "student_t": "Student-t",
    "per_pixel_gaussian": "Per-pixel σ",
    "shared_gaussian": "Shared σ",
    "optimal_gaussian": "Optimal σ",
    "per_image_gaussian": "Optimal σ per image",
}
"""decoders by `likelihood.kind`, in about the order of the paper's table 2"""
DECODERS = tuple(kind for kind in NAMES if kind != GRID)
"""beside the grid's, whose β = 1 is the unit Gaussian"""

BETA = "objective.beta"


def decoder(kind: str) -> StudyModel:
    """A decoder, trained with β = 1."""
    return StudyModel("decoders", (("likelihood.kind", kind),), NAMES.get(kind, kind), printed=kind)


def grid(beta: float) -> StudyModel:
    """A Gaussian of unit variance, trained with this β."""
    return StudyModel("betas", ((BETA, float(beta)),), f"β\u00a0=\u00a0{beta:g}", printed=f"beta={beta:g}")


def beta_of(model: StudyModel) -> float:
    """The β of a model of the grid."""
    return float(dict(model.settings)[BETA])


UNIT = StudyModel("betas", grid(1.0).settings, "Gaussian", printed=GRID)
SHARED, OPTIMAL, PER_IMAGE, PER_PIXEL, BERNOULLI, AVERAGED = map(
    decoder,
    ("shared_gaussian", "optimal_gaussian", "per_image_gaussian", "per_pixel_gaussian", "bernoulli", "mse_vae"),
)
SIGMA_VAES = (SHARED, OPTIMAL)
"""what the paper calls σ-VAEs: one σ for all pixels, by gradient descent and in closed form"""

MASSES = tuple(map(decoder, ("categorical", "bitwise_categorical", "logistic_mixture")))
TUNED = "beta"
"""paper.toml's name for the β-VAE whose β was tuned"""

SETS = {"mnist": "MNIST", "svhn": "SVHN", "celeba": "CelebA", "cifar10": "CIFAR", "bair": "BAIR"}
"""the paper's sets"""
