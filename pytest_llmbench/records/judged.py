"""What a comparison with a baseline came to."""

from __future__ import annotations

from typing import Literal

from pytest_llmbench.records.base import Record

__all__ = ["MetricComparison", "PairedRecord", "VerdictName", "VerdictRecord"]

VerdictName = Literal["pass", "regressed", "improved", "inconclusive", "missing", "invalid", "none"]


class MetricComparison(Record):
    """One gated metric against its baseline.

    `metric` is `ttft.p50`, or `throughput_output` for a scalar. `change` is candidate / baseline - 1, null
    when the baseline is zero. `limit` is the change that matters: a fraction of the baseline, except for
    metrics of unit `ratio` (`error_rate`), where it is a difference. `rule` is how it was decided:
    `threshold` by the change alone; `sessions` one session against several; `pairs` by pairs of an A/B.
    Where it is statistical, `low` and `high` bound the change (one-sided 95 % each), `p` is the one-sided
    p-value of its not being worse, `alpha` what `p` was held against, and `detectable` the smallest worsening
    that would be found four times in five. `median` is the change of the median start, where that kept one
    bad (or good) start from deciding. An `advisory` one is shown and decides nothing: the sample is too small
    for its percentile.
    """

    metric: str
    baseline: float
    candidate: float
    change: float | None
    limit: float
    verdict: VerdictName
    rule: Literal["threshold", "sessions", "pairs"] = "threshold"
    low: float | None = None
    high: float | None = None
    p: float | None = None
    alpha: float | None = None
    detectable: float | None = None
    advisory: bool = False
    median: float | None = None


class PairedRecord(Record):
    """One score of an eval against its baseline, prompt by prompt.

    `lost` and `gained` are the prompts that passed on one side only, `difference` their share of all
    `prompts`, with one-sided bounds at `alpha`; `p` is that of the exact McNemar test for a loss. A loss of
    `detectable` would be found four times in five.
    """

    score: str
    prompts: int
    baseline: float
    candidate: float
    difference: float
    low: float
    high: float
    p: float
    alpha: float
    detectable: float
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    verdict: VerdictName


class VerdictRecord(Record):
    """What the comparison came to. `rule` names how it was decided, as in the comparisons.

    So many `sessions` were judged together, against `baseline_sessions`; a session of tests judges itself.
    `treatment` lists what differs from the newest baseline session, one `name: before -> now` each.
    `set_aside` lists sessions of the baseline that were off in most cells and not compared with. `drift`
    compares with the fixed baseline `anchor` as well; it is shown and decides nothing.
    """

    verdict: VerdictName
    rule: Literal["none", "threshold", "sessions", "pairs", "paired", "floor"] = "none"
    baseline: str | None = None
    baseline_sessions: int = 0
    sessions: int = 1
    message: str = ""
    treatment: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    comparisons: tuple[MetricComparison, ...] = ()
    paired: tuple[PairedRecord, ...] = ()
    anchor: str | None = None
    drift: tuple[MetricComparison, ...] = ()
