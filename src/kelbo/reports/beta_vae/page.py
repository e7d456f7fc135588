"""One self-contained HTML page about the β-VAE study run again: no network, no script, every picture inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.reports import study_page
from kelbo.reports.beta_vae.captions import PARTS, caption
from kelbo.reports.beta_vae.claims import claims
from kelbo.reports.beta_vae.figures import figures
from kelbo.reports.beta_vae.quirks import quirk_key
from kelbo.reports.beta_vae.results import NAMES, Entry, Study
from kelbo.reports.beta_vae.tables import tables
from kelbo.reports.cards import Card
from kelbo.reports.cells import Cell, Row
from kelbo.reports.claims import Verdict
from kelbo.reports.numbers import fixed, plain
from kelbo.reports.study_figures import Shown
from kelbo.reports.templates import template
from kelbo.runs.study_folder import StudyFolder as Kept

STUDY, FORMAT = "beta-vae", 1


class Quirk(NamedTuple):
    """What the study's code did unsaid, measured both ways; figures: of it."""

    title: str
    what: str
    rows: list[Row]
    figures: list[Shown]
    note: str


def write_study_page(folder: Path) -> Path:
    """Write report.html and report/*.png of the study in `folder` from its results.json; returns the page's path.

    RunError where there is no results.json, or it is another study's or version's; Damaged where it cannot be read or lacks
    what this version writes.
    """
    kept, reasons = Kept(folder), {}
    results = study_page.read_results(kept, STUDY, FORMAT)
    with study_page.reading(kept.results_path, STUDY):
        told = _told(results)
        drawn = figures(results, folder, missing=reasons)
        quirks = [_quirk(quirk, drawn) for quirk in results["quirks"]]
        page = template("beta_vae/page.html.j2").render(figures=drawn, reasons=reasons, quirks=quirks, **told)
    return study_page.save(kept, page, drawn.values())


def _told(results: Entry) -> dict[str, Any]:
    study, verdicts = Study(results), claims(results)
    return study_page.page_context(
        results,
        verdicts,
        lead=list(_lead(study)),
        cards=_cards(study, verdicts),
        tables={table.name: table for table in tables(results)},
        asked=", ".join(results["only"] or ()),
        command=command(results),
        parts=PARTS,
        captions=caption,
    )


def _lead(study: Study) -> Iterator[str]:
    """What was run, in plain words."""
    results, sweeps = study.results, study.results["plan"]["sweeps"]
    yield (
        "“β-VAE Reproducibility: Challenges and Extensions” (2021) asks whether β-VAEs disentangle as Higgins et al. (2017) "
        f"say. Here its models are trained and measured again, {_mode(study)}."
    )
    if not sweeps:
        yield "No model was trained: what stands here needs none."
        return
    shares = [sweep["steps"] / sweep["paper_steps"] for sweep in sweeps]
    short = (
        f"It trains for {study_page.span(shares)} of the paper’s steps"
        if min(shares) < 1
        else "It trains for as many steps as the paper"
    )
    yield f"The {results['budget']} budget was run on {study_page.hardware(results['machine'])}. {short}. {_sets(sweeps)}"


def _mode(study: Study) -> str:
    return "with its code’s mistakes as published" if study.as_published else "with its code’s mistakes put right"


def _sets(sweeps: list[Entry]) -> str:
    """Which sets are the study's own, and what was rendered for the others."""
    stand_ins = {s["role"]: s["set"] for s in sweeps if s["source"] == "rendered"}
    by_role = {s["role"]: s for s in sweeps}
    own = [_own(by_role[role]) for role in NAMES if role in by_role and role not in stand_ins]
    words = [f"{NAMES[role]} ({name})" for role, name in stand_ins.items()]
    told = [f"The study’s own sets: {', '.join(own)}." if own else ""]
    told += [f"Drawn here instead of read from files: {', '.join(words)}." if words else ""]
    return " ".join(filter(None, told))


def _own(sweep: Entry) -> str:
    """One of the study's sets, and how much of it where its files hold less."""
    whole = round(sweep["paper_steps"] * sweep["batch_size"] / sweep["paper_epochs"])
    part = sweep["source"] == "files" and sweep["images"] < whole
    return NAMES[sweep["role"]] + (f" ({sweep['images']:,} of {whole:,} images)" if part else "")


def _cards(study: Study, verdicts: list[Verdict]) -> list[Card]:
    shares = [sweep["steps"] / sweep["paper_steps"] for sweep in study.results["plan"]["sweeps"]]
    return [
        *study_page.outcome_cards(verdicts),
        study_page.runs_card(study.results["lanes"]),
        study_page.trained_card(shares),
        study_page.time_card(study.results["seconds"]),
    ]


def command(results: Entry) -> str:
    """The command line that runs the study as these results have it."""
    features = study_page.features_option(results.get("features"))
    return study_page.command(STUDY, results, results["only"], after=features)


def _quirk(quirk: Entry, drawn: Mapping[str, Shown | None]) -> Quirk:
    sides = ("published", "corrected", "difference")
    rows = [
        Row(row["label"], [_measured(row[side], row["unit"], side == "difference") for side in sides], row["unit"])
        for row in quirk["rows"]
    ]
    keys = (quirk_key(quirk), f"{quirk_key(quirk)}-seen")
    shown = [thing for key in keys if (thing := drawn.get(key)) is not None]
    about = NAMES.get(quirk["role"] or "", "")
    return Quirk(quirk["title"] + (f" · {about}" if about else ""), quirk["what"], rows, shown, quirk["note"])


def _measured(found: Mapping[str, Any] | None, unit: str, difference: bool) -> Cell:
    """A number with its interval below; accuracies in percent, and what lies between two of them in points."""
    if found is None or found["value"] is None:
        return Cell()
    share = unit == "accuracy"
    value, low, high = (None if x is None else _number(x, share) for x in (found["value"], found["low"], found["high"]))
    word = (" points" if difference else " %") if share else ""
    return Cell(f"{value}{word}", notes=() if low is None or high is None else (f"{low} to {high}",))


def _number(value: float, share: bool) -> str:
    return fixed(round(100 * value, 1) + 0.0, 1) if share else plain(value)  # no −0.0
