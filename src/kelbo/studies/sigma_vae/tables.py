"""Tables of the σ-VAE study: our numbers with the printed ones, how calibrated decoders are, how a bound is flattered."""

from __future__ import annotations

from collections.abc import Mapping

from kelbo.studies.arms import StudyModel
from kelbo.studies.frame import Numbers
from kelbo.studies.sigma_vae.models import BERNOULLI, GRID, NAMES, PER_PIXEL, SHARED, SIGMA_VAES, TUNED, UNIT, decoder
from kelbo.studies.sigma_vae.sets import ANALYTIC, IN_HIERARCHIES
from kelbo.studies.sigma_vae.tested import the_grid
from kelbo.studies.tables import Cell, Column, Group, Row, StudyTable, by_model, with_deviation

OTHER = {name: name for name in ("mnist", "svhn", "celeba", "cifar10")}
COVERED = ("0.5", "0.9", "0.95")
DISTANCES = (
    Column("Samples’ distance", "distance.sample"),
    Column("Recon\u00adstructions’", "distance.reconstruction"),
)


def every(n: Numbers) -> list[StudyModel]:
    """The decoders beside the grid, in the paper's order."""
    there = {dict(settings).get("likelihood.kind") for arm, settings, _ in n.lanes if arm == "decoders"}
    return [decoder(kind) for kind in NAMES if kind in there]


def tuned(n: Numbers) -> list[StudyModel]:
    """The β of the best samples, as the paper's tuned β-VAE; none without numbers."""
    best = n.best("distance.sample", the_grid(n))
    return [StudyModel(best.arm, best.settings, f"{best}, tuned", printed=TUNED)] if best else []


def told(n: Numbers) -> str:
    """What our distances are."""
    called = n.facts.get("distance")
    return f"Distances: {called}; smaller is better." if called else "No distances were measured."


def table_1(n: Numbers) -> StudyTable:
    """The β grid and the σ-VAEs, beside SVHN's printed numbers."""
    models = [*the_grid(n), *SIGMA_VAES]
    columns = (
        Column("−ELBO, nats", "loss"),
        Column("of σ\u00a0=\u00a01", "unit-loss"),
        Column("of fitted σ", "fitted-loss"),
        *DISTANCES,
        Column("Rate, nats", "rate"),
        Column("Effective β", "effective-beta"),
        Column("Printed −ln p", printed="loss", place="Table 1", alone=True),
        Column("Printed FID", printed="fid", place="Table 1", alone=True),
    )
    words = "−ELBO of a β is that of the Gaussian of σ² = β, which it amounts to. Printed: SVHN. "
    return by_model(
        n, "Table 1 · What β does, and where the σ-VAE puts itself", words + told(n), columns, {"": models}, data="svhn"
    )


def table_2(n: Numbers) -> StudyTable:
    """Every decoder."""
    data = OTHER.get(n.data, "svhn")
    place = "Table 3" if data == "mnist" else "Table 2"
    columns = (
        Column("−ELBO, nats", "loss", notes="bound.decoder.kind"),
        Column("Bits/dim", "bits"),
        *DISTANCES,
        Column("Rate, nats", "rate"),
        Column("σ", "sigma"),
        Column("RMSE", "rmse"),
        Column("Printed −ln p", printed="loss", place=place, alone=True),
        Column("Printed FID", printed="fid", place=place, alone=True),
    )
    whose = f" Printed: {data.upper()}." + (" Its network is a hierarchical VAE." if data in IN_HIERARCHIES else "")
    words = "A density and a mass do not compare in nats; bits/dim do. " + told(n) + whose
    gaussian = StudyModel(UNIT.arm, UNIT.settings, NAMES[GRID], GRID)
    return by_model(n, "Table 2 · Decoders", words, columns, {"": [gaussian, *tuned(n), *every(n)]}, data=data)


def table_3(n: Numbers) -> StudyTable:
    """The paper's ablation on MNIST."""
    columns = (
        Column("−ELBO, nats", "loss", printed="loss"),
        Column("Samples’ distance", "distance.sample", printed="fid"),
    )
    models = [UNIT, *tuned(n), PER_PIXEL, SHARED, BERNOULLI]
    if n.data != "mnist":
        models = []
    return by_model(n, "Table 3 · MNIST", told(n) + " The printed ones are FIDs.", columns, {"": models}, data="mnist")


def calibration(n: Numbers) -> StudyTable:
    """σ against the error that is made, and the distribution against the pixels."""
    columns = (
        Column("σ", "sigma"),
        Column("RMSE", "rmse"),
        Column("σ² / squared error", "over-error"),
        Column("Miscalibration area", "calibration.miscalibration_area"),
        Column("Misplaced mass", "calibration.total_variation"),
        *(
            Column(f"{100 * float(c):g} % intervals hold, %", f"calibration.coverage.{c}.share", times=100)
            for c in COVERED
        ),
    )
    models = [m for m in (*the_grid(n), *every(n)) if n.by_seed("calibration.miscalibration_area", m)]
    words = "A calibrated decoder’s σ is its error, and its central 50 % intervals hold half of the pixels."
    return by_model(n, "How well each decoder knows its own error", words, columns, {"": models})


STEPS: Mapping[tuple[str, str], str] = {
    ("test", "running"): "σ of the training images, test images",
    ("test", "batch"): "each evaluated batch’s (or image’s) own σ, test images",
    ("test", "clipped"): "the same, softly clipped",
    ("train", "running"): "σ of the training images, training images",
    ("train", "batch"): "each batch’s own σ, training images",
    ("train", "clipped"): "the same, softly clipped: as the release",
}


def flattery(n: Numbers) -> StudyTable:
    """What a bound gains by being measured as the release does it."""
    groups = []
    for model in map(decoder, ANALYTIC):
        honest, rows = n.by_seed("flattery.test.running", model), []
        for (split, name), words in STEPS.items():
            found = n.by_seed(f"flattery.{split}.{name}", model)
            change = [honest[seed] - found[seed] for seed in found if seed in honest]
            losses = Cell(*with_deviation([-elbo for elbo in found.values()]))
            rows.append(Row(words, [losses, Cell(*with_deviation(change)) if rows else Cell("")]))
        if honest:
            groups.append(Group(str(model), rows))
    words = (
        "The same weights, measured step by step as the released code does; below 0, a step makes −ELBO look better."
    )
    return StudyTable("How a bound is flattered", words, ["−ELBO, nats", "Change, nats"], groups)
