"""The σ-VAE study from its plan to its page, in a folder that can be gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from kelbo.errors import RunError
from kelbo.experiments.guards import require_same_data
from kelbo.machine import describe
from kelbo.reports.sigma_vae.page import write_study_page
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies.kept import fingerprint, parts_in
from kelbo.studies.old_course import Say, Watching, measure, quietly, save_results, saying_how_to_continue, timed
from kelbo.studies.probe import TimeEstimate, probe
from kelbo.studies.sigma_vae import features
from kelbo.studies.sigma_vae.estimate import estimate
from kelbo.studies.sigma_vae.lanes import SLOW, Entry, entries_of, train
from kelbo.studies.sigma_vae.measure import measure_lane, wants_of
from kelbo.studies.sigma_vae.plan import BETAS, DECODERS, PUBLISHED, Plan
from kelbo.studies.sigma_vae.results import results_of
from kelbo.studies.sigma_vae.wanted import EVERYTHING, Asked
from kelbo.studies.study_features import Features, features_for
from kelbo.studies.study_lanes import (
    drawn_by_seed,
    require_same_sweeps,
    require_some_done,
    require_stackable,
    unfinished,
)
from kelbo.sweeps.engines import How
from kelbo.sweeps.jobs import Job, Outcome
from kelbo.sweeps.queue import workers_here

SWEEPS = (DECODERS, BETAS, PUBLISHED)


def begin(plan: Plan, out: Path, *, new: bool = True, how: How = "auto") -> Study:
    """The study's folder, made (where `new`) or found. RunError where it is another study's, of other images, or something
    else; RecipeError where lanes shall be stacked and no two can be."""
    plan = as_laid(plan, out)
    if new:
        require_stackable(how, [sweep.recipe_of(lane) for sweep, lane in plan.lanes()])
    if plan.features is not None:
        features_for(
            plan.set, plan.images.image_shape, plan.features, plan.root
        )  # raises where there is no such network
    study = Study.begin(out, _definition(plan), SWEEPS, new=new)
    _require_same_sweeps(plan, study)
    return study


def as_laid(plan: Plan, out: Path) -> Plan:
    """The plan with its test images drawn as the lanes in `out` drew them, where an earlier version began it."""
    drawn = getattr(plan.recipe.data, "split_seed", None) == 0 and drawn_by_seed(map(Study(out).sweep, SWEEPS))
    return plan.drawing_by_seed() if drawn else plan


def _definition(plan: Plan) -> dict[str, Any]:
    """What all that is asked for in one folder has in common: its numbers stand side by side."""
    return {
        "study": "sigma-vae",
        "data": plan.title,
        "budget": plan.budget.name,
        "mode": plan.mode,
        "seeds": list(plan.budget.main),
        "settings": list(plan.settings),
        "precision": plan.recipe.training.precision,
    }


def _require_same_sweeps(plan: Plan, study: Study) -> None:
    whole = plan.asking([EVERYTHING])
    require_same_sweeps({study.sweep(sweep.name): sweep.recipe for sweep in whole.sweeps})
    drawn = {entry.run: entry.plan.recipe_of(entry.lane).split_seed for entry in entries_of(whole, study)}
    alike = [run for run, seed in drawn.items() if seed == plan.recipe.split_seed]
    for run in [run for run in alike if run.provenance_path.exists()][:1]:
        require_same_data(run, plan.images)


def _with_features(plan: Plan, study: Study) -> Plan:
    """The plan with the features that an earlier command named, where this one names none."""
    return replace(plan, features=plan.features or study.record().get("features"))


def expected(plan: Plan, out: Path, workers: int | None = None) -> TimeEstimate:
    """About how long what is left of the study in `out` takes here, by a probe of some seconds. Nothing is written."""
    count, study, plan = workers or workers_here(2**10), Study(out), as_laid(plan, out)
    study.require(_definition(plan), SWEEPS)
    _require_same_sweeps(plan, study)
    plan = _with_features(plan, study)
    shown = _asked_so_far(plan, study)
    there, networks = entries_of(shown, study), features.jobs(shown, study)
    left = {entry.title for entry in unfinished(entries_of(plan, study))}
    if networks:
        left |= {entry.title for entry in there if entry.state[0] == "done"}
    else:
        left |= {entry.title for entry, _ in _jobs(shown, study, there, features.features_of(shown, study))}
        if not left:
            return TimeEstimate(0.0, 0.0, count)
    there = [entry for entry in there if entry.title in left]
    rates = probe({entry.lane.decoder: entry.plan.recipe_of(entry.lane) for entry in there}, workers)
    return estimate(shown, there, rates, count, bool(networks))


def reproduce(
    plan: Plan,
    out: Path,
    *,
    workers: int | None = None,
    how: How = "auto",
    training: bool = True,
    say: Say = lambda _: None,
    watching: Watching = quietly,
    estimated: float | None = None,
) -> Path:
    """Train what `plan` asks for in the folder `out`, measure that and what was asked for before, and return the page.

    workers: processes, by default what the machine has. how: whether lanes are stacked (see `train_entries`). training: where
    False, lanes are left as they are, and what is trained already is measured. say: hears what is done, in lines. estimated:
    seconds that were said beforehand, for the page. A lane that diverges or fails is told of in the results and the page; the
    others go on. RunError where `out` holds another study or is being worked on; RecipeError where lanes shall be stacked and
    none can be; NotSaved where the disk is full; Interrupted after a signal: what is done is kept, and the same call goes on.
    """
    plan = as_laid(plan, out)
    study = begin(plan, out, new=training, how=how)
    with study.held(), saying_how_to_continue():
        if estimated is not None:
            study.expect(estimated)
        shown = _asked_so_far(_with_features(plan, study), study)
        entries, there = entries_of(plan, study), entries_of(shown, study)
        todo, networks = unfinished(entries), features.jobs(shown, study)
        features.features_of(shown, study)  # refuses a network that cannot be opened, before it is kept
        if len(todo) < len(entries):
            say(f"{len(entries) - len(todo)} of {len(entries)} lanes are trained already, or diverged")
        if not training:
            require_some_done(entries, out)
            todo = []
        study.ask(shown.asked, shown.features)
        if todo:
            study.trained_on(describe(), first=all(entry.steps == 0 for entry in there))
        if todo or networks:
            with timed(study, "training"), watching(len(todo) + len(networks)) as watch:
                outcomes = train(shown, study, todo, watch=watch, workers=workers, how=how)
            require_network(outcomes)
        for entry in entries:
            if entry.state[0] != "done":
                say(f"{entry.title} {entry.state[0]}: {entry.state[1]}")
        network = features.features_of(shown, study)
        save_results(study, results_of(shown, study, there, {}, network))
        jobs = [job for _, job in _jobs(shown, study, there, network)]
        faults = measure(study, jobs, workers, say, watching)
        save_results(study, results_of(shown, study, there, faults, network))
        return write_study_page(out, plan.root)


def _asked_so_far(plan: Plan, study: Study) -> Plan:
    """The plan of this command and those before it: numbers that are there stay on the page when less is asked for."""
    before = [Asked(*(names and tuple(names) for names in one)) for one in study.record().get("asked", ())]
    return plan.asking([*before, *plan.asked])


def require_network(outcomes: list[Outcome]) -> None:
    """RunError where the feature network could not be trained: no distance can be taken."""
    for outcome in outcomes:
        if outcome.name == features.NAME and outcome.error:
            raise RunError(
                f"The feature network was not trained: {outcome.error} Name another by --features (random-0 is always there)."
            )


def _jobs(plan: Plan, study: Study, entries: list[Entry], network: Features | None) -> Iterator[tuple[Entry, Job]]:
    """What is still to be measured of the finished lanes, the slowest decoders first."""
    for entry in sorted(entries, key=lambda entry: entry.lane.decoder not in SLOW):
        if entry.state[0] != "done":
            continue
        place, wants = study.measure(entry.plan.name, entry.lane.name), wants_of(plan, entry.lane, network)
        if set(wants.keys()) - parts_in(place, fingerprint(entry.run)).keys():
            yield entry, Job(f"measure {entry.title}", measure_lane, (entry.run.path, place, wants))
