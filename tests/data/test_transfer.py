"""One transfer from a server on this machine: what ends it early, and what is never followed or kept."""

import hashlib
import ssl
import subprocess

import numpy as np
import pytest

from kelbo.data.sources import File
from kelbo.data.transfer import Cut, Unreachable, Wrong, transfer

CONTENT = np.random.default_rng(0).bytes(300_000)
FILE = File("a.bin", size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def partial(tmp_path):
    return tmp_path / ".a.bin.partial"


def get(url, partial, file=FILE, timeout=5.0):
    steps = []
    transfer(url, file, partial, lambda done, total: steps.append((done, total)), timeout)
    return steps


def test_every_step_is_told_with_the_whole_length(server, partial):
    steps = get(server.serve("/a.bin", CONTENT), partial)
    assert partial.read_bytes() == CONTENT
    assert steps == sorted(steps)
    assert steps[-1] == (300_000, 300_000)


def test_a_resumed_transfer_counts_from_what_is_held(server, partial):
    partial.write_bytes(CONTENT[:200_000])
    steps = get(server.serve("/a.bin", CONTENT), partial)
    assert partial.read_bytes() == CONTENT
    assert steps[0][0] > 200_000


@pytest.mark.parametrize("claims", [-1, None])
def test_an_end_that_comes_too_early_is_noticed_and_what_came_is_kept(server, partial, claims):
    url = server.serve("/a.bin", CONTENT, cuts=[1_000], claims=claims)
    with pytest.raises(Cut, match="ended after 1,000 of 300,000 bytes"):
        get(url, partial)
    assert partial.read_bytes() == CONTENT[:1_000]


def test_a_server_that_falls_silent_is_left(server, partial):
    with pytest.raises(Cut, match=r"ended after 10,000 of 300,000"):
        get(server.serve("/a.bin", CONTENT, pause=30.0), partial, timeout=0.1)


def test_a_server_that_claims_too_much_is_not_listened_to(server, partial):
    unsized = File("a.bin", md5="0", most=400_000)
    with pytest.raises(Wrong, match="has 1,000,000,000 bytes, more than the 400,000 accepted"):
        get(server.serve("/a.bin", CONTENT, claims=10**9), partial, unsized)
    assert not partial.exists()


def test_an_endless_stream_is_stopped_a_little_after_the_declared_size(server, partial):
    steps = []
    with pytest.raises(Wrong, match="sends more than the 304,096 bytes accepted; it was stopped"):
        transfer(
            server.serve("/a.bin", CONTENT * 40, claims=None), FILE, partial, lambda done, _: steps.append(done), 5.0
        )
    assert max(steps) <= 304_096
    assert not partial.exists()


def test_a_server_that_answers_with_another_part_is_refused(server, partial):
    partial.write_bytes(CONTENT[:1_000])
    with pytest.raises(Wrong, match="asked for the bytes from 1000 on and sent 'bytes 990-299999/300000'"):
        get(server.serve("/a.bin", CONTENT, shift=-10), partial)


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/a.bin", "data:,hello"])
def test_a_redirect_to_anything_but_http_is_refused(server, partial, location):
    with pytest.raises(Wrong, match="which is refused: "):
        get(server.serve("/a.bin", status=302, location=location), partial)
    assert not partial.exists()


def test_a_redirect_within_http_is_followed(server, partial):
    server.serve("/b.bin", CONTENT)
    get(server.serve("/a.bin", status=302, location="/b.bin"), partial)
    assert partial.read_bytes() == CONTENT


def test_a_redirect_in_circles_is_left(server, partial):
    with pytest.raises(Wrong, match="infinite loop"):
        get(server.serve("/a.bin", status=302, location="/a.bin"), partial)
    assert len(server.asked) < 20


@pytest.fixture
def certificate(server, tmp_path):
    """The server speaks https, with a certificate of its own making."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
    try:
        subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl here to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    server.address = server.address.replace("http:", "https:")
    return certificate


def test_a_certificate_that_nobody_vouches_for_is_refused(server, certificate, partial):
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        get(server.serve("/a.bin", CONTENT), partial)
    assert server.asked == []


def test_https_is_never_left_for_http(server, certificate, partial, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    get(server.serve("/a.bin", CONTENT), partial)
    assert partial.read_bytes() == CONTENT
    partial.unlink()
    url = server.serve("/b.bin", status=302, location="http://127.0.0.1/a.bin")
    with pytest.raises(Wrong, match="leads to http://127.0.0.1/a.bin, which is refused: .* https never to http"):
        get(url, partial)
