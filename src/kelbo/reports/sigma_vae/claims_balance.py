"""Claims of the σ-VAE study on the balance of the bound, on what the latents carry, and on learning (tables 1 to 3)."""

from __future__ import annotations

import math
from itertools import pairwise

from kelbo.experiments.diagnosis import COLLAPSED
from kelbo.reports.claims import Claim, Estimate, Verdict, student
from kelbo.reports.evidence import Gathered
from kelbo.reports.sigma_vae import printed as paper
from kelbo.reports.sigma_vae.judging import OPTIMAL, SHARED, apart, at_the_edge, best, difference, verdict
from kelbo.reports.sigma_vae.results import (
    GAUSSIAN,
    Entry,
    Kind,
    Read,
    Study,
    effective_beta,
    latent,
    loss,
    of_samples,
    rate,
    unit_loss,
)

STEP = 10.0
"""Between two β of the grid."""
WITHIN = 0.05
"""Of a printed −ln p, within which ours counts as that."""
EARLY = 0.25
"""Of the steps, where learning is compared."""
NEAR = 0.01
"""Nats below ln N within which latents tell all N images apart. The information is ln N less the mean of −ln p, with p the
share that a draw of z gives its own image among the N: e^−0.01 is 99 %. Two such models differ by no more than this, and a mean
over some thousand draws errs by about as much there."""

MSE = Kind("mse_vae")
information = latent("index_code_mutual_information")


def effective_beta_near(study: Study) -> Verdict:
    """4: the balance that a σ-VAE finds."""
    claim = Claim(
        "effective-beta",
        "Table 1",
        "The σ-VAE finds about the balance that tuning β finds.",
        f"effective β = {paper.EFFECTIVE_BETA:g} beside the best β = 0.01 of the grid (SVHN; in the paper’s convention, twice "
        "ours)",
        "σ² / best β between 1/10 and 10, a step of the grid, with β the best by distance of samples and by −ELBO of the "
        "equivalent Gaussian; geometric mean over seeds, for shared and optimal σ",
    )
    found, notes, kinds = Gathered(), [], [SHARED, OPTIMAL]
    for words, read in (("by distance", of_samples), ("by −ELBO", loss)):
        chosen = best(study, read)
        for kind in (SHARED, OPTIMAL):
            label = f"{kind} / {chosen}, {words}" if chosen else f"{kind} / best β {words}"
            ratio = _ratio(study, kind, chosen.beta) if chosen else None
            found.add(label, ratio, "ratio", 1 / STEP, STEP, models=(kind, chosen))
        kinds += [chosen] if chosen else []
        notes.append(at_the_edge(study, chosen))
    return verdict(study, claim, found, kinds, " ".join(dict.fromkeys(filter(None, notes))), of=("svhn",))


def _ratio(study: Study, kind: Kind, beta: float) -> Estimate | None:
    """Effective β of a model over β, with the interval of its logarithm."""
    known = study.reading(kind, effective_beta)
    logs = student({seed: math.log(value / beta) for seed, value in known.items() if value > 0})
    if logs is None:
        return None
    low, high = (None if end is None else math.exp(end) for end in (logs.low, logs.high))
    return Estimate(math.exp(logs.value), low, high, logs.how)


def bound_below_grid(study: Study) -> Verdict:
    """5: the bound of a learned variance."""
    row = paper.TABLE_1
    claim = Claim(
        "bound-below-grid",
        "Table 1",
        "The σ-VAE’s −ELBO is below that of every β.",
        f"{_minus(paper.TABLE_1_SIGMA_VAE.nats)} against "
        + ", ".join(f"{_minus(row[beta].nats)} (β = {beta:g})" for beta in paper.BETAS)
        + ", SVHN",
        "−ELBO at each β, of the Gaussian of σ² = β that it amounts to, − of shared or optimal σ, whichever is higher, > 0; "
        "paired by seed",
    )
    found = Gathered()
    known = {kind: values for kind in (SHARED, OPTIMAL) if (values := study.reading(kind, loss))}
    higher = (
        {seed: max(v[seed] for v in known.values()) for seed in set.intersection(*map(set, known.values()))}
        if known
        else {}
    )
    words = "the higher" if len(known) == 2 else str(next(iter(known), "σ-VAE"))
    for kind in study.grid:
        gap = apart(study.reading(kind, loss), higher)
        found.add(f"{kind} − {words}", gap, "nats", above=0, models=(kind, *known))
    found.absent += [str(kind) for kind in (SHARED, OPTIMAL) if kind not in known]
    return verdict(study, claim, found, [*study.grid, SHARED, OPTIMAL], of=("svhn",))


def optimal_learns_faster(study: Study) -> Verdict:
    """6: a closed form against gradient descent."""
    claim = Claim(
        "optimal-faster",
        "§4, Fig. 9",
        "σ in closed form learns faster than σ by gradient descent.",
        "",
        "At a quarter of the steps, shared σ − optimal σ > 0: −ELBO, and |ln σ/RMSE at the end|, how far σ is from the error "
        "where it settles; paired by seed",
    )
    found, both = Gathered(), (SHARED, OPTIMAL)
    found.add("−ELBO", difference(study, *both, _early_loss), "nats", above=0, models=both)
    found.add("|ln σ/RMSE at the end|", difference(study, *both, _early_distance), "gap", above=0, models=both)
    note = (
        "−ELBO is of training batches, with their own σ where that is in closed form; σ there is the running mean over "
        "batches, which lags."
    )
    note = note if found.evidence else ""
    return verdict(study, claim, found, both, note, arrived=False)


def _early(lane: Entry) -> Entry | None:
    """The row of a lane's curve nearest to a quarter of its steps; None where none is near."""
    wanted = EARLY * lane["steps"]
    row = min(lane["curve"], key=lambda row: abs(row["step"] - wanted), default=None)
    return row if row is not None and abs(row["step"] - wanted) <= 0.4 * wanted else None


def _early_loss(lane: Entry) -> float | None:
    row = _early(lane)
    return None if row is None or row["elbo"] is None else -row["elbo"]


def _early_distance(lane: Entry) -> float | None:
    """How far ln σ is from the error that the lane ends with, which is where a learned σ settles."""
    row = _early(lane)
    ends = [] if row is None else [row["sigma"], lane["curve"][-1]["rmse"]]
    return abs(math.log(ends[0] / ends[1])) if ends and all(x is not None and x > 0 for x in ends) else None


def printed_bounds(study: Study) -> Verdict:
    """8: the numbers themselves."""
    rows = {"mnist": paper.TABLE_3, "svhn": paper.TABLE_2["svhn"]}
    claim = Claim(
        "printed-bounds",
        "Tables 2 and 3",
        "−ln p of shared σ and of the Gaussian of unit variance is as printed.",
        "; ".join(
            f"{name.upper()} {_minus(row['shared_gaussian'].nats)} and {_minus(row['fixed_gaussian'].nats)}"
            for name, row in rows.items()
        ),
        f"Our −ELBO − the printed −ln p within {100 * WITHIN:g} % of the latter, for shared σ and for β = 1",
    )
    found, row = Gathered(), rows.get(study.plan["role"] or "")
    if row is None:
        return verdict(
            study, claim, found, [], missing=[f"the paper prints it for MNIST and SVHN; ours are of {study.set}"]
        )
    tests: tuple[tuple[Kind, Read], ...] = ((SHARED, loss), (GAUSSIAN, unit_loss))
    for kind, read in tests:
        number = row[kind.decoder].nats or 0.0
        gaps = {seed: value - number for seed, value in study.reading(kind, read).items()}
        margin, label = WITHIN * abs(number), f"{_short(kind)} − printed {_minus(number)}"
        found.add(label, student(gaps), "nats", above=-margin, below=margin, models=(kind,))
    splits = {lane["bound"]["split"] for kind in (SHARED, GAUSSIAN) for lane in study.lanes(kind) if lane["bound"]}
    note = (
        f"Ours are of the {' and '.join(sorted(splits))} split; the released code’s “test” images are training images."
    )
    return verdict(study, claim, found, [SHARED, GAUSSIAN], note if found.evidence else "")


def averaging_collapses(study: Study) -> Verdict:
    """10: squared error averaged over pixels and batch."""
    claim = Claim(
        "averaging-collapses",
        "Released code, mse_vae",
        "A VAE whose squared error is averaged over pixels while the rate is summed learns nothing in its latents.",
        "",
        f"Rate below {COLLAPSED:g} nats",
    )
    found = Gathered()
    found.add("rate", student(study.reading(MSE, rate)), "nats", below=COLLAPSED, models=(MSE,))
    return verdict(study, claim, found, [MSE])


def information_falls(study: Study) -> Verdict:
    """12: what the latents know of the image."""
    claim = Claim(
        "information-falls",
        "Fig. 4",
        "The latents’ information on the image falls with β, and the σ-VAE’s lies where its effective β puts it.",
        "",
        "Index-code mutual information: at each β − at the next > 0; and of shared and of optimal σ between its neighbours’ "
        "in β; paired by seed",
    )
    found, lacking, pairs = Gathered(), [], list(pairwise(study.grid))
    for kind in (SHARED, OPTIMAL):
        if study.mean(kind, effective_beta) is None or study.mean(kind, information) is None:
            found.absent.append(str(kind))
            continue
        beside, short = _between_neighbours(study, kind)
        pairs += beside
        lacking += [short] if short else []
    capped = [f"{low} − {high}" for low, high in pairs if _tells_all(study, low) and _tells_all(study, high)]
    if capped:
        lacking.append(
            f"within {NEAR:g} nats of ln N both models tell all images apart, and nothing can part them: {', '.join(capped)}"
        )
    for low, high in pairs:
        if (label := f"{low} − {high}") not in capped:
            found.add(label, difference(study, low, high, information), "nats", above=0, models=(low, high))
    caps = [cap for kind in study.kinds for cap in study.reading(kind, _cap).values()]
    note = f"It cannot be measured above ln N = {max(caps):.2f} nats." if caps and (found.evidence or capped) else ""
    return verdict(study, claim, found, [*study.grid, SHARED, OPTIMAL], note, missing=lacking)


def _between_neighbours(study: Study, kind: Kind) -> tuple[list[tuple[Kind, Kind]], str]:
    """A σ-VAE after the β of the grid below its effective one and before the one above; and which of them the grid lacks."""
    effective = study.mean(kind, effective_beta) or 0.0
    known = [one for one in study.grid if study.reading(one, information)]
    below = [one for one in known if one.beta < effective][-1:]
    above = [one for one in known if one.beta > effective][:1]
    pairs = [*((one, kind) for one in below), *((kind, one) for one in above)]
    short = "" if below and above else f"the grid has no β {'above' if below else 'below'} {kind}’s {effective:.2g}"
    return pairs, short


def _tells_all(study: Study, kind: Kind) -> bool:
    """Whether the latents of a model tell all images apart, as far as they can be measured."""
    left = study.mean(kind, _left_open)
    return left is not None and left < NEAR


def _cap(lane: Entry) -> float | None:
    """ln N of the N images that a lane's information is over."""
    found = lane["latents"] and lane["latents"].get("index_code_mutual_information")
    return found.get("cap") if found else None


def _left_open(lane: Entry) -> float | None:
    """Nats that a lane's latents leave open of which image they are of."""
    cap, known = _cap(lane), information(lane)
    return None if cap is None or known is None else cap - known


def _short(kind: Kind) -> str:
    return "Gaussian" if kind == GAUSSIAN else str(kind)


def _minus(value: float | None) -> str:
    return "–" if value is None else f"{value:,g}".replace("-", "−")
