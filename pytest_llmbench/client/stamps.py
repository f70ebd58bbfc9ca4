"""Receive stamps: the kernel's where it gives them, else the moment the read returned.

Linux stamps every packet on arrival when asked with SO_TIMESTAMPNS; `recvmsg` hands the stamp over as
an ancillary message. A read that drains several packets gets the stamp of the last of them. The stamp can
be absent: for packets that were queued before the option was set, and at the end of the stream.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ANCILLARY_SIZE", "kernel_stamp", "prime", "request_stamps"]

# Python 3.11 has no constant; asm-generic/socket.h. The level of the ancillary message is SOL_SOCKET and
# its type is the option's own number.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")  # struct timespec of a 64-bit kernel: seconds, nanoseconds
_PRIMING_TRIES, _PRIMING_SECONDS = 250, 0.5
_unpack = _TIMESPEC.unpack_from
_HAS_STAMPS = sys.platform == "linux"

ANCILLARY_SIZE = socket.CMSG_SPACE(_TIMESPEC.size) if _HAS_STAMPS else 0


def request_stamps(sock: socket.socket) -> None:
    """Ask the kernel to stamp what arrives on `sock`; does nothing where there is no such thing."""
    if _HAS_STAMPS:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def kernel_stamp(ancillary: Sequence[tuple[int, int, bytes]]) -> int | None:
    """Nanoseconds of CLOCK_REALTIME from what `recvmsg` returned beside the data, or None."""
    if not ancillary:
        return None
    _, kind, data = ancillary[0]  # nothing else was asked for, so there is nothing else
    if kind != _SO_TIMESTAMPNS or len(data) < _TIMESPEC.size:
        return None
    seconds, nanoseconds = _unpack(data)
    return int(seconds * 1_000_000_000 + nanoseconds)


def prime() -> socket.socket | None:
    """Switch stamping on for the host and return the socket that keeps it on, once it is on.

    The kernel stamps packets only while some socket wants stamps, and switches over in the background;
    without this the first packets of a run would carry none. Keep the socket until the run is over.
    """
    if not _HAS_STAMPS:
        return None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = socket.create_connection(listener.getsockname())
        request_stamps(receiver)
        sender, _ = listener.accept()
    with sender:
        # TCP, because a UDP packet that has no stamp gets one when it is read.
        for _ in range(_PRIMING_TRIES):
            sender.send(b"?")
            _, ancillary, _, _ = receiver.recvmsg(1, ANCILLARY_SIZE)
            if kernel_stamp(ancillary) is not None:
                break
            time.sleep(_PRIMING_SECONDS / _PRIMING_TRIES)
    return receiver
