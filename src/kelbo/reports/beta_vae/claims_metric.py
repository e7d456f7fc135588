"""Claims of the β-VAE study on its metric: what it tells of quality, of L, of the classifier (§3.1.3 to §3.1.5)."""

from __future__ import annotations

from kelbo.reports.beta_vae import numbers as n, printed as papers
from kelbo.reports.beta_vae.claims_2d import FOUR, MLP, POINTS
from kelbo.reports.beta_vae.claims_rgb import CONV
from kelbo.reports.beta_vae.gathered import verdict
from kelbo.reports.beta_vae.results import NAMES, Kind, Study
from kelbo.reports.claims import Claim, Estimate, Verdict, paired, percent, student, welch
from kelbo.reports.evidence import Gathered

HIGH = 0.9
"""A score from which on disentanglement counts as high."""

TWO_OF_FIVE = 0.5
"""Mutual information gap of half of the factors having a latent of their own: 1 if all had, 0.4 if two of five."""


def score_and_quality(study: Study) -> Verdict:
    """§3.1.3: a high score of poor traversals."""
    claim = Claim(
        "score-not-quality",
        "§3.1.3, Fig. 4",
        "High scores do not mean that latents are disentangled: almost perfect ones, yet about two of five factors learnt.",
        "scores of 100 % in figure 4",
        f"Of runs on 2Dshapes that score {percent(HIGH)} or more with four factors: mean mutual information gap < "
        f"{TWO_OF_FIVE}. A number in the place of looking; it would be 1 if each factor had a latent of its own",
    )
    scored = [
        (value, lane) for group in (MLP, CONV) for lane in n.lanes(study, group) if (value := study.score(lane, FOUR))
    ]
    gaps = n.means((lane["seed"], lane["mig"]["value"]) for value, lane in scored if value >= HIGH and lane["mig"])
    found = Gathered()
    found.add("their gap", student(gaps), "gap", below=TWO_OF_FIVE)
    missing = []
    if scored and not gaps:
        best = max(value for value, _ in scored)
        missing = [f"no run scored so high and has a gap; the highest score is {percent(best)}"]
    groups = [group for group in (MLP, CONV) if n.lanes(study, group)] or [MLP]
    return verdict(study, claim, found, groups, missing=missing)


def low_beta_wide(study: Study) -> Verdict:
    """§3.1.4: figure 5."""
    claim = Claim(
        "low-beta-wide",
        "§3.1.4, Fig. 5",
        "A low β spreads posteriors far apart; a high one crowds them around the prior’s mean.",
        "",
        "Rate of β = 0.1 − rate of β = 4 > 0, the two of figure 5; paired by seed. The rate is what the KL penalises: "
        "how far posteriors lie from the prior’s mean, and how narrow they are",
    )
    groups = [group for group in (MLP, CONV) if n.lanes(study, group)] or [MLP]
    found = Gathered()
    for group in groups:
        low, high = (n.reading(study, group, beta, n.rate) for beta in (0.1, 4.0))
        found.add(n.NETWORKS[group[1]], paired(low, high), "nats", above=0)
    return verdict(study, claim, found, groups)


def more_pairs_baselines(study: Study) -> Verdict:
    """§3.1.5: figure 6, PCA and ICA."""
    claim = Claim(
        "more-pairs-baselines",
        "§3.1.5, Fig. 6",
        "More pairs L in a training point raise the scores of PCA and ICA significantly.",
        "L from 16 to 256",
        "Score at the largest L − at the smallest > 0, for PCA and ICA; paired by seed",
    )
    found = Gathered()
    for kind in ("PCA", "ICA"):
        found.add(kind, paired(*_ends(study, kind)), "points", above=0)
    return verdict(study, claim, found, [("dsprites", "")])


def more_pairs_models(study: Study) -> Verdict:
    """§3.1.5: figure 6, PCA and ICA in particular."""
    claim = Claim(
        "more-pairs-contrast",
        "§3.1.5, Fig. 6",
        "More pairs raise the scores of PCA and ICA more than those of β-VAEs.",
        "L from 16 to 256",
        "Rise of PCA and ICA − rise of the MLP’s β-VAEs > 0, smallest L to largest, each the mean of a seed; Welch",
    )
    linear, deep = (
        list(n.differences(*zip(*(_ends(study, kind) for kind in kinds), strict=True)).values())
        for kinds in (("PCA", "ICA"), papers.BETAS)
    )
    found = Gathered()
    found.add("PCA and ICA − β-VAEs", welch(linear, deep), "points", above=0)
    return verdict(study, claim, found, [MLP])


def pairs_narrow(study: Study) -> Verdict:
    """§3.1.5: figure 6, the lines come together."""
    claim = Claim(
        "pairs-narrow",
        "§3.1.5, Fig. 6",
        "With more pairs β-VAEs score ever more alike, so the metric chooses worse between them.",
        "L from 16 to 256",
        "Highest − lowest score over β of a seed, at the largest L − at the smallest < 0; paired by seed",
    )
    ends = [_ends(study, beta) for beta in papers.BETAS]
    wide, narrow = (_ranges([pair[end] for pair in ends]) for end in (1, 0))
    found = Gathered()
    found.add("the range over β", paired(narrow, wide), "points", below=0)
    return verdict(study, claim, found, [MLP])


def classifier(study: Study) -> Verdict:
    """§3.1.5: table 2."""
    printed = papers.TABLE_2
    spread = {
        role: max(p.mean for p in row.values()) - min(p.mean for p in row.values()) for role, row in printed.items()
    }
    claim = Claim(
        "classifier",
        "§3.1.5, Table 2",
        "The choice of classifier has no significant effect on the score.",
        "; ".join(f"{NAMES[role]}: at most {value:.1f} points apart" for role, value in spread.items()),
        "Score of the classifier with the highest mean − of that with the lowest within ±5 points on each set, all learnt "
        "from as many points; paired by run, then the mean of a seed",
    )
    groups, found, missing = [MLP, ("3dshapes", "conv"), ("mpi3d", "conv")], Gathered(), []
    for group in groups:
        learnt = {name: n.points_learnt(study, group, name) for name in papers.CLASSIFIERS}
        names = _fair(learnt)
        label, estimate = _furthest(study, group, names)
        found.add(label, estimate, "points", above=-POINTS, below=POINTS)
        if estimate is not None and len(names) < len(learnt):
            others = [papers.CLASSIFIERS[name] for name in learnt if name not in names]
            missing.append(
                f"on {NAMES[group[0]]}, {', '.join(others)} learnt from another number of points, or not at all"
            )
    lacking = missing if missing and not found.absent else []
    return verdict(study, claim, found, groups, missing=lacking)


def _fair(learnt: dict[str, list[int]]) -> list[str]:
    """The classifiers that can be compared: the most that learnt from the same number of points."""
    counts = [tuple(counts) for counts in learnt.values() if len(counts) == 1]
    most = max(sorted(set(counts), reverse=True), key=counts.count, default=())
    return [name for name, numbers in learnt.items() if most and tuple(numbers) == most]


def _furthest(study: Study, group: n.Group, names: list[str]) -> tuple[str, Estimate | None]:
    """The two of these classifiers whose mean scores are furthest apart, and their difference over the same runs."""
    by_classifier = {name: n.by_classifier(study, group, name) for name in names}
    common = set.intersection(*(set(values) for values in by_classifier.values())) if len(names) > 1 else set()
    if not common:
        return NAMES[group[0]], None
    means = {name: sum(values[key] for key in common) for name, values in by_classifier.items()}
    best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    label = f"{NAMES[group[0]]}: {papers.CLASSIFIERS[best]} − {papers.CLASSIFIERS[worst]}"
    apart = ((key[-1], by_classifier[best][key] - by_classifier[worst][key]) for key in common)
    return label, student(n.means(apart))


def _ends(study: Study, kind: Kind) -> tuple[n.BySeed, n.BySeed]:
    """Scores at the largest L and at the smallest, of the first choice of factors that has both; empty where none has."""
    swept = study.results["plan"]["measures"]["pairs_sweep"]
    for factors in n.CHOSEN if len(set(swept)) > 1 else ():
        most, least = (n.scores(study, MLP, kind, factors, pairs=end(swept)) for end in (max, min))
        if most and least:
            return most, least
    return {}, {}


def _ranges(rows: list[n.BySeed]) -> n.BySeed:
    """Highest − lowest over β, of the seeds that every β has."""
    seeds = set.intersection(*(set(row) for row in rows))
    return {seed: max(row[seed] for row in rows) - min(row[seed] for row in rows) for seed in sorted(seeds)}
