"""Sheets of pictures of a study's figures."""

import io

import numpy as np
import pytest
from PIL import Image

from kelbo.studies.figures import Absent
from kelbo.studies.sheets import Sheet, beside, sheet_of


def pixels(picture):
    """RGBA of the file, an image's pixel once."""
    whole = np.asarray(Image.open(io.BytesIO(picture.file)).convert("RGBA"))
    return whole[:: 192 // 8, :: 192 // 8]


def test_smaller_images_are_enlarged_by_whole_numbers_and_centred():
    made = sheet_of("fig", "", [("large", "8", np.ones((2, 1, 8, 8))), ("small", "3", np.ones((1, 3, 3, 3)))])
    drawn = pixels(made.picture)[9:, :8, 3] > 0  # below the first row and the gap
    assert drawn.sum() == 6 * 6
    assert drawn[1:7, 1:7].all()
    assert made.rows == [("large", "8"), ("small", "3")]


def test_a_shorter_row_ends_early():
    made = sheet_of("fig", "", [("two", "", np.ones((2, 1, 8, 8))), ("one", "", np.ones((1, 1, 8, 8)))])
    shown = pixels(made.picture)[:, :, 3] > 0
    assert (shown[:8, 9:].all(), shown[9:, 9:].any()) == (True, False)


def test_no_row_is_no_sheet():
    with pytest.raises(Absent):
        sheet_of("fig", "", [])


def test_sheets_stand_beside_one_another_at_one_height():
    one = Sheet("a", "", ["z 0"], ["−3", "", "3"], np.zeros((1, 3, 1, 8, 8)))
    alone, two = (beside("fig", "", sheets, "") for sheets in ([one], [one, one]))
    assert two.width == pytest.approx(2 * alone.width, abs=8)
    assert two.dark is not None
