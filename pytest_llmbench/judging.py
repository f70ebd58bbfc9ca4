"""Judging the results of a test, against the baseline or side B against A, once enough is measured."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.comparability import changes, treatment_of
from pytest_llmbench.baselines.judge import ALPHA, FAILING, Rules, invalid_verdict, judge_cell
from pytest_llmbench.baselines.limits import DEFAULT_LIMITS, parse_delta, parse_limits, with_delta
from pytest_llmbench.baselines.reference import Reference
from pytest_llmbench.baselines.sides import Pairs
from pytest_llmbench.baselines.store import BaselineStore, check_name
from pytest_llmbench.baselines.values import replicates_of
from pytest_llmbench.baselines.wording import judged_message
from pytest_llmbench.counting import counted
from pytest_llmbench.errors import InvalidMeasurement, Judged, Regression, UsageError
from pytest_llmbench.evals.judge import judge_evaluation
from pytest_llmbench.records import VerdictRecord
from pytest_llmbench.reports.eval_wording import failure_message
from pytest_llmbench.spec.plan import redacted_argument

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord
    from pytest_llmbench.settings import Settings

__all__ = ["RERUNS", "Judge"]

RERUNS = 2
"""Replicates that `--bench-inconclusive=rerun` may add; known beforehand, so that alpha can be shared out.

Even, so that pairs of an A/B that are added begin with either side as often.
"""


class Judge:
    """Knows the baseline, what is gated, and what earlier replicates of a test measured.

    Raises:
        UsageError: a limit or a baseline's name is wrong.
        BaselineMissing: the baseline does not exist.
        StorageError: the baseline cannot be read.
    """

    def __init__(self, settings: Settings, results: Path) -> None:
        limits = settings.read("compare-fail", lambda texts: parse_limits(",".join(texts))) or DEFAULT_LIMITS
        self._rules = Rules(limits, allow_mismatch=bool(settings.get("allow-mismatch")))
        self.replicates: int = settings.get("replicates")
        self._policy: str = settings.get("inconclusive")
        self._earlier: defaultdict[tuple[str, str], list[ResultRecord]] = defaultdict(list)
        self._first_side: dict[str, list[ResultRecord]] = {}
        self._settled: set[str] = set()
        self._tests = 1
        sides = settings.get("ab")
        self._pairs = Pairs(", ".join(sides)) if sides else None
        store = BaselineStore(results / "baselines")
        given = {name for name in ("compare", "save") if settings.get(name) is not None}
        if sides and given:
            message = "--bench-ab compares its own two sides; leave out --bench-compare and --bench-save"
            raise UsageError(message)
        self.baseline = settings.read("compare", lambda name: store.load(name or store.default_name()))
        if not sides and self.baseline is None:
            _refuse_idle(settings)
        self._again = [
            redacted_argument(word) for word in settings.given(without={"compare", "save", "json", "label"})
        ]
        self.evals = 1
        """Evals of this session, who share the chance of a false alarm."""
        self._reference: Reference | None = None
        self._anchor: Reference | None = None
        if self.baseline is not None:
            self._reference = Reference(self.baseline)
            if (anchor := store.anchor(self.baseline)) is not None:
                self._anchor = Reference(anchor)
        settings.read("save", check_name)

    @property
    def has_sides(self) -> bool:
        """Whether this session compares two sides of its own."""
        return self._pairs is not None

    @property
    def reruns(self) -> int:
        """Replicates that may follow the last one, while a verdict is inconclusive."""
        asked = self._reference is not None or self._pairs is not None
        return RERUNS if asked and self._policy == "rerun" else 0

    @property
    def looks(self) -> range:
        """Replicates with which verdicts come. Pairs are added by twos: side B is last in the second."""
        return range(self.replicates, self.replicates + self.reruns + 1, 2 if self.has_sides else 1)

    def expect(self, tests: Collection[str]) -> None:
        """Share alpha out: `tests` are those that were collected and can be judged, without replicates."""
        self._tests = max(1, len(tests))

    @staticmethod
    def check(marker: Mapping[str, Any]) -> None:
        """Read what a test's marker says, so that a wrong limit is told before anything starts.

        Raises:
            UsageError: it cannot be read.
        """
        _marked(Rules(), marker)

    def settled(self, test: str) -> bool:
        """Whether a test has its verdict, so that a rerun would find nothing new."""
        return test in self._settled

    def judge(
        self,
        results: Sequence[ResultRecord],
        test: str,
        environment: EnvironmentRecord,
        marker: Mapping[str, Any] | None = None,
        side: str = "",
    ) -> list[ResultRecord]:
        """Return the records of one run of a test with their verdicts.

        `test` is the node id without replicate and side; alpha's share of a test is divided among its cells.
        """
        cells = max(1, len({result.cell for result in results}))
        alpha = ALPHA / self._tests / len(self.looks) / cells
        rules = replace(_marked(self._rules, marker or {}), alpha=alpha)
        judged = []
        for result in results:
            earlier = self._earlier[f"{test}{side}", result.cell]
            earlier.append(result)
            if side == "a":
                self._first_side[result.cell] = earlier
            verdict = self._apart(result, environment)
            if verdict is None and self._pairs is not None:
                verdict = self._verdict_of_sides(earlier, side, environment, rules, self._pairs)
            elif verdict is None:
                verdict = self._verdict(earlier, environment, rules)
            judged.append(result.model_copy(update={"verdict": self._looked(verdict, result.replicate)}))
        done = judged and judged[-1].replicate in self.looks and side != "a"
        if done and all(record.verdict.verdict != "inconclusive" for record in judged):
            self._settled.add(test)
        return judged

    def _looked(self, verdict: VerdictRecord, replicate: int) -> VerdictRecord:
        if verdict.verdict != "inconclusive":
            return verdict
        left = self.replicates + self.reruns - replicate
        if left > 0:
            message = f"inconclusive; {counted(left, 'more replicate')} may decide"
            return verdict.model_copy(update={"message": message})
        return verdict

    def _apart(self, result: ResultRecord, environment: EnvironmentRecord) -> VerdictRecord | None:
        """Judge what is not compared as others are; None for those others."""
        if not result.validity.valid:
            return VerdictRecord(verdict="invalid", message="; ".join(result.validity.reasons))
        if result.evaluation is not None:
            return judge_evaluation(result, self.baseline, environment, evals=self.evals)
        if result.neighbours is not None:
            return VerdictRecord(verdict="none", message="measured beside others: not judged")
        return None

    def _verdict(
        self, results: list[ResultRecord], environment: EnvironmentRecord, rules: Rules
    ) -> VerdictRecord:
        last = results[-1]
        if self._reference is None:
            return VerdictRecord(verdict="none")
        name = self._reference.baseline.name
        if last.replicate not in self.looks:
            return self._later(last.replicate, name)
        return judge_cell(results, self._reference, environment, rules, self._anchor)

    def _verdict_of_sides(
        self,
        results: list[ResultRecord],
        side: str,
        environment: EnvironmentRecord,
        rules: Rules,
        pairs: Pairs,
    ) -> VerdictRecord:
        last = results[-1]
        fit = [result for result in results if result.validity.valid]
        pairs.set(last.cell, side, replicates_of(fit))
        if side == "a":
            return VerdictRecord(verdict="none")
        if last.replicate not in self.looks:
            return self._later(last.replicate, pairs.name)
        before = self._first_side.get(last.cell, [])
        if not before:
            message = "side A was not measured in this session: run every replicate of both sides (no --lf)"
            return VerdictRecord(verdict="missing", rule="pairs", baseline=pairs.name, message=message)
        if bad := [result for result in (*before, *results) if not result.validity.valid]:
            return invalid_verdict(bad[0], pairs.name)
        differing = changes(treatment_of(before[-1], environment), treatment_of(last, environment))
        return pairs.judge(last.cell, rules).model_copy(update={"treatment": differing})

    def _later(self, replicate: int, baseline: str) -> VerdictRecord:
        following = next((look for look in self.looks if look > replicate), replicate)
        message = f"judged with the last of {counted(following, 'replicate')}"
        return VerdictRecord(verdict="none", baseline=baseline, message=message)

    def failure(self, result: ResultRecord) -> Judged | None:
        """Return what a judged result fails its test with, or None."""
        verdict = result.verdict
        if verdict.verdict == "invalid":
            failures = [failure for run in result.runs for failure in run.failures]
            lines = [f"invalid measurement: {reason}" for reason in result.validity.reasons]
            lines += [
                f"{counted(failure.count, 'request')} failed: {failure.message}" for failure in failures[:3]
            ]
            lines.append(f"{result.cell} was not judged and will not enter a baseline")
            return InvalidMeasurement("\n".join(lines))
        if verdict.verdict in FAILING and result.evaluation is not None:
            return Regression(failure_message(result, result.evaluation))
        fails = self._policy == "fail" and verdict.verdict == "inconclusive"
        if verdict.verdict in FAILING or fails:
            return Regression(judged_message(result, verdict, self._again))
        return None


def _refuse_idle(settings: Settings) -> None:
    """Refuse options of a comparison on a command line that compares nothing.

    In files and variables they may lie ready for the sessions that do.

    Raises:
        UsageError: one would have no effect.
    """
    for name in ("compare-fail", "inconclusive", "allow-mismatch"):
        if settings.resolve(name)[1] == f"--bench-{name}":
            message = f"--bench-{name} has no effect without --bench-compare or --bench-ab"
            raise UsageError(message)


def _marked(rules: Rules, marker: Mapping[str, Any]) -> Rules:
    """Apply what a test's marker says about limits."""
    limits: Sequence[Any] = rules.limits
    if (text := marker.get("limits")) is not None:
        limits = parse_limits(text)
    if (delta := marker.get("delta")) is not None:
        limits = with_delta(limits, parse_delta(delta))
    return replace(rules, limits=limits)
