"""Pictures with words, and films of them."""

import io

import numpy as np
import pytest
from PIL import Image

from kelbo.reports.strips import COLOURS, Captioned, film, rows_with_labels, strip


def cells(count=3):
    draws = np.random.default_rng(0)
    return [Captioned(draws.random((3, 8, 8)), [f"{place} groups", "1.00 nats"], place > 1) for place in range(count)]


def frames(kind):
    film_of = Image.open(io.BytesIO(film(cells(), kind, 0.25)))
    shown = []
    for place in range(film_of.n_frames):
        film_of.seek(place)
        film_of.load()
        shown.append((np.asarray(film_of.convert("RGB")), film_of.info["duration"]))
    return shown


def test_cells_lie_in_rows_with_the_colour_of_their_stage():
    wide, folded = strip(cells(), 9), strip(cells(), 2)
    assert wide.width > wide.height
    assert folded.height == 2 * wide.height - 8
    found = {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in wide.getcolors(1 << 20)}
    assert {*COLOURS[:2]} <= found
    assert not {*COLOURS[2:]} & found


def test_every_pixel_of_an_image_is_a_square_of_pixels():
    picture = np.zeros((1, 8, 8))
    picture[0, 0, 0] = 1
    drawn = np.asarray(strip([Captioned(picture, [])], 1))[8:-14, 8:-8]
    assert drawn.shape == (112, 112, 3)
    np.testing.assert_array_equal(drawn[::14, ::14, 0], 255 * picture[0])


def test_each_row_has_its_label():
    rows = [np.zeros((4, 1, 8, 8))] * 3
    short, long = (rows_with_labels(rows, [[text]] * 3) for text in ("p", "a name of many letters"))
    assert long.width > short.width
    assert long.height == short.height > 3 * 112


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
def test_a_film_has_a_frame_a_cell_and_ends_with_a_long_one(kind):
    found = frames(kind)
    assert len(found) == 3
    if kind != "webp":  # whose reader tells no durations before a frame is shown
        assert [duration for _, duration in found] == [250, 250, 1000]
    assert len({picture.tobytes() for picture, _ in found}) == 3


def test_films_without_loss_are_equal():
    for (one, _), (other, _) in zip(frames("png"), frames("webp"), strict=True):
        np.testing.assert_array_equal(one, other)
