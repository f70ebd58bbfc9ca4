"""Each limit on both of its sides."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.metrics.validity import check_validity
from tests.metrics.traces import MS, REFUSED, START, chunks_at, make_run, make_trace

if TYPE_CHECKING:
    from pytest_llmbench.client.trace import RequestTrace

GOOD = make_trace(chunks_at(50, 60, 70))


def _merged(share: int, of: int = 100) -> RequestTrace:
    chunks = chunks_at(*range(50, 50 + of + 1))
    for n in range(1, share + 1):
        chunks[n] = dataclasses.replace(chunks[n], uncertainty=MS)
    return make_trace(chunks)


def test_valid() -> None:
    """A clean run speaks for itself, with its evidence."""
    late = make_trace(chunks_at(50, 60, 70), scheduled=START - 2 * MS)
    validity = check_validity([make_run(GOOD), make_run(late, cpu_share=0.5)], asked_prompt_tokens=10)
    assert validity.valid
    assert (validity.reasons, validity.notes) == ((), ())
    assert (validity.clock, validity.merged_share, validity.uncertainty_p99) == ("kernel", 0, 0)
    assert validity.cpu_share == 0.5
    assert validity.send_delay_p99 == pytest.approx(0.002, rel=0.02)


def test_nothing_succeeded() -> None:
    """A result without a success measured nothing."""
    run = make_run(make_trace(failure=REFUSED), make_trace(failure=REFUSED))
    validity = check_validity([run, run], asked_prompt_tokens=10)
    assert validity.reasons == ("no request of 4 succeeded",)
    assert validity.send_delay_p99 is None


@pytest.mark.parametrize(("share", "valid"), [(20, True), (21, False)])
def test_late_share(share: int, *, valid: bool) -> None:
    """More than a fifth of chunks that came to a late client is too many."""
    validity = check_validity([make_run(_merged(share))], asked_prompt_tokens=None)
    assert validity.merged_share == share / 100
    assert validity.uncertainty_p99 == pytest.approx(0.001)
    assert validity.valid == valid
    if not valid:
        assert validity.reasons == (
            "the client was late: 21% of chunks are uncertain by more than 0.1 ms (limit 20%)",
        )


@pytest.mark.parametrize(("gap", "valid"), [(1, False), (19, False), (21, True)])
def test_uncertainty_that_does_not_show(gap: int, *, valid: bool) -> None:
    """What is less than a twentieth of the gaps between chunks makes nobody late."""
    chunks = [
        dataclasses.replace(chunk, uncertainty=MS) for chunk in chunks_at(*range(50, 50 + 9 * gap, gap))
    ]
    chunks[0] = dataclasses.replace(chunks[0], uncertainty=0)
    validity = check_validity([make_run(make_trace(chunks))], asked_prompt_tokens=None)
    assert validity.merged_share == pytest.approx(7 / 8)
    assert validity.valid == valid


def test_last_chunk_may_share_its_read() -> None:
    """The last output and the end of the stream come together from many servers: nobody was late."""
    trace = make_trace([*chunks_at(50, 60), *chunks_at(70, uncertainty=5)])
    assert check_validity([make_run(trace)], asked_prompt_tokens=None).merged_share == 0


@pytest.mark.parametrize(("uncertainty", "valid"), [(4.9, True), (5.1, False)])
def test_uncertain_first_chunk(uncertainty: float, *, valid: bool) -> None:
    """A median TTFT that may be more than 5 % less is not known well enough."""
    first = chunks_at(100, uncertainty=uncertainty)
    trace = make_trace([*first, *chunks_at(*range(110, 300, 10))])
    validity = check_validity([make_run(trace)], asked_prompt_tokens=None)
    assert validity.valid == valid
    if not valid:
        assert validity.reasons == (
            "the client was late: the median TTFT lies between 94.90 and 100.00 ms (limit 5% apart)",
        )


@pytest.mark.parametrize(("share", "valid"), [(0.90, True), (0.91, False)])
def test_cpu_share(share: float, *, valid: bool) -> None:
    """A generator that fills its core queues what it should time; the worst run counts."""
    validity = check_validity([make_run(GOOD), make_run(GOOD, cpu_share=share)], asked_prompt_tokens=None)
    assert validity.valid == valid
    if not valid:
        assert validity.reasons == ("the load generator used 91% of a core (limit 90%)",)


def test_clock() -> None:
    """One successful request without kernel stamps makes the result's clock the user's."""
    user, failed = make_trace(chunks_at(5), clock="user"), make_trace(clock="user", failure=REFUSED)
    assert check_validity([make_run(GOOD, failed)], asked_prompt_tokens=None).clock == "kernel"
    assert check_validity([make_run(GOOD, user)], asked_prompt_tokens=None).clock == "user"


@pytest.mark.parametrize(("counted", "noted"), [(98, False), (102, False), (97, True), (103, True)])
def test_prompt_length(counted: int, *, noted: bool) -> None:
    """Prompts more than 2 % off the asked length are noted, with their range."""
    exact, off = (make_trace(chunks_at(5), prompt_tokens=tokens) for tokens in (100, counted))
    validity = check_validity([make_run(exact, off)], asked_prompt_tokens=100)
    low, high = sorted((100, counted))
    assert validity.notes == (
        (f"prompts were {low} to {high} tokens long, 100 were asked for",) if noted else ()
    )
    assert validity.valid
    assert check_validity([make_run(exact, off)], asked_prompt_tokens=None).notes == ()


def test_failures_are_noted() -> None:
    """Some failures do not make a result invalid, and are told."""
    validity = check_validity([make_run(GOOD, make_trace(failure=REFUSED))], asked_prompt_tokens=None)
    assert validity.valid
    assert validity.notes == ("1 of 2 requests failed",)


def test_missing_usage_is_noted() -> None:
    """A reader must know why token metrics are absent."""
    silent = make_trace(chunks_at(5), output_tokens=None)
    assert check_validity([make_run(GOOD, silent)], asked_prompt_tokens=None).notes == (
        "the server gave no usage: tokens are unknown, and with them TPOT and token throughput",
    )


def test_counts_of_our_own_are_noted() -> None:
    """A reader must know which tokens were counted by whom."""
    ours = make_trace(chunks_at(5), token_source="tokenizer")
    counted = "tokens of 1 of 2 replies were counted with the model's tokenizer"
    assert check_validity([make_run(GOOD, ours)], asked_prompt_tokens=None).notes == (
        f"the server gave no usage: {counted}, which sees no special tokens",
    )


@pytest.mark.parametrize(
    ("prompt", "cached", "noted"), [(1000, 100, False), (1000, 101, True), (20, 16, False)]
)
def test_cache_hits_are_noted(prompt: int, cached: int, *, noted: bool) -> None:
    """More cached tokens than salted prompts should have are noted, unless they are the chat template's."""
    trace = make_trace(chunks_at(5), prompt_tokens=prompt, cached_tokens=cached)
    notes = check_validity([make_run(trace)], asked_prompt_tokens=None).notes
    assert notes == (("10% of prompt tokens came from the prefix cache",) if noted else ())


def test_cached_tokens_without_prompt_tokens() -> None:
    """A server that counts cached tokens only is no reason to fail."""
    trace = make_trace(chunks_at(5), prompt_tokens=None, cached_tokens=99)
    assert check_validity([make_run(trace)], asked_prompt_tokens=10).notes == ()
