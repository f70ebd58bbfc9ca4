"""Judging the results of a test against the baseline, once the last replicate is in."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.judge import FAILING, judge_cell
from pytest_llmbench.baselines.limits import DEFAULT_LIMITS, parse_limits
from pytest_llmbench.baselines.store import BaselineStore, check_name
from pytest_llmbench.baselines.wording import regression_message
from pytest_llmbench.errors import InvalidMeasurement, Judged, Regression
from pytest_llmbench.evals.judge import judge_evaluation
from pytest_llmbench.records import VerdictRecord
from pytest_llmbench.reports.eval_wording import failure_message

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.baselines.model import Baseline
    from pytest_llmbench.records import EnvironmentRecord, ResultRecord
    from pytest_llmbench.settings import Settings

__all__ = ["Judge"]


class Judge:
    """Knows the baseline, the limits, and what earlier replicates of a test measured.

    Raises:
        UsageError: a limit or a baseline's name is wrong.
        BaselineMissing: the baseline does not exist.
        StorageError: the baseline cannot be read.
    """

    def __init__(self, settings: Settings, results: Path) -> None:
        wanted = settings.get("compare-fail")
        self._limits = parse_limits(",".join(wanted)) if wanted else DEFAULT_LIMITS
        self._allow_mismatch = bool(settings.get("allow-mismatch"))
        self._replicates: int = settings.get("replicates")
        self._earlier: defaultdict[tuple[str, str], list[ResultRecord]] = defaultdict(list)
        store = BaselineStore(results / "baselines")
        name = settings.get("compare")
        self.baseline: Baseline | None = None
        self.evals = 1
        """Evals of this session, who share the chance of a false alarm."""
        if name is not None:
            self.baseline = store.load(name or store.default_name())
        if (save := settings.get("save")) is not None:
            check_name(save)

    def judge(self, result: ResultRecord, test: str, environment: EnvironmentRecord) -> ResultRecord:
        """Return the record with its verdict; `test` is the node id without the replicate."""
        results = self._earlier[test, result.cell]
        results.append(result)
        return result.model_copy(update={"verdict": self._verdict(results, environment)})

    def _verdict(self, results: list[ResultRecord], environment: EnvironmentRecord) -> VerdictRecord:
        last = results[-1]
        if not last.validity.valid:
            return VerdictRecord(verdict="invalid", message="; ".join(last.validity.reasons))
        if last.evaluation is not None:
            return judge_evaluation(last, self.baseline, environment, evals=self.evals)
        if last.neighbours is not None:
            return VerdictRecord(verdict="none", message="measured beside others: not judged")
        if self.baseline is None:
            return VerdictRecord(verdict="none")
        if last.replicate < self._replicates:
            message = f"judged with the last of {self._replicates} replicates"
            return VerdictRecord(verdict="none", baseline=self.baseline.name, message=message)
        return judge_cell(
            results, self.baseline, environment, self._limits, allow_mismatch=self._allow_mismatch
        )

    @staticmethod
    def failure(result: ResultRecord) -> Judged | None:
        """Return what a judged result fails its test with, or None."""
        verdict = result.verdict
        if verdict.verdict == "invalid":
            failures = [failure for run in result.runs for failure in run.failures]
            lines = [f"invalid measurement: {reason}" for reason in result.validity.reasons]
            lines += [f"{failure.count} requests failed: {failure.message}" for failure in failures[:3]]
            lines.append(f"{result.cell} was not judged and will not enter a baseline")
            return InvalidMeasurement("\n".join(lines))
        if verdict.verdict in FAILING and result.evaluation is not None:
            return Regression(failure_message(result, result.evaluation))
        if verdict.verdict in FAILING:
            return Regression(regression_message(result, verdict))
        return None
