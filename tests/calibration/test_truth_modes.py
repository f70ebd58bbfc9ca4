"""What the truth server sends, seen from a plain socket, and what it logs of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmbench.calibration import server as server_module
from pytest_llmbench.calibration.server import Behaviour, TruthServer
from pytest_llmbench.errors import ServerError, ServerStartError
from tests.calibration.raw import CHAT, TEXT, Answer, Wire, ask, request

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.calibration.server import TruthRecord

pytestmark = pytest.mark.usefixtures("program")

MS = 1_000_000


def exchange(behaviour: Behaviour, path: str = CHAT, **body: Any) -> tuple[Answer, TruthRecord]:  # noqa: ANN401
    """Ask a server with that behaviour once."""
    with TruthServer(behaviour) as server:
        answer = ask(server.base_url, path, **body)
    (record,) = server.records
    return answer, record


def quick(**changes: Any) -> Behaviour:  # noqa: ANN401 - fields of a dataclass
    """Four tokens without much waiting, with changes."""
    return Behaviour(**{"ttft": 1000, "itl": 100, "tokens": 4, **changes})


def words(event: Any) -> str:  # noqa: ANN401 - JSON
    """Return the text of a chat event."""
    return str(event["choices"][0]["delta"]["content"])


def test_a_chat() -> None:
    """One token a chunk, the finish reason in the last, usage, the end mark; all on one clock."""
    before = time.time_ns()
    answer, record = exchange(quick(), user="7", messages=[{"role": "user", "content": "hi"}])
    after = time.time_ns()
    assert answer.complete
    assert [words(event) for event in answer.output] == [" word"] * 4
    assert [event["choices"][0]["finish_reason"] for event in answer.output] == [None, None, None, "length"]
    assert answer.events[-2]["choices"] == []
    assert answer.usage[-1] is not None
    assert answer.usage[-1][1] == 4
    assert answer.events[-1] == "[DONE]"
    assert [event["sent_ns"] for event in answer.output] == list(record.sent)
    assert (record.id, record.tokens, record.status, record.finished) == (7, 4, 200, True)
    moments = [
        before,
        record.received,
        *(x for pair in zip(record.sent, record.returned, strict=True) for x in pair),
    ]
    assert moments == sorted(moments)
    assert moments[-1] <= after


def test_a_text_completion() -> None:
    """The other API, with the text where that has it."""
    answer, record = exchange(quick(), TEXT, prompt="hi")
    assert [event["choices"][0]["text"] for event in answer.output] == [" word"] * 4
    assert {event["object"] for event in answer.output} == {"text_completion"}
    assert record.id == -1


def test_nothing_is_sent_early() -> None:
    """The first token is not before TTFT, and each chunk not before its time in the schedule."""
    _, record = exchange(quick(ttft=20_000, itl=5000))
    elapsed = [sent - record.received for sent in record.sent]
    # The two clocks are read one after the other: that much the schedule may be off.
    assert all(time >= (20 + 5 * n) * MS - MS // 10 for n, time in enumerate(elapsed))


@pytest.mark.parametrize("key", ["max_tokens", "max_completion_tokens"])
def test_the_request_says_how_many_tokens(key: str) -> None:
    """In either field, whatever the server's own number, and wherever the words occur in the prompt."""
    answer, record = exchange(
        quick(), CHAT, messages=[{"role": "user", "content": '"max_tokens": 9'}], **{key: 2}
    )
    assert len(answer.output) == record.tokens == 2


@pytest.mark.parametrize("jitter", ["uniform", "exponential"])
def test_jitter_is_drawn_from_the_seed(jitter: str) -> None:
    """Gaps differ from each other; uniform ones stay above half of the mean."""
    _, record = exchange(quick(itl=2000, tokens=30, jitter=jitter))
    gaps = [after - before for before, after in pairwise(record.sent)]
    assert len({gap // (MS // 10) for gap in gaps}) > 3
    if jitter == "uniform":
        assert record.sent[-1] - record.received >= 30 * MS - MS


def test_bursts() -> None:
    """Chunks come in groups: nothing inside of one, and after it the time of all its chunks."""
    _, together = exchange(quick(tokens=3, burst=3, itl=60_000_000))
    assert len(together.sent) == 3  # one by one would have taken minutes
    _, record = exchange(quick(tokens=7, burst=3, itl=10_000))
    assert record.sent[3] - record.received >= 31 * MS - MS // 10
    assert record.sent[6] - record.received >= 61 * MS - MS // 10


def test_several_tokens_a_chunk() -> None:
    """The last chunk has what is left, and usage counts tokens, not chunks."""
    answer, record = exchange(quick(tokens=7, tokens_per_chunk=3, usage="each"))
    assert [words(event).count("word") for event in answer.output] == [3, 3, 1]
    assert [usage and usage[1] for usage in answer.usage] == [3, 6, 7]
    assert (record.tokens, len(record.sent)) == (7, 3)


def test_no_usage() -> None:
    """As from a server that does not know the option."""
    answer, _ = exchange(quick(usage="none"))
    assert set(answer.usage) == {None}
    assert answer.events[-1] == "[DONE]"


def test_splits_change_no_byte() -> None:
    """A chunk cut in two arrives whole, and its time is that of its second part."""
    answer, record = exchange(quick(tokens=6, split_every=2, split_delay=20_000, seed=3))
    assert len(answer.output) == 6
    late = [sent - event["sent_ns"] for sent, event in zip(record.sent, answer.output, strict=True)]
    assert late[::2] == [0, 0, 0]
    assert all(delay >= 19 * MS for delay in late[1::2])


def test_splits_are_two_sends() -> None:
    """Part of a chunk is there long before the rest is sent."""
    behaviour = quick(tokens=1, split_every=1, split_delay=900_000_000)
    with TruthServer(behaviour) as server, Wire(server.base_url) as wire:
        wire.send(request())
        while wire._file.readline().strip():
            pass
        assert wire._file.read(1)
    (record,) = server.records
    assert not record.finished


def test_splits_without_delay() -> None:
    """Two sends in a row."""
    answer, record = exchange(quick(tokens=50, itl=0, split_every=1))
    assert len(answer.output) == 50
    assert all(sent > event["sent_ns"] for sent, event in zip(record.sent, answer.output, strict=True))


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_comes_first(field: str) -> None:
    """In the field that was named; no chunk holds reasoning and answer."""
    answer, _ = exchange(quick(tokens=8, reasoning=3, reasoning_field=field, tokens_per_chunk=2))
    deltas = [event["choices"][0]["delta"] for event in answer.output]
    kinds = [(name, text.count("word")) for delta in deltas for name, text in delta.items()]
    assert kinds == [(field, 2), (field, 1), ("content", 2), ("content", 2), ("content", 1)]


def test_a_role_chunk_is_no_output() -> None:
    """It comes before the first token and is not in the log."""
    answer, record = exchange(quick(role_chunk=True))
    assert answer.events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len(record.sent) == 4


def test_errors_in_the_stream() -> None:
    """Every nth request ends with an error event in the middle of its answer, and the connection stays."""
    with TruthServer(quick(stream_error_every=2)) as server, Wire(server.base_url) as wire:
        answers = [wire.post() for _ in range(4)]
    assert [len(answer.output) for answer in answers] == [4, 2, 4, 2]
    assert "told to fail" in answers[1].events[-1]["error"]["message"]
    assert [record.finished for record in server.records] == [True, False, True, False]


def test_http_errors() -> None:
    """Every nth request is refused."""
    with TruthServer(quick(http_error_every=3)) as server, Wire(server.base_url) as wire:
        answers = [wire.post() for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 500]
    assert [record.status for record in server.records] == [200, 200, 500]
    assert list(server.records[2].sent) == []


def test_no_end_mark() -> None:
    """The body ends as HTTP has it, but neither a finish reason nor an end mark says so."""
    answer, record = exchange(quick(end="none"))
    assert answer.complete
    assert [event["choices"][0]["finish_reason"] for event in answer.events] == [None] * 4
    assert record.finished


def test_a_cut() -> None:
    """The connection closes after the last token."""
    answer, record = exchange(quick(end="cut"))
    assert not answer.complete
    assert len(answer.output) == 4
    assert not record.finished


def test_a_client_that_goes_away() -> None:
    """What was sent until then is in the log, unfinished."""
    with TruthServer(quick(tokens=100_000)) as server:
        with Wire(server.base_url) as wire:
            wire.send(request())
            wire._file.readline()
        assert ask(server.base_url, max_tokens=1).complete
    (gone,) = [record for record in server.records if not record.finished]
    assert len(gone.sent) < 100_000


def test_a_client_that_does_not_read() -> None:
    """The server waits with the stream, serves others, and no byte is lost."""
    with TruthServer(quick(tokens=60_000, itl=0)) as server:
        with Wire(server.base_url) as wire:
            wire.send(request())
            assert all(ask(server.base_url, max_tokens=5).complete for _ in range(50))
            answer = wire.answer()
        assert len(answer.output) == 60_000
    record = max(server.records, key=lambda record: record.tokens)
    assert (record.finished, len(record.sent)) == (True, 60_000)
    assert [event["sent_ns"] for event in answer.output] == list(record.sent)


def test_two_requests_at_once_on_one_connection() -> None:
    """The second waits for the end of the first, and a request may come in pieces."""
    with TruthServer(quick()) as server, Wire(server.base_url) as wire:
        both = request(user="1") + request(TEXT, user="2")
        wire.send(both[:-20])
        wire.send(both[-20:])
        answers = [wire.answer(), wire.answer()]
    assert [answer.events[0]["object"] for answer in answers] == ["chat.completion.chunk", "text_completion"]
    assert [record.id for record in server.records] == [1, 2]


def test_documents() -> None:
    """Which models there are, health, and what there is not."""
    with TruthServer(quick()) as server, Wire(server.base_url) as wire:
        assert b'"id":"truth"' in wire.get("/v1/models").body
        assert wire.get("/health").status == 200
        assert wire.get("/nothing").status == 404
        assert b'"content":"ok"' in wire.post(stream=False).body


def test_many_streams() -> None:
    """Every chunk of a hundred streams is sent, in order, and logged."""
    with TruthServer(quick(tokens=50, jitter="exponential")) as server:
        wires = [Wire(server.base_url) for _ in range(100)]
        for number, wire in enumerate(wires):
            wire.send(request(user=str(number)))
        answers = {number: wire.answer() for number, wire in enumerate(wires)}
        for wire in wires:
            wire.close()
    sent = {record.id: list(record.sent) for record in server.records}
    assert sent == {number: [event["sent_ns"] for event in a.output] for number, a in answers.items()}
    assert all(times == sorted(times) for times in sent.values())


def test_help_names_every_option(program: Path) -> None:
    """What can be set from Python is what the program takes."""
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    every = quick(
        reasoning=1, reasoning_field="x", role_chunk=True, split_every=1, split_delay=1, stream_error_every=1,
        http_error_every=1,
    ).arguments()  # fmt: skip
    options = [argument for argument in every if argument.startswith("--")]
    assert len(options) == 16
    assert all(f"{option} " in text for option in options)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--ttft", "-1"],
        ["--ttft", "1x"],
        ["--tokens", "0"],
        ["--jitter", "wild"],
        ["--port", "65536"],
        ["--nonsense"],
        ["x"],
    ],
)
def test_nonsense_is_refused(program: Path, arguments: list[str]) -> None:
    """With a message that names it, before anything is served."""
    result = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert result.returncode == 2
    assert arguments[-1].lstrip("-") in result.stderr


def test_a_server_that_does_not_start_says_why() -> None:
    """In its own words."""
    with TruthServer(quick()) as server:
        port = int(server.base_url.rpartition(":")[2])
        with pytest.raises(ServerStartError, match="Address already in use"):
            TruthServer(quick(), port=port)


def test_a_server_that_was_killed_is_an_error(program: Path) -> None:
    """Its log is not to be trusted."""
    assert program.exists()
    server = TruthServer(quick())
    subprocess.run(["kill", "-9", str(server.pid)], check=True)
    with pytest.raises(ServerError, match="status -9"):
        server.stop()
    server.stop()


def test_a_server_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for it has an end, and it does not stay."""
    monkeypatch.setattr(server_module, "_STOPPING_SECONDS", 0.1)
    server = TruthServer(quick())
    os.kill(server.pid, signal.SIGSTOP)
    with pytest.raises(ServerError, match="did not end within"):
        server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


@pytest.mark.parametrize("how", ["stdin", "SIGTERM"])
def test_it_ends_with_whoever_started_it(program: Path, how: str) -> None:
    """Nobody has to find and stop it; SIGTERM ends it, too."""
    arguments = ["--until-stdin-closes"] if how == "stdin" else []
    with subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline().startswith(b"port ")
        if how == "stdin":
            process.stdin.close()
        else:
            process.terminate()
        assert process.wait(timeout=30) == 0
