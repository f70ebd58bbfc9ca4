"""TLS: the same stamped reads, through a certificate that this test's own authority signed."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.client.tls import Tls
from tests.client.asking import plan, responses, trace_of
from tests.client.fake_server import FakeServer, Peer, answer, content, stream

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")

PIECES = stream(content("a"), content("b"), content("c", "stop"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with a certificate for 127.0.0.1 and its key."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = f"""
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1
            -addext subjectAltName=IP:127.0.0.1 -keyout {file} -out {file.with_name("only.pem")}
    """
    subprocess.run(command.split(), check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + file.with_name("only.pem").read_bytes())
    return file


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    """Give the server's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_untrusted(context: ssl.SSLContext) -> None:
    """A certificate that nobody vouches for is a failure that says so."""
    with FakeServer(answer(*PIECES), tls=context) as server:
        (response,) = responses(server.url)
    assert response.failure
    assert response.failure.kind == "connect"
    assert "certificate verify failed: self-signed certificate" in response.failure.message


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_trusted(
    context: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch, version: ssl.TLSVersion
) -> None:
    """With its authority in SSL_CERT_FILE the generator's requests succeed, with kernel stamps."""
    context.maximum_version = version
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    generator = LoadGenerator()

    def script(peer: Peer) -> None:
        while peer.receive():
            for piece in PIECES:
                peer.send(piece)
                peer.wait_until_read()

    with FakeServer(script, tls=context) as server:
        try:
            traces = generator.run(plan(server.url, 3)).traces
        finally:
            generator.close()
    assert [(trace.failure, len(trace.chunks), trace.clock) for trace in traces] == [(None, 3, "kernel")] * 3
    assert traces[0].connect > 0 == traces[1].connect
    assert [chunk.uncertainty for trace in traces for chunk in trace.chunks] == [0] * 9


def test_big_bodies(context: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies and answers of many records arrive whole."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    many = b"".join(stream(*(content("x" * 100) for _ in range(2000)), content("", "stop")))
    received = []

    def script(peer: Peer) -> None:
        while request := peer.receive():
            received.append(len(request.body))
            peer.send(many)

    with FakeServer(script, tls=context) as server:
        traces = [trace_of(response) for response in responses(server.url, b"x" * 3_000_000, b"{}")]
    assert [(trace.failure, len(trace.chunks)) for trace in traces] == [(None, 2000)] * 2
    assert received == [3_000_000, 2]


def test_plain_server() -> None:
    """A server that does not speak TLS is a failure to connect."""
    with FakeServer(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        (response,) = responses(server.url.replace("http:", "https:"))
    assert response.failure
    assert response.failure.kind == "connect"


def test_closed_in_the_handshake() -> None:
    """A server that hangs up in the handshake is a failure to connect."""
    with FakeServer(lambda _: None) as server:
        (response,) = responses(server.url.replace("http:", "https:"))
    assert response.failure
    assert response.failure.kind == "connect"


@pytest.mark.parametrize("politely", [True, False])
def test_end_of_a_body_without_length(
    context: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch, *, politely: bool
) -> None:
    """A body that ends with the connection ends with the TLS session too, said or not."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(head + b'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: [DONE]\n\n')
        if politely:
            peer.end_tls()

    with FakeServer(script, tls=context) as server:
        assert trace_of(responses(server.url)[0]).failure is None


def test_stamp_of_a_read_that_ends_within_a_record(context: ssl.SSLContext, certificate: Path) -> None:
    """A read that holds the beginning of another record has a stamp that is not the first record's."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    client = Tls(ssl.create_default_context(cafile=str(certificate)), "127.0.0.1")
    for _ in range(4):
        for side in (client._tls, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            incoming.write(client._outgoing.read())
            client._receive(outgoing.read())
    server.write(b"one")
    one = outgoing.read()
    server.write(b"two")
    two = outgoing.read()
    assert client.decrypt(one + two[:3]) == (b"one", False)
    assert client.decrypt(two[3:9]) == (b"", False)
    assert client.decrypt(two[9:]) == (b"two", True)
