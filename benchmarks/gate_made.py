"""Sessions that are made up, for `benchmarks/gate.py`, and what the gate says of them.

A session's value of a cell is made as a real one is: replicates of requests whose noise is log-normal, the
p50 of each, with luck of the server's start (run CV) and of the session (session CV) on top. Needs numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_llmbench.baselines.comparability import Conditions, Treatment
from pytest_llmbench.baselines.judge import ALPHA, Rules, judge_sessions
from pytest_llmbench.baselines.limits import DEFAULT_LIMITS
from pytest_llmbench.baselines.model import Baseline, SessionEntry
from pytest_llmbench.baselines.reference import Reference
from pytest_llmbench.baselines.sides import Pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.baselines.values import Replicates
    from pytest_llmbench.records import VerdictName

__all__ = ["Scenario", "entry", "judged"]

REQUEST_NOISE, RUN_CV = 0.15, 0.015
REQUESTS, REPLICATES = 100, 3
TTFT, DECODE = 0.5, 1.0
"""Seconds: far above the smallest effects that matter, so that only ratios decide."""
TOKENS = 100

KEYS = ("ttft.p50", "tpot.p50", "throughput_output")
CONDITIONS, TREATMENT = Conditions(cpu="x", cpu_cores=2, protocol=1), Treatment()

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """What is made up, and what is counted of it.

    `effect` slows one cell of the candidate: each in its turn, which the verdicts of the others do not
    notice, since neither side's mean enters the variance. It slows every metric, or the TTFT alone. Gated
    is the TTFT, or all `metrics` that are gated by default. `counted` is the share of repetitions in which
    `any` cell is `regressed` though none was slowed, or of slowed cells that are `found`, or `claimed` to
    pass. `starts` and `requests` a start are the candidate's.
    """

    name: str
    counted: Literal["any", "found", "claimed"]
    required: str = ""
    cells: int = 60
    sessions: int = 10
    session_cv: float = 0.02
    starts: int = REPLICATES
    requests: int = REQUESTS
    shared: bool = False
    metrics: int = 1
    effect: float = 0.0
    ttft_only: bool = False
    paired: bool = False
    pair_shares: bool = True
    tails: float = math.inf
    bad_sessions: int = 0
    bad_by: float = 0.2
    drift: float = 0.0
    warm_up: float = 0.0
    unequal: float = 0.0


def judged(scenario: Scenario, seed: Sequence[int]) -> list[VerdictName]:
    """Make the sessions of one build, and return the verdict of each cell."""
    judge = _paired if scenario.paired else _against_sessions
    return judge(np.random.default_rng(seed), scenario)


def entry(session: int, replicates: Replicates) -> SessionEntry:
    """Store a session."""
    return SessionEntry.model_construct(
        started_at=f"{session:03d}",
        conditions=CONDITIONS,
        treatment=TREATMENT,
        nodeids=(),
        replicates=replicates,
        evaluation=None,
    )


def _made(
    rng: np.random.Generator, scenario: Scenario, sessions: int, replicates: int, asked: int = REQUESTS
) -> Values:
    """Make values of cells x sessions x replicates x metrics, in the units of the metrics."""
    shape = (scenario.cells, sessions, replicates)

    def noise(*shape: int) -> Values:
        return rng.normal(size=shape) if math.isinf(scenario.tails) else rng.standard_t(scenario.tails, shape)

    # How noisy a cell is may differ between cells: the same factor for all that is made of it.
    noisy = np.exp(scenario.unequal * np.random.default_rng(1).normal(size=(scenario.cells, 1, 1)))
    own = (1, sessions, 1) if scenario.shared else (scenario.cells, sessions, 1)
    luck = np.exp((RUN_CV * noise(*shape) + scenario.session_cv * rng.normal(size=own)) * noisy)
    requests = REQUEST_NOISE * noise(*shape, asked) * noisy[..., None]
    ttft = TTFT * np.exp(np.median(requests, axis=-1)) * luck
    if scenario.metrics == 1:
        return ttft[..., None]
    # Each request has its own noise in both halves; starts and sessions slow them alike.
    decode = REQUEST_NOISE * noise(*shape, asked) * noisy[..., None]
    tpot = DECODE / TOKENS * np.exp(np.median(decode, axis=-1)) * luck
    whole = (TTFT * np.exp(requests) + DECODE * np.exp(decode)).mean(axis=-1) * luck
    return np.stack([ttft, tpot, TOKENS / whole], axis=-1)


def _slow(values: Values, factor: float | Values, *, ttft_only: bool = False) -> None:
    """Make values (metrics last) slower by a factor, or one for each, in place."""
    values[..., 0] *= factor
    if values.shape[-1] > 1:
        values[..., 1] *= 1 if ttft_only else factor
        values[..., 2] /= (TTFT * factor + DECODE) / (TTFT + DECODE) if ttft_only else factor


def _stored(values: Values, asked: int = REQUESTS) -> Replicates:
    """Write one session's values (replicates x metrics) as they are stored."""
    count = {"e2e.count": float(asked)}
    return {
        str(number): ({key: float(value) for key, value in zip(KEYS, run, strict=False)} | count,)
        for number, run in enumerate(values, 1)
    }


def _rules(scenario: Scenario) -> Rules:
    return Rules(DEFAULT_LIMITS if scenario.metrics > 1 else DEFAULT_LIMITS[:1], ALPHA / scenario.cells)


def _against_sessions(rng: np.random.Generator, scenario: Scenario) -> list[VerdictName]:
    """Judge one candidate session of every cell against a baseline of several."""
    values = _made(rng, scenario, scenario.sessions + 1, REPLICATES)
    if scenario.requests < REQUESTS:
        values[:, -1:] = _made(rng, scenario, 1, REPLICATES, scenario.requests)
    _slow(values[:, -1], 1 + scenario.effect, ttft_only=scenario.ttft_only)
    _slow(values[:, : scenario.bad_sessions], 1 + scenario.bad_by)
    cells = {
        f"c{cell}": {
            f"s{session}": entry(session, _stored(values[cell, session]))
            for session in range(scenario.sessions)
        }
        for cell in range(scenario.cells)
    }
    reference, rules = Reference(Baseline("main", cells)), _rules(scenario)
    return [
        judge_sessions(
            list(cells[f"c{cell}"].values()),
            [_stored(values[cell, -1, : scenario.starts], scenario.requests)],
            reference,
            rules,
        ).verdict
        for cell in range(scenario.cells)
    ]


def _paired(rng: np.random.Generator, scenario: Scenario) -> list[VerdictName]:
    """Judge both sides of one session, in the order in which real tests are judged.

    When a cell is judged, the cells before it have all pairs, and those after it all but the last.
    """
    pairs = scenario.sessions
    # Cell x side x replicate x metric: a replicate is a start of 100 requests; pairs share what time does.
    made = [_made(rng, replace(scenario, session_cv=0.0), 1, pairs)[:, 0] for _ in "ab"]
    values = np.stack(made, axis=1)
    own = (scenario.cells, 1 if scenario.pair_shares else 2, pairs)
    moments = _moments(pairs)
    drift = scenario.drift * moments / (2 * pairs) + scenario.warm_up * np.exp(-moments / 2)
    _slow(values, np.exp(scenario.session_cv * rng.normal(size=own) + drift))
    _slow(values[:, 1], 1 + scenario.effect, ttft_only=scenario.ttft_only)
    rules, found = _rules(scenario), Pairs("A")
    for cell, (a, b) in enumerate(values):
        found.set(f"c{cell}", "a", _stored(a))
        found.set(f"c{cell}", "b", _stored(b[:-1]))
    verdicts: list[VerdictName] = []
    for cell in range(scenario.cells):
        found.set(f"c{cell}", "b", _stored(values[cell, 1]))
        verdicts.append(found.judge(f"c{cell}", rules).verdict)
    return verdicts


def _moments(pairs: int) -> Values:
    """Say when each start of each side comes: A1 B1 B2 A2 A3 B3, so 0 3 4 and 1 2 5."""
    first = 2 * np.arange(pairs)
    swapped = (pairs - 1 - np.arange(pairs)) % 2
    return np.stack([first + swapped, first + 1 - swapped]).astype(float)
