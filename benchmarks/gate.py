"""How often the gate is right: sessions are made up, and judged by the code that judges real ones.

    python benchmarks/gate.py [--repetitions N]

A session's value of a cell is made as a real one is: replicates of requests whose noise is log-normal, the
p50 of each, with luck of the server's start (run CV) and of the session (session CV) on top. A table of every
operating characteristic with its standard error goes to stdout, in Markdown. Needs numpy.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

import numpy as np

from pytest_llmbench.baselines.comparability import Conditions, Treatment
from pytest_llmbench.baselines.judge import ALPHA, Rules, judge_sessions
from pytest_llmbench.baselines.limits import Limit
from pytest_llmbench.baselines.model import Baseline, SessionEntry
from pytest_llmbench.baselines.reference import Reference
from pytest_llmbench.baselines.sides import Pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_llmbench.baselines.values import Replicates
    from pytest_llmbench.records import VerdictName

REQUEST_NOISE, RUN_CV = 0.15, 0.015
REQUESTS, REPLICATES = 100, 3
TTFT = 0.5
"""Seconds: far above the smallest effect that matters, so that only ratios decide."""

KEY = "ttft.p50"
RULES = Rules(limits=(Limit("ttft", "p50", 0.03, 0.10),))
CONDITIONS, TREATMENT = Conditions(cpu="x", cpu_cores=2, protocol=1), Treatment()


@dataclass(frozen=True)
class Scenario:
    """What is made up, and what is counted of it.

    `effect` slows one cell of the candidate: each in its turn, which the verdicts of the others do not
    notice, since neither side's mean enters the variance. `counted` is the share of repetitions in which
    `any` cell is `regressed` though none was slowed, or of slowed cells that are `found`, or `claimed` to
    pass.
    """

    name: str
    counted: Literal["any", "found", "claimed"]
    required: str = ""
    cells: int = 60
    sessions: int = 10
    session_cv: float = 0.02
    shared: bool = False
    effect: float = 0.0
    paired: bool = False
    pair_shares: bool = True
    tails: float = math.inf
    bad_session: float = 0.0
    drift: float = 0.0
    unequal: float = 0.0


def made(rng: np.random.Generator, scenario: Scenario, sessions: int, replicates: int) -> NDArray[np.float64]:
    """Make p50s: cells x sessions x replicates, in seconds."""
    shape = (scenario.cells, sessions, replicates)
    if math.isinf(scenario.tails):
        requests = rng.normal(size=(*shape, REQUESTS))
    else:
        requests = rng.standard_t(scenario.tails, size=(*shape, REQUESTS))
    p50 = np.median(REQUEST_NOISE * requests, axis=-1)
    runs = RUN_CV * (
        rng.normal(size=shape) if math.isinf(scenario.tails) else rng.standard_t(scenario.tails, size=shape)
    )
    own = (1, sessions, 1) if scenario.shared else (scenario.cells, sessions, 1)
    # How noisy a cell is may differ between cells: the same factor for all that is made of it.
    noisy = np.exp(scenario.unequal * np.random.default_rng(1).normal(size=(scenario.cells, 1, 1)))
    luck = scenario.session_cv * rng.normal(size=own) * noisy
    return TTFT * np.exp((p50 + runs) * noisy + luck)


def stored(values: Sequence[float]) -> Replicates:
    """Write one session's p50s as they are stored."""
    return {str(number): ({KEY: float(value)},) for number, value in enumerate(values, 1)}


def against_sessions(rng: np.random.Generator, scenario: Scenario) -> list[VerdictName]:
    """Judge one candidate session of every cell against a baseline of several."""
    values = made(rng, scenario, scenario.sessions + 1, REPLICATES)
    values[:, -1] *= 1 + scenario.effect
    values[:, 0] *= 1 + scenario.bad_session
    cells = {
        f"c{cell}": {
            f"s{session}": SessionEntry.model_construct(
                started_at=f"{session:03d}",
                conditions=CONDITIONS,
                treatment=TREATMENT,
                replicates=stored(values[cell, session]),
            )
            for session in range(scenario.sessions)
        }
        for cell in range(scenario.cells)
    }
    reference = Reference(Baseline("main", cells))
    rules = replace(RULES, alpha=ALPHA / scenario.cells)
    return [
        judge_sessions(list(cells[f"c{cell}"].values()), stored(values[cell, -1]), reference, rules).verdict
        for cell in range(scenario.cells)
    ]


def paired(rng: np.random.Generator, scenario: Scenario) -> list[VerdictName]:
    """Judge both sides of one session, in the order in which real tests are judged.

    When a cell is judged, the cells before it have all pairs, and those after it all but the last.
    """
    pairs = scenario.sessions
    # Cell x side x replicate: a replicate is a start of 100 requests, and pairs share what time does to them.
    values = np.stack([made(rng, replace(scenario, session_cv=0.0), 1, pairs)[:, 0] for _ in "ab"], axis=1)
    luck = scenario.session_cv * rng.normal(size=(scenario.cells, 1 if scenario.pair_shares else 2, pairs))
    values *= np.exp(luck)
    moments = np.arange(2 * pairs).reshape(pairs, 2).T / (2 * pairs)
    values *= np.exp(scenario.drift * moments)
    values[:, 1] *= 1 + scenario.effect
    rules = replace(RULES, alpha=ALPHA / scenario.cells)
    judged = Pairs("A")
    for cell, (a, b) in enumerate(values):
        judged.set(f"c{cell}", "a", stored(a))
        judged.set(f"c{cell}", "b", stored(b[:-1]))
    verdicts: list[VerdictName] = []
    for cell in range(scenario.cells):
        judged.set(f"c{cell}", "b", stored(values[cell, 1]))
        verdicts.append(judged.judge(f"c{cell}", rules).verdict)
    return verdicts


def happened(scenario: Scenario, verdicts: Sequence[VerdictName]) -> float:
    """In which share of what is counted it came to pass."""
    match scenario.counted:
        case "any":
            return float("regressed" in verdicts)
        case "found":
            return verdicts.count("regressed") / len(verdicts)
        case "claimed":
            return (verdicts.count("pass") + verdicts.count("improved")) / len(verdicts)


def repeated(scenario: Scenario, seeds: range) -> list[float]:
    """Repeat, each time with a seed of its own."""
    judge = paired if scenario.paired else against_sessions
    return [happened(scenario, judge(np.random.default_rng(seed), scenario)) for seed in seeds]


def scenarios() -> list[Scenario]:
    """List the operating characteristics, those that are required first."""
    found: list[Scenario] = []
    clean = Scenario("clean build, any false `regressed` in 60 cells", "any", "<= 6 %")
    for shared in (False, True):
        found += [replace(clean, session_cv=cv, shared=shared) for cv in (0.0, 0.01, 0.02, 0.03)]
    one = Scenario("one of 60 cells +15 %: found", "found", effect=0.15)
    found += [replace(one, required=">= 95 %"), replace(one, session_cv=0.03, required=">= 80 %")]
    alone = Scenario("one cell alone +10 %: found", "found", cells=1, effect=0.10)
    found += [replace(alone, required=">= 94 %"), replace(alone, session_cv=0.03, required=">= 78 %")]
    five = "5 baseline sessions, one of 60 +15 %: found"
    found.append(replace(one, name=five, sessions=5, required=">= 94 %"))
    slower = Scenario("one of 60 cells +5 %: claimed to pass", "claimed", "<= 5 %", effect=0.05)
    found += [replace(slower, session_cv=cv) for cv in (0.0, 0.02)]
    ab = Scenario("A/B, clean, any false in 60 cells", "any", "<= 6 %", sessions=5, paired=True)
    found += [
        ab,
        replace(
            ab, name="A/B, one of 60 cells +8 %: found", counted="found", required=">= 94 %", effect=0.08
        ),
        replace(
            ab,
            name="A/B, one cell alone +5 %: found",
            counted="found",
            required=">= 78 %",
            effect=0.05,
            cells=1,
        ),
        replace(slower, name="A/B, one of 60 cells +5 %: claimed to pass", sessions=5, paired=True),
    ]
    found += [
        replace(ab, name="A/B, pairs share nothing, any false", required="", pair_shares=False),
        replace(clean, name="heavy tails (t, 3 df), any false", required="", tails=3.0),
        replace(ab, name="A/B, heavy tails (t, 3 df), any false", required="", tails=3.0),
        replace(clean, name="one baseline session 20 % slow, any false", required="", bad_session=0.2),
        replace(one, name="one baseline session 20 % slow, +15 % found", required="", bad_session=0.2),
        replace(ab, name="A/B, 10 % drift inside the session, any false", required="", drift=0.10),
        replace(clean, name="cells of unequal noise (factor e^0.5), any false", required="", unequal=0.5),
        replace(ab, name="A/B, cells of unequal noise, any false", required="", unequal=0.5),
        replace(clean, name="5 baseline sessions, any false", required="", sessions=5),
        replace(clean, name="3 baseline sessions, any false", required="", sessions=3),
        replace(one, name="3 baseline sessions, one of 60 +15 %: found", required="", sessions=3),
    ]
    return found


def main() -> int:
    """Print the table; the exit code says whether everything required was reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=1000)
    count = parser.parse_args().repetitions
    print("| what | session CV | required | measured | standard error |\n|---|---|---|---|---|")
    failed = 0
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        for scenario in scenarios():
            # A single cell takes a sixtieth of the time; where every cell counts, fewer repetitions do.
            wanted = count * 10 if scenario.cells == 1 else count if scenario.counted == "any" else count // 4
            parts = [range(start, min(start + 25, wanted)) for start in range(0, wanted, 25)]
            shares = [share for part in pool.map(partial(repeated, scenario), parts) for share in part]
            share, error = fmean(shares), stdev(shares) / math.sqrt(wanted)
            sign, _, bound = scenario.required.partition(" ")
            limit = float(bound.split()[0]) / 100 if bound else 0.0
            met = not sign or (share <= limit if sign == "<=" else share >= limit)
            failed += not met
            cv = f"{scenario.session_cv:.0%}" + (", shared" if scenario.shared else "")
            told = f"{scenario.required or '-'}{'' if met else ' **missed**'}"
            print(f"| {scenario.name} | {cv} | {told} | {share:.1%} | {error:.1%} |", flush=True)
    print(f"\n{count} repetitions each, {time.monotonic() - began:.0f} s")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
