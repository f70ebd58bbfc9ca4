"""What a cell is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from pytest_llmbench.baselines.parts import CellParts, parts_of
from pytest_llmbench.records import DeploymentRecord
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import ResultRecord

    MakeResult = Callable[..., ResultRecord]


def recorded(deployment: Deployment) -> DeploymentRecord:
    """Record a deployment."""
    fields: dict[str, Any] = {
        name: getattr(deployment, name)
        for name in DeploymentRecord.model_fields
        if name not in {"args", "env"}
    }
    return DeploymentRecord(**fields)


@pytest.mark.parametrize("side", ["", "a", "b"])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("profile", [None, "low-latency"])
@pytest.mark.parametrize("gpu_name", [None, "H100"])
def test_a_name_is_taken_apart_as_it_was_put_together(
    make_result: MakeResult,
    *,
    side: Literal["", "a", "b"],
    named: bool,
    profile: str | None,
    gpu_name: str | None,
) -> None:
    """With points in the model's name and in the version, with each part there and not there."""
    deployment = Deployment(
        model="glm-4.7-flash",
        source="x",
        backend="vllm",
        runtime="docker",
        version="v0.22.1",
        names_version=named,
        profile=profile,
        tp=2,
        gpus=2,
        gpu_name=gpu_name,
        side=side,
    )
    result = make_result(deployment=deployment.id).model_copy(update={"deployment": recorded(deployment)})
    assert parts_of(result) == CellParts(
        model="glm-4.7-flash",
        backend="vllm",
        version="v0.22.1" if named else None,
        profile=profile,
        placement="tp02.gpux02.h100" if gpu_name else "tp02.gpux02",
        workload="short",
        load="c001",
        concurrency=1,
    )


def test_a_server_that_ran_already_is_what_it_was_recognised_as(make_result: MakeResult) -> None:
    """Its backend is only the protocol it was asked by."""
    deployment = Deployment(model="prod", source="", backend="openai", runtime="external")
    result = make_result().model_copy(update={"deployment": recorded(deployment)})
    assert parts_of(result).backend == "openai"
    server = result.server.model_copy(update={"facts": {"engine": "vllm"}})
    assert parts_of(result.model_copy(update={"server": server})).backend == "vllm"
