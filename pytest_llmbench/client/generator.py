"""The parent's side of the load generator."""

from __future__ import annotations

import contextlib
import pickle
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from pytest_llmbench.client.plan import LoadOutcome, LoadPlan, Progress
from pytest_llmbench.errors import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LoadGenerator"]

_DYING_SECONDS = 1.0


class LoadGenerator:
    """Runs plans in a process of its own, started with the first and kept for the next."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, plan: LoadPlan, on_progress: Callable[[Progress], None] = lambda _: None) -> LoadOutcome:
        """Carry out a plan and return its outcome; `on_progress` hears of it twice a second.

        Raises:
            MeasurementError: the plan could not be carried out, or the process died.
        """
        try:
            return self._run(plan, on_progress)
        except BaseException:
            self.close()  # whatever is in the pipe belongs to the plan that was given up
            raise

    def _run(self, plan: LoadPlan, on_progress: Callable[[Progress], None]) -> LoadOutcome:
        process = self._process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101 - Popen was given pipes
        try:
            pickle.dump(plan, process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
        except BrokenPipeError as error:
            raise self._lost(process, error) from error
        while isinstance(answer := self._hear(process), Progress):
            on_progress(answer)
        if isinstance(answer, LoadOutcome):
            return answer
        raise MeasurementError(str(answer))

    def _hear(self, process: subprocess.Popen[bytes]) -> object:
        assert process.stdout is not None  # noqa: S101 - Popen was given pipes
        try:
            return pickle.load(process.stdout)  # noqa: S301 - our own child
        except Exception as error:  # what is no pickle can raise anything
            raise self._lost(process, error) from error

    def _lost(self, process: subprocess.Popen[bytes], error: Exception) -> MeasurementError:
        try:
            status = process.wait(_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            how = f"said what is no answer: {error}"
        else:
            how = f"was killed by {_signal_name(-status)}" if status < 0 else f"died with status {status}"
        return MeasurementError(f"the load generator {how}{self._last_words()}")

    def _start(self) -> subprocess.Popen[bytes]:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        return subprocess.Popen(
            # -P: a random.py in the user's directory is not the one the client means.
            [sys.executable, "-P", "-m", "pytest_llmbench.client.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def _last_words(self) -> str:
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace").strip()
        return f":\n{text[-2000:]}" if text else ""

    def close(self) -> None:
        """End the process and its connections with it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.wait()
        self._errors.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names
        return f"signal {number}"
