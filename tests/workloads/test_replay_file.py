"""Recorded requests: what a file says is what is asked, and what is wrong in it is named."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.errors import ConfigError, StorageError, UsageError
from pytest_llmbench.workloads.replay import ReplayRequest
from pytest_llmbench.workloads.replay_file import parse_replay, read_replay

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.workloads.replay import Replay

MOONCAKE = (
    (
        '{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids":'
        " [46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 2353, 2354]}"
    ),
    (
        '{"timestamp": 30535, "input_length": 6472, "output_length": 26, "hash_ids":'
        " [46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 2366]}"
    ),
)
OURS = (
    '{"timestamp": 10, "input_tokens": 512, "output_tokens": 64}',
    '{"timestamp": 10.25, "input_tokens": 20, "output_tokens": 1, "hash_ids": [7]}',
)
LENGTHS = st.integers(1, 100_000)
ROWS = st.lists(st.tuples(st.integers(0, 10**7), LENGTHS, LENGTHS), min_size=1, max_size=20).map(sorted)


def _parse(*lines: str, speed: float = 1.0) -> Replay:
    return parse_replay(lines, name="t.jsonl", speed=speed)


def test_mooncake() -> None:
    """The sample of Mooncake's own documentation: milliseconds, and blocks of 512 tokens."""
    replay = _parse(*MOONCAKE)
    first, second = replay.requests
    assert (replay.format, first.offset, second.offset) == ("mooncake", 0, 3_053_000_000)
    assert (first.input_tokens, first.output_tokens, len(first.blocks)) == (6955, 52, 14)
    assert first.parts[:2] == ((46, 512), (47, 512))
    assert first.parts[-1] == (2354, 6955 - 13 * 512)


def test_ours() -> None:
    """Our own format counts in seconds, from the first line on."""
    replay = _parse(*OURS)
    assert replay.format == "llmbench"
    assert replay.requests == (ReplayRequest(0, 512, 64), ReplayRequest(250_000_000, 20, 1, (7,)))


@given(ROWS, st.booleans())
def test_what_is_written_is_read(rows: list[tuple[int, int, int]], mooncake: bool) -> None:  # noqa: FBT001
    """Any ordered trace comes back as it was written, in both formats."""
    names = ("input_length", "output_length") if mooncake else ("input_tokens", "output_tokens")
    lines = [json.dumps({"timestamp": at, names[0]: i, names[1]: o}) for at, i, o in rows]
    replay = _parse(*lines)
    unit = 1_000_000 if mooncake else 1_000_000_000
    assert [(r.offset, r.input_tokens, r.output_tokens) for r in replay.requests] == [
        ((at - rows[0][0]) * unit, i, o) for at, i, o in rows
    ]
    assert replay.arrivals.offsets == tuple(request.offset for request in replay.requests)


@given(st.floats(0.1, 100))
def test_speed(speed: float) -> None:
    """At twice the speed requests come in half the time, and are otherwise the same."""
    replay, plain = _parse(*MOONCAKE, speed=speed), _parse(*MOONCAKE)
    assert replay.requests[1].offset == round(3_053_000_000 / speed)
    assert replay.requests[1].input_tokens == plain.requests[1].input_tokens
    parameters = replay.arrivals.parameters
    digest = parameters.pop("digest")
    assert parameters == {"file": "t.jsonl", "format": "mooncake", "speed": speed, "count": 2}
    assert (digest == plain.arrivals.parameters["digest"]) == (replay.requests == plain.requests)


def test_blank_lines_and_a_mark_of_the_encoding() -> None:
    """Blank lines and a byte order mark are no requests, and lines are counted with them."""
    assert len(_parse("\ufeff" + OURS[0], "", "  \n", OURS[1]).requests) == 2
    with pytest.raises(ConfigError, match=re.escape("t.jsonl:3: ")):
        _parse(OURS[0], "", "[")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "t.jsonl: holds no request"),
        (["{"], "t.jsonl:1: is not JSON: Expecting"),
        (["[" * 100_000], "t.jsonl:1: is not JSON"),
        (["7"], 't.jsonl:1: must be an object, as in {"timestamp": 0'),
        (['{"timestamp": 0}'], "t.jsonl:1: has neither input_tokens (seconds) nor input_length (Mooncake"),
        (
            ['{"timestamp": 0, "input_tokns": 1}'],
            "t.jsonl:1: input_tokns: unknown key; did you mean 'input",
        ),
        ([OURS[0], MOONCAKE[0]], "t.jsonl:2: input_length: belongs to another format than input_tokens"),
        ([MOONCAKE[0], OURS[0]], "t.jsonl:2: input_tokens: belongs to another format than input_length"),
        ([OURS[0].replace("}", ', "hash_id": []}')], "hash_id: unknown key; did you mean 'hash_ids'?"),
        (['{"input_tokens": 1, "output_tokens": 1}'], "t.jsonl:1: timestamp: is missing"),
        (['{"timestamp": 0, "output_length": 1}'], "t.jsonl:1: input_length: is missing"),
        (
            [OURS[1], OURS[0]],
            "t.jsonl:2: timestamp: 10 is before 10.25 on line 1; sort the file by it",
        ),
        ([OURS[0].replace("10", "true")], "timestamp: must be a number, not true"),
        ([OURS[0].replace("10", "NaN")], "timestamp: must be a number, not NaN"),
        ([OURS[0].replace("10", "1" * 400)], "timestamp: must be a number, not 111"),
        ([OURS[0].replace("512", "0")], "input_tokens: must be a whole number of tokens, at least 1, not 0"),
        ([OURS[0].replace("64", "6.5")], "output_tokens: must be a whole number of tokens"),
        ([OURS[1].replace("[7]", "7")], "hash_ids: must be a list of whole numbers, not 7"),
        ([OURS[1].replace("[7]", '["7"]')], 'hash_ids: must be a list of whole numbers, not ["7"]'),
        ([OURS[1].replace("[7]", "[7, 8]")], "hash_ids: names 2 blocks, but 20 tokens fill only 1 of 512"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_key(lines: list[str], message: str) -> None:
    """Whatever is wrong with a file is told with its place."""
    with pytest.raises(ConfigError) as caught:
        _parse(*lines)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.lists(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists), max_size=3))
def test_nonsense_is_a_mistake_in_the_file(values: list[object]) -> None:
    """No value makes the reader fail in a way the user cannot read."""
    keys = ("timestamp", "input_tokens", "output_tokens")
    row = dict(zip(keys, values, strict=False)) | {"hash_ids": values}
    with pytest.raises(ConfigError):
        _parse(json.dumps(row))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_impossible_speeds(speed: float) -> None:
    """A replay takes some time, and not for ever."""
    with pytest.raises(UsageError, match="the speed of a replay must be more than 0"):
        _parse(*OURS, speed=speed)


def test_files(tmp_path: Path) -> None:
    """A file is called what the caller calls it, and what cannot be read says why."""
    path = tmp_path / "a.jsonl"
    with pytest.raises(StorageError, match=r"^a: No such file or directory$"):
        read_replay(path, name="a")
    path.write_text("\n".join(OURS))
    assert read_replay(path, name="a").file == "a"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"a\.jsonl: is not a text file in UTF-8"):
        read_replay(path)
