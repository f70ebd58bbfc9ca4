"""How often the gate is right: sessions are made up, and judged by the code that judges real ones.

    python -m benchmarks.gate [--repetitions N] [--seed N] [--only TEXT]

A table of every operating characteristic with its standard error goes to stdout, in Markdown. With 2,000
repetitions it takes half an hour. Needs numpy.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import replace
from statistics import fmean, stdev

from benchmarks.gate_made import Scenario, judged


def scenarios() -> list[Scenario]:
    """List the operating characteristics, those that are required first."""
    return [*_required(), *_three_metrics(), *_assumptions_fail()]


CLEAN = Scenario("clean build, any false `regressed` in 60 cells", "any")
ONE = Scenario("one of 60 cells +15 %: found", "found", effect=0.15)
AB = Scenario("A/B, clean, any false in 60 cells", "any", sessions=5, paired=True)


def _required() -> list[Scenario]:
    clean = replace(CLEAN, required="<= 6 %")
    found = [
        replace(clean, session_cv=cv, shared=shared)
        for shared in (False, True)
        for cv in (0.0, 0.01, 0.02, 0.03)
    ]
    found += [replace(ONE, required=">= 95 %"), replace(ONE, session_cv=0.03, required=">= 80 %")]
    alone = Scenario("one cell alone +10 %: found", "found", cells=1, effect=0.10)
    found += [replace(alone, required=">= 94 %"), replace(alone, session_cv=0.03, required=">= 78 %")]
    five = "5 baseline sessions, one of 60 +15 %: found"
    found.append(replace(ONE, name=five, sessions=5, required=">= 94 %"))
    slower = Scenario("one of 60 cells +5 %: claimed to pass", "claimed", "<= 5 %", effect=0.05)
    found += [replace(slower, session_cv=cv) for cv in (0.0, 0.02)]
    seen = replace(AB, counted="found", effect=0.08, required=">= 94 %")
    return [
        *found,
        replace(AB, required="<= 6 %"),
        replace(seen, name="A/B, one of 60 cells +8 %: found"),
        replace(seen, name="A/B, one cell alone +5 %: found", required=">= 78 %", effect=0.05, cells=1),
        replace(slower, name="A/B, one of 60 cells +5 %: claimed to pass", sessions=5, paired=True),
    ]


def _three_metrics() -> list[Scenario]:
    three = replace(CLEAN, name="three metrics: clean build, any false", metrics=3)
    one = replace(ONE, name="three metrics: one of 60 cells +15 %: found", metrics=3)
    ab = replace(AB, name="three metrics: A/B, clean, any false", metrics=3)
    seen = replace(ab, counted="found", effect=0.08)
    return [
        *(replace(three, session_cv=cv) for cv in (0.0, 0.02)),
        *(replace(one, session_cv=cv) for cv in (0.02, 0.03)),
        replace(one, name="three metrics: one of 60 cells, TTFT alone +15 %: found", ttft_only=True),
        ab,
        replace(seen, name="three metrics: A/B, one of 60 cells +8 %: found"),
        replace(seen, name="three metrics: A/B, one of 60 cells, TTFT alone +8 %: found", ttft_only=True),
    ]


def _assumptions_fail() -> list[Scenario]:
    bad = replace(CLEAN, name="one baseline session 20 % slow, any false", bad_sessions=1)
    bad_found = replace(ONE, name="one baseline session 20 % slow, +15 % found", bad_sessions=1)
    return [
        bad,
        bad_found,
        replace(bad, shared=True),
        replace(bad_found, shared=True),
        replace(bad_found, name="one of 5 baseline sessions 20 % slow, +15 % found", sessions=5),
        replace(bad, name="two baseline sessions 20 % slow, any false", bad_sessions=2),
        replace(bad_found, name="two baseline sessions 20 % slow, +15 % found", bad_sessions=2),
        replace(CLEAN, name="heavy tails (t, 3 df), any false", tails=3.0),
        replace(ONE, name="heavy tails (t, 3 df), +15 % found", tails=3.0),
        replace(AB, name="A/B, heavy tails (t, 3 df), any false", tails=3.0),
        replace(AB, name="A/B, pairs share nothing, any false", pair_shares=False),
        replace(AB, name="A/B, 10 % drift inside the session, any false", drift=0.10),
        replace(AB, name="A/B, starts from 20 % slow on, fading by e in two, any false", warm_up=0.20),
        replace(AB, name="A/B, starts from 20 % fast on, fading by e in two, any false", warm_up=-0.20),
        replace(CLEAN, name="cells of unequal noise (factor e^0.5), any false", unequal=0.5),
        replace(AB, name="A/B, cells of unequal noise, any false", unequal=0.5),
        replace(CLEAN, name="one start against sessions of three, any false", starts=1, session_cv=0.0),
        replace(CLEAN, name="one start against sessions of three, any false", starts=1),
        replace(ONE, name="one start against sessions of three, +15 % found", starts=1),
        replace(CLEAN, name="25 requests a start against 100, any false", requests=25, session_cv=0.0),
        replace(CLEAN, name="25 requests a start against 100, any false", requests=25),
        replace(ONE, name="25 requests a start against 100, +15 % found", requests=25),
        replace(CLEAN, name="5 baseline sessions, any false", sessions=5),
        replace(CLEAN, name="3 baseline sessions, any false", sessions=3),
        replace(ONE, name="3 baseline sessions, one of 60 +15 %: found", sessions=3),
    ]


def happened(scenario: Scenario, seed: tuple[int, int]) -> float:
    """In which share of what is counted it came to pass, in one repetition."""
    verdicts = judged(scenario, seed)
    match scenario.counted:
        case "any":
            return float("regressed" in verdicts)
        case "found":
            return verdicts.count("regressed") / len(verdicts)
        case "claimed":
            return (verdicts.count("pass") + verdicts.count("improved")) / len(verdicts)


def main() -> int:
    """Print the table; the exit code says whether everything required was reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    arguments = parser.parse_args()
    count: int = arguments.repetitions
    print("| what | session CV | required | measured | standard error |\n|---|---|---|---|---|")
    failed = 0
    began = time.monotonic()
    for scenario in scenarios():
        if arguments.only not in scenario.name:
            continue
        # A single cell takes a sixtieth of the time; where every cell counts, fewer repetitions do.
        wanted = count * 5 if scenario.cells == 1 else count if scenario.counted == "any" else count // 8
        shares = [happened(scenario, (arguments.seed, number)) for number in range(wanted)]
        share, error = fmean(shares), stdev(shares) / math.sqrt(wanted)
        sign, _, bound = scenario.required.partition(" ")
        limit = float(bound.split()[0]) / 100 if bound else 0.0
        met = not sign or (share <= limit if sign == "<=" else share >= limit)
        failed += not met
        cv = f"{scenario.session_cv:.0%}" + (", shared" if scenario.shared else "")
        told = f"{scenario.required or '-'}{'' if met else ' **missed**'}"
        print(f"| {scenario.name} | {cv} | {told} | {share:.1%} | {error:.1%} |", flush=True)
    print(f"\n{count} repetitions, seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
