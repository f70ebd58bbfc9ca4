"""What was read, put aside and found again."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.client import parts as parts_module
from pytest_llmbench.client.parts import Packer, Part, Parts, Spool

PART = st.builds(
    Part,
    at=st.integers(0, 2**62),
    since=st.integers(0, 2**62),
    data=st.binary(max_size=9),
    last=st.booleans(),
)


@given(st.lists(st.lists(PART, max_size=5), max_size=6), st.integers(0, 60))
def test_packed_parts_are_the_same(responses: list[list[Part]], in_memory: int) -> None:
    """Packing changes no part of any response, whether its bytes fit into memory or go to the file."""
    with contextlib.closing(Spool(in_memory)) as spool:
        packed = [Parts(parts) for parts in responses]
        for parts in packed:
            parts.pack(spool)
            parts.pack(spool)
        assert [list(parts) for parts in packed] == responses
        assert [len(parts) for parts in packed] == [len(parts) for parts in responses]


def test_bytes_past_the_limit_are_in_a_file() -> None:
    """Memory is used up to the limit, what does not fit goes to the file, and closing forgets it, twice."""
    with contextlib.closing(Spool(4)) as spool:
        small, big, bigger = (spool.keep(data) for data in (b"four", b"fives", b"sixsix"))
        assert [kept.data for kept in (small, big, bigger)] == [b"four", b"", b""]
        assert [kept.read() for kept in (small, big, bigger)] == [b"four", b"fives", b"sixsix"]
    spool.close()


@pytest.mark.parametrize("fault", ["no file", "full", "half"])
def test_full_disk(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Where no file can be made or written, bytes stay in memory and nothing is lost."""

    def no(*_: object) -> int:
        raise OSError

    if fault == "no file":
        monkeypatch.setattr(parts_module, "_unnamed_file", no)
    else:
        monkeypatch.setattr(os, "pwrite", no if fault == "full" else lambda *_: 1)
    with contextlib.closing(Spool(0)) as spool:
        assert [spool.keep(data).read() for data in (b"one", b"two")] == [b"one", b"two"]


def test_many_that_end_at_once_are_packed_in_turns() -> None:
    """Between two responses that are packed the event loop looks after other things."""
    turns: list[int] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        with contextlib.closing(Spool(0)) as spool:
            packer = Packer(loop, spool)
            waiting = [Parts([Part(1, 0, b"x", last=True)]) for _ in range(5)]
            for parts in waiting:
                packer.pack_soon(parts)
            while any(parts._packed is None for parts in waiting):
                turns.append(sum(parts._packed is not None for parts in waiting))
                await asyncio.sleep(0)
            packer.pack_soon(later := Parts([Part(2, 0, b"y", last=True)]))
            await asyncio.sleep(0)
            assert later._packed

    asyncio.run(run())
    assert turns == [0, 1, 2, 3, 4]
