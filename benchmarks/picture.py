"""The README's picture: the top of the page that `make demo` writes, as a browser shows it.

make demo && python benchmarks/picture.py    # writes docs/pictures/report.png; needs Chromium
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "report.png"


def browser() -> str:
    """The path of Chromium or Chrome, whichever is installed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise SystemExit("Chromium is not installed.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", default=ROOT / "runs" / "demo")
    parser.add_argument("--out", type=Path, default=PICTURE)
    parser.add_argument("--size", default="1100,1750", help="Width and height, pixels.")
    parser.add_argument("--dark", action="store_true")
    asked = parser.parse_args()
    page = (asked.run / "report.html").resolve().as_uri()
    looks = ["--blink-settings=preferredColorScheme=0"] if asked.dark else []
    how = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={asked.size}", *looks]
    subprocess.run([browser(), *how, f"--screenshot={asked.out.resolve()}", page], check=True, capture_output=True)


if __name__ == "__main__":
    main()
