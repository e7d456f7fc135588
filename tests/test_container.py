"""What a process may use is what its container allows, in both versions of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from kelbo import container
from kelbo.machine import use_own_processors
from kelbo.sweeps.queue import MEMORY, workers_here

pytestmark = pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="only Linux has control groups")

SECOND = "0::/app/job\n"
FIRST = "4:memory:/docker/9f\n2:cpu,cpuacct:/docker/9f\n0::/\n"


@pytest.fixture
def limit(tmp_path, monkeypatch):
    """Makes this process, which has 64 processors, a member of made groups with these files."""
    monkeypatch.setattr(container, "MOUNT", tmp_path)
    monkeypatch.setattr(container, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))

    def limited(groups: str, files: dict[str, str]) -> None:
        (tmp_path / "groups").write_text(groups)
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)

    return limited


@pytest.mark.parametrize("folder", ["", "app/", "app/job/", "unified/"])
def test_the_lowest_limit_of_all_groups_above_holds(limit, folder):
    limit(SECOND, {"app/memory.max": "max\n", "app/cpu.max": "max 100000\n"})
    limit(SECOND, {f"{folder}memory.max": "1048576\n", f"{folder}cpu.max": "250000 100000\n"})
    assert container.memory() == 2**20
    assert container.processors() == 3, "a quota of 2.5 is rounded up"


@pytest.mark.parametrize("folder", ["", "docker/9f/"])
def test_version_1_has_a_folder_for_each_controller(limit, folder):
    limit(FIRST, {f"memory/{folder}memory.limit_in_bytes": "1048576\n"})
    limit(FIRST, {f"cpu,cpuacct/{folder}cpu.cfs_{name}_us": value for name, value in CPU.items()})
    assert container.memory() == 2**20
    assert container.processors() == 2


CPU = {"quota": "200000\n", "period": "100000\n"}
FREE = {
    "no groups": ("", {}),
    "no limit": (SECOND, {"memory.max": "max\n", "cpu.max": "max 100000\n"}),
    "no limit, version 1": (
        FIRST,
        {"memory/memory.limit_in_bytes": "9223372036854771712\n", "cpu,cpuacct/cpu.cfs_quota_us": "-1\n"},
    ),
    "unreadable": (SECOND, {"memory.max": "?\n", "cpu.max": "\n"}),
}


@pytest.mark.parametrize(("groups", "files"), FREE.values(), ids=FREE)
def test_without_a_limit_the_machine_is_the_limit(limit, groups, files):
    limit(groups, files)
    total = Path("/proc/meminfo").read_text().split()[1]  # KiB
    assert container.memory() == pytest.approx(int(total) * 1024, rel=0.01)
    assert container.processors() == 64


def test_workers_are_counted_by_the_containers_memory_and_processors(limit, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    limit(SECOND, {"cpu.max": "400000 100000\n", "memory.max": str(3 * MEMORY)})
    assert workers_here(100) == 3
    limit(SECOND, {"cpu.max": "150000 100000\n"})
    assert workers_here(100) == 2
    limit(SECOND, {"memory.max": str(MEMORY // 2)})
    assert workers_here(100) == 1


def test_threads_are_counted_by_the_containers_processors_unless_the_environment_counts_them(limit, monkeypatch):
    set_to = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    limit(SECOND, {"cpu.max": "300000 100000\n"})
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    use_own_processors()
    assert not set_to
    monkeypatch.delenv("OMP_NUM_THREADS")
    use_own_processors()
    assert set_to == [3]
