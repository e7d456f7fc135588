"""The first words of the σ-VAE study's page: what was run, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from kelbo.experiments.diagnosis import CONSTANT
from kelbo.reports.claims import percent
from kelbo.reports.numbers import plain
from kelbo.reports.sigma_vae.judging import SAME_POSTERIOR, apart, best, unlearned
from kelbo.reports.sigma_vae.results import OF_THE_PAPER, Kind, Read, Study, effective_beta, loss, of_samples
from kelbo.reports.study_page import hardware


def lead(study: Study) -> Iterator[str]:
    """Some paragraphs in plain words."""
    yield (
        "“Simple and Effective VAE Training with Calibrated Decoders” (Rybkin, Daniilidis & Levine, 2021) says that a VAE "
        "needs no β once its decoder learns one σ for all pixels: the bound then finds its own balance. Here its decoders and "
        f"a grid over β are trained and measured on {study.set}, {_mode(study)}."
    )
    if study.as_published:
        yield (
            "As published: where σ is in closed form it is softly clipped and is the evaluated batch’s own even in evaluation, "
            "and all is measured on training images. So does the released code, and the bounds below are flattered by it."
        )
    yield _run(study)
    told = " ".join(filter(None, [_best_beta(study), _effective(study), unlearned(study), _same_posterior(study)]))
    yield from filter(None, [told, _winners(study)])


def _mode(study: Study) -> str:
    return "as its released code does it" if study.as_published else "with what its released code does unsaid put right"


def _run(study: Study) -> str:
    results, plan = study.results, study.plan
    done, lanes = sum(lane["state"] == "done" for lane in results["lanes"]), len(results["lanes"])
    begun = f"The {results['budget']} budget was run on {hardware(results['machine'])}."
    if not lanes:
        return f"{begun} No model was trained."
    share = plan["steps"] / plan["paper_steps"]
    ours = "" if plan["set"] in OF_THE_PAPER else ", which is ours here"
    finished = f"All {lanes} models" if done == lanes else f"{done} of {lanes} models"
    return f"{begun} {finished} were trained for {plan['steps']:,} steps, {percent(share)} of {study.steps}{ours}."


def _same_posterior(study: Study) -> str:
    """How many encoders tell nothing of the image to the decoder."""
    known = [lane["constant"] for lane in study.results["lanes"] if lane["state"] == "done" and lane["bound"]]
    cut = f"(each latent’s mean spreads by less than {plain(CONSTANT, 1)} over images)"
    return f"Of {len(known)} encoders, those that {SAME_POSTERIOR} {cut}: {sum(known)}." if any(known) else ""


def _best_beta(study: Study) -> str:
    """Which β are the best of the grid."""
    by_distance, by_loss = best(study, of_samples), best(study, loss)
    if by_distance and by_distance == by_loss:
        return f"Of the grid, {by_distance} has the best samples and the best bound."
    told = [
        f"{by_distance} has the best samples" if by_distance else "",
        f"{by_loss} the best bound" if by_loss else "",
    ]
    if not by_distance and by_loss:
        told = [f"{by_loss} has the best bound"]
    return f"Of the grid, {' and '.join(filter(None, told))}." if any(told) else ""


def _effective(study: Study) -> str:
    """Where the σ-VAEs put themselves."""
    by_distance = best(study, of_samples)
    chosen = by_distance or best(study, loss)
    found = [(kind, mean) for kind in study.sigma_vaes if (mean := study.mean(kind, effective_beta)) is not None]
    if not found:
        return ""
    told = [f"{plain(mean, 2)} ({str(kind).lower()})" for kind, mean in found]
    words = f"With nothing tuned, the σ-VAE’s effective β, σ², is {' and '.join(told)}"
    if chosen is None:
        return f"{words}."
    ratios = list(dict.fromkeys(plain(ratio, 2) for ratio in sorted(mean / chosen.beta for _, mean in found)))
    return f"{words}: {' to '.join(ratios)} times {'that of the best samples' if by_distance else 'the β of the best bound'}."


def _winners(study: Study) -> str:
    """The σ-VAE against the best β, by distance and by bound; and the best of all."""
    told = [_against(study, "By distance of samples", of_samples), _against(study, "By −ELBO", loss)]
    first = study.least(of_samples, study.kinds)
    if first:
        told.append(f"Of all decoders, the least distance is that of {_with_value(study, first, of_samples)}.")
    return " ".join(filter(None, told))


def _against(study: Study, words: str, read: Read) -> str:
    """The better σ-VAE beside the best β, and whether seeds tell them apart."""
    ours, grid = study.least(read, study.sigma_vaes), best(study, read)
    if ours is None or grid is None:
        return ""
    gap = apart(study.reading(grid, read), study.reading(ours, read))
    if gap is None:
        return ""
    both = f"{_with_value(study, ours, read)} against {_with_value(study, grid, read)}"
    ahead = "is ahead of" if gap.value > 0 else "is behind"
    if gap.low is None or gap.high is None:
        return f"{words} the σ-VAE {ahead} the best β, on one seed: {both}."
    if gap.low <= 0 <= gap.high:
        return f"{words} the σ-VAE {ahead} the best β by less than seeds differ: {both}."
    return f"{words} the σ-VAE {ahead} the best β: {both}."


def _with_value(study: Study, kind: Kind, read: Read) -> str:
    value = study.mean(kind, read)
    name = str(kind) if kind in study.grid else str(kind).lower()
    return name if value is None else f"{name} ({plain(value, 3)})"
