"""A running truth server, and the log of what it did."""

from __future__ import annotations

import contextlib
import struct
import subprocess
import tempfile
from array import array
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pytest_llmbench.calibration.build import truth_server
from pytest_llmbench.errors import ServerError, ServerStartError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Behaviour", "TruthRecord", "TruthServer", "read_log"]

_RECORD = struct.Struct("=qQIIII")  # `struct record` of truth_server.c
_TIME_SIZE = 8
_STOPPING_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the server does; `truth_server --help` explains each. Times in microseconds.

    None leaves a default to the server.
    """

    ttft: int = 50_000
    itl: int = 10_000
    tokens: int = 100
    jitter: Literal["none", "uniform", "exponential"] = "none"
    burst: int = 1
    tokens_per_chunk: int = 1
    usage: Literal["final", "each", "none"] = "final"
    reasoning: int | None = None
    reasoning_field: str | None = None
    role_chunk: bool = False
    split_every: int | None = None
    split_delay: int | None = None
    stream_error_every: int | None = None
    http_error_every: int | None = None
    end: Literal["mark", "none", "cut"] = "mark"
    seed: int = 1

    def arguments(self) -> list[str]:
        """Return the server's options."""
        arguments: list[str] = []
        for field in fields(self):
            value, option = getattr(self, field.name), "--" + field.name.replace("_", "-")
            if value is True:
                arguments.append(option)
            elif value is not None and value is not False:
                arguments += [option, str(value)]
        return arguments


@dataclass(frozen=True, slots=True)
class TruthRecord:
    """One request as the server saw it. Times are ns of CLOCK_REALTIME.

    Attributes:
        id: the number in the request's `user` field, -1 if it had none.
        received: the kernel's stamp of the request's last packet.
        tokens: asked for.
        status: of HTTP.
        finished: the whole answer was sent.
        sent: for each chunk of output, just before its last byte was handed to the kernel.
        returned: just after. The chunk arrived in between, if client and server are on one host.
    """

    id: int
    received: int
    tokens: int
    status: int
    finished: bool
    sent: array[int]
    returned: array[int]


class TruthServer:
    """Serves until it is stopped; then `records` says what it did.

    with TruthServer(Behaviour(itl=1000)) as server:
        ...  # drive server.base_url
    server.records
    """

    def __init__(self, behaviour: Behaviour | None = None, *, port: int = 0) -> None:
        """Start it.

        Raises:
            Unavailable: it cannot be built here.
            ServerStartError: it does not start, with its own words.
        """
        program = truth_server()
        self.behaviour = behaviour or Behaviour()
        self.records: list[TruthRecord] = []
        self._folder = tempfile.TemporaryDirectory(prefix="llmbench-truth-")
        self._log = Path(self._folder.name) / "log"
        options = self.behaviour.arguments()
        self._process = subprocess.Popen(
            # It ends with its standard input, so that it outlives nobody, however we end.
            [str(program), "--port", str(port), "--until-stdin-closes", "--log", str(self._log), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None  # noqa: S101 - Popen was given pipes
        answer = self._process.stdout.readline()
        if not answer.startswith("port "):
            _, errors = self._process.communicate()
            self._folder.cleanup()
            message = "the truth server did not start"
            raise ServerStartError(message, log_tail=errors.splitlines())
        self.base_url = f"http://127.0.0.1:{int(answer.split()[1])}"

    @property
    def pid(self) -> int:
        """The process, for whoever must tell its CPU time from the client's."""
        return self._process.pid

    def stop(self) -> None:
        """End it and read its log. Answers that were still being sent are in it, unfinished.

        Raises:
            ServerError: it does not end, or ended before with an error.
        """
        if self._process.stdin is None or self._process.stdin.closed:
            return
        try:
            _, errors = self._process.communicate(timeout=_STOPPING_SECONDS)
            if self._process.returncode != 0:
                message = f"the truth server ended with status {self._process.returncode}: {errors.strip()}"
                raise ServerError(message)
            self.records = read_log(self._log)
        except subprocess.TimeoutExpired:
            message = f"the truth server did not end within {_STOPPING_SECONDS:g} s"
            raise ServerError(message) from None
        finally:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def read_log(path: Path) -> list[TruthRecord]:
    """Read a log, in the order in which the answers ended."""
    data, at, records = path.read_bytes(), 0, []
    while at < len(data):
        id_, received, tokens, chunks, status, finished = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        times = array("Q", data[at : at + 2 * chunks * _TIME_SIZE])
        at += 2 * chunks * _TIME_SIZE
        records.append(
            TruthRecord(id_, received, tokens, status, bool(finished), sent=times[::2], returned=times[1::2])
        )
    return records
