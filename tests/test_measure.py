"""Workloads on a real server, from the prompts to the record."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, get_args

import pytest

from pytest_llmbench.backends import backend_of
from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.errors import ServerError, UsageError
from pytest_llmbench.measuring import measure
from pytest_llmbench.metrics import validity
from pytest_llmbench.recording import record_result
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.runtimes.embedded import Embedded
from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.workload import Endpoint, Workload
from pytest_llmbench.workloads.loads import ArrivalProcess, Load
from pytest_llmbench.workloads.prompts import make_prompts
from pytest_llmbench.workloads.replay import Replay, ReplayRequest
from pytest_llmbench.workloads.replay_prompts import replay_workload
from tests.client.fake_server import FakeServer, Peer, answer, content, reply, stream, usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_llmbench.client.plan import Progress
    from pytest_llmbench.runtimes.embedded import EmbeddedServer

pytest.importorskip("xllamacpp")

DEPLOYMENT = Deployment.model_validate(
    {
        "model": "tiny-glm",
        "source": "builtin:tiny-glm",
        "backend": "llama",
        "runtime": "embedded",
        "args": (("ctx-size", 4096), ("parallel", 4)),
    }
)
EXTERNAL = Deployment.model_validate(
    {"model": "m", "source": "m", "backend": "openai", "runtime": "external", "url": "http://h"}
)


def _start(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedServer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMBENCH_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "models"))
        log = tmp_path_factory.mktemp("measure") / "server.log"
        return Embedded().start(DEPLOYMENT, StartContext(log_path=log))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server that no test ends."""
    running = _start(tmp_path_factory)
    yield running.server
    running.stop()


@pytest.fixture(scope="module")
def generator() -> Iterator[LoadGenerator]:
    """Give a generator for all tests."""
    generator = LoadGenerator()
    yield generator
    generator.close()


def _workload(**changes: object) -> Workload:
    return Workload.model_validate({"id": "w", "in": 64, "out": 16, **changes})


@pytest.mark.usefixtures("never_late")
@pytest.mark.parametrize("endpoint", get_args(Endpoint))
def test_real_server(server: Server, generator: LoadGenerator, endpoint: str) -> None:
    """Lengths, counts and clocks agree with what was asked, in two runs."""
    heard: list[tuple[int, Progress]] = []
    result = measure(
        server,
        _workload(endpoint=endpoint),
        Load(concurrency=2, requests=12, warmup=2),
        generator=generator,
        runs=2,
        salt=endpoint,  # or the server answers one endpoint from what another left in its cache
        on_progress=lambda run, progress: heard.append((run, progress)),
    )
    assert result.failures == {}
    assert (result.validity.reasons, result.validity.notes) == ((), ())
    assert (result.prompt_tokens.min, result.prompt_tokens.max) == (64, 64)
    assert (result.output_tokens.min, result.output_tokens.max) == (16, 16)
    assert result.ttft.count == 24
    assert result.throughput_request.count == 2
    if sys.platform == "linux":
        assert result.validity.clock == "kernel"
    assert {run for run, _ in heard} == {1, 2}
    for run in result.runs:
        assert len(run.traces) == 12
        for trace in run.traces:
            assert trace.finish_reason == ("completed" if endpoint == "responses" else "length")
            assert trace.served_model == server.served_model
            assert 0 < len(trace.chunks) <= 16
            # llama.cpp says with the answer how long it took, except in Anthropic's words.
            if endpoint != "messages":
                assert trace.server_prefill
                assert trace.started
                assert 0 < trace.server_prefill < (trace.chunks[0].at - trace.started) * 1e-9
                assert trace.server_decode
    record = record_result(result, "test", server.deployment)
    assert [run.sent for run in record.runs] == [12, 12]


def test_endpoint_the_engine_does_not_have(generator: LoadGenerator) -> None:
    """A workload for an API that the engine does not have fails before anything is sent."""
    with FakeServer(answer()) as fake:
        with pytest.raises(UsageError, match="openai has no endpoint 'native'"):
            measure(
                Server(EXTERNAL, fake.url, "m"),
                _workload(endpoint="native"),
                Load(1, 1, 0),
                generator=generator,
            )
        assert fake.peers == []


def test_endpoint_the_server_does_not_have(generator: LoadGenerator) -> None:
    """A server without the page that was asked for is told from a request it refused."""
    page = b'{"error": {"message": "File Not Found", "code": 404}}'
    with FakeServer(answer(reply("404 Not Found", page))) as fake:
        server = Server(EXTERNAL, fake.url, "m")
        result = measure(server, _workload(endpoint="messages"), Load(1, 1, 0), generator=generator)
    assert list(result.failures) == [
        (
            "http_status",
            "HTTP 404: File Not Found (asked for /v1/messages: the server may not have this endpoint)",
        )
    ]


def test_runs_share_no_prompts(server: Server) -> None:
    """Each run, replicate and salt has its own prompts; the same ones have the same."""
    workload = _workload()

    def prompts(salt: str) -> list[str]:
        with server_http(server) as http:
            count = backend_of(server).count_tokens
            return make_prompts(
                workload, 3, salt=salt, count_tokens=lambda text: count(http, text, chat=True)
            )

    assert prompts("/c001/1/1") == prompts("/c001/1/1")
    assert set(prompts("/c001/1/1")).isdisjoint(prompts("/c001/1/2"))


def test_replay(server: Server, generator: LoadGenerator) -> None:
    """Requests are as long as recorded, and the server finds in its cache what they shared, and no more."""
    recorded = [(600, 8, (1,)), (601, 9, (1,)), (60, 10, ()), (602, 11, (1,)), (2, 4, ())]
    requests = tuple(
        ReplayRequest(index * 100_000_000, tokens, out, blocks)
        for index, (tokens, out, blocks) in enumerate(recorded)
    )
    replay = Replay("trace.jsonl", "llmbench", 1.0, requests)
    # One at a time: what an earlier one left in the cache is there only when that has ended.
    result = measure(
        server, replay_workload(replay), Load(1, len(requests), 1, replay), generator=generator, salt="replay"
    )
    assert result.failures == {}
    traces = result.runs[0].traces
    assert [trace.output_tokens for trace in traces] == [8, 9, 10, 11, 4]
    assert [trace.prompt_tokens for trace in traces][:4] == [600, 601, 60, 602]
    assert [trace.scheduled - (traces[0].scheduled or 0) for trace in traces if trace.scheduled] == [
        request.offset for request in requests
    ]
    cached = [trace.cached_tokens or 0 for trace in traces]
    assert max(cached[0], cached[2]) < 30, "the template alone"
    assert 450 < cached[3] < 600
    assert any("prompts were not as long as recorded" in note for note in result.validity.notes)
    assert result.runs[0].note == ""
    assert result.arrivals[0].parameters["count"] == 5


def test_too_late_to_tell(generator: LoadGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not known well enough is left out, and an open loop whose requests wait is invalid."""
    monkeypatch.setattr(validity, "MAX_SEND_DELAY", 0.0)
    monkeypatch.setattr(validity, "MAX_SEND_DELAY_SHARE", 0.0)
    monkeypatch.setattr(validity, "_dropped_gaps", lambda _: {"chunk_gap": "left out for a test"})
    loads = (
        Load(0, 2, 0, ArrivalProcess("constant", 50.0)),
        Load(1, 2, 0, ArrivalProcess("constant", 50.0)),
        Load(1, 2, 0),
    )
    with FakeServer(answer(*stream(content("a"), content("b"), usage(4, 2)))) as fake:
        results = [
            measure(Server(EXTERNAL, fake.url, "m"), _workload(), load, generator=generator) for load in loads
        ]
    waited = [any("waited in the client" in reason for reason in r.validity.reasons) for r in results]
    assert waited == [True, False, False]
    assert all("chunk_gap" not in result.metrics for result in results)


def test_too_short(server: Server, generator: LoadGenerator) -> None:
    """A length the chat template alone exceeds is the user's mistake."""
    with pytest.raises(UsageError, match="too short: the chat template alone is"):
        measure(server, _workload(**{"in": 1}), Load(1, 1, 0), generator=generator)


def test_too_long_for_the_server(server: Server, generator: LoadGenerator) -> None:
    """Requests the server refuses are failures in its own words, and the result is invalid."""
    result = measure(server, _workload(**{"in": 3000}), Load(1, 2, 0), generator=generator)
    ((kind, message),) = result.failures
    assert kind == "http_status"
    assert message.startswith("HTTP 400: ")
    assert "exceed" in message
    assert result.error_rate.mean == 1
    assert result.validity.reasons == ("no request of 2 succeeded",)


def test_server_killed_in_the_middle(
    tmp_path_factory: pytest.TempPathFactory, generator: LoadGenerator
) -> None:
    """What was in flight when the server died, and all that came after, failed with a reason."""
    running = _start(tmp_path_factory)
    try:
        result = measure(
            running.server,
            _workload(out=1500),
            Load(concurrency=2, requests=6, warmup=0),
            generator=generator,
            on_progress=lambda _run, progress: (
                os.kill(running.pid, signal.SIGKILL) if not progress.finished else None
            ),
        )
    finally:
        running.stop()
    assert sum(result.failures.values()) == 6
    assert {kind for kind, _ in result.failures} <= {"truncated", "connect", "send"}
    assert all(message for _, message in result.failures)
    assert not result.validity.valid
    with pytest.raises(ServerError, match="does not answer"):
        measure(running.server, _workload(), Load(1, 1, 0), generator=generator)


@pytest.mark.usefixtures("never_late")
def test_server_that_cannot_count(generator: LoadGenerator) -> None:
    """An engine without a tokenizer endpoint gets about as many words, and the difference is noted."""
    pieces = stream(content("a"), content("b", "stop"), usage(80, 2))
    with FakeServer(answer(*pieces)) as fake:
        server = Server(EXTERNAL, fake.url, "m")
        result = measure(server, _workload(), Load(1, 2, 0), generator=generator)
    assert result.validity.notes == ("prompts were 80 to 80 tokens long, 64 were asked for",)
    assert result.validity.valid


@pytest.mark.usefixtures("never_late")
def test_server_without_usage(generator: LoadGenerator, tmp_path: Path) -> None:
    """Where the server counts nothing, the model's own tokenizer does; where there is none, nobody does."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    pieces = stream(
        {"choices": [{"text": "one two"}]}, {"choices": [{"text": " three", "finish_reason": "x"}]}
    )
    with FakeServer(answer(*pieces)) as fake:
        known = EXTERNAL.model_copy(update={"source": str(tmp_path)})
        asked = _workload(endpoint="completions")
        result, other = (
            measure(Server(deployment, fake.url, "m"), asked, Load(1, 2, 1), generator=generator)
            for deployment in (known, EXTERNAL)
        )
    assert (result.output_tokens.min, result.output_tokens.max, result.prompt_tokens.p50) == (3, 3, 64)
    assert result.tpot.count == 2
    counted = "tokens of 2 of 2 replies were counted with the model's tokenizer"
    assert "itl" not in result.metrics  # two chunks of who knows how many tokens
    assert result.validity.notes == (f"the server gave no usage: {counted}, which sees no special tokens",)
    assert result.runs[0].traces[0].token_source == "tokenizer"
    assert "output_tokens" not in other.metrics
    assert other.validity.notes == (
        "the server gave no usage: tokens are unknown, and with them TPOT and token throughput",
    )


def test_server_that_becomes_faster(generator: LoadGenerator) -> None:
    """A load by the clock for which too few requests were prepared is told as such."""
    answered = 0

    def script(peer: Peer) -> None:
        nonlocal answered
        while peer.receive():
            if answered < 3:  # the warm-up and the two requests of the first look
                peer.wait(0.5)
            answered += 1
            peer.send(b"".join(stream(content("a"), content("b", "stop"), usage(4, 2))))

    with FakeServer(script) as fake:
        load = Load(1, 0, 1, duration=120.0)
        result = measure(Server(EXTERNAL, fake.url, "m"), _workload(), load, generator=generator)
    sent = len(result.runs[0].traces)
    assert sent == result.load.requests
    assert any(
        note.startswith(f"{sent} prepared requests were used up before 120 s were over, in 1 of 1 runs")
        for note in result.validity.notes
    )


def test_every_request_refused(generator: LoadGenerator) -> None:
    """A server that refuses everything yields a result that says why, and no exception."""
    with FakeServer(answer(reply("401 Unauthorized", b'{"error": {"message": "bad key"}}'))) as fake:
        server = Server(EXTERNAL, fake.url, "m")
        result = measure(server, _workload(), Load(2, 3, 1), generator=generator)
    assert result.failures == {("http_status", "HTTP 401: bad key"): 3}
    assert not result.validity.valid
