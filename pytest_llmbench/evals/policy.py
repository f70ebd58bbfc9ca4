"""Which deployments are evaluated, and with how many streams: evals cost more than benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.evals import Policy

__all__ = ["chosen_concurrency", "chosen_deployments"]


def chosen_deployments(policy: Policy, deployments: Sequence[Deployment]) -> list[Deployment]:
    """Choose, in the order given.

    `highest-and-lowest-tp` takes of deployments that differ in tensor parallelism only the two ends: where
    splitting a model breaks it, the most split one shows it. The other policies take all.
    """
    if policy != "highest-and-lowest-tp":
        return list(deployments)
    degrees: dict[tuple[object, ...], set[int]] = {}
    for deployment in deployments:
        degrees.setdefault(_group(deployment), set()).add(deployment.tp)
    return [
        deployment
        for deployment in deployments
        if deployment.tp in {min(degrees[_group(deployment)]), max(degrees[_group(deployment)])}
    ]


def _group(deployment: Deployment) -> tuple[object, ...]:
    return (
        deployment.model,
        deployment.backend,
        deployment.version,
        deployment.profile,
        deployment.pp,
        deployment.dp,
    )


def chosen_concurrency(policy: Policy, streams: Sequence[int]) -> tuple[int, ...]:
    """Choose of the numbers of streams: all, the highest, or the highest and the median.

    The answer may depend on it: engines batch other requests with it, and round otherwise.
    """
    rising = sorted(set(streams))
    if policy == "all":
        return tuple(rising)
    if policy == "highest-and-lowest-tp":
        return (rising[-1],)
    return tuple(dict.fromkeys((rising[len(rising) // 2], rising[-1])))
