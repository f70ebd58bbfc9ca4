"""The noise of a machine, as it is told."""

from __future__ import annotations

import json

from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.noise import Alarms, noise_of
from pytest_llmbench.baselines.sight import sight_of
from pytest_llmbench.files import json_text
from pytest_llmbench.reports.noise_report import Noise
from tests.baselines.entries import baseline_of, entry, parts

(LIMIT,) = parse_limits("ttft.p50:3%")


def noise(starts: int, alarms: Alarms | None = None) -> Noise:
    """Make the noise of two cells, one of them of an open loop, in three sessions."""
    cells = [
        (
            of,
            {
                f"s{day}": entry(*({"ttft.p50": 0.5 * luck + 0.01 * n} for n in range(starts)), day=day)
                for day, luck in enumerate((1.0, 1.1, 0.95), 1)
            },
        )
        for of in (parts(), parts(concurrency=None, load="poisson.r0004"))
    ]
    baseline = baseline_of(cells)
    found = noise_of(baseline, [LIMIT])
    return Noise(baseline, found, (sight_of(LIMIT, found, 0.025),), 0.025, alarms)


def test_cells_then_what_is_seen_then_alarms() -> None:
    """In 80 columns; loads are named where some are open."""
    alarms = Alarms(sessions=3, failed=("s2",), cells=6, regressed=2, improved=1)
    text = noise(2, alarms).render()
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0] == "noise of 'main': 3 sessions of 2 replicates"
    assert any(line.split()[:3] == ["short", "poisson.r0004", "TTFT"] for line in lines)
    assert "1 of 3 sessions (s2) would have failed against the others" in " ".join(text.split())
    assert "verdicts on 6 cells: 2 regressed, 1 improved" in text


def test_what_is_not_known_is_a_dash() -> None:
    """With one start a session, neither starts nor pairs."""
    lines = noise(1).render().splitlines()
    row = next(line.split() for line in lines if "poisson" in line)
    assert row[3:7] == ["p50", "\N{EN DASH}", "\N{EN DASH}", "\N{EN DASH}"]
    seen = next(line.split() for line in lines if line.split()[:2] == ["TTFT", "p50"])
    assert seen[-3:-1] == ["\N{EN DASH}", "\N{EN DASH}"]


def test_programs_are_told_the_same() -> None:
    """Strict JSON, fractions; the gate's option is ready to be used."""
    told = noise(2)
    document = json.loads(json_text(told.document()))
    (one, _) = document["cells"]
    assert one["replicate_cv"]["low"] <= one["replicate_cv"]["cv"] <= one["replicate_cv"]["high"]
    assert (one["request_cv"], document["false_alarms"]) == (None, None)
    assert parse_limits(document["compare_fail"])[0].allowed == document["detectable"][0]["delta"]
