"""One self-contained HTML page about one run: no network, no script, every picture inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kelbo.reports import gallery
from kelbo.reports.cards import cards
from kelbo.reports.edit_gallery import edit_table, edits, similarity_rows
from kelbo.reports.gallery import Labelled
from kelbo.reports.page_pictures import Picture
from kelbo.reports.row_gallery import Rows, rows_of
from kelbo.reports.score_pictures import ScorePictures, score_pictures
from kelbo.reports.scores import score_groups
from kelbo.reports.shown import Shown, shown
from kelbo.reports.sweeps import codes_of_sweeps, factor_sweeps
from kelbo.reports.table import comparison
from kelbo.reports.templates import date, template
from kelbo.reports.wording import trained
from kelbo.runs import Measurement, Run, write_atomic
from kelbo.runs.checkpoints import CHOSEN
from kelbo.runs.journal import followed
from kelbo.runs.measurement import Record
from kelbo.units import counted

WHICH = {"last": "the last", "best": "the best on validation images"}


def write_page(run: Run, page: Measurement | None = None, out: Path | None = None) -> Path:
    """Write a run's page, and its pictures as PNG files into a folder beside it; returns the page's path.

    It is a function of the run's folder alone, in which it lies by default. page: the measurement "page" to show, by default
    the one measured last (see `kelbo.experiments.pictures.measure_page`). Raises RunError if there is none, or if a picture or
    a record in the folder is not what training or evaluation wrote.
    """
    of = shown(run, page)
    records, test = of.records(), of.test
    parts = _parts(of)
    text = template("run_page.html.j2").render(
        name=of.recipe.name,
        folder=run.path.resolve().name,
        sentence=trained(of),
        warnings=[warned for warned in run.warnings() if warned["step"] <= of.step],
        step=of.step,
        images=test and counted(test["settings"]["images"], of.noun),
        whole=of.whole,
        tabular=of.tabular,
        noun=of.noun,
        **_followed(of),
        has_rate=of.has_rate,
        reads=of.reads,
        noise=of.noise,
        condition=_condition(of),
        fitted_prior=of.fitted_prior,
        cards=test and cards(test, _with_bits(of, test)),
        table=comparison(records, of.step),
        recipe=run.recipe_path.read_text(encoding="utf-8"),
        provenance=_provenance(of),
        written=datetime.now(UTC),
        **parts,
    )
    place = out or run.report_page
    for picture in _pictures(parts):
        write_atomic(place.with_suffix("") / f"{picture.name}.png", picture.file)
    write_atomic(place, text)
    return place


def _with_bits(of: Shown, test: Record) -> Record:
    """The first record on the test split of the page's weights that has bits/dim; the usual test record if none has."""
    keys = ("step", "weights", "sigma_images", "split", "prior")
    wanted = [test["settings"].get(key) for key in keys]
    candidates = [test, *(record for _, record in sorted(of.records().items()))]
    alike = [record for record in candidates if [record["settings"].get(key) for key in keys] == wanted]
    return next((record for record in alike if record["bits_per_dim"] is not None), test)


def _parts(of: Shown) -> dict[str, Any]:
    scores, test, partly = of.scores(), of.test, of.parts.get("partial-decodings")
    rows = rows_of(of)
    return {
        "rows": rows,
        "reconstructions": gallery.reconstructions(of.parts["reconstructions"].arrays())
        if "reconstructions" in of.parts
        else None,
        "samples": gallery.samples(of) if "samples" in of.parts else None,
        "transfers": gallery.transfers(of.parts["transfers"]) if "transfers" in of.parts else None,
        "edits": [edits(one) for one in of.edits()],
        "edit_tables": [edit_table(one) for one in of.edits("attributes.scores")],
        "similarity": [similarity_rows(one) for one in of.edits("attributes.similarity")],
        "partial_decodings": gallery.partial_decodings(partly, test["rate_per_group"]) if partly and test else None,
        "traversals": gallery.traversals(of) if "traversals" in of.parts else None,
        "factor_shares": "factor-shares" in of.parts,
        "latents": test["latents"]["dims"] if test and test["latents"] else None,
        "factor_sweeps": factor_sweeps(of.parts["factor-sweeps"]) if "factor-sweeps" in of.parts else None,
        "factor_codes": codes_of_sweeps(of.parts["factor-codes"]) if "factor-codes" in of.parts else None,
        "rates": gallery.rates(test) if test and test["latents"] and test["latents"]["rate_per_latent"] else None,
        "no_rates": test and test["latents"] and test["latents"].get("rate_per_latent_reason"),
        "group_rates": test and gallery.group_rates(test, partly.value["sides"] if partly else ()),
        "by_resolution": gallery.by_resolution(test, partly.value["sides"]) if partly and test else [],
        "by_stage": gallery.by_stage(test) if test else [],
        "curves": gallery.training_curves(of.columns(), of.has_rate, real=of.data["levels"] is None, noun=of.noun),
        "scores": score_groups(scores, of),
        "score_pictures": score_pictures(scores, of),
        "progress": [] if of.tabular else gallery.progress(of),
    }


def _followed(of: Shown) -> dict[str, str]:
    """How many images the rows of the journal are read on: `probe` of the test split, `trained_on` of the training split."""
    counts, noun = followed(of.data["splits"]), of.noun
    return {
        "probe": counted(counts[0], f"fixed test {noun}"),
        "trained_on": counted(counts[1], f"fixed training {noun}"),
    }


def _condition(of: Shown) -> dict[str, Any] | None:
    """What the model is given that has words, by its name, and whether that is several things."""
    told = of.data.get("condition")
    return told and {"name": told["name"], "several": len(told["variables"]) > 1}


def _pictures(parts: Any) -> Iterator[Picture]:
    """Every picture in what the page shows, however deep."""
    match parts:
        case Picture():
            yield parts
        case Labelled():
            yield parts.picture
        case ScorePictures():
            yield from parts.pictures
        case Rows():
            yield from filter(None, (parts.reconstructions, parts.marginals, parts.pairs, parts.traversals))
        case dict():
            yield from _pictures(list(parts.values()))
        case list():
            for part in parts:
                yield from _pictures(part)


def _provenance(of: Shown) -> dict[str, dict[str, str]]:
    """What the run recorded about itself, as titled lists of words."""
    known, data = of.run.provenance(), of.data
    machine = dict(known["machine"])
    hardware = {
        key: machine.pop(key) for key in ("processor", "accelerators", "threads", "device", "processes", "system")
    }
    saved = datetime.fromisoformat(of.page.circumstances["saved"])
    return {
        "Run": {
            "folder": of.run.path.resolve().name,
            "recipe’s fingerprint": known["recipe"],
            "seed": known["seed"],
            "begun": date(datetime.fromisoformat(known["begun"])),
            **_start(known.get("start")),
            "checkpoint": f"{_which(of)}, {date(saved)}",
            "step": f"{of.step:,}",
        },
        "Data": {"name": data["name"], "note": data["note"]}
        | {
            f"{name} split": f"{counted(split['images'], of.noun)}, fingerprint {split['fingerprint']}"
            for name, split in data["splits"].items()
        },
        "Hardware": {key: _words(value) for key, value in hardware.items()},
        "Versions": {key: _words(value) for key, value in machine.items()},
    }


def _which(of: Shown) -> str:
    """Which checkpoint the page is of, and what it was judged by if that is a target."""
    chosen = CHOSEN[of.page.circumstances.get("best_by", "bound")]
    return WHICH[of.page.settings["checkpoint"]] + (f" ({chosen})" if chosen else "")


def _start(told: Mapping[str, Any] | None) -> dict[str, str]:
    """The run from whose weights this one began, if there is one."""
    if told is None:
        return {}
    name, counts = Path(told["path"]).name, told["counts"]
    taken, total = counts["taken"], counts["taken"] + counts["absent"] + counts["unlike"]
    return {"begun from": f"{name}, step {told['step']:,}, {told['weights']}: {taken} of {counted(total, 'tensor')}"}


def _words(value: Any) -> str:
    return (", ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
