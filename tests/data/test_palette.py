"""Images as places in a palette are the images that the palette makes of them."""

import numpy as np
import pytest
import torch

from kelbo.data.palette import PaletteImages
from kelbo.errors import DataCorrupt

PLACES = torch.from_numpy(np.random.default_rng(0).integers(0, 200, (5, 4, 6), dtype=np.uint8))
PALETTE = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (200, 3), dtype=np.uint8))


def test_a_batch_has_the_colours_of_its_places():
    images = PaletteImages(PLACES, PALETTE)
    assert (len(images), images.shape, images.levels) == (5, (3, 4, 6), 256)
    taken = images.to(torch.device("cpu")).take(torch.tensor([4, 0, 4]))
    assert taken.is_contiguous()
    np.testing.assert_array_equal(taken.permute(0, 2, 3, 1).numpy(), PALETTE.numpy()[PLACES.numpy()[[4, 0, 4]]])


@pytest.mark.parametrize(
    ("places", "palette", "told"),
    [
        (PLACES.float(), PALETTE, "float32"),
        (PLACES[:0], PALETTE, "non-empty"),
        (PLACES, PALETTE.float(), "palette"),
        (PLACES, PALETTE[: int(PLACES.max())], "largest pixel"),
    ],
)
def test_what_is_no_palette_is_refused(places, palette, told):
    with pytest.raises(DataCorrupt, match=told):
        PaletteImages(places, palette)
