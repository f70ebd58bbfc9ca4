"""The load generator's process, from the parent's side."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.errors import MeasurementError
from tests.client.asking import plan
from tests.client.fake_server import FakeServer, Peer, answer, answer_until, content, stream, usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmbench.client.plan import Progress
    from pytest_llmbench.client.trace import RequestTrace

GOOD = b"".join(stream(content("a"), content("b", "stop"), usage(3, 2)))


@pytest.fixture
def generator() -> Iterator[LoadGenerator]:
    """Give a generator that is closed after the test."""
    generator = LoadGenerator()
    yield generator
    generator.close()


def _pid(generator: LoadGenerator) -> int:
    return generator._children[0].pid


def _is_gone(pid: int) -> bool:
    """No process, and no zombie of ours, has the number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _stop(pid: int) -> None:
    """Stop a process, and return when it has."""
    os.kill(pid, signal.SIGSTOP)
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)


def _endless(peer: Peer) -> None:
    peer.receive()
    peer.wait_for_close()


def test_outcome(generator: LoadGenerator) -> None:
    """All requests come back in the order of the plan, warm-up marked, with kernel stamps in the window."""
    with FakeServer(answer(GOOD)) as server:
        outcome = generator.run(plan(server.url, 12, warmup=4, concurrency=3))
    assert [trace.index for trace in outcome.traces] == list(range(12))
    assert [trace.warmup for trace in outcome.traces] == [True] * 4 + [False] * 8
    assert all(trace.ok and trace.clock == "kernel" for trace in outcome.traces)
    assert outcome.cpu_share > 0
    for trace in outcome.traces:
        assert trace.started
        assert trace.ended
        if trace.warmup:
            assert trace.ended <= outcome.began
        else:
            assert outcome.began <= trace.started <= trace.ended <= outcome.ended


def test_one_process_for_many_plans(generator: LoadGenerator) -> None:
    """The process outlives a plan and carries out the next."""
    with FakeServer(answer(GOOD)) as server:
        generator.run(plan(server.url, 1))
        first = _pid(generator)
        generator.run(plan(server.url, 1))
        assert _pid(generator) == first


def test_text_only_when_asked(generator: LoadGenerator) -> None:
    """The replies are kept only if the plan says so."""
    with FakeServer(answer(GOOD)) as server:
        (silent,) = generator.run(plan(server.url, 1)).traces
        (telling,) = generator.run(plan(server.url, 1, keep_text=True)).traces
    assert (silent.text, telling.text) == (None, "ab")


@pytest.mark.parametrize("processes", [1, 2])
def test_replies_are_told_as_they_end(processes: int) -> None:
    """While others are under way, each once, under its number in the plan; the last by the outcome only."""
    told: list[RequestTrace] = []
    heard = threading.Event()
    with_texts = LoadGenerator(processes)

    def hear(replies: Sequence[RequestTrace]) -> None:
        told.extend(replies)
        if {trace.index for trace in told} >= set(range(4)):
            heard.set()

    try:
        with FakeServer(answer_until(heard, *[GOOD] * 4)) as server:
            outcome = with_texts.run(plan(server.url, 8, concurrency=2, keep_text=True), on_replies=hear)
    finally:
        with_texts.close()
    assert [trace.text for trace in outcome.traces] == ["ab"] * 8
    assert [trace.answer for trace in outcome.traces] == ["ab"] * 8
    numbers = [trace.index for trace in told]
    assert sorted(numbers) == sorted(set(numbers))
    assert set(range(4)) <= set(numbers)
    assert all(trace.text == "ab" for trace in told)


def test_progress(generator: LoadGenerator) -> None:
    """Progress is heard from the start, and counts the finished and the failed."""
    heard: list[Progress] = []
    told = threading.Event()
    refused = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"

    def hear(progress: Progress) -> None:
        heard.append(progress)
        if progress.finished == 2:
            told.set()

    with FakeServer(answer_until(told, GOOD, refused, GOOD)) as server:
        outcome = generator.run(plan(server.url, 3), hear)
    assert [trace.ok for trace in outcome.traces] == [True, False, True]
    assert (heard[0].finished, heard[0].failed, heard[0].total) == (0, 0, 3)
    assert (heard[-1].finished, heard[-1].failed) == (2, 1)


def test_concurrency(generator: LoadGenerator) -> None:
    """As many requests are in flight as the plan says: at one moment that many, and never more."""
    lock, together = threading.Lock(), threading.Barrier(8)
    flying = most = 0

    def script(peer: Peer) -> None:
        nonlocal flying, most
        while peer.receive():
            with lock:
                flying += 1
                most = max(most, flying)
            together.wait(60)  # nobody is answered before all eight have asked
            with lock:
                flying -= 1
            peer.send(GOOD)

    with FakeServer(script) as server:
        outcome = generator.run(plan(server.url, 40, warmup=8, concurrency=8))
    assert all(trace.ok for trace in outcome.traces)
    assert most == 8
    assert len(server.peers) == 8, "warm-up runs on the connections that are measured"


def test_connection_close_is_no_delay(generator: LoadGenerator) -> None:
    """Where the server closes after each answer, connecting is neither TTFT nor the client's delay."""
    closing = GOOD.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    with FakeServer(answer(closing)) as server:
        traces = generator.run(plan(server.url, 3)).traces
    assert all(trace.connect > 0 and trace.scheduled == trace.started for trace in traces)


def test_next_request_is_due_when_the_last_ended(generator: LoadGenerator) -> None:
    """On a kept connection a request is scheduled for the moment its predecessor ended."""
    with FakeServer(answer(GOOD)) as server:
        first, second = generator.run(plan(server.url, 2)).traces
    assert second.scheduled == first.ended


def test_killed_in_the_middle(generator: LoadGenerator) -> None:
    """A generator that is killed says so, leaves nothing behind, and the next plan starts another."""
    pids = []

    def kill(_: Progress) -> None:
        pids.append(_pid(generator))
        os.kill(pids[0], signal.SIGKILL)

    with FakeServer(_endless) as server, pytest.raises(MeasurementError) as caught:
        generator.run(plan(server.url, 1), kill)
    assert str(caught.value) == "the load generator was killed by SIGKILL"
    assert _is_gone(pids[0])
    with FakeServer(answer(GOOD)) as server:
        assert generator.run(plan(server.url, 1)).traces[0].ok
        assert _pid(generator) != pids[0]


def test_killed_between_plans(generator: LoadGenerator) -> None:
    """A generator that died while idle fails the next plan, and only that."""
    with FakeServer(answer(GOOD)) as server:
        generator.run(plan(server.url, 1))
        os.kill(_pid(generator), signal.SIGKILL)
        with pytest.raises(MeasurementError, match="was killed by SIGKILL"):
            generator.run(plan(server.url, 1))
        assert generator.run(plan(server.url, 1)).traces[0].ok


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, EOFError])
def test_exception_while_running(generator: LoadGenerator, error: type[BaseException]) -> None:
    """An exception in the parent, Ctrl-C too, is its own and ends the process at once."""
    pids = []

    def fail(_: Progress) -> None:
        pids.append(_pid(generator))
        raise error

    with FakeServer(_endless) as server:
        with pytest.raises(error):
            generator.run(plan(server.url, 1), fail)
        assert _is_gone(pids[0])


def test_interrupt_is_the_parents(generator: LoadGenerator) -> None:
    """Ctrl-C at the terminal reaches the generator too, which goes on until its parent ends it."""

    def interrupt(_: Progress) -> None:
        os.kill(_pid(generator), signal.SIGINT)

    with FakeServer(answer(GOOD, then_wait=0.1)) as server:
        assert generator.run(plan(server.url, 1), interrupt).traces[0].ok


def test_plan_that_cannot_be_carried_out(generator: LoadGenerator) -> None:
    """What stops a whole plan is an error in the words of the generator."""
    with pytest.raises(MeasurementError, match=r"^http://no\.such\.invalid: cannot resolve"):
        generator.run(plan("http://no.such.invalid", 1))


def test_bug_in_the_generator(generator: LoadGenerator) -> None:
    """An unforeseen exception arrives with its traceback."""
    with pytest.raises(MeasurementError, match=r"(?s)the load generator failed:.*KeyError: 'latin'"):
        generator.run(plan("http://127.0.0.1:9", 1, dialect="latin"))


def test_plan_that_cannot_be_sent(generator: LoadGenerator) -> None:
    """A plan that cannot cross the pipe raises in the parent and leaves no process waiting for the rest."""
    with pytest.raises((TypeError, AttributeError)):
        generator.run(plan("http://127.0.0.1:9", 1, headers={"a": lambda: None}))
    assert not generator._children


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('hello from sitecustomize', flush=True)", r"said what is no answer: .*"),
        ("raise SystemExit(3)", r"died with status \d+"),
        ("import os; os.write(2, b'no memory left'); os._exit(4)", r"died with status 4:\nno memory left"),
    ],
)
def test_child_that_is_not_itself(
    generator: LoadGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    """A child that prints, exits or dies as it starts is told with its last words, and never waited for."""
    (tmp_path / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(MeasurementError, match=f"(?s)^the load generator {message}"):
        generator.run(plan("http://127.0.0.1:9", 1))
    assert not generator._children


def test_modules_of_the_user_are_not_imported(
    generator: LoadGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the working directory that has the name of a library is not taken for it."""
    (tmp_path / "httptools.py").write_text("raise RuntimeError('not me')")
    monkeypatch.chdir(tmp_path)
    with FakeServer(answer(GOOD)) as server:
        assert generator.run(plan(server.url, 1)).traces[0].ok


def test_orphan_ends_its_load() -> None:
    """A generator whose parent was killed stops loading the server, and does not finish its plan first."""
    asked, freed = threading.Event(), threading.Event()

    def script(peer: Peer) -> None:
        peer.receive()
        asked.set()
        peer.wait_for_close()
        freed.set()

    with FakeServer(script) as server:
        code = f"""
            from pytest_llmbench.client.generator import LoadGenerator
            from pytest_llmbench.client.plan import LoadPlan
            LoadGenerator().run(LoadPlan({server.url!r}, "openai-chat", (b"{{}}",), 1))
        """
        with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)]) as parent:
            assert asked.wait(60)
            parent.kill()
        assert freed.wait(60)


def test_close_without_a_process() -> None:
    """Closing what never ran does nothing, twice."""
    generator = LoadGenerator()
    generator.close()
    generator.close()


def test_key_is_in_no_repr() -> None:
    """A plan never shows its headers or bodies."""
    secret = plan("http://host", 1, headers={"Authorization": "Bearer k"})
    assert "Bearer" not in repr(secret)
    assert "bodies" not in repr(dataclasses.replace(secret))


def test_stalled_reader_knows_that_it_was_late(generator: LoadGenerator) -> None:
    """Chunks that a stopped generator reads together were each sent within their stated uncertainty."""

    def script(peer: Peer) -> None:
        peer.receive()
        for number, piece in enumerate(stream(*(content(str(n)) for n in range(60)), content("", "stop"))):
            if number == 20:
                peer.wait_until_read()  # which makes the last one certain
                _stop(_pid(generator))
            peer.send(piece, then_wait=0.002)
            if number == 40:
                os.kill(_pid(generator), signal.SIGCONT)

    with FakeServer(answer(GOOD)) as warm:
        generator.run(plan(warm.url, 1))
    with FakeServer(script) as server:
        (trace,) = generator.run(plan(server.url, 1)).traces
    assert trace.ok
    sent = [sent for sent in server.sent if b'"content"' in sent.data][:60]
    assert any(chunk.uncertainty > 10_000_000 for chunk in trace.chunks), "nothing was read late"
    assert any(chunk.uncertainty == 0 for chunk in trace.chunks)
    for chunk, truth in zip(trace.chunks, sent, strict=True):
        # The kernel stamps between the moment send() is called and ... its own delivery, at once on loopback.
        assert truth.before <= chunk.at
        assert chunk.at - chunk.uncertainty <= truth.after
