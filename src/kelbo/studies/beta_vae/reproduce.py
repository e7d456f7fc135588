"""The β-VAE study from its plan to its page, in a folder that can be gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kelbo.machine import describe
from kelbo.reports.beta_vae.page import write_study_page
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.runs.writing import read_json
from kelbo.studies.beta_vae.baselines import baseline_wants, measure_baselines
from kelbo.studies.beta_vae.estimate import estimate
from kelbo.studies.beta_vae.identity import identity
from kelbo.studies.beta_vae.measure import measure_lane, wants_of
from kelbo.studies.beta_vae.plan import Plan
from kelbo.studies.beta_vae.results import before, results_of
from kelbo.studies.beta_vae.subjects import QuirkWants, looked_at, measure_quirks
from kelbo.studies.beta_vae.training import Entry, entries_of, require_same_sweeps, train
from kelbo.studies.kept import fingerprint, keep, parts_in
from kelbo.studies.old_course import Say, Watching, measure, quietly, save_results, saying_how_to_continue, timed
from kelbo.studies.probe import TimeEstimate, probe
from kelbo.studies.study_lanes import drawn_by_seed, require_some_done, require_stackable, unfinished
from kelbo.sweeps.engines import How
from kelbo.sweeps.jobs import Job
from kelbo.sweeps.lane import Tell
from kelbo.sweeps.queue import workers_here

WHOLE = "study"
"""the group of what is measured of no lane and no baseline"""


def begin(plan: Plan, out: Path, *, new: bool = True, how: How = "auto") -> Study:
    """The study's folder, made (where `new`) or found. RunError where it is another study's, of other images, or something
    else; RecipeError where lanes shall be stacked and no two can be."""
    plan = as_laid(plan, out)
    if new:
        require_stackable(how, [s.recipe_of(lane) for s in plan.sweeps if not plan.follows(s) for lane in s.lanes()])
    study = Study.begin(out, _definition(plan), list(plan.budget.steps), new=new)
    require_same_sweeps(plan, study)
    return study


def as_laid(plan: Plan, out: Path) -> Plan:
    """The plan with its test images drawn as the lanes in `out` drew them, where an earlier version began it."""
    by_seed = not plan.by_seed and drawn_by_seed(map(Study(out).sweep, plan.budget.steps))
    return plan.drawing_by_seed() if by_seed else plan


def _definition(plan: Plan) -> dict[str, Any]:
    return {"study": "beta-vae", "budget": plan.budget.name, "mode": plan.mode}


def expected(plan: Plan, out: Path, workers: int | None = None) -> TimeEstimate:
    """About how long what is left of the study in `out` takes here, by a probe of some seconds. Nothing is written."""
    count, study, plan = workers or workers_here(2**10), Study(out), as_laid(plan, out)
    study.require(_definition(plan), list(plan.budget.steps))
    require_same_sweeps(plan, study)
    shown, todo = _asked_so_far(plan, study), {entry.title for entry in unfinished(entries_of(plan, study))}
    there = entries_of(shown, study)
    left = {named for named, _ in _jobs(shown, study, there)}
    if not (left or todo):
        return TimeEstimate(0.0, 0.0, count)
    there = [entry for entry in there if entry.title in todo | left]
    needed = {"dsprites-mlp", *(entry.plan.name for entry in there)}  # the first tells how fast this machine is
    recipes = {sweep.name: sweep.recipe for sweep in shown.sweeps if sweep.name in needed}
    return estimate(shown, there, probe(recipes, workers), count, left)


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
        shown = _asked_so_far(plan, study)
        entries, there = entries_of(plan, study), entries_of(shown, study)
        todo = unfinished(entries)
        if len(todo) < len(entries):
            say(f"{len(entries) - len(todo)} of {len(entries)} lanes are trained already, or diverged")
        if not training:
            require_some_done(entries, out)
        study.ask(shown.only, shown.named)
        if todo and training:
            study.trained_on(describe(), first=all(entry.steps == 0 for entry in there))
            with timed(study, "training"), watching(len(todo)) as watch:
                train(shown, study, todo, watch=watch, workers=workers, how=how)
        for entry in entries:
            if entry.state[0] != "done":
                say(f"{entry.title} {entry.state[0]}: {entry.state[1]}")
        _write(shown, study, there, {})
        jobs = [job for _, job in _jobs(shown, study, there)]
        faults = measure(study, jobs, workers, say, watching)
        _write(shown, study, there, faults)
        return write_study_page(out)


def _asked_so_far(plan: Plan, study: Study) -> Plan:
    """The plan of this command and those before it, and through the features that one of them named: numbers that are there
    stay on the page when less is asked for."""
    told, so_far = study.record(), plan.only
    if "asked" in told:
        so_far = told["asked"]
    elif study.results_path.exists():  # of a study that was begun before it was kept what was asked for
        so_far = read_json(study.results_path)["only"]
    only = None if plan.only is None or so_far is None else [*so_far, *plan.only]
    return plan.asking(only, told.get("features"))


def _jobs(plan: Plan, study: Study, entries: list[Entry]) -> Iterator[tuple[str, Job]]:
    """What is still to be measured, by name: the longest first, then set by set, since a set takes seconds to read."""
    if plan.wants("quirks"):
        place, wants = study.measure(WHOLE, "quirks"), _quirk_wants(plan, entries)
        if "quirks" not in parts_in(place, wants.of):
            yield "quirks", Job("measure quirks", measure_quirks, (place, wants))
    for baseline in plan.baselines:
        place = study.measure("baselines", baseline.name)
        wants = baseline_wants(plan, baseline, before(plan, entries, baseline.role, baseline.seed))
        if set(wants.keys()) - parts_in(place, wants.of).keys():
            yield baseline.name, Job(f"measure PCA and ICA of {baseline.name}", measure_baselines, (place, wants))
    for entry in entries:
        if entry.state[0] != "done":
            continue
        place, wants = study.measure(entry.plan.name, entry.lane.name), wants_of(plan, entry.plan, entry.lane)
        if set(wants.keys()) - parts_in(place, fingerprint(entry.run)).keys():
            yield entry.title, Job(f"measure {entry.title}", measure_lane, (entry.run.path, place, wants))
    if plan.wants("identity"):
        place = study.measure(WHOLE, "identity")
        if "identity" not in parts_in(place, IDENTITY):
            yield "identity", Job("measure β as a variance", measure_identity, (place,))


IDENTITY = "defaults"
"""what the identity's numbers are of: nothing of the study can be chosen for them"""


def measure_identity(place: Path, *, tell: Tell) -> None:  # noqa: ARG001  a job's face
    """Section 4.2, trained; kept at `place`."""
    keep(place, IDENTITY, {"identity": identity()})


def _quirk_wants(plan: Plan, entries: list[Entry]) -> QuirkWants:
    budget = plan.budget
    return QuirkWants(looked_at(entries), budget.codes, budget.images, budget.fitted, budget.effort)


def _write(plan: Plan, study: Study, entries: list[Entry], faults: dict[str, str]) -> None:
    """results.json, of what is known by now. NotSaved where the disk refuses."""
    quirks = parts_in(study.measure(WHOLE, "quirks"), _quirk_wants(plan, entries).of) if plan.wants("quirks") else {}
    same = parts_in(study.measure(WHOLE, "identity"), IDENTITY) if plan.wants("identity") else {}
    measured = {"quirks": quirks.get("quirks", []), "identity": same.get("identity")}
    save_results(study, results_of(plan, study, entries, faults, measured))
