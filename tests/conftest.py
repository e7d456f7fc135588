"""Fixtures that several rooms' tests share."""

import gc
import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from kelbo import locks

SURROUNDINGS = re.compile(
    r"KELBO_(?!TEST)\w*|COLUMNS|LINES|FORCE_COLOR|NO_COLOR|PY_COLORS|CLICOLOR\w*|GITHUB_ACTIONS|TTY_\w+|PYTHONWARNINGS"
    r"|SLURM_\w+|TORCHELASTIC_\w+|(LOCAL_|GROUP_)?(RANK|WORLD_SIZE)|MASTER_(ADDR|PORT)|RAY_ADDRESS|LT_\w+"
)
"""variables that would change what is tested: settings, the terminal's size and colours, a cluster's job"""
for name in filter(SURROUNDINGS.fullmatch, list(os.environ)):
    del os.environ[name]
if "KELBO_TEST_CUDA" not in os.environ:  # numbers are compared bit for bit, on the CPU that every machine has
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

# a shell's background jobs ignore Ctrl-C, and so would every process that a test starts
signal.signal(signal.SIGINT, signal.default_int_handler)
locks.PATIENCE = 0.0  # no holder in a test has been killed
torch.set_num_threads(1)  # the tests' models are tiny: threads would only wait for one another


def pytest_collection_finish():
    """What was imported stays: the collector need not go through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory):
    """What is kept from run to run lies in a folder of the tests, not in that of whoever runs them."""
    os.environ["KELBO_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets in their official formats, none of which is part of the project."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("KELBO_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: name a folder of official files with KELBO_TEST_DATA")
    return folder


@dataclass
class Served:
    """How one address answers.

    cuts: bytes after which the connection is closed, for the first requests in turn. ranges: whether parts may be asked
    for. claims: another Content-Length than the true one; None sends none. pause: seconds between blocks of 10,000 bytes.
    shift: how far the part that is sent lies from the part that was asked for.
    """

    content: bytes = b""
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 200
    location: str = ""
    claims: int | None = -1
    pause: float = 0.0
    shift: int = 0


class LocalServer:
    """Serves `files` by path and keeps what was asked: (path, Range header or "")."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def serve(self, path: str, content: bytes = b"", **how) -> str:
        self.files[path] = Served(content, **how)
        return self.address + path

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append((self.path, self.headers.get("Range", "")))
                answer(self, host.files.get(self.path, Served(status=404)))

            def log_message(self, *arguments) -> None:
                pass

        return Handler


def answer(handler: BaseHTTPRequestHandler, served: Served) -> None:
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    start, length = int(asked[1]) if asked and served.ranges else 0, len(served.content)
    if start and start >= length:
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{length}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    start += served.shift if start else 0
    handler.send_response(206 if start else served.status)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{length - 1}/{length}")
    if served.location:
        handler.send_header("Location", served.location)
    if served.claims is not None:
        handler.send_header("Content-Length", str(length - start if served.claims < 0 else served.claims))
    handler.end_headers()
    body = served.content[start:]
    if served.cuts:
        body = body[: served.cuts.pop(0)]
    try:
        for block in range(0, len(body), 10_000):
            handler.wfile.write(body[block : block + 10_000])
            time.sleep(served.pause)
    except OSError:  # the other side was stopped, as some tests mean it to be
        pass
    handler.close_connection = True


@pytest.fixture
def server(monkeypatch):
    """A web server on this machine, whose faults a test can choose: `server.serve(path, content, …)` gives an address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("KELBO_MIRROR", raising=False)
    local = LocalServer()
    yield local
    local.close()


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are made, but their files stay empty, which saves most of a page's time: for tests of its words."""
    from kelbo.reports import page_pictures

    for name in ("as_png", "as_svg"):
        monkeypatch.setattr(page_pictures, name, lambda *_: b"")


@pytest.fixture
def kelbo(monkeypatch, capsys):
    """The command line in the tests' own process; returns (exit code, standard output, standard error)."""

    from kelbo.cli.main import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["kelbo", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
