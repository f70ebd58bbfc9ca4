"""Through a proxy, where the socket is not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.client.plan import Timeouts
from pytest_llmbench.runtimes.connect import proxy_for
from tests.client.asking import plan
from tests.client.fake_server import (
    DONE,
    HEAD,
    LAST_CHUNK,
    FakeServer,
    answer,
    chunked,
    content,
    reply,
    role,
    sse,
    usage,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.client.trace import RequestTrace
    from tests.client.fake_server import Peer

ANSWER = b"".join([HEAD, *map(chunked, (sse(role()), sse(content("a")), sse(usage(3, 1)), DONE)), LAST_CHUNK])


@pytest.fixture
def generator() -> Iterator[LoadGenerator]:
    """Give a load generator."""
    generator = LoadGenerator()
    yield generator
    generator.close()


def ask(generator: LoadGenerator, proxy: str, **changes: object) -> list[RequestTrace]:
    """Ask a host that only the proxy could know."""
    return generator.run(plan("http://behind.invalid", 3, proxy=proxy, **changes)).traces


def test_the_proxy_is_asked(generator: LoadGenerator) -> None:
    """It hears the whole address and the key; the clock is not the kernel's."""
    heads: list[bytes] = []

    def forward(peer: Peer) -> None:
        while (request := peer.receive()) is not None:
            heads.append(request.head)
            peer.send(ANSWER)

    with FakeServer(forward) as proxy:
        traces = ask(generator, proxy.url, concurrency=2, headers={"Authorization": "Bearer k"})
    assert [trace.failure for trace in traces] == [None] * 3
    assert {trace.clock for trace in traces} == {"user"}
    assert [(trace.prompt_tokens, len(trace.chunks)) for trace in traces] == [(3, 1)] * 3
    assert all((trace.started or 0) < trace.chunks[0].at <= (trace.ended or 0) for trace in traces)
    assert len(heads) == 3
    for head in heads:
        assert head.startswith(b"POST http://behind.invalid/v1/chat/completions HTTP/1.1")
        assert b"authorization: bearer k" in head.lower()


def test_no_proxy_there(generator: LoadGenerator) -> None:
    """A proxy that is down is a failure to connect, and says that it is the proxy."""
    with FakeServer(answer(ANSWER)) as proxy:
        url = proxy.url
    traces = ask(generator, url)
    assert {trace.failure.kind for trace in traces if trace.failure} == {"connect"}
    assert all(trace.failure and "through the proxy" in trace.failure.message for trace in traces)


def test_a_refusal_comes_through(generator: LoadGenerator) -> None:
    """What server or proxy refuse is told by its status."""
    with FakeServer(answer(reply("503 Busy", b'{"error": "no way"}'))) as proxy:
        traces = ask(generator, proxy.url)
    assert {trace.failure.message for trace in traces if trace.failure} == {"HTTP 503: no way"}


def test_silence_ends(generator: LoadGenerator) -> None:
    """A proxy that swallows a request is given up."""

    def silent(peer: Peer) -> None:
        peer.receive()
        peer.wait()

    with FakeServer(silent) as proxy:
        traces = ask(generator, proxy.url, timeouts=Timeouts(connect=60, total=60, first=0.2))
    assert {trace.failure.message for trace in traces if trace.failure} == {"no answer within 0.2 s"}


def test_a_torn_stream(generator: LoadGenerator) -> None:
    """A stream that ends in the middle is a failure; what came is kept."""

    def torn(peer: Peer) -> None:
        peer.receive()
        peer.send(ANSWER[: ANSWER.index(b"[DONE]") - 8])

    with FakeServer(torn) as proxy:
        traces = ask(generator, proxy.url)
    assert {trace.failure.kind for trace in traces if trace.failure} == {"truncated"}
    assert [len(trace.chunks) for trace in traces] == [1, 1, 1]


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://far.example", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://far.example", {"ALL_PROXY": "http://p:2"}, "http://p:2"),
        ("https://far.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, None),
        ("http://far.example", {"HTTP_PROXY": "http://p:1", "ALL_PROXY": "http://p:1"}, None),
        ("https://far.example", {}, None),
    ],
)
def test_which_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], proxy: str | None
) -> None:
    """That of the environment for HTTPS; plain HTTP goes straight."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy
