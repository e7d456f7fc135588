"""Tables of the study: the models, their edits, and how near samples are to given attributes."""

from __future__ import annotations

from kelbo.reports.numbers import plain
from kelbo.studies.arms import StudyModel
from kelbo.studies.frame import Numbers
from kelbo.studies.tables import Cell, Column, Group, Row, StudyTable, about, by_model, with_deviation
from kelbo.studies.vae_gan.claims import edit
from kelbo.studies.vae_gan.models import FOUR, READERS, TOLD, attributes


def models(n: Numbers) -> StudyTable:
    """The four models."""
    columns = (
        Column("Fréchet, samples", "distance.sample"),
        Column("Fréchet, recon\u00adstructions", "distance.reconstruction"),
        Column("Error of pixels", "pixels"),
        Column("Error of features, %", "features", times=100),
        Column("High frequencies, samples", "sharp.sample"),
        Column("High frequencies, recon\u00adstructions", "sharp.reconstruction"),
        Column("Rate, nats", "rate"),
        Column("Discriminator skipped, %", "share.skipped/discriminator", times=100),
        Column("Decoder skipped, %", "share.skipped/decoder", times=100),
    )
    words = (
        f"On {n.facts.get('images', 0):,} test images. {n.facts.get('distance') or 'Fréchet distance'}; smaller is better. "
        "Pixels: squared error summed over a picture of intensities in [0, 1]. Features: squared distance in the classifier’s "
        "features, over that of two different images. High frequencies: energy above a quarter of the highest, over the "
        "data’s; 1 is as sharp as these."
    )
    return by_model(n, "The four models", words, columns, {"": FOUR})


def edits(n: Numbers) -> StudyTable:
    """F1 of each edit, beside that of unedited reconstructions."""
    names = attributes(n)
    rows = [Row(str(model), [_edit(n, model, name) for name in names], about(n, model)) for model in READERS]
    words = (
        "F1 of the attribute as it should be, where it was added to images without it and taken from those with it; below, "
        "what reconstructions without the edit get, and the F1 of the attribute that they had, above which no edit can be seen."
    )
    return StudyTable("Edits as a classifier sees them", words, names, [Group("", rows)] if names else [])


def _edit(n: Numbers, model: StudyModel, name: str) -> Cell:
    value, error = with_deviation([*n.by_seed(edit(name), model).values()])
    beside = (
        (score, n.mean(edit(name, key), model)) for key, score in (("baseline_f1", "unedited"), ("own_f1", "own"))
    )
    return Cell(value, error, tuple(f"{score} {plain(mean, 2)}" for score, mean in beside if mean is not None))


def similarity(n: Numbers) -> StudyTable:
    """How near samples are to the attributes under which they were drawn."""
    columns = (
        Column("Cosine, best of 10", "similarity.cosine", printed="cosine", decimals=3),
        Column("Squared error", "similarity.squared_error", printed="squared_error"),
        Column("Accuracy, %", "similarity.accuracy", times=100),
        Column("F1", "similarity.f1"),
    )
    own = n.mean("similarity.images.cosine", TOLD[-1])
    words = "Attributes that the classifier sees in samples, and those of test images under which these were drawn. "
    words += "" if own is None else f"Test images themselves: a cosine of {plain(own, 3)} here, 0.9193 recalled."
    return by_model(n, "Samples under given attributes", words, columns, {"": TOLD}, data="lfw")
