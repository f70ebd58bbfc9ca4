"""Sending, keeping and losing connections."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client import connection
from pytest_llmbench.client.address import Address
from pytest_llmbench.client.plan import Timeouts
from pytest_llmbench.errors import MeasurementError
from tests.client.asking import QUICK, responses, trace_of
from tests.client.fake_server import HEAD, FakeServer, Peer, Request, answer, content, reply, stream

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = b"".join(stream(content("good", "stop")))
BIG = b"x" * 8_000_000


def _recording(requests: list[Request]) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        while request := peer.receive():
            requests.append(request)
            peer.send(GOOD)

    return script


def test_what_is_sent() -> None:
    """A request names host, path, length and the given headers, below the path of the base URL."""
    requests: list[Request] = []
    with FakeServer(_recording(requests)) as server:
        responses(f"{server.url}/prefix/", b'{"a": 1}', headers={"Authorization": "Bearer k"})
    assert requests[0].body == b'{"a": 1}'
    assert requests[0].head.decode().split("\r\n") == [
        "POST /prefix/v1/chat/completions HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Content-Type: application/json",
        "Accept: text/event-stream",
        "Authorization: Bearer k",
        "Content-Length: 8",
    ]


def test_connection_is_reused() -> None:
    """The second request finds the connection open, and says that opening took nothing."""
    with FakeServer(answer(GOOD)) as server:
        first, second = responses(server.url, b"{}", b"{}")
    assert len(server.peers) == 1
    assert first.connect > 0
    assert second.connect == 0


def test_big_request() -> None:
    """A body larger than any buffer arrives whole, in however many pieces."""
    requests: list[Request] = []
    with FakeServer(_recording(requests)) as server:
        traces = [trace_of(response) for response in responses(server.url, BIG, b"{}")]
    assert [trace.failure for trace in traces] == [None, None]
    assert requests[0].body == BIG
    assert len(server.peers) == 1


def test_answer_before_the_request_is_sent() -> None:
    """A server that refuses a big request early is heard, and its connection is not used again."""
    refused = reply("413 Content Too Large", b'{"error": {"message": "too big"}}')

    def script(peer: Peer) -> None:
        if peer.index == 0:
            peer.send(refused)
            peer.wait()
        else:
            answer(GOOD)(peer)

    with FakeServer(script) as server:
        traces = [trace_of(response) for response in responses(server.url, BIG, b"{}")]
    assert [trace.failure and trace.failure.message for trace in traces] == ["HTTP 413: too big", None]
    assert len(server.peers) == 2


@pytest.mark.parametrize("how", ["close", "reset"])
def test_refused_and_closed_before_the_request_is_sent(how: str) -> None:
    """A server that closes in the middle of a big request ends it at once, with a reason."""

    def script(peer: Peer) -> None:
        peer.send(reply("413 Content Too Large", b"too big", "text/plain"), then_wait=0.05)
        if how == "reset":
            peer.reset()

    with FakeServer(script) as server:
        trace = trace_of(responses(server.url, BIG, timeouts=Timeouts(total=60))[0])
    assert trace.failure
    assert trace.failure.message == "HTTP 413: too big"


def test_timeout_while_sending() -> None:
    """A server that never reads a big request ends in a timeout."""

    def script(peer: Peer) -> None:
        if peer.index == 0:
            peer.wait()
        else:
            answer(GOOD)(peer)

    with FakeServer(script) as server:
        timeouts = Timeouts(total=0.2)
        traces = [trace_of(response) for response in responses(server.url, BIG, b"{}", timeouts=timeouts)]
    assert [trace.failure and trace.failure.kind for trace in traces] == ["timeout", None]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_closed_while_idle(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """A connection that the server closed between requests is opened again, and nobody failed."""
    monkeypatch.setattr(connection, "_IDLE_RACE", 60_000_000_000)

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(GOOD, then_wait=0.02)
        if how == "reset":
            peer.reset()

    with FakeServer(script) as server:
        traces = [trace_of(response) for response in responses(server.url, b"{}", b"{}", pause=0.1)]
    assert [trace.failure for trace in traces] == [None, None]
    assert len(server.peers) == 2


@pytest.mark.parametrize("how", ["close", "reset"])
def test_closed_as_the_request_was_sent(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """A kept connection that closes without a word on the next request is retried once, on a new one."""
    monkeypatch.setattr(connection, "_IDLE_RACE", 60_000_000_000)

    def script(peer: Peer) -> None:
        if peer.index == 1:
            answer(GOOD)(peer)
            return
        peer.receive()
        peer.send(GOOD)
        peer.receive()
        if how == "reset":
            peer.reset()

    with FakeServer(script) as server:
        traces = [trace_of(response) for response in responses(server.url, b"{}", b"{}")]
    assert [trace.failure for trace in traces] == [None, None]
    assert len(server.peers) == 2


def _reset_before_sending(monkeypatch: pytest.MonkeyPatch) -> Callable[[Peer], None]:
    """Let the server reset the connection between the first request's start and its sending; return how."""
    real, started, gone = connection._now, threading.Event(), threading.Event()

    def slow() -> int:
        if not started.is_set():
            started.set()
            gone.wait(60)
        return real()

    def reset(peer: Peer) -> None:
        started.wait(60)
        peer.reset()
        gone.set()

    monkeypatch.setattr(connection, "_now", slow)
    return reset


def test_reset_before_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is gone when the request is sent is a failure with the system's reason."""
    with FakeServer(_reset_before_sending(monkeypatch)) as server:
        (response,) = responses(server.url)
    assert response.failure
    assert (response.failure.kind, response.failure.message) == ("send", "Connection reset by peer")


def test_refused_before_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is there when sending fails is the reason of the failure."""
    reset = _reset_before_sending(monkeypatch)

    def script(peer: Peer) -> None:
        peer.send(reply("429 Too Many Requests", b"slow down", "text/plain"))
        reset(peer)

    with FakeServer(script) as server:
        (response,) = responses(server.url)
    failure = trace_of(response).failure
    assert failure
    assert failure.message == "HTTP 429: slow down"


def test_closed_without_an_answer() -> None:
    """A fresh connection that closes without a word is a failure: nothing says that it had idled."""
    with FakeServer(lambda peer: peer.receive()) as server:
        (response,) = responses(server.url)
    assert response.failure
    assert response.failure.kind == "truncated"
    assert response.failure.message == "the connection closed before an answer"
    assert len(server.peers) == 1


def test_retried_once_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that closes every connection without a word fails the request after one retry."""
    monkeypatch.setattr(connection, "_IDLE_RACE", 60_000_000_000)

    def script(peer: Peer) -> None:
        peer.receive()
        if peer.index == 0:
            peer.send(GOOD)
            peer.receive()

    with FakeServer(script) as server:
        first, second = responses(server.url, b"{}", b"{}")
    assert first.failure is None
    assert second.failure
    assert len(server.peers) == 2


def test_server_that_gives_up_late_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept connection that closes long after the request had not idled: the server dropped the request."""
    monkeypatch.setattr(connection, "_IDLE_RACE", 10_000_000)

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(GOOD)
        peer.receive()
        peer.wait(0.02)

    with FakeServer(script) as server:
        _, second = responses(server.url, b"{}", b"{}")
    assert second.failure
    assert second.failure.message == "the connection closed before an answer"
    assert len(server.peers) == 1


def test_broken_answer_is_not_retried() -> None:
    """An answer that began is never asked for again."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(GOOD)
        peer.receive()
        peer.send(HEAD)

    with FakeServer(script) as server:
        _, second = responses(server.url, b"{}", b"{}")
    failure = trace_of(second).failure
    assert failure
    assert failure.kind == "truncated"
    assert len(server.peers) == 1


def test_connection_close() -> None:
    """A server that asks for it gets a new connection for every request."""
    closing = GOOD.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    with FakeServer(answer(closing)) as server:
        answers = responses(server.url, b"{}", b"{}")
    assert all(response.connect and not trace_of(response).failure for response in answers)
    assert len(server.peers) == 2


def test_nobody_listens() -> None:
    """A refused connection is a failure with the system's reason, and the request never started."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    (response,) = responses(f"http://127.0.0.1:{port}")
    assert response.failure
    assert (response.failure.kind, response.failure.message) == ("connect", "Connection refused")
    assert response.started is None


def test_nobody_accepts() -> None:
    """A connection that is not taken in time is a failure that says the limit."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.create_connection(full.getsockname()),
    ):
        port = full.getsockname()[1]
        (response,) = responses(f"http://127.0.0.1:{port}", timeouts=Timeouts(connect=0.1, total=5))
    assert response.failure
    assert response.failure.message == "no connection within 0.1 s"


def test_ipv6() -> None:
    """IPv6 addresses work, in brackets."""
    requests: list[Request] = []
    try:
        server = FakeServer(_recording(requests), address="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        (response,) = responses(server.url)
    assert trace_of(response).failure is None
    assert f"Host: [::1]:{server.port}\r\n".encode() in requests[0].head


@pytest.mark.parametrize("order", [("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
def test_name_with_several_addresses(order: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several addresses of a name the one is taken that answers: localhost is often both."""
    real = socket.getaddrinfo

    def both(_host: str, port: int, **_: object) -> list[object]:
        return [entry for host in order for entry in real(host, port, type=socket.SOCK_STREAM)]

    with FakeServer(answer(GOOD)) as server:
        monkeypatch.setattr(socket, "getaddrinfo", both)
        address = Address.resolve(f"http://localhost:{server.port}")
    assert address.sockaddr == ("127.0.0.1", server.port)


def test_unknown_name() -> None:
    """A name without an address is told before anything is sent."""
    with pytest.raises(MeasurementError, match=r"cannot resolve 'no\.such\.invalid': "):
        Address.resolve("http://no.such.invalid:80")


def test_default_ports() -> None:
    """Without a port the scheme's own is used, and credentials in the URL are no part of the host."""
    address = Address.resolve("http://user:secret@127.0.0.1/v0")
    assert (address.host, address.sockaddr, address.prefix) == ("127.0.0.1", ("127.0.0.1", 80), "/v0")
    assert Address.resolve("https://127.0.0.1").sockaddr == ("127.0.0.1", 443)


def test_long_answers_are_read_whole() -> None:
    """Far more than one read's worth of events in one send arrives whole, and ends the connection cleanly."""
    many = stream(*(content("x" * 100) for _ in range(2000)), content("", "stop"))
    closing = b"".join(many).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    with FakeServer(answer(closing)) as server:
        traces = [trace_of(response) for response in responses(server.url, b"{}", b"{}", timeouts=QUICK)]
    assert [(trace.failure, len(trace.chunks)) for trace in traces] == [(None, 2000)] * 2
