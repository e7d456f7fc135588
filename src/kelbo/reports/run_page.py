"""One self-contained HTML page about one run: no network, no script, every picture inside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kelbo.evaluation.suite import OTHER_SSIM, Record, ssim_of
from kelbo.experiments import Experiment, evaluate_run
from kelbo.experiments.running import followed
from kelbo.reports import gallery
from kelbo.reports.cards import cards
from kelbo.reports.gallery import Labelled
from kelbo.reports.page_pictures import Picture
from kelbo.reports.score_pictures import ScorePictures, score_pictures
from kelbo.reports.scores import score_groups
from kelbo.reports.sweeps import codes_of_sweeps, factor_sweeps
from kelbo.reports.table import comparison
from kelbo.reports.templates import date, template
from kelbo.reports.wording import trained
from kelbo.runs import write_atomic
from kelbo.units import counted

WHICH = {"last": "the last", "best": "the best on validation images"}


def write_page(experiment: Experiment, *, noise: bool = False) -> Path:
    """Write the run's page and its pictures as PNG files into the run's folder; returns the page's path.

    A run whose newest checkpoint has no evaluation on its test split is evaluated first; scores are shown where the folder
    has records of them, and never computed here. noise: samples are draws of the full model, not the decoder's mean.
    Raises RunError where a picture or a record of scores in the run's folder is not what training or evaluation wrote.
    """
    run, (records, test) = experiment.run, _records(experiment)
    shown = _shown(experiment, test, noise)
    page = template("run_page.html.j2").render(
        name=experiment.recipe.name,
        folder=run.path.resolve().name,
        sentence=trained(experiment),
        warnings=[warned for warned in run.warnings() if warned["step"] <= experiment.step],
        step=experiment.step,
        images=counted(test["settings"]["images"], "image"),
        **_followed(experiment),
        latents=experiment.model.latent_dims,
        has_rate=experiment.model.has_rate,
        noise=noise,
        cards=cards(test, _with_bits(test, records, experiment)),
        table=comparison(records, experiment.step),
        recipe=run.recipe_path.read_text(),
        provenance=_provenance(experiment),
        written=datetime.now(UTC),
        **shown,
    )
    for picture in _pictures(shown):
        write_atomic(run.report_pictures / f"{picture.name}.png", picture.file)
    write_atomic(run.report_page, page)
    return run.report_page


def _records(experiment: Experiment) -> tuple[dict[str, Record], Record]:
    """All of the run's records, and the one on the test split of the weights the page shows, as this version measures."""
    records = experiment.run.evaluations()
    name = "-".join(filter(None, ["test", experiment.other_weights]))
    test = records.get(name)
    if test is None or not _is_of(test, experiment) or ssim_of(test)[1] == OTHER_SSIM:
        test = evaluate_run(experiment)
    return records | {name: test}, test


def _is_of(record: Record, experiment: Experiment) -> bool:
    """Whether a record is of this checkpoint's weights and, of a decoder that solves for its σ, of the σ of these weights."""
    settings = record["settings"]
    told = (settings["step"], settings["weights"], settings.get("sigma_images"))
    return told == (experiment.step, experiment.weights, experiment.sigma_images)


def _with_bits(test: Record, records: dict[str, Record], experiment: Experiment) -> Record:
    """The first record on the test split of the page's weights that has bits/dim; the plain test record where none has."""
    candidates = [test, *(record for _, record in sorted(records.items()))]
    of_test = [r for r in candidates if r["settings"]["split"] == "test" and _is_of(r, experiment)]
    return next((record for record in of_test if record["bits_per_dim"] is not None), test)


def _shown(experiment: Experiment, record: Record, noise: bool) -> dict[str, Any]:
    has_rate, whole, scores = experiment.model.has_rate, experiment.data.whole, experiment.run.scores()
    return {
        "reconstructions": gallery.reconstructions(experiment),
        "samples": gallery.samples(experiment, noise),
        "traversals": gallery.traversals(experiment, record) if has_rate else None,
        "factor_sweeps": factor_sweeps(experiment, whole) if whole else None,
        "factor_codes": codes_of_sweeps(experiment, whole) if whole else None,
        "rates": gallery.rates(record) if has_rate else None,
        "curves": gallery.training_curves(experiment.rows(), has_rate),
        "scores": score_groups(scores, experiment),
        "score_pictures": score_pictures(scores, experiment),
        "progress": gallery.progress(experiment),
    }


def _followed(experiment: Experiment) -> dict[str, str]:
    """How many images the rows of the journal are read on: `probe` of the test split, `trained` of the training split."""
    counts = followed(experiment.run.provenance()["data"]["splits"])
    return {"probe": counted(counts[0], "fixed test image"), "trained_on": counted(counts[1], "fixed training image")}


def _pictures(shown: Any) -> Iterator[Picture]:
    """Every picture in what the page shows, however deep."""
    match shown:
        case Picture():
            yield shown
        case Labelled():
            yield shown.picture
        case ScorePictures():
            yield from shown.pictures
        case dict():
            yield from _pictures(list(shown.values()))
        case list():
            for part in shown:
                yield from _pictures(part)


def _provenance(experiment: Experiment) -> dict[str, dict[str, str]]:
    """What the run recorded about itself, as titled lists of words."""
    known, run = experiment.run.provenance(), experiment.run
    machine, data = dict(known["machine"]), known["data"]
    hardware = {
        key: machine.pop(key) for key in ("processor", "accelerators", "threads", "device", "processes", "system")
    }
    return {
        "Run": {
            "folder": run.path.resolve().name,
            "recipe’s fingerprint": known["recipe"],
            "seed": known["seed"],
            "begun": date(datetime.fromisoformat(known["begun"])),
            "checkpoint": f"{WHICH[experiment.kept.which]}, {date(experiment.kept.saved)}",
            "step": f"{experiment.step:,}",
        },
        "Data": {"name": data["name"], "note": data["note"]}
        | {
            f"{name} split": f"{counted(split['images'], 'image')}, fingerprint {split['fingerprint']}"
            for name, split in data["splits"].items()
        },
        "Hardware": {key: _words(value) for key, value in hardware.items()},
        "Versions": {key: _words(value) for key, value in machine.items()},
    }


def _words(value: Any) -> str:
    return (", ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
