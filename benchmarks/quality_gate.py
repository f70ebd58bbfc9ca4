"""How often the paired gate for evals is wrong, simulated; and an unpaired test beside it.

Run it with `python benchmarks/quality_gate.py`. A build is one eval of so many prompts. Some prompts change
between two sessions though nothing got worse (the discordance): as many each way. A true loss adds to one.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter

from pytest_llmbench.evals.judge import ALPHA, verdict_of
from pytest_llmbench.evals.paired import compare, detectable

PROMPTS = {"IFEval": 541, "GSM8K": 1319}
DISCORDANCE = (0.02, 0.05, 0.10)
LOSSES = (0.0, 0.01, 0.02, 0.03, 0.05)
SCORE = 0.75
Z = 1.6448536269514722


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--builds", type=int, default=4000, help="a row (default: %(default)d)")
    builds = parser.parse_args().builds
    draw = random.Random(7)  # noqa: S311 - no secret
    print("| eval | discordance | true loss | regressed | inconclusive | pass | unpaired | detectable |")
    print("|---|---|---|---|---|---|---|---|")
    for name, count in PROMPTS.items():
        for discordance in DISCORDANCE:
            for loss in LOSSES:
                if loss > discordance:
                    continue
                found: Counter[str] = Counter()
                for _ in range(builds):
                    verdict, unpaired = build(draw, count, discordance, loss)
                    found[verdict] += 1
                    found["unpaired"] += unpaired
                shares = [found[what] / builds for what in ("regressed", "inconclusive", "pass", "unpaired")]
                points = detectable(count, discordance, alpha=ALPHA) * 100
                print(
                    f"| {name} ({count}) | {discordance:.0%} | {loss * 100:g} points | "
                    + " | ".join(f"{share:.1%}" for share in shares)
                    + f" | {points:.1f} points |"
                )


def build(draw: random.Random, count: int, discordance: float, loss: float) -> tuple[str, bool]:
    """Make one build: (the gate's verdict, whether two percentages differ significantly)."""
    worse, better = (discordance + loss) / 2, (discordance - loss) / 2
    first, second = {}, {}
    for place in range(count):
        luck = draw.random()
        key = str(place)
        if luck < worse:
            first[key], second[key] = True, False
        elif luck < worse + better:
            first[key], second[key] = False, True
        else:
            first[key] = second[key] = draw.random() < SCORE
    pairing = compare(first, second, alpha=ALPHA)
    one, two = sum(first.values()) / count, sum(second.values()) / count
    pooled = (one + two) / 2
    error = math.sqrt(2 * pooled * (1 - pooled) / count)
    return verdict_of(pairing, ALPHA), (one - two) / error > Z


if __name__ == "__main__":
    main()
