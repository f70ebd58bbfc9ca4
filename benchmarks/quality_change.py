"""Does the paired gate see a real change of quality? One builtin model, served in several ways.

Run it with `python benchmarks/quality_change.py`; it takes a few minutes. The weights are random, so no
answer is right, and a change makes none wrong. What can be seen is whether a server still answers what it
did: the eval is one of a user's own, with the replies of a first start for its reference, and a prompt passes
if its first words are the same. Each way is judged against a second start, as `--bench-compare` would.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.evals.data import EvalData
from pytest_llmbench.evals.judge import judge_pairs
from pytest_llmbench.evals.running import EvalPlan, evaluate
from pytest_llmbench.recording import record_evaluation
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.embedded import Embedded
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.evals.base import Row, Verdict
    from pytest_llmbench.evals.outcome import EvalResult
    from pytest_llmbench.spec.deployment import ArgValue

QUESTIONS = (
    "Why does bread rise when it is baked?",
    "How does a lighthouse differ from a buoy?",
    "Explain in plain words how tides come about.",
    "Which vegetables can be sown in early spring?",
    "How do I remove a stuck screw?",
)
WAYS: dict[str, tuple[tuple[str, ArgValue], ...]] = {
    "the same again": (),
    "KV cache in 8 bits (q8_0)": (("cache-type-k", "q8_0"), ("cache-type-v", "q8_0"), ("flash-attn", "on")),
    "KV cache in 4 bits (q4_0)": (("cache-type-k", "q4_0"), ("cache-type-v", "q4_0"), ("flash-attn", "on")),
    "chat template without its markers": (
        ("chat-template", "{% for message in messages %}{{ message.content }}{% endfor %}"),
    ),
}
ALPHA = 0.05


class Same:
    """Whether replies begin with the same words as those of a reference."""

    name = "same"
    scorer = "same 1"
    max_tokens = 24
    stop: tuple[str, ...] = ()

    def __init__(self, count: int, words: int, reference: Mapping[str, str] | None = None) -> None:
        self.words = words
        self._count, self._reference = count, reference or {}

    def rows(self, data: EvalData) -> Sequence[Row]:  # noqa: ARG002 - there is none
        """Make so many prompts."""
        return [{"key": str(place), "number": place} for place in range(self._count)]

    def prompt(self, row: Row) -> str:
        """Ask one of the questions, with a number that makes it another."""
        return f"Letter {row['number']}: {QUESTIONS[row['number'] % len(QUESTIONS)]}"

    def score(self, row: Row, reply: str) -> Mapping[str, Verdict]:
        """Compare the first words."""
        reference = self._reference.get(row["key"], reply)
        return {"same": reply.split()[: self.words] == reference.split()[: self.words]}


def main() -> None:
    """Serve, ask, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--words", type=int, default=4, help="words that must be the same (default: 4)")
    parser.add_argument("--streams", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first = ask((), Same(arguments.prompts, arguments.words), arguments.streams, Path(folder, "0"))
        reference = {reply.key: reply.answer for reply in first.replies}
        eval_ = Same(arguments.prompts, arguments.words, reference)
        results = {
            way: ask(args, eval_, arguments.streams, Path(folder, str(place)))
            for place, (way, args) in enumerate({"baseline": (), **WAYS}.items(), start=1)
        }
        records = {
            way: record_evaluation(
                result, "", result.speed.server.deployment, floors={}, folder=Path(folder)
            ).evaluation
            for way, result in results.items()
        }
    then = records.pop("baseline")
    print(f"| {arguments.prompts} prompts | same | lost | gained | p | difference | verdict |")
    print("|---|---|---|---|---|---|---|")
    for way, now in records.items():
        if then is None or now is None:
            sys.exit("an eval has no record")
        (pair,) = judge_pairs(then, now, alpha=ALPHA)
        print(
            f"| {way} | {pair.candidate:.1%} | {len(pair.lost)} | {len(pair.gained)} | {pair.p:.2g}"
            f" | {pair.difference * 100:+.1f} ({pair.low * 100:+.1f} to {pair.high * 100:+.1f})"
            f" | {pair.verdict} |"
        )


def ask(args: tuple[tuple[str, ArgValue], ...], eval_: Same, streams: int, folder: Path) -> EvalResult:
    """Start a server with these arguments, ask everything, and end it."""
    deployment = Deployment(
        model="tiny-glm", source="builtin:tiny-glm", backend="llama", runtime="embedded", args=args
    )
    running = Embedded().start(deployment, StartContext(log_path=folder / "server.log"))
    generator = LoadGenerator()
    try:
        return evaluate(
            running.server,
            eval_,
            EvalPlan(concurrency=streams, warmup=streams),
            generator=generator,
            data=EvalData(),
            journal=lambda _cell: folder / "replies.jsonl",
        )
    finally:
        generator.close()
        running.stop()


if __name__ == "__main__":
    main()
