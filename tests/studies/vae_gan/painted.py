"""Pictures of which two attributes are known, as a folder with a table: a bright half on the left, and warm colours."""

import numpy as np
from PIL import Image

NAMES = ("left", "warm")


def paint(folder, train=64, test=24, side=16):
    """The folder of so many pictures and, beside it, table.csv."""
    rng, rows = np.random.default_rng(0), ["file,left,warm"]
    for split, count in (("train", train), ("test", test)):
        (folder / split).mkdir(parents=True)
        for place in range(count):
            left, warm = place % 2, place // 2 % 2
            pixels = rng.integers(40, 100, (side, side, 3))
            pixels[:, : side // 2] += 120 * left
            pixels[..., 0] += 30 * warm
            Image.fromarray(pixels.astype(np.uint8)).save(folder / split / f"{place:03}.png")
            rows.append(f"{split}/{place:03}.png,{left},{warm}")
    (folder.parent / "table.csv").write_text("\n".join(rows))
    return folder
