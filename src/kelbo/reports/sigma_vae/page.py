"""One self-contained HTML page about the σ-VAE study: no network, no script, every picture inside."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from kelbo.reports import study_page
from kelbo.reports.cards import Card
from kelbo.reports.claims import Verdict
from kelbo.reports.sigma_vae.captions import PARTS, caption
from kelbo.reports.sigma_vae.claims import claims
from kelbo.reports.sigma_vae.figures import figures
from kelbo.reports.sigma_vae.lead import lead
from kelbo.reports.sigma_vae.results import Entry, Study
from kelbo.reports.sigma_vae.tables import tables
from kelbo.reports.templates import template
from kelbo.runs.study import Study as Kept

STUDY, FORMAT = "sigma-vae", 1


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
        page = template("sigma_vae/page.html.j2").render(figures=drawn, reasons=reasons, **told)
    return study_page.save(kept, page, drawn.values())


def _told(results: Entry) -> dict[str, Any]:
    study, verdicts = Study(results), claims(results)
    return study_page.told(
        results,
        verdicts,
        lead=list(lead(study)),
        cards=_cards(study, verdicts),
        tables={table.name: table for table in tables(results)},
        command=command(results),
        parts=PARTS,
        captions=caption,
        whose_steps=study.steps,
    )


def _cards(study: Study, verdicts: list[Verdict]) -> list[Card]:
    plan, lanes = study.plan, study.results["lanes"]
    return [
        *study_page.outcome_cards(verdicts),
        study_page.runs_card(lanes),
        study_page.trained_card([plan["steps"] / plan["paper_steps"]] if lanes else [], study.steps),
        study_page.time_card(study.results["seconds"]),
    ]


def command(results: Entry) -> str:
    """The command line that runs the study as these results have it. A folder of pictures is not named."""
    data = results["data"]
    return study_page.command(
        STUDY, results, "--data", "folder:PATH" if data.startswith("folder:") else shlex.quote(data)
    )
