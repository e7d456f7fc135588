"""What the page of every study needs: reading its results, cards, provenance, writing the page and its pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.errors import RunError
from kelbo.experiments.diagnosis import COLLAPSED, ENOUGH
from kelbo.reports.cards import Card
from kelbo.reports.claims import Verdict, percent
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import plain
from kelbo.reports.study_figures import Shown
from kelbo.reports.templates import date
from kelbo.runs import write_atomic
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.runs.writing import read_json, understanding

Entry = Mapping[str, Any]


class Caption(NamedTuple):
    """The title of a figure and the text below it."""

    title: str
    words: str


class Part(NamedTuple):
    """A section of the page: `things` are names of tables and keys of figures, in their order."""

    id: str
    title: str
    words: str
    things: tuple[str, ...]


def read_results(kept: Study, name: str, version: int) -> Entry:
    """results.json of the study in a folder. RunError if there is none, or if it is another study's or version's."""
    path = kept.results_path
    if not path.is_file():
        raise RunError(f"{kept.path} has no results.json. Name a folder that `kelbo reproduce {name} --out` wrote.")
    results = read_json(path)
    found = results.get("study"), results.get("format")
    if found != (name, version):
        raise RunError(
            f"{path} is of study {found[0]!r} in format {found[1]!r}; this version writes pages of {name!r} in format "
            f"{version}. Run the study again with this version, or write the page with the one that ran it."
        )
    return results


def reading(path: Path, name: str) -> AbstractContextManager[None]:
    """Inside the block results are used; Damaged names their file if they are not what `kelbo reproduce` writes."""
    return understanding(path, f"Run `kelbo reproduce {name}` again into the same folder: what is trained is kept.")


def save(kept: Study, page: str, drawn: Iterable[Shown | None]) -> Path:
    """Write the page, and every picture on it as a PNG file beside it; returns the page's path."""
    for thing in filter(None, drawn):
        picture = thing.picture if isinstance(thing, Labelled) else thing
        write_atomic(kept.report_pictures / f"{picture.name}.png", picture.file)
    write_atomic(kept.report_page, page)
    return kept.report_page


def hardware(machine: Mapping[str, Any]) -> str:
    """What a study ran on, in a few words."""
    accelerators = Counter(machine["accelerators"])
    named = ", ".join(name if count == 1 else f"{count} × {name}" for name, count in accelerators.items())
    threads = f"{machine['threads']} {'thread' if machine['threads'] == 1 else 'threads'} of {machine['processor']}"
    return f"{named} and {threads}" if named else threads


def outcome_cards(verdicts: Sequence[Verdict]) -> list[Card]:
    """How many claims were reproduced, were not, and were not tested."""
    counted = Counter(verdict.outcome for verdict in verdicts)
    return [
        Card("Reproduced", str(counted["reproduced"]), unit=f"of {len(verdicts)} claims"),
        Card("Not reproduced", str(counted["not reproduced"]), unit=f"of {len(verdicts)} claims"),
        Card("Not tested", str(counted["not tested"]), unit="at this budget", note=_leanings(verdicts)),
    ]


def runs_card(lanes: Sequence[Entry]) -> Card:
    """How many runs finished, and how the others ended."""
    states = Counter(lane["state"] for lane in lanes)
    collapsed = sum(lane["bound"]["rate"]["mean"] < COLLAPSED for lane in lanes if lane.get("bound"))
    lost = [f"{count} {state}" for state, count in states.items() if state != "done"]
    lost += [f"{collapsed} collapsed: a rate below {COLLAPSED:g} nats"] if collapsed else []
    return Card("Runs", str(states["done"]), unit=f"of {len(lanes)} finished", note=", ".join(lost))


def trained_card(shares: Sequence[float], steps: str = "the paper’s steps") -> Card:
    """The share of the paper's steps, or of other `steps`."""
    return Card("Trained", span(shares) if shares else "none", unit=f"of {steps}" if shares else "")


def time_card(seconds: Mapping[str, Any]) -> Card:
    """How long it took, and the estimate."""
    spent = f"{duration(seconds['training'])} training, {duration(seconds['measuring'])} measuring"
    spent += f"; estimated {duration(seconds['estimated'])}" if seconds["estimated"] is not None else ""
    return Card("Time", duration(seconds["training"] + seconds["measuring"]), note=spent)


def _leanings(verdicts: Sequence[Verdict]) -> str:
    """Which side the numbers of untested claims are on."""
    leaning = Counter(verdict.leaning for verdict in verdicts if verdict.outcome == "not tested")
    words = {
        "for": "lean to the claim",
        "against": "lean against it",
        "both": "go both ways",
        "held": "have numbers that say nothing yet",
        "none": "have no numbers",
    }
    leanings = ", ".join(f"{leaning[key]} {word}" for key, word in words.items() if leaning[key])
    return f"So far {leanings}." if leanings else ""


def duration(seconds: float) -> str:
    """Seconds in a suitable unit."""
    for unit, size in (("days", 172_800), ("h", 7200), ("min", 120)):
        if seconds >= size:
            return f"{plain(seconds / {'days': 86_400, 'h': 3600, 'min': 60}[unit], 2)} {unit}"
    return f"{plain(seconds, 2)} s"


def span(values: Iterable[float]) -> str:
    """Shares in words: "0.13 % to 2.5 %", "100 %"."""
    known = list(values)
    ends = [percent(min(known)), percent(max(known))]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def command(
    name: str, results: Entry, only: Sequence[str] | None, before: Sequence[str] = (), after: Sequence[str] = ()
) -> str:
    """The command line that gives these results. only: parts of the study; before, after: its own options."""
    parts = ["kelbo reproduce", name, *before, "--budget", results["budget"]]
    parts += ["--mode", results["mode"]] if results["mode"] != "corrected" else []
    parts += ["--only", ",".join(only)] if only else []
    return " ".join([*parts, *after])


def features_option(named: str | None) -> list[str]:
    """The option that names the network of distances; the path of a file is left out."""
    return ["--features", "FILE" if Path(named).is_absolute() else named] if named else []


def provenance(results: Entry) -> dict[str, dict[str, str]]:
    """What was measured, when, and on which machine."""
    measures = {key.replace("_", " "): _words(value) for key, value in results["plan"]["measures"].items()}
    moments = {key: date(datetime.fromisoformat(results[key])) for key in ("begun", "finished")}
    return {"Measures": measures, "When": moments, "Machine": {k: _words(v) for k, v in results["machine"].items()}}


def page_context(results: Entry, verdicts: Sequence[Verdict], *, asked: str, **more: Any) -> dict[str, Any]:
    """The values of every study's template, and those that the study adds. asked: the part of the study, "" for all."""
    return {
        "results": results,
        "asked": asked,
        "verdicts": verdicts,
        "enough": percent(ENOUGH),
        "whose_steps": "the paper’s steps",
        "left_out": results["plan"]["left_out"],
        "lacking": [lane for lane in results["lanes"] if lane["state"] != "done" or lane["error"]],
        "provenance": provenance(results),
        "written": datetime.now(UTC),
    } | more


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
