"""The models of the β-VAE study: each part of it is an arm over β, and PCA and ICA of a set are an arm of their own."""

from __future__ import annotations

from kelbo.studies.arms import StudyModel

NAMES = {
    "dsprites": "2Dshapes",
    "3dshapes": "3Dshapes",
    "mpi3d": "MPI3DToy",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}
"""what the study calls its sets"""
NETWORKS = {"mlp": "MLP", "conv": "convolutional"}
BETAS = (0.1, 1.0, 4.0, 10.0)
LINEAR = {"pca": "PCA", "ica": "ICA"}
CLASSIFIERS = {
    "linear": "Linear (PyTorch)",
    "mlp": "MLP",
    "forest": "Random forest",
    "logistic": "Linear (scikit-learn)",
}
FACTORS = {"five": "five factors", "four": "four factors"}
"""choices of factors on 2Dshapes; the other sets have all of theirs, as "five", only"""

ARMS = {("dsprites", "mlp"): "dsprites-mlp", **{(role, "conv"): f"{role}-conv" for role in NAMES}}
"""by (role, network)"""
MLP, CONV = "dsprites-mlp", "dsprites-conv"


def beta(arm: str, b: float) -> StudyModel:
    """A β-VAE of an arm."""
    return StudyModel(arm, (("objective.beta", b),), f"β\u00a0=\u00a0{b:g}", f"{b:g}")


def betas(arm: str) -> list[StudyModel]:
    """Every β of the study."""
    return [beta(arm, b) for b in BETAS]


def linear(role: str, kind: str) -> StudyModel:
    """PCA ("pca") or ICA ("ica") of a set."""
    return StudyModel(f"{role}-linear", (("kind", kind),), LINEAR[kind], LINEAR[kind])


def linears(role: str) -> list[StudyModel]:
    """PCA and ICA of a set."""
    return [linear(role, kind) for kind in LINEAR]


def role_of(arm: StudyModel | str) -> str:
    """The study's set of an arm or model."""
    return (arm if isinstance(arm, str) else arm.arm).rpartition("-")[0]


def whole(arm: str) -> StudyModel:
    """All lanes of an arm."""
    role, _, network = arm.rpartition("-")
    what = "PCA and ICA" if network == "linear" else NETWORKS[network]
    return StudyModel(arm, (), f"{NAMES[role]}, {what}")
