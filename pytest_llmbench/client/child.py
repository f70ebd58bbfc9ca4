"""One process of the load generator, from its parent's side."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

from pytest_llmbench.client.plan import LoadOutcome
from pytest_llmbench.errors import MeasurementError
from pytest_llmbench.termination import signal_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.client.plan import Go, LoadPlan

__all__ = ["Child", "Silence"]

# Whose pipe is at its end is about to die, on a busy machine after a while; who talks nonsense may live.
_DYING_SECONDS, _LIVING_SECONDS = 10.0, 1.0


@dataclass(frozen=True, slots=True)
class Silence:
    """What is heard of a process that says nothing more, or nothing that can be understood."""

    error: Exception


class Child:
    """A process that carries out plans, one after the other."""

    def __init__(self) -> None:
        """Start it."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            # -P: a random.py in the user's directory is not the one the client means.
            [sys.executable, "-P", "-m", "pytest_llmbench.client.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._listener: Thread | None = None

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def begin(self, plan: LoadPlan, on_message: Callable[[object], None]) -> None:
        """Let it carry out a plan.

        `on_message` hears in a thread all it says, and at last an outcome, the text of what went wrong, or
        `Silence`.
        """
        self.say(plan)
        # A thread each: processes are heard in turn without asking which pipe holds half a message.
        self._listener = Thread(target=self._listen, args=(on_message,), daemon=True)
        self._listener.start()

    def say(self, message: LoadPlan | Go) -> None:
        """Send it a message.

        Raises:
            MeasurementError: it died.
        """
        assert self._process.stdin is not None  # noqa: S101 - Popen was given pipes
        try:
            pickle.dump(message, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self.lost(error) from error

    def _listen(self, on_message: Callable[[object], None]) -> None:
        assert self._process.stdout is not None  # noqa: S101 - Popen was given pipes
        message: object = None
        while not isinstance(message, LoadOutcome | str | Silence):
            try:
                message = pickle.load(self._process.stdout)  # noqa: S301 - our own child
            except Exception as error:  # noqa: BLE001 - what is no pickle can raise anything
                message = Silence(error)
            on_message(message)

    def lost(self, error: Exception) -> MeasurementError:
        """Say how it was lost, with its last words."""
        ended = isinstance(error, EOFError | BrokenPipeError)
        try:
            status = self._process.wait(_DYING_SECONDS if ended else _LIVING_SECONDS)
        except subprocess.TimeoutExpired:
            how = f"said what is no answer: {error}"
        else:
            how = f"was killed by {signal_name(-status)}" if status < 0 else f"died with status {status}"
        return MeasurementError(f"the load generator {how}{self._last_words()}")

    def _last_words(self) -> str:
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace").strip()
        return f":\n{text[-2000:]}" if text else ""

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def close(self) -> None:
        """Clean up after it."""
        self._process.wait()
        if self._listener is not None:
            self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._errors.close()
