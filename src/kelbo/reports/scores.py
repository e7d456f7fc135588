"""The scores in a run's folder: a table of each with its interval, how that was computed and from how many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from kelbo.experiments.diagnosis import SATURATED
from kelbo.intervals import finite_or_none, margin
from kelbo.reports.numbers import decimals_of, fixed, plain
from kelbo.reports.score_names import CALIBRATION, DISENTANGLEMENT, IMAGES, LATENTS, About, about
from kelbo.reports.shown import Shown
from kelbo.runs import Run
from kelbo.runs.settings import differing
from kelbo.runs.writing import understanding
from kelbo.units import of_rows

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class ScoreRow:
    """One score. how: how its interval was computed, or why there is none. count, of: its number of images or rows."""

    title: str
    phrase: str
    paper: str
    value: str
    interval: str = ""
    how: str = ""
    count: str = ""
    of: str = ""


@dataclass(frozen=True)
class ScoreGroup:
    """One record's scores, or a part of them. other: how its checkpoint differs from the page's, "" if it does not."""

    title: str
    note: str
    rows: list[ScoreRow]
    other: str = ""


def score_groups(records: Mapping[str, Entry], shown: Shown) -> list[ScoreGroup]:
    """The records of scores of a run by label as groups of rows. Damaged if one is not such a record."""
    groups = []
    for name, record in in_order(records):
        with reading(shown.run, name):
            groups += _groups(name, record, beside(name, records, shown))
    return [*map(_of_rows, groups)] if shown.noun == "row" else groups


def _of_rows(group: ScoreGroup) -> ScoreGroup:
    """In the words of a table's rows."""
    rows = [
        replace(row, title=of_rows(row.title), phrase=of_rows(row.phrase), how=of_rows(row.how), of=of_rows(row.of))
        for row in group.rows
    ]
    return replace(group, note=of_rows(group.note), rows=rows)


def beside(name: str, records: Mapping[str, Entry], shown: Shown) -> str:
    """How a record differs from the page's checkpoint and from the others of its kind, in sentences; "" if it does not."""
    return " ".join(filter(None, [other_checkpoint(records[name], shown), _other_settings(name, records)]))


def _other_settings(name: str, records: Mapping[str, Entry]) -> str:
    """How a record's settings differ from those of the others of its kind, as a sentence; "" if they do not."""
    alike = [other for other in records if kind(other) == kind(name)]
    own = alike.index(name)
    found = differing(
        [{k: v for k, v in records[other]["settings"].items() if k not in SHOWN_ELSEWHERE} for other in alike]
    )
    words = ", ".join(f"{setting.replace('_', ' ')} {values[own]}" for setting, values in found.items())
    return f"Measured with {words}; another record of this kind is not." if words else ""


SHOWN_ELSEWHERE = ("split", "step", "weights", "averaged")
"""settings that are shown elsewhere beside a record's scores"""


def in_order(records: Mapping[str, Entry]) -> list[tuple[str, Entry]]:
    """Disentanglement, latents, images, calibration, then all others; in each the test split first."""
    kinds = ("disentanglement", "latents", "images", "calibration")

    def place(name: str) -> tuple[int, bool, str]:
        return (kinds.index(kind(name)) if kind(name) in kinds else len(kinds), "-test" not in name, name)

    return [(name, records[name]) for name in sorted(records, key=place)]


def kind(name: str) -> str:
    """The group of scores in a record's name: that of "images-test-random-0" is "images"."""
    return name.partition("-")[0]


def reading(run: Run, name: str) -> AbstractContextManager[None]:
    """Inside the block the record called `name` is used; Damaged says where it is if it is not as it should be."""
    place = run.path / "measurements" / kind(name)
    return understanding(place, f"Remove its scores {name} (or those in scores/) and measure them again.")


def other_checkpoint(record: Entry, shown: Shown) -> str:
    """How the weights that a record was made of differ from the page's, as a sentence; "" if they do not."""
    settings = record["settings"]
    if settings["step"] != shown.step:
        return f"Made at step {settings['step']:,}, another checkpoint than this page’s ({shown.step:,})."
    if settings.get("averaged", shown.averaged) != shown.averaged:
        return f"Made of the weights {'averaged over steps' if settings['averaged'] else 'of the last step'}; this page is not."
    return ""


def _groups(name: str, record: Entry, other: str) -> list[ScoreGroup]:
    scores = record["scores"]
    split = f"{record['settings'].get('split', 'whole')} split"
    match kind(name):
        case "disentanglement":
            note = f"Codes of {record['settings']['data']}’s images against the factors that made them; 1 is best."
            return [ScoreGroup("Disentanglement", note, _disentanglement(scores), other)]
        case "latents":
            note = f"The rate in its parts, over the {split}; nats per image."
            return [ScoreGroup("What the rate is spent on", note, _latents(scores), other)]
        case "images":
            clouds = [cloud for cloud in ("sample", "reconstruction") if cloud in scores]
            return [_distances(cloud, scores[cloud], split, other) for cloud in clouds]
        case "calibration":
            note = f"The decoder’s distribution against the pixels that came, {split}, {scores['pixels']:,} pixels."
            return [ScoreGroup("Calibration", note, _calibration(scores), other)]
        case _:
            entries = {part: entry for part, entry in scores.items() if isinstance(entry, Mapping) and "value" in entry}
            return [ScoreGroup(name, "", [_row(about({}, part), entry) for part, entry in entries.items()], other)]


def _disentanglement(scores: Entry) -> list[ScoreRow]:
    known = [name for name in DISENTANGLEMENT if name in scores]
    return [_of_codes(name, scores[name]) for name in (*known, *(name for name in scores if name not in known))]


def _of_codes(name: str, entry: Entry) -> ScoreRow:
    settings, times = entry["settings"], entry["replicates"]
    drawn = settings["replicates"]
    if drawn.startswith("fresh"):
        drawn = f"replicates of {drawn}"
    score = about(DISENTANGLEMENT, name)
    if name == "beta_vae" and (details := entry.get("details")):
        score = score._replace(phrase=f"{score.phrase} ({details['classifier']}, L = {details['pairs']:,})")
    table = f"of {settings['table']:,} rows" if settings["rows"] < settings["table"] else "rows"
    return _row(score, entry, f"{times} {drawn}", f"{settings['rows']:,}", table)


def _latents(scores: Entry) -> list[ScoreRow]:
    count = f"{scores['details']['images']:,}"
    rows = []
    for name, score in LATENTS.items():
        entry = scores[name]
        if name == "active_units":
            rows.append(ScoreRow(*score, f"{entry['value']} of {entry['of']}", count=count, of="images"))
            continue
        if cap := entry.get("cap"):
            near = ". It is at its cap, so it shows N rather than the code" if entry["value"] > cap - SATURATED else ""
            score = score._replace(phrase=f"{score.phrase}, at most log N = {fixed(cap, 2)}{near}")
        how = "the images show no spread" if entry.get("low") is None else "t interval over images and draws"
        rows.append(_row(score, entry, how, count, "images"))
    return rows


def _distances(cloud: str, entries: Entry, split: str, other: str) -> ScoreGroup:
    features = entries["features"]
    count = f"{features['images']:,}"
    rows = []
    for name, score in IMAGES.items():
        entry = entries[name]
        title, how = entry.get("called", score.title), f"{entry['replicates']} half samples"
        if name == "kernel":
            how = f"standard error over {entry['replicates']} subsets of {entry['subset']:,}"
        if entry.get("rank_deficient"):
            score = score._replace(phrase=f"{score.phrase}. A covariance is singular: compare at this N only")
        if "nearest" in entry:
            score = score._replace(phrase=f"{score.phrase} (k = {entry['nearest']})")
        rows.append(_row(score._replace(title=f"{title} of {cloud}s"), entry, how, count, "images each"))
    made = "draws of the prior, decoded" if cloud == "sample" else "the very images, encoded and decoded"
    title = f"{cloud.capitalize()}s beside images of the {split}"
    return ScoreGroup(title, f"{made.capitalize()}. Features: {fingerprint(features)}.", rows, other)


def fingerprint(features: Entry) -> str:
    """All that features depend on, in words; of the weights' hash the first 16 digits."""
    size = "×".join(map(str, features["size"])) if features.get("size") else ""
    words = [
        str(features["name"]),
        f"weights {str(features['weights'])[:16]}",
        f"{features['dims']:,} dimensions",
        f"resize {features['resize']}" + (f" to {size}" if size else ""),
        f"values {features['values']}",
        "grey repeated to RGB" if features["grey_to_rgb"] else "",
        "8 bits a value" if features["quantised"] else "",
    ]
    named = {"name", "weights", "dims", "resize", "size", "values", "grey_to_rgb", "quantised", "images"}
    rest = {key: value for key, value in features.items() if key not in named}
    return ", ".join(filter(None, [*words, *_words(rest)]))


def _calibration(scores: Entry) -> list[ScoreRow]:
    images, rows = scores["images"], []
    count, of = f"{images:,}", "image" if images == 1 else "images"
    for level, entry in scores["coverage"].items():
        share, error = entry["share"], finite_or_none(entry["standard_error"])
        nominal = f"{100 * float(level):g} %"
        score = About(f"Coverage of central {nominal} intervals", f"share of pixels inside; {nominal} if calibrated")
        half = margin(error or 0.0, images)
        how = "t interval over images" if half > 0 else "all images are equal" if images > 1 else "one image has none"
        ends = {"value": share, "low": share - half, "high": share + half}
        rows.append(_row(score, ends, how, count, of, percent=True))
    for name, score in CALIBRATION.items():
        rows.append(_row(score, {"value": scores[name]}, "", count, of))
    return rows


def _row(
    score: About, entry: Entry, how: str = "", count: str = "", of: str = "", *, percent: bool = False
) -> ScoreRow:
    value, low, high = (finite_or_none(entry.get(key)) for key in ("value", "low", "high"))
    scale, unit, most = (100, " %", 2) if percent else (1, "", 5)
    if value is None:
        return ScoreRow(*score, "–", how="no number", count=count, of=of)
    if low is None or high is None:
        without = "one replicate has none" if entry.get("replicates") == 1 else "the replicates show no spread"
        why = (without if "replicates" in entry else how) if "low" in entry else ""
        return ScoreRow(*score, plain(scale * value) + unit, "", why, count, of)
    decimals = min(most, decimals_of(scale * (high - low) / 2))
    if abs(scale * value) < 0.001:  # too small for five decimals
        ends = f"{plain(scale * low)} to {plain(scale * high)}{unit}"
        return ScoreRow(*score, plain(scale * value) + unit, ends, how, count, of)
    ends = f"{fixed(scale * low, decimals)} to {fixed(scale * high, decimals)}{unit}"
    return ScoreRow(*score, fixed(scale * value, decimals) + unit, ends, how, count, of)


def _words(facts: Entry) -> Iterator[str]:
    """Facts by name as words, those within a fact too."""
    for key, value in facts.items():
        if isinstance(value, Mapping):
            yield from _words(value)
        else:
            yield f"{key.replace('_', ' ')} {plain(value) if isinstance(value, float) else value}"
