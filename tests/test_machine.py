import os
import platform
import subprocess
import sys

import pytest

from kelbo.machine import describe


def test_the_description_names_what_numbers_depend_on():
    told = describe()
    assert told["processor"]
    assert told["torch"] != "not installed"
    assert isinstance(told["threads"], int)


def keeps(**environment):
    code = "from kelbo.machine import keep_freed_memory; print(keep_freed_memory())"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return result.stdout.strip()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_freed_memory_is_kept_unless_the_user_says_not_to():
    assert keeps() == "True"
    assert keeps(KELBO_KEEP_MEMORY="0") == "False"


def test_importing_kelbo_changes_nothing_of_the_process():
    code = "import sys; import kelbo; print('kelbo.machine' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
