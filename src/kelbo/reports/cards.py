"""The headline: one card a number, on the test split, or the reason why there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kelbo.experiments.target_texts import standing_text
from kelbo.reports.numbers import bits_with_error, error_of, fixed, plain, with_error
from kelbo.reports.wording import calibration
from kelbo.runs.measurement import Record
from kelbo.runs.measurements import ONE_DRAW
from kelbo.units import noun_of

NO_BOUND = "A plain autoencoder's code is a point: it has no KL to a prior."
NO_VECTOR = "Units are counted of a model with one vector of latents."


@dataclass(frozen=True)
class Card:
    """value is "none" if the number does not exist; then the note says why."""

    title: str
    value: str
    error: str = ""
    unit: str = ""
    note: str = ""
    verdict: str = ""
    wide: bool = False


def cards(record: Record, bits: Record) -> list[Card]:
    """The headline of a test `record`; `bits` is the record to take bits/dim from, the same if none has any."""
    made = record["reconstruction"]
    return [
        _elbo(record),
        _measured(record, "Rate", record["rate"], _carried(record), NO_BOUND),
        _measured(record, "Distortion", record["distortion"], "what the latents leave to pay for"),
        bits_card(bits),
        *([_held(record["target"], record)] if "target" in record else []),
        *([_explained(made["columns"])] if "columns" in made else _likeness(record)),
        _active(record),
        _sigma(record),
        _beta(record),
    ]


def _held(target: Record, record: Record) -> Card:
    """What training held, beside its target, both in the target's own unit too."""
    value, error = with_error(target["value"], target["standard_error"])
    noun = noun_of(record["settings"]["shape"])
    unit = f"sum over the {noun}" if target["held"] == "squared_error" else f"nats per {noun}"
    return Card(f"Held: {target['held'].replace('_', ' ')}", value, error, unit, standing_text(target))


def _likeness(record: Record) -> list[Card]:
    made = record["reconstruction"]
    return [
        _measured(record, "PSNR", made["psnr"], "of reconstructions", made.get("psnr_reason")),
        _measured(record, "SSIM", made["ssim"], "of reconstructions", made.get("ssim_reason")),
    ]


def _explained(columns: Record) -> Card:
    """The share of the columns' variance that reconstructions explain, each column counting alike, and the extremes."""
    shares = {name: found["explained"] for name, found in columns.items() if found["explained"] is not None}
    if not shares:
        return Card("Variance explained", "none", note="Every column is constant on these rows.")
    mean, order = sum(shares.values()) / len(shares), sorted(shares, key=lambda name: shares[name])
    told = [f"{name} {fixed(100 * shares[name], 0)} %" for name in dict.fromkeys((order[-1], order[0]))]
    note = f"of the columns, by reconstructions; from {' down to '.join(told)}"
    return Card("Variance explained", fixed(100 * mean, 0), unit="%", note=note)


def bits_card(record: Record) -> Card:
    """bits/dim with its standard error, or why the record has none."""
    if record["bits_per_dim"] is None:
        return Card("Bits/dim", "none", note=_sentence(record["bits_per_dim_reason"]))
    of = "dequantised intensities" if record["settings"]["dequantized"] else ""
    given = f"−{record['bounds']}" if "bounds" in record else ""
    note = ", of ".join(filter(None, ["an upper bound", given, of]))
    return Card("Bits/dim", *bits_with_error(record), "bits", note)


def _measured(record: Record, title: str, value: Record | None, note: str, reason: str | None = None) -> Card:
    if value is None:
        return Card(title, "none", note=_sentence(reason or ""))
    mean, error = with_error(value["mean"], error_of(record, value))
    unit, *rest = re.split("[,;] ", value["unit"], maxsplit=1)
    return Card(title, mean, error, "" if unit == "mean over images" else unit, "; ".join([note, *rest]))


def _carried(record: Record) -> str:
    drawn = "what the latents carry; log q(z|x) − log p(z) at one draw each, since this prior has no KL in closed form"
    return drawn if (record["rate"] or {}).get("estimate") == ONE_DRAW else "what the latents carry"


def _elbo(record: Record) -> Card:
    note = "−(rate + distortion); larger is better"
    if record["settings"]["levels"] is None:
        note += ". Of a density in the columns’ own units: it may be above 0 and compares only on the same table"
    elif record["decoder"]["kind"] == "density":
        note += ". Of a density over intensities: it may be above 0 and compares only on the same data"
    card = _measured(record, "ELBO", record["elbo"], note, NO_BOUND)
    return Card(card.title, card.value, card.error, card.unit, card.note, wide=True)


def _active(record: Record) -> Card:
    latents = record["latents"]
    if latents is None:
        return Card("Active units", "none", note=NO_BOUND if record["rate"] is None else NO_VECTOR)
    if latents["active_units"] is None or record["settings"]["images"] < 2:
        return Card(
            "Active units",
            "none",
            note=f"One {noun_of(record['settings']['shape'])} does not show which latents move with the data.",
        )
    return Card(
        "Active units",
        str(latents["active_units"]),
        unit=f"of {latents['dims']}",
        note="latents that move with the data",
    )


def _sigma(record: Record) -> Card:
    sigma, rmse = record["decoder"]["sigma"], record["decoder"]["rmse"]
    verdict = calibration(sigma, rmse)
    images = record["settings"].get("sigma_images")
    source = (
        f" It is from {images:,} training {noun_of(record['settings']['shape'])}s under these weights."
        if images
        else ""
    )
    unit = " In standard deviations of the columns." if record["settings"]["levels"] is None else ""
    note = f"{verdict.sentence}{unit}{source}"
    return Card("Decoder’s σ", plain(sigma), unit=f"RMSE {plain(rmse)}", note=note, verdict=verdict.word)


def _beta(record: Record) -> Card:
    if record["rate"] is None:
        return Card("Equivalent β", "none", note="There is no rate to weigh.")
    value = record["decoder"]["equivalent_beta"]
    if value is None:
        return Card(
            "Equivalent β", "none", note="Training weighed the rate beside a learned distance, which no β stands for."
        )
    return Card("Equivalent β", plain(value), note="weight of the rate beside ½ squared error, whatever the objective")


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") or not text else f"{text}."
