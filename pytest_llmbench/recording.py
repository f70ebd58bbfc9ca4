"""From a result to its record in the report."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_llmbench.evals.base import settings_of
from pytest_llmbench.evals.scores import marks_of
from pytest_llmbench.records import (
    DeploymentRecord,
    EvalRecord,
    FailureCount,
    LoadRecord,
    MetricRecord,
    ProbeRecord,
    ResultRecord,
    RunRecord,
    SearchRecord,
    ServerRecord,
    ValidityRecord,
    VerdictRecord,
    WorkloadRecord,
)
from pytest_llmbench.reports.eval_wording import eval_notes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmbench.capacity import Capacity
    from pytest_llmbench.evals.outcome import EvalResult
    from pytest_llmbench.metrics.run import Run
    from pytest_llmbench.metrics.summary import Summary
    from pytest_llmbench.metrics.validity import Validity
    from pytest_llmbench.records import Scalar
    from pytest_llmbench.result import BenchResult
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.workload import Workload

__all__ = ["record_evaluation", "record_result", "record_search"]


def record_result(result: BenchResult, nodeid: str, deployment: Deployment) -> ResultRecord:
    """Return the record of a result, not judged yet.

    `deployment` is the result's own with secrets replaced: this is what reports show.
    """
    return ResultRecord(
        nodeid=nodeid,
        cell=result.cell,
        replicate=result.replicate,
        deployment=_deployment(deployment),
        server=_server(result.server),
        workload=_workload(result.workload),
        load=_load(result),
        metrics=_metrics(result.metrics),
        runs=tuple(_run(run, began) for run, began in zip(result.runs, result.started_at, strict=True)),
        validity=_validity(result.validity),
        verdict=VerdictRecord(verdict="none"),
    )


def record_search(capacity: Capacity[int] | Capacity[float]) -> SearchRecord:
    """Return the record of a search."""
    found = capacity.found
    return SearchRecord(
        by="rate" if capacity.by == "rate" else "concurrency",
        slos=tuple(map(str, capacity.slos)),
        best=found.best,
        stop=found.stop,
        curve=tuple(
            ProbeRecord(
                load=probe.load,
                met=probe.met,
                valid=probe.outcome.valid,
                metrics=dict(probe.outcome.metrics),
                reasons=probe.outcome.reasons,
            )
            for probe in found.curve
        ),
        notes=found.notes,
    )


def record_evaluation(
    result: EvalResult, nodeid: str, deployment: Deployment, *, floors: Mapping[str, float], folder: Path
) -> ResultRecord:
    """Return the record of an eval, not judged yet; its replies are named relative to `folder`.

    What makes a benchmark invalid is only a note here: times that the client was late to take do not
    change an answer. An eval is invalid if prompts have no reply.
    """
    record = record_result(result.speed, nodeid, deployment)
    marked, marks = marks_of(result.verdicts)
    evaluation = EvalRecord(
        name=result.eval.name,
        scorer=result.eval.scorer,
        dataset=result.dataset,
        prompts=result.prompts,
        asked=result.asked,
        subset_seed=result.subset_seed,
        scores=dict(result.scores),
        floors=dict(floors),
        marked=marked,
        marks=marks,
        settings=settings_of(result.eval),
        sampling=result.sampling.record,
        max_tokens=result.max_tokens,
        unanswered=result.asked - len(result.replies),
        truncated=sum(reply.truncated for reply in result.replies),
        thought=sum(bool(reply.thinking) for reply in result.replies),
        retried=result.retried,
        resumed=sum(reply.resumed for reply in result.replies),
        repeated=result.repeated,
        same=result.same,
        template_checked=result.template.checked,
        template_agreed=result.template.agreed,
        template_tokens=result.template.tokens,
        replies=str(result.journal.relative_to(folder)),
    )
    reasons = []
    if evaluation.unanswered:
        why = result.failures[0].message if result.failures else "no reason given"
        reasons.append(f"{evaluation.unanswered} of {result.asked} prompts have no reply: {why}")
    notes = [
        *eval_notes(evaluation, getattr(result.eval, "unscored", "")),
        *(f"times and rates are not to be trusted: {reason}" for reason in record.validity.reasons),
        *record.validity.notes,
    ]
    validity = record.validity.model_copy(
        update={"valid": not reasons, "reasons": tuple(reasons), "notes": tuple(notes)}
    )
    return record.model_copy(update={"evaluation": evaluation, "validity": validity})


def _deployment(deployment: Deployment) -> DeploymentRecord:
    # Beside the arguments, so that a comparison names them as it names those.
    args: dict[str, Scalar] = dict(deployment.args)
    if deployment.extra_args:
        args["extra-args"] = shlex.join(deployment.extra_args)
    return DeploymentRecord(
        id=deployment.id,
        model=deployment.model,
        source=deployment.source,
        backend=deployment.backend,
        version=deployment.version,
        runtime=deployment.runtime,
        profile=deployment.profile,
        tp=deployment.tp,
        pp=deployment.pp,
        dp=deployment.dp,
        ep=deployment.ep,
        gpus=deployment.gpus,
        image=deployment.image,
        args=args,
        env=tuple(name for name, _ in deployment.env),
        url=deployment.url,
        side=deployment.side,
    )


def _server(server: Server) -> ServerRecord:
    return ServerRecord(
        served_model=server.served_model,
        ready_s=server.ready_seconds,
        facts=dict(server.facts),
        log=f"servers/{server.log.name}" if server.log else None,
    )


def _workload(workload: Workload) -> WorkloadRecord:
    return WorkloadRecord(
        id=workload.id,
        input_tokens=workload.input_tokens,
        output_tokens=workload.output_tokens,
        endpoint=workload.endpoint,
        temperature=workload.temperature,
        seed=workload.seed,
    )


def _load(result: BenchResult) -> LoadRecord:
    load = result.load
    return LoadRecord(
        kind="open" if result.arrivals else "closed",
        id=load.id,
        concurrency=load.concurrency,
        requests=load.requests if load.duration is None else max(len(run.traces) for run in result.runs),
        warmup=load.warmup,
        duration_s=load.duration,
        arrivals={"kind": result.arrivals[0].kind, **result.arrivals[0].parameters}
        if result.arrivals
        else None,
    )


def _metrics(summaries: Mapping[str, Summary]) -> dict[str, MetricRecord]:
    return {
        name: MetricRecord(
            unit=summary.metric.unit,
            direction=summary.metric.direction,
            count=summary.count,
            mean=summary.mean,
            std=summary.get("std"),
            min=summary.min,
            p50=summary.get("p50"),
            p90=summary.get("p90"),
            p95=summary.get("p95"),
            p99=summary.get("p99"),
            max=summary.max,
        )
        for name, summary in summaries.items()
    }


def _run(run: Run, began: str) -> RunRecord:
    return RunRecord(
        started_at=began,
        window_s=run.window,
        sent=len(run.traces),
        failed=len(run.traces) - run.succeeded,
        failures=tuple(
            FailureCount(kind=kind, message=message, count=count)
            for (kind, message), count in run.failures.most_common()
        ),
        metrics=_metrics(run.metrics),
    )


def _validity(validity: Validity) -> ValidityRecord:
    return ValidityRecord(
        valid=validity.valid,
        clock=validity.clock,
        reasons=validity.reasons,
        notes=validity.notes,
        merged_share=validity.merged_share,
        uncertainty_p99_s=validity.uncertainty_p99,
        send_delay_p99_s=validity.send_delay_p99,
        client_cpu_share=validity.cpu_share,
        clock_step_s=validity.clock_step,
        client_real_time=validity.real_time,
        client_cores=validity.cores,
    )
