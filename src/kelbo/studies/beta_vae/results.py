"""results.json: everything that a study measured, put together from what is kept on disk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kelbo.machine import describe
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies.beta_vae.architectures import architectures
from kelbo.studies.beta_vae.baselines import baseline_entries, baseline_wants
from kelbo.studies.beta_vae.measure import wants_of
from kelbo.studies.beta_vae.plan import Plan
from kelbo.studies.beta_vae.quirks_lanes import distances
from kelbo.studies.beta_vae.quirks_texts import TEXTS
from kelbo.studies.beta_vae.training import Entry, reading_of
from kelbo.studies.kept import fingerprint, parts_in
from kelbo.studies.study_lanes import seconds_of

FORMAT = 1


def results_of(
    plan: Plan, study: Study, entries: list[Entry], faults: dict[str, str], measured: dict[str, Any]
) -> dict[str, Any]:
    """The study's numbers as tables, figures and claims are made of.

    faults: by a lane's title, why it could not be measured whole. measured: "quirks" and "identity".
    """
    lanes = [_lane(plan, study, entry, faults.get(entry.title)) for entry in entries]
    told = study.record()
    seconds = told.get("seconds", {})
    quirks = [*measured["quirks"], *(distances(lanes, as_published=plan.as_published) if plan.wants("quirks") else [])]
    return {
        "study": "beta-vae",
        "format": FORMAT,
        "budget": plan.budget.name,
        "mode": plan.mode,
        "only": None if plan.only is None else list(plan.only),
        "features": plan.named,
        "machine": told.get("machine") or describe(),
        "begun": told["begun"],
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": {
            "estimated": seconds.get("estimated"),
            "training": seconds.get("training", 0.0),
            "measuring": seconds.get("measuring", 0.0),
            "lanes": sum(seconds_of(entry) for entry in entries),
        },
        "plan": plan.told(),
        "lanes": lanes,
        "baselines": _baselines(plan, study, entries),
        "architectures": architectures(plan) if plan.wants("table4") else [],
        "quirks": sorted(quirks, key=lambda quirk: list(TEXTS).index(quirk["name"])),
        "identity": measured["identity"],
    }


def _lane(plan: Plan, study: Study, entry: Entry, fault: str | None) -> dict[str, Any]:
    state, error = entry.state
    part, lane, wants = entry.plan.part, entry.lane, wants_of(plan, entry.plan, entry.lane)
    parts = parts_in(study.measure(entry.plan.name, lane.name), fingerprint(entry.run)) if state == "done" else {}
    bound = parts.get(wants.bound, {})
    rows = entry.run.journal.rows()
    return {
        "sweep": entry.plan.name,
        "set": entry.plan.source.data.kind,
        "role": part.role,
        "network": part.network,
        "beta": float(lane.beta),
        "seed": lane.seed,
        "run": entry.run.path.relative_to(study.path).as_posix(),
        "state": state,
        "error": error or fault,
        "steps": entry.steps,
        "bound": bound.get("bound"),
        "rmse": bound.get("rmse"),
        "scores": [parts[key] for wanted in wants.scores if (key := wants.score(wanted)) in parts],
        "mig": parts.get(wants.gap) if wants.scores else None,
        "distances": parts.get(wants.distances) if wants.features else None,
        "curve": [{key: row.get(key) for key in ("step", "distortion", "rate")} for row in rows],
        "distance_curve": _distance_curve(plan, entry),
    }


def _distance_curve(plan: Plan, entry: Entry) -> list[dict[str, Any]]:
    """The distances read while the lane was trained; none if they were read in another way than this plan's."""
    reading = reading_of(plan, entry.plan.part.role)
    curves = [
        one.value["rows"] for one in entry.run.measurements.all("distances") if reading and reading.made(one.settings)
    ]
    rows = curves[-1] if curves else []
    return [{key: row.get(key) for key in ("step", "reconstruction", "sample")} for row in rows]


def _baselines(plan: Plan, study: Study, entries: list[Entry]) -> list[dict[str, Any]]:
    found = []
    for baseline in plan.baselines:
        wants = baseline_wants(plan, baseline, before(plan, entries, baseline.role, baseline.seed))
        parts = parts_in(study.measure("baselines", baseline.name), wants.of)
        found += baseline_entries(plan, baseline, wants, parts)
    return found


def before(plan: Plan, entries: list[Entry], role: str, seed: int) -> Path | None:
    """The run whose codes the study's classifiers learned before the baselines': a finished one of this set and seed."""
    if not plan.as_published:
        return None
    own = [e for e in entries if (e.plan.part.role, e.lane.seed, e.state[0]) == (role, seed, "done")]
    nearest = sorted(own, key=lambda e: (float(e.lane.beta) != 1, e.plan.part.network != "mlp"))
    return nearest[0].run.path if nearest else None
