"""results.json of the σ-VAE study: everything that it measured, put together from what is kept on disk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kelbo.machine import describe
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies.kept import fingerprint, parts_in
from kelbo.studies.sigma_vae.budget import BUDGETS
from kelbo.studies.sigma_vae.lanes import Entry
from kelbo.studies.sigma_vae.measure import Wants, wants_of
from kelbo.studies.sigma_vae.plan import PUBLISHED, Plan
from kelbo.studies.study_features import Features
from kelbo.studies.study_lanes import seconds_of

FORMAT = 2
CURVE = ("step", "distortion", "rate", "elbo", "sigma", "rmse")
BOUND = (
    "constant",
    "bound",
    "unit_bound",
    "fitted",
    "kind",
    "bits",
    "rmse",
    "sigma",
    "equivalent_sigma",
    "equivalent_beta",
)


def results_of(
    plan: Plan, study: Study, entries: list[Entry], faults: dict[str, str], features: Features | None
) -> dict[str, Any]:
    """The study's numbers as tables, figures and claims are made of. faults: by a lane's title, why not all was measured."""
    told = study.record()
    seconds = told.get("seconds", {})
    measured = {entry.title: _parts(plan, study, entry, features) for entry in entries}
    distances = [parts[wants.distances] for wants, parts in measured.values() if wants.distances in parts]
    return {
        "study": "sigma-vae",
        "format": FORMAT,
        "budget": plan.budget.name,
        "mode": plan.mode,
        "asked": [{option: names and list(names) for option, names in one._asdict().items()} for one in plan.asked],
        "seeds": None if plan.budget in BUDGETS.values() else list(plan.budget.main),
        "settings": list(plan.settings),
        "features": plan.features,
        "data": plan.title,
        "machine": told.get("machine") or describe(),
        "begun": told["begun"],
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": {
            "estimated": seconds.get("estimated"),
            "training": seconds.get("training", 0.0),
            "measuring": seconds.get("measuring", 0.0),
            "lanes": sum(seconds_of(entry) for entry in entries),
        },
        "plan": plan.told(distances[0]["features"] if distances else None),
        "lanes": [_lane(study, entry, *measured[entry.title], faults.get(entry.title)) for entry in entries],
        "flattery": [
            {"decoder": entry.lane.decoder, "seed": entry.lane.seed, "rows": parts[wants.flattered]}
            for entry in entries
            for wants, parts in [measured[entry.title]]
            if wants.flattered in parts
        ],
    }


def _parts(plan: Plan, study: Study, entry: Entry, features: Features | None) -> tuple[Wants, dict[str, Any]]:
    """What the plan wants of a lane, and what of it is known."""
    wants = wants_of(plan, entry.lane, features)
    if entry.state[0] != "done":
        return wants, {}
    kept = parts_in(study.measure(entry.plan.name, entry.lane.name), fingerprint(entry.run))
    return wants, {key: kept[key] for key in wants.keys() if key in kept}  # noqa: SIM118  a method, not a mapping's


def _lane(study: Study, entry: Entry, wants: Wants, parts: dict[str, Any], fault: str | None) -> dict[str, Any]:
    state, error = entry.state
    bound = parts.get(wants.bound, {})
    return {
        "decoder": entry.lane.decoder,
        "beta": float(entry.lane.beta),
        "seed": entry.lane.seed,
        "run": entry.run.path.relative_to(study.path).as_posix(),
        "state": state,
        "error": error or fault,
        "steps": entry.steps,
        "as_published": entry.plan.name == PUBLISHED,
        **{key: bound.get(key) for key in BOUND},
        "distances": parts.get(wants.distances),
        "latents": parts.get(wants.latents),
        "calibration": parts.get(wants.calibration),
        "curve": [{key: row.get(key) for key in CURVE} for row in entry.run.journal.rows()],
    }
