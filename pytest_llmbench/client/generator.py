"""The parent's side of the load generator."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from pytest_llmbench.client.plan import LoadOutcome, LoadPlan, Progress
from pytest_llmbench.errors import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LoadGenerator"]


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
        assert process.stdout is not None  # noqa: S101
        try:
            pickle.dump(plan, process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            while isinstance(answer := pickle.load(process.stdout), Progress):  # noqa: S301 - our own child
                on_progress(answer)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            message = f"the load generator died with status {process.wait()}{self._last_words()}"
            raise MeasurementError(message) from error
        if isinstance(answer, LoadOutcome):
            return answer
        raise MeasurementError(str(answer))

    def _start(self) -> subprocess.Popen[bytes]:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        return subprocess.Popen(
            [sys.executable, "-m", "pytest_llmbench.client.worker"],
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
