"""What the β-VAE report claims of images, and what it is tested by: distances, errors, and what β does to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from scipy import stats

from kelbo.studies.arms import StudyModel
from kelbo.studies.beta_vae.models import ARMS, BETAS, MLP, NAMES, beta, betas, whole
from kelbo.studies.beta_vae.tested import MPI3D, SHAPES3D, by_seed, gaps, numbered, rises, said
from kelbo.studies.estimates import Estimate, exponential, student, welch
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import Claim, Found, Test, level, percent

CIFAR = ("cifar10", "cifar100")
CIFAR10, CIFAR100 = (f"{role}-conv" for role in CIFAR)
RECONSTRUCTIONS, SAMPLES = "distance.reconstruction.frechet", "distance.sample.frechet"
ALIKE = 0.8
"""Rank correlation above which two courses count as of one behaviour."""
NEAR = 0.1
"""Share of a printed FID within which ours counts as that."""
STEPS = [(b, a) for arm in (CIFAR10, CIFAR100) for a, b in pairwise(betas(arm)[1:])]
"""from a β to the one before, above 1"""
GAN = numbered("WGAN-GP", "fid", "Table 3", "cifar10")
OF_RECONSTRUCTIONS = "Fréchet distance of reconstructions, which the report’s is too,"


def mpi3d_balance(n: Numbers) -> Found:
    there, here = ([math.log(r) for r in _ratios(n, beta(arm, 1.0)) if r > 0] for arm in (MPI3D, SHAPES3D))
    logs = welch(there, here)
    yield Test("β = 1", logs and exponential(logs), "ratio", above=1)


def _ratios(n: Numbers, model: StudyModel) -> list[float]:
    """Distortion over rate."""
    rates = n.by_seed("bound.rate", model)
    return [value / rates[seed] for seed, value in n.by_seed("bound.distortion", model).items() if rates.get(seed)]


def as_in_table_3(n: Numbers) -> Found:
    for role in CIFAR:
        arm = f"{role}-conv"
        if other := no_fid(n, RECONSTRUCTIONS, arm):
            yield f"ours is a {other}, not an FID"
            continue
        for model in betas(arm):
            theirs = numbered(model, "fid", "Table 3", role).value
            above, below = (1 - NEAR) * theirs, (1 + NEAR) * theirs
            label = f"{NAMES[role]}: {model}"
            yield level(n, RECONSTRUCTIONS, model, "distance", above=above, below=below, label=label)


def behind_gan(n: Numbers) -> Found:
    if other := no_fid(n, SAMPLES, CIFAR10):
        return [f"ours is a {other}, not an FID"]
    return [level(n, SAMPLES, beta(CIFAR10, 1.0), "distance", above=GAN.value)]


def no_fid(n: Numbers, quantity: str, *arms: str) -> str:
    """What a distance is called that is not over the Inception features of 2015; "" if all are, or there are none."""
    names = n.words(f"{quantity}.called", [whole(arm) for arm in arms])
    return next((name for name in names if not name.startswith("FID")), "")


def called(*arms: str) -> Callable[[Numbers], str]:
    """That ours is no FID."""

    def note(n: Numbers) -> str:
        other = no_fid(n, RECONSTRUCTIONS, *arms)
        return f"Ours is a {other}: its order can be compared with the FID’s, its size cannot." if other else ""

    return note


def alike_in_training(n: Numbers) -> Found:
    lanes = n.done(whole(CIFAR100))
    found = by_seed({lane["seed"]: r} for lane in lanes if (r := _rank_correlation(lane["courses"])) is not None)
    yield Test("rank correlation", student(found), "correlation", above=ALIKE)


def _rank_correlation(courses: Mapping[str, Sequence[Sequence[float]]]) -> float | None:
    """Spearman’s, of distances and the distortion read nearest to each; None of fewer than three, or if either is constant."""
    distances, curve = (courses.get(key, ()) for key in ("follow.rows.reconstruction", "journal.distortion"))
    if len(distances) < 3 or not curve:
        return None
    a = [value for _, value in distances]
    b = [min(curve, key=lambda point: abs(point[0] - step))[1] for step, _ in distances]
    return None if min(np.ptp(a), np.ptp(b)) == 0 else float(np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1])


def run_arms(n: Numbers) -> list[StudyModel]:
    return [whole(arm) for arm in ARMS.values() if arm in n.arms] or [whole(MLP)]


def variance_is_beta(n: Numbers) -> Found:
    measured = n.extra("identity") or {}
    for label, key in (("loss", "loss_gap"), ("gradients", "gradient_gap")):
        worst = max(measured.get(key) or (), default=None)
        how = "The largest over β; nothing random, so no interval"
        yield Test(label, None if worst is None else Estimate(worst, worst, worst, how), "relative", below=1e-4)


def fids(roles: Sequence[str], which: Sequence[float] = BETAS) -> str:
    """Printed FIDs, by set."""
    return said("fid", [beta(CIFAR10, b) for b in which], roles)


def fid_best(role: str, least: float) -> Claim:
    """Where the distance is smallest."""
    arm = f"{role}-conv"
    others = [(model, beta(arm, least)) for model in betas(arm) if model != beta(arm, least)]
    return Claim(
        f"fid-best-{role}",
        "§3.2, Table 3",
        f"On {NAMES[role]} the FID is best at β = {least:g}.",
        gaps(RECONSTRUCTIONS, "distance", *others, above=0),
        (whole(arm),),
        f"{OF_RECONSTRUCTIONS} at every other β − at β = {least:g} > 0; paired by seed",
        fids([role]),
        called(arm),
    )


ON_IMAGES = (
    Claim(
        "mpi3d-balance",
        "§3.1.2, §5",
        "MPI3DToy wants a lower β because its reconstruction loss is the largest relative to its KL loss.",
        mpi3d_balance,
        (whole(MPI3D), whole(SHAPES3D)),
        "Distortion over rate on MPI3DToy, divided by that on 3Dshapes > 1 at β = 1; Welch on logarithms",
        note="A Bernoulli distortion of grey levels has a floor, their entropy, that no model can go below.",
    ),
    Claim(
        "table-3-values",
        "Table 3",
        "The FID of reconstructions on CIFAR is as printed.",
        as_in_table_3,
        (whole(CIFAR10), whole(CIFAR100)),
        f"Mean FID of reconstructions within {percent(NEAR)} of the printed one for each β and set; Inception features only",
        "eight distances, beside ours in table 3",
        "The report’s are over 50,000 images: fewer give larger distances.",
    ),
    fid_best("cifar10", 1.0),
    fid_best("cifar100", 0.1),
    Claim(
        "fid-steep",
        "§3.2, Table 3",
        "Above β = 1 the FID rises steeply.",
        gaps(RECONSTRUCTIONS, "distance", *STEPS, above=0),
        (whole(CIFAR10), whole(CIFAR100)),
        f"{OF_RECONSTRUCTIONS} at β = 4 − at 1 > 0, and at 10 − at 4 > 0, on both sets; paired by seed",
        fids(CIFAR, BETAS[1:]),
        called(CIFAR10, CIFAR100),
    ),
    Claim(
        "fid-cifar100-lower",
        "§3.2, Table 3",
        "CIFAR-100 has the lower FID at every β, though it is the more complex set.",
        gaps(RECONSTRUCTIONS, "distance", *zip(betas(CIFAR100), betas(CIFAR10), strict=True), below=0),
        (whole(CIFAR100), whole(CIFAR10)),
        f"{OF_RECONSTRUCTIONS} on CIFAR-100 − on CIFAR-10 < 0 at every β; Welch",
        fids(CIFAR),
        called(CIFAR10, CIFAR100),
    ),
    Claim(
        "fid-behind-gan",
        "§3.2, Table 3",
        "β-VAEs’ images are far behind those of a GAN of their age.",
        behind_gan,
        (whole(CIFAR10),),
        f"FID of samples at β = 1 above {GAN}; Inception features only",
        f"{numbered('1', 'fid', 'Table 3', 'cifar10')} (β = 1) against {GAN} (WGAN-GP), CIFAR-10",
        "The printed pair is of two things: its own number is of reconstructions, the GAN’s of samples.",
    ),
    Claim(
        "mpi3d-reconstructions",
        "§3.2",
        "Reconstructions of MPI3DToy are much worse than those of 3Dshapes.",
        gaps("rmse", "intensity", (beta(MPI3D, 1.0), beta(SHAPES3D, 1.0)), above=0),
        (whole(MPI3D), whole(SHAPES3D)),
        "Root mean squared error on MPI3DToy − on 3Dshapes > 0 at β = 1; Welch",
    ),
    Claim(
        "fid-and-likelihood",
        "§3.2, Figs. 7 and 8, §5",
        "FID and reconstruction loss behave alike while training on CIFAR-100.",
        alike_in_training,
        (whole(CIFAR100),),
        f"Rank correlation of distance of reconstructions and distortion while training > {ALIKE}; mean of a seed’s runs",
        note=called(CIFAR100),
    ),
    Claim(
        "error-rises",
        "§1, §3.2, Figs. 8–10",
        "Lower β gives better reconstructions.",
        rises("rmse", "intensity", 10.0, 0.1, run_arms),
        run_arms,
        "Root mean squared error at β = 10 − at β = 0.1 > 0 on every set and network that was run; paired by seed",
    ),
    Claim(
        "beta-is-variance",
        "§4.2, eqs. 8–10",
        "With a Gaussian decoder a β-VAE is the standard VAE of variance σ² = β.",
        variance_is_beta,
        (),
        "Loss and gradients of the two, scaled by β, differ by less than 1 in 10,000 at the same weights, for every β",
        note="For half the squared error summed over dimensions; if it is averaged over D of them, β is a variance of βD/2.",
    ),
)
