"""What reading alone costs on a machine: a loop that stamps every read as the client does, and no more.

No client in Python can cost less there. CPU figures of two machines, or of two days on a virtual one, can be
compared only as ratios to this.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from urllib.parse import urlsplit

from pytest_llmbench.calibration.level import truth_body
from pytest_llmbench.calibration.server import Behaviour, TruthServer
from pytest_llmbench.client.priority import real_time
from pytest_llmbench.client.stamps import ANCILLARY_SIZE, prime, request_stamps

__all__ = ["bare_reader"]

_READ_SIZE = 16 * 1024
_LAST_CHUNK = b"\r\n0\r\n\r\n"


def bare_reader(streams: int, requests: int, behaviour: Behaviour) -> float:
    """Return the CPU seconds for a million chunks, each of `streams` asking `requests` / `streams` times."""
    with TruthServer(behaviour) as server, contextlib.ExitStack() as opened:
        primed = prime()
        if primed is not None:
            opened.enter_context(primed)
        sockets = [opened.enter_context(_connected(server.base_url)) for _ in range(streams)]
        with real_time():
            before = time.process_time()
            _read(sockets, [_request(index, behaviour.tokens) for index in range(requests)])
            cpu = time.process_time() - before
    return cpu / (requests * behaviour.tokens) * 1e6


def _read(sockets: list[socket.socket], requests: list[bytes]) -> None:
    """Send each request as soon as a stream is free, and read until all are answered."""
    by_number = {sock.fileno(): sock for sock in sockets}
    left = len(requests)
    with select.epoll() as poll:
        for sock in sockets:
            poll.register(sock.fileno(), select.EPOLLIN)
            sock.send(requests.pop())
        while left:
            for number, _ in poll.poll(-1, len(sockets) + 1):
                data, _, _, _ = by_number[number].recvmsg(_READ_SIZE, ANCILLARY_SIZE)
                if data.endswith(_LAST_CHUNK) or data == _LAST_CHUNK[2:]:
                    left -= 1
                    if requests:
                        by_number[number].send(requests.pop())


def _connected(base_url: str) -> socket.socket:
    address = urlsplit(base_url)
    sock = socket.create_connection((address.hostname, address.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request_stamps(sock)
    return sock


def _request(index: int, tokens: int) -> bytes:
    body = truth_body(index, tokens)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: truth\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
