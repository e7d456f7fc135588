"""What the β-VAE study's code did without saying so, each thing measured with all else equal.

`quirks` is asked once, with the sets and lanes that there are; it skips what they do not allow and says so where it could have
been expected. `as_published_scores` is the study's own way to its scores, all of it at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from kelbo.errors import KelboError
from kelbo.studies.beta_vae.quirks_entries import SMALL, Effort, Entry, Row, Subject, Value, entry
from kelbo.studies.beta_vae.quirks_lanes import Lane, distances, grey_bernoulli, mixed_up_gap
from kelbo.studies.beta_vae.quirks_scores import CLASSIFIERS, as_published_scores, few_points, networks
from kelbo.studies.beta_vae.quirks_sets import baselines, training_data
from kelbo.studies.beta_vae.quirks_texts import NOTES, TEXTS

__all__ = [
    "CLASSIFIERS",
    "SMALL",
    "Effort",
    "Entry",
    "Row",
    "Subject",
    "Value",
    "as_published_scores",
    "quirks",
]

Measure = Callable[[Subject], list[Entry]]
ORDER = tuple(TEXTS)


def quirks(
    subjects: Sequence[Subject],
    lanes: Sequence[Lane] = (),
    effort: Effort = SMALL,
    tell: Callable[[str, str], None] | None = None,
) -> list[Entry]:
    """Every quirk that these allow, in the order of `quirks_texts.TEXTS`; those that no number tells come without rows.

    subjects: sets with factors, each with the codes of one lane; what concerns no set in particular is measured on the first
    that allows it, or on all (`effort.everywhere`). lanes: as in results.json, for their image distances. tell is called with a
    name and a set before each measurement. Where a subject's codes or images do not allow a number (a KelboError), an entry
    without rows says why.
    """
    found: list[Entry] = []
    for name, measure, everywhere in _measures(effort):
        for subject in subjects:
            if tell:
                tell(name, subject.set)
            entries = _timed(name, measure, subject)
            found += entries
            if any(one["rows"] for one in entries) and not (everywhere or effort.everywhere):
                break
    found += distances(lanes)
    found += [entry(name, None, [], note) for name, note in NOTES.items()]
    replicates = (
        f"Intervals are over {len(effort.seeds)} replicates with other pairs, first weights and, where something is fitted, "
        "other images; both sides have the same."
    )
    for one in found:
        if any(row["unit"] == "accuracy" for row in one["rows"]):
            one["note"] = " ".join(filter(None, (one["note"], replicates)))
    return sorted(found, key=lambda one: ORDER.index(one["name"]))


def _measures(effort: Effort) -> list[tuple[str, Measure, bool]]:
    """A name for each measurement, what takes it, and whether every set is worth it."""
    return [
        ("baseline-layouts", partial(_layouts, effort=effort), True),
        ("baseline-sizes", partial(_sizes, effort=effort), False),
        ("carried-state", lambda subject: networks(subject, effort), False),
        ("mig-scrambled", lambda subject: mixed_up_gap(subject, effort), False),
        ("few-points", lambda subject: few_points(subject, effort), False),
        ("training-data", lambda subject: training_data(subject, effort), True),
        ("grey-bernoulli", grey_bernoulli, True),
    ]


def _layouts(subject: Subject, effort: Effort) -> list[Entry]:
    return baselines(subject, effort, sizes=effort.everywhere)


def _sizes(subject: Subject, effort: Effort) -> list[Entry]:
    """Together with the layouts where every set is looked at, since one fit serves both."""
    return [] if effort.everywhere else baselines(subject, effort, layouts=False)


def _timed(name: str, measure: Measure, subject: Subject) -> list[Entry]:
    begun = time.perf_counter()
    try:
        entries = measure(subject)
    except KelboError as error:  # these codes or images do not allow it: said, and the others go on
        entries = [entry(name, subject, [], f"Not measured here: {error}")]
    seconds = (time.perf_counter() - begun) / max(1, len(entries))
    for one in entries:
        one["seconds"] = seconds
    return entries
