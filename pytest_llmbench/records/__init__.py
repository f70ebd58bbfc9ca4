"""What was asked, what ran and what came of it, as models: the records every report is made of.

A leaf: it imports nothing else of this package, so that the judge and the reports can both stand on it.
Field names are those of the published schema: `snake_case`, unlike configuration files. Numbers are
finite; what is unknown is null or absent, never NaN.
"""

from __future__ import annotations

from pytest_llmbench.records.asked import DeploymentRecord, LoadRecord, ServerRecord, WorkloadRecord
from pytest_llmbench.records.base import Scalar
from pytest_llmbench.records.evaluated import EvalRecord, ScoreRecord
from pytest_llmbench.records.host import PROTOCOL_VERSION, EnvironmentRecord, GpuRecord
from pytest_llmbench.records.judged import MetricComparison, PairedRecord, VerdictName, VerdictRecord
from pytest_llmbench.records.measured import FailureCount, MetricRecord, RunRecord, ValidityRecord
from pytest_llmbench.records.searched import ProbeRecord, SearchRecord
from pytest_llmbench.records.session import ResultRecord, SessionRecord, UnmeasuredRecord

__all__ = [
    "PROTOCOL_VERSION",
    "DeploymentRecord",
    "EnvironmentRecord",
    "EvalRecord",
    "FailureCount",
    "GpuRecord",
    "LoadRecord",
    "MetricComparison",
    "MetricRecord",
    "PairedRecord",
    "ProbeRecord",
    "ResultRecord",
    "RunRecord",
    "Scalar",
    "ScoreRecord",
    "SearchRecord",
    "ServerRecord",
    "SessionRecord",
    "UnmeasuredRecord",
    "ValidityRecord",
    "VerdictName",
    "VerdictRecord",
    "WorkloadRecord",
]
