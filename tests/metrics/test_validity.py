"""Each limit on both of its sides."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.client.trace import Chunk
from pytest_llmbench.errors import StatisticsError
from pytest_llmbench.metrics.run import pool
from pytest_llmbench.metrics.summary import PERCENTILES, percentile
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


def _dropped(*traces: RequestTrace) -> set[str]:
    validity = check_validity([make_run(*traces)], asked_prompt_tokens=None)
    assert validity.valid, "what is known of the first chunks is kept"
    assert set(validity.dropped.values()) == set(validity.notes)
    return set(validity.dropped)


@pytest.mark.parametrize(("late", "dropped"), [(0, False), (1, False), (2, True)])
def test_tail_of_the_gaps(late: int, *, dropped: bool) -> None:
    """When late chunks are enough to make a percentile, that percentile is left out, and nothing else."""
    lost = _dropped(_merged(late))
    assert lost == ({"itl.p99", "chunk_gap.p99"} if dropped else set())
    assert check_validity([make_run(_merged(late))], asked_prompt_tokens=None).merged_share == late / 100


def test_a_reply_in_one_chunk_has_no_gaps() -> None:
    """Beside others that have some, uncertain ones among them."""
    single = make_trace(chunks_at(50))
    assert _dropped(_merged(1), single) == _dropped(_merged(1))
    assert _dropped(single) == set()


def test_what_is_said_of_the_tail() -> None:
    """The note says which percentile is missing and between what it lies."""
    validity = check_validity([make_run(_merged(3))], asked_prompt_tokens=None)
    assert validity.notes == (
        (
            "p99 of itl and chunk_gap left out, for chunks shared reads: p99 of the gaps lies between 1 and"
            " 2 ms (limit 10% apart)"
        ),
    )
    assert validity.uncertainty_p99 == pytest.approx(0.001)


@pytest.mark.parametrize(("late", "dropped"), [(49, False), (51, True)])
def test_median_of_the_gaps(late: int, *, dropped: bool) -> None:
    """When late chunks may have moved the median, gaps are not known at all, and TTFT still is."""
    lost = _dropped(_merged(late))
    assert ({"itl", "chunk_gap"} == lost) is dropped
    if not dropped:
        assert lost == {f"{name}.p{percent}" for name in ("itl", "chunk_gap") for percent in (90, 95, 99)}


@pytest.mark.parametrize(("gap", "dropped"), [(1, True), (19, True), (21, False)])
def test_uncertainty_that_does_not_show(gap: int, *, dropped: bool) -> None:
    """What is less than a twentieth of the gaps between chunks, on either side, changes nothing."""
    chunks = [
        dataclasses.replace(chunk, uncertainty=MS) for chunk in chunks_at(*range(50, 50 + 9 * gap, gap))
    ]
    chunks[0] = dataclasses.replace(chunks[0], uncertainty=0)
    assert _dropped(make_trace(chunks)) == ({"itl", "chunk_gap"} if dropped else set())


@pytest.mark.parametrize(("uncertainty", "dropped"), [(0.049, False), (0.051, True)])
def test_uncertainty_nobody_asks_for(uncertainty: float, *, dropped: bool) -> None:
    """Less than a tenth of a millisecond is never too much, however short the gaps."""
    trace = make_trace(chunks_at(*(50 + n / 2 for n in range(9)), uncertainty=uncertainty))
    assert bool(_dropped(trace)) is dropped


@given(
    gaps=st.lists(st.integers(1, 50), min_size=3, max_size=40),
    delays=st.lists(st.integers(0, 60), min_size=3, max_size=40),
)
def test_percentiles_that_are_kept_are_true(gaps: list[int], delays: list[int]) -> None:
    """However late chunks were read, a percentile that is kept is within its limit of the true one."""
    sent = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    read, free = [], 0
    for at, delay in zip(sent, itertools.cycle(delays), strict=False):
        free = max(free, at) if free >= at else at + delay
        read.append(free)
    # What is read together came after the reads before: exact for the last of each read, as a kernel says.
    stamps = [max(at for at, when in zip(sent, read, strict=True) if when == mine) for mine in read]
    chunks = [Chunk(START + stamp * MS, (stamp - at) * MS) for stamp, at in zip(stamps, sent, strict=True)]
    run = make_run(make_trace(chunks))
    kept = run.without(check_validity([run], asked_prompt_tokens=None).dropped).metrics.get("chunk_gap")
    true = sorted((after - before) * 1e-3 for before, after in itertools.pairwise(sent))
    for percent in PERCENTILES:
        known = kept.get(f"p{percent}") if kept else None
        if known is not None:
            last = (sent[-1] - sent[-2]) * 1e-3 if chunks[-1].uncertainty else 0
            assert abs(known - percentile(true, percent)) <= 0.1 * known + 1e-4 + last


@pytest.mark.parametrize(("uncertainty", "dropped"), [(0.9, False), (1.1, True)])
def test_uncertain_first_chunk_of_a_short_stream(uncertainty: float, *, dropped: bool) -> None:
    """A stream that may have begun more than a tenth of its length earlier has no TPOT."""
    trace = make_trace([*chunks_at(100, uncertainty=uncertainty), *chunks_at(*range(101, 111))])
    assert ({"tpot", "interactivity"} <= _dropped(trace)) is dropped


def test_run_without_what_is_not_known() -> None:
    """A metric that is left out is absent, a percentile is unknown and says why, alone and pooled."""
    run = make_run(make_trace(chunks_at(*range(50, 200)))).without(["itl", "chunk_gap.p99"])
    for metrics in (run.metrics, pool([make_run(GOOD), run])):
        assert metrics["chunk_gap"].get("p99") is None
        assert metrics["chunk_gap"].p50 == pytest.approx(0.001)
        with pytest.raises(StatisticsError, match=r"chunk_gap\.p99 is not known: the client read too late"):
            _ = metrics["chunk_gap"].p99
    assert "itl" not in run.metrics


@pytest.mark.parametrize(("step", "valid"), [(0.002, True), (0.0021, False)])
def test_clock_that_was_set(step: float, *, valid: bool) -> None:
    """A clock that moves further than adjusting does was set, and stamps cannot be compared."""
    runs = [make_run(GOOD), dataclasses.replace(make_run(GOOD), clock_step=step)]
    validity = check_validity(runs, asked_prompt_tokens=None)
    assert validity.clock_step == step
    assert validity.reasons == (
        ()
        if valid
        else (
            (
                "the host's clock was set during the run: it moved by 2.1 ms against the monotonic clock"
                " (limit 2 ms)"
            ),
        )
    )


@pytest.mark.parametrize(
    ("ttft", "delay", "valid"),
    [(50, 10, True), (50, 10.1, False), (1000, 49.9, True), (1000, 50.1, False)],
)
def test_requests_that_waited_in_the_client(ttft: int, delay: float, *, valid: bool) -> None:
    """Requests of an open loop that were sent too late, absolutely and beside the TTFT, make it invalid."""
    run = make_run(make_trace(chunks_at(ttft), scheduled=START - round(delay * MS)))
    validity = check_validity([run], asked_prompt_tokens=None, open_loop=True)
    assert validity.valid == valid
    if not valid:
        limit = 10 if ttft == 50 else 50
        assert validity.reasons == (
            f"requests waited in the client: send delay has a p99 of {delay:g} ms (limit {limit} ms)",
        )
    assert check_validity([run], asked_prompt_tokens=None).valid, "in a closed loop a delay is the server's"


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


@pytest.mark.parametrize(("platform", "noted"), [("linux", True), ("darwin", False)])
def test_user_clock_is_noted_where_there_is_a_better(
    monkeypatch: pytest.MonkeyPatch, platform: str, *, noted: bool
) -> None:
    """On Linux the kernel stamps reads, so that it did not is worth a word; elsewhere it never does."""
    monkeypatch.setattr(sys, "platform", platform)
    validity = check_validity([make_run(make_trace(chunks_at(5), clock="user"))], asked_prompt_tokens=None)
    assert [note[:32] for note in validity.notes] == (["the kernel did not stamp every r"] if noted else [])


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


def test_prompt_lengths_of_a_replay() -> None:
    """Each prompt is held to its own length; how many missed it is noted, and which did by most."""
    traces = [
        make_trace(chunks_at(5), index=index, prompt_tokens=tokens)
        for index, tokens in enumerate((100, 31, 1010, None), start=2)
    ]
    asked = {2: 100, 3: 30, 4: 1000, 5: 7}
    assert check_validity([make_run(*traces)], asked_prompt_tokens=asked).notes == (
        "1 of 3 prompts were not as long as recorded: the farthest off has 31 tokens instead of 30",
    )
    asked[3] = 31
    assert check_validity([make_run(*traces)], asked_prompt_tokens=asked).notes == ()


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


def test_how_the_client_ran() -> None:
    """Priority is told if every run had it, and all cores that were used."""
    first = dataclasses.replace(make_run(GOOD), real_time=True, cores=(3,))
    second = dataclasses.replace(make_run(GOOD), real_time=True, cores=(2,))
    validity = check_validity([first, second], asked_prompt_tokens=None)
    assert (validity.real_time, validity.cores) == (True, (2, 3))
    assert not check_validity([first, make_run(GOOD)], asked_prompt_tokens=None).real_time
