"""What a page shows of the groups of a hierarchy: their rates by resolution, and what each adds."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from kelbo.reports.figure import LIGHT, group_bars
from kelbo.reports.gallery import by_resolution, partial_decodings
from kelbo.runs import Measurement

SIDES = [1, 4, 4, 8]
BITS = [1.0, 2.0, 3.0, 10.0]
RATES = [bits * math.log(2) for bits in BITS]


def test_bars_are_told_apart_by_resolution_in_nats_and_bits():
    sides = [side for side, count in ((1, 2), (4, 4), (8, 10), (16, 16), (32, 16)) for _ in range(count)]
    (axes,) = group_bars(np.arange(1.0, 49), sides, theme=LIGHT).axes
    assert [text.get_text() for text in axes.texts] == ["1×1", "4×4", "8×8", "16×16", "32×32"]
    assert len({bar.get_facecolor() for bar in axes.patches}) == 2
    (bits,) = axes.child_axes
    assert bits.get_ylabel() == "bits"
    axes.figure.draw_without_rendering()
    assert bits.get_ylim()[1] == pytest.approx(axes.get_ylim()[1] / math.log(2))


def test_the_groups_of_a_resolution_add_up():
    told = by_resolution({"rate_per_group": RATES}, SIDES)
    assert [text.replace("\u00a0", " ") for text in told] == ["1×1 1.00 bits", "4×4 5.00 bits", "8×8 10.0 bits"]


def test_beside_partial_decodings_are_the_bits_of_their_groups():
    images = np.zeros((3, 1, 8, 8), np.uint8)
    arrays = {"images": images, "made": np.stack([images] * 3)}
    measured = Measurement("partial-decodings", {"groups": [0, 2, 4]}, "", {"sides": SIDES}, unkept=arrays)
    sheet = partial_decodings(measured, RATES)
    assert [(label, about.replace("\u00a0", " ")) for label, about in sheet.rows] == [
        ("original", ""),
        ("0 groups", "0 bits"),
        ("2 groups", "4×4, 3.00 bits"),
        ("4 groups", "8×8, 16.0 bits"),
    ]
    assert "3 test images" in sheet.picture.alt


def test_where_the_first_of_two_stages_ends_is_marked():
    images = np.full((3, 1, 8, 8), 255, np.uint8)
    arrays = {"images": images, "made": np.stack([images] * 4)}
    told = {"sides": SIDES, "stages": [2, 2]}
    measured = Measurement("partial-decodings", {"groups": [0, 1, 2, 4]}, "", told, unkept=arrays)
    sheet = partial_decodings(measured, RATES)
    assert [label for label, _ in sheet.rows] == ["original", "0 groups", "1 group", "x̄", "secondary", "x̄ + 2 groups"]
    assert [about.replace("\u00a0", " ") for _, about in sheet.rows[3:]] == [
        "4×4, 3.00 bits",
        "refines it, from 3.00 bits on",
        "8×8, 16.0 bits",
    ]
    shown = np.asarray(Image.open(io.BytesIO(sheet.picture.file)).getchannel("A"))
    middles = [int((row + 0.5) * len(shown) / 6) for row in range(6)]
    assert shown[middles].max(1).tolist() == [255, 255, 255, 255, 0, 255]
