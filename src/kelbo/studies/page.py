"""One self-contained HTML page of a study: no network, no script, every picture inside. It needs no models and no data."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.errors import RunError
from kelbo.experiments.diagnosis import ENOUGH
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import plain
from kelbo.reports.templates import date, template
from kelbo.runs import write_atomic
from kelbo.runs.study_folder import RESULTS, StudyFolder
from kelbo.runs.writing import read_json, understanding
from kelbo.studies.claim_plot import claim_plot
from kelbo.studies.figures import Absent
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import OUTCOMES, Verdict, percent, verdicts
from kelbo.studies.registry import called
from kelbo.studies.study import Figure, Study, Table
from kelbo.studies.tables import trained

Shown = Any
"""a Picture or Labelled"""


class Count(NamedTuple):
    """A number that the page opens with; kind: the outcome that it counts, "" if none."""

    value: str
    words: str
    kind: str = ""


def read_numbers(study: Study, folder: Path) -> Numbers:
    """The numbers of the study in a folder. RunError if there is no results.json, or if it is another study's or version's."""
    path = StudyFolder(folder).results_path
    if not path.is_file():
        raise RunError(f"{folder} has no results.json. Name a folder that `kelbo reproduce {called(study)}` wrote.")
    results = read_json(path)
    found = results.get("study"), results.get("format")
    if found != (study.name, RESULTS):
        raise RunError(
            f"{path} is of study {found[0]!r} in format {found[1]!r}; this version reads {study.name!r} in format {RESULTS}. "
            "Run the study again with this version, or write the page with the one that ran it."
        )
    return Numbers(study, results, folder)


def write_page(study: Study, folder: Path) -> Path:
    """Write report.html and report/*.png of the study in `folder`; returns the page's path.

    RunError: see `read_numbers`; Damaged if results.json lacks what this version writes.
    """
    kept, n = StudyFolder(folder), read_numbers(study, folder)
    with understanding(kept.results_path, f"Run `kelbo reproduce {called(study)}` again into the same folder."):
        drawn, reasons = draw(study, n)
        page = template("page.html.j2", "kelbo.studies").render(**context(study, n, drawn, reasons))
    for thing in drawn.values():
        picture = thing.picture if isinstance(thing, Labelled) else thing
        write_atomic(kept.report_pictures / f"{picture.name}.png", picture.file)
    write_atomic(kept.report_page, page)
    return kept.report_page


def draw(study: Study, n: Numbers) -> tuple[dict[str, Shown], dict[str, str]]:
    """Every figure by its key, and the reasons why others cannot be drawn."""
    drawn: dict[str, Shown] = {}
    reasons: dict[str, str] = {}
    for key, thing in study.things.items():
        if isinstance(thing, Figure):
            try:
                drawn[key] = thing.draw(n)
            except Absent as reason:
                reasons[key] = str(reason)
    return drawn, reasons


def context(study: Study, n: Numbers, drawn: Mapping[str, Shown], reasons: Mapping[str, str]) -> dict[str, Any]:
    """The values of the page's template."""
    found = verdicts(study.claims, n)
    made = {key: thing.make(n) for key, thing in study.things.items() if isinstance(thing, Table)}
    lanes = [lane for arm in n.results["arms"] for lane in arm["lanes"]]
    main = [study.things[key] for key in study.main if key in drawn]
    return {
        "study": study,
        "results": n.results,
        "asked": _asked(n),
        "main": main,
        "lead": list(study.lead(n)),
        "counts": counts(n, found),
        "verdicts": [(verdict, claim_plot(verdict.tests)) for verdict in found],
        "intervals": any(test.known.low is not None for verdict in found for test in verdict.tests),
        "enough": percent(ENOUGH),
        "plan": trained(n),
        "sections": [section for section in study.sections if any(thing not in main for thing in section.things)],
        "tables": made,
        "figures": drawn,
        "reasons": reasons,
        "left_out": n.results["left_out"],
        "lacking": [lane for lane in lanes if lane["state"] != "done" or lane["error"]],
        "command": command(study, n),
        "provenance": _provenance(n),
        "steps_of": _steps_of(n),
        "written": datetime.now(UTC),
    }


def _asked(n: Numbers) -> str:
    """Which part of the study was asked for, "" if all of it."""
    parts = [", ".join(str(v) for value in ask.values() if value for v in value) for ask in n.results["asked"]]
    return "; ".join(parts) if parts and all(parts) else ""


def counts(n: Numbers, found: Sequence[Verdict]) -> list[Count]:
    """How many claims had which outcome, how many runs finished, how long they trained, how long all took."""
    outcomes = Counter(verdict.outcome for verdict in found)
    states = Counter(lane["state"] for arm in n.results["arms"] for lane in arm["lanes"])
    lost = "".join(f", {count} {state}" for state, count in states.items() if state != "done")
    shares = sorted({arm["steps"] / arm["paper_steps"] for arm in n.results["arms"]})
    ends = dict.fromkeys(percent(share) for share in (*shares[:1], *shares[-1:]))
    seconds = n.results["seconds"]
    told = (Count(str(outcomes[each]), each, each.replace(" ", "-")) for each in OUTCOMES)
    return [
        *told,
        Count(str(states["done"]), f"of {states.total()} runs finished{lost}"),
        *([Count("–".join(ends), f"of {_steps_of(n)}")] if ends else []),
        Count(duration(seconds["training"] + seconds["measuring"]), "in all"),
    ]


def _steps_of(n: Numbers) -> str:
    return n.facts.get("steps_of", "the paper’s steps")


def duration(seconds: float) -> str:
    """Seconds in a suitable unit."""
    for unit, size in (("days", 172_800), ("h", 7200), ("min", 120)):
        if seconds >= size:
            return f"{plain(seconds / {'days': 86_400, 'h': 3600, 'min': 60}[unit], 2)} {unit}"
    return f"{plain(seconds, 2)} s"


def command(study: Study, n: Numbers) -> str:
    """The commands that run the study as these results have it, a line each."""
    results, defaults = n.results, study.options().model_dump(mode="json")
    lines = []
    for ask in results["asked"]:
        chosen = {**results["options"], **{name: value for name, value in ask.items() if name != "only"}}
        texts = [f"{name}={_text(value)}" for name, value in chosen.items() if value != defaults.get(name)]
        words = ["kelbo reproduce", called(study), "--budget", results["budget"]]
        words += ["--mode", results["mode"]] if results["mode"] != "corrected" else []
        words += [word for text in (*texts, *results["changes"]) for word in ("--set", shlex.quote(text))]
        words += ["--only", ",".join(ask["only"])] if ask["only"] else []
        words += ["--features", _portable(results["features"])] if results["features"] else []
        lines.append(" ".join(words))
    return "\n".join(dict.fromkeys(lines))


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _portable(features: str) -> str:
    return "FILE" if Path(features).is_absolute() else features


def _provenance(n: Numbers) -> dict[str, dict[str, str]]:
    results, seconds = n.results, n.results["seconds"]
    times = {key: date(datetime.fromisoformat(results[key])) for key in ("begun", "finished")}
    times |= {key: duration(seconds[key]) for key in ("training", "measuring", "estimated") if seconds[key] is not None}
    told = {"Measures": n.facts, "Time": times, "Machine": results["machine"]}
    return {
        title: {key.replace("_", " "): _words(value) for key, value in facts.items() if value not in (None, "")}
        for title, facts in told.items()
    }


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_words(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
