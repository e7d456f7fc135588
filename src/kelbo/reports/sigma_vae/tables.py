"""The σ-VAE study's tables: our numbers, and beside them those that the paper prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kelbo.reports.cells import Cell, Group, Row, StudyTable, some, with_deviation
from kelbo.reports.claims import percent, sentence
from kelbo.reports.numbers import plain
from kelbo.reports.sigma_vae import printed as paper, results as r
from kelbo.reports.sigma_vae.judging import PRINTED_SETS, absence, lost
from kelbo.reports.sigma_vae.measured import calibration, flattery
from kelbo.reports.sigma_vae.results import GAUSSIAN, GRID, OF_THE_PAPER, SIGMA_VAES, Kind, Study

OTHER_NETWORK = ("celeba", "cifar10")
"""Sets whose printed numbers are a hierarchical VAE's."""


UNIT = "Gaussian, σ\u00a0=\u00a01"


def tables(results: Mapping[str, Any]) -> list[StudyTable]:
    """What was run; tables 1 to 3; how well calibrated each decoder is; how a bound is flattered."""
    study = Study(results)
    return [plan(study), table_1(study), table_2(study), table_3(study), calibration(study), flattery(study)]


def plan(study: Study) -> StudyTable:
    """What was trained, on what and for how long, beside the paper's steps."""
    p = study.plan
    groups: dict[tuple[int, ...], list[Kind]] = {}
    for kind in map(Kind, study.decoders):
        groups.setdefault(tuple(p["seeds"].get(kind.decoder, ())), []).append(kind)
    rows = (
        [Row("β grid", _planned(study, study.grid, p["seeds"].get("beta", ()), "unit variance"))] if p["betas"] else []
    )
    for seeds, kinds in groups.items():
        rows.append(Row("Decoders at β\u00a0=\u00a01", _planned(study, kinds, seeds)))
    height, width = p["shape"][1:]
    channels = {1: "grey", 3: "colour"}.get(p["shape"][0], f"{p['shape'][0]}-channel")
    whose = "The paper’s" if p["set"] in OF_THE_PAPER else "The full schedule, ours as is the network"
    images = (
        f"{_images(study)} {p['images']:,} {channels} images of {height}×{width} "
        f"pixels at {p['levels']} levels, and {p['test_images']:,} for tests."
    )
    schedule = (
        f"One network ({p['network']}, {p['latents']} latents) and one schedule for all: {p['optimizer'].capitalize()} at "
        f"{p['learning_rate']:g}, batches of {p['batch_size']}, {p['steps']:,} steps, that is {plain(p['epochs'], 2)} epochs. "
        f"{whose}: {p['paper_steps']:,} steps, {plain(p['paper_epochs'], 2)} epochs."
    )
    return StudyTable(
        "plan",
        "",
        f"{images} {schedule}",
        ["What", "Seeds", "Share of steps", "Runs"],
        [Group("", rows)] if rows else [],
        words=True,
    )


def _images(study: Study) -> str:
    """What the images are, as a sentence that names their set once."""
    note = study.plan["note"]
    named = study.set.lower() in note.lower().replace("'", "’")
    return sentence(note if named else ": ".join(filter(None, [study.set, note])))


def _planned(study: Study, kinds: list[Kind], seeds: Any, note: str = "") -> list[Cell]:
    planned = [lane for kind in kinds for lane in study.planned(kind)]
    done = sum(lane["state"] == "done" for lane in planned)
    unfinished = [f"{kind}: {words}" for kind in kinds if (words := lost(study, kind))]
    return [
        Cell(", ".join(map(str, kinds)), notes=some(note)),
        Cell(", ".join(map(str, seeds)) or "–"),
        Cell(percent(study.plan["steps"] / study.plan["paper_steps"])),
        Cell(f"{done} of {len(planned)}", notes=tuple(unfinished)),
    ]


def table_1(study: Study) -> StudyTable:
    """The β grid and the σ-VAEs."""
    rows = [_balance(study, kind, paper.TABLE_1.get(kind.beta)) for kind in study.grid]
    rows += [
        _balance(study, kind, paper.TABLE_1_SIGMA_VAE if kind.decoder == SIGMA_VAES[1] else None)
        for kind in study.sigma_vaes
    ]
    return StudyTable(
        "table1",
        "Table 1 · What β does, and where the σ-VAE puts itself",
        "Mean ± standard deviation over seeds. −ELBO of a β is that of the Gaussian of σ² = β, which it amounts to; beside it, "
        "that of unit variance, which it was trained with, and of the σ that fits its own training errors. Effective β: σ². "
        f"{_distances_of(study)} Printed: SVHN.",
        [
            *(
                "−ELBO, nats",
                "of σ\u00a0=\u00a01",
                "of fitted σ",
                "Samples’ distance",
                "Recon\u00adstructions’",
                "Rate, nats",
            ),
            *("Effective β", "Printed −ln p", "Printed FID"),
        ],
        [Group("", rows)],
        wide=True,
        footnotes={"a": paper.ERRATA["convention"], "b": paper.ERRATA["mixed"]},
    )


def _balance(study: Study, kind: Kind, printed: paper.Printed | None) -> Row:
    grid = kind.decoder == GRID
    reads = (r.loss, r.unit_loss, r.fitted_loss) if grid else (r.loss,)
    cells = [_mean(study, kind, read) for read in reads] + [Cell("")] * (3 - len(reads))
    cells += [_mean(study, kind, read) for read in (r.of_samples, r.distance("reconstruction"), r.rate)]
    effective = () if grid or printed is None else (f"printed {paper.EFFECTIVE_BETA:g}",)
    found = Cell(f"{kind.beta:g}") if grid else _mean(study, kind, r.effective_beta)
    cells.append(replace(found, notes=effective, mark="a" if effective else ""))
    nats, fid = _printed(printed)
    if grid:
        cells += [Cell(nats.value, mark="a" if printed else ""), fid]
    else:
        cells += [Cell(nats.value, mark="b" if printed else ""), Cell(fid.value, mark="b" if printed else "")]
    return Row(str(kind), cells, _about(study, kind))


def table_2(study: Study) -> StudyTable:
    """Every decoder."""
    role = study.plan["role"]
    column = role if role in paper.TABLE_2 else "svhn"
    printed, marks = paper.TABLE_2[column], {}
    best = study.best_beta(r.of_samples)
    rows: dict[str, Row] = {}
    for key in r.NAMES:
        kind = Kind(key)
        if key in printed or key in study.decoders:
            rows[key] = _decoder(study, kind, printed.get(key), marks)
    tuned = Kind(GRID, best) if best is not None else None
    rows["beta"] = _decoder(study, tuned, printed["beta"], marks, "β-VAE, tuned")
    doubts = {mark: paper.ERRATA[doubt] for doubt, mark in marks.items()}
    other = (
        ""
        if column == role
        else f" The paper prints no such table of {study.set}: printed beside ours is SVHN’s, for its order."
    )
    network = " The printed numbers are a hierarchical VAE’s." if column in OTHER_NETWORK else ""
    return StudyTable(
        "table2",
        "Table 2 · Decoders",
        "Mean ± standard deviation over seeds. −ELBO is in nats per image, of a density over intensities in [0, 1] or of a "
        "mass, which do not compare. Bits/dim do, of masses over levels and of dequantised densities; Bernoulli, which takes "
        "intensities for probabilities, is neither. "
        f"{_distances_of(study)}{network}{other}",
        [
            *("−ELBO, nats", "Bits/dim", "Samples’ distance", "Recon\u00adstructions’", "Rate, nats", "σ", "RMSE"),
            *(f"Printed −ln p, {PRINTED_SETS[column]}", "Printed FID"),
        ],
        [Group("", list(rows.values()))],
        wide=True,
        footnotes=doubts,
    )


def _decoder(
    study: Study, kind: Kind | None, printed: paper.Printed | None, marks: dict[str, str], title: str = ""
) -> Row:
    """marks: of the footnotes so far, by what they say; a new one is added."""
    mark = ""
    if printed and printed.doubt:
        mark = marks.setdefault(printed.doubt, "abcdefgh"[len(marks)])
    nats, fid = _printed(printed)
    tail = [Cell(nats.value, mark=mark), fid]
    if kind is None:
        return Row(title, [Cell()] * 7 + tail)
    masses = {lane["kind"] for lane in study.lanes(kind)}
    loss = _mean(study, kind, r.loss)
    cells = [
        Cell(loss.value, loss.error, notes=some("mass" if masses == {"mass"} else "")),
        _mean(study, kind, r.bits),
        _mean(study, kind, r.of_samples),
        _mean(study, kind, r.distance("reconstruction")),
        _mean(study, kind, r.rate),
        _mean(study, kind, r.sigma),
        _mean(study, kind, r.rmse),
    ]
    return Row(
        title or (UNIT if kind == GAUSSIAN else str(kind)),
        cells + tail,
        str(kind) if title else _about(study, kind),
    )


def table_3(study: Study) -> StudyTable:
    """The paper's ablation on MNIST."""
    ours = study.plan["role"] == "mnist"
    best = study.best_beta(r.of_samples)
    rows = []
    for key, printed in paper.TABLE_3.items():
        kind = (Kind(GRID, best) if best is not None else None) if key == "beta" else Kind(key)
        title = "β-VAE, tuned" if key == "beta" else UNIT if key == GRID else str(kind)
        cells = [Cell(), Cell()]
        if ours and kind is not None:
            cells = [_mean(study, kind, read) for read in (r.loss, r.of_samples)]
        about = "" if not ours or kind is None else str(kind) if key == "beta" else _about(study, kind)
        rows.append(Row(title, [*cells, *_printed(printed)], about))
    note = "" if ours else f"Of MNIST only; this run is of {study.set}."
    return StudyTable(
        "table3",
        "Table 3 · MNIST",
        "Mean ± standard deviation over seeds. The tuned β is the one of the smallest distance of samples. "
        + (_distances_of(study) if ours else ""),
        ["−ELBO, nats", "Samples’ distance", "Printed −ln p", "Printed FID"],
        [Group("", rows, note)],
    )


def _mean(study: Study, kind: Kind, read: r.Read) -> Cell:
    """Mean ± standard deviation over seeds."""
    return Cell(*with_deviation(list(study.reading(kind, read).values())))


def _printed(number: paper.Printed | None) -> tuple[Cell, Cell]:
    """What the paper prints: −ln p and FID."""
    if number is None:
        return Cell(""), Cell("")
    nats, fid = (Cell() if x is None else Cell(f"{x:,g}".replace("-", "−")) for x in number[:2])
    return nats, fid


def _about(study: Study, kind: Kind) -> str:
    """How many seeds, and what became of the others; why there are none."""
    done = len(study.lanes(kind))
    if not done and any(left["what"] == kind.decoder for left in study.plan["left_out"]):
        return "left out, as said below"
    if not done:
        return sentence(absence(study, kind))
    return ", ".join(filter(None, [f"{done} {'seed' if done == 1 else 'seeds'}", lost(study, kind)]))


def _distances_of(study: Study) -> str:
    """What our distances are, and how far they compare with the printed ones."""
    found = [lane["distances"] for kind in study.kinds for lane in study.lanes(kind) if lane["distances"]]
    if not found:
        return "No distances were measured."
    names = {one["called"] for entry in found for key in ("sample", "reconstruction") if (one := entry.get(key))}
    counts = sorted({entry["images"] for entry in found})
    over = " to ".join(f"{count:,}" for count in (counts if len(counts) < 3 else (counts[0], counts[-1])))
    told = f"Distances: {' / '.join(sorted(names))}, over {over} images; smaller is better."
    if all(name.startswith("FID") for name in names):
        return f"{told} The paper does not say over how many images its FIDs are."
    return f"{told} The printed FIDs are over the Inception features of 2015, so only the order compares."
