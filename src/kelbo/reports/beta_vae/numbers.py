"""The β-VAE study's results, asked for what tables and claims are of: numbers by seed, how long was trained, what is absent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from kelbo.reports.beta_vae.results import NAMES, Entry, Kind, Study
from kelbo.reports.claims import Estimate

Group = tuple[str, str]
"""(role, network): a sweep of the study; network "" is the baselines of the set."""

BySeed = dict[int, float]
Key = TypeVar("Key")

CHOSEN = {"all": "five factors", "without shape": "four factors"}
"""Choices of factors on dSprites; the other sets have "all" only."""

NETWORKS = {"mlp": "MLP", "conv": "convolutional"}


def sweeps_of(study: Study, role: str, network: str = "") -> list[Entry]:
    """The plan's sweeps on a set of the study, of one network or all."""
    return [s for s in study.results["plan"]["sweeps"] if s["role"] == role and network in ("", s["network"])]


def groups_run(study: Study) -> list[Group]:
    """(role, network) of every sweep of the plan, in the study's order of sets, MLP first."""
    run = {(sweep["role"], sweep["network"]) for sweep in study.results["plan"]["sweeps"]}
    return sorted(run, key=lambda group: (list(NAMES).index(group[0]), group[1] != "mlp"))


def lanes(study: Study, group: Group, beta: float | None = None) -> list[Entry]:
    """Finished lanes of a sweep, of one β or all."""
    found = study.lanes(role=group[0], network=group[1])
    return [lane for lane in found if beta in (None, lane["beta"])]


def scores(
    study: Study,
    group: Group,
    kind: Kind,
    factors: str = "all",
    *,
    classifier: str | None = None,
    pairs: int | None = None,
) -> BySeed:
    """Scores of a row by seed, by the tables' classifier and L unless told; of a baseline, the group's network is no matter."""
    wanted = (factors, classifier or study.classifier, pairs or study.pairs)
    return {
        entry["seed"]: s["value"]
        for entry in study.entries(kind, *group)
        for s in entry["scores"]
        if (s["factors"], s["classifier"], s["pairs"]) == wanted
    }


def drawn_here(study: Study, groups: Iterable[Group]) -> bool:
    """Whether a set of these was drawn here and its images are others than the paper's; those of 2Dshapes are the same."""
    sweeps = [sweep for group in groups for sweep in sweeps_of(study, *group)]
    return any(sweep["source"] == "rendered" and sweep["role"] != "dsprites" for sweep in sweeps)


def by_classifier(study: Study, group: Group, classifier: str) -> dict[tuple[str, float, int], float]:
    """One classifier's scores of every finished lane by (factors, β, seed): what the study's second table pools."""
    return {
        (s["factors"], lane["beta"], lane["seed"]): s["value"]
        for lane in lanes(study, group)
        for s in lane["scores"]
        if (s["classifier"], s["pairs"]) == (classifier, study.pairs)
    }


def points_learnt(study: Study, group: Group, classifier: str) -> list[int]:
    """How many points a classifier learnt from for those scores; several numbers where lanes differ."""
    wanted = (classifier, study.pairs)
    learnt = (s["train"] for e in lanes(study, group) for s in e["scores"] if (s["classifier"], s["pairs"]) == wanted)
    return sorted(set(learnt))


def margins(study: Study, group: Group, kind: Kind, factors: str) -> list[float]:
    """Half the 95 % interval of each of these scores; the binomial law's, over test points, where it has none of its own."""
    wanted, found = (factors, study.classifier, study.pairs), []
    for s in (s for entry in study.entries(kind, *group) for s in entry["scores"]):
        if (s["factors"], s["classifier"], s["pairs"]) == wanted:
            if s["low"] is None or s["high"] is None:
                found.append(1.96 * math.sqrt(s["value"] * (1 - s["value"]) / s["test"]))
            else:
                found.append((s["high"] - s["low"]) / 2)
    return found


def reading(study: Study, group: Group, beta: float, read: Callable[[Entry], float | None]) -> BySeed:
    """A number of every finished lane of a β, by seed; lanes that have none are left out."""
    found = {lane["seed"]: read(lane) for lane in lanes(study, group, beta)}
    return {seed: value for seed, value in found.items() if value is not None}


def distance(made: str) -> Callable[[Entry], float | None]:
    """Reader of a lane's Fréchet distance of its "reconstruction" or its "sample"."""
    return lambda lane: lane["distances"][made]["value"] if lane["distances"] else None


def distance_names(study: Study, role: str, made: str) -> list[str]:
    """What the distances of a set are called exactly: "FID" only of the published Inception features."""
    found = [lane["distances"][made]["called"] for lane in study.lanes(role=role) if lane["distances"]]
    return sorted(set(found))


def rmse(lane: Entry) -> float | None:
    """A lane's reconstruction error, intensities."""
    return lane["rmse"]


def rate(lane: Entry) -> float | None:
    """A lane's rate, nats per image."""
    return lane["bound"]["rate"]["mean"] if lane["bound"] else None


def distortion_to_rate(lane: Entry) -> float | None:
    """log(distortion / rate) of a lane; None where either is not positive."""
    if not lane["bound"]:
        return None
    above, below = lane["bound"]["distortion"]["mean"], lane["bound"]["rate"]["mean"]
    return math.log(above / below) if min(above, below) > 0 else None


def differences(first: Sequence[Mapping[Key, float]], second: Sequence[Mapping[Key, float]]) -> dict[Key, float]:
    """first − second of every seed, each the mean over those rows (β) where the seed is in both."""
    found: dict[Key, list[float]] = {}
    for a, b in zip(first, second, strict=True):
        for seed in a:
            if seed in b:
                found.setdefault(seed, []).append(a[seed] - b[seed])
    return {seed: sum(values) / len(values) for seed, values in found.items()}


def means(values: Iterable[tuple[int, float]]) -> BySeed:
    """The mean of each seed's values, from (seed, value)."""
    found: dict[int, list[float]] = {}
    for seed, value in values:
        found.setdefault(seed, []).append(value)
    return {seed: sum(numbers) / len(numbers) for seed, numbers in found.items()}


def layout_differences(study: Study, role: str) -> dict[str, Estimate]:
    """Score of each baseline with its layouts put right − as published, over the same draws; empty where not compared."""
    return {
        row["label"]: _turned(row["difference"])
        for quirk in study.results["quirks"]
        if quirk["name"] == "baseline-layouts" and quirk["role"] == role
        for row in quirk["rows"]
        if row["difference"]
    }


def _turned(difference: Entry) -> Estimate:
    """A quirk's difference, published − corrected, the other way about."""
    value, low, high = (difference[key] for key in ("value", "low", "high"))
    if low is None or high is None:
        return Estimate(-value, None, None, "Replicates without spread, or only one")
    return Estimate(-value, -high, -low, "Over replicates with the same draws")


def trained(study: Study, groups: Iterable[Group]) -> float | None:
    """The least share of the paper's steps that a finished lane of these groups had; None without lanes."""
    paper = {sweep["name"]: sweep["paper_steps"] for sweep in study.results["plan"]["sweeps"]}
    found = [lane["steps"] / paper[lane["sweep"]] for group in groups for lane in lanes(study, group)]
    return min(found, default=None)


def standing_in(study: Study, groups: Iterable[Group]) -> str:
    """What was tested, and what stood in for what: "MLP on 2Dshapes (shapes2d, rendered)"."""
    found: list[str] = []
    for role, network in groups:
        for sweep in sweeps_of(study, role, network):
            source = {"rendered": f" ({sweep['set']}, rendered)", "files": f" ({sweep['images']:,} images)"}
            found.append(f"{NETWORKS.get(network, 'baselines')} on {NAMES[role]}{source.get(sweep['source'], '')}")
    told = ", ".join(dict.fromkeys(found))
    return told[:1].upper() + told[1:]


def absence(study: Study, group: Group) -> str:
    """Why a sweep, or with network "" a whole set, has no numbers: a phrase."""
    role, network = group
    results = study.results
    what = NAMES[role] + (f", {NETWORKS[network]}" if network else "")
    for left in results["plan"]["left_out"]:
        if left["what"] in (role, f"{role}-{network}") or (not network and left["what"].startswith(f"{role}-")):
            return f"{what} was left out: {left['why'].rstrip('.')}"
    only = f"only {', '.join(results['only'])} was asked for" if results["only"] else ""
    if not sweeps_of(study, *group):
        return f"{what} was not run: {only or 'it is no part of this budget'}"
    if network and not lanes(study, group):
        return f"no run of {what} finished ({lost(study, group)})"
    return f"this was not measured on {what}" + (f": {only}" if only else "")


def lost(study: Study, group: Group, beta: float | None = None) -> str:
    """How many lanes did not finish, "" where all did: "1 diverged of 4"."""
    planned = [x for x in study.results["lanes"] if (x["role"], x["network"]) == group and beta in (None, x["beta"])]
    states = [lane["state"] for lane in planned if lane["state"] != "done"]
    counted = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    return f"{counted} of {len(planned)}" if states else ""


def ends(counts: Iterable[int]) -> str:
    """The smallest and the largest of some counts: "2,000", "500 to 2,000"."""
    known = sorted(set(counts))
    return " to ".join(f"{count:,}" for count in (known if len(known) < 2 else (known[0], known[-1])))
