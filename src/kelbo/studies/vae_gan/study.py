"""The study of VAE/GAN: four models of the same networks, from pixels to distances that a discriminator learned."""

from __future__ import annotations

from collections.abc import Sequence

from kelbo.studies.arms import Ask, Plan
from kelbo.studies.frame import Numbers
from kelbo.studies.study import Figure, Section, Study, Table
from kelbo.studies.vae_gan import figures, tables
from kelbo.studies.vae_gan.asked import ALWAYS, BUDGETS, NEEDS, GanOptions
from kelbo.studies.vae_gan.claims import CLAIMS, PAPER
from kelbo.studies.vae_gan.derived import COSTS, DERIVED, SKIPPED
from kelbo.studies.vae_gan.sets import NAMES


def plan(ask: Ask) -> Plan:
    """See `kelbo.studies.vae_gan.plan`, which reads data and so is imported when it is needed."""
    from kelbo.studies.vae_gan import plan as planning

    return planning.plan(ask)


def lead(n: Numbers) -> Sequence[str]:
    """What the paper says, and how it is looked at here."""
    name = NAMES.get(str(n.facts.get("set")), n.facts.get("set"))
    found = [
        "Errors of pixels, says the paper, are no measure of how pictures differ: a hair’s shift costs much and a blur little. "
        "So it measures them in features of a discriminator, which is trained together with the VAE to tell its pictures from "
        f"real ones. Here are a VAE, a GAN, a VAE with the GAN’s features for a distance, and VAE/GAN, on {name}. All have the "
        "same networks.",
    ]
    if n.budget and n.budget.scale:
        found.append(f"Reduced: {n.budget.scale}.")
    if accuracy := n.facts.get("accuracy"):
        found.append(
            f"A classifier judges, which no model has seen: trained on the set’s labels, {100 * accuracy:.1f} % right on test "
            "images. Printed numbers are recalled, as no text of the paper was at hand."
        )
    return found


SECTIONS = (
    Section(
        "Four models",
        (
            Figure("samples", "Samples, and their Fréchet distance", figures.samples, NEEDS["samples"]),
            Figure(
                "reconstructions",
                "Reconstructions of test images, and their error of features",
                figures.reconstructions,
                NEEDS["reconstructions"],
            ),
            Table("models", tables.models, NEEDS["models"]),
            Figure(
                "errors",
                "Error of pixels and of features",
                figures.errors,
                NEEDS["errors"],
                words="Of reconstructions of test images, from the posterior’s mean.",
            ),
        ),
    ),
    Section(
        "Attributes",
        (
            Figure(
                "edited",
                "Test images with attributes added",
                figures.edited,
                NEEDS["edited"],
                words="The mean code of training images with an attribute, less that of those without it, is added to a test "
                "image’s.",
            ),
            Table("edits", tables.edits, NEEDS["edits"]),
            Figure("told", "Samples under given attributes", figures.told, NEEDS["told"]),
            Table("similarity", tables.similarity, NEEDS["similarity"]),
        ),
    ),
    Section(
        "While training",
        (
            Figure(
                "watched",
                "Reconstructions while training",
                figures.watched,
                NEEDS["watched"],
                words="The same test images at steps of which each is twice the one before.",
            ),
            Figure("progress", "What a classifier tells of reconstructions", figures.progress, NEEDS["progress"]),
            Figure("game", "Decoder against discriminator", figures.game, NEEDS["game"]),
        ),
    ),
)

GLOSSARY = {
    "Learned distance": "Squared distance of images in features of a discriminator, in place of pixels.",
    "VAE/GAN": "A VAE with a learned distance whose discriminator is trained with it; its decoder is a GAN’s generator too.",
    "Error of features": "Squared distance of an image and its reconstruction in features of a classifier of the set’s labels, "
    "over the mean one between two different images.",
    "High frequencies": "Of a cosine transform, those above a quarter of the highest, in either direction.",
    "Skipped": "The release’s balance of players: a step passes over the discriminator if it is ahead (one of its costs below "
    "0.33), and over the decoder if that is (one above 1.03).",
    "F1": "2 · hits / (there + told to be there), of an attribute; mean over the attributes.",
    "Fréchet distance": "Between two clouds of image features as Gaussians; an FID only over the Inception features of 2015.",
}

STUDY = Study(
    name="vae-gan",
    title="Autoencoding beyond pixels, run again",
    about="a VAE, a GAN and both in one, compared in pixels and in features",
    paper=PAPER,
    budgets=BUDGETS,
    plan=plan,
    claims=CLAIMS,
    sections=SECTIONS,
    main=("samples", "reconstructions"),
    options=GanOptions,
    data_settings=True,
    always=ALWAYS,
    derived=DERIVED,
    modes=("corrected",),
    journal=("rate", "squared_error", "rmse", "feature_distortion", *COSTS, *SKIPPED),
    lead=lead,
    glossary=GLOSSARY,
)
