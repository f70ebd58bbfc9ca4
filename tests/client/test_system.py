"""What is asked of the operating system: stamps and priority."""

from __future__ import annotations

import os
import socket
import struct
import sys
import time

import pytest

from pytest_llmbench.client import stamps
from pytest_llmbench.client.priority import own_cores, real_time

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux stamps packets")


@linux
def test_stamp_is_when_the_packet_came() -> None:
    """The kernel's stamp lies between sending and the end of sending, however late the read."""
    primed = stamps.prime()
    assert primed
    with primed, socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = socket.create_connection(listener.getsockname())
        stamps.request_stamps(receiver)
        sender, _ = listener.accept()
        with sender, receiver:
            before = time.time_ns()
            sender.send(b"x")
            after = time.time_ns()
            time.sleep(0.02)
            _, ancillary, _, _ = receiver.recvmsg(10, stamps.ANCILLARY_SIZE)
    stamp = stamps.kernel_stamp(ancillary)
    assert stamp is not None
    assert before <= stamp <= after


@linux
def test_priming_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no packet is ever stamped, as in some sandboxes, priming ends and the clock is the user's."""
    monkeypatch.setattr(stamps, "kernel_stamp", lambda _: None)
    monkeypatch.setattr(stamps, "_PRIMING_TRIES", 2)
    monkeypatch.setattr(stamps, "_PRIMING_SECONDS", 0)
    primed = stamps.prime()
    assert primed
    primed.close()


def test_no_stamp() -> None:
    """Other ancillary messages, short ones and none at all are no stamp."""
    whole = struct.pack("qq", 1, 5)
    assert stamps.kernel_stamp([]) is None
    assert stamps.kernel_stamp([(socket.SOL_SOCKET, 1, whole), (0, 35, whole)]) is None
    assert stamps.kernel_stamp([(socket.SOL_SOCKET, 35, whole[:8])]) is None
    assert stamps.kernel_stamp([(socket.SOL_SOCKET, 35, whole)]) == 1_000_000_005


def test_elsewhere_there_are_no_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no stamps nothing is asked of it."""
    monkeypatch.setattr(stamps, "_HAS_STAMPS", False)
    assert stamps.prime() is None
    with socket.socket() as sock:
        stamps.request_stamps(sock)


@linux
@pytest.mark.parametrize("allowed", [True, False])
def test_priority_is_given_back(monkeypatch: pytest.MonkeyPatch, *, allowed: bool) -> None:
    """Priority is taken if permitted and given back, without clearing the flag that only root may clear."""
    calls: list[int] = []

    def schedule(_pid: int, policy: int, _parameters: os.sched_param) -> None:
        if not allowed:
            raise PermissionError
        calls.append(policy)

    monkeypatch.setattr(os, "sched_setscheduler", schedule)
    with real_time() as granted:
        assert granted is allowed
    flag = os.SCHED_RESET_ON_FORK
    assert calls == ([os.SCHED_FIFO | flag, os.sched_getscheduler(0) | flag] if allowed else [])


def test_no_priorities_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without schedulers, such as macOS, is no obstacle."""
    monkeypatch.delattr(os, "sched_setscheduler", raising=False)
    with real_time() as granted:
        assert not granted


@pytest.mark.parametrize(
    ("cores", "among", "process", "expected"),
    [
        (8, (), 0, {7}),
        (8, (), 1, {6}),
        (4, (), 5, {2}),
        (3, (), 0, None),
        (8, (), None, None),
        (16, (6, 7), 0, {7}),
        (16, (6, 7), 1, {6}),
        (16, (6, 7), None, {6, 7}),
        (8, (8, 9), None, None),
    ],
)
def test_own_cores(
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    among: tuple[int, ...],
    process: int | None,
    expected: set[int] | None,
) -> None:
    """Each process stays on a core of its own, the last first, where there are four and it has priority.

    Without, it stays among those that are not the server's, as far as it may be there.
    """
    calls: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, wanted: calls.append(set(wanted)), raising=False)
    with own_cores(among, process) as pinned:
        assert pinned == (() if expected is None or process is None else tuple(expected))
    assert calls == ([] if expected is None else [expected, set(range(cores))])


def test_core_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not let a process choose its core, it goes where it is put."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", refuse, raising=False)
    with own_cores((), 0) as pinned:
        assert pinned == ()


def test_no_cores_to_choose_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system where processes cannot be pinned, such as macOS, is no obstacle."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    with own_cores((), 0) as pinned:
        assert pinned == ()
