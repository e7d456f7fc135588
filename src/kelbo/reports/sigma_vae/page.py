"""One self-contained HTML page about the σ-VAE study: no network, no script, every picture inside."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kelbo.reports import study_page
from kelbo.reports.cards import Card
from kelbo.reports.claims import Verdict
from kelbo.reports.sigma_vae.captions import PARTS, caption
from kelbo.reports.sigma_vae.claims import claims
from kelbo.reports.sigma_vae.figures import figures
from kelbo.reports.sigma_vae.lead import lead
from kelbo.reports.sigma_vae.results import NAMES, Entry, Study
from kelbo.reports.sigma_vae.tables import tables
from kelbo.reports.templates import template
from kelbo.runs.study_folder import StudyFolder as Kept

STUDY, FORMAT = "sigma-vae", 2


def write_study_page(folder: Path, root: Path | None = None) -> Path:
    """Write report.html and report/*.png of the study in `folder` from its results.json; returns the page's path.

    root: where its data lies now, None where its runs know.
    RunError where there is no results.json, or it is another study's or version's; Damaged where it cannot be read or lacks
    what this version writes.
    """
    kept, reasons = Kept(folder), {}
    results = study_page.read_results(kept, STUDY, FORMAT)
    with study_page.reading(kept.results_path, STUDY):
        told = _told(results)
        drawn = figures(results, folder, missing=reasons, root=root)
        page = template("sigma_vae/page.html.j2").render(figures=drawn, reasons=reasons, **told)
    return study_page.save(kept, page, drawn.values())


def _told(results: Entry) -> dict[str, Any]:
    study, verdicts = Study(results), claims(results)
    return study_page.page_context(
        results,
        verdicts,
        asked=study.asked,
        left_out=[left | {"what": NAMES.get(left["what"], left["what"])} for left in study.plan["left_out"]],
        provenance={"Training": _training(study.plan), **study_page.provenance(results)},
        lead=list(lead(study)),
        cards=_cards(study, verdicts),
        tables={table.name: table for table in tables(results)},
        command=command(results),
        parts=PARTS,
        captions=caption,
        whose_steps=study.steps,
    )


def _training(plan: Entry) -> dict[str, str]:
    """What every model is trained with."""
    return {
        "network": f"{plan['network']}, {plan['latents']} latents",
        "optimizer": f"{plan['optimizer']}, learning rate {plan['learning_rate']:g}, batches of {plan['batch_size']}",
        "precision": plan["precision"],
        "images": f"{plan['images']:,} of {' × '.join(map(str, plan['shape']))} ({plan['note']})",
    }


def _cards(study: Study, verdicts: list[Verdict]) -> list[Card]:
    plan, lanes = study.plan, study.results["lanes"]
    return [
        *study_page.outcome_cards(verdicts),
        study_page.runs_card(lanes),
        study_page.trained_card([plan["steps"] / plan["paper_steps"]] if lanes else [], study.steps),
        study_page.time_card(study.results["seconds"]),
    ]


def command(results: Entry) -> str:
    """The commands that run the study as these results have it, a line each. A folder of pictures or a file is not named."""
    data = results["data"]
    before = ["--data", "folder:PATH" if data.startswith("folder:") else shlex.quote(data)]
    before += [word for setting in results["settings"] for word in ("--set", shlex.quote(setting))]
    precision = results["plan"]["precision"]
    after = _option("seeds", results["seeds"])
    after += ["--precision", precision] if precision != "32-true" else []
    after += study_page.features_option(results["features"])
    some = [[*_option("decoders", one["decoders"]), *_option("betas", one["betas"])] for one in results["asked"]]
    return "\n".join(
        study_page.command(STUDY, results, one["only"], before, [*lanes, *after])
        for one, lanes in zip(results["asked"], some, strict=True)
    )


def _option(name: str, values: Sequence[object] | None) -> list[str]:
    return [f"--{name}", ",".join(map(str, values))] if values else []
