"""One self-contained HTML page about the β-VAE study run again: no network, no script, every picture inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.errors import Damaged, KelboError, RunError
from kelbo.reports.beta_vae import numbers as n
from kelbo.reports.beta_vae.captions import PARTS, caption
from kelbo.reports.beta_vae.cells import Cell, Row
from kelbo.reports.beta_vae.claims import claims
from kelbo.reports.beta_vae.figures import figures
from kelbo.reports.beta_vae.quirks import quirk_key
from kelbo.reports.beta_vae.results import NAMES, Entry, Study
from kelbo.reports.beta_vae.tables import tables
from kelbo.reports.cards import Card
from kelbo.reports.claims import ENOUGH, Verdict, percent
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import fixed, plain
from kelbo.reports.pictures import Picture
from kelbo.reports.templates import date, template
from kelbo.runs import write_atomic
from kelbo.runs.files import read_json
from kelbo.runs.study import Study as Kept

STUDY, FORMAT = "beta-vae", 1


class Quirk(NamedTuple):
    """What the study's code did unsaid, measured both ways; figures: of it."""

    title: str
    what: str
    rows: list[Row]
    figures: list[Picture | Labelled]
    note: str


def write_study_page(folder: Path) -> Path:
    """Write report.html and report/*.png of the study in `folder` from its results.json; returns the page's path.

    RunError where there is no results.json, or it is another study's or version's; Damaged where it cannot be read or lacks
    what this version writes.
    """
    kept, reasons = Kept(folder), {}
    results = _results(kept)
    with _reading(kept.results_path):
        told = {
            **_headline(results),
            "tables": {table.name: table for table in tables(results)},
            "not_finished": [lane for lane in results["lanes"] if lane["state"] != "done"],
            "command": command(results),
            "provenance": _provenance(results),
        }
        drawn = figures(results, folder, missing=reasons)
        quirks = [_quirk(quirk, drawn) for quirk in results["quirks"]]
        page = template("beta_vae/page.html.j2").render(
            results=results,
            parts=PARTS,
            captions=caption,
            figures=drawn,
            reasons=reasons,
            quirks=quirks,
            written=datetime.now(UTC),
            **told,
        )
    for thing in filter(None, drawn.values()):
        picture = thing.picture if isinstance(thing, Labelled) else thing
        write_atomic(kept.report_pictures / f"{picture.name}.png", picture.file)
    write_atomic(kept.report_page, page)
    return kept.report_page


def _results(kept: Kept) -> Entry:
    path = kept.results_path
    if not path.is_file():
        raise RunError(f"{kept.path} has no results.json. Name a folder that `kelbo reproduce {STUDY} --out` wrote.")
    results = read_json(path)
    found = results.get("study"), results.get("format")
    if found != (STUDY, FORMAT):
        raise RunError(
            f"{path} is of study {found[0]!r} in format {found[1]!r}; this version writes pages of {STUDY!r} in format "
            f"{FORMAT}. Run the study again with this version, or write the page with the one that ran it."
        )
    return results


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Inside the block results are read; what is missing from them is told with their file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, KelboError):
            raise
        raise Damaged(
            f"{path} is not what `kelbo reproduce {STUDY}` writes ({type(error).__name__}: {error}). Run the study again into "
            "the same folder: what is trained is kept."
        ) from error


def _headline(results: Entry) -> dict[str, Any]:
    study, verdicts = Study(results), claims(results)
    return {
        "lead": list(_lead(study)),
        "cards": _cards(study, verdicts),
        "verdicts": verdicts,
        "enough": percent(ENOUGH),
    }


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
        f"It trains for {n.span(shares)} of the paper’s steps"
        if min(shares) < 1
        else "It trains for as many steps as the paper"
    )
    yield f"The {results['budget']} budget was run on {_hardware(results['machine'])}. {short}. {_sets(sweeps)}"


def _mode(study: Study) -> str:
    return "with its code’s mistakes as published" if study.as_published else "with its code’s mistakes put right"


def _hardware(machine: Mapping[str, Any]) -> str:
    accelerators = Counter(machine["accelerators"])
    named = ", ".join(name if count == 1 else f"{count} × {name}" for name, count in accelerators.items())
    threads = f"{machine['threads']} {'thread' if machine['threads'] == 1 else 'threads'} of {machine['processor']}"
    return f"{named} and {threads}" if named else threads


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
    results, counted = study.results, Counter(verdict.outcome for verdict in verdicts)
    sweeps, states = results["plan"]["sweeps"], Counter(lane["state"] for lane in results["lanes"])
    shares = [sweep["steps"] / sweep["paper_steps"] for sweep in sweeps]
    collapsed = sum(lane["bound"]["rate"]["mean"] < 1 for lane in results["lanes"] if lane.get("bound"))
    lost = [f"{count} {state}" for state, count in states.items() if state != "done"]
    lost += [f"{collapsed} collapsed: a rate below 1 nat"] if collapsed else []
    seconds = results["seconds"]
    return [
        Card("Reproduced", str(counted["reproduced"]), unit=f"of {len(verdicts)} claims"),
        Card("Not reproduced", str(counted["not reproduced"]), unit=f"of {len(verdicts)} claims"),
        Card("Not tested", str(counted["not tested"]), unit="at this budget", note=_leanings(verdicts)),
        Card("Runs", str(states["done"]), unit=f"of {len(results['lanes'])} finished", note=", ".join(lost)),
        Card("Trained", n.span(shares) if shares else "none", unit="of the paper’s steps" if shares else ""),
        Card("Time", duration(seconds["training"] + seconds["measuring"]), note=_estimate(seconds)),
    ]


def _leanings(verdicts: list[Verdict]) -> str:
    """Which way the numbers of claims that are not tested lean."""
    leaning = Counter(verdict.leaning for verdict in verdicts if verdict.outcome == "not tested")
    words = {
        "for": "lean to the claim",
        "against": "lean against it",
        "both": "go both ways",
        "none": "have no numbers",
    }
    told = ", ".join(f"{leaning[key]} {word}" for key, word in words.items() if leaning[key])
    return f"So far {told}." if told else ""


def _estimate(seconds: Mapping[str, Any]) -> str:
    spent = f"{duration(seconds['training'])} training, {duration(seconds['measuring'])} measuring"
    return spent + (f"; estimated {duration(seconds['estimated'])}" if seconds["estimated"] is not None else "")


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    for unit, size in (("days", 172_800), ("h", 7200), ("min", 120)):
        if seconds >= size:
            return f"{plain(seconds / {'days': 86_400, 'h': 3600, 'min': 60}[unit], 2)} {unit}"
    return f"{plain(seconds, 2)} s"


def command(results: Entry) -> str:
    """The command line that runs the study as these results have it."""
    parts = ["kelbo reproduce", STUDY, "--budget", results["budget"]]
    parts += ["--mode", results["mode"]] if results["mode"] != "corrected" else []
    parts += ["--only", ",".join(results["only"])] if results["only"] else []
    return " ".join(parts)


def _quirk(quirk: Entry, drawn: Mapping[str, Picture | Labelled | None]) -> Quirk:
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


def _provenance(results: Entry) -> dict[str, dict[str, str]]:
    """What was measured on how much, when, and on what machine."""
    measures = {key.replace("_", " "): _words(value) for key, value in results["plan"]["measures"].items()}
    moments = {key: date(datetime.fromisoformat(results[key])) for key in ("begun", "finished")}
    return {"Measures": measures, "When": moments, "Machine": {k: _words(v) for k, v in results["machine"].items()}}


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
