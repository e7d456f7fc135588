"""Downloads from a server on this machine: whole, cut off, resumed, damaged, too large, elsewhere, twice at once."""

import gzip
import hashlib
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from kelbo.data.download import ATTEMPTS, fetch
from kelbo.data.homes import HOMES, MNIST
from kelbo.data.idx import mnist
from kelbo.data.sources import Contents, File, PublicSet
from kelbo.errors import DataCorrupt, DataError, DataMissing

CONTENT = np.random.default_rng(0).bytes(300_000)
CHILD = """
import sys
from kelbo.data.download import fetch
from kelbo.data.sources import File, PublicSet
url, root, size, sha256 = sys.argv[1:]
file = File("a.bin", (url,), int(size), sha256=sha256)
fetch(PublicSet("tests", "Tests", (file,), "tests", "https://page.example", "none"), root, pause=0.01)
"""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def source_of(*urls, content=CONTENT, **known):
    file = File("a.bin", urls, **({"size": len(content), "sha256": sha256(content)} | known))
    return PublicSet("tests", "Tests", (file,), "tests", "https://page.example", "none")


def child(url, root):
    arguments = [sys.executable, "-c", CHILD, url, str(root), str(len(CONTENT)), sha256(CONTENT)]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)


class Told:
    def __init__(self):
        self.lines, self.steps = [], []

    def moved(self, name, done, total):
        self.steps.append((name, done, total))

    def says(self, line):
        self.lines.append(line)


def get(source, root, **options):
    return fetch(source, root, **({"pause": 0.001, "timeout": 5.0} | options))


def kept(root):
    return sorted(path.name for path in (root / "tests").iterdir() if path.name != ".fetch.lock")


def test_a_file_is_fetched_whole_and_its_progress_told(server, tmp_path):
    told = Told()
    [path] = get(source_of(server.serve("/a.bin", CONTENT)), tmp_path, watch=told)
    assert path == tmp_path / "tests/a.bin"
    assert path.read_bytes() == CONTENT
    assert kept(tmp_path) == ["a.bin"]
    assert told.steps[-1] == ("a.bin", len(CONTENT), len(CONTENT))


def test_a_file_already_there_asks_nothing(server, tmp_path):
    source = source_of(server.serve("/a.bin", CONTENT))
    get(source, tmp_path)
    get(source, tmp_path)
    assert server.asked == [("/a.bin", "")]


def test_a_file_of_the_users_that_is_not_the_official_one_is_never_overwritten(server, tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/a.bin").write_bytes(b"mine")
    with pytest.raises(DataCorrupt, match=r"it holds 4 bytes instead of 300,000\. Move it away"):
        get(source_of(server.serve("/a.bin", CONTENT)), tmp_path)
    assert (tmp_path / "tests/a.bin").read_bytes() == b"mine"
    assert server.asked == []


def test_a_cut_connection_is_resumed_where_it_broke(server, tmp_path):
    told = Told()
    [path] = get(source_of(server.serve("/a.bin", CONTENT, cuts=[100_000, 50_000])), tmp_path, watch=told)
    assert path.read_bytes() == CONTENT
    assert [ranges for _, ranges in server.asked] == ["", "bytes=100000-", "bytes=150000-"]
    assert "the connection ended after 100,000 of 300,000 bytes; trying again" in told.lines[0]


def test_a_server_that_sends_no_parts_is_asked_from_the_start(server, tmp_path):
    [path] = get(source_of(server.serve("/a.bin", CONTENT, cuts=[100_000], ranges=False)), tmp_path)
    assert path.read_bytes() == CONTENT
    assert [ranges for _, ranges in server.asked] == ["", "bytes=100000-"]


def test_a_connection_that_always_breaks_is_told_and_the_next_run_resumes(server, tmp_path):
    url = server.serve("/a.bin", CONTENT, cuts=[50_000] * ATTEMPTS)
    with pytest.raises(DataError) as raised:
        get(source_of(url), tmp_path)
    assert f"{url}: the connection ended after 200,000 of 300,000 bytes" in str(raised.value)
    assert "Fetch again to resume." in str(raised.value)
    assert kept(tmp_path) == [".a.bin.partial"]
    assert len(server.asked) == ATTEMPTS
    [path] = get(source_of(url), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] == ("/a.bin", "bytes=200000-")


def test_a_truncated_file_is_refused_by_its_size(server, tmp_path):
    url = server.serve("/a.bin", CONTENT[:-7])
    with pytest.raises(DataCorrupt, match=r"the file there has 299,993 bytes instead of 300,000"):
        get(source_of(url), tmp_path)
    assert kept(tmp_path) == []


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_corrupted_file_is_deleted_and_both_checksums_are_told(server, tmp_path, algorithm):
    damaged = CONTENT[:1000] + b"?" + CONTENT[1001:]
    expected, found = (hashlib.new(algorithm, content).hexdigest() for content in (CONTENT, damaged))
    known = {"sha256": None, "md5": None} | {algorithm: expected}
    with pytest.raises(DataCorrupt) as raised:
        get(source_of(server.serve("/a.bin", damaged), **known), tmp_path)
    assert f"was deleted: its {algorithm} is {found} instead of {expected}" in str(raised.value)
    assert kept(tmp_path) == []
    assert len(server.asked) == 1


def test_a_part_kept_of_another_file_is_thrown_away_and_fetched_anew(server, tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/.a.bin.partial").write_bytes(b"?" * 1000)
    [path] = get(source_of(server.serve("/a.bin", CONTENT)), tmp_path)
    assert path.read_bytes() == CONTENT
    assert [ranges for _, ranges in server.asked] == ["bytes=1000-", ""]


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/.a.bin.partial").write_bytes(b"?" * 300_001)
    [path] = get(source_of(server.serve("/a.bin", CONTENT)), tmp_path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(("size", "asked"), [(len(CONTENT), []), (None, [("/a.bin", "bytes=300000-")])])
def test_a_part_that_is_whole_only_needs_its_name(server, tmp_path, size, asked):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/.a.bin.partial").write_bytes(CONTENT)
    get(source_of(server.serve("/a.bin", CONTENT), size=size, most=10**6), tmp_path)
    assert kept(tmp_path) == ["a.bin"]
    assert server.asked == asked


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_home_without_the_file_sends_to_the_next(server, tmp_path, status):
    gone, there, told = server.serve("/gone", status=status), server.serve("/a.bin", CONTENT), Told()
    [path] = get(source_of(gone, there), tmp_path, watch=told)
    assert "trying the next home" in told.lines[0]
    assert path.read_bytes() == CONTENT
    assert [asked for asked, _ in server.asked] == ["/gone", "/a.bin"]


def test_every_home_that_was_tried_is_told(server, tmp_path):
    first, second = server.serve("/1", status=404), server.serve("/2", status=403)
    with pytest.raises(DataMissing) as raised:
        get(source_of(first, second), tmp_path)
    assert f"{first}: the server answers 404" in str(raised.value)
    assert f"{second}: the server answers 403" in str(raised.value)
    assert f"To fetch by hand, save these in {tmp_path / 'tests'}:\n  {first}\n" in str(raised.value)


def test_a_busy_server_is_asked_again(server, tmp_path):
    with pytest.raises(DataError, match="503 Service Unavailable, at the last of 4 attempts"):
        get(source_of(server.serve("/a.bin", status=503)), tmp_path, pause=0.01)
    assert len(server.asked) == ATTEMPTS


def test_the_pauses_between_attempts_double(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr("kelbo.data.download.time.sleep", pauses.append)
    get(source_of(server.serve("/a.bin", CONTENT, cuts=[10_000] * 3)), tmp_path, pause=2.0)
    assert [seconds for seconds in pauses if seconds] == [2.0, 4.0, 8.0]  # the server's own are 0


def test_without_a_network_it_says_what_to_get_and_where_to_put_it(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as closed:  # bound and never listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/a.bin"
        with pytest.raises(DataMissing) as raised:
            get(source_of(url, "http://no-such-host.invalid/a.bin"), tmp_path)
    assert f"{url}: no connection (" in str(raised.value)
    assert "no-such-host.invalid/a.bin: no connection (" in str(raised.value)
    assert f"To fetch by hand, save these in {tmp_path / 'tests'}:\n  {url}\nOr name a web server" in str(raised.value)


def test_a_copy_packed_anew_is_known_by_what_it_unpacks_to(server, tmp_path):
    official, anew = gzip.compress(CONTENT, 9), gzip.compress(CONTENT, 1, mtime=1)
    contents = Contents(sha256(CONTENT), len(CONTENT))
    url = server.serve("/a.bin", anew)
    [path] = get(source_of(url, content=official, contents=contents), tmp_path)
    assert path.read_bytes() == anew
    path.unlink()
    server.serve("/a.bin", gzip.compress(CONTENT[:-1] + b"?"))
    with pytest.raises(DataCorrupt, match="was deleted"):
        get(source_of(url, content=official, contents=contents), tmp_path)


def test_two_processes_at_once_fetch_once(server, tmp_path):
    url = server.serve("/a.bin", CONTENT, pause=0.01)
    both = [child(url, tmp_path) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0], [process.stderr.read() for process in both]
    for process in both:
        process.stderr.close()
    assert server.asked == [("/a.bin", "")]
    assert kept(tmp_path) == ["a.bin"]


def test_one_that_waits_says_so_and_finds_the_file_there(server, tmp_path):
    source, told = source_of(server.serve("/a.bin", CONTENT, pause=0.01)), Told()
    first = threading.Thread(target=get, args=(source, tmp_path))
    first.start()
    until(lambda: server.asked)
    get(source, tmp_path, watch=told)
    first.join()
    assert [line.split(", is ")[1] for line in told.lines] == [f"fetching into {tmp_path / 'tests'}; waiting for it"]
    assert len(server.asked) == 1


def until(happened, seconds=10.0):
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < seconds
        time.sleep(0.005)


def test_a_kill_in_the_middle_leaves_only_a_part_and_the_next_run_completes_it(server, tmp_path):
    url, partial = server.serve("/a.bin", CONTENT, pause=0.05), tmp_path / "tests/.a.bin.partial"
    with child(url, tmp_path) as process:
        until(lambda: partial.exists() and partial.stat().st_size > 0)
        process.send_signal(signal.SIGKILL)
    assert kept(tmp_path) == [".a.bin.partial"]
    held = partial.stat().st_size
    assert 0 < held < len(CONTENT)
    server.files["/a.bin"].pause = 0.0
    [path] = get(source_of(url), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] == ("/a.bin", f"bytes={held}-")


def test_a_folder_that_cannot_be_written_is_told(server, tmp_path):
    (tmp_path / "tests").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"Tests cannot be kept in .*tests .*choose another data root"):
        get(source_of(server.serve("/a.bin", CONTENT)), tmp_path)


def test_a_full_disk_is_told_and_what_came_is_kept(server, tmp_path):
    source = source_of(server.serve("/a.bin", CONTENT))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (131_072, hard))  # no file may grow further: writing fails
    try:
        with pytest.raises(DataError, match=r"cannot be kept in .*tests .*: what has arrived so far is kept"):
            get(source, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept(tmp_path) == [".a.bin.partial"]
    get(source, tmp_path)
    assert server.asked[-1] == ("/a.bin", "bytes=131072-")


def test_a_mirror_is_asked_instead_of_the_homes(server, tmp_path, monkeypatch):
    server.serve("/sets/tests/a.bin", CONTENT)
    monkeypatch.setenv("KELBO_MIRROR", f"{server.address}/sets/")
    get(source_of("http://no-such-host.invalid/a.bin"), tmp_path)
    assert server.asked == [("/sets/tests/a.bin", "")]
    monkeypatch.setenv("KELBO_MIRROR", "/my/folder")
    with pytest.raises(DataError, match="must be an http or https address"):
        get(source_of(server.address), tmp_path)


def test_mnist_from_a_mirror_reads_as_mnist(server, tmp_path, real_data):
    for file in MNIST.files:
        server.serve(f"/mnist/{file.name}", (real_data / "mnist" / file.name).read_bytes())
    paths = get(MNIST, tmp_path, mirror=server.address)
    assert len(paths) == len(server.asked) == 4
    assert len(mnist(tmp_path).train) == 60_000


def test_a_set_behind_a_login_says_where_a_person_gets_it(tmp_path):
    with pytest.raises(
        DataMissing, match=r"get img_align_celeba.zip, .* from https://mmlab.ie.cuhk.edu.hk.* in .*celeba"
    ):
        get(HOMES["celeba"], tmp_path)
