"""The σ-VAE study from its plan to its page, in a folder that can be gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kelbo.errors import RunError
from kelbo.reports.sigma_vae.page import write_study_page
from kelbo.runs.study import Study
from kelbo.studies.course import Say, Watching, going_on, measure, quietly, save_results, timed
from kelbo.studies.features import Features
from kelbo.studies.kept import fingerprint, parts_in
from kelbo.studies.lanes import require_same_sweeps, unfinished
from kelbo.studies.probe import Estimate, probe
from kelbo.studies.sigma_vae import features
from kelbo.studies.sigma_vae.estimate import estimate
from kelbo.studies.sigma_vae.lanes import SLOW, Entry, entries_of, train
from kelbo.studies.sigma_vae.measure import measure_lane, wants_of
from kelbo.studies.sigma_vae.plan import BETAS, DECODERS, PUBLISHED, Plan
from kelbo.studies.sigma_vae.results import results_of
from kelbo.studies.sigma_vae.wanted import Asked
from kelbo.sweeps.jobs import Job, Outcome
from kelbo.sweeps.queue import workers_here
from kelbo.sweeps.way import How


def begin(plan: Plan, out: Path) -> Study:
    """The study's folder, made or found. RunError where it is another study's, of other images, or something else."""
    definition = {
        "study": "sigma-vae",
        "data": plan.title,
        "budget": plan.budget.name,
        "mode": plan.mode,
        "seeds": list(plan.budget.main),
    }
    study = Study.begin(out, definition, [DECODERS, BETAS, PUBLISHED])
    _require_same_sweeps(plan, study)
    return study


def _require_same_sweeps(plan: Plan, study: Study) -> None:
    require_same_sweeps({study.sweep(sweep.name): sweep.recipe for sweep in plan.sweeps})


def expected(plan: Plan, out: Path, workers: int | None = None) -> Estimate:
    """About how long what is left of the study in `out` takes here, by a probe of some seconds. Nothing is written."""
    count, study = workers or workers_here(2**10), Study(out)
    _require_same_sweeps(plan, study)
    entries = entries_of(plan, study)
    todo, networks = unfinished(entries), features.jobs(plan, study)
    left = {entry.title for entry in todo}
    if not networks:
        left |= {entry.title for entry, _ in _jobs(plan, study, entries, features.features_of(plan, study))}
    if not (left or networks):
        return Estimate(0.0, 0.0, count)
    recipes = {entry.lane.decoder: entry.plan.recipe_of(entry.lane) for entry in entries if entry.title in left}
    rates = probe(recipes, workers)
    return estimate(plan, [e for e in entries if e.title in left or networks], rates, count, bool(networks))


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
    """Train and measure what `plan` asks for in the folder `out`, or what is left of it, and return the page.

    workers: processes, by default what the machine has. how: whether lanes are stacked (see `train_entries`). training: where
    False, lanes are left as they are, and what is trained already is measured. say: hears what is done, in lines. estimated:
    seconds that were said beforehand, for the page. A lane that diverges or fails is told of in the results and the page; the
    others go on. RunError where `out` holds another study or is being worked on; NotSaved where the disk is full; Interrupted
    after a signal: what is done is kept, and the same call goes on.
    """
    study = begin(plan, out)
    with study.held(), going_on():
        if estimated is not None:
            study.expect(estimated)
        entries = entries_of(plan, study)
        todo, networks = unfinished(entries), features.jobs(plan, study)
        if len(todo) < len(entries):
            say(f"{len(entries) - len(todo)} of {len(entries)} lanes are trained already, or diverged")
        todo = todo if training else []
        if todo or networks:
            with timed(study, "training"), watching(len(todo) + len(networks)) as watch:
                outcomes = train(plan, study, todo, watch=watch, workers=workers, how=how)
            require_network(outcomes)
        for entry in entries:
            if entry.state[0] != "done":
                say(f"{entry.title} {entry.state[0]}: {entry.state[1]}")
        network, shown = features.features_of(plan, study), plan.asking(_asked_so_far(plan, study))
        there = entries_of(shown, study)
        save_results(study, results_of(shown, study, there, {}, network))
        jobs = [job for _, job in _jobs(plan, study, entries, network)]
        faults = measure(study, jobs, workers, say, watching)
        save_results(study, results_of(shown, study, there, faults, network))
        return write_study_page(out, plan.root)


def _asked_so_far(plan: Plan, study: Study) -> Asked:
    """What this command and those before it asked for: numbers that are there stay on the page when less is asked for."""
    before = study.told().get("asked")
    asked = plan.asked if before is None else plan.asked.beside(Asked(*(names and tuple(names) for names in before)))
    study.ask(asked)
    return asked


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
