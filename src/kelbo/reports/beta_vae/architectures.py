"""Table 4 of the β-VAE study: its architectures as printed, and as the models that were trained count."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from kelbo.reports.beta_vae import numbers as n, printed as papers
from kelbo.reports.beta_vae.results import NAMES, Entry, Study
from kelbo.reports.cells import Cell, Group, Row, StudyTable
from kelbo.reports.claims import sentence


def table_4(study: Study) -> StudyTable:
    """Architectures as printed and as they were built."""
    built = {(a["role"], a["network"]): a for a in study.results["architectures"]}
    groups = []
    for group, printed in papers.TABLE_4.items():
        architecture = built.get(group)
        note = "" if architecture else sentence(n.absence(study, group))
        groups.append(Group(f"{NAMES[group[0]]}, {n.NETWORKS[group[1]]}", _architecture(printed, architecture), note))
    return StudyTable(
        "table4",
        "Table 4 · Architectures",
        "As printed, and as counted from the models that were trained here. Three convolutions are CIFAR’s only: images of 64 "
        "pixels go through four, in the study’s code too. CIFAR’s images have 32×32×3 = 3,072 numbers, not 12,288. "
        "As built, an encoder’s last layer gives mean and variance of every latent.",
        ["As printed", "As built"],
        groups,
        words=True,
    )


def _architecture(printed: papers.PrintedArchitecture, built: Entry | None) -> list[Row]:
    b = built or {}
    inputs = b.get("input")
    numbers = math.prod(inputs) if inputs else None
    layers = convolutions(b["encoder"]) if built else None
    rows = [
        (
            "Input",
            f"{printed.pixels:,} numbers",
            inputs and f"{numbers:,} ({'×'.join(map(str, inputs))})",
            numbers == printed.pixels,
        ),
        ("Encoder", printed.encoder, built and ", ".join(b["encoder"]), layers in (None, 0, printed.convolutions)),
        ("Latents", str(printed.latents), built and str(b["latents"]), b.get("latents") == printed.latents),
        ("Decoder", printed.decoder, built and f"{', '.join(b['decoder'])}. {str(b['likelihood']).capitalize()}", True),
        ("Optimiser", printed.optimizer, b.get("optimizer"), b.get("optimizer") == printed.optimizer),
        (
            "Learning rate",
            f"{printed.learning_rate:g}",
            built and f"{b['learning_rate']:g}",
            b.get("learning_rate") == printed.learning_rate,
        ),
        (
            "Batch size",
            str(printed.batch_size),
            built and str(b["batch_size"]),
            b.get("batch_size") == printed.batch_size,
        ),
        ("Parameters", "–", built and f"{b['parameters']:,}", True),
    ]
    marked = [
        (title, there, here or "–", "" if same or not built else "not as printed") for title, there, here, same in rows
    ]
    return [Row(title, [Cell(there), Cell(here, mark=mark)]) for title, there, here, mark in marked]


def convolutions(encoder: Sequence[str]) -> int:
    """Convolutional layers of an encoder in words ("Conv 32×4×4 (stride 2) ×4"): the number after the last space's ×."""
    counts = [re.search(r"\s×\s?(\d+)$", layer) for layer in encoder if layer.startswith("Conv")]
    return sum(int(found[1]) if found else 1 for found in counts)
