"""One test of a claim of the σ-VAE study: differences between models, why a model has no numbers, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from kelbo.experiments.diagnosis import fit
from kelbo.reports.claims import Claim, Estimate, Verdict, judge, listed, paired, sentence, welch
from kelbo.reports.evidence import Gathered
from kelbo.reports.numbers import plain
from kelbo.reports.sigma_vae import printed as paper
from kelbo.reports.sigma_vae.results import SIGMA_VAES, BySeed, Entry, Kind, Read, Study, rmse, sigma

PRINTED_SETS = {"svhn": "SVHN", "celeba": "CelebA", "cifar10": "CIFAR", "bair": "BAIR", "mnist": "MNIST"}


SHARED, OPTIMAL = map(Kind, SIGMA_VAES)

SAME_POSTERIOR = "give every image the same posterior"


def difference(study: Study, first: Kind, second: Kind, read: Read) -> Estimate | None:
    """first − second of one number: paired by seed, Welch's where they have no two seeds in common; None without numbers."""
    a, b = study.reading(first, read), study.reading(second, read)
    return apart(a, b)


def apart(a: BySeed, b: BySeed) -> Estimate | None:
    """a − b, paired by seed, Welch's where they have no two seeds in common; None where one has no number."""
    common = len(a.keys() & b.keys())
    if common < 2 and min(len(a), len(b)) > 1:
        return welch(list(a.values()), list(b.values()))
    return paired(a, b) if common else welch(list(a.values()), list(b.values()))


def verdict(
    study: Study,
    claim: Claim,
    found: Gathered,
    kinds: Sequence[Kind],
    note: str = "",
    *,
    of: Sequence[str] = (),
    missing: Sequence[str] = (),
    arrived: bool = True,
) -> Verdict:
    """The verdict on what was gathered of these models.

    of: the sets whose numbers the paper prints for it. arrived: whether the claim is on where a learned σ arrives: one that is
    still on its way there then says nothing, neither for it nor against it.
    """
    lacking = list(missing)
    if found.absent:
        lacking += [absence(study, kind) for kind in kinds if not study.lanes(kind)] or [
            f"there are no numbers of {listed(found.absent)}"
        ]
    still = unlearned(study).rstrip(".") if arrived else ""
    evidence = [one._replace(held=still) if SHARED in one.models else one for one in found.evidence]
    said = [note, same_posterior(study, kinds)]
    if evidence and of and study.plan["role"] not in of:
        said.append(f"Printed for {listed([PRINTED_SETS[name] for name in of])}; ours are of {study.set}.")
    judged = judge(
        claim,
        evidence,
        missing=list(dict.fromkeys(lacking)),
        trained=trained(study, kinds),
        on=f"Images: {study.set}" if evidence else "",
        note=" ".join(filter(None, said)),
        steps=study.steps,
    )
    if judged.outcome == "not reproduced" and judged.missing:
        # numbers that the page shows may have had no say in it
        return replace(judged, why=f"{judged.why} {sentence('; '.join(judged.missing))}")
    return judged


def trained(study: Study, kinds: Sequence[Kind]) -> float | None:
    """The least share of the paper's steps that a finished lane of these models had; None without lanes."""
    steps = [lane["steps"] for kind in kinds for lane in study.lanes(kind)]
    return min(steps) / study.plan["paper_steps"] if steps else None


def absence(study: Study, kind: Kind) -> str:
    """Why a model has no numbers: a phrase."""
    names = {str(kind), kind.decoder, f"beta={kind.beta:g}"} - ({"fixed_gaussian"} if kind.beta != 1 else set())
    for left in study.plan["left_out"]:
        if left["what"] in names:
            return f"{kind} was left out: {left['why'].rstrip('.')}"
    planned = study.planned(kind)
    if planned:
        return f"no run of {kind} finished ({lost(study, kind)})"
    asked = study.asked_of(kind)
    if asked is None:
        return f"{kind} was not asked for"
    return f"{kind} was not run: " + (
        f"only {', '.join(asked)} was asked for" if asked else "it is no part of this budget"
    )


def lost(study: Study, kind: Kind) -> str:
    """How many of a model's lanes did not finish, "" where all did: "1 diverged of 3"."""
    planned = study.planned(kind)
    states = [lane["state"] for lane in planned if lane["state"] != "done"]
    counted = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    return f"{counted} of {len(planned)}" if states else ""


def printed_fids(first: str, *others: str, sets: Sequence[str] = ("svhn", "celeba", "cifar10", "mnist")) -> str:
    """Printed FIDs of some decoders, by set: "SVHN 112.5 against 22.25 and 27.25"; sets that lack the first or all else
    are left out."""
    found = []
    for name in sets:
        row = paper.TABLE_3 if name == "mnist" else paper.TABLE_2[name]
        numbers = [number for key in others if key in row and (number := row[key].fid) is not None]
        if first in row and row[first].fid is not None and numbers:
            found.append(f"{PRINTED_SETS[name]} {row[first].fid:g} against {' and '.join(f'{x:g}' for x in numbers)}")
    return f"FID of samples: {'; '.join(found)}"


def best(study: Study, read: Callable[..., float | None]) -> Kind | None:
    """The β of the grid of the smallest mean over seeds."""
    return study.least(read, study.grid)


def same_posterior(study: Study, kinds: Sequence[Kind]) -> str:
    """Which seeds of these models ended with an encoder that gives every image the same posterior; "" where none did."""
    lost_by = {
        kind: [str(lane["seed"]) for lane in study.lanes(kind) if lane.get("constant")] for kind in dict.fromkeys(kinds)
    }
    told = [f"{kind} (seed{'s' * (len(seeds) > 1)} {', '.join(seeds)})" for kind, seeds in lost_by.items() if seeds]
    return f"Encoders that {SAME_POSTERIOR}: {', '.join(told)}." if told else ""


def unlearned(study: Study) -> str:
    """That shared σ of some seed is still far above the error that it should come down to; "" where it is of none."""
    ratios = study.reading(SHARED, _over_error)
    seed = max(ratios, key=lambda seed: ratios[seed], default=None)
    if seed is None or fit(ratios[seed]) != "wide":
        return ""
    known, error = (plain(study.reading(SHARED, read)[seed], 2) for read in (sigma, rmse))
    of = f" (seed {seed})" * (len(ratios) > 1)
    return f"Shared σ has not come down to its error yet: it is {known}, and the error {error}{of}."


def _over_error(lane: Entry) -> float | None:
    known, error = sigma(lane), rmse(lane)
    return known / error if known is not None and error else None


def at_the_edge(study: Study, kind: Kind | None) -> str:
    """Where the best β has no neighbour on one side, that it may lie beyond; else ""."""
    known = [one for one in study.grid if study.lanes(one)]
    if kind is None or kind not in (known[:1] + known[-1:]):
        return ""
    return f"{kind} is the grid’s end: the best may lie beyond it."
