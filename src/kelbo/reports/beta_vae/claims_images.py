"""Claims of the β-VAE study on images, on what β does to them, and on its section 4.2 (§3.1.2, §3.2, §4.2): table 3."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from kelbo.reports.beta_vae import numbers as n, printed as papers
from kelbo.reports.beta_vae.gathered import verdict
from kelbo.reports.beta_vae.results import NAMES, Entry, Study
from kelbo.reports.claims import Claim, Estimate, Verdict, paired, student, welch
from kelbo.reports.evidence import Gathered

ALIKE = 0.8
"""Rank correlation above which two curves count as of one behaviour."""

CIFAR = ("cifar10", "cifar100")
MPI3D, SHAPES3D = ("mpi3d", "conv"), ("3dshapes", "conv")
OF_RECONSTRUCTIONS = "Fréchet distance of reconstructions, which the study’s is too, "


def best_beta(study: Study, role: str, best: float) -> Verdict:
    """§3.2: where the distance is smallest."""
    claim = Claim(
        f"fid-best-{role}",
        "§3.2, Table 3",
        f"On {NAMES[role]} the FID is best at β = {best:g}.",
        " / ".join(f"{papers.TABLE_3[role][beta]:g}" for beta in papers.BETAS) + " (β = 0.1 / 1 / 4 / 10)",
        OF_RECONSTRUCTIONS + f"at every other β − at β = {best:g} > 0; paired by seed",
    )
    group, found = (role, "conv"), Gathered()
    least = n.reading(study, group, best, n.distance("reconstruction"))
    for beta in papers.BETAS:
        if beta != best:
            there = n.reading(study, group, beta, n.distance("reconstruction"))
            found.add(f"β = {beta:g} − β = {best:g}", paired(there, least), "distance", above=0)
    return verdict(study, claim, found, [group], _called(study, [role]))


def steep(study: Study) -> Verdict:
    """§3.2: large β."""
    printed = [f"{NAMES[r]}: " + ", ".join(f"{papers.TABLE_3[r][b]:g}" for b in (1.0, 4.0, 10.0)) for r in CIFAR]
    claim = Claim(
        "fid-steep",
        "§3.2, Table 3",
        "Above β = 1 the FID rises steeply.",
        "; ".join(printed) + " (β = 1, 4, 10)",
        OF_RECONSTRUCTIONS + "at β = 4 − at 1 > 0, and at 10 − at 4 > 0, on both sets; paired by seed",
    )
    found = Gathered()
    for role in CIFAR:
        one, four, ten = (
            n.reading(study, (role, "conv"), beta, n.distance("reconstruction")) for beta in (1.0, 4.0, 10.0)
        )
        found.add(f"{NAMES[role]}, 4 − 1", paired(four, one), "distance", above=0)
        found.add(f"{NAMES[role]}, 10 − 4", paired(ten, four), "distance", above=0)
    return verdict(study, claim, found, [(role, "conv") for role in CIFAR], _called(study, CIFAR))


def lower_on_cifar100(study: Study) -> Verdict:
    """§3.2: the two sets."""
    first, second = (papers.TABLE_3[role] for role in ("cifar100", "cifar10"))
    claim = Claim(
        "fid-cifar100-lower",
        "§3.2, Table 3",
        "CIFAR-100 has the lower FID at every β, though it is the more complex set.",
        "; ".join(f"β = {beta:g}: {first[beta]:g} and {second[beta]:g}" for beta in papers.BETAS),
        OF_RECONSTRUCTIONS + "on CIFAR-100 − on CIFAR-10 < 0 at every β; Welch",
    )
    found = Gathered()
    for beta in papers.BETAS:
        there, here = (
            list(n.reading(study, (role, "conv"), beta, n.distance("reconstruction")).values())
            for role in ("cifar100", "cifar10")
        )
        found.add(f"β = {beta:g}", welch(there, here), "distance", below=0)
    return verdict(study, claim, found, [("cifar100", "conv"), ("cifar10", "conv")], _called(study, CIFAR))


def behind_wgan(study: Study) -> Verdict:
    """§2.2.1, §3.2: the comparison with a GAN."""
    claim = Claim(
        "fid-behind-gan",
        "§3.2, Table 3",
        "β-VAEs’ images are far behind those of a GAN of their age.",
        f"{papers.TABLE_3['cifar10'][1.0]:g} (β = 1) against {papers.WGAN_GP_FID:g} (WGAN-GP), CIFAR-10",
        f"FID of samples at β = 1 above {papers.WGAN_GP_FID:g}, over the Inception features of 2015 only",
    )
    names, found, missing = n.distance_names(study, "cifar10", "sample"), Gathered(), []
    if _is_fid(names):
        samples = n.reading(study, ("cifar10", "conv"), 1.0, n.distance("sample"))
        found.add("samples, β = 1", student(samples), "distance", above=papers.WGAN_GP_FID)
    elif names:
        missing = [f"ours is a {names[0]}, which is no FID"]
    else:
        found.add("samples, β = 1", None, "distance")
    note = "The printed pair is of two things: its own number is of reconstructions, the GAN’s of samples."
    if found.evidence:
        note += f" {_over(study, ['cifar10'])}"
    return verdict(study, claim, found, [("cifar10", "conv")], note, missing=missing)


def values_of_table_3(study: Study) -> Verdict:
    """Table 3's distances."""
    claim = Claim(
        "table-3-values",
        "Table 3",
        "The FID of reconstructions on CIFAR is as printed.",
        "eight distances, beside ours in table 3",
        "Mean FID of reconstructions within 10 % of the printed one for each β and set, over the Inception features of 2015 "
        "only",
    )
    found, others = Gathered(), []
    for role in CIFAR:
        names = n.distance_names(study, role, "reconstruction")
        others += [name for name in names if not _is_fid([name])]
        for beta, printed in papers.TABLE_3[role].items():
            ours = n.reading(study, (role, "conv"), beta, n.distance("reconstruction")) if _is_fid(names) else {}
            label = f"{NAMES[role]}, β = {beta:g}"
            found.add(label, student(ours), "distance", above=0.9 * printed, below=1.1 * printed)
    missing = [f"ours is a {others[0]}, which is no FID"] if others else []
    note = _over(study, CIFAR) if found.evidence else ""
    return verdict(study, claim, found, [(role, "conv") for role in CIFAR], note, missing=missing)


def error_rises(study: Study) -> Verdict:
    """§1, §3.2: the price of β."""
    claim = Claim(
        "error-rises",
        "§1, §3.2, Figs. 8–10",
        "Lower β gives better reconstructions.",
        "",
        "Root mean squared error of reconstructions at β = 10 − at β = 0.1 > 0 on every set and network that was run; "
        "paired by seed",
    )
    found, groups = Gathered(), n.groups_run(study)
    for group in groups:
        high, low = (n.reading(study, group, beta, n.rmse) for beta in (10.0, 0.1))
        found.add(f"{NAMES[group[0]]}, {n.NETWORKS[group[1]]}", paired(high, low), "intensity", above=0)
    return verdict(study, claim, found, groups or [("dsprites", "mlp")])


def alike_in_training(study: Study) -> Verdict:
    """§3.2: figures 7 and 8."""
    claim = Claim(
        "fid-and-likelihood",
        "§3.2, Figs. 7 and 8, §5",
        "FID and reconstruction loss behave alike while training on CIFAR-100.",
        "",
        f"Rank correlation of a run’s Fréchet distance of reconstructions and its distortion over training > {ALIKE}, "
        "the mean of a seed’s runs",
    )
    runs = n.lanes(study, ("cifar100", "conv"))
    correlations = n.means((lane["seed"], c) for lane in runs if (c := rank_correlation(lane)) is not None)
    found = Gathered()
    found.add("CIFAR-100", student(correlations), "correlation", above=ALIKE)
    return verdict(study, claim, found, [("cifar100", "conv")], _called(study, ["cifar100"]))


def mpi3d_reconstructions(study: Study) -> Verdict:
    """§3.2: the set's own difficulty."""
    claim = Claim(
        "mpi3d-reconstructions",
        "§3.2",
        "Reconstructions of MPI3DToy are much worse than those of 3Dshapes.",
        "",
        "Root mean squared error on MPI3DToy − on 3Dshapes > 0 at β = 1; Welch",
    )
    there, here = (list(n.reading(study, group, 1.0, n.rmse).values()) for group in (MPI3D, SHAPES3D))
    found = Gathered()
    found.add("β = 1", welch(there, here), "intensity", above=0)
    return verdict(study, claim, found, [MPI3D, SHAPES3D])


def mpi3d_balance(study: Study) -> Verdict:
    """§3.1.2: the study's hypothesis on low β."""
    claim = Claim(
        "mpi3d-balance",
        "§3.1.2, §5",
        "MPI3DToy wants a lower β because its reconstruction loss is the largest relative to its KL loss.",
        "",
        "Distortion over rate on MPI3DToy, divided by that on 3Dshapes > 1 at β = 1; Welch on logarithms",
    )
    there, here = (list(n.reading(study, group, 1.0, n.distortion_to_rate).values()) for group in (MPI3D, SHAPES3D))
    logs, found = welch(there, here), Gathered()
    found.add("β = 1", logs and _exponential(logs), "ratio", above=1)
    note = "A Bernoulli distortion of grey levels has a floor, their entropy, that no model can go below."
    return verdict(study, claim, found, [MPI3D, SHAPES3D], note if found.evidence else "")


def variance_is_beta(study: Study) -> Verdict:
    """§4.2: mean squared error and β."""
    claim = Claim(
        "beta-is-variance",
        "§4.2, eqs. 8–10",
        "With a Gaussian decoder a β-VAE is the standard VAE of variance σ² = β.",
        "",
        "Loss and gradients of the two, scaled by β, differ by less than 1 in 10,000 at the same weights, for every β",
    )
    measured, found = study.results["identity"] or {}, Gathered()
    for label, key in {"loss": "loss_gap", "gradients": "gradient_gap"}.items():
        gaps = measured.get(key)
        worst = max(gaps) if gaps else None
        how = f"The largest of {len(gaps or [])} β; no draw, so no interval"
        found.add(label, None if worst is None else Estimate(worst, worst, worst, how), "relative", below=1e-4)
    note = (
        "Exact for half the squared error summed over dimensions; beside the mean over D dimensions the same β is a variance "
        "of βD/2."
    )
    missing = [] if found.evidence else ["the two were not trained"]
    return verdict(study, claim, found, [], note, missing=missing)


def rank_correlation(lane: Entry) -> float | None:
    """Spearman's, of a lane's distances over training and the distortion read nearest to each; None of fewer than three
    points, or where either does not change."""
    curve = [(row["step"], row["distortion"]) for row in lane["curve"] or [] if row["distortion"] is not None]
    distances = [row for row in lane["distance_curve"] or [] if row["reconstruction"] is not None]
    if len(distances) < 3 or not curve:
        return None
    a = [row["reconstruction"] for row in distances]
    b = [min(curve, key=lambda point: abs(point[0] - row["step"]))[1] for row in distances]
    if min(np.ptp(a), np.ptp(b)) == 0:
        return None
    return float(np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1])


def _exponential(found: Estimate) -> Estimate:
    """An estimate of a logarithm as one of the number itself."""
    value, low, high, how = found
    return Estimate(
        math.exp(value), None if low is None else math.exp(low), None if high is None else math.exp(high), how
    )


def _is_fid(names: list[str]) -> bool:
    return bool(names) and all(name.startswith("FID") for name in names)


def _over(study: Study, roles: Sequence[str]) -> str:
    """How many images the distances are over, which their size depends on."""
    counts = [lane["distances"]["images"] for role in roles for lane in study.lanes(role=role) if lane["distances"]]
    return f"Ours are over {n.ends(counts)} images, the study’s over 50,000: fewer give larger distances."


def _called(study: Study, roles: Sequence[str]) -> str:
    """What our distance is, where it is not the paper's."""
    names = {name for role in roles for name in n.distance_names(study, role, "reconstruction")}
    others = sorted(name for name in names if not _is_fid([name]))
    return f"Ours is a {others[0]}: its order can be compared with the FID’s, its size cannot." if others else ""
