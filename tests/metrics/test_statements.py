"""What limits and service levels have in common."""

from __future__ import annotations

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.metrics.registry import METRICS, Metric
from pytest_llmbench.metrics.statements import Statement, read_statement


def read(part: str, text: str | None = None) -> Statement:
    """Read a statement of a made-up kind."""

    def problem(known: Metric, stat: str) -> str:
        return f"{known.name} has no {stat}" if stat == "p12" else ""

    return read_statement(part, text or part, kind="rule", sign="<", form="expected A<B", problem=problem)


def test_reads_its_parts() -> None:
    """Metric, statistic and amount come apart, blanks around them do not matter."""
    assert read("ttft.p50 < 5 ms") == (METRICS["ttft"], "p50", "5 ms", "rule 'ttft.p50 < 5 ms'")
    assert read("error_rate<1%").stat is None


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        ("ttft.p50", None, "rule 'ttft.p50': expected A<B"),
        ("<5", None, "rule '<5': expected A<B"),
        ("ttft.p50<", "a<1,ttft.p50<", "rule 'ttft.p50<' in 'a<1,ttft.p50<': expected A<B"),
        ("tfft<5", None, "rule 'tfft<5': unknown metric 'tfft': did you mean 'ttft' or 'tpot'?"),
        ("ttft.p12<5", None, "rule 'ttft.p12<5': ttft has no p12"),
    ],
)
def test_mistakes(part: str, text: str | None, message: str) -> None:
    """Each says which statement it is about, and in which option where that has several."""
    with pytest.raises(UsageError) as caught:
        read(part, text)
    assert str(caught.value) == message
