"""What the paper says, its main claims first, and what each is tested by.

Places are by subject, as no text of the paper was at hand; wordings are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kelbo.studies.arms import StudyModel
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import Claim, Found, Test, apart, level
from kelbo.studies.paper import paper
from kelbo.studies.vae_gan.models import (
    GAN,
    LEARNED,
    READERS,
    TOLD,
    TOLD_GAN,
    TOLD_VAE,
    TOLD_VAEGAN,
    VAE,
    VAEGAN,
    attributes,
)

PAPER = paper(Path(__file__).with_name("paper.toml"))
NO_EDITS = "no attributes were named that images could be edited along"


def edit(name: str, score: str = "f1") -> str:
    """The quantity that a score of an attribute's edits is."""
    return f"edits.edits.{name}.{score}"


def nearer_in_features(n: Numbers) -> Found:
    yield apart(n, "features", VAE, VAEGAN, "percent", above=0, label="feature error, VAE − VAE/GAN")
    yield apart(n, "pixels", VAEGAN, VAE, "distance", above=0, label="pixel error, VAE/GAN − VAE")


def better_samples(n: Numbers) -> Found:
    yield apart(n, "distance.sample", VAE, VAEGAN, "distance", above=0)


def sharper(n: Numbers) -> Found:
    for kind in ("reconstruction", "sample"):
        for model in (LEARNED, VAEGAN):
            yield apart(n, f"off.{kind}", VAE, model, above=0, label=f"{kind}s, {VAE} − {model}")


def as_sharp_as_gan(n: Numbers) -> Found:
    yield apart(n, "distance.sample", VAE, GAN, "distance", above=0, label="VAE − GAN")
    yield apart(n, "off.sample", VAE, GAN, above=0, label="high frequencies, VAE − GAN")


def edits_seen(n: Numbers) -> Found:
    return _edits(n, lambda name: _over_unedited(n, name, VAEGAN))


def edits_seen_better(n: Numbers) -> Found:
    return _edits(n, lambda name: apart(n, edit(name), VAEGAN, VAE, "points", above=0, label=name))


def _over_unedited(n: Numbers, name: str, model: StudyModel) -> Test:
    return apart(n, edit(name), model, n.by_seed(edit(name, "baseline_f1"), model), "points", above=0, label=name)


def _edits(n: Numbers, test: Callable[[str], Test]) -> Found:
    return [test(name) for name in attributes(n)] or [NO_EDITS]


def similar(n: Numbers) -> Found:
    for other in (TOLD_VAE, TOLD_GAN):
        yield apart(n, "similarity.cosine", TOLD_VAEGAN, other, above=0, label=f"cosine, VAE/GAN − {other}")
    for other in (TOLD_VAE, TOLD_GAN):
        yield apart(n, "similarity.squared_error", other, TOLD_VAEGAN, above=0, label=f"error, {other} − VAE/GAN")


def improves(n: Numbers) -> Found:
    return [level(n, "f1-gain", VAEGAN, "points", above=0, label="F1 at the end − at first")]


CLAIMS = (
    Claim(
        "nearer-in-features",
        "Reconstructions",
        "Reconstructions of VAE/GAN are nearer than the VAE’s in features of what can be seen, although farther in pixels.",
        nearer_in_features,
        (VAE, VAEGAN),
        "VAE − VAE/GAN: error in the classifier’s features > 0; VAE/GAN − VAE: squared error of pixels > 0; paired by seed",
    ),
    Claim(
        "better-samples",
        "Samples",
        "VAE/GAN draws better samples than the VAE.",
        better_samples,
        (VAE, VAEGAN),
        "Fréchet distance of samples: VAE − VAE/GAN > 0; paired by seed",
    ),
    Claim(
        "sharper",
        "Samples and reconstructions",
        "Learned distances give sharper pictures than pixels do, of a fixed discriminator and of one trained with them.",
        sharper,
        READERS,
        "|ln| of high frequencies’ energy over the data’s: VAE − each model with a learned distance > 0; paired by seed",
        note="High: above a quarter of the highest frequency, in either direction.",
    ),
    Claim(
        "gan-samples",
        "Samples",
        "Samples of a GAN of the same networks are sharper and better than the VAE’s.",
        as_sharp_as_gan,
        (VAE, GAN),
        "Fréchet distance of samples, and |ln| of high frequencies’ energy over the data’s: VAE − GAN > 0; paired by seed",
    ),
    Claim(
        "edits-seen",
        "Visual attribute vectors",
        "Attributes can be added to and taken from images along simple directions of VAE/GAN’s latents.",
        edits_seen,
        (VAEGAN,),
        "F1 of each attribute as it should be after the edit, in edited − in unedited reconstructions > 0; paired by seed",
    ),
    Claim(
        "edits-seen-better",
        "Visual attribute vectors",
        "Added attributes show better in VAE/GAN’s pictures than in the VAE’s.",
        edits_seen_better,
        (VAE, VAEGAN),
        "F1 of each attribute after the edit: VAE/GAN − VAE > 0; paired by seed",
    ),
    Claim(
        "similarity",
        "Attribute similarity",
        "Samples of VAE/GAN under given attributes show them better than the VAE’s and the GAN’s.",
        similar,
        TOLD,
        "Cosine of the best of 10: VAE/GAN − others > 0; squared error: others − VAE/GAN > 0; paired by seed",
        f"Cosine, recalled. {PAPER.said('cosine', TOLD, ['lfw'], {'lfw': 'LFW'})}",
    ),
    Claim(
        "improves",
        "While training",
        "What can be recognised in VAE/GAN’s reconstructions grows while it is trained.",
        improves,
        (VAEGAN,),
        "F1 of the classifier on reconstructions of the same test images: at the end − at the first look > 0",
    ),
)
