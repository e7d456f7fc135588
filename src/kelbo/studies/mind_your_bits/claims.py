"""What the paper says, its main claims first."""

from __future__ import annotations

from kelbo.studies.judge import Claim
from kelbo.studies.mind_your_bits import tested as by
from kelbo.studies.mind_your_bits.models import MATCHED, PRIMARY, STANDARD, at, pairs, seconds, single, sweep
from kelbo.studies.mind_your_bits.tested import ABOUT, CLOSE, PAPER, QUICKLY, WITHIN

RATES = f"Rates, nats. {PAPER.said('rate', [*map(single, (64, 32, 8, 2, 0.5))], ['svhn'], {'svhn': 'SVHN'})}"

CLAIMS = (
    Claim(
        "samples-near",
        "§3.2, Figs. 4 and 5",
        "The lower the rate, the closer samples are to reconstructions.",
        by.samples_near,
        lambda n: [*by.ends(n), PRIMARY],
        "Fréchet distance of samples − of reconstructions: at the smallest γ, and at the primary’s, − at the largest > 0",
    ),
    Claim(
        "two-stage-samples",
        "§4, Fig. 7",
        "At one error, samples of two stages are better than those of a single one.",
        by.better_samples,
        lambda n: [model for pair in pairs(n)[-1:] for model in pair],
        "Fréchet distance of samples: one stage − two at the smallest γ̃ that both have > 0; paired by seed",
    ),
    Claim(
        "two-stage-bound",
        "§4, Fig. 8",
        "At one error, the bound of two stages is close to that of a single one.",
        by.two_stage_bound,
        lambda n: [model for pair in pairs(n) for model in pair],
        f"−ELBO of two stages − of one within {CLOSE:g} bits/dim, at each γ̃ that both have; paired by seed",
    ),
    Claim(
        "two-stage-improves",
        "§4, Fig. 8",
        "A second stage improves the primary’s bound significantly.",
        by.improves,
        lambda n: [PRIMARY, *seconds(n)],
        "−ELBO of the primary − of two stages > 0, at each γ̃; paired by seed",
    ),
    Claim(
        "imperceptible",
        "§4, Fig. 7",
        "A second stage changes the primary’s samples by near-imperceptible amounts, and costs them no quality.",
        by.imperceptible,
        lambda n: [PRIMARY, *seconds(n)],
        f"Squared distance of a sample from its refinement < γ; Fréchet distance of samples: two stages − primary < "
        f"{100 * ABOUT:g} % of the primary’s",
    ),
    Claim(
        "less-consistent",
        "§5, Fig. 10",
        "At one error, early reconstructions are less consistent than late ones, and cost more bits.",
        by.less_consistent,
        lambda n: [at(n, "early")],
        "Where the error first reaches γ − at the end > 0: rate, and low frequencies’ share of the error, on test images",
        note="Low: the lowest quarter of frequencies in both directions. An error there is one of whole parts of a picture.",
    ),
    Claim(
        "poor-samples",
        "§3.2, Figs. 2, 4 and 5",
        "High rates make good reconstructions and poor samples.",
        by.poor_samples,
        lambda n: [*by.ends(n), PRIMARY],
        "At the smallest γ − at the primary’s: Fréchet distance of reconstructions < 0, of samples > 0; paired by seed",
    ),
    Claim(
        "rate-falls",
        "Figs. 4 to 6",
        "The larger the distortion target, the lower the rate.",
        by.rate_falls,
        sweep,
        "Rate at each γ − at the next larger > 0; paired by seed",
        RATES,
    ),
    Claim(
        "printed-rates",
        "Fig. 4",
        "Rates are as printed.",
        by.printed_rates,
        sweep,
        f"Our rate − the printed one within {100 * WITHIN:g} % of the latter",
        RATES,
    ),
    Claim(
        "high-rates-win",
        "§3.2, Fig. 6",
        "The bound favours high rates.",
        by.high_rates_win,
        sweep,
        "−ELBO of dequantised pixels at each γ − at the next smaller > 0; paired by seed",
    ),
    Claim(
        "unstable",
        "§2, Fig. 1",
        "Training with a trainable variance is less stable than holding its error as a target.",
        by.unstable,
        (STANDARD, MATCHED),
        "Largest gradient norm of the second half over its median: learned σ − target at equal error > 0; paired by seed",
        note="Norms are before clipping, and means over the steps of a row of the journal.",
    ),
    Claim(
        "equal-error",
        "§2, Fig. 1",
        "A target at the error of a trainable variance has about its bound.",
        by.equal_error,
        (STANDARD, MATCHED),
        f"−ELBO within {CLOSE:g} bits/dim; paired by seed",
    ),
    Claim(
        "converges",
        "§5, Fig. 9",
        "Models quickly converge to the targeted distortion.",
        by.converges,
        sweep,
        f"The share of the steps after which the error stays within 10 % of γ < {100 * QUICKLY:g} %, for each γ",
    ),
)
