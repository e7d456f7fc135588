import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from kelbo.errors import RecipeError
from kelbo.machine import allow_open_files, describe, keep_freed_memory


def test_the_description_names_what_numbers_depend_on():
    told = describe()
    assert told["processor"]
    assert told["torch"] != "not installed"
    assert isinstance(told["threads"], int)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_freed_memory_is_kept_unless_the_user_says_not_to(monkeypatch):
    keep = keep_freed_memory.__wrapped__  # a process is asked once
    assert keep()
    monkeypatch.setenv("KELBO_KEEP_MEMORY", "0")
    assert not keep()


def test_importing_kelbo_changes_nothing_of_the_process():
    code = "import sys; import kelbo; print('kelbo.machine' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_the_allocators_options_have_the_numbers_of_its_header(monkeypatch):
    asked = []
    monkeypatch.setattr("ctypes.CDLL", lambda _: SimpleNamespace(mallopt=lambda *pair: asked.append(pair) or 1))
    keep_freed_memory.__wrapped__()
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # glibc's malloc.h
    assert dict(asked) == {trim_threshold: 2**31 - 1, mmap_threshold: 2**31 - 1, top_pad: 8 * 2**20}


def test_more_files_may_be_open_when_many_are_needed():
    resource = pytest.importorskip("resource", reason="Windows limits no open files")
    soft, hard = before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        allow_open_files(300)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_more_files_than_the_system_allows_are_refused_with_both_numbers(monkeypatch):
    resource = pytest.importorskip("resource", reason="Windows limits no open files")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    with pytest.raises(RecipeError, match=r"5,000 .* 4,096") as caught:
        allow_open_files(5000)
    assert caught.value.remedy == ("how",)
