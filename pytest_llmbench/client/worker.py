"""The load generator's own process: `python -m pytest_llmbench.client.worker`.

It reads pickled `LoadPlan`s from its standard input until that ends, and answers each on its standard output
with pickled `Progress` messages, with `Ready` when the warm-up is over, for which it expects a `Go`, and at
last with one `LoadOutcome`, or the text of what went wrong.
A process of its own, because pytest, its plugins and a progress display would share one interpreter
with the clock otherwise.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from typing import TYPE_CHECKING, BinaryIO

from pytest_llmbench.client import load
from pytest_llmbench.client.descriptors import raise_limit
from pytest_llmbench.client.plan import Ready
from pytest_llmbench.errors import MeasurementError

if TYPE_CHECKING:
    from pytest_llmbench.client.plan import Go, LoadPlan

__all__ = ["main", "serve"]


def serve(plans: BinaryIO, answers: BinaryIO) -> None:
    """Answer plans until there are no more."""

    def answer(message: object) -> None:
        try:
            pickle.dump(message, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:
            raise SystemExit(1) from None  # the parent is gone: end the load with it, not after the plan

    def meet() -> int:
        answer(Ready())
        try:
            go: Go = pickle.load(plans)  # noqa: S301 - from our own parent
        except EOFError:
            raise SystemExit(1) from None  # likewise
        return go.at

    while True:
        try:
            plan: LoadPlan = pickle.load(plans)  # noqa: S301 - from our own parent
        except EOFError:
            return
        try:
            answer(load.run(plan, answer, meet))
        except MeasurementError as error:
            answer(str(error))
        except Exception:  # noqa: BLE001 - the parent raises it where the user sees it
            answer(f"the load generator failed:\n{traceback.format_exc()}")


def main() -> None:
    """Serve on the process's own pipes; nothing else may write to them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    raise_limit()
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
