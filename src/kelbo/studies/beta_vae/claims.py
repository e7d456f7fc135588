"""Every claim of the β-VAE report: on scores here, then on images."""

from __future__ import annotations

import math
from itertools import combinations

from kelbo.studies.arms import StudyModel
from kelbo.studies.beta_vae import tested as by
from kelbo.studies.beta_vae.image_claims import ON_IMAGES
from kelbo.studies.beta_vae.models import (
    CLASSIFIERS,
    CONV,
    FACTORS,
    MLP,
    NAMES,
    beta,
    betas,
    linear,
    linears,
    whole,
)
from kelbo.studies.beta_vae.tested import FIVE, FOUR, GOOD, MODELS, MPI3D, PAPER, SHAPES3D, TWO_OF_FIVE, numbered, said
from kelbo.studies.estimates import paired
from kelbo.studies.judge import Claim, Test, apart, level, percent

ON_2D = whole("dsprites-linear")
ON_RGB = whole("3dshapes-linear"), whole("mpi3d-linear")
THEIRS, THEIR_ICA = (numbered(model, FOUR, "Higgins et al.") for model in ("4", "ICA"))
LINEAR_3D = numbered("linear", "score", "Table 2", "3dshapes")
ABOVE_THEIRS = THEIR_ICA.value + (THEIR_ICA.sd or 0.0)


def both(*models: StudyModel) -> str:
    """Printed scores on 2Dshapes, of five factors and of four."""
    told = (PAPER.said(f"score.{key}", models, ["dsprites"], {"dsprites": FACTORS[key]}) for key in FACTORS)
    return f"{'; '.join(told)} %"


def spread(role: str) -> str:
    """How far apart classifiers are in print."""
    scores = [numbered(name, "score", "Table 2", role).value for name in CLASSIFIERS]
    return f"{NAMES[role]}: at most {max(scores) - min(scores):.1f} points apart"


CLAIMS = (
    Claim(
        "baselines-high",
        "§2.1.1, Table 1",
        "2Dshapes is too easy: PCA and ICA score fairly high on it.",
        lambda n: [level(n, FOUR, model, "percent", above=0.75) for model in linears("dsprites")],
        (ON_2D,),
        "Mean score above 75 %, three times chance; four factors",
        f"{said(FOUR, linears('dsprites'))} %",
    ),
    Claim(
        "four-factors-higher",
        "Table 1, §3.1.1",
        "Scores rise for every model when shape is no longer among the factors to be told.",
        lambda n: [apart(n, FOUR, m, n.by_seed(FIVE, m), "points", above=0, label=str(m)) for m in MODELS],
        (whole(MLP), ON_2D),
        "Score of four factors − score of five > 0 for each β, PCA and ICA; paired by seed",
        "in every row of table 1",
        "Chance rises too, from 20 to 25 %.",
    ),
    Claim(
        "beta-above-one",
        "Table 1, §3.1.1",
        "On 2Dshapes, β = 4 and β = 10 score higher than the standard VAE.",
        by.above_one,
        (whole(MLP),),
        "Score of β − score of β = 1 > 0 for β = 4 and 10, of five factors and of four; paired by seed",
        both(*betas(MLP)[1:]),
    ),
    Claim(
        "table-1-values",
        "Table 1",
        "The mean scores on 2Dshapes are those printed.",
        by.as_in_table_1,
        (whole(MLP), ON_2D),
        "Our mean − the printed mean within ±5 points, of each model and choice of factors; Welch, with the printed deviation",
        "twelve means, beside ours in table 1",
        "Four seeds leave the printed means themselves unsure by 3 to 25 points.",  # Student's, 1.59 of their deviations
    ),
    Claim(
        "seeds-differ",
        "Table 1, §3.1.1",
        "Training is unstable for β > 1: scores differ much more between seeds than for β ≤ 1.",
        by.seeds_differ,
        (whole(MLP),),
        "Standard deviation over seeds at β = 4 and 10 over that at 0.1 and 1 > 1, pooled within β; F distribution",
        both(*betas(MLP)),
    ),
    Claim(
        "ica-stronger",
        "Table 1, §3.1.1",
        "ICA is much stronger than Higgins et al. report.",
        lambda n: [level(n, FOUR, linear("dsprites", "ica"), "percent", above=ABOVE_THEIRS / 100)],
        (ON_2D,),
        f"Mean score of ICA above {ABOVE_THEIRS:g} %, theirs and one deviation; four factors",
        f"{numbered('ICA', FOUR)} against {THEIR_ICA} %",
    ),
    Claim(
        "higgins-not-reached",
        "Table 1, §4.1",
        "The near-perfect score that Higgins et al. report cannot be reached with their network.",
        lambda n: [level(n, FOUR, beta(MLP, 4.0), "percent", below=THEIRS.value / 100)],
        (whole(MLP),),
        f"Mean score of β = 4, MLP, four factors, below {THEIRS.value:g} %",
        f"β = 4: {numbered('4', FOUR)} (median {numbered('4', f'{FOUR}.median')}) against {THEIRS} %",
    ),
    Claim(
        "worst-half",
        "§3.1.1, §4.1, §5",
        "Dropping the worst half of the seeds, as Higgins et al. did, raises the scores.",
        by.worst_half,
        (whole(MLP),),
        "Median of the better half − median of all > the score’s own 95 % margin (it cannot fall); four factors, mean over β",
    ),
    Claim(
        "conv-better",
        "§3.1.2, Fig. 3",
        "On 2Dshapes the convolutional network scores significantly higher than the MLP.",
        lambda n: [Test(w, by.over_betas(n, f"score.{f}", CONV, MLP), "points", above=0) for f, w in FACTORS.items()],
        (whole(CONV), whole(MLP)),
        "Score of the convolutional network − of the MLP at the same β, mean over β > 0; paired by seed",
    ),
    Claim(
        "conv-levels",
        "§3.1.2, Fig. 3",
        "The convolutional network often reaches almost 100 % with four factors, and around 90 % with five.",
        lambda n: [
            by.best(n, FOUR, CONV, 0.95, math.inf, FACTORS["four"]),
            by.best(n, FIVE, CONV, 0.85, 0.95, FACTORS["five"]),
        ],
        (whole(CONV),),
        "Mean score of the best β above 95 % with four factors, and from 85 to 95 % with five",
        "“almost 100 %”, “around 90 %”",
    ),
    Claim(
        "3dshapes-high",
        "§3.1.2, Fig. 3, Table 2",
        "β-VAEs reach very high scores on 3Dshapes as well.",
        lambda n: [by.best(n, FIVE, SHAPES3D, GOOD)],
        (whole(SHAPES3D),),
        f"Mean score of the best β above {percent(GOOD)}",
        f"{LINEAR_3D.value:g} to {numbered('logistic', 'score', 'Table 2', '3dshapes').value:g} %, by classifier",
    ),
    Claim(
        "baselines-drop",
        "§3.1.2, Fig. 3",
        "PCA and ICA drop significantly on 3Dshapes.",
        by.gaps(FIVE, "points", *zip(linears("3dshapes"), linears("dsprites"), strict=True), below=0),
        (ON_RGB[0], ON_2D),
        "Mean score on 3Dshapes − on 2Dshapes < 0, all factors, for PCA and ICA; Welch",
        note="Chance is 1 in 6 there and 1 in 5 here.",
    ),
    Claim(
        "flattening",
        "§3.1.2, appendix B",
        "The drop of PCA and ICA on RGB sets may be due to flattening the three channels.",
        by.flattening,
        ON_RGB,
        "Score with layouts put right, still flattened − score as published < 2 points, for PCA and ICA on each RGB set",
        note="The report’s code fits them to height×width×channel levels 0–255 and applies them to channel×height×width "
        "intensities 0–1. If putting that right gains more, the drop is at least partly that mistake.",
    ),
    Claim(
        "mpi3d-low-beta",
        "§3.1.2, Fig. 3, §5",
        "On MPI3DToy the best score is at β = 0.1, then at β = 1: β > 1 does not help on complex data.",
        by.gaps(FIVE, "points", *((a, b) for a, b in combinations(betas(MPI3D), 2) if a in betas(MPI3D)[:2]), above=0),
        (whole(MPI3D),),
        "Score of β = 0.1 − score of every other β > 0, and of β = 1 − of 4 and 10 > 0; paired by seed",
    ),
    Claim(
        "mpi3d-hardest",
        "§2.1.1, §3.1.2, Table 2",
        "MPI3DToy is the hardest set: scores on it are far below those on 3Dshapes.",
        lambda n: [Test("mean over β", by.over_betas(n, FIVE, MPI3D, SHAPES3D), "points", below=0)],
        (whole(MPI3D), whole(SHAPES3D)),
        "Score on MPI3DToy − score on 3Dshapes at the same β, mean over β < 0; paired by seed",
        f"{numbered('linear', 'score', 'Table 2', 'mpi3d')} against {LINEAR_3D} %, over all β",
    ),
    Claim(
        "score-not-quality",
        "§3.1.3, Fig. 4",
        "High scores do not mean that latents are disentangled: almost perfect ones, yet about two of five factors learned.",
        by.score_and_quality,
        by.on_2d,
        f"Mutual information gap < {TWO_OF_FIVE}, mean of runs that score {percent(GOOD)} or more with four factors. At 1 each "
        "factor has a latent of its own",
        "scores of 100 % in figure 4",
    ),
    Claim(
        "low-beta-wide",
        "§3.1.4, Fig. 5",
        "A low β spreads posteriors far apart; a high one crowds them around the prior’s mean.",
        by.rises("bound.rate", "nats", 0.1, 4.0, by.on_2d),
        by.on_2d,
        "Rate of β = 0.1 − rate of β = 4 > 0, the two of figure 5; paired by seed",
    ),
    Claim(
        "more-pairs-baselines",
        "§3.1.5, Fig. 6",
        "More pairs L in a training point (16 to 256) raise the scores of PCA and ICA significantly.",
        lambda n: [Test(str(m), paired(*by.ends(n, m)), "points", above=0) for m in linears("dsprites")],
        (ON_2D,),
        "Score at the largest L − at the smallest > 0, for PCA and ICA; paired by seed",
    ),
    Claim(
        "more-pairs-contrast",
        "§3.1.5, Fig. 6",
        "More pairs raise the scores of PCA and ICA more than those of β-VAEs.",
        by.more_pairs_models,
        (whole(MLP), ON_2D),
        "Rise of PCA and ICA − rise of the MLP’s β-VAEs > 0, smallest L to largest, each the mean of a seed; Welch",
    ),
    Claim(
        "pairs-narrow",
        "§3.1.5, Fig. 6",
        "With more pairs β-VAEs score ever more alike, so the metric chooses worse between them.",
        by.pairs_narrow,
        (whole(MLP),),
        "Highest − lowest score over β of a seed, at the largest L − at the smallest < 0; paired by seed",
    ),
    Claim(
        "classifier",
        "§3.1.5, Table 2",
        "The choice of classifier has no significant effect on the score.",
        by.classifiers,
        (whole(MLP), whole(SHAPES3D), whole(MPI3D)),
        "Highest − lowest of the classifiers that learned from as many points, by mean score, within ±5 points on each set; "
        "paired by run, then the mean of a seed",
        "; ".join(map(spread, ("dsprites", "3dshapes", "mpi3d"))),
    ),
    *ON_IMAGES,
)
