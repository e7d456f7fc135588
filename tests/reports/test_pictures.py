import base64

import numpy as np
import pytest

from kelbo.errors import RunError
from kelbo.reports.page_pictures import cut, of_images, sheet, spread
from kelbo.runs import save_grid


def noise(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 8, 8), (3, 16, 12), (1, 64, 64), (3, 5, 100)])
def test_a_saved_grid_is_cut_back_into_its_images(tmp_path, channels, height, width):
    images = noise(6, channels, height, width)
    save_grid(tmp_path / "grid.png", images, columns=3)
    rows = cut(tmp_path / "grid.png", (height, width), rows=2)
    assert rows.shape == (2, 3, 3, height, width)
    np.testing.assert_allclose(
        rows.reshape(6, 3, height, width), np.broadcast_to(images, (6, 3, height, width)), atol=0.003
    )


def test_a_picture_that_training_did_not_write_is_named(tmp_path):
    save_grid(tmp_path / "grid.png", noise(6, 1, 8, 8), columns=3)
    with pytest.raises(RunError, match=r"grid.png.*be 2\b.*9×8.*136×208"):
        cut(tmp_path / "grid.png", (9, 8), rows=2)
    with pytest.raises(RunError, match="move it"):
        cut(tmp_path / "grid.png", (8, 100), rows=2)


def test_a_sheet_is_transparent_between_its_images_alone():
    picture = sheet(noise(5, 1, 16, 16), columns=3)
    assert picture.shape == (2 * 16 + 1, 3 * 16 + 2, 4)
    assert (picture[:16, :16, 3] == 255).all()
    assert (picture[16, :, 3] == 0).all()
    assert (picture[17:, 34:, 3] == 0).all()  # the sixth place is empty


def test_a_sheet_in_a_page_is_the_very_file():
    picture = of_images("samples", "noise", noise(4, 3, 8, 8), columns=2)
    assert base64.b64decode(picture.light.removeprefix("data:image/png;base64,")) == picture.file
    assert picture.dark is None


@pytest.mark.parametrize(("count", "chosen"), [(1, [0]), (3, [0, 1, 2]), (100, [0, 33, 66, 99])])
def test_a_spread_has_the_first_and_the_last(count, chosen):
    assert spread(range(count), 4) == chosen


def test_a_spread_of_nothing_is_nothing():
    assert spread([], 4) == []
