"""An eval of a few sums, and what asks a fake server about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.evals.data import EvalData
from pytest_llmbench.evals.running import EvalPlan, evaluate
from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.spec.deployment import Deployment
from tests.client.fake_server import FakeServer, Peer, content, reply, role, stream, usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_llmbench.evals.base import Row, Verdict
    from pytest_llmbench.evals.outcome import EvalResult
    from pytest_llmbench.evals.replies import Reply

__all__ = ["Sums", "answering", "run", "said"]


class Sums:
    """Some sums; the last row cannot be told."""

    name = "sums"
    scorer = "sums 1"
    max_tokens = 50
    stop = ("STOP",)
    unscored = "nothing helps"

    def __init__(self, count: int = 12) -> None:
        self.count = count

    def rows(self, data: EvalData) -> Sequence[Row]:  # noqa: ARG002
        """Make them."""
        return [{"key": f"s{n}", "left": n, "right": 1} for n in range(self.count)]

    def prompt(self, row: Row) -> str:
        """Ask for one."""
        return f"{row['left']} + {row['right']} = ?"

    def score(self, row: Row, reply: str) -> Mapping[str, Verdict]:
        """Hold the reply to it."""
        right = reply.strip() == str(row["left"] + row["right"])
        told = None if row["left"] == self.count - 1 else right
        return {"right": right, "told": told, "parts": [right, True]}


def said(text: str, *, finish: str = "stop", reasoning: str = "") -> bytes:
    """Make a streamed answer."""
    thinking = [content(None, reasoning_content=reasoning)] if reasoning else []
    return b"".join(stream(role(), *thinking, content(text), content(None, finish), usage(9, 3)))


def answering(script: Callable[[Peer, str, int], object]) -> FakeServer:
    """Run a server that calls `script` with each connection, prompt, and the number of its request."""
    asked: dict[str, int] = {}

    def serve(peer: Peer) -> None:
        while (request := peer.receive()) is not None:
            if not request.head.startswith(b"POST /v1/chat/completions"):
                peer.send(reply("404 Not Found", b"{}"))
                continue
            prompt = json.loads(request.body)["messages"][-1]["content"]
            asked[prompt] = asked.get(prompt, 0) + 1
            script(peer, prompt, asked[prompt])

    return FakeServer(serve)


def run(
    url: str,
    journal: Path,
    *,
    eval_: Sums | None = None,
    plan: EvalPlan | None = None,
    earlier: Sequence[Reply] = (),
) -> EvalResult:
    """Evaluate what listens at `url`."""
    deployment = Deployment(model="m", source="", backend="openai", runtime="external", url=url)
    generator = LoadGenerator()
    try:
        return evaluate(
            Server(deployment, url, "fake"),
            eval_ or Sums(),
            plan or EvalPlan(concurrency=3, warmup=0),
            generator=generator,
            data=EvalData(),
            journal=lambda _cell: journal,
            earlier=lambda _digest: earlier,
        )
    finally:
        generator.close()
