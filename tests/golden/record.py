"""Record what short trainings give, bit by bit, so that a change that must not change a number can be held to it.

    python tests/golden/record.py             write golden.json anew
    python tests/golden/record.py --check     compare with it: 0 equal, 1 something changed, 3 another machine
    python tests/golden/record.py --list      the cases; with --check name some to run only these

Everything goes through the command line and the files that it leaves. What is new or worded anew is told and is no failure;
what was moved or renamed on purpose goes into `folders.RENAMED`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))  # this checkout's, whichever is installed
os.environ |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "100", "PYTHONPATH": sys.path[0]}

import folders
from cases import CASES

GOLDEN = Path(__file__).with_name("golden.json")
OTHER_MACHINE = 3


def record(names: list[str]) -> dict[str, folders.Flat]:
    """Run cases, each in a folder of its own."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"KELBO_CACHE": "none", "KELBO_DATA": f"{place}/data"}
        for number, name in enumerate(names):
            folder, begun = Path(place, str(number)), time.perf_counter()
            folder.mkdir()
            found[name] = CASES[name](folder)
            print(f"{time.perf_counter() - begun:6.1f} s  {name}: {len(found[name])} values", flush=True)
    return found


def check(names: list[str]) -> int:
    """Compare with the record; what differs is printed."""
    golden = json.loads(GOLDEN.read_text())
    here = folders.machine()
    if golden["machine"] != here:
        print(f"another machine, so nothing is compared: the record is of {golden['machine']}, this is {here}")
        return OTHER_MACHINE
    found, failures = record(names), 0
    for name in names:
        wrong, told = folders.compare(golden["cases"].get(name, {}), found[name])
        failures += len(wrong)
        for line in wrong:
            print(f"CHANGED {name}: {line}")
        for line in told:
            print(f"        {name}: {line}")
    lost = sorted(golden["cases"].keys() - CASES.keys())
    print(f"{failures} values changed; {len(names)} cases" + f"; cases that are gone: {', '.join(lost)}" * bool(lost))
    return 1 if failures or lost else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="only these (with --check)")
    parser.add_argument("--check", action="store_true", help="compare with golden.json")
    parser.add_argument("--list", action="store_true", help="print the cases' names")
    parser.add_argument("--out", type=Path, default=GOLDEN, help="where the record is written")
    asked = parser.parse_args()
    names = asked.cases or list(CASES)
    if asked.list:
        print("\n".join(CASES))
        return 0
    if asked.check:
        return check(names)
    if asked.cases:
        parser.error("a record is of all cases; name some with --check")
    found = record(names)
    asked.out.write_text(folders.written(found, machine=folders.machine(), threads=folders.threads()))
    print(f"{asked.out}: {len(found)} cases, {sum(map(len, found.values()))} values")
    return 0


if __name__ == "__main__":
    sys.exit(main())
